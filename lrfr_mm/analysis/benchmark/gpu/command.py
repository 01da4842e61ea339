"""Run the parts one after the other, each in a process with a time limit of its own."""
from __future__ import annotations

import json
import multiprocessing
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from lrfr_mm.analysis.benchmark.gpu.part import Scale
from lrfr_mm.analysis.benchmark.gpu.parts import PARTS
from lrfr_mm.analysis.benchmark.timing import Result, machine
from lrfr_mm.errors import InputError
from lrfr_mm.files import write_text
from lrfr_mm.registry import MODELS

__all__ = ['benchmark_gpu', 'gpu_table']


def benchmark_gpu(out: str | Path, minutes: float = 8., dry_run: bool = False,
                  names: Sequence[str] | None = None, show=print) -> dict:
    """Measure this machine's GPU, and write every result as it ends.

    Args:
        out: Directory of ``gpu.json`` (all results) and ``gpu.md`` (the table of docs/speed.md);
            both are rewritten after every result, so that an interrupted run leaves what it has.
        minutes: Time for all parts of ``names`` together, divided in proportion to their
            ``seconds``. What a part leaves is added to the next one's.
        dry_run: Run every part at a small size on the CPU.
        names: Parts to run; None for all.
        show: Called with each line of progress.

    Returns:
        ``machine``, ``dry_run``, and ``parts``: name to title, seconds, status ('done',
        'time limit' or the error) and results.

    Raises:
        InputError: For an unknown part, or without a GPU unless ``dry_run``.
    """
    unknown = set(names or ()) - set(PARTS)
    if unknown:
        raise InputError(f'there is no part {sorted(unknown)[0]!r}; there are {", ".join(PARTS)}')
    if not dry_run and not torch.cuda.is_available():
        raise InputError('torch sees no GPU here; --dry-run runs every part at a small size on the '
                         'CPU')
    wanted = [part for name, part in PARTS.items() if not names or name in names]
    share = 60 * minutes / sum(part.seconds for part in wanted)
    found = dict(machine=machine(), dry_run=dry_run, parts={})
    worker = _Worker(dry_run)
    worker.start()
    end = time.monotonic()  # of the part
    for part in wanted:
        end += share * part.seconds + worker.start()
        limit = end - time.monotonic()
        show(f'{part.title} (at most {limit:.0f} s)')
        entry = dict(title=part.title, status='running', seconds=0., results=[])
        found['parts'][part.name] = entry
        begin = time.monotonic()
        for kind, value in worker.run(part.name, limit):
            if kind == 'result':
                entry['results'].append(value)
                show(f'  {value["name"]}: {_number(value["value"])} {value["unit"]} '
                     + ', '.join(f'{k} {v}'.strip() for k, v in value['extra'].items()))
            else:
                entry['status'] = value
            entry['seconds'] = round(time.monotonic() - begin, 1)
            _write(Path(out), found)
        if entry['status'] != 'done':
            show(f'  {entry["status"]}')
    worker.stop()
    return found


def _write(out: Path, found: dict) -> None:
    write_text(out / 'gpu.json', json.dumps(found, indent=2) + '\n')
    write_text(out / 'gpu.md', gpu_table(found))


class _Worker:
    """A process that measures parts; it is replaced when a part fails or takes too long."""

    def __init__(self, dry_run: bool):
        self.dry_run = dry_run
        self._process = None

    def run(self, name: str, limit: float):
        """('result', dict) of each result of a part, then ('status', text)."""
        self._pipe.send(name)
        end, status = time.monotonic() + limit, 'the process ended without a message'
        while True:
            if not self._pipe.poll(max(0., end - time.monotonic())):
                status = 'time limit'
                break
            try:
                kind, value = self._pipe.recv()
            except EOFError:
                break
            if kind == 'status':
                status = value
                break
            yield 'result', value
        if status != 'done':
            self.stop()
        yield 'status', status

    def start(self) -> float:
        """Start the process, unless it runs; returns the seconds that this took."""
        if self._process is not None:
            return 0.
        begin = time.monotonic()
        context = multiprocessing.get_context('spawn')
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_measure, args=(self.dry_run, other))
        self._process.start()
        other.close()
        self._pipe.recv()  # it has imported everything
        return time.monotonic() - begin

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _measure(dry_run: bool, pipe) -> None:
    from mmengine.registry import init_default_scope
    init_default_scope('lrfr_mm')
    MODELS.import_from_location()
    torch.backends.cudnn.benchmark = True
    pipe.send('ready')
    scale = Scale.small() if dry_run else Scale.full()
    while True:
        try:
            for result in PARTS[pipe.recv()].measure(scale):
                pipe.send(('result', asdict(result)))
            pipe.send(('status', 'done'))
        except (EOFError, BrokenPipeError):  # the process that asked is gone
            return
        except Exception as error:
            traceback.print_exc()
            text = str(error).strip().partition('\n')[0]
            pipe.send(('status', f'{type(error).__name__}: {text}'))


def _number(value: float) -> str:
    return f'{value:,.{0 if value >= 100 else 1 if value >= 10 else 3}f}'


def gpu_table(found: dict) -> str:
    """The results in Markdown, in the form of docs/speed.md."""
    lines = [found['machine'], '']
    if found['dry_run']:
        lines += ['**Dry run**: small sizes on a CPU. It shows that every part runs, not how fast '
                  'a GPU is.', '']
    for entry in found['parts'].values():
        status = '' if entry['status'] == 'done' else f', ended by: {entry["status"]}'
        lines += [f'## {entry["title"]} ({entry["seconds"]:.0f} s{status})', '']
        if entry['results']:
            lines += ['| what | figure | notes |', '|---|---:|---|']
        for result in entry['results']:
            result = Result(**result)
            notes = ', '.join(f'{key} {value}'.strip() for key, value in result.extra.items())
            figure = ('not measured' if '' in result.extra  # the reason
                      else f'{_number(result.value)} {result.unit}'.strip())
            lines.append(f'| {result.name} | {figure} | {notes} |')
        lines.append('')
    return '\n'.join(lines)
