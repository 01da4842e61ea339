"""Which channel order and scale a network was trained with, told by faces of a few people."""
from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope

from lrfr_mm.datasets.face_dataset import FaceDataset
from lrfr_mm.engine.checkpoint import load_recognizer
from lrfr_mm.engine.embedding import embed_images
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.functional import unit_vectors
from lrfr_mm.evaluation.functional.verification import auc
from lrfr_mm.evaluation.metrics import View
from lrfr_mm.models.build import embedding_config
from lrfr_mm.registry import MODELS

__all__ = ['SCALES', 'InputTrial', 'check_input']

# Name: what is subtracted from values of 0 to 255, and what they are divided by afterwards.
SCALES = {'(x - 127.5) / 127.5': (127.5, 127.5), '(x - 127.5) / 128': (127.5, 128.),
          'x / 255': (0., 255.),
          'ImageNet': ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)), 'raw': (0., 1.)}


@dataclass(frozen=True)
class InputTrial:
    """How well one channel order and scale separates people.

    Attributes:
        order: 'rgb' or 'bgr'.
        scale: A key of ``SCALES``, or 'config' for the config's own values.
        auc: Area under the ROC of all pairs of faces, percent; 50 for chance.
        distance: d', the difference of the two mean similarities over their pooled deviation.
    """

    order: str
    scale: str
    auc: float
    distance: float


def check_input(config: Config, checkpoint: str | None, faces: str | os.PathLike,
                limit: int = 400, batch_size: int = 32) -> list[InputTrial]:
    """Embed faces of a few people under every order and scale.

    Args:
        config: The recognizer's.
        checkpoint: A .pth file, or None for a network that needs none.
        faces: Folder of people, each with two or more aligned faces.
        limit: Faces that are used at most, the first ones.
        batch_size: Images a forward pass.

    Returns:
        The config's own setting first, then the others, best first: by AUC, then by d'.

    Raises:
        InputError: If there are no pairs of both kinds among the faces.
    """
    init_default_scope(config.get('default_scope', 'lrfr_mm'))
    model = MODELS.build(embedding_config(config.model)).eval()
    load_recognizer(model, checkpoint)
    own = model.data_preprocessor
    size = own.size or getattr(model.backbone, 'img_size', None) or 112
    dataset = FaceDataset(dict(type='FolderFaces', root=os.fspath(faces)),
                          [dict(type='ResizeFace', size=size)], image_size=size)
    images = [dataset[i] for i in range(min(limit, len(dataset)))]
    labels = np.array([image['gt_label'] for image in images])
    first, second = np.triu_indices(len(labels), 1)
    same = labels[first] == labels[second]
    if same.all() or not same.any():
        raise InputError(f'{faces}: the first {len(labels)} faces need pairs of one person and of '
                         'two people')

    def trial(order: str, scale: str) -> InputTrial:
        vectors = unit_vectors(embed_images(model, images, [View()], batch_size,
                                            name=str(faces))[View()])
        scores = (vectors @ vectors.T)[first, second]
        mates, others = scores[same], scores[~same]
        spread = np.sqrt((mates.var() + others.var()) / 2)
        return InputTrial(order, scale, 100 * auc(scores, same),
                          float((mates.mean() - others.mean()) / max(spread, 1e-12)))

    configured = trial(own.channel_order, 'config')
    trials = []
    for order in ('rgb', 'bgr'):
        for scale, (mean, std) in SCALES.items():
            model.data_preprocessor = MODELS.build(dict(
                type='FacePreprocessor', mean=mean, std=std, channel_order=order, size=own.size))
            trials.append(trial(order, scale))
    return [configured, *sorted(trials, key=lambda one: (-one.auc, -one.distance))]
