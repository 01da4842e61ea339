"""Train and test configs with several seeds, and put them side by side with their spread."""
import argparse
from pathlib import Path

from mmengine.config import Config

from lrfr_mm.analysis.ablations import PAPER_COLUMNS, QUESTIONS, TABLES, apply_ablation
from lrfr_mm.analysis.figures.command import add_figure_arguments, run_figures
from lrfr_mm.analysis.figures.studies import study_figure, weight_figure
from lrfr_mm.analysis.figures.subjects import parse_subject
from lrfr_mm.analysis.study import (
    Row,
    ablation_markdown,
    collect,
    default_metrics,
    items_of_runs,
    run_rows,
    write_study,
)
from lrfr_mm.engine.cli import run_command
from lrfr_mm.files import write_text

CHOICES = {**TABLES, **QUESTIONS,
           'any': {name: row for rows in (*TABLES.values(), *QUESTIONS.values())
                   for name, row in rows.items()}}


def _add_common(command: argparse.ArgumentParser, out_help: str, metrics_help: str) -> None:
    command.add_argument('--seeds', type=int, default=3, help='repetitions, with seeds 0, 1, ...')
    command.add_argument('--out', required=True, type=Path, help=out_help)
    command.add_argument('--jobs', type=int, default=1, help='runs at a time, dealt to the GPUs, '
                         'or with a share of the cores each')
    command.add_argument('--metrics', nargs='+', help=metrics_help)
    command.add_argument('--amp', action='store_true', help='bfloat16 autocast in training')
    command.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                         help='override settings of all configs')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    command = commands.add_parser('seeds', help='configs against each other; the first is what the '
                                  'others are compared with')
    command.set_defaults(function=seeds)
    command.add_argument('configs', nargs='+', help='config files')
    _add_common(command, 'folder of all runs; a second start goes on where the first ended',
                'columns (default: the accuracies)')
    for name, rows in CHOICES.items():
        kind = ('the paper\'s table' if name in TABLES else 'open question' if name in QUESTIONS
                else 'rows of all of these')
        command = commands.add_parser(name, help=f'{kind}: {", ".join(rows)}')
        command.set_defaults(function=table, table=name)
        command.add_argument('--base', required=True, help='config to change row by row')
        command.add_argument('--rows', nargs='+', choices=tuple(rows), help='default: all')
        _add_common(command, 'folder of all runs; rows of the same name are the same in all '
                    'tables, and run once', 'our columns (default: the paper\'s, or the accuracies '
                    'at 7, 14, 20 and 112 px)')
    command = commands.add_parser('figures', help='the paper\'s figures, of any models')
    command.set_defaults(function=run_figures)
    add_figure_arguments(command)
    args = parser.parse_args()
    for name in ('seeds', 'jobs'):
        if getattr(args, name, 1) < 1:
            raise ValueError(f'--{name} must be at least 1, got {getattr(args, name)}')
    args.function(args)


def table(args) -> None:
    """The rows of one of the paper's tables, or of an open question, on any base.

    Rows of the same name are the same in all of them, and run once in one ``--out``.
    """
    if not Path(args.base).is_file():
        raise FileNotFoundError(f'config {args.base} does not exist')
    base = Config.fromfile(args.base)
    table = CHOICES[args.table]
    rows = {name: table[name] for name in args.rows or table}
    runs = []
    for name, row in rows.items():
        path = args.out / 'configs' / f'{name}.py'
        write_text(path, apply_ablation(base, row).pretty_text)
        runs.append(Row(name, str(path)))
    numbers = list(range(args.seeds))
    run_rows(runs, numbers, args.out, Path(__file__).parent, args.cfg_options,
             ['--amp'] if args.amp else [], args.jobs)
    results = collect(runs, numbers, args.out)
    have = next(iter(results.values()))
    metrics = args.metrics or [m for m in PAPER_COLUMNS if m in have] or default_metrics(
        list(have), args.table)
    text = ablation_markdown({name: (row.published, row.against) for name, row in rows.items()},
                             results, {run.name: items_of_runs(run, numbers, args.out)
                                       for run in runs}, metrics,
                             PAPER_COLUMNS if args.table in TABLES else ())
    write_text(args.out / f'{args.table}.md', text)
    print(text)
    print(study_figure(results, metrics, args.out, args.table))
    if args.table == 'weight':
        subjects = [parse_subject(f'{run.name}={run.folder(args.out, 0).parent}') for run in runs]
        chosen = [m for m in metrics if m.endswith(('@7', '@112'))] or metrics
        print(weight_figure(subjects, results, chosen, args.out))


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
             ['--amp'] if args.amp else [], args.jobs)
    results = collect(rows, numbers, args.out)
    metrics = args.metrics or [key for key in results[names[0]] if 'accuracy' in key
                               and 'std' not in key]
    print(f'\nmean ± standard deviation over {args.seeds} seeds, %:\n')
    print(write_study(args.out, results, metrics))


if __name__ == '__main__':
    run_command(main)
