"""The rows of the paper's Tables 4, 5 and 6, and of the questions it left open, as changes of any
config; with what was published.
"""
from __future__ import annotations

import copy
from dataclasses import dataclass, field

from mmengine.config import Config

__all__ = ['PAPER_COLUMNS', 'QUESTIONS', 'TABLES', 'Ablation', 'apply_ablation']

# SCface rank 1 (d1, d2, d3, mean; not fine-tuned), XQLFW, LFW. Tables 5 prints the last two only.
PAPER_COLUMNS = ('scface/d1/rank1', 'scface/d2/rank1', 'scface/d3/rank1', 'scface/mean/rank1',
                 'xqlfw/accuracy', 'lfw/accuracy')


@dataclass(frozen=True)
class Ablation:
    """One row.

    Attributes:
        views: Arguments of MultiResAug that change; None for HR views only. In ``curriculum``, the
            epochs are fractions of the whole training.
        contrast: Config of the distance between the views; None for none.
        published: The paper's numbers, in the order of ``PAPER_COLUMNS``; None where it has none.
        against: Row that it is compared with.
        model: Arguments of the model that change.
    """

    views: dict | None = field(default_factory=lambda: dict(MAUG))
    contrast: dict | None = None
    published: tuple = ()
    against: str | None = None
    model: dict = field(default_factory=dict)


MAUG = dict(resolutions=(7, 14, 20), ratio=(1, 1, 2))
AUG = dict(resolutions=(14,), ratio=(1,))
PAUG = dict(resolutions=(7, 14, 28, 56), ratio=(1, 1, 1, 1))


def _ours(p: int = 1, loss_weight: float = 1.) -> dict:
    return dict(type='LogFExpLoss', p=p, loss_weight=loss_weight)


def _lp(p: int) -> dict:
    return dict(type='LpDistanceLoss', p=p)


def _table5(weight: float, xqlfw: float, lfw: float) -> Ablation:
    return Ablation(contrast=_ours(1, weight), published=(None, None, None, None, xqlfw, lfw),
                    against='lambda_1')


def _table6(ratio: tuple, *published: float) -> Ablation:
    return Ablation(dict(resolutions=(7, 14, 20), ratio=ratio), _ours(), published, 'ratio_1_1_2')


TABLES: dict[str, dict[str, Ablation]] = {
    'table4': {
        'baseline': Ablation(None, None, (40.3, 92.8, 98.5, 77.2, 68.95, 99.42)),
        'aug': Ablation(AUG, None, (71.5, 92.8, 96.3, 86.8, 84.33, 98.65), 'baseline'),
        'maug': Ablation(MAUG, None, (67.0, 95.3, 98.0, 86.8, 90.89, 98.98), 'baseline'),
        'paug_ours1': Ablation(PAUG, _ours(1), (60.3, 95.3, 98.8, 84.8, 90.35, 99.02),
                               'maug_ours1'),
        'aug_l1': Ablation(AUG, _lp(1), (67.3, 94.5, 94.8, 85.5, 85.23, 98.57), 'aug'),
        'aug_ours1': Ablation(AUG, _ours(1), (70.0, 94.8, 96.5, 87.1, 87.78, 98.60), 'aug_l1'),
        'maug_ours1': Ablation(MAUG, _ours(1), (73.0, 96.0, 98.8, 89.3, 92.18, 99.03), 'maug'),
        'aug_l2': Ablation(AUG, _lp(2), (71.8, 90.0, 92.8, 84.8, 84.87, 98.50), 'aug'),
        'aug_ours2': Ablation(AUG, _ours(2), (72.5, 92.3, 94.3, 86.3, 86.88, 98.63), 'aug_l2'),
        'maug_ours2': Ablation(MAUG, _ours(2), (74.0, 95.5, 97.8, 89.1, 91.98, 99.08), 'maug'),
    },
    'table5': {
        'lambda_0.1': _table5(.1, 91.97, 98.86), 'lambda_1': _table5(1., 92.18, 99.03),
        'lambda_3': _table5(3., 92.25, 98.91), 'lambda_5': _table5(5., 92.45, 98.89),
        'lambda_7': _table5(7., 92.31, 98.91), 'lambda_10': _table5(10., 92.17, 98.78),
    },
    'table6': {
        'ratio_1_1_0': _table6((1, 1, 0), 73.8, 94.0, 96.8, 88.2, 92.43, 98.68),
        'ratio_0_1_1': _table6((0, 1, 1), 71.5, 95.8, 98.3, 88.5, 83.52, 99.05),
        'ratio_1_0_1': _table6((1, 0, 1), 65.3, 94.8, 97.8, 86.0, 90.53, 99.02),
        'ratio_1_1_1': _table6((1, 1, 1), 72.5, 96.5, 98.3, 89.1, 91.45, 98.88),
        'ratio_1_2_1': _table6((1, 2, 1), 72.8, 95.0, 98.0, 88.6, 91.68, 98.82),
        'ratio_2_1_1': _table6((2, 1, 1), 72.8, 96.8, 97.3, 88.9, 92.05, 98.75),
        'ratio_1_1_2': _table6((1, 1, 2), 73.0, 96.0, 98.8, 89.3, 92.18, 99.03),
    },
}


