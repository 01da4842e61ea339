"""Parameters and floating-point operations (2 x multiply-adds) of a config's embedding network."""
import argparse

from mmengine.registry import init_default_scope

from lrfr_mm.analysis.complexity import model_size
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.config import add_common_arguments, load_config
from lrfr_mm.models.build import embedding_config
from lrfr_mm.registry import MODELS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='a config file, e.g. configs/lrfr/r50_ms1m.py')
    parser.add_argument('--input-size', type=int, default=112,
                        help='side of the image that the network gets, px')
    add_common_arguments(parser)
    args = parser.parse_args()
    config = load_config(args)
    init_default_scope(config.get('default_scope', 'lrfr_mm'))
    print(f'{"part":10} {"parameters":>14} {"GFLOP":>9}  output')
    for part in model_size(MODELS.build(embedding_config(config.model)), args.input_size):
        print(f'{part.name:10} {part.parameters:14,} {part.flops / 1e9:9.3f}  '
              f'{"x".join(map(str, part.output))}')


if __name__ == '__main__':
    run_command(main)
