"""The manifest of an alignment: a Parquet file with a row a photograph."""
from __future__ import annotations

import json
import os
from pathlib import Path

from lrfr_mm.datasets.formats.parquet import import_pyarrow
from lrfr_mm.errors import InputError, InputMissingError, reading
from lrfr_mm.files import safe_relative_path, whole_file

__all__ = ['MANIFEST', 'read_manifest', 'write_manifest']

MANIFEST = 'manifest.parquet'
_TEXTS = ('source', 'output', 'policy', 'note')
_POINTS = ('landmarks', 'landmarks_aligned')
_NUMBERS = ('x0', 'y0', 'x1', 'y1', 'score', 'residual', 'native', 'brightness', 'sharpness',
            'flip_error')


def write_manifest(directory: str | os.PathLike, rows: list[dict], settings: dict) -> None:
    """Write ``directory/manifest.parquet``.

    Args:
        directory: Of the aligned images.
        rows: One a photograph. ``source`` and ``output``: paths below the two directories (output
            None where there is no image); ``policy`` and ``note``: what was done, and why not;
            ``faces``: number found; ``landmarks``: x, y, x, y, ... in px of the photograph;
            ``landmarks_aligned``: ten numbers in px of the aligned image; ``x0`` to ``y1``: box;
            ``score``, ``residual``, ``native``, ``brightness``, ``sharpness``, ``flip_error``.
        settings: Kept as JSON in the file's metadata.
    """
    arrow, parquet = import_pyarrow()
    schema = arrow.schema([
        *((key, arrow.string()) for key in _TEXTS), ('faces', arrow.int32()),
        *((key, arrow.list_(arrow.float64())) for key in _POINTS),
        *((key, arrow.float64()) for key in _NUMBERS)],
        metadata={'settings': json.dumps(settings)})
    table = arrow.table({field.name: arrow.array([row.get(field.name) for row in rows], field.type)
                         for field in schema}, schema=schema)
    with whole_file(Path(directory, MANIFEST)) as part:
        parquet.write_table(table, part)


def read_manifest(directory: str | os.PathLike) -> list[dict]:
    """Rows of ``directory/manifest.parquet``, see :func:`write_manifest`.

    Raises:
        InputMissingError: If there is none.
        InputError: If it cannot be read, lacks a column, or a path in it leaves its directory; the
            text names the file, and the row.
        MissingDependencyError: Without pyarrow.
    """
    path = Path(directory, MANIFEST)
    if not path.is_file():
        raise InputMissingError(f'{path} does not exist; tools/align_faces.py writes it')
    _, parquet = import_pyarrow()
    with reading(str(path)):
        table = parquet.read_table(path)
        missing = [key for key in (*_TEXTS, 'landmarks') if key not in table.column_names]
        if missing:
            raise InputError(f'{path} has no column {missing[0]!r}')
        rows = table.to_pylist()
    for number, row in enumerate(rows, 1):
        where = f'{path}, row {number}'
        for key in ('source', 'output'):
            if row[key] is not None and not isinstance(row[key], str):
                raise InputError(f'{where}: {key} is not text')
            if key == 'source' or row[key] is not None:
                safe_relative_path(row[key] or '', where)
    return rows
