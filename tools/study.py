"""Train and test configs with several seeds, and put them side by side with their spread."""
import argparse
from pathlib import Path

from lrfr_mm.analysis.study import Row, collect, run_rows, write_study
from lrfr_mm.engine.launch import run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    command = commands.add_parser('seeds', help='configs against each other; the first is what the '
                                  'others are compared with')
    command.set_defaults(function=seeds)
    command.add_argument('configs', nargs='+', help='config files')
    command.add_argument('--seeds', type=int, default=3, help='repetitions, with seeds 0, 1, ...')
    command.add_argument('--out', required=True, type=Path, help='folder of all runs; a second '
                         'start goes on where the first ended')
    command.add_argument('--metrics', nargs='+', help='columns (default: the accuracies)')
    command.add_argument('--amp', action='store_true', help='bfloat16 autocast in training')
    command.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                         help='override settings of all configs')
    args = parser.parse_args()
    args.function(args)


def seeds(args) -> None:
    """Every config with every seed."""
    names = [Path(config).stem for config in args.configs]
    if len(set(names)) < len(names):
        raise ValueError(f'two configs have the same name: {", ".join(names)}')
    for config in args.configs:
        if not Path(config).is_file():
            raise FileNotFoundError(f'config {config} does not exist')
    rows = [Row(name, config) for name, config in zip(names, args.configs, strict=True)]
    numbers = list(range(args.seeds))
    run_rows(rows, numbers, args.out, Path(__file__).parent, args.cfg_options,
             ['--amp'] if args.amp else [])
    results = collect(rows, numbers, args.out)
    metrics = args.metrics or [key for key in results[names[0]] if 'accuracy' in key
                               and 'std' not in key]
    print(f'\nmean ± standard deviation over {args.seeds} seeds, %:\n')
    print(write_study(args.out, results, metrics))


if __name__ == '__main__':
    run_command(main)
