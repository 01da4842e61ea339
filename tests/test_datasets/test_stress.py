"""Conversions and readers on a bad day: kills, no room, no rights, few descriptors, many files."""
import os
import random
import resource
import time

import cv2
import numpy as np
import pytest

from lrfr_mm.datasets import FolderFaces
from lrfr_mm.datasets.convert import convert, detect_source, format_names
from lrfr_mm.datasets.sources import FaceSource
from lrfr_mm.errors import OutputError
from lrfr_mm.files import remove_stale_parts, temporary_file, whole_file, write_text
from tests.processes import Python, python

PICTURE = cv2.imencode('.png', np.full((8, 8, 3), 7, np.uint8))[1].tobytes()


class Many(FaceSource):
    people = None

    def __init__(self, count, classes):
        self.count, self.num_classes = count, classes

    def __len__(self):
        return self.count

    def read(self, index):
        return PICTURE + index.to_bytes(4, 'little'), index % self.num_classes

    def __repr__(self):
        return f'Many({self.count})'


CONVERT = '''
import sys
from lrfr_mm.datasets.convert import convert
from tests.test_datasets.test_stress import Many
print('ready', flush=True)
convert(Many(600, 9), sys.argv[1], sys.argv[2], chunk=10, progress=False)
'''


@pytest.mark.slow
@pytest.mark.parametrize('to', format_names())
def test_kill_minus_nine_at_random_moments(to, tmp_path):
    """However often it is killed: no half set, no litter, and in the end the right set."""
    rng, out = random.Random(to), tmp_path / 'out'
    command = ['-c', CONVERT, to, out]
    kills = 0
    for _ in range(3):
        task = Python(*command)
        task.wait_for('ready')
        time.sleep(rng.uniform(0, .5))
        task.kill()
        task.wait()
        kills += not out.exists()
        if out.exists():
            break
    if not out.exists():
        python(*command)
    source = detect_source(out)
    found = sorted(source.read(i) for i in range(len(source)))
    assert found == sorted(Many(600, 9).read(i) for i in range(600))
    assert [p.name for p in tmp_path.iterdir()] == ['out']
    assert not [p for p in out.rglob('*') if p.name.startswith('.')]


NO_ROOM = '''
import resource, sys
from lrfr_mm.datasets.convert import convert
from tests.test_datasets.test_stress import Many
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))
convert(Many(600, 9), sys.argv[1], sys.argv[2], chunk=100, progress=False)
'''


@pytest.mark.parametrize('to', [name for name in format_names() if name != 'folder'])
def test_a_full_disk_is_named_and_the_next_start_goes_on(to, tmp_path):
    done = python('-c', NO_ROOM, to, tmp_path / 'out', code=1)
    assert 'OutputError' in done.stderr and 'cannot be written' in done.stderr, done.stderr[-300:]
    assert str(tmp_path / 'out.part') in done.stderr and not (tmp_path / 'out').exists()
    assert not list((tmp_path / 'out.part').rglob('.*.part'))
    convert(Many(600, 9), to, str(tmp_path / 'out'), chunk=100, progress=False)
    assert len(detect_source(tmp_path / 'out')) == 600


def test_where_nothing_may_be_written(tmp_path):
    """/proc takes no file from anybody, root included."""
    for write in (lambda: write_text('/proc/lrfr.txt', 'x'), lambda: write_text('/proc/a/b', 'x'),
                  lambda: convert(Many(3, 1), 'shards', '/proc/out', progress=False)):
        with pytest.raises(OutputError, match=r'^/proc/.*cannot be written'):
            write()
    (tmp_path / 'file').write_text('x')
    with pytest.raises(OutputError, match='file/x'):
        write_text(tmp_path / 'file' / 'x', 'y')
    with pytest.raises(OutputError, match='cannot be written'):
        write_text(tmp_path / ('x' * 300), 'y')
    write_text(tmp_path / ('ü' * 120), 'y')  # 240 bytes: the temporary name is longer, but fits


def test_errors_of_other_files_keep_their_name(tmp_path):
    with pytest.raises(FileNotFoundError, match='other'), whole_file(tmp_path / 'x'):
        open(tmp_path / 'other')
    assert not list(tmp_path.iterdir())


def test_parts_of_dead_processes_are_removed_and_others_stay(tmp_path):
    code = ('import os, sys\nfrom lrfr_mm.files import temporary_file\n'
            'with temporary_file(sys.argv[1]) as part:\n    part.write_text("x")\n    os._exit(1)')
    (tmp_path / 'sub').mkdir()
    for name in ('a.json', 'sub/b.json'):
        python('-c', code, tmp_path / name, code=1)
    left = sorted(p.name for p in tmp_path.rglob('*.part'))
    assert len(left) == 2
    host = left[0].split('.')[-3]
    other = tmp_path / f'.c.json.{host}x.1.part'
    mine = tmp_path / 'notes.part'
    alive = tmp_path / f'.d.json.{host}.{os.getppid()}.part'
    for path in (other, mine, alive):
        path.write_text('x')
    with temporary_file(tmp_path / 'e.json') as part:
        part.write_text('x')
        assert sorted(p.name for p in remove_stale_parts(tmp_path)) == left
        assert part.exists()
    assert sorted(tmp_path.rglob('*.part')) == sorted([other, mine, alive])


FEW = '''
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from lrfr_mm.datasets.convert import convert, detect_source
from tests.test_datasets.test_stress import Many
for to in ('recordio', 'lmdb', 'shards', 'parquet', 'folder'):
    convert(Many(300, 100), to, f'{sys.argv[1]}/{to}', chunk=3, progress=False)
    source = detect_source(f'{sys.argv[1]}/{to}')
    for repeat in range(2):
        for i in range(0, 300, 7):
            source.read(i)
    print(to, len(source))
'''


def test_64_file_descriptors_are_enough(tmp_path):
    done = python('-c', FEW, tmp_path)
    assert done.stdout.split() == ['recordio', '300', 'lmdb', '300', 'shards', '300', 'parquet',
                                   '300', 'folder', '300'], done.stderr[-500:]


@pytest.mark.slow
def test_100_000_files_in_a_folder(tmp_path):
    (tmp_path / 'all' / 'one').mkdir(parents=True)
    for k in range(100_000):
        (tmp_path / 'all' / 'one' / f'{k}.jpg').touch()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    source = FolderFaces(tmp_path / 'all')
    assert len(source) == 100_000 and time.process_time() - start < 20
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 200 * 1024
    assert source.name(11) == sorted(f'one/{k}.jpg' for k in range(100_000))[11]
