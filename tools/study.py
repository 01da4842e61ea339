"""Train and test configs with several seeds, and put them side by side with their spread."""
import argparse
from pathlib import Path

from lrfr_mm.analysis.ablations import QUESTIONS, TABLES
from lrfr_mm.analysis.figures.command import add_figure_arguments, run_figures
from lrfr_mm.analysis.methods import MethodStudy, run_methods
from lrfr_mm.analysis.study.command import CHOICES, StudySettings, run_seeds, run_table
from lrfr_mm.engine.cli import run_command


def _add_common(command: argparse.ArgumentParser, out_help: str,
                metrics_help: str | None = None) -> None:
    command.add_argument('--seeds', type=int, default=3, help='repetitions, with seeds 0, 1, ...')
    command.add_argument('--out', required=True, type=Path, help=out_help)
    command.add_argument('--jobs', type=int, default=1, help='runs at a time, dealt to the GPUs, '
                         'or with a share of the cores each')
    if metrics_help is not None:
        command.add_argument('--metrics', nargs='+', help=metrics_help)
    command.add_argument('--minutes', type=float, help='start no further run after so many, and '
                         'make the tables of what there is; a second start goes on')
    command.add_argument('--amp', action='store_true', help='bfloat16 autocast in training')
    command.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                         help='override settings of all configs')


def _settings(args: argparse.Namespace) -> StudySettings:
    return StudySettings(args.seeds, args.out, args.jobs, getattr(args, 'metrics', None), args.amp,
                         args.cfg_options, args.minutes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    command = commands.add_parser('seeds', help='configs against each other; the first is what the '
                                  'others are compared with')
    command.set_defaults(function=lambda args: run_seeds(args.configs, _settings(args)))
    command.add_argument('configs', nargs='+', help='config files')
    _add_common(command, 'directory of all runs; a second start goes on where the first ended',
                'columns (default: the accuracies)')
    for name, rows in CHOICES.items():
        kind = ('the paper\'s table' if name in TABLES else 'open question' if name in QUESTIONS
                else 'rows of all of these')
        command = commands.add_parser(name, help=f'{kind}: {", ".join(rows)}')
        command.set_defaults(table=name, function=lambda args: run_table(
            args.table, args.base, args.rows, _settings(args)))
        command.add_argument('--base', required=True, help='config to change row by row')
        command.add_argument('--rows', nargs='+', help='default: all')
        _add_common(command, 'directory of all runs; rows of the same name are the same in all '
                    'tables, and run once', 'our columns (default: the paper\'s, or the accuracies '
                    'at 7, 14, 20 and 112 px)')
    command = commands.add_parser('methods', help='the methods of configs/methods under one '
                                  'protocol, with a search of the main hyper-parameter of each')
    command.set_defaults(function=lambda args: run_methods(
        MethodStudy(args.base, args.methods, args.common, args.test, args.rows, args.against,
                    args.epochs, args.search_epochs, args.chosen), _settings(args)))
    command.add_argument('--base', default=MethodStudy.common,
                         help='config that the methods change (default: %(default)s)')
    command.add_argument('--methods', type=Path, default=MethodStudy.methods,
                         help='directory with a config a method (default: %(default)s)')
    command.add_argument('--common', default=MethodStudy.common,
                         help='config that these configs have in common (default: %(default)s)')
    command.add_argument('--test', default=MethodStudy.test,
                         help='config of the test and of the held-out part (default: %(default)s)')
    command.add_argument('--rows', nargs='+', help='names of methods (default: all)')
    command.add_argument('--against', default=MethodStudy.against,
                         help='method that the others are compared with (default: %(default)s)')
    command.add_argument('--epochs', type=int, help='of each run of the table, with a schedule of '
                         'the same shape (default: those of the base)')
    command.add_argument('--search-epochs', type=int, help='of each run of the search (default: '
                         'half of them)')
    command.add_argument('--chosen', type=Path, metavar='FILE', help='search/chosen.json of an '
                         'earlier study: its values are taken, nothing is searched')
    _add_common(command, 'directory of all runs; a second start goes on where the first ended')
    command = commands.add_parser('figures', help='the paper\'s figures, of any models')
    command.set_defaults(function=run_figures)
    add_figure_arguments(command)
    args = parser.parse_args()
    args.function(args)


if __name__ == '__main__':
    run_command(main)
