"""Every export of a recognizer: what it loses at each face size, its size and its speed."""
import argparse
from pathlib import Path

from lrfr_mm.cli.common import add_model_arguments, load_embedder, parity_faces
from lrfr_mm.deployment.table import export_table, speed_table
from lrfr_mm.engine.cli import run_command
from lrfr_mm.files import make_directory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--faces', nargs='+', required=True, metavar='DIR', help='aligned faces to '
                        'compare on, one folder a person; or "drawn:PEOPLE"')
    parser.add_argument('--calibration-faces', nargs='+', required=True, metavar='DIR',
                        help='aligned faces of other people for int8')
    parser.add_argument('--limit', type=int, default=600, help='faces of each directory')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR',
                        help='directory of the exports and the tables')
    parser.add_argument('--threads', type=int, default=2, help='of the speeds (default: 2)')
    parser.add_argument('--speed-only', action='store_true', help='time exports that are there')
    add_model_arguments(parser)
    args = parser.parse_args()
    embedder = load_embedder(args)
    model = embedder.model.cpu()
    faces = parity_faces(args.faces, 3_000_000, embedder.size, args.limit)
    make_directory(args.out)
    if not args.speed_only:
        calibration = parity_faces(args.calibration_faces, 6_000_000, embedder.size, args.limit)
        losses = export_table(model, args.out, faces, calibration.images, embedder.size, args.flip,
                              lambda line: print(line, flush=True))
        losses.to_csv(args.out / 'losses.csv', index=False)
        print(losses.T.to_string(float_format='{:.4f}'.format))
    speeds = speed_table(model, args.out, faces.images, args.threads, args.flip)
    speeds.to_csv(args.out / 'speeds.csv', index=False)
    print(speeds.to_string(index=False, float_format='{:.2f}'.format))


if __name__ == '__main__':
    run_command(main)
