"""Time and memory of one training step, measured in a process of its own.

    python -m lrfr_mm.analysis.methods.step_cost CONFIG OUT.json
"""
from __future__ import annotations

import json
import resource
import sys
import time
from itertools import chain, repeat
from pathlib import Path
from statistics import median

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from lrfr_mm.engine.training_set import check_training_set
from lrfr_mm.files import write_text
from lrfr_mm.registry import MODELS

__all__ = ['step_cost']


def step_cost(config: Config, steps: int = 15, warmup: int = 3) -> dict[str, float]:
    """Train a few steps and measure them, without the reading of the images.

    Args:
        config: Of a training; is changed.
        steps: Steps to measure.
        warmup: Steps before.

    Returns:
        ``milliseconds``, the median of a step (forward, backward, update), and ``megabytes``: on a
        GPU the most memory allocated, on a CPU by how much the process grew.
    """
    init_default_scope(config.get('default_scope', 'lrfr_mm'))
    check_training_set(config)
    config.train_dataloader.update(num_workers=0, persistent_workers=False)
    torch.manual_seed(0)
    loader = Runner.build_dataloader(config.train_dataloader)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    model = MODELS.build(config.model).to(device).train()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    batches = chain.from_iterable(repeat(loader))
    seconds = []
    for _ in range(warmup + steps):
        batch = next(batches)
        start = time.perf_counter()
        model.train_step(batch, wrapper)
        if device == 'cuda':
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    memory = (torch.cuda.max_memory_allocated() / 2 ** 20 if device == 'cuda' else
              (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2 ** 10)
    return dict(milliseconds=1e3 * median(seconds[warmup:]), megabytes=memory)


if __name__ == '__main__':
    write_text(Path(sys.argv[2]), json.dumps(step_cost(Config.fromfile(sys.argv[1]))) + '\n')
