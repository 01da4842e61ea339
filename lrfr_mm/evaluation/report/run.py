"""A test run as plain data."""
from __future__ import annotations

import base64
import platform
from importlib.metadata import PackageNotFoundError, version

from lrfr_mm.evaluation.report.figures import contact_sheet

__all__ = ['SHEET_RESOLUTIONS', 'collect_run', 'table_rows', 'table_text', 'versions']

SHEET_RESOLUTIONS = (112, 28, 20, 14, 7)
_FACES = 10

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
    """One row a headline value: benchmark, metric, value, perhaps std, protocol, alignment."""
    rows = []
    for benchmark, result in results:
        for name in result.headline:
            prefix, metric = name.rsplit('/', 1)
            row = dict(name=name, benchmark=prefix, metric=metric, value=result.values[name],
                       protocol=result.protocol.strip('; '), alignment=benchmark.alignment)
            if f'{name}_std' in result.values:
                row['std'] = result.values[f'{name}_std']
            rows.append(row)
    return rows


def table_text(results) -> str:
    """The table of a test, for a terminal; rates in percent."""
    rows = [('benchmark', 'metric', 'value', 'protocol')]
    for row in table_rows(results):
        value = f"{row['value']:.2f}" + (f" ± {row['std']:.2f}" if 'std' in row else '')
        same = len(rows) > 1 and rows[-1][0] in (row['benchmark'], '')
        rows.append((row['benchmark'], row['metric'], value,
                     '' if same and rows[-1][0] != '' else row['protocol']))
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    lines = [f'{b:<{widths[0]}}  {m:<{widths[1]}}  {v:>{widths[2]}}  {p}'.rstrip()
             for b, m, v, p in rows]
    return '\n'.join([lines[0], '-' * max(map(len, lines)), *lines[1:]])


def collect_run(name: str, results, config: str, checkpoint: str = '',
                seed: int | None = None) -> dict:
    """All that a report needs of one run, JSON-serialisable."""
    values, pairs, sweeps, sheet = {}, {}, {}, ''
    for _, result in results:
        values.update(result.values)
        pairs.update(result.curves.get('pairs', {}))
        sweeps.update(result.curves.get('sweeps', {}))
    if results:
        faces = results[0][0]
        step = max(1, len(faces) // _FACES)
        images = [faces[i]['img'] for i in range(0, len(faces), step)][:_FACES]
        sheet = base64.b64encode(contact_sheet(images, SHEET_RESOLUTIONS)).decode()
    return dict(name=name, metrics=values, rows=table_rows(results), pairs=pairs, sweeps=sweeps,
                config=config, checkpoint=checkpoint, seed=seed, versions=versions(), sheet=sheet)
