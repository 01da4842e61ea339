"""Do the fast ways to train give the same losses? First steps of a config in each mode."""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lrfr_mm.analysis.figures.style import canvas, colour, save_figure
from lrfr_mm.errors import reading
from lrfr_mm.evaluation.report.tables import to_terminal

__all__ = ['MODES', 'compare_modes', 'losses_of_mode']

MODES: dict[str, list[str]] = {  # 'eager' is separate views in float32
    'eager': [],
    'channels_last': ['model.channels_last=True'],
    'compiled': ['model.compile.backend=inductor'],
    'joint_views': ['model.joint_forward=True'],
    'bfloat16': ['--amp'],
    'two_processes': ['2'],
}


def losses_of_mode(config: str, mode: str, steps: int, out: Path, batch_size: int,
                   options: Sequence[str], tools: Path) -> np.ndarray:
    """Losses of the first ``steps`` steps, (steps,); trained unless the log is there already.

    Args:
        config: Config file.
        mode: Key of ``MODES``.
        steps: Steps to compare.
        out: Directory; the mode's work dir is ``out/MODE``.
        batch_size: Of the config; two processes take half each.
        options: ``KEY=VALUE`` overrides.
        tools: Directory of train.py.

    Raises:
        RuntimeError: If the training fails; the text has the last line of its output.
        InputError: If the log is damaged; the text names it.
    """
    folder = out / mode
    logs = sorted(folder.glob('*/vis_data/scalars.json'))
    if not logs:
        _train(config, mode, folder, batch_size, options, tools)
        logs = sorted(folder.glob('*/vis_data/scalars.json'))
    with reading(str(logs[-1])):
        lines = [json.loads(line) for line in logs[-1].read_text().splitlines()]
        return np.array([float(line['loss']) for line in lines if 'loss' in line])[:steps]


def _train(config: str, mode: str, folder: Path, batch_size: int, options: Sequence[str],
           tools: Path) -> None:
    words = MODES[mode]
    settings = [*options, 'default_hooks.logger.interval=1', 'train_cfg.val_interval=9999',
                'default_hooks.checkpoint.interval=9999', 'log_processor.window_size=1',
                'train_dataloader.num_workers=1', *(word for word in words if '=' in word)]
    start, launcher = [sys.executable], []
    if '2' in words:
        start += ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']
        launcher = ['--launcher', 'pytorch']
        settings.append(f'train_dataloader.batch_size={batch_size // 2}')
    done = subprocess.run([*start, str(tools / 'train.py'), config, '--work-dir', str(folder),
                           '--seed', '0', *launcher, *(['--amp'] if '--amp' in words else []),
                           '--cfg-options', *settings], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f'{mode}: {done.stderr.strip().splitlines()[-1]}')


def compare_modes(config: str, modes: Sequence[str], steps: int, out: Path, batch_size: int,
                  options: Sequence[str], tools: Path) -> str:
    """Train in each mode with one seed and compare the losses with the first mode's.

    Writes ``modes.png``, ``.svg`` and ``.csv`` into ``out``.

    Args:
        modes: Keys of ``MODES``.
        config, steps, out, batch_size, options, tools: See :func:`losses_of_mode`.

    Returns:
        A table of how far each mode is from the first, and the picture's path.
    """
    losses = {mode: losses_of_mode(config, mode, steps, out, batch_size, options, tools)
              for mode in modes}
    steps = min(map(len, losses.values()))
    first = losses[modes[0]][:steps]
    rows = []
    with canvas(2, 1, 8., 3.1, sharex=True, height_ratios=[3, 2]) as (figure, panels):
        (above,), (below,) = panels
        for k, (mode, values) in enumerate(losses.items()):
            values = values[:steps]
            above.plot(range(1, steps + 1), values, lw=1.3, color=colour(k), label=mode)
            below.plot(range(1, steps + 1), 100 * (values - first) / first, lw=1.1,
                       color=colour(k))
            rows.append([mode, values[0], values[-50:].mean(), np.abs(values - first).max()])
        above.set_ylabel('loss')
        above.legend(ncols=3, loc='lower center', bbox_to_anchor=(.5, 1.))
        below.set_ylabel('difference, %')
        below.set_xlabel('step')
        picture = save_figure(figure, ('step', *losses), [
            (k + 1, *(float(values[k]) for values in losses.values())) for k in range(steps)],
            out, 'modes')
    table = pd.DataFrame(rows, columns=['mode', 'step 1', 'mean of the last 50',
                                        'largest difference'])
    return f'{to_terminal(table)}\n{picture}'
