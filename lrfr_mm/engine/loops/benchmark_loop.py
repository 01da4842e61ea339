"""Validation and test over any list of benchmarks, each image embedded once."""
from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from mmengine import dist
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.registry import FUNCTIONS
from mmengine.runner import BaseLoop

from lrfr_mm.engine.degraded_cache import DegradedCache
from lrfr_mm.engine.embedding import embed_benchmark
from lrfr_mm.engine.embedding_cache import EmbeddingCache
from lrfr_mm.errors import (
    ConfigError,
    IncompleteInputError,
    InputError,
    InputMissingError,
    UserError,
)
from lrfr_mm.evaluation.metrics import EmbeddingMetric, with_intervals
from lrfr_mm.registry import DATASETS, LOOPS, METRICS

__all__ = ['BenchmarkBatches', 'BenchmarkLoop']


class BenchmarkBatches:
    """The batches of several benchmarks, as mmengine's hooks count them; the loop's dataloader.

    Attributes:
        dataset: The benchmarks.
        batch_size: Images a batch.
    """

    def __init__(self, benchmarks: list, batch_size: int):
        self.dataset, self.batch_size = benchmarks, batch_size

    def of(self, benchmark) -> int:
        """Batches of one benchmark on this rank."""
        images = len(range(dist.get_rank(), len(benchmark), dist.get_world_size()))
        return -(-images // self.batch_size)

    def __len__(self) -> int:
        return sum(self.of(benchmark) for benchmark in self.dataset)


@LOOPS.register_module()
class BenchmarkLoop(BaseLoop):
    """mmengine's loop for ``val_cfg`` and ``test_cfg``.

    ``dataloader`` is ``dict(batch_size=, num_workers=, dataset=[benchmark, ...])``, ``evaluator``
    a list of metrics, each with the name of its benchmark. Benchmarks that are missing are skipped
    with a line that says so, unless ``strict``; one that is there but lacks a file has failed.
    The ranks share the images and all get the same numbers.

    In a test, a benchmark that fails otherwise does not end the others: see ``failures``. In a
    validation it is raised.

    Args:
        runner: The Runner.
        dataloader: See above; other settings are those of torch's DataLoader.
        evaluator: See above.
        strict: Missing benchmarks are errors.
        cache: Directory of an EmbeddingCache, so that a second test of the same network embeds
            nothing again; 'work_dir' for ``embeddings`` in the work dir; None for none.
        degraded: Directory of a DegradedCache, which tests of many networks can share; None for
            none.

    Attributes:
        results: After a run, a list of ``(benchmark, MetricResult)``.
        failures: After a run, the exception of each benchmark that failed, by its name.

    Raises:
        ConfigError: For a metric without its benchmark, or a loader setting that would leave images
            out or change their order.
    """

    def __init__(self, runner, dataloader: dict, evaluator: Sequence[dict], strict: bool = False,
                 cache: str | None = None, degraded: str | None = None):
        settings = dict(dataloader)
        configs = settings.pop('dataset')
        self._settings = _loader_settings(settings)
        if degraded is not None:
            self._settings['degrade'] = DegradedCache(degraded)
        self._unbuilt: dict[str, Exception] = {}
        benchmarks, skipped = [], set()
        for config in [configs] if isinstance(configs, dict) else configs:
            name = config['name'] if isinstance(config, dict) else config.name
            built = _same_outcome(config)
            if not isinstance(built, Exception):
                benchmarks.append(built)
            elif not isinstance(built, FileNotFoundError) or isinstance(built,
                                                                        IncompleteInputError):
                self._unbuilt[name] = built
            elif strict:
                raise built
            else:
                skipped.add(name)
                print_log(f'skipped: {built}', logger='current', level=logging.WARNING)
        super().__init__(runner, BenchmarkBatches(benchmarks, settings.get('batch_size', 128)))
        self.cache = str(Path(runner.work_dir, 'embeddings')) if cache == 'work_dir' else cache
        metrics = [METRICS.build(m) if isinstance(m, dict) else m
                   for m in ([evaluator] if isinstance(evaluator, dict) else evaluator)]
        names = {benchmark.name for benchmark in benchmarks}
        for metric in metrics:
            if metric.benchmark not in names | skipped | self._unbuilt.keys():
                raise ConfigError(f'{type(metric).__name__} asks for the benchmark '
                                  f'{metric.benchmark!r}; there are {", ".join(sorted(names))}')
        self.metrics: list[EmbeddingMetric] = [m for m in metrics if m.benchmark in names]
        self.results: list[tuple] = []
        self.failures: dict[str, Exception] = {}

    @property
    def benchmarks(self) -> list:
        """The benchmarks whose files are there."""
        return self.dataloader.dataset

    def raise_unbuilt(self) -> None:
        """Raise what the construction of the first benchmark that failed raised."""
        for error in self._unbuilt.values():
            raise error

    def run(self) -> dict[str, float]:
        """Embed, measure, and call the hooks.

        Returns:
            All values by their names, and in a test what could be measured.

        Raises:
            InputError: In a test, if no benchmark is there.
            Exception: In a validation, what the first failing benchmark raised.
        """
        testing = self.runner._test_loop is self  # its property would build another loop
        hook = 'test' if testing else 'val'
        if testing and not self.benchmarks and not self._unbuilt:
            raise InputError("none of the config's benchmarks is there; the lines above say what "
                             'is missing')
        self.runner.call_hook(f'before_{hook}')
        self.runner.call_hook(f'before_{hook}_epoch')
        self.runner.model.eval()
        self.results, self.failures = [], dict(self._unbuilt)
        cache, first = self._open_cache(), 0
        for benchmark in self.benchmarks:
            try:
                self.results += self._measure(benchmark, cache, hook, first)
            except Exception as error:
                self.failures[benchmark.name] = error
            first += self.dataloader.of(benchmark)
        for name, error in self.failures.items():
            if not testing:
                raise error
            shown = '' if isinstance(error, UserError) else '\n' + ''.join(
                traceback.format_exception(error))
            print_log(f'benchmark {name} failed: {error}{shown}', logger='current',
                      level=logging.ERROR)
        values = self._merge_values()
        self.runner.call_hook(f'after_{hook}_epoch', metrics=values)
        self.runner.call_hook(f'after_{hook}')
        return values

    def _measure(self, benchmark, cache: EmbeddingCache | None, hook: str, first: int
                 ) -> list[tuple]:
        metrics = [m for m in self.metrics if m.benchmark == benchmark.name]
        views = list(dict.fromkeys(view for m in metrics for view in m.views()))
        if not views:
            return []

        def before(index: int) -> None:
            self.runner.call_hook(f'before_{hook}_iter', batch_idx=first + index)

        def after(index: int, batch: dict, embeddings: dict) -> None:
            self.runner.call_hook(f'after_{hook}_iter', batch_idx=first + index, data_batch=batch,
                                  outputs=embeddings)

        def embed(wanted: list) -> dict:
            return embed_benchmark(self.runner.model, benchmark, wanted, before_batch=before,
                                   after_batch=after, **self._settings)

        embeddings = embed(views) if cache is None else cache.complete(benchmark, views, embed)
        results = []
        for metric in metrics:
            try:
                results.append((benchmark, with_intervals(metric.compute(embeddings, benchmark))))
            except ValueError as error:
                raise InputError(f'benchmark {benchmark.name}: {type(metric).__name__}: {error}'
                                 ) from error
        return results

    def _open_cache(self) -> EmbeddingCache | None:
        if not self.cache:
            return None
        model = self.runner.model
        return EmbeddingCache(self.cache, model.module if is_model_wrapper(model) else model,
                              self._settings.get('collate_fn'))

    def _merge_values(self) -> dict[str, float]:
        values: dict[str, float] = {}
        for _, result in self.results:
            clash = values.keys() & result.values.keys()
            if clash:
                raise ConfigError(f'two metrics give {sorted(clash)[0]!r}: name one of them with '
                                  'prefix=')
            values.update(result.values)
        return values


def _loader_settings(settings: dict) -> dict:
    """Arguments of the embedding loop from those of a config's dataloader."""
    settings = dict(settings)
    for name in ('sampler', 'batch_sampler', 'shuffle', 'drop_last', 'num_batch_per_epoch'):
        if settings.pop(name, None):
            raise ConfigError(f'dataloader.{name}: BenchmarkLoop embeds every image once, in the '
                              'order of the benchmark')
    collate = settings.get('collate_fn')
    if isinstance(collate, dict):
        arguments = dict(collate)
        kind = arguments.pop('type')
        function = FUNCTIONS.get(kind) if isinstance(kind, str) else kind
        settings['collate_fn'] = partial(function, **arguments)
    return settings


def _same_outcome(config):
    """The benchmark of ``config``; on every rank the exception if it fails on any."""
    try:
        built = DATASETS.build(config) if isinstance(config, dict) else config
        error = None
    except UserError as raised:
        built = error = raised
    except (ValueError, OSError) as raised:
        kind = InputMissingError if isinstance(raised, FileNotFoundError) else InputError
        built = error = kind(f'benchmark {config["name"]}: {raised}')
    if dist.get_world_size() == 1:
        return built
    errors = [None] * dist.get_world_size()
    torch.distributed.all_gather_object(errors, error)
    return next((e for e in errors if e is not None), built)
