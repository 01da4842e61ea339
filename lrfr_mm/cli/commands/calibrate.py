"""Learn thresholds and error rates by face size.

Takes aligned faces of people that the recognizer was not trained on, one folder a person. Half of
the people give the calibration, the other half check it; the file that is written is learned from
all of them.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from lrfr_mm.analysis.calibrate import (
    CALIBRATION_SIZES,
    check_calibration,
    embed_at_sizes,
    split_people,
    threshold_figure,
)
from lrfr_mm.analysis.calibration_coverage import coverage, repeated_checks
from lrfr_mm.cli.common import (
    add_model_arguments,
    calibration_path,
    face_source,
    load_embedder,
)
from lrfr_mm.datasets.face_dataset import FaceDataset
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.calibration import SizeCalibration

_LEAST_PEOPLE = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('faces', help='aligned faces, one folder a person; or "drawn:PEOPLE" for '
                        'drawn ones, which say how the command works and nothing of real faces')
    parser.add_argument('--sizes', type=int, nargs='+', default=list(CALIBRATION_SIZES),
                        metavar='PX', help='face sizes to measure')
    parser.add_argument('--method', default='isotonic', choices=('isotonic', 'logistic'),
                        help='of the log-likelihood ratio (default: isotonic)')
    parser.add_argument('--far', type=float, default=.01,
                        help='false-accept rate of the check (default: 0.01)')
    parser.add_argument('--calibration', metavar='FILE',
                        help='the file to write (default: beside the checkpoint)')
    parser.add_argument('--figure', metavar='DIR', help='draw thresholds against size here')
    parser.add_argument('--check-people', type=int, nargs='+', metavar='P', help='check with '
                        'disjoint groups of P people as often as there are people for it, instead '
                        'of once with halves')
    parser.add_argument('--seed', type=int, default=0, help='of the split and of the pairs that '
                        'are drawn')
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> None:
    embedder = load_embedder(args)
    wrong = [size for size in args.sizes if not 1 <= size <= embedder.size]
    if wrong:
        raise InputError(f'--sizes: {wrong[0]} px is not from 1 to {embedder.size} px, the side of '
                         'the aligned faces')
    source = face_source(args.faces, first_identity=2_000_000)
    labels = source.labels()
    pictures = np.unique(labels, return_counts=True)[1]
    if (pictures > 1).sum() < _LEAST_PEOPLE:
        raise InputError(f'{args.faces}: at least {_LEAST_PEOPLE} people with two pictures or more '
                         'are needed, two for the calibration and two for its check; there are '
                         f'{(pictures > 1).sum()}')
    embeddings = embed_at_sizes(embedder.model, FaceDataset(source, image_size=embedder.size),
                                args.sizes, args.flip, embedder.size)
    options = dict(method=args.method, seed=args.seed, fingerprint=embedder.fingerprint,
                   source=repr(source))
    _check(args, embeddings, labels, options)
    calibration = SizeCalibration.fit(embeddings, labels, **options)
    calibration.save(calibration_path(args))
    print(f'calibration: {calibration_path(args)} ({len(set(labels.tolist()))} people, rates from '
          f'{calibration.finest_far():.2g} on)')
    if args.figure:
        print(f'figure: {threshold_figure(calibration, Path(args.figure))}')


def _check(args: argparse.Namespace, embeddings: dict[int, np.ndarray], labels: np.ndarray,
           options: dict) -> None:
    """Print what calibrations on some of the people are worth for others."""
    for people in args.check_people or ():
        cells, summary = coverage(repeated_checks(embeddings, labels, people, args.far, args.method,
                                                  args.seed))
        print(f'{summary["splits"]} times {people} people calibrate and {people} others are '
              f'measured, at a false-accept rate of {summary["wanted"]:.2g}:')
        print(cells.to_string(index=False, float_format=lambda value: f'{value:.4f}'))
        print('The measured rate lies in the interval in which 95 % are expected in '
              f'{100 * summary["inside"]:.1f} % of the pairs of sizes '
              f'({100 * summary["low"]:.1f} to {100 * summary["high"]:.1f}, over the splits); '
              f'largest mean calibration error {summary["ece"]:.3f}.')
    if args.check_people:
        return
    first, second = split_people(labels, seed=args.seed)
    half = SizeCalibration.fit({s: e[first] for s, e in embeddings.items()}, labels[first],
                               **options)
    far = max(args.far, half.finest_far())
    table = pd.DataFrame(check_calibration(half, {s: e[second] for s, e in embeddings.items()},
                                           labels[second], far, seed=args.seed))
    print(f'Check on the other half of the people, at a false-accept rate of {far:.2g}:')
    print(table.to_string(index=False, float_format=lambda value: f'{value:.4f}'))
    print('The measured false-accept rate lies in the interval in which 95 % are expected at '
          f'{table.inside.sum()} of {len(table)} pairs of sizes; largest calibration error '
          f'{table.ece.max():.3f}.')
