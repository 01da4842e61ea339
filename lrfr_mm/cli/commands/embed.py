"""Pictures to embeddings, in one file.

Writes an .npz with, for each found face: name of the picture, frame, box (4), landmarks (5, 2),
size (px), quality, and embedding (D).
"""
from __future__ import annotations

import argparse

import numpy as np
from tqdm import tqdm

from lrfr_mm.cli.common import add_detector_arguments, add_model_arguments, load_inferencer
from lrfr_mm.errors import InputError
from lrfr_mm.files import whole_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('inputs', nargs='+', help='pictures, folders, videos, addresses of streams')
    parser.add_argument('--out', required=True, metavar='FILE', help='the .npz file to write')
    parser.add_argument('--every', type=int, default=1, help='of a video, each how-manieth frame')
    parser.add_argument('--batch-size', type=int, default=16)
    add_model_arguments(parser)
    add_detector_arguments(parser)


def run(args: argparse.Namespace) -> int:
    inferencer = load_inferencer(args)
    columns = {key: [] for key in ('name', 'frame', 'box', 'landmarks', 'size', 'quality',
                                   'embedding')}
    pictures, empty, unreadable = 0, 0, []
    for result in tqdm(inferencer.stream(args.inputs, args.batch_size, args.every), unit='picture'):
        pictures += 1
        if result.error:
            unreadable.append(result.error)
        empty += not result.faces and not result.error
        for face in result.faces:
            columns['name'].append(result.name)
            columns['frame'].append(-1 if result.frame is None else result.frame)
            for key in ('box', 'landmarks', 'size', 'quality', 'embedding'):
                columns[key].append(getattr(face, key))
    for text in unreadable:
        print(f'not read: {text}')
    if not columns['name']:
        raise InputError(f'no face was found in {pictures} pictures ({len(unreadable)} could not '
                         'be read)')
    with whole_file(args.out) as part, open(part, 'wb') as file:
        np.savez(file, **{key: np.array(values) for key, values in columns.items()})
    print(f'{len(columns["name"])} faces of {pictures} pictures ({empty} without a face, '
          f'{len(unreadable)} not read): {args.out}')
    return 1 if unreadable else 0
