"""Identify the people of a video, camera or stream.

Faces of consecutive frames are linked to tracks; the embeddings of a track, weighted by quality,
are fused, and the track is identified again whenever its best face has become larger.
"""
from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from lrfr_mm.apis.inferencer import Face, FaceTracker
from lrfr_mm.cli.common import (
    add_calibration_argument,
    add_detector_arguments,
    add_model_arguments,
    load_calibration,
    load_inferencer,
    open_gallery,
    usual_fpir,
)
from lrfr_mm.evaluation.functional.fusion import QUALITY_POWER

_FORGET = 1000  # frames after which a track that is not seen again has ended for certain


@dataclass
class _Seen:
    """What is kept of a track: no faces, because a camera does not end."""

    total: np.ndarray | float = 0.  # as fuse_track, before its division by the length
    faces: int = 0
    largest: float = 0.
    asked: float = 0.  # the largest face when the track was last identified
    frame: int = 0

    def add(self, face: Face, frame: int) -> None:
        self.total = self.total + face.quality ** QUALITY_POWER * face.embedding
        self.faces += 1
        self.largest = max(self.largest, face.size)
        self.frame = frame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('gallery', help='folder of the gallery')
    parser.add_argument('source', help='a video file, the address of a stream, or the number of a '
                        'camera')
    parser.add_argument('--every', type=int, default=1, help='each how-manieth frame')
    parser.add_argument('--timeout', type=float, default=10., help='seconds without a frame after '
                        'which a stream has stalled')
    parser.add_argument('--fpir', type=float, help='as of `lrfr identify`')
    add_calibration_argument(parser)
    parser.add_argument('--actor', default='command line', help='who asks, for the audit log')
    add_model_arguments(parser)
    add_detector_arguments(parser)


def run(args: argparse.Namespace) -> None:
    inferencer = load_inferencer(args, show_progress=False)
    calibration = load_calibration(args, inferencer.embedder)
    gallery = open_gallery(args.gallery, inferencer.embedder)
    fpir = usual_fpir(args.fpir, gallery, calibration)
    tracker, tracks = FaceTracker(), {}
    source = int(args.source) if args.source.isdigit() else args.source
    for frame, result in enumerate(inferencer.stream(source, 1, args.every, args.timeout)):
        for face, number in zip(result.faces, tracker.update(result.faces), strict=True):
            if number < 0 or face.size < calibration.sizes[0]:
                continue
            seen = tracks.setdefault(number, _Seen())
            seen.add(face, frame)
            if seen.largest < 1.2 * seen.asked:
                continue
            seen.asked = seen.largest
            (answer,) = gallery.identify(seen.total, [seen.largest], calibration, fpir,
                                         args.actor)
            time = f'{result.seconds:7.2f} s' if result.seconds is not None else ''
            print(f'{time}  track {number}, {seen.faces} face(s) up to {seen.largest:.0f} px: '
                  f'{answer.person or "nobody of the gallery"}', flush=True)
        if frame % _FORGET == 0:
            tracks = {number: seen for number, seen in tracks.items()
                      if seen.frame > frame - _FORGET}
