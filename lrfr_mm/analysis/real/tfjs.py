"""Tensors of a TensorFlow.js model: a JSON manifest and files of raw numbers."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lrfr_mm.errors import InputError, InputMissingError, reading

__all__ = ['read_tfjs']


def read_tfjs(path: str | Path) -> dict[str, np.ndarray]:
    """The named tensors of a TensorFlow.js graph or layers model.

    Args:
        path: The ``.json`` file; its weight files lie beside it.

    Returns:
        Name to array, in the manifest's shapes and types. Quantised tensors come back as float32:
        ``value * scale + min``.

    Raises:
        InputMissingError: If a file is missing.
        InputError: If the manifest cannot be read, or a weight file has another length than the
            manifest says.
    """
    path = Path(path)
    if not path.is_file():
        raise InputMissingError(f'{path} does not exist')
    tensors = {}
    with reading(str(path)):
        groups = json.loads(path.read_text(encoding='utf-8'))['weightsManifest']
        for group in groups:
            data = b''.join(_bytes(path.parent / name) for name in group['paths'])
            position = 0
            for entry in group['weights']:
                stored = np.dtype(entry.get('quantization', entry)['dtype']).newbyteorder('<')
                count = int(np.prod(entry['shape'], dtype=np.int64))
                end = position + count * stored.itemsize
                if end > len(data):
                    raise InputError(f'{path}: {", ".join(group["paths"])} ends inside '
                                     f'{entry["name"]}: the download is not complete')
                values = np.frombuffer(data, stored, count, position).reshape(entry['shape'])
                if 'quantization' in entry:
                    rule = entry['quantization']
                    values = values.astype(np.float32) * rule['scale'] + rule['min']
                tensors[entry['name']] = values
                position = end
            if position != len(data):
                raise InputError(f'{path}: {", ".join(group["paths"])} has {len(data)} bytes, the '
                                 f'manifest describes {position}')
    return tensors


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise InputMissingError(f'{path} does not exist')
    return path.read_bytes()
