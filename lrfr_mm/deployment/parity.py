"""How far an exported network is from the original, at every face size, and how fast it is."""
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch

from lrfr_mm.datasets.benchmarks.sampled_pairs import sample_pairs
from lrfr_mm.evaluation.functional.intervals import paired_comparison
from lrfr_mm.evaluation.functional.verification import kfold_verification
from lrfr_mm.ops.resample import degrade

__all__ = ['PARITY_SIZES', 'ParityFaces', 'ParityReport', 'measure_parity', 'measure_speed',
           'mixed_sizes']

PARITY_SIZES = (7, 10, 14, 20, 112)
_BATCH = 32

Network = Callable[[np.ndarray], np.ndarray]


@dataclass
class ParityFaces:
    """Faces to measure on.

    Attributes:
        images: uint8 RGB (N, 3, H, H).
        labels: Identities, int (N,).
        source: What they are, for the report.
    """

    images: np.ndarray
    labels: np.ndarray
    source: str


@dataclass
class ParityReport:
    """The comparison of an exported network with the original.

    Attributes:
        rows: One dict a face size: ``size`` (px), ``cosine_mean`` and ``cosine_min`` of the two
            embeddings of each face, ``accuracy`` and ``accuracy_original`` (verification, %), and
            ``loss_low`` to ``loss_high``, the 95 % interval of their difference over the pairs.
        megabytes: Size of the exported files.
        latency_p50, latency_p95: Of one face, ms.
        throughput: Faces a second in batches of 32.
        original_latency_p50, original_throughput: Of the original on as many threads.
        threads: Threads of both.
        source: What the faces were.
    """

    rows: list[dict] = field(default_factory=list)
    megabytes: float = 0.
    latency_p50: float = 0.
    latency_p95: float = 0.
    throughput: float = 0.
    original_latency_p50: float = 0.
    original_throughput: float = 0.
    threads: int = 1
    source: str = ''

    def losses(self) -> dict[int, float]:
        """Loss of accuracy at each size, percentage points; negative where the export is better."""
        return {row['size']: row['accuracy_original'] - row['accuracy'] for row in self.rows}

    def to_dict(self) -> dict:
        """Plain numbers, for JSON."""
        return asdict(self)

    def text(self) -> str:
        """The table for a terminal."""
        lines = ['size  cosine mean      min   accuracy  original  loss, 95 %']
        lines += [f'{row["size"]:>4}  {row["cosine_mean"]:11.5f}  {row["cosine_min"]:7.4f}  '
                  f'{row["accuracy"]:9.2f}  {row["accuracy_original"]:8.2f}  '
                  f'{row["loss_low"]:.2f} to {row["loss_high"]:.2f}' for row in self.rows]
        lines.append(
            f'{self.megabytes:.1f} MB; one face {self.latency_p50:.1f} ms (p95 '
            f'{self.latency_p95:.1f}), the original {self.original_latency_p50:.1f} ms; '
            f'{self.throughput:.0f} faces/s in batches of {_BATCH}, the original '
            f'{self.original_throughput:.0f}; {self.threads} thread(s); {self.source}')
        return '\n'.join(lines)


def mixed_sizes(images: np.ndarray, sizes: Sequence[int] = PARITY_SIZES) -> np.ndarray:
    """``images``, uint8 (N, 3, H, W), each degraded to one of ``sizes`` in turn."""
    wanted = np.array([sizes[k % len(sizes)] for k in range(len(images))])
    return degrade(torch.from_numpy(images), np.minimum(wanted, images.shape[-1])).numpy()


def in_batches(network: Network, images: np.ndarray) -> np.ndarray:
    """Embeddings of all images, (N, D), in batches of 32."""
    return np.concatenate([network(np.ascontiguousarray(images[start:start + _BATCH]))
                           for start in range(0, len(images), _BATCH)])


def measure_parity(original: Network, exported: Network, faces: ParityFaces,
                   sizes: Sequence[int] = PARITY_SIZES, num_pairs: int = 6000, repeats: int = 30
                   ) -> ParityReport:
    """Compare two networks that should be the same.

    Both images of each pair are degraded to the size (Pillow's bicubic); accuracy is that of
    ``kfold_verification`` ('exact', 10 folds) on pairs drawn with seed 0.

    Args:
        original, exported: From uint8 (N, 3, H, H) to embeddings (N, D).
        faces: What to measure on.
        sizes: Face sizes, px.
        num_pairs: Pairs to draw; fewer where the faces do not give as many.
        repeats: Timed calls.
    """
    pairs, is_same = sample_pairs(faces.labels, num_pairs, seed=0)
    report = ParityReport(source=faces.source, threads=torch.get_num_threads())
    for size in sizes:
        shown = degrade(torch.from_numpy(faces.images), min(size, faces.images.shape[-1])).numpy()
        both = [unit(in_batches(network, shown)) for network in (original, exported)]
        cosines = np.einsum('nd,nd->n', *both)
        before, after = (kfold_verification(np.einsum(
            'nd,nd->n', vectors[pairs[:, 0]], vectors[pairs[:, 1]]), is_same) for vectors in both)
        loss = paired_comparison(after['correct'], before['correct'])
        report.rows.append(dict(
            size=size, cosine_mean=float(cosines.mean()), cosine_min=float(cosines.min()),
            accuracy=100 * after['accuracy'], accuracy_original=100 * before['accuracy'],
            loss_low=100 * loss['low'], loss_high=100 * loss['high']))
    report.original_latency_p50, _, report.original_throughput = measure_speed(
        original, faces.images, repeats)
    report.latency_p50, report.latency_p95, report.throughput = measure_speed(
        exported, faces.images, repeats)
    return report


def measure_speed(network: Network, images: np.ndarray, repeats: int = 30
                  ) -> tuple[float, float, float]:
    """Median and 95th percentile of the latency of one face, ms, and faces/s in batches of 32.

    Args:
        network: From uint8 (N, 3, H, H) to embeddings.
        images: Faces to embed.
        repeats: Timed calls with one face; 5 with a batch.
    """
    one = 1e3 * np.array(_time(network, images[:1], repeats))
    many = _time(network, images[np.arange(_BATCH) % len(images)], 5)
    return float(np.median(one)), float(np.percentile(one, 95)), _BATCH / float(np.median(many))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, float64."""
    vectors = np.asarray(vectors, np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _time(network: Network, images: np.ndarray, repeats: int) -> list[float]:
    """Seconds of each of ``repeats`` calls after one that is not counted."""
    network(images)
    out = []
    for _ in range(repeats):
        begin = time.perf_counter()
        network(images)
        out.append(time.perf_counter() - begin)
    return out
