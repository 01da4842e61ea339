"""Identify the people of a video, camera or stream.

Faces of consecutive frames are linked to tracks; the embeddings of a track, weighted by quality,
are fused, and the track is identified again whenever its best face has become larger.
"""
from __future__ import annotations

import argparse

import numpy as np

from lrfr_mm.apis.inferencer import FaceTracker, Track, fuse_track
from lrfr_mm.cli.common import (
    add_calibration_argument,
    add_detector_arguments,
    add_model_arguments,
    load_calibration,
    load_inferencer,
    open_gallery,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('gallery', help='folder of the gallery')
    parser.add_argument('source', help='a video file, the address of a stream, or the number of a '
                        'camera')
    parser.add_argument('--every', type=int, default=1, help='each how-manieth frame')
    parser.add_argument('--timeout', type=float, default=10., help='seconds without a frame after '
                        'which a stream has stalled')
    parser.add_argument('--fpir', type=float, default=.05, help='as of `lrfr identify`')
    add_calibration_argument(parser)
    parser.add_argument('--actor', default='command line', help='who asks, for the audit log')
    add_model_arguments(parser)
    add_detector_arguments(parser)


def run(args: argparse.Namespace) -> None:
    inferencer = load_inferencer(args, show_progress=False)
    calibration = load_calibration(args, inferencer.embedder)
    gallery = open_gallery(args.gallery, inferencer.embedder)
    tracker, tracks, asked = FaceTracker(), {}, {}
    source = int(args.source) if args.source.isdigit() else args.source
    for result in inferencer.stream(source, 1, args.every, args.timeout):
        for face, number in zip(result.faces, tracker.update(result.faces), strict=True):
            if number < 0 or face.size < calibration.sizes[0]:
                continue
            track = tracks.setdefault(number, Track(number))
            track.frames.append(result.frame)
            track.faces.append(face)
            largest = max(seen.size for seen in track.faces)
            if largest < 1.2 * asked.get(number, 0.):
                continue
            asked[number] = largest
            vector = fuse_track(np.stack([seen.embedding for seen in track.faces]),
                                np.array([seen.quality for seen in track.faces]))
            (answer,) = gallery.identify(vector, [largest], calibration, args.fpir, args.actor)
            time = f'{result.seconds:7.2f} s' if result.seconds is not None else ''
            print(f'{time}  track {number}, {len(track.faces)} face(s) up to {largest:.0f} px: '
                  f'{answer.person or "nobody of the gallery"}', flush=True)
