"""A part of the GPU benchmark, and the sizes that it runs at."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from lrfr_mm.analysis.benchmark.timing import Result

__all__ = ['PARTS', 'Part', 'Scale', 'is_out_of_memory', 'part']


@dataclass(frozen=True)
class Scale:
    """Sizes of a run: those of a GPU, or those of the dry run on a CPU.

    Attributes:
        device: 'cuda' or 'cpu'.
        dry: Whether it is the dry run.
        step_models: (name, config of a recognizer) of the training steps.
        batch_sizes: To try in turn, until the memory is full.
        vit: Config of the ViT recognizer.
        classes: Identities of the training steps' heads.
        head_classes: Identities of the heads measured alone.
        gallery: Entries of the gallery.
        images: JPEGs of the decoding and of the short training.
        repeats: Timed calls.
    """

    device: str
    dry: bool
    step_models: tuple
    batch_sizes: tuple[int, ...]
    vit: dict
    classes: int
    head_classes: tuple[int, ...]
    gallery: int
    images: int
    repeats: int

    @classmethod
    def full(cls) -> Scale:
        """On a GPU of 40 GiB and more."""
        return cls('cuda', False, (('r50', _resnet('FaceResNet', 50)), ('r100', _resnet('IResNet',
                                                                                        100))),
                   (128, 256, 512), _vit('vit_base_patch16_224'), 85742,
                   (1_000_000, 10_000_000, 29_000_000), 1_000_000, 20_000, 10)

    @classmethod
    def small(cls) -> Scale:
        """The dry run: every line of the benchmark, on a CPU, in a minute."""
        tiny = dict(type='LRFRecognizer',
                    backbone=dict(type='TIMMBackbone', model_name='test_resnet', out='pooled'),
                    neck=dict(type='PoolNeck', embed_dim=32), head=dict(type='CosFaceHead'),
                    contrast_loss=dict(type='LogFExpLoss'))
        return cls('cpu', True, (('tiny', tiny),), (4, 8), _vit('test_vit'), 100, (1000, 3000),
                   2000, 48, 2)


@dataclass(frozen=True)
class Part:
    """One part: ``measure(scale)`` yields results as they come.

    Attributes:
        name: What ``--parts`` takes.
        title: Heading of its table.
        seconds: Time limit, of a run of eight minutes.
        measure: The function.
    """

    name: str
    title: str
    seconds: float
    measure: Callable[[Scale], Iterator[Result]]


PARTS: dict[str, Part] = {}


def part(title: str, seconds: float) -> Callable:
    """Register a function as a part, under its own name; parts run in the order of their worth,
    which is that of their registration.
    """
    def register(function: Callable[[Scale], Iterator[Result]]) -> Callable:
        PARTS[function.__name__] = Part(function.__name__, title, seconds, function)
        return function
    return register


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, in torch or in cuBLAS."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or 'out of memory' in str(error)


def _resnet(kind: str, depth: int) -> dict:
    return dict(type='LRFRecognizer', backbone=dict(type=kind, depth=depth),
                neck=dict(type='EmbeddingNeck'), head=dict(type='CosFaceHead'),
                contrast_loss=dict(type='LogFExpLoss'))


def _vit(name: str) -> dict:
    return dict(type='LRFRecognizer', backbone=dict(type='TIMMBackbone', model_name=name),
                neck=dict(type='EmbeddingNeck'), head=dict(type='CosFaceHead'),
                contrast_loss=dict(type='LogFExpLoss'))
