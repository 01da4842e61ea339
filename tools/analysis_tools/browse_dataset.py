"""The HR and LR views that a training sees, as a PNG sheet, and in a window where there is one."""
import argparse
from pathlib import Path

from lrfr_mm.analysis.browse import contact_sheet, has_display, training_samples
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.config import add_common_arguments, load_config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='a config file, e.g. configs/lrfr/demo.py')
    parser.add_argument('--out', type=Path, help='PNG file (default: browse.png in the work dir)')
    parser.add_argument('--count', type=int, default=24, help='number of samples')
    parser.add_argument('--columns', type=int, default=8, help='samples in a row')
    parser.add_argument('--epoch', type=int, default=0, help='epoch of the visit, from 0')
    parser.add_argument('--seed', type=int, default=0, help='seed of the run')
    parser.add_argument('--not-show', action='store_true', help='open no window')
    add_common_arguments(parser)
    args = parser.parse_args()
    config = load_config(args)
    sheet = contact_sheet(training_samples(config, args.count, args.epoch, args.seed),
                          args.columns)
    out = args.out or Path(config.work_dir, 'browse.png')
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out, 'PNG')
    print(out)
    if has_display() and not args.not_show:
        sheet.show(title=args.config)


if __name__ == '__main__':
    run_command(main)
