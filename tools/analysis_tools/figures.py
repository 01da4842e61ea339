"""The paper's figures on any checkpoints and faces, as PNG, SVG and CSV."""
import argparse

from lrfr_mm.analysis.figures.command import add_figure_arguments, run_figures
from lrfr_mm.engine.cli import run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_figure_arguments(parser)
    run_figures(parser.parse_args())


if __name__ == '__main__':
    run_command(main)
