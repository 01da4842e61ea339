"""Align photographs to 112x112 faces: python tools/align_faces.py PHOTOGRAPHS ALIGNED.

Writes the aligned images under their old names, manifest.parquet (source, box, landmarks, score,
what was done, quality figures) and worst.png, a contact sheet of the worst.
"""
import argparse
import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from lrfr_mm.datasets.alignment import DETECTORS, LANDMARK_FORMATS, MISSING
from lrfr_mm.datasets.alignment.batch import AlignSettings, align_folder, worst_sheet
from lrfr_mm.engine.cli import run_command


def _groups(text: str) -> list[list[int]]:
    """'6-10,11-15,20' to [[6, .., 10], [11, .., 15], [20]]."""
    groups = []
    for part in text.split(','):
        first, _, last = part.partition('-')
        groups.append(list(range(int(first), int(last or first) + 1)))
    return groups


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', help='folder of photographs, any depth')
    parser.add_argument('out', help='must not be there yet')
    parser.add_argument('--detector', choices=[*DETECTORS, 'none'], default='mtcnn',
                        help='mtcnn (as the paper; default), yunet (with --model), or none where '
                        'all landmarks are given')
    parser.add_argument('--model', help='YuNet\'s ONNX file')
    parser.add_argument('--min-face', type=int, default=20, help='smallest face for mtcnn, px')
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
    args = parser.parse_args()
    detector = None
    if args.detector == 'mtcnn':
        detector = dict(type='mtcnn', min_face=args.min_face)
    elif args.detector == 'yunet':
        detector = dict(type='yunet', model=args.model or '')
    settings = AlignSettings(
        detector, args.missing, args.size,
        (args.landmarks, args.layout, args.groups) if args.landmarks else None,
        '.jpg' if args.jpeg else '.png', args.flip_check)
    if detector is None and not args.landmarks:
        raise ValueError('--detector none needs --landmarks')
    if args.landmarks and not os.path.exists(args.landmarks):
        raise FileNotFoundError(f'landmarks {args.landmarks} do not exist')
    rows = align_folder(args.root, args.out, settings, args.workers)
    cv2.imwrite(str(Path(args.out, 'worst.png')), worst_sheet(args.out, rows)[..., ::-1])
    print(f'{len(rows)} photographs:')
    for policy, count in Counter(row['policy'] for row in rows).most_common():
        print(f'  {policy:<12} {count:>8}  {100 * count / len(rows):5.1f} %')
    for key, what in (('residual', 'distance from the template, px of 112'),
                      ('native', 'native side of the crop, px'),
                      ('flip_error', 'landmarks against the mirrored photograph, eye distances')):
        values = np.array([row[key] for row in rows], float)
        values = values[np.isfinite(values)]
        if len(values):
            print(f'  {what}: mean {values.mean():.3f}, median {np.median(values):.3f}, '
                  f'95 % below {np.percentile(values, 95):.3f}')
    print(f'manifest: {args.out}/manifest.parquet\nthe worst: {args.out}/worst.png')


if __name__ == '__main__':
    run_command(main)
