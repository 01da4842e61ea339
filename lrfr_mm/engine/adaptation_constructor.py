"""Which layers of a trained network are adapted, and how fast."""
from __future__ import annotations

import re

from mmengine.model import is_model_wrapper
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from timm.optim import param_groups_layer_decay
from torch import nn

from lrfr_mm.errors import ConfigError
from lrfr_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS

__all__ = ['AdaptationConstructor']


class _Trunk:
    """What timm's grouping asks of a network that is not timm's: no parameter is a classifier's."""

    pretrained_cfg = dict(classifier='no parameter begins with this')

    def __init__(self, network: nn.Module):
        self.named_parameters = network.named_parameters


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class AdaptationConstructor(DefaultOptimWrapperConstructor):
    """Layers frozen by pattern, and a learning rate that falls from the last layer to the first.

    Example::

        optim_wrapper = dict(
            type='OptimWrapper', constructor='AdaptationConstructor',
            paramwise_cfg=dict(frozen=[r'backbone\\.layers\\.[0-8]\\.'], layer_decay=.75),
            optimizer=dict(type='AdamW', lr=5e-4, weight_decay=.05))

    Keys of ``paramwise_cfg``:
        - ``frozen``: Regular expressions; a parameter whose name (``backbone.layers.0.weight``)
          begins with a match of one gets no gradient and is not in the optimizer.
        - ``layer_decay``: The rate of a layer is that of the one behind it times this number, in
          the backbone, by timm's ``param_groups_layer_decay``; timm networks bring their layers,
          of other backbones twelve parameters are a layer. Vectors get no weight decay then. 1
          for one rate. Neck and head have the whole rate.

    Raises:
        ConfigError: For an unknown key, a pattern that is no regular expression or matches no
            parameter, a ``layer_decay`` that is not above 0 and at most 1, or if nothing is left to
            train.
    """

    def _validate_cfg(self) -> None:
        unknown = self.paramwise_cfg.keys() - {'frozen', 'layer_decay'}
        if unknown:
            raise ConfigError(f'optim_wrapper.paramwise_cfg.{sorted(unknown)[0]}: the keys are '
                              'frozen and layer_decay')
        self.decay = self.paramwise_cfg.get('layer_decay', 1.)
        if not 0 < self.decay <= 1:
            raise ConfigError('optim_wrapper.paramwise_cfg.layer_decay must be above 0 and at most '
                              f'1, got {self.decay}')
        self.frozen = []
        for pattern in self.paramwise_cfg.get('frozen', ()):
            try:
                self.frozen.append(re.compile(pattern))
            except re.error as error:
                raise ConfigError('optim_wrapper.paramwise_cfg.frozen: '
                                  f'{pattern!r} is no regular expression: {error}') from None

    def __call__(self, model: nn.Module) -> OptimWrapper:
        model = model.module if is_model_wrapper(model) else model
        self._freeze(model)
        settings = self.optimizer_cfg.copy()
        settings['params'] = self._groups(model)
        wrapper = self.optim_wrapper_cfg.copy()
        wrapper.setdefault('type', 'OptimWrapper')
        return OPTIM_WRAPPERS.build(wrapper, default_args=dict(
            optimizer=OPTIMIZERS.build(settings)))

    def _freeze(self, model: nn.Module) -> None:
        names = [name for name, _ in model.named_parameters()]
        for pattern in self.frozen:
            if not any(pattern.match(name) for name in names):
                raise ConfigError(f'optim_wrapper.paramwise_cfg.frozen: {pattern.pattern!r} '
                                  f'matches no parameter; the first is {names[0]}')
        for name, parameter in model.named_parameters():
            if any(pattern.match(name) for pattern in self.frozen):
                parameter.requires_grad_(False)
        if not any(p.requires_grad for p in model.parameters()):
            raise ConfigError('optim_wrapper.paramwise_cfg.frozen: nothing is left to train')

    def _groups(self, model: nn.Module) -> list[dict]:
        """Parameter groups: one for each layer of the backbone, and one for the other parts."""
        backbone = getattr(model, 'backbone', None)
        if self.decay == 1 or backbone is None:
            return [dict(params=[p for p in model.parameters() if p.requires_grad])]
        network = getattr(backbone, 'net', backbone)
        groups = param_groups_layer_decay(
            network if hasattr(network, 'group_matcher') else _Trunk(network),
            weight_decay=self.base_wd or 0., layer_decay=self.decay)
        for group in groups:
            group['lr'] = self.base_lr * group.pop('lr_scale')
        known = {id(p) for group in groups for p in group['params']}
        others = [p for p in model.parameters() if p.requires_grad and id(p) not in known]
        return [group for group in (*groups, dict(params=others)) if group['params']]
