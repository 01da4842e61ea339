"""The table of ways to adapt from the files of its runs."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lrfr_mm.analysis.real.measure import auc_differences, pair_aucs
from lrfr_mm.analysis.real.rows import ROWS
from lrfr_mm.errors import InputMissingError
from lrfr_mm.evaluation.report import to_markdown
from lrfr_mm.files import write_text

__all__ = ['best_rows', 'chosen_shares', 'held_out_table', 'tested_table', 'write_table']

# What a choice weighs: small against sharp, small against small, and what must not be lost.
_SHOWN = ('112', '20', '14', '10', '7', '14 against 112', '10 against 112', '7 against 112')
_GAINED = ('14 against 112', '10 against 112', '7 against 112', '7')
_KEPT = {'112': .1, '20': .3}  # points of AUC that may be lost
Embeddings = dict[int, np.ndarray]


def held_out_table(out: Path) -> pd.DataFrame:
    """AUC of the people held out, a line for each row, share and set; means over the seeds.

    Raises:
        InputMissingError: If ``out`` has no results.
    """
    lines = [dict(row=result['name'], share=float(share), faces=faces, seed=result['seed'],
                  steps=result['training']['steps'], **values)
             for result in _results(out) for share, sets in result['held_out'].items()
             for faces, values in sets.items()]
    table = pd.DataFrame(lines).groupby(['row', 'share', 'faces'], sort=False)
    means = table[['steps', *_SHOWN]].mean()
    means.insert(0, 'seeds', table['seed'].nunique())
    return means.reset_index()


def chosen_shares(held_out: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """For each row the share of the adapted weights to keep, and its gain.

    The gain is the mean, over the sets held out, of what AUC at 14, 10 and 7 against 112 px and of
    both at 7 px is above that of the network before, less three times what is lost at 112 beyond
    0.1 and at 20 px beyond 0.3. The share of the largest gain is taken.

    Args:
        held_out: Of :func:`held_out_table`.

    Returns:
        Row to (share, gain), the largest gain first.
    """
    start = held_out[held_out['row'] == 'before'].set_index('faces')
    gains: dict[tuple[str, float], list[float]] = {}
    for line in held_out[held_out['row'] != 'before'].to_dict('records'):
        before = start.loc[line['faces']]
        won = np.mean([line[name] - before[name] for name in _GAINED])
        lost = sum(max(0., before[name] - line[name] - most) for name, most in _KEPT.items())
        gains.setdefault((line['row'], line['share']), []).append(won - 3 * lost)
    best: dict[str, tuple[float, float]] = {}
    for (row, share), values in sorted(gains.items(), key=lambda item: -np.mean(item[1])):
        best.setdefault(row, (share, float(np.mean(values))))
    return best


def best_rows(out: Path, count: int) -> list[str]:
    """The ``count`` rows of the largest gain on people held out."""
    return list(chosen_shares(held_out_table(out)))[:count]


def tested_table(out: Path, labels: np.ndarray, choices: Mapping[str, float],
                 degradation: str = 'bicubic', draws: int = 300) -> pd.DataFrame:
    """AUC of the tested people, means over the seeds, with the interval of the difference.

    Args:
        out: Directory of the runs.
        labels: Person of each tested face, (N,).
        choices: Rows to show, each with the share that was chosen on held-out people.
        degradation: 'bicubic' or 'camera'.
        draws: Resamplings of people and seeds; 0 for no intervals.

    Returns:
        A line for each row and value: before, after, difference, its 95 % interval, each seed.
    """
    before = _embeddings(out / 'before-0.npz', 1., degradation)
    start, lines = pair_aucs(before, labels), []
    for name, share in choices.items():
        runs = [_embeddings(path, share, degradation)
                for path in sorted(out.glob(f'{name}-[0-9]*.npz'))]
        if not runs:
            raise InputMissingError(f'{out} has no result of {name!r}')
        ends = [pair_aucs(run, labels) for run in runs]
        differences = auc_differences(before, runs, labels, draws) if draws else {}
        for value in _SHOWN:
            mean = float(np.mean([end[value] for end in ends])) - start[value]
            _, low, high = differences.get(value, (mean, np.nan, np.nan))
            lines.append(dict(row=name, share=share, faces=value, before=start[value],
                              after=start[value] + mean, difference=mean, low=low, high=high,
                              seeds=' '.join(f'{end[value]:.2f}' for end in ends)))
    return pd.DataFrame(lines)


def write_table(out: Path, labels: np.ndarray, rows: Sequence[str] = (),
                draws: int = 300) -> Path:
    """Write ``held_out.csv``, ``tested_DEGRADATION.csv`` and ``table.md`` into ``out``.

    Args:
        out: Directory of the runs.
        labels: Person of each tested face, (N,).
        rows: Those to show of the tested people; none for all.
        draws: Resamplings of the intervals; 0 for none.

    Returns:
        Path of ``table.md``.
    """
    held_out = held_out_table(out)
    write_text(out / 'held_out.csv', held_out.to_csv(index=False, float_format='%.2f',
                                                     lineterminator='\n'))
    choices = {row: share for row, (share, _) in chosen_shares(held_out).items()
               if not rows or row in rows}
    parts = ['# People held out, from whom choices are made', _markdown(held_out)]
    for kind in ('bicubic', 'camera'):
        table = tested_table(out, labels, choices, kind, draws)
        write_text(out / f'tested_{kind}.csv', table.to_csv(index=False, float_format='%.3f',
                                                            lineterminator='\n'))
        parts += [f'# People tested, {kind}', _markdown(_wide(table))]
    parts += ['# Cost', _markdown(_costs(out, list(choices)))]
    write_text(out / 'table.md', '\n\n'.join(parts) + '\n')
    return out / 'table.md'


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """A line a row: each value's mean after, and the interval of its difference."""
    lines = []
    for (name, share), part in table.groupby(['row', 'share'], sort=False):
        what = ROWS[name].what if name in ROWS else name
        cells = {line.faces: f'{line.after:.2f} ({line.low:+.1f} to {line.high:+.1f})'
                 for line in part.itertuples()}
        lines.append({'row': name, 'what': what, 'share': f'{share:g}', **cells})
    first = table[table['row'] == table['row'].iloc[0]]
    start = {line.faces: f'{line.before:.2f}' for line in first.itertuples()}
    return pd.DataFrame([{'row': 'before', 'what': '', 'share': '', **start}, *lines])


