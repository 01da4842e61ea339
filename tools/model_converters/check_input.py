"""Which channel order and scale a network expects, without its documentation.

python tools/model_converters/check_input.py CONFIG [CHECKPOINT] FACES

Embeds a few aligned faces (FACES/PERSON/*.png, two or more of each person) in RGB and BGR and with
the usual scales, and says which separates the people best. Settings that differ by less than a
tenth of a point of AUC cannot be told apart by so few faces.
"""
import argparse

from lrfr_mm.analysis.input_check import check_input
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.config import read_config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('checkpoint', nargs='?', help='none for a network without weights of ours')
    parser.add_argument('faces')
    parser.add_argument('--limit', type=int, default=400, help='faces at most (default: 400)')
    args = parser.parse_args()
    configured, *trials = check_input(read_config(args.config), args.checkpoint, args.faces,
                                      args.limit)
    print(f'{"order":<6}{"scale":<22}{"AUC, %":>8}{"d-prime":>9}')
    for trial in [*trials, configured]:
        print(f'{trial.order:<6}{trial.scale:<22}{trial.auc:8.2f}{trial.distance:9.2f}')
    best = trials[0]
    print(f'best: {best.order.upper()}, {best.scale}')
    if best.auc > configured.auc + .1:
        print(f"the config's setting is {best.auc - configured.auc:.2f} points below it: set "
              "mean, std and channel_order of its data_preprocessor")
    else:
        print("the config's setting is as good")


if __name__ == '__main__':
    run_command(main)
