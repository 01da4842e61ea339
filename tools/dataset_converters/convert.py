"""Convert a set of faces: folder, RecordIO, LMDB, tar shards and Parquet, each to each.

Images are copied byte for byte. What lies at SOURCE is recognised by its files. A conversion that
was cut goes on when it is started again.
"""
import argparse
import os

from lrfr_mm.datasets.convert import convert, detect_source, format_names
from lrfr_mm.datasets.jobs import CLUSTERS
from lrfr_mm.engine.cli import imports_parser, run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, parents=[imports_parser()],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', help='folder of people, or a folder with train.rec and '
                        'train.idx, data.mdb, shards.json or *.parquet')
    parser.add_argument('destination', help='must not be there yet')
    parser.add_argument('--to', required=True, choices=format_names())
    parser.add_argument('--workers', type=int, default=os.cpu_count())
    parser.add_argument('--cluster', default='local', metavar='|'.join(CLUSTERS),
                        help='where the workers run (default: processes of this machine)')
    parser.add_argument('--chunk', type=int, default=2000, help='images of a shard or Parquet file '
                        '(default 2000)')
    parser.add_argument('--image-size', type=int, default=112, help='side that RecordIO\'s '
                        'property file states (default 112)')
    args = parser.parse_args()
    source = detect_source(args.source)
    print(source)
    convert(source, args.to, args.destination, args.workers, args.chunk, args.image_size,
            cluster=args.cluster)
    print(detect_source(args.destination))


if __name__ == '__main__':
    run_command(main)
