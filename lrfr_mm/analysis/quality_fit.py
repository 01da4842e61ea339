"""The weight of QMagFace's score, fitted on the faces that a model was trained on."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from lrfr_mm.datasets.benchmarks import SampledPairs
from lrfr_mm.engine.checkpoint import load_recognizer
from lrfr_mm.engine.embedding import embed_benchmark
from lrfr_mm.evaluation.functional import (
    fit_quality_weight,
    quality_weighted_scores,
    tar_at_far,
)
from lrfr_mm.evaluation.metrics import View
from lrfr_mm.models.build import checkpoint_config, embedding_config
from lrfr_mm.registry import MODELS

__all__ = ['fit_quality']


def fit_quality(config: Config, checkpoint: str, num_pairs: int = 6000,
                resolutions: Sequence[int] = (), far: float = 1e-2, seed: int = 0
                ) -> tuple[dict[str, float], tuple[float, float]]:
    """Fit the weight on pairs of the config's training set.

    Args:
        config: Of the training; its ``train_dataloader.dataset.source`` is read.
        checkpoint: Of the same training.
        num_pairs: Pairs, half of each kind.
        resolutions: Sides in px; each image of a pair is shown at one of them or as it is, drawn
            anew for each pair, so that qualities differ. Empty for images as they are.
        far: False accept rate of the fit.
        seed: Of the pairs and the resolutions.

    Returns:
        ``dict(slope=, offset=)`` for ``PairVerification(quality=)``, and the true accept rates of
        these pairs without and with it, 0 to 1.
    """
    init_default_scope(config.get('default_scope', 'lrfr_mm'))
    model = MODELS.build(checkpoint_config(embedding_config(config.model)))
    load_recognizer(model, checkpoint)
    model = model.to('cuda' if torch.cuda.is_available() else 'cpu').eval()
    pairs = SampledPairs('training set', source=config.train_dataloader.dataset.source,
                         num_pairs=num_pairs, seed=seed)
    shown = [View(resolution) for resolution in (None, *resolutions)]
    by_view = embed_benchmark(model, pairs, shown)
    embeddings = np.stack([by_view[view] for view in shown])
    drawn = np.random.default_rng(seed).integers(len(shown), size=pairs.pairs.shape)
    first, second = (embeddings[drawn[:, side], pairs.pairs[:, side]] for side in (0, 1))
    lengths = [np.linalg.norm(vectors, axis=1) for vectors in (first, second)]
    scores = (first * second).sum(1) / (lengths[0] * lengths[1])
    weight = fit_quality_weight(scores, pairs.is_same, *lengths, far)
    weighted = quality_weighted_scores(scores, *lengths, **weight)
    return weight, tuple(tar_at_far(s, pairs.is_same, [far])[far] for s in (scores, weighted))
