"""Python commands and ranks in processes of their own, which import nothing again.

A fork server imports the package once for all tests of a pytest worker; each process is a copy of
it with its own arguments, environment, directory, streams, signals and exit code. What a fresh
interpreter loads is tested by ``subprocess`` in test_imports.py.
"""
import atexit
import contextlib
import importlib
import multiprocessing
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
import time
import traceback
import types
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
_SERVER = multiprocessing.get_context('forkserver')
_SERVER.set_forkserver_preload([
    'lrfr_mm.analysis.study.processes', 'lrfr_mm.apis.inferencer', 'lrfr_mm.datasets.convert',
    'lrfr_mm.datasets.alignment', 'lrfr_mm.engine.commands', 'lrfr_mm.models'])


class Python:
    """``python WORDS...`` that has started: a script, ``-c CODE`` or ``-m MODULE``.

    Args:
        words: Arguments of the interpreter.
        cwd: Directory of the process.
        env: Variables besides those of this process.
    """

    def __init__(self, *words, cwd=ROOT, env=None):
        self.args = [str(word) for word in words]
        self._streams = TemporaryDirectory()
        environment = {**os.environ, 'OMP_NUM_THREADS': '1', **(env or {})}
        self._process = _SERVER.Process(target=_run, args=(
            self.args, str(cwd), {name: str(value) for name, value in environment.items()},
            self._streams.name))
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self):
        """Exit code, minus the number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def text(self, stream='stdout'):
        """What it has printed so far."""
        path = Path(self._streams.name, stream)
        return path.read_text(errors='replace') if path.exists() else ''

    def wait_for(self, condition, timeout=120):
        """Wait until ``condition`` (a function, or a text in its output) holds or it has ended."""
        holds = condition if callable(condition) else lambda: condition in self.text()
        end = time.monotonic() + timeout
        while not holds() and self.returncode is None:
            assert time.monotonic() < end, self.text() + self.text('stderr')
            time.sleep(.005)

    def send_signal(self, number):
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout=900):
        self._process.join(timeout)
        if self.returncode is None:
            self.kill()
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def ended(self, timeout=900):
        """Its exit code and texts, once it has ended."""
        code = self.wait(timeout)
        return subprocess.CompletedProcess(self.args, code, self.text(), self.text('stderr'))


def python(*words, code=0, cwd=ROOT, env=None, timeout=900):
    """Run ``python WORDS...``; assert that it ends with ``code`` (None: with any)."""
    done = Python(*words, cwd=cwd, env=env).ended(timeout)
    assert code is None or done.returncode == code, done.stdout[-3000:] + done.stderr[-4000:]
    return done


APART = '''
import sys
from importlib import import_module
from joblib.externals.loky.backend.context import set_start_method
set_start_method('fork')
getattr(import_module(sys.argv[1]), sys.argv[2])(*sys.argv[3:])
'''


def run_apart(module, function, *words):
    """``module.function(*words)`` in a process whose joblib workers are copies of it, which import
    nothing again either. (A copy of pytest's process could wait for a lock that one of its threads
    held.) test_jobs and test_detectors have tests with workers as users have them.
    """
    python('-c', APART, module, function, *words)


def start_ranks(world, *words, env=None):
    """``world`` processes of one command as torchrun starts them."""
    common = dict(WORLD_SIZE=world, MASTER_ADDR='127.0.0.1', MASTER_PORT=free_port(), **(env or {}))
    return [Python(*words, env=dict(common, RANK=rank, LOCAL_RANK=rank)) for rank in range(world)]


def run_on(world, module, function, *words):
    """``module.function(rank, world, *words)`` on ``world`` processes that know each other (gloo);
    asserts that all end well.
    """
    with TemporaryDirectory() as directory:
        code = ('import sys\nfrom tests.processes import run_rank\nrun_rank(*sys.argv[1:])')
        ranks = [Python('-c', code, f'{directory}/store', rank, world, module, function, *words)
                 for rank in range(world)]
        texts = [rank.ended() for rank in ranks]
    assert not any(done.returncode for done in texts), '\n'.join(
        done.stdout[-2000:] + done.stderr[-4000:] for done in texts)
    return ''.join(done.stdout for done in texts)


def run_rank(store, rank, world, module, function, *words):
    """What each process of :func:`run_on` does."""
    import torch.distributed as dist
    sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]
    target = getattr(importlib.import_module(module), function)
    if int(world) > 1:
        dist.init_process_group('gloo', init_method=f'file://{store}', rank=int(rank),
                                world_size=int(world))
    target(int(rank), int(world), *words)
    sys.stdout.flush()
    os._exit(0)  # a rank does not wait for the threads of the others' connections


def free_port():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


def _run(words, cwd, environment, streams):
    """Become ``python WORDS...`` in this copy of the server."""
    for number, name in ((1, 'stdout'), (2, 'stderr')):
        file = os.open(f'{streams}/{name}', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    paths = environment.get('PYTHONPATH', '')
    sys.path[:0] = [path for path in paths.split(os.pathsep) if path]
    random.seed()
    multiprocessing.set_start_method(None, force=True)  # a copy's own children are no copies of it
    _set_threads(int(environment['OMP_NUM_THREADS']))
    sys.exit(_interpret(words))


def _set_threads(count):
    import torch
    torch.set_num_threads(count)  # the server's torch has read the variable already


def _interpret(words):
    """Run the command to its end, as the interpreter does; its exit code."""
    try:
        if words[0] == '-c':
            main = types.ModuleType('__main__')
            sys.modules['__main__'], sys.argv, sys.path[:0] = main, ['-c', *words[2:]], ['']
            exec(compile(words[1], '<string>', 'exec'), main.__dict__)
        elif words[0] == '-m':
            sys.argv, sys.path[:0] = words[1:], ['']
            runpy.run_module(words[1], run_name='__main__', alter_sys=True)
        else:
            sys.argv, sys.path[:0] = words, [str(Path(words[0]).resolve().parent)]
            runpy.run_path(words[0], run_name='__main__')
        return 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
