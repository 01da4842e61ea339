"""Benchmarks that are measured without a line in the config."""
from __future__ import annotations

from dataclasses import dataclass, field

from mmengine.config import ConfigDict

__all__ = ['DEFAULTS', 'DefaultBenchmark', 'add_defaults']


@dataclass(frozen=True)
class DefaultBenchmark:
    """What a config would say about a benchmark.

    Attributes:
        dataset: Its config without ``name``; '{data_root}' in a text is replaced by the config's.
        metrics: Configs of its metrics without ``benchmark``.
    """

    dataset: dict
    metrics: list[dict] = field(default_factory=list)


DEFAULTS: dict[str, DefaultBenchmark] = {}
"""Name to benchmark. A module of your own adds to it, beside the class, its miniature and its
published numbers; ``custom_imports`` in the config is then all that ``tools/test.py`` needs.
"""


def add_defaults(datasets: list, metrics: list, data_root: str) -> None:
    """Append the registered benchmarks that ``datasets`` does not name, and their metrics.

    Args:
        datasets: Configs of benchmarks, with ``name``; extended in place.
        metrics: Configs of metrics, with ``benchmark``; extended in place.
        data_root: Directory of the data sets.
    """
    named = {dataset['name'] for dataset in datasets}
    for name, default in DEFAULTS.items():
        if name in named:
            continue
        datasets.append(ConfigDict({
            key: value.replace('{data_root}', data_root) if isinstance(value, str) else value
            for key, value in dict(default.dataset, name=name).items()}))
        metrics += [ConfigDict(metric, benchmark=name) for metric in default.metrics]
