"""Class weights for fine-tuning on new people."""
from __future__ import annotations

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch.nn import functional as F

from lrfr_mm.datasets.decode import decode
from lrfr_mm.engine.embedding import embed_images
from lrfr_mm.errors import ConfigError
from lrfr_mm.registry import HOOKS

__all__ = ['ClassMeansHook', 'set_class_means']


@torch.no_grad()
def set_class_means(weight: torch.Tensor, unit: torch.Tensor, labels: torch.Tensor) -> int:
    """Set the rows of the classes in ``labels`` to the unit mean of their embeddings.

    Args:
        weight: Class weights (C, D), changed in place.
        unit: Unit embeddings (N, D).
        labels: Class of each, int64 (N,), on the device of ``unit``.

    Returns:
        Number of classes that were set.
    """
    known = labels.unique()
    sums = unit.new_zeros(weight.shape).index_add_(0, labels, unit)
    weight[known.to(weight.device)] = F.normalize(sums[known]).to(weight)
    return len(known)


@HOOKS.register_module()
class ClassMeansHook(Hook):
    """Before a fine-tuning starts, sets each class weight to the mean of the unit embeddings of
    that person's images: a new head then does not disturb a trained network.

    A resumed training is left as it is. (Imprinted weights: Qi et al., CVPR 2018.)

    Args:
        images: At most so many images of a person, the first ones of the set.
        batch_size: Images of a forward pass.

    Raises:
        ConfigError: If the model has no head with a ``weight`` (C, D) on this process, or the set
            is a stream.
    """

    priority = 'LOW'  # after the checkpoint was loaded

    def __init__(self, images: int = 20, batch_size: int = 64):
        self.images, self.batch_size = images, batch_size

    def before_train(self, runner) -> None:
        if runner.iter > 0:
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        dataset = runner.train_loop.dataloader.dataset
        weight = getattr(model.head, 'weight', None)
        if weight is None or getattr(model.head, 'sharded', False):
            raise ConfigError('ClassMeansHook needs a head with one weight (classes, embedding '
                              'size) on each process')
        if dataset.source.streaming:
            raise ConfigError('ClassMeansHook needs a set with random access, not a stream')
        labels = dataset.source.labels()
        chosen = np.concatenate([np.flatnonzero(labels == person)[:self.images]
                                 for person in np.unique(labels)])
        training = model.training
        model.eval()
        vectors = embed_images(model, _Plain(dataset, chosen), batch_size=self.batch_size,
                               name=repr(dataset.source))
        model.train(training)
        unit = F.normalize(torch.from_numpy(next(iter(vectors.values()))))
        known = set_class_means(weight, unit, torch.from_numpy(labels[chosen]))
        runner.logger.info(f'the class weights of {known} people are the means of '
                           f'{len(chosen)} embeddings')


class _Plain:
    """Images of a FaceDataset without its random transforms, resized where their size differs."""

    def __init__(self, dataset, positions: np.ndarray):
        self.dataset, self.positions = dataset, positions
        self.still = [step for step in dataset.pipeline if not hasattr(step, 'key_of')]

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: int) -> dict:
        data, label = self.dataset.source.read(int(self.positions[index]))
        image = data if isinstance(data, np.ndarray) else decode(data, self.dataset.decoder)
        results = dict(img=image, gt_label=int(label), sample_idx=int(self.positions[index]))
        for step in self.still:
            results = step(results)
        return results
