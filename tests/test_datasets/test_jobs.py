"""The one mechanism of long jobs: chunks, resumption, workers, clusters."""
import os
import signal
import sys
import time
from pathlib import Path

import cv2
import pytest

from lrfr_mm.datasets.jobs import ChunkWork, building, run_chunks
from lrfr_mm.errors import InputError, InputExistsError, MissingDependencyError
from tests.processes import Python, python, run_apart


class Squares(ChunkWork):
    """Writes the squares of a span, and which process did it."""

    def __init__(self, fails_at=None):
        self.fails_at, self.started = fails_at, 0

    def start(self):
        self.started += 1

    def write(self, start, stop, path):
        assert self.started == 1
        if self.fails_at is not None and start <= self.fails_at < stop:
            raise InputError(f'item {self.fails_at} is broken')
        numbers = ' '.join(str(i * i) for i in range(start, stop))
        path.write_text(f'{os.getpid()} {cv2.getNumThreads()}\n{numbers}')


def squares(paths):
    return [int(n) for path in paths for n in path.read_text().splitlines()[1].split()]


@pytest.mark.parametrize(('count', 'chunk', 'workers'), [
    (23, 5, 1), (23, 5, 2), (20, 5, 1), (3, 5, 2), (1, 1, 1)])
def test_every_item_once_and_in_order(tmp_path, count, chunk, workers):
    paths = run_chunks(Squares(), count, tmp_path, chunk, suffix='.txt', workers=workers,
                       progress=False)
    assert squares(paths) == [i * i for i in range(count)]
    assert sorted(tmp_path.iterdir()) == paths  # no work file, no temporary file
    own = [path.read_text().split()[0] == str(os.getpid()) for path in paths]
    assert not any(own) if workers > 1 and len(paths) > 1 else all(own)
    if workers > 1 and len(paths) > 1:
        assert all(path.read_text().split()[1] == '1' for path in paths)


def fail_and_go_on(folder, workers):
    folder, workers = Path(folder), int(workers)
    with pytest.raises(InputError, match='item 17 is broken'):
        run_chunks(Squares(17), 30, folder, 5, workers=workers, progress=False)
    assert not (folder / 'chunk-000003').exists()
    first = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(first) >= 1
    paths = run_chunks(Squares(), 30, folder, 5, workers=workers, progress=False)
    assert squares(paths) == [i * i for i in range(30)]
    assert all(path.stat().st_mtime_ns == first[path] for path in first)


@pytest.mark.parametrize('workers', [1, 2])
def test_an_error_passes_unchanged_and_a_second_start_makes_what_is_missing(tmp_path, workers):
    run_apart('tests.test_datasets.test_jobs', 'fail_and_go_on', tmp_path, workers)


@pytest.mark.parametrize(('chunk', 'workers', 'cluster'), [
    (0, 1, 'local'), (5, 0, 'local'), (5, 1, 'slurm'), (5, 1, '')])
def test_arguments_that_cannot_be(tmp_path, chunk, workers, cluster):
    with pytest.raises(InputError):
        run_chunks(Squares(), 10, tmp_path, chunk, workers=workers, cluster=cluster, progress=False)


class Dies(ChunkWork):
    def write(self, start, stop, path):
        if start == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        path.write_text('')


def lose_a_worker(folder):
    with pytest.raises(RuntimeError, match=r'worker process ended .* 4 to 5'):
        run_chunks(Dies(), 8, folder, 2, workers=2, progress=False)
    assert not list(Path(folder).glob('.work*'))


def test_a_killed_worker_is_an_error_that_names_the_items(tmp_path):
    run_apart('tests.test_datasets.test_jobs', 'lose_a_worker', tmp_path)


def test_building_moves_a_whole_directory_and_refuses_another_plan(tmp_path):
    out = tmp_path / 'out'
    with pytest.raises(KeyboardInterrupt), building(out, dict(a=1)) as folder:
        (folder / 'half').write_text('x')
        raise KeyboardInterrupt
    assert not out.exists()
    with pytest.raises(InputExistsError, match='beginning of another run'), \
            building(out, dict(a=2)):
        pass
    with building(out, dict(a=1)) as folder:
        assert (folder / 'half').read_text() == 'x'
        (folder / 'rest').write_text('y')
    assert sorted(p.name for p in out.iterdir()) == ['half', 'rest']
    assert list(tmp_path.iterdir()) == [out]
    with pytest.raises(InputExistsError, match='nothing is overwritten'), building(out, dict(a=1)):
        pass


def test_building_after_a_kill_between_the_move_and_the_end(tmp_path):
    out = tmp_path / 'out'
    with building(out, dict(a=1)) as folder:
        plan = (folder / '.plan.json').read_text()
        (folder / 'x').write_text('x')
    (out / '.plan.json').write_text(plan)
    with pytest.raises(InputExistsError), building(out, dict(a=2)):
        pass
    with building(out, dict(a=1)) as folder:
        assert folder is None
    assert [p.name for p in out.iterdir()] == ['x']


