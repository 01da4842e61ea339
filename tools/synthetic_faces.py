"""Drawn faces: look at them, write them to RecordIO, measure the generator."""
import argparse
import sys
import time

import cv2
import numpy as np

from lrfr_mm.datasets import SyntheticFaces, sample_pairs, write_record_io
from lrfr_mm.datasets.decode import decode
from lrfr_mm.engine.cli import run_command
from lrfr_mm.evaluation.functional import kfold_verification


def sheet(faces: SyntheticFaces, args) -> None:
    """A row a person."""
    rows = np.stack([decode(faces.read(i)[0]) for i in range(len(faces))])
    rows = rows.reshape(args.identities, args.images, 112, 112, 3).transpose(0, 2, 1, 3, 4)
    picture = np.ascontiguousarray(rows.reshape(args.identities * 112, args.images * 112, 3))
    if not cv2.imwrite(args.out, picture[..., ::-1]):
        raise ValueError(f'cannot write a picture to {args.out}')
    print(args.out)


def write(faces: SyntheticFaces, args) -> None:
    """RecordIO, for RecordIOFaces."""
    def show(done: int) -> None:
        if done % 100 == 0 or done == len(faces):
            print(f'\r{done} / {len(faces)} images', end='', file=sys.stderr, flush=True)

    write_record_io(args.out, faces, progress=show)
    print(f'\n{args.out}')


def figures(faces: SyntheticFaces, args) -> None:
    """Images a second on one core, and how far raw pixels tell people apart."""
    cv2.setNumThreads(1)
    faces.read(0)
    start = time.perf_counter()
    images = [faces.read(i)[0] for i in range(len(faces))]
    rate = len(faces) / (time.perf_counter() - start)
    vectors = np.stack([decode(image).astype(np.float32).ravel() for image in images])
    vectors -= vectors.mean(1, keepdims=True)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs, is_same = sample_pairs(faces.labels(), 3000, seed=0)
    scores = np.einsum('nd,nd->n', vectors[pairs[:, 0]], vectors[pairs[:, 1]])
    accuracy = 100 * kfold_verification(scores, is_same)['accuracy']
    print(f'images/s on one core, JPEG included: {rate:.0f}')
    print(f'accuracy of raw mean-free pixels, {len(pairs)} pairs: {accuracy:.1f} %')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    for function, identities, images, out in ((sheet, 8, 10, 'synthetic_faces.png'),
                                              (write, 200, 20, None), (figures, 100, 10, '')):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.set_defaults(function=function)
        command.add_argument('--identities', type=int, default=identities)
        command.add_argument('--images', type=int, default=images, help='of each person')
        command.add_argument('--seed', type=int, default=0)
        command.add_argument('--first', type=int, default=0, help='number of the first person')
        if out != '':
            command.add_argument('--out', default=out, required=out is None)
    args = parser.parse_args()
    args.function(SyntheticFaces(args.identities, args.images, args.seed, args.first), args)


if __name__ == '__main__':
    run_command(main)