_METHOD = Ablation(MAUG, _ours())


def _variant(model: dict | None = None, **views) -> Ablation:
    """The method with something changed."""
    return Ablation(dict(MAUG, **views), _ours(), against='maug_ours1', model=model or {})


def _weighted(contrast: dict) -> Ablation:
    return Ablation(MAUG, contrast, against='maug')


QUESTIONS: dict[str, dict[str, Ablation]] = {
    'migration': {
        'baseline': Ablation(None, None),
        **{'aug_ours1' if r == 14 else f'single_{r}': Ablation(
            dict(resolutions=(r,), ratio=(1,)), _ours(), against='baseline') for r in (20, 14, 7)},
        'maug_ours1': Ablation(MAUG, _ours(), against='baseline'),
    },
    'weight': {
        'maug': Ablation(MAUG, None),
        **{'maug_ours1' if weight == 1 else f'formula_{weight:g}': _weighted(_ours(1, weight))
           for weight in (.1, 1., 10., 100., 1000.)},
        **{f'released_{weight:g}': _weighted(dict(_ours(1, weight), form='released'))
           for weight in (1., 10., 100., 1000.)},
        **{f'l{p}_{weight:g}': _weighted(dict(_lp(p), loss_weight=weight))
           for p, weights in ((1, (10., 100.)), (2, (100., 1000.)))
           for weight in weights},
    },
    'batch_norm': {'maug_ours1': _METHOD, 'joint': _variant(dict(joint_forward=True))},
    'flips': {'maug_ours1': _METHOD, 'shared_flips': _variant(flip='shared')},
    'degradation': {
        'maug_ours1': _METHOD, 'opencv': _variant(degradation='opencv'),
        'mixed': _variant(degradation=('bicubic', 'opencv', 'area', 'camera')),
    },
    'resolutions': {
        'maug_ours1': _METHOD,
        'every_7_to_32': _variant(resolutions=tuple(range(7, 33)), ratio=(1,) * 26),
    },
    'curriculum': {
        'maug_ours1': _METHOD,
        'easy_first': _variant(curriculum={0.: (0, 0, 1), 1 / 3: (0, 1, 1), 2 / 3: (1, 1, 2)}),
        'hard_first': _variant(curriculum={0.: (1, 0, 0), 1 / 3: (1, 1, 0), 2 / 3: (1, 1, 2)}),
    },
}


def apply_ablation(config: Config, row: Ablation) -> Config:
    """A copy of ``config`` whose LR view and distance are those of ``row``; but for the row's
    ``model`` arguments, nothing else changes.

    Raises:
        ValueError: If the config's pipeline has no MultiResAug to change.
    """
    changed = copy.deepcopy(config)
    changed.model.contrast_loss = copy.deepcopy(row.contrast)
    changed.model.update(row.model)
    pipeline = changed.train_dataloader.dataset.pipeline
    places = [k for k, step in enumerate(pipeline) if step['type'] == 'MultiResAug']
    if len(places) != 1:
        raise ValueError('the base\'s train_dataloader.dataset.pipeline needs one MultiResAug, it '
                         f'has {len(places)}')
    if row.views is None:
        pipeline[places[0]] = dict(type='FaceFlip')
        return changed
    views = dict(row.views)
    if 'curriculum' in views:
        epochs = changed.train_cfg.max_epochs
        views['curriculum'] = {round(epochs * part): ratio
                               for part, ratio in views['curriculum'].items()}
    pipeline[places[0]] = dict(pipeline[places[0]], **views)
    return changed
