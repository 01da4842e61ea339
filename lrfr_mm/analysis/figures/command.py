"""The figures' command line, for tools/analysis_tools/figures.py and tools/study.py."""
from __future__ import annotations

import argparse
from pathlib import Path

from lrfr_mm.analysis.figures import FIGURES, draw_figures
from lrfr_mm.analysis.figures.subjects import parse_subject
from lrfr_mm.errors import InputError

__all__ = ['add_figure_arguments', 'run_figures']


def add_figure_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of :func:`run_figures`."""
    parser.add_argument('figures', nargs='*', metavar='FIGURE', help='of the paper (default: all): '
                        + ', '.join(f'{name} ({figure.number})'
                                    for name, figure in FIGURES.items()))
    parser.add_argument('--models', nargs='+', default=[], metavar='NAME=WHERE',
                        help='WHERE is a work dir of tools/train.py, a folder with one a seed, or '
                        'CONFIG,CHECKPOINT')
    parser.add_argument('--out', required=True, type=Path, help='folder of the files')
    parser.add_argument('--benchmark', help='faces: a pair benchmark of the first model\'s config '
                        '(default: its first)')
    parser.add_argument('--images', help='faces: a folder with a folder of aligned images a person')


def run_figures(args: argparse.Namespace) -> None:
    """Draw, and print the paths of the PNGs."""
    for name in args.figures:
        if name not in FIGURES:
            raise InputError(f'there is no figure {name!r}; there are {", ".join(FIGURES)}')
    for path in draw_figures(args.figures or list(FIGURES),
                             [parse_subject(text) for text in args.models], args.out,
                             args.benchmark, args.images):
        print(path)
