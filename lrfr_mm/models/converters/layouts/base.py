"""What a converter has to know of an architecture's tensors."""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from lrfr_mm.errors import InputError

__all__ = ['Architecture', 'Layout', 'channels_of', 'count_of', 'rename_by']


_TAIL = r'\.(?:weight|bias|running_mean|running_var|num_batches_tracked)'


@dataclass
class Architecture:
    """A recognizer's network as configs of ours, and how its tensors are called there.

    Attributes:
        backbone, neck: Configs.
        rename: Our name of a tensor, ``backbone.`` or ``neck.`` included; None for an unknown one.
        described: The network in words, for messages and the config's first line.
        size: Side of the faces, px.
        dropped: Names, or beginnings of names, of tensors that embedding does not need.
        note: What the tensors leave open, and what was assumed; '' if nothing.
    """

    backbone: dict
    neck: dict
    rename: Callable[[str], str | None]
    described: str
    size: int = 112
    dropped: tuple[str, ...] = field(default_factory=tuple)
    note: str = ''


class Layout:
    """How the public projects name the tensors of one architecture.

    Attributes:
        anchors: Names that every file of this layout has; what precedes them in the file is its
            prefix.
        modules: Pattern of the names of all modules that have tensors, at any depth.
    """

    anchors: tuple[str, ...] = ()
    modules: str = ''

    def knows(self, name: str) -> bool:
        """Whether ``name``, under whatever prefix, could be a tensor of this layout."""
        return re.search(rf'(?:^|\.)(?:{self.modules})(?:{_TAIL})?$', name) is not None

    def architecture(self, tensors: Mapping[str, torch.Tensor], **options) -> Architecture:
        """Read depths, widths and options off the names and shapes.

        Args:
            tensors: The network's, without their prefix.
            **options: What a user sets where tensors leave it open.

        Raises:
            InputError: If something is missing or has an unexpected shape.
        """
        raise NotImplementedError


def rename_by(rules: tuple[tuple[str, str], ...], name: str) -> str | None:
    r"""``name`` by the first of ``rules`` (pattern of the whole name, replacement) that fits."""
    for pattern, replacement in rules:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(replacement)
    return None


def count_of(tensors: Mapping[str, torch.Tensor], pattern: str) -> int:
    """How many numbers, from 0 on, fill the group of ``pattern``.

    Raises:
        InputError: If the numbers are not 0 to n - 1; the text names the first that is missing.
    """
    found = {int(match[1]) for name in tensors if (match := re.match(pattern, name))}
    missing = sorted(set(range(max(found, default=-1) + 1)) - found)
    if missing:
        raise InputError(f'no tensor begins with {pattern!r} with the number {missing[0]}')
    return len(found)


def channels_of(tensors: Mapping[str, torch.Tensor], name: str, dims: int) -> torch.Size:
    """Shape of the tensor ``name``.

    Raises:
        InputError: If it is not there, or has not ``dims`` dimensions.
    """
    if name not in tensors:
        raise InputError(f'{name} is missing')
    shape = tensors[name].shape
    if len(shape) != dims:
        raise InputError(f'{name} has shape {tuple(shape)}, expected {dims} dimensions')
    return shape
