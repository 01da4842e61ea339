"""Write the embedding network of a checkpoint alone, with a hash in the file's name."""
import argparse

from lrfr_mm.apis.publish import publish_model
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.config import add_common_arguments, load_config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', help='a checkpoint of tools/train.py')
    parser.add_argument('out', help="name of the file, ending in '.pth' or '.safetensors'")
    parser.add_argument('--config', help='config of the training: checks the weights, and writes '
                        'the config of the embedding network beside the file')
    add_common_arguments(parser)
    args = parser.parse_args()
    print(publish_model(args.checkpoint, args.out, load_config(args) if args.config else None))


if __name__ == '__main__':
    run_command(main)
