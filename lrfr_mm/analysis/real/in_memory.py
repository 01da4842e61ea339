"""A recipe of configs/adapt trained on faces that lie in the device's memory.

Model, losses, LR views, optimizer groups and frozen layers are those of the recipe's config. What
differs from tools/adapt.py is the loop: no files, no worker processes, LR views made on the device,
so that a table of many short trainings fits into minutes.
"""
from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import nn
from torch.nn import functional as F

from lrfr_mm.analysis.real.people import FaceSet
from lrfr_mm.engine.checkpoint import load_recognizer
from lrfr_mm.engine.hooks.class_means import set_class_means
from lrfr_mm.errors import ConfigError
from lrfr_mm.ops.draws import sample_key
from lrfr_mm.ops.jitter import JitterDraw, jitter_images
from lrfr_mm.registry import MODELS, type_name
from lrfr_mm.structures import FaceDataSample

__all__ = ['Budget', 'HRAugmentation', 'Training', 'adapt_in_memory', 'build_recipe_model',
           'unit_embeddings']


@dataclass(frozen=True)
class Budget:
    """How long a training is.

    Attributes:
        steps: Steps of the optimizer.
        batch_size: Faces of a step, each with an HR and an LR view.
        seconds: The schedule ends after so many at the latest, with fewer steps.
        amp: bfloat16 autocast.
        channels_last: Weights and maps in channels-last layout.
    """

    steps: int = 1000
    batch_size: int = 64
    seconds: float = math.inf
    amp: bool = False
    channels_last: bool = False


@dataclass(frozen=True)
class HRAugmentation:
    """Changes of a face before its two views are made; the teacher sees them too.

    Attributes:
        jitter: Arguments of :class:`~lrfr_mm.ops.jitter.JitterDraw`; None for none.
        light: Largest change of contrast, brightness (as a share of 128) and of each channel's
            gain: .3 is from 0.7 to 1.3.
        grey: Share of the faces without colour.
    """

    jitter: dict | None = None
    light: float = 0.
    grey: float = 0.

    def __call__(self, images: torch.Tensor, keys: np.ndarray,
                 generator: torch.Generator) -> torch.Tensor:
        """uint8 (B, 3, H, W) to the same."""
        if self.jitter is not None:
            images = jitter_images(images, JitterDraw(**self.jitter), keys)
        if not self.light and not self.grey:
            return images

        def signed(*shape: int) -> torch.Tensor:
            return 2 * torch.rand(len(images), *shape, generator=generator,
                                  device=images.device) - 1

        x = images.float()
        grey = (signed(1, 1, 1) + 1) / 2 < self.grey
        x = torch.where(grey, x.mean(1, keepdim=True), x)
        middle = x.mean((1, 2, 3), keepdim=True)
        x = (x - middle) * (1 + self.light * signed(1, 1, 1)) + middle
        x = x * (1 + self.light / 2 * signed(3, 1, 1)) + 128 * self.light * signed(1, 1, 1)
        return x.round().clamp(0, 255).to(torch.uint8)


@dataclass
class Training:
    """What a training was.

    Attributes:
        steps: Steps that were made.
        seconds: Wall time of the loop.
        memory: Largest allocation on the device, bytes; 0 on the CPU.
        trained: Weights that were trained.
        weights: All weights of the embedding network.
        log: Step and losses, a row now and then.
    """

    steps: int
    seconds: float
    memory: int
    trained: int
    weights: int
    log: list[dict[str, float]]


def build_recipe_model(config: Config, num_classes: int, device: str,
                       channels_last: bool = False) -> nn.Module:
    """The recognizer of an adaptation's config on ``device``, with the weights it starts from.

    The LR views of the recipe's MultiResAug are made by the preprocessor, with the same draws.

    Args:
        config: Of ``apply_recipe``.
        num_classes: People in the training set, for a recipe with a head.
        device: 'cuda' or 'cpu'.
        channels_last: See Budget.

    Raises:
        ConfigError: If the recipe's pipeline has no MultiResAug.
    """
    steps = config.train_dataloader.dataset.pipeline
    views = next((dict(step) for step in steps if type_name(step) == 'MultiResAug'), None)
    if views is None:
        raise ConfigError('train_dataloader.dataset.pipeline has no MultiResAug: nothing says what '
                          'the LR views are')
    for name in ('type', 'backend', 'seed'):
        views.pop(name, None)
    model = config.model
    model.data_preprocessor.multi_res = views
    # One pass for both views: without batch norm it gives the same numbers.
    model.joint_forward, model.channels_last = True, channels_last
    if device != 'cpu':
        model.data_preprocessor.resample = 'batched'
    if model.get('head') is not None:
        model.head.num_classes = num_classes
    if model.get('teacher') is not None:
        model.teacher.cache = None  # on the device computing it is faster than looking it up
    built = MODELS.build(model)
    if config.get('load_from'):
        load_recognizer(built, config.load_from)
    else:  # adapters, whose base network has its weights already
        MMLogger.get_current_instance().setLevel(logging.WARNING)  # not a line for each tensor
        built.init_weights()
    return built.to(device)


