"""Processes forked from a server that has imported the package once."""
from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from lrfr_mm.engine.cli import run_command

__all__ = ['Place', 'places', 'start_process']

Place = dict[str, str]


def places(jobs: int) -> list[Place]:
    """Environment of each of ``jobs`` processes at a time: its GPU, or its share of the cores."""
    gpus = torch.cuda.device_count()
    if gpus:
        seen = os.environ.get('CUDA_VISIBLE_DEVICES')
        names = seen.split(',') if seen else [str(gpu) for gpu in range(gpus)]
        share = {'OMP_NUM_THREADS': str(_share_of_cores(jobs))} if jobs > 1 else {}
        return [{'CUDA_VISIBLE_DEVICES': names[job % gpus], **share} for job in range(jobs)]
    return [{}] if jobs == 1 else [{'OMP_NUM_THREADS': str(_share_of_cores(jobs))}] * jobs


def _share_of_cores(jobs: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    return max(1, (cores or 1) // jobs)


def start_process(function: Callable[..., int | None], arguments: tuple, log: Path,
                  place: Place) -> BaseProcess:
    """Run ``function(*arguments)`` in a process of its own, and end it when this process ends.

    The first call starts a fork server, which imports the modules of this package that are imported
    here, and with them torch, mmengine and timm; every process is a copy of the server and imports
    nothing again. The server does not initialise CUDA: each process has a context of its own. The
    processes form groups of their own, so that Ctrl-C reaches this process alone.

    Args:
        function: A module's function; returns the exit code, None for 0.
        arguments: Are pickled.
        log: File to which everything printed is appended.
        place: Of :func:`places`.

    Returns:
        The started process; ``exitcode`` is that of ``run_command``.
    """
    # mmengine asks for GPUs when it is imported. torch answers by CUDA, after which no fork of the
    # process can use a GPU, unless this makes it ask the driver's management library.
    os.environ['PYTORCH_NVML_BASED_CUDA_CHECK'] = '1'
    if torch.cuda.device_count() and torch.cuda._device_count_nvml() < 0:
        context = multiprocessing.get_context('spawn')  # the library is not there
    else:
        context = multiprocessing.get_context('forkserver')
        context.set_forkserver_preload([name for name in sys.modules
                                        if name.startswith('lrfr_mm.')])
    process = context.Process(target=_run, args=(function, arguments, log, place))
    process.start()
    return process


def _run(function: Callable[..., int | None], arguments: tuple, log: Path, place: Place) -> None:
    if hasattr(os, 'setpgid'):
        os.setpgid(0, 0)
    with open(log, 'ab', buffering=0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.stdout.reconfigure(line_buffering=True)
    multiprocessing.set_start_method(None, force=True)  # of the run's data loaders: the default
    os.environ.update(place)
    if 'OMP_NUM_THREADS' in place:  # the server's torch has read the variable already
        torch.set_num_threads(int(place['OMP_NUM_THREADS']))
    threading.Thread(target=_follow_parent, daemon=True).start()
    run_command(lambda: function(*arguments))


def _follow_parent() -> None:
    """Stop this process, a training with a checkpoint, once the process that started it is gone."""
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)
