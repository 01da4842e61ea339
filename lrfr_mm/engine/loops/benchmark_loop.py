"""Validation and test over any list of benchmarks, each image embedded once."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from mmengine import dist
from mmengine.logging import print_log
from mmengine.runner import BaseLoop

from lrfr_mm.engine.embedding import embed_benchmark
from lrfr_mm.engine.embedding_cache import EmbeddingCache
from lrfr_mm.evaluation.metrics import EmbeddingMetric, with_intervals
from lrfr_mm.registry import DATASETS, LOOPS, METRICS

__all__ = ['BenchmarkLoop']


@LOOPS.register_module()
class BenchmarkLoop(BaseLoop):
    """mmengine's loop for ``val_cfg`` and ``test_cfg``.

    ``dataloader`` is ``dict(batch_size=, num_workers=, dataset=[benchmark, ...])``, ``evaluator``
    a list of metrics, each with the name of its benchmark. Benchmarks whose files are missing are
    skipped with a line that says so, unless ``strict``. Several processes share the images and get
    the numbers of one.

    Args:
        runner: The Runner.
        dataloader: See above.
        evaluator: See above.
        strict: Missing benchmarks are errors.
        cache: Folder of an EmbeddingCache, so that a second test of the same network embeds
            nothing anew; 'work_dir' for ``embeddings`` in the work dir; None for none.

    Attributes:
        results: After a run, a list of ``(benchmark, MetricResult)``.
    """

    def __init__(self, runner, dataloader: dict, evaluator: Sequence[dict], strict: bool = False,
                 cache: str | None = None):
        self._runner = runner
        self.cache = str(Path(runner.work_dir, 'embeddings')) if cache == 'work_dir' else cache
        settings = dict(dataloader)
        configs = settings.pop('dataset')
        configs = [configs] if isinstance(configs, dict) else list(configs)
        self.loader_settings = settings
        self.benchmarks, missing = [], set()
        for config in configs:
            try:
                self.benchmarks.append(DATASETS.build(config) if isinstance(config, dict)
                                       else config)
            except FileNotFoundError as error:
                if strict:
                    raise
                missing.add(config['name'])
                print_log(f'skipped: {error}', logger='current', level=logging.WARNING)
        evaluator = [evaluator] if isinstance(evaluator, dict) else list(evaluator)
        metrics = [METRICS.build(m) if isinstance(m, dict) else m for m in evaluator]
        names = {benchmark.name for benchmark in self.benchmarks}
        for metric in metrics:
            if metric.benchmark not in names | missing:
                raise ValueError(f'{type(metric).__name__} asks for the benchmark '
                                 f'{metric.benchmark!r}; there are {sorted(names)}')
        self.metrics: list[EmbeddingMetric] = [m for m in metrics if m.benchmark in names]
        self.results = []

    @property
    def dataloader(self):
        return self.benchmarks

    def run(self) -> dict[str, float]:
        """Embed, measure, tell the hooks; returns all values."""
        hook = 'test' if self._runner._test_loop is self else 'val'
        if hook == 'test' and not self.benchmarks:
            raise ValueError('none of the config\'s benchmarks is there; the lines above say what '
                             'is missing')
        self.runner.call_hook(f'before_{hook}')
        self.runner.call_hook(f'before_{hook}_epoch')
        model = self.runner.model
        model.eval()
        self.results = []
        own = model.module if hasattr(model, 'module') else model
        cache = EmbeddingCache(self.cache, own) if self.cache else None
        for benchmark in self.benchmarks:
            metrics = [m for m in self.metrics if m.benchmark == benchmark.name]
            views = list(dict.fromkeys(view for m in metrics for view in m.views()))
            if not views:
                continue
            embeddings = self._embed(model, benchmark, views, cache)
            self.results += [(benchmark, with_intervals(m.compute(embeddings, benchmark)))
                             for m in metrics]
        values = {}
        for _, result in self.results:
            clash = values.keys() & result.values.keys()
            if clash:
                raise ValueError(f'two metrics give {sorted(clash)[0]!r}: name one of them with '
                                 'prefix=')
            values.update(result.values)
        self.runner.call_hook(f'after_{hook}_epoch', metrics=values)
        self.runner.call_hook(f'after_{hook}')
        return values


    def _embed(self, model, benchmark, views, cache: EmbeddingCache | None):
        if cache is None:
            return embed_benchmark(model, benchmark, views, **self.loader_settings)
        # The first process looks, and tells the others: they may see another disk.
        told = [None]
        if dist.is_main_process():
            key = cache.key(benchmark)
            told = [(key, cache.load(key, views))]
        dist.broadcast_object_list(told)
        key, found = told[0]
        missing = [view for view in views if view not in found]
        if missing:
            made = embed_benchmark(model, benchmark, missing, **self.loader_settings)
            if dist.is_main_process():
                cache.save(key, made)
            found.update(made)
        else:
            print_log(f'{benchmark.name}: embeddings of an earlier test', logger='current')
        return found
