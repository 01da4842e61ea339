"""Embeddings of simulated tracks fused by weights against the plain mean, on aligned faces."""
import argparse

from lrfr_mm.analysis.track_fusion import TrackSettings, several_faces, track_fusion
from lrfr_mm.cli.common import add_model_arguments, face_source, load_embedder
from lrfr_mm.engine.cli import run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('faces', nargs='+', help='directories of aligned faces, one folder a '
                        'person; or "drawn:PEOPLE"')
    parser.add_argument('--sizes', type=int, nargs=2, default=(7, 28), metavar='PX',
                        help='smallest and largest view (default: 7 28)')
    parser.add_argument('--tracks', type=int, default=4, help='of each person (default: 4)')
    parser.add_argument('--most', type=int, default=12, help='faces of a person (default: 12)')
    parser.add_argument('--degradation', default='camera')
    parser.add_argument('--seed', type=int, default=0)
    add_model_arguments(parser)
    args = parser.parse_args()
    embedder = load_embedder(args)
    faces = several_faces([face_source(text, first_identity=5_000_000) for text in args.faces],
                          args.most)
    table = track_fusion(embedder.embed, faces.images, faces.labels,
                         TrackSettings(smallest=args.sizes[0], largest=args.sizes[1],
                                       tracks=args.tracks, degradation=args.degradation,
                                       seed=args.seed))
    print(f'{faces.labels.max() + 1} people, {len(faces)} faces, {args.tracks} tracks each')
    print(table.to_string(index=False, float_format='{:.2f}'.format))


if __name__ == '__main__':
    run_command(main)
