"""Write a recognizer for another runtime, if it is as good there.

The exported network takes uint8 RGB faces; normalisation, flip and unit length are inside. It is
compared with the original at 7, 10, 14, 20 and 112 px, and refused if it loses more accuracy than
asked for.
"""
from __future__ import annotations

import argparse
import json

from lrfr_mm.cli.common import add_model_arguments, load_embedder, parity_faces
from lrfr_mm.deployment import ExportRefusedError, export_recognizer
from lrfr_mm.errors import InputError
from lrfr_mm.files import write_text
from lrfr_mm.registry import EXPORT_TARGETS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    EXPORT_TARGETS.import_from_location()
    parser.add_argument('--to', required=True, choices=sorted(EXPORT_TARGETS.module_dict))
    parser.add_argument('--out', required=True, metavar='FILE', help='the file to write')
    parser.add_argument('--precision', default='fp32', choices=('fp32', 'fp16', 'int8'))
    parser.add_argument('--faces', nargs='+', metavar='DIR', help='aligned faces to compare on, '
                        'one folder a person (default: drawn faces)')
    parser.add_argument('--calibration-faces', nargs='+', metavar='DIR', help='aligned faces of '
                        'other people for int8, one folder a person')
    parser.add_argument('--max-loss', type=float, default=.5, metavar='POINTS',
                        help='accuracy that may be lost at any size (default: 0.5)')
    parser.add_argument('--min-cosine', type=float, default=0., help='least mean cosine with the '
                        'original at any size (default: 0)')
    parser.add_argument('--limit', type=int, default=600,
                        help='faces of each directory (default: 600)')
    parser.add_argument('--report', metavar='FILE', help='write the comparison as JSON')
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if args.limit < 2:
        raise InputError(f'--limit must be at least 2, got {args.limit}')
    embedder = load_embedder(args)
    drawn = [f'drawn:{max(2, args.limit // 6)}']
    faces = parity_faces(args.faces or drawn, 3_000_000, embedder.size, args.limit)
    calibration = None
    if args.calibration_faces:
        calibration = parity_faces(args.calibration_faces, 6_000_000, embedder.size, args.limit
                                   ).images
    try:
        report, code = export_recognizer(
            embedder.model.cpu(), args.to, args.out, faces, args.precision, embedder.size,
            args.flip, calibration=calibration, max_loss=args.max_loss,
            min_cosine=args.min_cosine), 0
    except ExportRefusedError as error:
        report, code = error.report, 2
        print(f'refused: {error}')
    print(report.text())
    if args.report:
        write_text(args.report, json.dumps(report.to_dict(), indent=2) + '\n')
    return code
