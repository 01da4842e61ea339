"""A test run as plain data."""
from __future__ import annotations

import base64
import platform
from importlib.metadata import PackageNotFoundError, version

import cv2

from lrfr_mm.evaluation.report.figures import contact_sheet

__all__ = ['SHEET_RESOLUTIONS', 'collect_run', 'table_rows', 'table_text', 'versions']

SHEET_RESOLUTIONS = (112, 28, 20, 14, 7)
_FACES = 10
_CURVES = ('pairs', 'sweeps', 'cmc', 'tpir')

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
            if f'{name}_low' in result.values:
                row['interval'] = [result.values[f'{name}_{end}'] for end in ('low', 'high')]
            rows.append(row)
    return rows


def table_text(results) -> str:
    """The table of a test, for a terminal; rates in percent."""
    rows, previous = [('benchmark', 'metric', 'value', '95 %', 'protocol')], None
    for row in table_rows(results):
        low, high = row.get('interval', (None, None))
        rows.append((row['benchmark'], row['metric'], f'{row["value"]:.2f}',
                     '' if low is None else f'{low:.1f} to {high:.1f}',
                     '' if row['protocol'] == previous else row['protocol']))
        previous = row['protocol']
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    lines = [f'{b:<{widths[0]}}  {m:<{widths[1]}}  {v:>{widths[2]}}  {i:<{widths[3]}}  {p}'.rstrip()
             for b, m, v, i, p in rows]
    return '\n'.join([lines[0], '-' * max(map(len, lines)), *lines[1:]])


def collect_run(name: str, results, config: str, checkpoint: str = '',
                seed: int | None = None) -> dict:
    """All that a report needs of one run, JSON-serialisable."""
    values, sheet, hardest = {}, '', []
    curves = {kind: {} for kind in _CURVES}
    for benchmark, result in results:
        values.update(result.values)
        for kind in _CURVES:
            curves[kind].update(result.curves.get(kind, {}))
        hardest += [dict(benchmark=benchmark.name, kind=kind, score=score,
                         images=[_thumbnail(benchmark, i), _thumbnail(benchmark, j)])
                    for kind, i, j, score in result.hardest]
    if results:
        faces = results[0][0]
        step = max(1, len(faces) // _FACES)
        images = [faces[i]['img'] for i in range(0, len(faces), step)][:_FACES]
        sheet = base64.b64encode(contact_sheet(images, SHEET_RESOLUTIONS)).decode()
    return dict(name=name, metrics=values, rows=table_rows(results), **curves, hardest=hardest,
                config=config, checkpoint=checkpoint, seed=seed, versions=versions(), sheet=sheet)


def _thumbnail(benchmark, index: int) -> str:
    image = cv2.resize(benchmark[index]['img'], (80, 80), interpolation=cv2.INTER_AREA)
    return base64.b64encode(cv2.imencode('.jpg', image[..., ::-1])[1]).decode()
