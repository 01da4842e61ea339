"""From the rows of a scan to what a person wants to know."""
from __future__ import annotations

import numpy as np

from lrfr_mm.analysis.audit.duplicates import near_duplicates
from lrfr_mm.analysis.audit.scan import NO_LABEL, ScanResult
from lrfr_mm.datasets.sources.base import FaceSource

__all__ = ['summarise']

_EXAMPLES = 50


def _spread(values: np.ndarray) -> dict:
    if len(values) == 0:
        return {}
    low, median, high = np.percentile(values, [5, 50, 95])
    return dict(least=float(values.min()), p5=float(low), median=float(median), p95=float(high),
                most=float(values.max()), mean=float(values.mean()))


def summarise(source: FaceSource, result: ScanResult, distance: int = 4) -> dict:
    """Counts, spreads and examples, as JSON values.

    Labels must lie from 0 to ``source.num_classes`` - 1; images with others are counted in
    ``labels_out_of_range`` and belong to no person.

    Near duplicates are pairs whose perceptual hashes differ in at most ``distance`` of 64 bits and
    whose bytes differ. Pairs across two labels are the ones to look at: noise in the labels.
    """
    rows = result.rows
    good = rows[rows['readable']]
    known = rows['label'] != NO_LABEL
    inside = known & (rows['label'] >= 0) & (rows['label'] < source.num_classes)
    outside = np.flatnonzero(known & ~inside)
    labels, counts = np.unique(rows['label'][inside], return_counts=True)
    gaps = np.setdiff1d(np.arange(source.num_classes), labels)
    _, first, copies = np.unique(good['content'], return_index=True, return_counts=True)
    positions = np.flatnonzero(rows['readable'])
    kept = positions[np.sort(first)]  # one of each: copies are no near duplicates
    close = kept[near_duplicates(rows['look'][kept], distance)] if len(kept) else np.empty((0, 2),
                                                                                          int)
    across = rows['label'][close[:, 0]] != rows['label'][close[:, 1]] if len(close) else []
    sizes, size_counts = np.unique(np.stack([good['width'], good['height']], 1), axis=0,
                                   return_counts=True)
    common = np.argsort(-size_counts)[:10]

    def example(pair):
        return dict(first=source.name(int(pair[0])), second=source.name(int(pair[1])),
                    positions=[int(p) for p in pair],
                    labels=[int(rows['label'][p]) for p in pair])

    twice = _copies(rows, positions)
    return dict(
        source=repr(source), images=len(rows), people=len(labels), num_classes=source.num_classes,
        labels_out_of_range=dict(count=len(outside), examples=[
            dict(name=source.name(int(i)), label=int(rows['label'][i]))
            for i in outside[:_EXAMPLES]]),
        label_gaps=dict(count=len(gaps), first=gaps[:20].tolist()),
        images_per_person=_spread(counts), one_image=int((counts == 1).sum()),
        unreadable=dict(count=len(result.errors), examples=[
            dict(name=source.name(i), reason=reason) for i, reason in result.errors[:_EXAMPLES]]),
        exact_duplicates=dict(
            images=int((copies - 1).sum()),
            across_people=sum(a['labels'][0] != a['labels'][1] for a in map(example, twice)),
            examples=[example(pair) for pair in twice[:_EXAMPLES]]),
        near_duplicates=dict(
            pairs=len(close), distance=distance, across_people=int(np.sum(across)),
            examples=[example(pair) for pair in close[np.argsort(~np.asarray(across, bool),
                                                                 kind='stable')][:_EXAMPLES]]),
        sizes=[dict(width=int(sizes[k, 0]), height=int(sizes[k, 1]), images=int(size_counts[k]))
               for k in common],
        detail=_spread(good['detail'].astype(float)),
        detail_histogram=np.histogram(good['detail'], bins=[0, *range(8, 121, 8), 10000]
                                      )[0].tolist(),
        enlarged=dict(below_32=int((good['detail'] < 32).sum()),
                      below_56=int((good['detail'] < 56).sum())),
        brightness=_spread(good['brightness'].astype(float)),
        brightness_histogram=np.histogram(good['brightness'], bins=np.linspace(0, 256, 33)
                                          )[0].tolist(),
        per_person_histogram=np.histogram(counts, bins=_log_bins(counts))[0].tolist(),
        per_person_bins=_log_bins(counts).tolist())


def _copies(rows: np.ndarray, positions: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (first, copy) of images with equal bytes."""
    order = positions[np.argsort(rows['content'][positions], kind='stable')]
    content = rows['content'][order]
    begins = np.r_[True, content[1:] != content[:-1]] if len(content) else np.array([], bool)
    heads = order[np.flatnonzero(begins)][np.cumsum(begins) - 1] if len(content) else order
    return [(int(head), int(copy)) for head, copy in zip(heads, order, strict=True)
            if head != copy]


def _log_bins(counts: np.ndarray) -> np.ndarray:
    most = max(int(counts.max()), 1) if len(counts) else 1
    return np.unique(np.round(np.geomspace(1, most + 1, 24)).astype(int))
