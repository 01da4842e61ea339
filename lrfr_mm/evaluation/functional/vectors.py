"""Embeddings of unit length."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['normalise', 'unit_vectors']


def normalise(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide each row of ``vectors`` (N, D) by its L2 norm; a row of zeros stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float32)


def unit_vectors(embeddings: Any, name: str = 'embedding') -> NDArray[np.float32]:
    """Check embeddings and normalise them.

    Args:
        embeddings: Numbers, (N, D).
        name: What one row is called in an error message.

    Returns:
        float32 (N, D) with rows of length 1.

    Raises:
        ValueError: For another shape, or NaN or infinite numbers; the text has the first row.
    """
    embeddings = np.asarray(embeddings, dtype=np.float32)
    if embeddings.ndim != 2:
        raise ValueError(f'{name} must be (N, D), got shape {embeddings.shape}')
    finite = np.isfinite(embeddings).all(1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise ValueError(f'{name} {bad[0]} has NaN or infinite numbers ({len(bad)} in all)')
    return normalise(embeddings)
