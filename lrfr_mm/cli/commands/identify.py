"""Who of a gallery is in these pictures?

Needs a calibration of the recognizer: without known error rates a best candidate is no identity.
"""
from __future__ import annotations

import argparse
import json

import numpy as np

from lrfr_mm.cli.common import (
    add_calibration_argument,
    add_detector_arguments,
    add_model_arguments,
    load_calibration,
    load_inferencer,
    open_gallery,
    usual_fpir,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('gallery', help='folder of the gallery')
    parser.add_argument('inputs', nargs='+', help='pictures, folders, videos')
    parser.add_argument('--fpir', type=float, help='wanted rate at which a person who is not '
                        'enrolled is taken for somebody (default: 0.05, or the lowest that the '
                        'calibration supports for this gallery)')
    add_calibration_argument(parser)
    parser.add_argument('--json', action='store_true', help='print a line of JSON for each face')
    parser.add_argument('--actor', default='command line', help='who asks, for the audit log')
    add_model_arguments(parser)
    add_detector_arguments(parser)


def run(args: argparse.Namespace) -> int:
    inferencer = load_inferencer(args, show_progress=False)
    calibration = load_calibration(args, inferencer.embedder)
    gallery = open_gallery(args.gallery, inferencer.embedder)
    fpir = usual_fpir(args.fpir, gallery, calibration)
    unreadable = False
    for result in inferencer.stream(args.inputs):
        where = result.name if result.frame is None else f'{result.name}, frame {result.frame}'
        if result.error or not result.faces:
            unreadable |= result.error is not None
            print(json.dumps(dict(name=result.name, error=result.error)) if args.json else
                  f'{where}: {result.error or "no face was found"}')
            continue
        known = [face for face in result.faces if face.size >= calibration.sizes[0]]
        if len(known) < len(result.faces) and not args.json:
            print(f'{where}: {len(result.faces) - len(known)} face(s) below '
                  f'{calibration.sizes[0]} px, for which no error rate is known')
        if not known:
            continue
        answers = gallery.identify(np.stack([face.embedding for face in known]),
                                   [face.size for face in known], calibration, fpir,
                                   args.actor)
        for face, answer in zip(known, answers, strict=True):
            best = answer.candidate
            if args.json:
                print(json.dumps(dict(
                    name=result.name, frame=result.frame, box=face.box.tolist(), size=face.size,
                    person=answer.person, candidate=best and best.person,
                    score=best and best.score,
                    threshold=answer.decision and answer.decision.threshold)))
            else:
                who = answer.person or 'nobody of the gallery'
                print(f'{where}: face of {face.size:.0f} px: {who}'
                      + (f' (best: {best.person}, {best.score:.3f}, threshold '
                         f'{answer.decision.threshold:.3f})' if best else ''))
    return 1 if unreadable else 0
