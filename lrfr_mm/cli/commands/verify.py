"""Do two pictures show the same person?

Compares the largest face of each, prints the similarity, both sizes, and, with a calibration of the
recognizer, the verdict at a false-accept rate and how sure it is.
"""
from __future__ import annotations

import argparse
import json
from itertools import islice

from lrfr_mm.apis.inferencer import FaceInferencer, PictureResult
from lrfr_mm.cli.common import (
    add_calibration_argument,
    add_detector_arguments,
    add_model_arguments,
    best_face,
    calibration_path,
    load_calibration,
    load_inferencer,
)
from lrfr_mm.errors import InputError

_USUAL_FAR = .01


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('first', help='a picture')
    parser.add_argument('second', help='a picture')
    parser.add_argument('--far', type=float, help='wanted false-accept rate (default: 0.01, or the '
                        'lowest that the calibration supports)')
    add_calibration_argument(parser)
    parser.add_argument('--json', action='store_true', help='print JSON')
    add_model_arguments(parser)
    add_detector_arguments(parser)


def run(args: argparse.Namespace) -> None:
    inferencer = load_inferencer(args, show_progress=False)
    faces = [best_face(_only(inferencer, name)) for name in (args.first, args.second)]
    score = float(faces[0].embedding @ faces[1].embedding)
    sizes = [face.size for face in faces]
    found = dict(similarity=score, sizes=sizes, decision=None)
    text = f'Similarity {score:.3f}, faces of {sizes[0]:.0f} and {sizes[1]:.0f} px.'
    if calibration_path(args).is_file():
        calibration = load_calibration(args, inferencer.embedder)
        far = args.far
        if far is None:
            far = max(_USUAL_FAR, calibration.finest_far())
        decision = calibration.decide(score, sizes, far)
        found['decision'] = dict(match=decision.match, threshold=decision.threshold,
                                 far=decision.far, far_interval=decision.far_interval,
                                 frr=decision.frr, llr=decision.llr)
        text = decision.in_words()
        if args.far is None and far > _USUAL_FAR:
            text += f' The people of the calibration are too few for a rate below {far:.2g}.'
    elif not args.json:
        text += (f' No verdict: there is no calibration at {calibration_path(args)}; `lrfr '
                 'calibrate` makes one.')
    print(json.dumps(found) if args.json else text)


def _only(inferencer: FaceInferencer, name: str) -> PictureResult:
    results = list(islice(inferencer.stream(name, batch_size=1), 2))
    if len(results) != 1:
        raise InputError(f'{name} holds several pictures; one is compared')
    return results[0]
