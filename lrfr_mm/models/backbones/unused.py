"""Finding and removing the parts of a network that do not influence its output."""
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

__all__ = ['reachable_parameters', 'remove_unused']


def reachable_parameters(output: torch.Tensor) -> set[int]:
    """``id`` of every parameter that gets a gradient from ``output``, by the autograd graph."""
    found, seen, stack = set(), set(), [output.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, 'variable', None)  # of an AccumulateGrad node
        if variable is not None:
            found.add(id(variable))
        stack.extend(parent for parent, _ in node.next_functions)
    return found


def remove_unused(net: nn.Module, forward: Callable[[], torch.Tensor]) -> tuple[list[str],
                                                                                list[str]]:
    """Make every parameter of ``net`` get a gradient, as data-parallel training requires.

    Modules that ``forward`` does not call and whose parameters do not reach its output become
    ``nn.Identity``. What it does call or read without an effect on the output (class attention,
    where only the other tokens are used) is left in place and frozen: ``requires_grad`` is False.

    Args:
        net: Changed in place.
        forward: Runs ``net`` and returns the output that training uses.

    Returns:
        Names of the removed modules and of the frozen parameters.
    """
    called = set()
    handles = [module.register_forward_pre_hook(lambda module, _: called.add(id(module)))
               for module in net.modules()]
    try:
        with torch.enable_grad():
            used = reachable_parameters(forward())
    finally:
        for handle in handles:
            handle.remove()

    def is_idle(module: nn.Module) -> bool:
        return (any(True for _ in module.parameters())
                and not any(id(p) in used for p in module.parameters())
                and not any(id(part) in called for part in module.modules()))

    removed: list[str] = []

    def visit(module: nn.Module, prefix: str) -> None:
        for name, child in list(module.named_children()):
            if is_idle(child):
                module._modules[name] = nn.Identity()
                removed.append(prefix + name)
            else:
                visit(child, f'{prefix}{name}.')

    visit(net, '')
    frozen = [name for name, p in net.named_parameters() if id(p) not in used]
    for parameter in net.parameters():
        if id(parameter) not in used:
            parameter.requires_grad_(False)
    return removed, frozen
