"""A whole training and a whole extraction: does the network wait for its input?"""
from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Iterable

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner

from lrfr_mm.analysis.benchmark.timing import Result, rate
from lrfr_mm.engine.training_set import check_training_set
from lrfr_mm.registry import MODELS, type_name

__all__ = ['benchmark_run', 'bound']


def bound(waited: float, total: float) -> str:
    """What holds a run up, in words."""
    share = waited / total
    return f'{"input" if share > .1 else "network"}-bound: {100 * share:.0f} % waiting for input'


def benchmark_run(config: Config, steps: int = 20, workers: int | None = None,
                  device: str | None = None) -> list[Result]:
    """Train some steps of a config, and embed as many batches, with their data loaders.

    Args:
        config: A config of a training; its set must be there.
        steps: Steps measured, after three.
        workers: Processes that read and decode; default the config's.
        device: 'cpu' or 'cuda'; default the GPU where there is one.

    Returns:
        Samples/s of the loader alone and of training, images/s of extraction (both with the share
        of the time that they waited for input), and of the two forward passes alone.
    """
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    config = copy.deepcopy(config)
    check_training_set(config)
    loader = config.train_dataloader
    if workers is not None:
        loader.num_workers, loader.persistent_workers = workers, workers > 0
    plain = copy.deepcopy(loader)
    plain.dataset.pipeline = [step for step in plain.dataset.get('pipeline', ())
                              if type_name(step) == 'ResizeFace']
    model = MODELS.build(config.model).to(device).train()
    optimizer = build_optim_wrapper(model, config.optim_wrapper)
    if getattr(model.head, 'sharded', False):
        model.head.bind(optimizer.optimizer)

    def train(batch):
        model.train_step(batch, optimizer)
        if getattr(model.head, 'sharded', False):
            model.head.new_step()

    @torch.no_grad()
    def embed(batch):
        with optimizer.optim_context(model):
            model(model.data_preprocessor(batch)['inputs']).float().cpu()

    size, number = loader.batch_size, loader.num_workers
    results = []
    for name, settings, use in (('the loader alone, both views', loader, lambda batch: None),
                                ('training', loader, train), ('extraction', plain, embed)):
        model.train(use is train)
        waited, total = _go_through(settings, use, steps, device)
        extra = {} if name.startswith('the') else {'': bound(waited, total)}
        results.append(Result(f'{name}, {number} workers', steps * size / total,
                              'samples/s' if use is not embed else 'images/s', extra))
    batch = next(iter(_loader(loader)))
    ready = model.train().data_preprocessor(batch, True)
    with torch.no_grad(), optimizer.optim_context(model):
        forward = rate(lambda: model.loss(**ready), 2 * size if 'lr' in ready['inputs'] else size)
        model.eval()
        embedding = rate(lambda: model(ready['inputs']), size)
    return [*results, Result('training forward alone', forward, 'images/s'),
            Result('embedding forward alone', embedding, 'images/s',
                   {'': f'{embedding / forward:.2f} x the training forward'})]


def _loader(settings: dict) -> Iterable:
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='This DataLoader will create')  # it is asked for
        return Runner.build_dataloader(copy.deepcopy(settings), seed=0)


def _go_through(settings: dict, use: Callable, steps: int, device: str) -> tuple[float, float]:
    """Seconds waited for batches, and all seconds, of ``steps`` batches after three."""
    loader = _loader(settings)
    waited = total = 0.
    done = -3
    while done < steps:
        batches = iter(loader)
        while done < steps:
            start = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                break
            there = time.perf_counter()
            use(batch)
            if device == 'cuda':
                torch.cuda.synchronize()
            if done >= 0:
                waited += there - start
                total += time.perf_counter() - start
            done += 1
    return waited, total
