"""Mutants of one format, read in a child process that may crash."""
from __future__ import annotations

import multiprocessing
import resource
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lrfr_mm.analysis.fuzz.cases import FuzzCase
from lrfr_mm.analysis.fuzz.mutate import mutate
from lrfr_mm.errors import UserError

__all__ = ['FuzzResult', 'run_case']

_SECONDS = 5.  # of the processor, so that what else the machine does changes nothing
_HANG = 60.  # a child that says nothing for so long is stopped
_MEMORY = 2 << 30  # bytes beyond what the process has mapped already


@dataclass
class FuzzResult:
    """What became of the mutants of a format.

    Attributes:
        counts: Of 'read' (the damage was not noticed, or did not matter), 'refused' (an error of
            ours that names the file), and the failures: 'unnamed' (an error of ours without the
            file's name), 'foreign' (any other exception), 'slow' (over 5 s of CPU
            time, or silent for a minute), 'crashed' (the process
            ended).
        failures: (number of the mutant, kind, text) of every failure.
    """

    counts: Counter = field(default_factory=Counter)
    failures: list[tuple[int, str, str]] = field(default_factory=list)


def run_case(case: FuzzCase, count: int, seed: int = 0) -> FuzzResult:
    """Read ``count`` mutants of a format.

    Mutant k depends on the format, ``seed`` and k alone. The child has 2 GiB of memory; when it
    ends, the mutant is counted as 'crashed' and another child goes on with the next.

    Raises:
        ValueError: If the sound files are not read.
    """
    result, number = FuzzResult(), 0
    context = multiprocessing.get_context('fork')
    with TemporaryDirectory() as directory:
        path = case.write(Path(directory))
        sound = path.read_bytes()
        while number < count:
            receiver, sender = context.Pipe(duplex=False)
            child = context.Process(target=_read_mutants,
                                    args=(sender, case, path, sound, number, count, seed))
            child.start()
            sender.close()
            try:
                while True:
                    if not receiver.poll(_HANG):
                        child.kill()
                        _note(result, number, 'slow', f'stopped after {_HANG:.0f} s')
                        number += 1
                        break
                    kind, text = receiver.recv()
                    if kind == 'unsound':
                        raise ValueError(f'the sound files of {case.name} are not read: {text}')
                    _note(result, number, kind, text)
                    number += 1
            except EOFError:
                child.join()
                if number < count:
                    _note(result, number, 'crashed', f'exit code {child.exitcode}')
                    number += 1
    return result


def _note(result: FuzzResult, number: int, kind: str, text: str) -> None:
    result.counts[kind] += 1
    if kind not in ('read', 'refused'):
        result.failures.append((number, kind, text))


def _read_mutants(sender, case: FuzzCase, path: Path, sound: bytes, first: int, count: int,
                  seed: int) -> None:
    """In the child: read mutants ``first`` to ``count`` - 1 and send what became of each."""
    mapped = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (mapped + _MEMORY, hard))
    path.write_bytes(sound)
    try:
        case.read(path)
    except Exception:
        sender.send(('unsound', traceback.format_exc()))
        return
    for number in range(first, count):
        rng = np.random.default_rng([seed, number, *case.name.encode()])
        path.write_bytes(mutate(sound, rng))
        sender.send(_outcome(case, path))


def _outcome(case: FuzzCase, path: Path) -> tuple[str, str]:
    start = time.process_time()
    try:
        case.read(path)
        kind, text = 'read', ''
    except UserError as error:
        name = str(path.parent) if case.one_set else path.name
        kind, text = ('refused' if name in str(error) else 'unnamed'), str(error)
    except Exception:
        kind, text = 'foreign', traceback.format_exc()
    if (seconds := time.process_time() - start) > _SECONDS:
        return 'slow', f'{seconds:.1f} s'
    return kind, text
