"""What tools/study.py does: run a study's rows, then write its table and figures."""
from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lrfr_mm.analysis.ablations import QUESTIONS, ROWS, TABLES, apply_ablation, read_ablation
from lrfr_mm.analysis.figures.studies import study_figure, weight_figure
from lrfr_mm.analysis.figures.subjects import parse_subject
from lrfr_mm.analysis.study.results import accuracies, collect, default_metrics, items_of_runs
from lrfr_mm.analysis.study.runner import Row, run_rows
from lrfr_mm.analysis.study.tables import ablation_table, study_table
from lrfr_mm.engine.config import find_config, read_config
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.report import to_markdown
from lrfr_mm.evaluation.report.published import ABLATIONS
from lrfr_mm.files import write_text

__all__ = ['CHOICES', 'StudySettings', 'run_seeds', 'run_table']

CHOICES = {**TABLES, **QUESTIONS, 'any': ROWS}


@dataclass(frozen=True)
class StudySettings:
    """What all studies are asked.

    Attributes:
        seeds: Number of repetitions, with seeds 0, 1, ...
        out: Directory of all runs; a second start goes on where the first ended.
        jobs: Runs at a time.
        metrics: Columns; None for the study's default.
        amp: bfloat16 autocast in training.
        options: ``KEY=VALUE`` overrides of all configs.
        minutes: After so many minutes no further run is started, and the tables are made of what
            there is; None for no limit.
        started: ``time.monotonic()`` from which they count.
        failures: Why each run failed that did, by 'ROW, seed N'.
    """

    seeds: int
    out: Path
    jobs: int = 1
    metrics: Sequence[str] | None = None
    amp: bool = False
    options: Sequence[str] = ()
    minutes: float | None = None
    started: float = field(default_factory=time.monotonic)
    failures: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ('seeds', 'jobs'):
            if getattr(self, name) < 1:
                raise InputError(f'--{name} must be at least 1, got {getattr(self, name)}')
        if self.minutes is not None and not self.minutes > 0:
            raise InputError(f'--minutes must be above 0, got {self.minutes}')
        for option in self.options:
            if not option.partition('=')[1]:
                raise InputError(f'--cfg-options: KEY=VALUE is needed, got {option!r}')

    @property
    def overrides(self) -> dict[str, str]:
        """The options: key to text."""
        return dict(option.split('=', 1) for option in self.options)

    @property
    def numbers(self) -> list[int]:
        """The seeds."""
        return list(range(self.seeds))

    def run(self, rows: Sequence[Row]) -> dict:
        """Run ``rows``, and name those of which no run has ended.

        Returns:
            The results (of ``collect``) of the rows with a finished run.

        Raises:
            RuntimeError: If there is none.
        """
        self.run_part(rows, self.numbers, self.out)
        results = {name: values for name, values in collect(rows, self.numbers, self.out).items()
                   if values}
        missing = [row.name for row in rows if row.name not in results]
        if not results:
            self.raise_failures()
            raise RuntimeError('no run has ended; a second start goes on where this one stopped')
        if missing:
            print(f'without a finished run: {", ".join(missing)}', flush=True)
        return results

    def run_part(self, rows: Sequence[Row], seeds: Sequence[int], out: Path,
                 share: float = 1.) -> None:
        """Run ``rows`` with ``seeds`` in ``out``, in at most ``share`` of the minutes."""
        deadline = None if self.minutes is None else self.started + 60 * self.minutes * share
        self.failures.update(run_rows(rows, seeds, out, list(self.options),
                                      ['--amp'] if self.amp else [], self.jobs, deadline))

    def raise_failures(self) -> None:
        """Raise RuntimeError with every run that failed, if any did."""
        if self.failures:
            raise RuntimeError(f'{len(self.failures)} run(s) failed:\n' + '\n'.join(
                f'{name}: {reason}' for name, reason in self.failures.items()))


def run_table(table: str, base: str, names: Sequence[str] | None, settings: StudySettings) -> None:
    """The rows of one of the paper's tables, or of an open question, on any base.

    Rows of the same name are the same in all of them, and run once in one ``out``.

    Args:
        table: Key of ``CHOICES``.
        base: Config that the rows change.
        names: Rows; None for all.
        settings: See StudySettings.

    Raises:
        InputError: For an unknown row.
    """
    against = CHOICES[table]
    unknown = [name for name in names or () if name not in against]
    if unknown:
        raise InputError(f'{table} has no row {unknown[0]!r}; it has {", ".join(against)}')
    against = {name: against[name] for name in names or against}
    config, rows = read_config(base), []
    for name in against:
        path = settings.out / 'configs' / f'{name.replace(".", "_")}.py'
        write_text(path, apply_ablation(config, read_ablation(name)).pretty_text)
        rows.append(Row(name, str(path)))
    results = settings.run(rows)
    rows = [row for row in rows if row.name in results]
    have = list(next(iter(results.values())))
    published = ABLATIONS.get(table, {})
    metrics = settings.metrics or [m for m in ABLATIONS['table4'] if m in have] or default_metrics(
        have, table)
    text = to_markdown(ablation_table(
        against, results, {row.name: items_of_runs(row, settings.numbers, settings.out)
                           for row in rows}, metrics,
        {column.removesuffix('/rank1').removesuffix('/accuracy'): numbers
         for column, numbers in published.items()}))
    write_text(settings.out / f'{table}.md', text)
    print(text)
    print(study_figure(results, metrics, settings.out, table))
    if table == 'weight':
        subjects = [parse_subject(f'{row.name}={row.folder(settings.out, 0).parent}')
                    for row in rows]
        chosen = [m for m in metrics if m.endswith(('@7', '@112'))] or metrics
        print(weight_figure(subjects, results, chosen, settings.out))
    settings.raise_failures()


def run_seeds(configs: Sequence[str], settings: StudySettings) -> None:
    """Every config with every seed; the first is what the others are compared with.

    Raises:
        InputMissingError: If a config does not exist.
        InputError: If two have the same name.
    """
    paths = [find_config(config) for config in configs]
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        raise InputError(f'two configs have the same name: {", ".join(names)}')
    results = settings.run([Row(name, str(path))
                            for name, path in zip(names, paths, strict=True)])
    metrics = settings.metrics or accuracies(list(next(iter(results.values()))))
    text = to_markdown(study_table(results, metrics))
    write_text(settings.out / 'study.md', text)
    write_text(settings.out / 'study.json', json.dumps(
        {name: {key: values.tolist() for key, values in row.items()}
         for name, row in results.items()}, indent=2) + '\n')
    print(f'\nmean ± standard deviation over {settings.seeds} seeds, %:\n')
    print(text)
    settings.raise_failures()
