"""Table, metrics file and report after a validation or a test."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from lrfr_mm.engine.checkpoint import read_checkpoint
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.report import collect_run, table_text, write_report
from lrfr_mm.files import whole_file, write_text
from lrfr_mm.registry import HOOKS

__all__ = ['ReportHook']


@HOOKS.register_module()
class ReportHook(Hook):
    """After a test: the table, ``metrics.json``, ``report/index.html``, and for
    ``tools/compare.py`` ``run.json`` and ``items.npz`` (which pairs and probes were right).

    If a benchmark failed, ``metrics.json`` has what was measured on the others, and under
    ``failed`` a dict of the benchmark's name to the error; ``run.json`` has the same entry.

    Args:
        out: Path of the metrics file; default ``metrics.json`` in the work dir.
        name: Name of the run in the report; default the work dir's name.
        page: Whether to write ``report/index.html``.
    """

    priority = 'LOW'

    def __init__(self, out: str | None = None, name: str | None = None,
                 page: bool = True):
        self.out, self.name, self.page = out, name, page

    def after_val_epoch(self, runner, metrics=None) -> None:
        if is_main_process():
            runner.logger.info('\n' + table_text(runner.val_loop.results))

    def after_test_epoch(self, runner, metrics=None) -> None:
        if not is_main_process():
            return
        loop, work_dir = runner.test_loop, Path(runner.work_dir)
        runner.logger.info('\n' + table_text(loop.results))
        out = Path(self.out) if self.out else work_dir / 'metrics.json'
        failed = {name: str(error) for name, error in loop.failures.items()}
        write_text(out, json.dumps({**metrics, **(dict(failed=failed) if failed else {})}, indent=2)
                   + '\n')
        checkpoint = runner.cfg.get('checkpoint', '')
        run = collect_run(self.name or work_dir.name, loop.results,
                          getattr(runner, 'config_text', None) or runner.cfg.pretty_text,
                          checkpoint=checkpoint, seed=_training_seed(checkpoint))
        if failed:
            run['failed'] = failed
        write_text(work_dir / 'run.json', json.dumps(run))
        with whole_file(work_dir / 'items.npz') as part, open(part, 'wb') as file:
            np.savez_compressed(file, **{name: correct for _, result in loop.results
                                         for name, correct in result.items.items()})
        runner.logger.info(f'metrics: {out}')
        if self.page:
            page = write_report(work_dir / 'report', [run])
            runner.logger.info(f'report: {page}')


def _training_seed(checkpoint: str) -> int | None:
    """The seed that a checkpoint was trained with; None where it does not say."""
    if not checkpoint or not Path(checkpoint).is_file():
        return None
    try:
        return read_checkpoint(checkpoint, mmap=True).get('meta', {}).get('seed')
    except InputError:  # torch's old form, which cannot be mapped
        return None
