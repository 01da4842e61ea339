"""Networks that do not fit one device: every rank holds a shard of each parameter (FSDP)."""
from __future__ import annotations

from collections.abc import Iterator

import torch
from mmengine.device import get_device
from torch import distributed as dist
from torch import nn

from lrfr_mm.registry import MODEL_WRAPPERS

__all__ = ['FullySharded', 'is_fully_sharded']


def is_fully_sharded(model: nn.Module) -> bool:
    """Whether ``model`` went through :class:`FullySharded`."""
    return getattr(model, '_fully_sharded', False)


@MODEL_WRAPPERS.register_module()
class FullySharded:
    """``model_wrapper_cfg=dict(type='FullySharded')``: torch's ``fully_shard`` (FSDP2) on a model.

    Parameters, gradients and optimizer state are sharded over the ranks; a unit's parameters are
    gathered for its forward and its backward pass. The result is the model itself with DTensors as
    parameters; the class shards of a PartialFCHead are left as they are. Checkpoints are those of
    any other run and can be resumed with or without this wrapper, on any number of ranks.

    Args:
        module: The recognizer.
        min_parameters: Size of a unit. The smallest modules with as many parameters, outside of
            other units, are units: a ViT-B's blocks by the default. What is left is one as well.
        reshard_after_forward: Free a unit's gathered parameters between forward and backward: less
            memory, and another all-gather.

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
            # The root's own parameters are needed as soon as the backward pass begins.
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
