"""Do the fast ways to train give the same losses? tools/analysis_tools/training_modes.py CONFIG

Trains the first steps of a config in each mode (separate and joint views, eager and compiled,
float32 and bfloat16, channels last, one process and two) with one seed, and lays the losses over
each other: modes.png, modes.svg, modes.csv, and a table of how far each is from the first.
"""
import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lrfr_mm.engine.cli import run_command

TOOLS = Path(__file__).parents[1]
MODES = {  # 'eager' is separate views in float32
    'eager': [],
    'channels_last': ['model.channels_last=True'],
    'compiled': ['model.compile.backend=inductor'],
    'joint_views': ['model.joint_forward=True'],
    'bfloat16': ['--amp'],
    'two_processes': ['2'],
}


def train(config: str, mode: str, steps: int, out: Path, batch: int, options: list[str]):
    """Losses of the first ``steps`` steps, (steps,)."""
    folder = out / mode
    logs = sorted(folder.glob('*/vis_data/scalars.json'))
    if not logs:
        words = MODES[mode]
        settings = [*options, 'default_hooks.logger.interval=1', 'train_cfg.val_interval=9999',
                    'default_hooks.checkpoint.interval=9999', 'log_processor.window_size=1',
                    'train_dataloader.num_workers=1', *(w for w in words if '=' in w)]
        start, launcher = [sys.executable], []
        if '2' in words:
            start += ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']
            launcher = ['--launcher', 'pytorch']
            settings.append(f'train_dataloader.batch_size={batch // 2}')
        done = subprocess.run([*start, str(TOOLS / 'train.py'), config, '--work-dir', str(folder),
                               '--seed', '0', *launcher, *(['--amp'] if '--amp' in words else []),
                               '--cfg-options', *settings], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f'{mode}: {done.stderr.strip().splitlines()[-1]}')
        logs = sorted(folder.glob('*/vis_data/scalars.json'))
    lines = [json.loads(line) for line in logs[-1].read_text().splitlines()]
    return np.array([line['loss'] for line in lines if 'loss' in line])[:steps]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('--out', required=True, type=Path)
    parser.add_argument('--steps', type=int, default=200)
    parser.add_argument('--batch-size', type=int, default=64, help='of the config')
    parser.add_argument('--modes', nargs='+', choices=tuple(MODES), default=list(MODES))
    parser.add_argument('--cfg-options', nargs='+', default=[])
    args = parser.parse_args()
    losses = {}
    for mode in args.modes:
        losses[mode] = train(args.config, mode, args.steps, args.out, args.batch_size,
                             args.cfg_options)
        print(mode, flush=True)
    steps = min(map(len, losses.values()))
    with open(args.out / 'modes.csv', 'w', newline='') as file:
        rows = csv.writer(file)
        rows.writerow(['step', *losses])
        rows.writerows([k + 1, *(values[k] for values in losses.values())] for k in range(steps))
    figure = Figure(figsize=(8, 6.2))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    first = losses[args.modes[0]][:steps]
    print(f'{"mode":<28}{"step 1":>10}{"mean of the last 50":>22}{"largest difference":>20}')
    for mode, values in losses.items():
        values = values[:steps]
        above.plot(range(1, steps + 1), values, lw=1.3, label=mode)
        below.plot(range(1, steps + 1), 100 * (values - first) / first, lw=1.1)
        print(f'{mode:<28}{values[0]:>10.4f}{values[-50:].mean():>22.3f}'
              f'{np.abs(values - first).max():>20.4f}')
    above.set_ylabel('loss')
    above.legend(frameon=False, ncols=3, loc='lower center', bbox_to_anchor=(.5, 1.))
    below.set_ylabel('difference, %')
    below.set_xlabel('step')
    for axes in (above, below):
        axes.grid(color='#e8eaed')
        axes.spines[['top', 'right']].set_visible(False)
    for suffix in ('png', 'svg'):
        figure.savefig(args.out / f'modes.{suffix}', dpi=120, bbox_inches='tight')
    print(args.out / 'modes.png')


if __name__ == '__main__':
    run_command(main)
