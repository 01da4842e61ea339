"""How well a recognizer tells people apart at each face size, on all pairs of a small set."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from lrfr_mm.engine.embedding import embed_images
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.metrics import View

__all__ = ['CROSS', 'SIZES', 'auc_differences', 'pair_aucs', 'size_embeddings']

SIZES = (112, 20, 14, 10, 7)
CROSS = (14, 10, 7)


def size_embeddings(model: torch.nn.Module, faces: Sequence[np.ndarray],
                    degradation: str = 'bicubic', sizes: Sequence[int] = SIZES,
                    batch_size: int = 50) -> dict[int, np.ndarray]:
    """Unit embeddings of faces at each size.

    Args:
        model: A recognizer in eval mode.
        faces: Aligned, uint8 RGB (112, 112, 3) each.
        degradation: A name of ``DEGRADATIONS``.
        sizes: Face sizes, px; 112 is the face as it is.
        batch_size: Faces of a forward pass.

    Returns:
        Size to float32 (N, D).
    """
    views = {size: View() if size >= 112 else View(resolution=size, degradation=degradation)
             for size in sizes}
    samples = [dict(img=face, gt_label=0, sample_idx=k) for k, face in enumerate(faces)]
    found = embed_images(model, samples, tuple(views.values()), batch_size)
    return {size: found[view] / np.linalg.norm(found[view], axis=1, keepdims=True)
            for size, view in views.items()}


def pair_aucs(embeddings: Mapping[int, np.ndarray], labels: np.ndarray,
              weights: np.ndarray | None = None) -> dict[str, float]:
    """Area under the ROC curve of all pairs i < j, percent.

    Args:
        embeddings: Of :func:`size_embeddings`.
        labels: Person of each face, (N,).
        weights: How often each person counts, one number for each face; default once.

    Returns:
        ``'20'``: both faces at 20 px; ``'7 against 112'``: face i at 112 px, face j at 7 px.

    Raises:
        InputError: If there are no two faces of one person, or of two people.
    """
    first, second = np.triu_indices(len(labels), 1)
    is_same = labels[first] == labels[second]
    if is_same.all() or not is_same.any():
        raise InputError('pairs of one person and of two people are needed: at least two people, '
                         'one of them with two photographs')
    counts = None
    if weights is not None:  # a person drawn twice brings the pairs inside it twice, not fourfold
        counts = np.where(is_same, weights[first], weights[first] * weights[second])

    def area(one: np.ndarray, other: np.ndarray) -> float:
        scores = (one[first] * other[second]).sum(1)
        return 100 * float(roc_auc_score(is_same, scores, sample_weight=counts))

    out = {str(size): area(vectors, vectors) for size, vectors in embeddings.items()}
    for size in CROSS:
        if size in embeddings and 112 in embeddings:
            out[f'{size} against 112'] = area(embeddings[112], embeddings[size])
    return out


def auc_differences(before: Mapping[int, np.ndarray], after: Sequence[Mapping[int, np.ndarray]],
                    labels: np.ndarray, draws: int = 300, seed: int = 0
                    ) -> dict[str, tuple[float, float, float]]:
    """What adaptation brought, with an interval over people and runs.

    Both are resampled with replacement, the same people for before and after (a paired bootstrap).

    Args:
        before: Embeddings of the network before, at each size.
        after: Embeddings of each run after.
        labels: Person of each face, (N,).
        draws: Resamplings.
        seed: Of the resamplings.

    Returns:
        For each value of :func:`pair_aucs`: mean difference, and the ends of its 95 % interval.
    """
    people, person = np.unique(labels, return_inverse=True)
    rng = np.random.default_rng(seed)
    start = pair_aucs(before, labels)
    ends = [pair_aucs(run, labels) for run in after]
    mean = {name: float(np.mean([end[name] - start[name] for end in ends])) for name in start}
    drawn: dict[str, list[float]] = {name: [] for name in start}
    for _ in range(draws):
        counts = rng.multinomial(len(people), np.full(len(people), 1 / len(people)))
        weights = counts[person].astype(float)
        if (counts > 0).sum() < 2:
            continue
        low = pair_aucs(before, labels, weights)
        for run in rng.integers(len(after), size=len(after)):
            high = pair_aucs(after[run], labels, weights)
            for name in start:
                drawn[name].append((high[name] - low[name]) / len(after))
    out = {}
    for name, values in drawn.items():
        sums = np.reshape(values, (-1, len(after))).sum(1)
        out[name] = (mean[name], *np.percentile(sums, [2.5, 97.5]).tolist())
    return out
