"""Align photographs to 112x112 faces.

Writes the aligned images under their old names, manifest.parquet (source, box, landmarks, score,
what was done, quality figures) and worst.png, a contact sheet of the worst.
"""
from __future__ import annotations

import argparse
import os

from mmengine.config import DictAction

from lrfr_mm.datasets.alignment import LANDMARK_FORMATS, MISSING, detector_names
from lrfr_mm.datasets.alignment.batch import AlignSettings, align_folder
from lrfr_mm.datasets.alignment.sheet import report_lines, write_worst_sheet
from lrfr_mm.datasets.jobs import CLUSTERS


def _groups(text: str) -> list[list[int]]:
    """'6-10,11-15,20' to [[6, .., 10], [11, .., 15], [20]]."""
    groups = []
    for part in text.split(','):
        first, _, last = part.partition('-')
        groups.append(list(range(int(first), int(last or first) + 1)))
    return groups


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('root', help='directory of photographs, at any depth')
    parser.add_argument('out', help='must not exist yet')
    parser.add_argument('--detector', choices=[*detector_names(), 'none'], default='mtcnn',
                        help='a registered detector (default: mtcnn, as in the paper), or none '
                        'where all landmarks are given')
    parser.add_argument('--detector-options', nargs='+', action=DictAction, default={},
                        metavar='KEY=VALUE', help="the detector's arguments, e.g. threshold=0.4")
    parser.add_argument('--model', help="YuNet's ONNX file: short for --detector-options model=")
    parser.add_argument('--min-face', type=int, help='smallest face of MTCNN, px (default 20): '
                        'short for --detector-options min_face=')
    parser.add_argument('--enlarge', type=float, nargs='+', metavar='FACTOR', help='also look for '
                        'small faces in tiles that are enlarged by these factors')
    parser.add_argument('--missing', choices=MISSING, default='skip', help='when no face is found: '
                        'skip the photograph, take its centre, or pad, enlarge, look again and '
                        'then take the centre (TinyFace)')
    parser.add_argument('--landmarks', metavar='FILE', help='landmarks that the set brings')
    parser.add_argument('--layout', choices=tuple(LANDMARK_FORMATS), default='table',
                        help='of the landmarks')
    parser.add_argument('--groups', type=_groups, metavar='6-10,11-15,20,24,28',
                        help='for --layout files: which points are the five')
    parser.add_argument('--size', type=int, default=112)
    parser.add_argument('--jpeg', action='store_true', help='write JPEGs of quality 95, not PNGs')
    parser.add_argument('--flip-check', action='store_true', help='also measure how far landmarks '
                        'move when the photograph is mirrored')
    parser.add_argument('--workers', type=int, default=os.cpu_count())
    parser.add_argument('--cluster', default='local', help=f'one of {", ".join(CLUSTERS)}')


def run(args: argparse.Namespace) -> None:
    detector = None
    if args.detector != 'none':
        shorts = dict(model=args.model, min_face=args.min_face)
        detector = dict(type=args.detector, **args.detector_options,
                        **{key: value for key, value in shorts.items() if value is not None})
        if args.enlarge:
            detector = dict(type='TiledDetector', detector=detector, factors=args.enlarge)
    settings = AlignSettings(
        detector, args.missing, args.size,
        (args.landmarks, args.layout, args.groups) if args.landmarks else None,
        '.jpg' if args.jpeg else '.png', args.flip_check, tuple(args.custom_imports))
    rows = align_folder(args.root, args.out, settings, args.workers,
                        cluster=args.cluster)
    print('\n'.join(report_lines(rows)))
    print(f'manifest: {args.out}/manifest.parquet\n'
          f'the worst: {write_worst_sheet(args.out, rows)}')
