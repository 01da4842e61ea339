"""Long jobs over images: in chunks, on many processes or a cluster, resumable after a kill.

A job writes one file a chunk into a directory, each file whole or not at all, so that a second
start makes only the chunks that are missing. :func:`building` gives that directory and moves it to
its destination when everything is there; :func:`run_chunks` runs the chunks through joblib.

    class Sizes(ChunkWork):
        def __init__(self, source):
            self.source = source

        def write(self, start, stop, path):
            sizes = [len(self.source.read(i)[0]) for i in range(start, stop)]
            path.write_text(json.dumps(sizes))

    with building('sizes', dict(source=repr(source), chunk=500)) as directory:
        run_chunks(Sizes(source), len(source), directory, 500, suffix='.json', workers=8)
"""
from __future__ import annotations

import json
import os
import pickle
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cloudpickle
import cv2
import joblib
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from lrfr_mm.errors import InputError, InputExistsError, MissingDependencyError, reading
from lrfr_mm.files import locked, remove_stale_parts, temporary_file, whole_file, write_text

__all__ = ['CLUSTERS', 'ChunkWork', 'building', 'run_chunks']

CLUSTERS = ('local', 'dask', 'dask:ADDRESS', 'ray', 'ray:ADDRESS')
_PLAN = '.plan.json'


class ChunkWork:
    """What a job does to a span of items.

    The object is pickled to a file once and loaded once by each worker process; on a cluster all
    hosts need the package and the directory of the job.
    """

    def start(self) -> None:
        """Prepare this process before its first chunk: load a network, open a database."""

    def write(self, start: int, stop: int, path: Path) -> None:
        """Write the result of items ``start`` to ``stop`` - 1 to ``path``.

        ``path`` is a temporary name in the job's directory with another ending than the chunk's;
        the chunk gets its name when this method returns.
        """
        raise NotImplementedError


@contextmanager
def building(destination: str | os.PathLike, plan: dict) -> Iterator[Path | None]:
    """Give the directory ``DESTINATION.part``, which becomes ``destination`` when the block ends.

    Started again after a kill, it gives the directory with what the first run left there. If the
    first run was killed after everything was done, it gives None: there is nothing left to do.
    Another process that builds the same destination is kept out.

    Args:
        destination: Directory to make; may be there if it is empty.
        plan: What decides the result (source, format, sizes), as JSON values. It is kept in the
            directory, and another run's beginning is refused.

    Raises:
        InputExistsError: If ``destination`` holds something, ``DESTINATION.part`` is the beginning
            of a run with another plan, or another process builds it.
        OutputError: If the directory cannot be written.
    """
    with locked(destination):
        yield from _building(Path(destination), plan)


def _building(destination: Path, plan: dict) -> Iterator[Path | None]:
    folder = destination.with_name(destination.name + '.part')
    text = json.dumps(plan, sort_keys=True)
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        if _read_plan(destination) != text:
            raise InputExistsError(f'{destination} exists already: nothing is overwritten')
        (destination / _PLAN).unlink()
        yield None
        return
    if folder.exists() and _read_plan(folder) != text and any(folder.iterdir()):
        raise InputExistsError(f'{folder} holds the beginning of another run: remove it, or give '
                               'the arguments of that run')
    write_text(folder / _PLAN, text)
    remove_stale_parts(folder)
    yield folder
    if destination.is_dir():
        destination.rmdir()
    folder.rename(destination)
    (destination / _PLAN).unlink()


def _read_plan(folder: Path) -> str | None:
    path = folder / _PLAN
    return path.read_text(encoding='utf-8', errors='replace') if path.is_file() else None