def test_building_does_not_take_a_foreign_directory_for_its_own(tmp_path):
    (tmp_path / 'out.part').mkdir()
    (tmp_path / 'out.part' / 'somebody').write_text('x')
    with pytest.raises(InputExistsError, match='another run'), building(tmp_path / 'out', {}):
        pass
    (tmp_path / 'empty').mkdir()
    with building(tmp_path / 'empty', {}) as folder:
        (folder / 'x').write_text('x')
    assert [p.name for p in (tmp_path / 'empty').iterdir()] == ['x']


KILLED = '''
import os, sys, time
from joblib.externals.loky.backend.context import set_start_method
from lrfr_mm.datasets.jobs import ChunkWork, building, run_chunks
class Slow(ChunkWork):
    def write(self, start, stop, path):
        with open(path, 'w') as file:
            for i in range(start, stop):
                file.write(f'{i}\\n')
                file.flush()
                while i > 22 and not os.path.exists(sys.argv[1] + '.go on'):
                    time.sleep(.002)
set_start_method('fork')  # the workers need not import anything again
with building(sys.argv[1], dict(kind='slow')) as folder:
    run_chunks(Slow(), 200, folder, 4, workers=2, progress=False)
'''


def test_kill_minus_nine_at_any_moment(tmp_path):
    """Whatever chunk file is there is whole; a second start finishes and leaves no litter.

    The first start stops inside a chunk, and is killed there.
    """
    command = ['-c', KILLED, tmp_path / 'out']
    task = Python(*command)
    task.wait_for(lambda: len(list((tmp_path / 'out.part').glob('chunk-*'))) >= 5)
    workers = Path(f'/proc/{task.pid}/task/{task.pid}/children').read_text().split()
    task.kill()
    task.wait()
    for _ in range(3000):  # the workers end with it
        if not any(Path(f'/proc/{pid}').exists() for pid in workers):
            break
        time.sleep(.02)
    else:
        pytest.fail('worker processes outlived the killed job')
    assert not (tmp_path / 'out').exists()
    done = list((tmp_path / 'out.part').glob('chunk-*'))
    assert len(done) >= 5 and all(path.read_text().count('\n') == 4 for path in done)
    (tmp_path / 'out.go on').touch()
    python(*command)
    files = sorted((tmp_path / 'out').iterdir())
    assert [path.name for path in files] == [f'chunk-{k:06d}' for k in range(50)]
    assert [int(line) for path in files for line in path.read_text().split()] == list(range(200))
    assert set(tmp_path.iterdir()) == {tmp_path / 'out', tmp_path / 'out.go on'}


def test_a_local_dask_cluster_of_two_workers(tmp_path):
    pytest.importorskip('distributed')
    from dask import config
    from distributed import LocalCluster
    with config.set({'distributed.worker.multiprocessing-method': 'forkserver'}), \
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as c:
        paths = run_chunks(Squares(), 40, tmp_path / 'by address', 5, progress=False,
                           cluster=f'dask:{c.scheduler_address}')
        assert squares(paths) == [i * i for i in range(40)]
        pids = {path.read_text().split()[0] for path in paths}
        assert pids <= {str(worker.pid) for worker in c.workers.values()} and len(pids) == 2
        with pytest.raises(InputError, match='item 17 is broken'):
            run_chunks(Squares(17), 30, tmp_path / 'error', 5, progress=False,
                       cluster=f'dask:{c.scheduler_address}')


def test_a_cluster_whose_package_is_missing_says_what_to_install(tmp_path, monkeypatch):
    for cluster, package in (('dask', 'distributed'), ('ray', 'ray')):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingDependencyError, match=f'pip install {package}'):
            run_chunks(Squares(), 3, tmp_path, 1, cluster=cluster, progress=False)


LOCKING = '''
import sys
from lrfr_mm.errors import InputExistsError
from lrfr_mm.files import locked
try:
    with locked(sys.argv[1], patience=.1):
        print('free')
except InputExistsError as error:
    print(error)
'''


def test_another_process_cannot_build_the_same_destination(tmp_path):
    def other():
        return python('-c', LOCKING, tmp_path / 'out').stdout

    with building(tmp_path / 'out', {}) as directory:
        (directory / 'x').write_text('1')
        assert 'out: another process is writing it' in other()
    assert 'free' in other()
    assert list(tmp_path.iterdir()) == [tmp_path / 'out']


def test_processes_that_need_one_cache_of_drawn_faces_wait_for_the_first(tmp_path):
    code = ('from lrfr_mm.datasets import SyntheticFaces\n'
            f'print(len(SyntheticFaces(3, 2, cache={str(tmp_path)!r})))')
    running = [Python('-c', code) for _ in range(2)]
    ended = [process.ended(timeout=120) for process in running]
    assert [done.stdout for done in ended] == ['6\n', '6\n'], ended
