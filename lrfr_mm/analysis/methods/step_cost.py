"""Time and memory of one training step, measured apart from the study's own process."""
from __future__ import annotations

import gc
import json
import resource
import time
import traceback
from collections.abc import Mapping
from itertools import chain, repeat
from pathlib import Path
from statistics import median

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from lrfr_mm.analysis.study.processes import places, start_process
from lrfr_mm.engine.training_set import check_training_set
from lrfr_mm.files import write_text
from lrfr_mm.registry import MODELS

__all__ = ['measure_steps', 'step_cost']


def step_cost(config: Config, steps: int = 15, warmup: int = 3) -> dict[str, float]:
    """Train a few steps and measure them, without the reading of the images. LR views that the
    preprocessor makes are part of a step.

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
    if device == 'cuda':
        gc.collect()  # the model measured before
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
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


def measure_steps(configs: Mapping[str, Path], log: Path) -> dict[str, str]:
    """Write ``step_cost`` of configs as JSON, one after the other, in other processes.

    On a GPU one process measures all; on a CPU each has its own, by whose growth the memory is
    known.

    Args:
        configs: Path of each config to the path of its file; those that are there are left.
        log: File for what the processes print.

    Returns:
        Why those that could not be measured were not, by config; the text names the log.
    """
    left = {config: str(path) for config, path in configs.items() if not path.is_file()}
    parts = [left] if torch.cuda.is_available() else [{config: left[config]} for config in left]
    log.parent.mkdir(parents=True, exist_ok=True)
    for part in filter(None, parts):
        start_process(_measure, (part,), log, places(1)[0]).join()
    return {config: f'its step was not measured (see {log})' for config, path in configs.items()
            if not path.is_file()}


def _measure(configs: Mapping[str, str]) -> None:
    for config, path in configs.items():
        print(config)
        try:
            write_text(Path(path), json.dumps(step_cost(Config.fromfile(config))) + '\n')
        except Exception:  # the other configs are measured nevertheless
            traceback.print_exc()
