"""The rows of the paper's Tables 4, 5 and 6, and of the questions it left open, on any base.

What a row changes stands in its config, ``configs/lrfr/ablations/*/ROW.py``, and nowhere else. Here
is which rows form a table, and which row each is compared with.
"""
from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config

from lrfr_mm.engine.config import find_config, read_config
from lrfr_mm.errors import ConfigError, InputMissingError
from lrfr_mm.registry import type_name

__all__ = ['QUESTIONS', 'ROWS', 'TABLES', 'Ablation', 'apply_ablation', 'read_ablation']

PAPER_BASE = 'lrfr/r34_webface'  # what every row's config changes

# Row to the row that it is compared with.
TABLES: dict[str, dict[str, str | None]] = {
    'table4': {'baseline': None, 'aug': 'baseline', 'maug': 'baseline', 'paug_ours1': 'maug_ours1',
               'aug_l1': 'aug', 'aug_ours1': 'aug_l1', 'maug_ours1': 'maug', 'aug_l2': 'aug',
               'aug_ours2': 'aug_l2', 'maug_ours2': 'maug'},
    'table5': dict.fromkeys(('lambda_0.1', 'lambda_1', 'lambda_3', 'lambda_5', 'lambda_7',
                             'lambda_10'), 'lambda_1'),
    'table6': dict.fromkeys(('ratio_1_1_0', 'ratio_0_1_1', 'ratio_1_0_1', 'ratio_1_1_1',
                             'ratio_1_2_1', 'ratio_2_1_1', 'ratio_1_1_2'), 'ratio_1_1_2'),
}
QUESTIONS: dict[str, dict[str, str | None]] = {
    'migration': {'baseline': None, **dict.fromkeys(
        ('single_20', 'aug_ours1', 'single_7', 'maug_ours1'), 'baseline')},
    'weight': {'maug': None, **dict.fromkeys(
        ('formula_0.1', 'maug_ours1', 'formula_10', 'formula_100', 'formula_1000', 'released_1',
         'released_10', 'released_100', 'released_1000', 'l1_10', 'l1_100', 'l2_100', 'l2_1000'),
        'maug')},
    **{question: {'maug_ours1': None, **dict.fromkeys(rows, 'maug_ours1')} for question, rows in (
        ('batch_norm', ('joint',)), ('flips', ('shared_flips',)),
        ('degradation', ('opencv', 'mixed')), ('resolutions', ('every_7_to_32',)),
        ('curriculum', ('easy_first', 'hard_first')))},
}
ROWS: dict[str, str | None] = {}
for _rows in (*TABLES.values(), *QUESTIONS.values()):
    for _name, _against in _rows.items():
        ROWS.setdefault(_name, _against)


@dataclass(frozen=True)
class Ablation:
    """What a row changes.

    Attributes:
        views: Arguments of MultiResAug; None for HR views only. The epochs of a ``curriculum`` are
            fractions of the whole training.
        contrast: Config of the distance between the views; None for none.
        model: Further arguments of the model that change.
    """

    views: dict[str, Any] | None
    contrast: dict[str, Any] | None
    model: dict[str, Any] = field(default_factory=dict)


def read_ablation(name: str) -> Ablation:
    """What the config of the row ``name`` changes in the paper's run.

    Raises:
        InputMissingError: If no row has this name.
        ConfigError: If the config changes something else than LR views, distance or model.
    """
    base_path = find_config(PAPER_BASE)
    found = sorted((base_path.parent / 'ablations').glob(f'*/{name.replace(".", "_")}.py'))
    if not found:
        raise InputMissingError(f'there is no row {name!r} in {base_path.parent / "ablations"}')
    config, base = read_config(str(found[0])), read_config(str(base_path))
    place = _views_place(config, str(found[0]), needed=False)
    views = None if place is None else {key: value for key, value in place.to_dict().items()
                                        if key != 'type'}
    if views is not None and 'curriculum' in views:
        epochs = config.train_cfg.max_epochs
        views['curriculum'] = {epoch / epochs: ratio
                               for epoch, ratio in views['curriculum'].items()}
    contrast = config.model.contrast_loss
    row = Ablation(views, None if contrast is None else contrast.to_dict(), {
        key: value for key, value in config.model.to_dict().items()
        if key != 'contrast_loss' and value != base.model.get(key)})
    if apply_ablation(base, row).to_dict() != config.to_dict():
        raise ConfigError(f'{found[0]} changes more than LR views, distance and model of '
                          f'{base_path}: it cannot be applied to another base')
    return row


def _views_place(config: Config, name: str, needed: bool = True) -> Any:
    """The arguments of the augmentation: those of the pipeline's one MultiResAug, or of the
    preprocessor's ``multi_res``.
    """
    steps = [step for step in config.train_dataloader.dataset.pipeline
             if type_name(step) == 'MultiResAug']
    on_device = config.model.get('data_preprocessor', {}).get('multi_res')
    places = [*steps, *([] if on_device is None else [on_device])]
    if len(places) > 1 or (needed and not places):
        raise ConfigError(f'{name}: a row changes the LR views, so the base needs one MultiResAug '
                          'in train_dataloader.dataset.pipeline, or multi_res in '
                          f'model.data_preprocessor; it has {len(places)}')
    return places[0] if places else None


def apply_ablation(config: Config, row: Ablation) -> Config:
    """A copy of ``config`` whose LR views and distance are those of ``row``; but for the row's
    ``model`` arguments, nothing else changes.

    Raises:
        ConfigError: If the config has no MultiResAug, in the pipeline or on the device, to change.
    """
    changed = copy.deepcopy(config)
    changed.model.contrast_loss = copy.deepcopy(row.contrast)
    changed.model.update(row.model)
    place = _views_place(changed, changed.filename or 'the base')
    if row.views is None:
        _without_views(changed)
        return changed
    views = dict(row.views)
    if 'curriculum' in views:
        epochs = changed.train_cfg.max_epochs
        views['curriculum'] = {round(epochs * part): ratio
                               for part, ratio in views['curriculum'].items()}
    place.update(views)
    return changed


def _without_views(config: Config) -> None:
    """Put the flip of the HR view in the place of the augmentation."""
    pipeline = config.train_dataloader.dataset.pipeline
    flip = dict(type='FaceFlip')
    if config.model.get('data_preprocessor', {}).pop('multi_res', None) is not None:
        pipeline.append(flip)
    for k, step in enumerate(pipeline):
        if type_name(step) == 'MultiResAug':
            pipeline[k] = flip
