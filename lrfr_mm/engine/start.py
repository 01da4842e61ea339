"""Where a training starts: resumed, fine-tuned from a checkpoint, or from scratch."""
from __future__ import annotations

import os
import time
from dataclasses import dataclass

import torch.distributed as dist
from mmengine.config import Config
from mmengine.dist import get_rank

from lrfr_mm.engine.checkpoint import find_checkpoint, read_checkpoint
from lrfr_mm.errors import ConfigError, InputError

__all__ = ['HEAD_CHOICES', 'Start', 'find_start']

HEAD_CHOICES = ('drop', 'keep', 'error')


@dataclass(frozen=True)
class Start:
    """How a training starts.

    Attributes:
        kind: 'resume', 'fine-tune' or 'scratch'.
        path: The checkpoint; None from scratch.
        head: For fine-tuning, what becomes of the checkpoint's head and losses: 'drop' starts with
            new ones; 'keep' loads them if they fit, else starts with new ones and says so; 'error'
            loads them and refuses a checkpoint whose head does not fit.
        reason: Why it is not what was asked for; '' if it is.
    """

    kind: str
    path: str | None = None
    head: str = 'drop'
    reason: str = ''

    def __str__(self) -> str:
        text = {'resume': f'resumed from {self.path}',
                'fine-tune': f'fine-tuned from {self.path} (load_from_head={self.head!r})',
                'scratch': 'from scratch'}[self.kind]
        return f'training starts: {text}{f" ({self.reason})" if self.reason else ""}'


def find_start(config: Config, patience: float = 60.) -> Start:
    """Decide how the training of ``config`` starts, and check that its checkpoint can be read.

    ``config.resume`` is True (the checkpoint of the work dir that is furthest, if there is one), a
    path, or False; ``config.load_from`` is the checkpoint to fine-tune from if nothing is resumed.
    Rank 0 decides and broadcasts the path; the other ranks, whose view of a shared disk may lag
    behind, wait for the file.

    Args:
        config: The config; ``work_dir`` must be set.
        patience: Seconds to wait for the file on ranks above 0.

    Raises:
        ConfigError: For an unknown ``load_from_head``.
        InputMissingError, InputError: If the checkpoint is missing or unreadable, or has bare
            weights and should be resumed.
    """
    head = config.get('load_from_head', 'drop')
    if head not in HEAD_CHOICES:
        raise ConfigError(f'load_from_head must be one of {", ".join(HEAD_CHOICES)}, got {head!r}')
    start = _same_on_all_ranks(_decide(config, head) if get_rank() == 0 else None)
    if start.path is None:
        return start
    end = time.monotonic() + (patience if get_rank() else 0)
    while not os.path.isfile(start.path) and time.monotonic() < end:
        time.sleep(.5)
    saved = read_checkpoint(start.path, mmap=False)
    if start.kind == 'resume':
        missing = [key for key in ('meta', 'optimizer', 'message_hub') if key not in saved]
        if missing:
            raise InputError(f'{start.path} holds weights without {", ".join(missing)}: it cannot '
                             'be resumed; to fine-tune from it set load_from instead of --resume')
    return start


def _decide(config: Config, head: str) -> Start:
    resume, load_from = config.get('resume'), config.get('load_from')
    if isinstance(resume, str):
        return Start('resume', resume)
    reason = ''
    if resume:
        found = find_checkpoint(config.work_dir)
        if found is not None:
            return Start('resume', str(found))
        reason = f'nothing to resume in {config.work_dir}'
    if load_from:
        return Start('fine-tune', str(load_from), head, reason)
    return Start('scratch', reason=reason)


def _same_on_all_ranks(start: Start | None) -> Start:
    if not (dist.is_available() and dist.is_initialized()):
        return start
    shared = [start]
    dist.broadcast_object_list(shared)
    return shared[0]
