"""A test run as plain data."""
from __future__ import annotations

import base64
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from lrfr_mm.errors import InputError, InputMissingError, reading
from lrfr_mm.evaluation.metrics.curve import Curve
from lrfr_mm.evaluation.report.figures import contact_sheet
from lrfr_mm.evaluation.report.tables import to_terminal

__all__ = ['SHEET_RESOLUTIONS', 'collect_run', 'read_items', 'read_run', 'table_rows',
           'table_text', 'versions']

SHEET_RESOLUTIONS = (112, 28, 20, 14, 7)
_FACES = 10
_KEYS = ('name', 'metrics', 'rows', 'curves', 'highlights', 'hardest', 'config', 'checkpoint',
         'seed', 'versions', 'sheet')
_PACKAGES = ('lrfr_mm', 'torch', 'timm', 'mmengine', 'mmcv-lite', 'numpy', 'opencv-python',
             'pillow', 'simplejpeg')


def versions() -> dict[str, str]:
    """Versions of what a number may depend on."""
    found = dict(python=platform.python_version())
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = 'not installed'
    return found


def table_rows(results) -> list[dict]:
    """One row a headline value: benchmark, metric, value, protocol, alignment, whether less is
    better, whether a curve's own table shows it, and where known the deviation and the interval.
    """
    rows = []
    for benchmark, result in results:
        tabulated = any(curve.table for curve in result.curves)
        for name in result.headline:
            prefix, metric = name.rsplit('/', 1)
            row = dict(name=name, benchmark=prefix, metric=metric, value=result.values[name],
                       protocol=result.protocol.strip('; '), alignment=benchmark.alignment,
                       lower_is_better=name in result.lower_is_better, tabulated=tabulated)
            if f'{name}_std' in result.values:
                row['std'] = result.values[f'{name}_std']
            if f'{name}_low' in result.values:
                row['interval'] = [result.values[f'{name}_{end}'] for end in ('low', 'high')]
            rows.append(row)
    return rows


def table_text(results) -> str:
    """The table of a test, for a terminal; rates in percent."""
    rows, previous = [], None
    for row in table_rows(results):
        low, high = row.get('interval', (None, None))
        rows.append({'benchmark': row['benchmark'], 'metric': row['metric'], 'value': row['value'],
                     '95 %': '' if low is None else f'{low:.1f} to {high:.1f}',
                     'protocol': '' if row['protocol'] == previous else row['protocol']})
        previous = row['protocol']
    return to_terminal(pd.DataFrame(rows, columns=['benchmark', 'metric', 'value', '95 %',
                                                   'protocol']))


def collect_run(name: str, results, config: str, checkpoint: str = '',
                seed: int | None = None) -> dict:
    """All that a report needs of one run, JSON-serialisable.

    Args:
        name: Name of the run.
        results: List of (benchmark, MetricResult).
        config: Text of the config.
        checkpoint: Path of the checkpoint.
        seed: Seed of the training, where it is known.
    """
    hardest = [dict(benchmark=benchmark.name, kind=kind, score=score,
                    images=[_thumbnail(benchmark, i), _thumbnail(benchmark, j)])
               for benchmark, result in results for kind, i, j, score in result.hardest]
    return dict(name=name, metrics={key: value for _, result in results
                                    for key, value in result.values.items()},
                rows=table_rows(results),
                curves=[curve.to_dict() for _, result in results for curve in result.curves],
                highlights=[key for _, result in results for key in result.highlights],
                hardest=hardest, config=config, checkpoint=checkpoint, seed=seed,
                versions=versions(), sheet=_sheet(results[0][0]) if results else '')


def read_run(folder: str | Path) -> dict:
    """``run.json`` of a work dir of tools/test.py, with ``items`` of its ``items.npz``.

    Raises:
        InputMissingError: If there is no ``run.json``.
        InputError: If a file is damaged, or of an earlier version; the text names it.
    """
    path = Path(folder, 'run.json')
    if not path.is_file():
        raise InputMissingError(f'{path} does not exist: run tools/test.py into {folder} first')
    with reading(str(path)):
        run = json.loads(path.read_text(encoding='utf-8'))
        missing = [key for key in _KEYS if key not in run]
        if missing:
            raise InputError(f'{path} has no {missing[0]!r}: it is damaged, or of an earlier '
                             'version; run tools/test.py again')
        for curve in run['curves']:
            Curve.from_dict(curve)
        for row in run['rows']:
            if row['name'] not in run['metrics']:
                raise InputError(f'{path}: the row {row["name"]!r} has no value in its metrics')
    run['items'] = read_items(Path(folder, 'items.npz'))
    return run


def read_items(path: Path) -> dict[str, np.ndarray]:
    """Which pairs and probes were right: name of the rate to bool (N,); empty without the file.

    Raises:
        InputError: If the file is damaged; the text names it.
    """
    if not path.is_file():
        return {}
    with reading(str(path)), np.load(path, allow_pickle=False) as data:
        items = {name: data[name] for name in data.files}
        for name, correct in items.items():
            if correct.dtype != bool or correct.ndim != 1:
                raise InputError(f'{path}: {name} must be a list of booleans, got '
                                 f'{correct.dtype} {correct.shape}')
        return items


def _sheet(faces) -> str:
    step = max(1, len(faces) // _FACES)
    images = [faces[i]['img'] for i in range(0, len(faces), step)][:_FACES]
    return base64.b64encode(contact_sheet(images, SHEET_RESOLUTIONS)).decode()


def _thumbnail(benchmark, index: int) -> str:
    image = cv2.resize(benchmark[index]['img'], (80, 80), interpolation=cv2.INTER_AREA)
    return base64.b64encode(cv2.imencode('.jpg', image[..., ::-1])[1]).decode()
