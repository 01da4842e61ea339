"""Stops by a signal, and the work dir's lock."""
import os
import signal

import pytest
from mmengine.hooks import Hook

from lrfr_mm.engine.work_dir import lock_work_dir
from lrfr_mm.errors import InputError, OutputError
from lrfr_mm.registry import HOOKS
from tests.processes import Python, python
from tests.test_engine.conftest import ROOT, inside, same, scalars, weights


@HOOKS.register_module(force=True)
class SignalHook(Hook):
    """Sends this process a signal before a step."""

    def __init__(self, number, at):
        self.number, self.at = number, at

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.at:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize(('number', 'at', 'workers'), [
    (signal.SIGTERM, 1, 0), pytest.param(signal.SIGINT, 5, 2, marks=pytest.mark.slow),
    (signal.SIGTERM, 7, 0)])
def test_a_stopped_training_goes_on_to_the_bit(number, at, workers, trained, written, tmp_path):
    """Inside an epoch of four steps, and at an epoch's last step."""
    config = written(f'stop{workers}', workers=workers)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    done = inside('train', config, '--work-dir', tmp_path, '--seed', 3, '--cfg-options',
                  'custom_hooks.0.type=SignalHook', f'custom_hooks.0.number={int(number)}',
                  f'custom_hooks.0.at={at}', code=1)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert f'{number.name}: training stopped after iteration {at + 1}; --resume' in done.text
    assert max(scalars(tmp_path)) == at + 1 and (tmp_path / 'interrupted.pth').is_file()
    inside('train', config, '--work-dir', tmp_path, '--seed', 3, '--resume')
    whole = scalars(trained[0])
    assert scalars(tmp_path) == {step: whole[step] for step in range(at + 2, 13)}
    assert same(weights(tmp_path / 'epoch_3.pth'), weights(trained[0] / 'epoch_3.pth'))
    assert not (tmp_path / 'interrupted.pth').exists()


TWICE = '''
from mmengine.hooks import Hook
from lrfr_mm.registry import HOOKS
import os, signal, time

@HOOKS.register_module()
class Twice(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(.1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(900)
'''


def test_a_second_signal_ends_at_once_and_the_lock_goes_with_the_process(written, tmp_path):
    (tmp_path / 'twice.py').write_text(TWICE)
    config = written('twice', extra="custom_imports = dict(imports=['twice'])\n"
                                    "custom_hooks = [dict(type='Twice')]\n")
    python('tools/train.py', config, '--work-dir', tmp_path / 'w',
           env=dict(PYTHONPATH=f'{tmp_path}:{ROOT}'), code=-signal.SIGTERM)
    assert lock_work_dir(tmp_path / 'w', patience=0) is not None


HOLD = '''
import sys, time
from lrfr_mm.engine.work_dir import lock_work_dir
lock = lock_work_dir(sys.argv[1])
print('locked', flush=True)
time.sleep(900)
'''


def test_a_work_dir_is_for_one_training(config, tmp_path, monkeypatch):
    monkeypatch.setattr(lock_work_dir, '__defaults__', (.1,))  # seconds of patience
    holder = Python('-c', HOLD, tmp_path)
    try:
        holder.wait_for('locked')
        with pytest.raises(InputError, match='another training uses this work dir'):
            lock_work_dir(tmp_path, patience=0)
        done = inside('train', config, '--work-dir', tmp_path, code=2)
        assert 'another training' in done.stderr and holder.returncode is None
    finally:
        holder.kill()
        holder.wait()
    part = tmp_path / 'sub' / '.epoch_1.pth.HOST.PID.part'
    part.parent.mkdir()
    from lrfr_mm.files import _HOST
    dead = part.with_name(f'.epoch_1.pth.{_HOST}.{holder.pid}.part')
    alive = part.with_name(f'.epoch_1.pth.{_HOST}.{os.getppid()}.part')
    for path in (dead, alive):
        path.write_bytes(b'half')
    assert lock_work_dir(tmp_path) is not None
    assert not dead.exists() and alive.exists()


def test_a_work_dir_that_cannot_be_made_is_named():
    with pytest.raises(OutputError, match='/proc/none'):
        lock_work_dir('/proc/none/work')


WORKER = '''
import torch
from torch.utils.data import DataLoader
from lrfr_mm.engine.hooks.stop import keep_workers
loader = DataLoader(range(8), num_workers=2, persistent_workers=True)
keep_workers(loader)
batches = iter(loader)
print(next(batches))
'''


def test_an_exit_leaves_no_worker_behind():
    """torch and multiprocessing ask the workers to end at the same time, and wait for them."""
    done = python('-c', WORKER, timeout=120)
    assert (done.stdout, done.stderr) == ('tensor([0])\n', '')