def run_chunks(work: ChunkWork, count: int, directory: str | os.PathLike, chunk: int, *,
               prefix: str = 'chunk-', suffix: str = '', workers: int = 1, cluster: str = 'local',
               progress: bool = True, unit: str = 'img') -> list[Path]:
    """Make every chunk of ``count`` items that is not in ``directory`` yet.

    Memory: workers hold ``work`` and one chunk each; twice as many tasks as workers are queued, and
    a task is three numbers and a name.

    Args:
        work: What is done; see ChunkWork.
        count: Number of items.
        directory: Where the files ``PREFIX000000SUFFIX`` lie; made if missing.
        chunk: Items of a file.
        prefix, suffix: Of the files' names.
        workers: Processes; 1 works in this process. A cluster uses all its workers.
        cluster: 'local'; 'dask' or 'ray' for the cluster that this process is connected to, or a
            local one of ``workers`` processes; 'dask:ADDRESS' or 'ray:ADDRESS' to connect.
        progress: Show a bar.
        unit: Of the bar.

    Returns:
        The files of all chunks, in order.

    Raises:
        InputError: For an unknown cluster, or ``chunk`` or ``workers`` below 1.
        MissingDependencyError: If the cluster's package is not installed.
        RuntimeError: If a worker process ended while it worked (killed, or out of memory).
        Exception: Whatever ``work`` raises; chunks that are done stay.
    """
    if chunk < 1 or workers < 1:
        raise InputError(f'chunk and workers must be at least 1, got {chunk} and {workers}')
    directory = Path(directory)
    spans = [(start, min(start + chunk, count)) for start in range(0, count, chunk)]
    paths = [directory / f'{prefix}{k:06d}{suffix}' for k in range(len(spans))]
    todo = [k for k, path in enumerate(paths) if not path.exists()]
    finished = sum(stop - start for k, (start, stop) in enumerate(spans) if k not in set(todo))
    if cluster == 'local':
        workers = max(1, min(workers, len(todo)))
    caller = os.getpid() if cluster == 'local' else None
    with tqdm(total=count, initial=finished, unit=unit, disable=not progress) as bar, \
            _work_file(work, directory) as file, _backend(cluster, workers):
        parallel = joblib.Parallel(return_as='generator_unordered', batch_size=1,
                                   pre_dispatch='2*n_jobs')
        try:
            for items in parallel(joblib.delayed(_run)(str(file), caller, *spans[k], str(paths[k]))
                                  for k in todo):
                bar.update(items)
        except TerminatedWorkerError as error:
            left = [spans[k] for k in todo if not paths[k].exists()][:2 * workers]
            raise RuntimeError(
                'a worker process ended while it worked (killed, out of memory, or a crash in a '
                'library); it had one of the items ' + ', '.join(f'{a} to {b - 1}' for a, b in left)
            ) from error
        finally:
            _forget()
    return paths


@contextmanager
def _work_file(work: ChunkWork, directory: Path) -> Iterator[Path]:
    """``work`` in a file that each worker loads once: it may hold millions of names."""
    with temporary_file(directory / f'work-{secrets.token_hex(8)}') as file:
        file.write_bytes(cloudpickle.dumps(work))
        yield file


# The work that this process has loaded, by its file: (path, work).
_loaded: tuple[str, ChunkWork] | None = None


def _run(file: str, caller: int | None, start: int, stop: int, path: str) -> int:
    """Make one chunk in a worker and return its number of items.

    ``caller`` is the process id of the caller if this is one of its child processes, else None.
    """
    global _loaded
    if _loaded is None or _loaded[0] != file:
        _loaded = None  # frees the work of an earlier job
        if caller != os.getpid():
            cv2.setNumThreads(1)  # the workers share the cores
        if caller not in (None, os.getpid()):
            threading.Thread(target=_end_with, args=(caller,), daemon=True).start()
        work = pickle.loads(Path(file).read_bytes())
        work.start()
        _loaded = file, work
    with whole_file(path) as part:
        _loaded[1].write(start, stop, part)
    return stop - start


def _end_with(caller: int) -> None:
    """End this process when its parent, process ``caller``, has been killed."""
    while os.getppid() == caller:
        time.sleep(1)
    os._exit(1)


def _forget() -> None:
    """Free what ``_run`` loaded in the calling process (with one worker it works there)."""
    global _loaded
    _loaded = None


@contextmanager
def _backend(cluster: str, workers: int) -> Iterator[None]:
    """Make ``cluster`` the backend of joblib.Parallel for one block."""
    kind, _, address = cluster.partition(':')
    with ExitStack() as stack:
        if cluster == 'local':
            if workers > 1:  # else its processes would wait for five minutes
                stack.callback(lambda: get_reusable_executor().shutdown(wait=True))
            stack.enter_context(joblib.parallel_config('loky', n_jobs=workers))
        elif kind == 'dask':
            stack.enter_context(_dask_client(address, workers))
            stack.enter_context(joblib.parallel_config('dask', n_jobs=-1))
        elif kind == 'ray':
            _connect_ray(address, workers)
            stack.enter_context(joblib.parallel_config('ray', n_jobs=-1))
        else:
            raise InputError(f'cluster must be one of {", ".join(CLUSTERS)}, got {cluster!r}')
        yield


@contextmanager
def _dask_client(address: str, workers: int) -> Iterator[None]:
    """A Dask client as the current one: at ``address``, the process's own, or a new local one."""
    try:
        from distributed import Client, LocalCluster, get_client
    except ImportError:
        raise MissingDependencyError("cluster='dask' needs `pip install distributed`") from None
    if address:
        with reading(f'Dask scheduler {address}'):
            client = Client(address)
        with client:
            yield
        return
    try:
        get_client()
    except ValueError:
        made = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
        with made, Client(made):
            yield
    else:
        yield


def _connect_ray(address: str, workers: int) -> None:
    """Register Ray's joblib backend; connect to ``address`` or start Ray where it does not run."""
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError:
        raise MissingDependencyError("cluster='ray' needs `pip install ray`") from None
    register_ray()
    if not ray.is_initialized():
        with reading(f'Ray cluster {address}' if address else 'Ray'):
            ray.init(**(dict(address=address) if address else dict(num_cpus=workers)))