def adapt_in_memory(config: Config, faces: FaceSet, budget: Budget, seed: int = 0,
                    augmentation: HRAugmentation | None = None, device: str = 'cpu',
                    say: Callable[[str], None] = lambda line: None) -> tuple[nn.Module, Training]:
    """Train a recipe.

    Args:
        config: Of ``apply_recipe``.
        faces: What it is trained on. A recipe with a head uses those that have a label.
        budget: How long. The learning rate is the recipe's, with a warm-up of 5 % and a cosine to
            zero over the whole of it.
        seed: Of the order, the views and a new head.
        augmentation: Of both views.
        device: 'cuda' or 'cpu'.
        say: Called with a line of progress now and then.

    Returns:
        The recognizer in eval mode, and what its training was.
    """
    torch.manual_seed(seed)
    if config.model.get('head') is not None:
        faces = faces.of_people()
    model = build_recipe_model(config, int(faces.labels.max()) + 1, device,
                               budget.channels_last)
    images = torch.from_numpy(faces.images).permute(0, 3, 1, 2).contiguous().to(device)
    labels = torch.from_numpy(faces.labels).to(device)
    if model.head is not None:
        set_class_means(model.head.weight, unit_embeddings(model.eval(), images), labels)
    optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    rates = [group['lr'] for group in optimizer.param_groups]
    trained = sum(p.numel() for group in optimizer.param_groups for p in group['params'])
    generator = torch.Generator(device).manual_seed(seed)
    order = _shuffled(len(faces), np.random.default_rng(seed), budget.batch_size)
    model.train()
    if device != 'cpu':
        torch.cuda.reset_peak_memory_stats()
    log, start, step, progress = [], time.perf_counter(), 0, 0.
    while progress < 1:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group['lr'] = rate * min(1., (progress + .001) / .05) * .5 * (
                1 + math.cos(math.pi * progress))
        chosen = next(order)
        keys = sample_key(seed, step, chosen)
        places = torch.from_numpy(chosen).to(device)
        batch = images[places]
        if augmentation is not None:
            batch = augmentation(batch, keys, generator)
        samples = FaceDataSample(gt_label=labels[places], rng_key=torch.from_numpy(keys))
        data = model.data_preprocessor(dict(inputs=dict(hr=batch), data_samples=samples), True)
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=budget.amp):
            losses = model.loss(data['inputs'], data['data_samples'])
        total = sum(losses.values())
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
        step += 1
        passed = time.perf_counter() - start
        progress = max(step / budget.steps, passed / budget.seconds)
        if step % max(1, budget.steps // 20) == 0 or progress >= 1:
            log.append(dict(step=step, seconds=round(passed, 2),
                            **{name: round(value.item(), 5) for name, value in losses.items()}))
            say(str(log[-1]))
    memory = 0 if device == 'cpu' else torch.cuda.max_memory_allocated()
    network = [model.backbone, model.neck]
    return model.eval(), Training(step, time.perf_counter() - start, memory, trained,
                                  sum(p.numel() for part in network for p in part.parameters()),
                                  log)


def _shuffled(count: int, rng: np.random.Generator, batch_size: int):
    """Positions of batches without end, int64 (batch_size,), each face once in an epoch."""
    left = np.empty(0, np.int64)
    while True:
        while len(left) < batch_size:
            left = np.concatenate([left, rng.permutation(count)])
        yield left[:batch_size]
        left = left[batch_size:]


@torch.no_grad()
def unit_embeddings(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Unit embeddings, float32 (N, D) on the model's device, computed without TF32.

    Args:
        model: A recognizer in eval mode.
        images: uint8 (N, 3, 112, 112), on any device.
    """
    device, normalise = next(model.parameters()).device, model.data_preprocessor.normalise
    with torch.backends.cudnn.flags(allow_tf32=False):
        return F.normalize(torch.cat([model.embed(normalise(part.to(device).float()))
                                      for part in images.split(100)]))
