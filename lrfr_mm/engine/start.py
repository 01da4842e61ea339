"""Where a training starts: resumed, fine-tuned or from scratch."""
from __future__ import annotations

import os
import time

import torch.distributed as dist
from mmengine.config import Config
from mmengine.dist import get_rank

from lrfr_mm.engine.checkpoint import find_checkpoint, read_checkpoint

__all__ = ['check_resumed']


def check_resumed(config: Config, patience: float = 60.) -> None:
    """Settle which checkpoint a resumed run goes on from, and read it.

    The first process looks, and tells the others, whose view of a shared disk may lag behind: they
    wait ``patience`` seconds for the file.
    """
    if not config.get('resume'):
        return
    path = config.get('load_from') or find_checkpoint(config.work_dir)
    if dist.is_available() and dist.is_initialized():
        told = [str(path) if path else None]
        dist.broadcast_object_list(told)
        path = told[0]
    if path is None:
        return
    end = time.monotonic() + (patience if get_rank() else 0)
    while not os.path.isfile(path) and time.monotonic() < end:
        time.sleep(.5)
    read_checkpoint(path)
    config.load_from = str(path)
