"""What is in a set of faces, and what is wrong: python tools/audit_dataset.py SET --out DIR.

Writes audit.json and audit.html: counts, sizes, unreadable images, copies (also under two labels),
label gaps, how much detail the images really have, brightness, and, against a benchmark's people,
identities that both share.
"""
import argparse
import os

from lrfr_mm.analysis.audit import audit_lines, audit_to
from lrfr_mm.datasets.convert import detect_source
from lrfr_mm.datasets.jobs import CLUSTERS
from lrfr_mm.engine.cli import run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('set', help='a folder of people, RecordIO, LMDB, shards or Parquet')
    parser.add_argument('--out', required=True, help='directory to make')
    parser.add_argument('--against', metavar='SET', help='a benchmark\'s people: are any of them '
                        'in the set?')
    parser.add_argument('--model', nargs=2, metavar=('CONFIG', 'CHECKPOINT'),
                        help='compare the people of both sets by their embeddings too')
    parser.add_argument('--threshold', type=float, default=.6, help='least cosine of one person\'s '
                        'two means (default 0.6; it depends on the model)')
    parser.add_argument('--images', type=int, default=10, help='images of a person to embed '
                        '(default 10)')
    parser.add_argument('--distance', type=int, default=4, help='bits of 64 in which near copies '
                        'may differ (default 4)')
    parser.add_argument('--workers', type=int, default=os.cpu_count())
    parser.add_argument('--cluster', default='local', help=f'one of {", ".join(CLUSTERS)}')
    args = parser.parse_args()
    embed = None
    if args.against and args.model:
        from lrfr_mm.apis import Embedder
        embed = Embedder(*args.model).embed
    summary = audit_to(
        args.out, detect_source(args.set), args.distance,
        detect_source(args.against) if args.against else None, embed, args.images, args.threshold,
        args.workers, args.cluster)
    print('\n'.join([*audit_lines(summary), f'{args.out}/audit.json', f'{args.out}/audit.html']))


if __name__ == '__main__':
    run_command(main)
