"""A recipe of configs/adapt applied to any recognizer."""
from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from lrfr_mm.engine.build import build_runner
from lrfr_mm.engine.components import naming_components
from lrfr_mm.engine.config import add_common_arguments, load_config, read_config
from lrfr_mm.engine.overrides import apply_overrides
from lrfr_mm.errors import ConfigError, InputMissingError
from lrfr_mm.models.build import embedding_config
from lrfr_mm.registry import type_name

__all__ = ['adapt_command', 'apply_recipe']


def apply_recipe(recipe: Config, recognizer: Config, checkpoint: str, faces: str) -> Config:
    """The config of an adaptation.

    Args:
        recipe: A config of configs/adapt; its network, teacher and adapters are replaced.
        recognizer: Config of the network to adapt, with a ``model``.
        checkpoint: Weights of ``recognizer``.
        faces: Directory of the training faces, for the recipe's source.

    Returns:
        A new config: the recognizer's preprocessor, backbone and neck under the recipe's losses,
        head, data and schedule. A teacher is ``recognizer`` with ``checkpoint``. Where the recipe's
        backbone is a LoRA wrapper, it wraps the recognizer's backbone. The validation sets stay
        those of the recipe.

    Raises:
        InputMissingError: If ``checkpoint`` or ``faces`` is not there.
        ConfigError: If ``recognizer`` has no ``model``.
    """
    for path in (checkpoint, faces):
        if not Path(path).exists():
            raise InputMissingError(f'{path} does not exist')
    if 'model' not in recognizer:
        raise ConfigError(f'{recognizer.filename or "the config"} has no `model`')
    network = embedding_config(copy.deepcopy(recognizer.model))
    config = copy.deepcopy(recipe)
    model, wrapped = config.model, config.model.backbone
    for name in ('data_preprocessor', 'neck'):
        model[name] = copy.deepcopy(network[name])
    model.type = network.type
    if 'LoRA' in type_name(wrapped):
        wrapped.base, wrapped.checkpoint = copy.deepcopy(network.backbone), checkpoint
        if model.neck is not None:
            model.neck.init_cfg = dict(type='Pretrained', checkpoint=checkpoint, prefix='neck.')
        config.load_from = None
    else:
        model.backbone = copy.deepcopy(network.backbone)
        config.load_from = checkpoint
    if model.get('teacher') is not None:
        model.teacher.model, model.teacher.checkpoint = network, checkpoint
    config.train_dataloader.dataset.source.root = faces
    return config


def adapt_command(argv: Sequence[str] | None = None) -> int:
    """Adapt a recognizer to small faces.

    Args:
        argv: Arguments of the command line; default those of the process.

    Returns:
        0.
    """
    parser = argparse.ArgumentParser(description='Adapt a trained recognizer to small faces.')
    parser.add_argument('recognizer', help='config of the recognizer, or its name below configs/')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('faces', help='directory of aligned faces; their labels are used by the '
                        'recipes of the method alone')
    parser.add_argument('--config', default='adapt/distill_folder', metavar='RECIPE',
                        help='a recipe: adapt/distill_folder (default), adapt/distill_camera, '
                        'adapt/lora, adapt/lora_mixed, adapt/method, adapt/method_distill, or '
                        'a config of your own')
    parser.add_argument('--test', metavar='PEOPLE', help='directory of people for the validation; '
                        'default: no validation')
    parser.add_argument('--seed', type=int, help='seed of the run')
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    options, args.cfg_options = args.cfg_options, None
    config = apply_recipe(load_config(args), read_config(args.recognizer), args.checkpoint,
                          args.faces)
    if args.test is None:
        for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
            config[key] = None
        config.default_hooks.checkpoint.save_best = None
    else:
        config.val_dataloader.dataset[0].source.root = args.test
    if args.seed is not None:
        config.randomness = dict(seed=args.seed)
    apply_overrides(config, options or {})
    runner = build_runner(config, train=True)
    with naming_components(runner.cfg):
        runner.train()
    return 0
