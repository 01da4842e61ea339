"""Photographs whose faces have r px: what is lost to finding, aligning and embedding."""
import argparse
from pathlib import Path

from lrfr_mm.analysis.photograph_chain import (
    CHAIN_SIZES,
    DEFAULT_POLICIES,
    both_policies,
    chain_figure,
    photograph_chain,
)
from lrfr_mm.cli.common import add_model_arguments, load_embedder
from lrfr_mm.engine.cli import run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('photographs', help='one folder a person')
    parser.add_argument('--sizes', type=int, nargs='+', default=list(CHAIN_SIZES), metavar='PX')
    parser.add_argument('--detectors', nargs='+', metavar='NAME', help='registered detectors, each '
                        'alone and on enlarged tiles (default: MTCNNDetector)')
    parser.add_argument('--far', type=float, default=.01)
    parser.add_argument('--out', type=Path, required=True, help='directory of table and figure')
    add_model_arguments(parser)
    args = parser.parse_args()
    policies = DEFAULT_POLICIES if not args.detectors else [
        policy for name in args.detectors for policy in both_policies(name)]
    table = photograph_chain(load_embedder(args), args.photographs, policies, args.sizes, args.far)
    args.out.mkdir(parents=True, exist_ok=True)
    path = chain_figure(table, args.out)
    print(table.drop(columns=['left_out']).to_string(index=False, float_format='{:.3f}'.format))
    print(f'{int(table.left_out.iloc[0])} photographs were left out: no face at full size')
    print(f'figure: {path}')


if __name__ == '__main__':
    run_command(main)
