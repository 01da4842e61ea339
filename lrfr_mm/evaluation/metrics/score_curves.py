"""Curves of similarity scores that several metrics show."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.verification import roc_points
from lrfr_mm.evaluation.metrics.curve import Axis, Curve, Line

__all__ = ['score_curves', 'thin_steps']


def thin_steps(rates: np.ndarray, max_points: int = 300, lowest: float = 1e-6) -> np.ndarray:
    """Which points of a rising step function to keep, so that its plot stays the same.

    Args:
        rates: Horizontal positions in rising order, 0 to 1, (K,); read on a logarithmic axis.
        max_points: Most points to keep.
        lowest: Positions below count as this one.

    Returns:
        Indices, ascending, at most ``max_points``.
    """
    moves = np.diff(rates) > 0
    corners = np.flatnonzero(np.r_[True, moves[1:] | moves[:-1], True])
    if len(corners) <= max_points:
        return corners
    position = np.log10(np.maximum(rates[corners], lowest))
    wanted = np.linspace(position[0], position[-1], max_points)
    return corners[np.unique(np.clip(np.searchsorted(position, wanted), 0, len(corners) - 1))]


def score_curves(scores: np.ndarray, is_same: np.ndarray, section: str) -> list[Curve]:
    """ROC (at most 300 points) and the histograms of both kinds of pairs (paper, Figures 5 and 1).

    Args:
        scores: Cosine similarities, (N,).
        is_same: True for pairs of one identity, bool (N,).
        section: Heading of the report under which they stand.

    Returns:
        Two curves; the ROC has rates in percent against the false accept rate from 0 to 1, the
        histogram the share of each kind of pairs, percent, in 80 bins from -1 to 1.
    """
    far, tar, _ = roc_points(scores, is_same)
    kept = thin_steps(far)
    edges = np.linspace(-1, 1, 81)

    def share(kind: np.ndarray) -> list[float]:
        return (100 * np.histogram(scores[kind], edges)[0] / kind.sum()).tolist()

    return [
        Curve(section, 'ROC', Axis('false accept rate', 'log', limits=(None, 1)),
              Axis('true accept rate, %', limits=(0, 101)),
              [Line(far[kept].tolist(), (100 * tar[kept]).tolist(), style='step')]),
        Curve(section, 'similarities', Axis('cosine similarity', limits=(-.6, 1)),
              Axis('share of pairs, %', limits=(0, None)),
              [Line(edges.tolist(), share(~is_same), 'different person', 'area', 1),
               Line(edges.tolist(), share(is_same), 'same person', 'area', 2)])]
