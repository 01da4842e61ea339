"""Write the model card of a recognizer.

Takes what is there: run.json of a test (--work-dir), the calibration by face size, and error rates
of groups of people, measured here on aligned faces (--faces with --groups, or drawn faces, whose
traits are known). What was not measured is said so.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from lrfr_mm.analysis.calibrate import embed_at_sizes
from lrfr_mm.analysis.model_card import CardInputs, drawn_groups, read_groups, write_card
from lrfr_mm.analysis.model_card.card import read_run_file
from lrfr_mm.cli.common import (
    add_calibration_argument,
    add_model_arguments,
    face_source,
    find_calibration,
    load_embedder,
)
from lrfr_mm.datasets.face_dataset import FaceDataset
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.functional.groups import group_error_rates


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', required=True, metavar='DIR', help='card.md and card.html')
    parser.add_argument('--name', help='of the recognizer (default: that of its config)')
    parser.add_argument('--intended', default='', help='what it is meant for, in your words')
    parser.add_argument('--training-data', default='', help='what it was trained on, and '
                        'its terms')
    parser.add_argument('--work-dir', metavar='DIR', help='where tools/test.py has written '
                        'run.json')
    add_calibration_argument(parser)
    parser.add_argument('--faces', metavar='DIR', help='aligned faces for the groups, one folder a '
                        'person; or "drawn:PEOPLE"')
    parser.add_argument('--groups', metavar='FILE', help='CSV: a column "person", then a column a '
                        'grouping')
    parser.add_argument('--size', type=int, default=14, help='face size of the groups\' rates, px')
    parser.add_argument('--far', type=float, default=.01, help='their false-accept rate')
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> None:
    embedder = load_embedder(args)
    calibration = find_calibration(args, embedder)
    inputs = CardInputs(
        args.name or Path(args.model).stem, Path(args.model).read_text(encoding='utf-8')
        if Path(args.model).is_file() else args.model, embedder.fingerprint, args.training_data,
        args.intended, read_run_file(args.work_dir) if args.work_dir else None, calibration,
        parameters=sum(p.numel() for p in embedder.model.parameters()))
    if args.faces:
        if calibration is None:
            raise InputError('rates of groups need a threshold, and so a calibration; `lrfr '
                             'calibrate` makes one')
        _measure_groups(args, embedder, calibration, inputs)
    elif args.groups:
        raise InputError('--groups needs --faces')
    print(f'card: {write_card(inputs, args.out)}')


def _measure_groups(args, embedder, calibration, inputs: CardInputs) -> None:
    drawn = args.faces.startswith('drawn:')
    if not drawn and not args.groups:
        raise InputError('which group is each person of? --groups FILE')
    source = face_source(args.faces, first_identity=4_000_000)
    labels = source.labels()
    groupings = drawn_groups(source) if drawn else {
        name: groups[labels] for name, groups in read_groups(args.groups, source.people).items()}
    vectors = embed_at_sizes(embedder.model, FaceDataset(source, image_size=embedder.size),
                             [args.size], args.flip, embedder.size)[args.size]
    threshold = calibration.threshold((args.size, args.size), args.far)
    inputs.groups = {name: group_error_rates(vectors, labels, np.asarray(groups), threshold)
                     for name, groups in groupings.items()}
    inputs.group_note = (f'{source!r}, both faces at {args.size} px, threshold {threshold:.3f} '
                         f'(for a false-accept rate of {args.far:g} over all people). Pairs of '
                         'different people are of one group.')
