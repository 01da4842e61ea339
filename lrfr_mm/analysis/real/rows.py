"""Rows of the table that compares ways to adapt a recognizer to small faces."""
from __future__ import annotations

from dataclasses import dataclass, field

from lrfr_mm.analysis.real.in_memory import HRAugmentation

__all__ = ['ROWS', 'Row']

_VIEWS = 'train_dataloader.dataset.pipeline.1.'
_LR_JITTER = dict(scale=.04, rotation=4., shift=.02, elastic=.01)
_CAMERA = {f'{_VIEWS}degradation': ('bicubic', 'second_order'), f'{_VIEWS}jitter': _LR_JITTER}
_CROPS = HRAugmentation(jitter=dict(scale=.12, rotation=8., shift=.03))
_LIGHT = HRAugmentation(jitter=dict(scale=.12, rotation=8., shift=.03), light=.3, grey=.2)
_SIMILAR = 'adapt/distill_similarity'


@dataclass(frozen=True)
class Row:
    """One way to adapt.

    Attributes:
        recipe: A config of configs/adapt.
        options: Overrides of its keys.
        augmentation: Of the faces before their views are made.
        length: Steps, as a multiple of the table's.
        what: In words, for the table.
    """

    recipe: str
    options: dict = field(default_factory=dict)
    augmentation: HRAugmentation | None = None
    length: float = 1.
    what: str = ''


def _loss(index: int, **arguments) -> dict:
    return {f'model.losses.{index}.{name}': value for name, value in arguments.items()}


def _sizes(**ratio: float) -> dict:
    """Sizes and how often each of them is drawn: ``_sizes(r7=2, r20=1)``."""
    return {f'{_VIEWS}resolutions': tuple(int(name[1:]) for name in ratio),
            f'{_VIEWS}ratio': tuple(ratio.values())}


_EVERY = {f'{_VIEWS}resolutions': tuple(range(6, 25)), f'{_VIEWS}ratio': (1,) * 19}

# The table of the ways: each without and with the camera pipeline and the jitter.
ROWS = {
    'distill': Row('adapt/distill_folder', what='distillation'),
    'similarity': Row(_SIMILAR, what='distillation with similarities'),
    'method': Row('adapt/method', length=.5, what="the paper's method"),
    'both': Row('adapt/method_distill', length=.5, what='method and distillation'),
    'lora': Row('adapt/lora', what='LoRA, distillation'),
    'lora-mixed': Row('adapt/lora_mixed', what='LoRA for small faces, mixed by quality'),
}
ROWS |= {f'{name}-camera': Row(row.recipe, {**row.options, **_CAMERA}, row.augmentation,
                               .5 * row.length, f'{row.what}; camera, jitter')
         for name, row in ROWS.items()}
# Choices within the distillation.
ROWS |= {
    'similarity-light': Row(_SIMILAR, {}, _LIGHT, what='similarities; HR crops, light, grey'),
    'similarity-crops': Row(_SIMILAR, {}, _CROPS, what='similarities; HR crops'),
    'similarity-long': Row(_SIMILAR, _loss(2, loss_weight=3.), _LIGHT, 4.,
                           'similarities, HR kept three times as hard; HR crops, light; four times '
                           'the steps'),
    'similarity-sharp': Row(_SIMILAR, _loss(1, teacher_temperature=.02, temperature=.05), _LIGHT,
                            what='similarities, lower temperatures; HR crops, light'),
    'similarity-strong': Row(_SIMILAR, _loss(1, loss_weight=.5), _LIGHT,
                             what='similarities in half weight; HR crops, light'),
    'similarity-keep': Row(_SIMILAR, _loss(2, loss_weight=5.), _LIGHT,
                           what='similarities, HR kept five times as hard; HR crops, light'),
    'similarity-sizes': Row(_SIMILAR, _EVERY, _LIGHT,
                            what='similarities, sizes 6 to 24 px; HR crops, light'),
    'similarity-small': Row(_SIMILAR, _sizes(r7=3, r10=2, r14=1, r20=1), _LIGHT,
                            what='similarities, more 7 px; HR crops, light'),
    'similarity-fast': Row(_SIMILAR, {'optim_wrapper.optimizer.lr': 1e-3}, _LIGHT,
                           what='similarities, rate 1e-3; HR crops, light'),
    'similarity-slow': Row(_SIMILAR, {'optim_wrapper.optimizer.lr': 2.5e-4}, _LIGHT,
                           what='similarities, rate 2.5e-4; HR crops, light'),
    'distill-light': Row('adapt/distill_folder', {}, _LIGHT,
                         what='distillation; HR crops, light, grey'),
}
