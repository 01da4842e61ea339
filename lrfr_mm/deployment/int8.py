"""int8: the faces that it is fitted on, how near it stays, and the layers that stay in float."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lrfr_mm.deployment.parity import PARITY_SIZES, unit
from lrfr_mm.errors import InputError

__all__ = ['LEAST_FACES', 'float_layers', 'mean_cosine', 'split_calibration']

_RANGE_GROUPS, _PROBE_GROUPS = 20, 8  # of one face of each size
LEAST_FACES = 2 * len(PARITY_SIZES)


def split_calibration(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces to measure ranges on, and others to measure the closeness on, drawn with seed 0.

    Args:
        faces: uint8 (N, 3, H, H) of ``mixed_sizes``, at least 10.

    Returns:
        Up to 100 faces for the ranges, uint8 (G, 5, 3, H, H): groups of one face of each size;
        and up to 40 others by size, uint8 (5, M, 3, H, H).
    """
    sizes = len(PARITY_SIZES)
    count = len(faces) // sizes
    groups = faces[:count * sizes].reshape(count, sizes, *faces.shape[1:])
    groups = groups[np.random.default_rng(0).permutation(count)]
    probes = min(_PROBE_GROUPS, count // 2)
    return (groups[probes:probes + _RANGE_GROUPS],
            np.ascontiguousarray(groups[:probes].swapaxes(0, 1)))


def mean_cosine(embeddings: np.ndarray, known: np.ndarray) -> float:
    """Mean over the rows of the cosine of (N, D) and (N, D)."""
    return float(np.einsum('nd,nd->n', unit(embeddings), unit(known)).mean())


def float_layers(weights: Mapping[str, int], closeness: Callable[[Sequence[str]], float],
                 wanted: float) -> Sequence[str]:
    """The layers that have to stay in float, so that the others can be int8.

    Each layer is quantised alone. Layers are left in float in the order of what they cost, 1 less
    the cosine, for each weight that they save; how many of them is found by bisection.

    Args:
        weights: Layers, and how many weights each has.
        closeness: From layers that stay in float to the mean cosine of the embeddings with the
            original's at the size where it is least.
        wanted: The closeness to reach.

    Returns:
        Layers; none where the network is near enough with all of them quantised.

    Raises:
        InputError: If no layer could be quantised.
    """
    if closeness([]) >= wanted:
        return []
    costs = {layer: (1 - closeness([other for other in weights if other != layer])) / max(count, 1)
             for layer, count in weights.items()}
    order = sorted(weights, key=lambda layer: -costs[layer])
    few, enough = 0, len(order)
    while enough - few > 1:
        half = (few + enough) // 2
        if closeness(order[:half]) >= wanted:
            enough = half
        else:
            few = half
    if enough == len(order):
        raise InputError('int8 would leave every layer in float: with any of them quantised, the '
                         f'mean cosine with the original is below {wanted:g} on the calibration '
                         'faces')
    return order[:enough]
