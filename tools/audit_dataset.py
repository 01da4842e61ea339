"""What is in a set of faces, and what is wrong: python tools/audit_dataset.py SET --out DIR.

Writes audit.json and audit.html: counts, sizes, unreadable images, copies (also under two labels),
label gaps, how much detail the images really have, brightness, and, against a benchmark's people,
identities that both share.
"""
import argparse
import json
import os
from pathlib import Path

import numpy as np

from lrfr_mm.analysis.audit import (
    scan,
    shared_by_embedding,
    shared_by_name,
    summarise,
    write_audit,
)
from lrfr_mm.datasets.convert import detect_source
from lrfr_mm.datasets.decode import decode
from lrfr_mm.engine.cli import run_command
from lrfr_mm.files import write_text


def people_means(embedder, source, images: int) -> np.ndarray:
    """Unit mean embedding of each person, from up to ``images`` images of each."""
    labels = source.labels()
    order = np.argsort(labels, kind='stable')
    rank = np.arange(len(order)) - np.searchsorted(labels[order], labels[order])
    chosen = np.sort(order[rank < images])
    vectors = embedder.embed(decode(source.read(int(i))[0]) for i in chosen)
    means = np.zeros((source.num_classes, vectors.shape[1]), np.float32)
    np.add.at(means, labels[chosen], vectors)
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('set', help='a folder of people, RecordIO, LMDB, shards or Parquet')
    parser.add_argument('--out', required=True, type=Path)
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
    args = parser.parse_args()
    source = detect_source(args.set)
    summary = summarise(source, scan(source, args.workers), args.distance)
    if args.against:
        other = detect_source(args.against)
        summary['shared'] = dict(against=repr(other), by_name=shared_by_name(source, other))
        if args.model:
            from lrfr_mm.apis import Embedder
            embedder = Embedder(*args.model)
            alike = shared_by_embedding(*(people_means(embedder, s, args.images)
                                          for s in (source, other)), args.threshold)
            names = [s.people or [str(k) for k in range(s.num_classes)] for s in (source, other)]
            summary['shared'].update(threshold=args.threshold, by_embedding=[
                dict(train=names[0][a], test=names[1][b], cosine=c) for a, b, c in alike])
    write_text(args.out / 'audit.json', json.dumps(summary, indent=2) + '\n')
    page = write_audit(args.out / 'audit.html', source, summary)
    print(f'{source}: {summary["people"]} people, {summary["unreadable"]["count"]} unreadable, '
          f'{summary["exact_duplicates"]["images"]} exact and '
          f'{summary["near_duplicates"]["pairs"]} near copies, median detail '
          f'{summary["detail"].get("median", 0):.0f} px\n{args.out / "audit.json"}\n{page}')


if __name__ == '__main__':
    run_command(main)
