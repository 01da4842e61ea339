"""A part of the GPU benchmark, and the sizes that it runs at."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lrfr_mm.analysis.benchmark.timing import Result

__all__ = ['Part', 'Scale', 'part']


@dataclass(frozen=True)
class Scale:
    """Sizes of a run: those of a GPU, or those of the dry run on a CPU.

    Attributes:
        device: 'cuda' or 'cpu'.
        dry: Whether it is the dry run.
        model: (name, config) of the recognizer of most parts.
        deep_model: Of a larger one.
        parity_model: Of one that a CPU trains as well.
        batch_sizes: Of the training steps: the first for every mode, the others in turn until the
            memory is full.
        vit: Config of the ViT recognizer.
        classes: Identities of the training steps' heads.
        head_classes: Identities of the heads measured alone.
        gallery: Entries of the gallery.
        images: JPEGs of the decoding and of the short training.
        repeats: Timed calls.
    """

    device: str
    dry: bool
    model: tuple[str, dict]
    deep_model: tuple[str, dict]
    parity_model: tuple[str, dict]
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
        return cls('cuda', False, ('r50', _face('FaceResNet', 50)),
                   ('r100', _face('IResNet', 100)), ('r18', _face('FaceResNet', 18, dropout=0.)),
                   (256, 512, 1024), _vit('vit_base_patch16_224'), 85742,
                   (1_000_000, 10_000_000, 29_000_000), 1_000_000, 20_000, 10)

    @classmethod
    def small(cls) -> Scale:
        """The dry run: every part on a CPU, in seconds."""
        tiny = dict(type='LRFRecognizer', backbone=dict(type='TIMMBackbone', out='pooled',
                                                        model_name='test_resnet'),
                    neck=dict(type='PoolNeck', embed_dim=32), head=dict(type='CosFaceHead'),
                    contrast_loss=dict(type='LogFExpLoss'))
        return cls('cpu', True, ('tiny', tiny), ('tiny', tiny), ('tiny', tiny), (2, 4),
                   _vit('test_vit'), 100, (1000, 3000), 2000, 48, 2)


@dataclass(frozen=True)
class Part:
    """One part: ``measure(scale)`` yields results as they come.

    Attributes:
        name: What ``--parts`` takes.
        title: Heading of its table.
        seconds: Time for it, of a run of eight minutes.
        measure: The function.
    """

    name: str
    title: str
    seconds: float
    measure: Callable[[Scale], Iterator[Result]]


def part(title: str, seconds: float) -> Callable[[Callable], Part]:
    """Make a part of a function, under its name."""
    return lambda function: Part(function.__name__, title, seconds, function)


def _face(kind: str, depth: int, dropout: float = .4) -> dict:
    return dict(type='LRFRecognizer', backbone=dict(type=kind, depth=depth),
                neck=dict(type='EmbeddingNeck', dropout=dropout), head=dict(type='CosFaceHead'),
                contrast_loss=dict(type='LogFExpLoss'))


def _vit(name: str) -> dict:
    return dict(type='LRFRecognizer', backbone=dict(type='TIMMBackbone', model_name=name),
                neck=dict(type='EmbeddingNeck'), head=dict(type='CosFaceHead'),
                contrast_loss=dict(type='LogFExpLoss'))