def _costs(out: Path, names: Sequence[str]) -> pd.DataFrame:
    lines = []
    for result in _results(out):
        if result['name'] not in names:
            continue
        training = result['training']
        lines.append({'row': result['name'], 'seed': result['seed'], 'steps': training['steps'],
                      'seconds': round(training['seconds']),
                      'memory, MB': round(training['memory'] / 1e6),
                      'weights trained, %': round(100 * training['trained']
                                                  / training['weights'], 1),
                      'file, MB': round(result['bytes'] / 1e6, 2)})
    return pd.DataFrame(lines)


def _markdown(table: pd.DataFrame) -> str:
    return to_markdown(table.round(2))


def _results(out: Path) -> list[dict]:
    paths = sorted(out.glob('*-[0-9]*.json'))
    if not paths:
        raise InputMissingError(f'{out} has no results of a table')
    return [json.loads(path.read_text()) for path in paths]


def _embeddings(path: Path, share: float, degradation: str) -> Embeddings:
    with np.load(path) as stored:
        found = {int(name.rsplit('/', 1)[1]): stored[name].astype(np.float32)
                 for name in stored.files if name.startswith(f'{share}/{degradation}/')}
    return {size: unit / np.linalg.norm(unit, axis=1, keepdims=True)
            for size, unit in found.items()}
