"""Networks that do not fit one device: every process holds a part of each weight (FSDP)."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.hooks import Hook
from torch import distributed as dist
from torch import nn

from lrfr_mm.engine.checkpoint import spread_like, whole_tensor
from lrfr_mm.registry import HOOKS, MODEL_WRAPPERS

__all__ = ['FullySharded', 'FullyShardedHook', 'is_fully_sharded', 'whole_states']


def is_fully_sharded(model: nn.Module) -> bool:
    """Whether ``model`` went through :class:`FullySharded`."""
    return getattr(model, '_fully_sharded', False)


@MODEL_WRAPPERS.register_module()
class FullySharded:
    """``model_wrapper_cfg=dict(type='FullySharded')``: torch's ``fully_shard`` (FSDP2) on a model.

    Weights, gradients and optimizer state are cut among the processes; a unit's weights are put
    together for its forward and its backward pass. What comes out is the model itself, whose
    parameters are DTensors now; the classes of a PartialFCHead stay as they are. Checkpoints are
    those of any other run, and go on with or without this wrapper, on any number of processes.

    Args:
        module: The recognizer.
        min_parameters: Size of a unit. The smallest modules with as many parameters, outside of
            other units, are units: a ViT-B's blocks by the default. What is left is one as well.
        reshard_after_forward: Give a unit's weights back between forward and backward: less memory,
            and another all-gather.

    Raises:
        ValueError: If torch is older than 2.6, or there is no process group.
    """

    def __new__(cls, module: nn.Module, min_parameters: int = 5_000_000,
                reshard_after_forward: bool = True):
        try:
            from torch.distributed.fsdp import fully_shard
        except ImportError:
            raise ValueError(f'FullySharded needs torch 2.6 or later, this is {torch.__version__}'
                             ) from None
        if not dist.is_initialized():
            raise ValueError('FullySharded needs several processes: --launcher pytorch or slurm')
        if hasattr(module, 'init_weights'):
            module.init_weights()  # while every tensor is whole
        left_out = getattr(module, '_ddp_params_and_buffers_to_ignore', ())
        own = {p for name, p in module.named_parameters() if name in left_out}
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if name not in left_out:
                dist.broadcast(tensor.detach(), 0)
        mesh = dist.device_mesh.init_device_mesh(torch.device(get_device()).type,
                                                 (dist.get_world_size(),))
        for unit in _units(module, min_parameters, own):
            inside = own & set(unit.parameters())  # torch 2.6 has no ignored_params
            # What is left of the whole is wanted again as soon as the backward pass begins.
            fully_shard(unit, mesh=mesh, **(dict(ignored_params=inside) if inside else {}),
                        reshard_after_forward=reshard_after_forward and unit is not module)
        module._fully_sharded = True
        return module


def _units(module: nn.Module, least: int, left_out: set) -> Iterator[nn.Module]:
    """Children before parents, the whole last."""
    taken = set(left_out)

    def visit(part: nn.Module) -> Iterator[nn.Module]:
        for child in part.children():
            yield from visit(child)
        new = {p for p in part.parameters() if p not in taken}
        callable_ = not isinstance(part, (nn.ModuleList, nn.ModuleDict))
        if part is module or (callable_ and sum(p.numel() for p in new) >= least):
            taken.update(new)
            yield part

    yield from visit(module)


@HOOKS.register_module()
class FullyShardedHook(Hook):
    """Whole tensors for checkpoints and tests of a FullySharded model; the launcher adds it."""

    priority = 'VERY_HIGH'

    def __init__(self):
        self.whole = None

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['state_dict'] = dict(self.whole['model'])
        if 'optimizer' in checkpoint:
            optimizer = self.whole['optimizer']  # hooks may take entries out
            checkpoint['optimizer'] = dict(optimizer, state=dict(optimizer['state']))

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        own = runner.model.state_dict()
        checkpoint['state_dict'] = {key: spread_like(value, own[key]) if key in own else value
                                    for key, value in checkpoint['state_dict'].items()}
        if 'optimizer' not in checkpoint:
            return
        parameters = [p for group in runner.optim_wrapper.optimizer.param_groups
                      for p in group['params']]
        for position, state in checkpoint['optimizer']['state'].items():
            parameter = parameters[position]
            for key, value in state.items():
                if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                    state[key] = spread_like(value, parameter)

    def before_val_epoch(self, runner) -> None:
        # Processes may embed different numbers of batches: none may wait for another's weights.
        for part in runner.model.modules():
            if hasattr(part, 'unshard'):
                part.set_reshard_after_forward(False, recurse=False)
                part.unshard()

    def after_val_epoch(self, runner, metrics=None) -> None:
        again = runner.cfg.model_wrapper_cfg.get('reshard_after_forward', True)
        for part in runner.model.modules():
            if hasattr(part, 'unshard'):
                part.set_reshard_after_forward(again and part is not runner.model, recurse=False)
                part.reshard()

    before_test_epoch, after_test_epoch = before_val_epoch, after_val_epoch


@contextmanager
def whole_states(runner) -> Iterator[None]:
    """Within, the first process can write checkpoints of a FullySharded model; all must enter."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, FullyShardedHook)]
    main = dist.is_initialized() and dist.get_rank() == 0

    def whole(node):
        if isinstance(node, torch.Tensor):
            tensor = whole_tensor(node)
            return tensor.cpu() if main else None
        if isinstance(node, dict):
            return {key: whole(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return type(node)(whole(value) for value in node)
        return node

    for hook in hooks:
        hook.whole = dict(model=whole(runner.model.state_dict()),
                          optimizer=whole(runner.optim_wrapper.state_dict()))
    try:
        yield
    finally:
        for hook in hooks:
            hook.whole = None
