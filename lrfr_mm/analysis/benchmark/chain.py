"""From photographs to embeddings: an inferencer against the same chain written plainly."""
from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from lrfr_mm.analysis.benchmark.timing import Result
from lrfr_mm.ops.align import warp_face

__all__ = ['benchmark_chain', 'plain_chain']


@torch.no_grad()
def plain_chain(paths: Sequence[Path], detector, model: torch.nn.Module, size: int = 112
                ) -> np.ndarray:
    """Read, detect, align and embed, one picture and one face after the other.

    Args:
        paths: Of the photographs.
        detector: A detector.
        model: A recognizer in eval mode, on the CPU.
        size: Side of the aligned faces, px.

    Returns:
        Unit vectors of all faces, float32 (N, D).
    """
    out = []
    for path in paths:
        image = cv2.imread(str(path))[..., ::-1]
        for face in detector.detect(image):
            crop = torch.from_numpy(warp_face(image, face.landmarks, size))
            normalised = model.data_preprocessor.normalise(crop.permute(2, 0, 1)[None].float())
            out.append(F.normalize(model.embed(normalised)).numpy())
    return np.concatenate(out)


def benchmark_chain(inferencer, paths: Sequence[Path], batch_size: int = 8, repeats: int = 3
                    ) -> list[Result]:
    """Time both in turn.

    Args:
        inferencer: A :class:`~lrfr_mm.apis.inferencer.FaceInferencer` on the CPU, whose embedder
            has ``flip_test='none'``.
        paths: Of photographs.
        batch_size: Of the inferencer.
        repeats: Runs of each, after one that is not counted.

    Returns:
        Photographs/s of both (medians), the ratio, and the least cosine of their embeddings of the
        same face.
    """
    def inferred() -> np.ndarray:
        results = inferencer.stream([str(path) for path in paths], batch_size)
        return np.stack([face.embedding for result in results for face in result.faces])

    def plain() -> np.ndarray:
        return plain_chain(paths, inferencer.detector, inferencer.model, inferencer.embedder.size)

    least = float(np.einsum('nd,nd->n', plain(), inferred()).min())
    times: dict[str, list[float]] = {'plain': [], 'inferred': []}
    for _ in range(repeats):
        for name, chain in (('plain', plain), ('inferred', inferred)):
            start = time.perf_counter()
            chain()
            times[name].append(time.perf_counter() - start)
    slow, fast = median(times['plain']), median(times['inferred'])
    return [Result('a plain loop, a face at a time', len(paths) / slow, 'images/s'),
            Result(f'FaceInferencer, batches of {batch_size}', len(paths) / fast, 'images/s',
                   {'': f'{slow / fast:.2f} x the plain loop', 'least cosine': least})]
