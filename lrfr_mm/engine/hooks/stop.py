"""SIGTERM and Ctrl-C: a training ends after the running step, with a checkpoint to resume from."""
from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from functools import partial

import torch
from mmengine.hooks import Hook
from torch import distributed as dist
from torch.utils.data import DataLoader

from lrfr_mm.engine.hooks.buffer_sync import BufferSyncHook
from lrfr_mm.engine.hooks.face_checkpoint import FaceCheckpointHook
from lrfr_mm.registry import HOOKS

__all__ = ['StopHook', 'keep_workers']

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@HOOKS.register_module()
class StopHook(Hook):
    """Ends a training after the running step when the process gets SIGTERM (a preempted job) or
    SIGINT (Ctrl-C); a second signal ends the process at once. The build registers it.

    With several ranks the signal may reach each at another step, or only one of them: after every
    step the ranks exchange one number over gloo, on the CPU, and all stop at the same step.

    Attributes:
        stopped: Whether the training was ended.
    """

    priority = 'LOWEST'

    def __init__(self):
        self.stopped, self._signal, self._pid, self._group = False, 0, os.getpid(), None
        self._previous: dict = {}

    def before_train(self, runner) -> None:
        self._signal = 0
        if runner.world_size > 1:
            self._group = dist.new_group(backend='gloo')
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._request) for number in SIGNALS}

    def after_train(self, runner) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        number = self._agreed_signal()
        if not number:
            return
        for hook in runner.hooks:
            if isinstance(hook, BufferSyncHook):
                hook.synchronise(runner)
        path = None
        for hook in runner.hooks:
            if isinstance(hook, FaceCheckpointHook):
                path = hook.save_interrupted(runner)
        self.stopped = runner.train_loop.stop_training = True
        runner.logger.info(
            f'{signal.Signals(number).name}: training stopped after iteration {runner.iter + 1}; '
            + (f'--resume goes on from {path}' if path else 'there is no FaceCheckpointHook, so no '
               'checkpoint was written'))

    def _request(self, number: int, frame) -> None:
        if os.getpid() != self._pid:  # a forked worker of the data loader
            return
        self._signal = number
        for other in SIGNALS:
            signal.signal(other, signal.SIG_DFL)

    def _agreed_signal(self) -> int:
        """The signal that any rank has received, 0 for none; the same on all ranks."""
        if self._group is None:
            return self._signal
        flag = torch.tensor([int(self._signal)])
        dist.all_reduce(flag, dist.ReduceOp.MAX, group=self._group)
        return int(flag)


def keep_workers(loader: DataLoader) -> None:
    """Let the workers of ``loader`` survive the signals that :class:`StopHook` answers.

    A terminal or a cluster sends them to all processes of a job, and the step under way needs its
    batch. The main process ends its workers, at the latest when it exits.
    """
    loader.worker_init_fn = partial(_ignore_stop_signals, then=loader.worker_init_fn)
    atexit.unregister(_kill_workers)
    atexit.register(_kill_workers)


def _ignore_stop_signals(worker: int, then: Callable[[int], None] | None) -> None:
    """The ``worker_init_fn``: ``then``, and no reaction to the first SIGTERM or to any SIGINT."""
    if then is not None:
        then(worker)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: signal.signal(number, signal.SIG_DFL))


def _kill_workers() -> None:
    """Kill the workers that are left at exit.

    torch and multiprocessing send them a SIGTERM each, then wait without end. The two can reach a
    worker as one, which it ignores. This runs between them: after torch's, which is registered when
    a loader starts its workers, and before multiprocessing's. torch's handler of SIGCHLD would
    print a traceback for each killed worker.
    """
    if hasattr(signal, 'SIGCHLD'):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()
