"""Every storage format: what it gives back, what it says of broken files, and interruptions."""
import functools
import http.server
import os
import pickle
import threading
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from lrfr_mm.datasets import (
    ConcatFaces,
    FolderFaces,
    LMDBFaces,
    ParquetFaces,
    RecordIOFaces,
    ShardFaces,
    SubsetFaces,
)
from lrfr_mm.datasets.benchmarks import read_bin
from lrfr_mm.datasets.convert import convert, detect_source, format_names, image_suffix
from lrfr_mm.datasets.sources import FaceSource
from lrfr_mm.registry import FORMATS as FORMAT_REGISTRY
from tests.processes import ROOT, Python, python, run_apart

FORMATS = format_names()


class Memory(FaceSource):
    """Encoded images and labels in memory."""

    def __init__(self, images, labels, people=None):
        self.images, self._labels, self.people = images, labels, people
        self.num_classes = max(labels) + 1

    def __len__(self):
        return len(self.images)

    def read(self, index):
        return self.images[index], self._labels[index]

    def labels(self):
        return np.array(self._labels, np.int64)

    def __repr__(self):
        return f'Memory({len(self)} images)'


@pytest.fixture(scope='module')
def faces():
    rng = np.random.default_rng(0)
    images = []
    for k in range(23):
        pixels = np.repeat(np.repeat(rng.integers(0, 256, (14, 14, 3), np.uint8), 8, 0), 8, 1)
        images.append(cv2.imencode('.png' if k % 5 == 3 else '.jpg', pixels)[1].tobytes())
    return Memory(images, sorted(rng.integers(0, 6, 23).tolist()))


def content(source):
    """All (bytes, label) in an order that does not depend on the format."""
    return sorted(source.read(i)[::-1] for i in range(len(source)))


def round_trip(source, folder, formats, workers):
    """Convert from one format to the next; each has what the source had."""
    first = source
    for k, to in enumerate(formats):
        root = folder / f'{k} {to}'  # blanks in the name
        convert(source, to, str(root), workers=workers, chunk=5, progress=False)
        source = detect_source(str(root))
        assert content(source) == content(first)
        assert source.num_classes == first.num_classes
        np.testing.assert_array_equal(source.labels(), first.labels())
        assert sorted(p.name for p in folder.iterdir() if p.name.endswith('.part')) == []
    return source


def test_round_trip_keeps_every_byte_and_label(faces, tmp_path):
    formats = ['recordio', 'lmdb', 'shards', 'parquet', 'folder', 'lmdb', 'recordio']
    assert isinstance(round_trip(faces, tmp_path, formats, 1), RecordIOFaces)


def round_trip_on_two_processes(folder):
    round_trip(detect_source(f'{folder}/in'), Path(folder), ['recordio'], 2)


def test_round_trip_on_two_processes(faces, tmp_path):
    convert(faces, 'folder', str(tmp_path / 'in'), progress=False)
    run_apart('tests.test_datasets.test_formats', 'round_trip_on_two_processes', tmp_path)


def test_names_of_people_travel(faces, tmp_path):
    names = ['Ann', 'Łukasz', 'bob smith', 'c', 'd', 'e']
    source = Memory(faces.images, faces._labels, sorted(names))
    convert(source, 'lmdb', str(tmp_path / 'a'), progress=False)
    convert(detect_source(str(tmp_path / 'a')), 'shards', str(tmp_path / 'b'), progress=False)
    convert(detect_source(str(tmp_path / 'b')), 'folder', str(tmp_path / 'c'), progress=False)
    assert FolderFaces(tmp_path / 'c').people == sorted(names)


@pytest.mark.parametrize('to', FORMATS)
def test_a_killed_conversion_goes_on_and_leaves_nothing_half(to, faces, tmp_path, monkeypatch):
    """As after kill -9: chunks done so far stay, no destination, a second start finishes."""
    writer = FORMAT_REGISTRY.get(to)
    done = []
    whole = writer.write_chunk

    def dies(self, start, stop, path):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(start)
        return whole(self, start, stop, path)

    monkeypatch.setattr(writer, 'write_chunk', dies)
    with pytest.raises(KeyboardInterrupt):
        convert(faces, to, str(tmp_path / 'out'), chunk=5, progress=False)
    assert not (tmp_path / 'out').exists()
    monkeypatch.setattr(writer, 'write_chunk', whole)
    with pytest.raises(FileExistsError, match='another run'):
        convert(faces, to, str(tmp_path / 'out'), chunk=7, progress=False)
    again = []
    monkeypatch.setattr(writer, 'write_chunk',
                        lambda self, start, *rest: (again.append(start), whole(self, start, *rest)))
    convert(faces, to, str(tmp_path / 'out'), chunk=5, progress=False)
    assert again == [10, 15, 20]  # the first two were not made twice
    assert content(detect_source(str(tmp_path / 'out'))) == content(faces)
    with pytest.raises(FileExistsError, match='nothing is overwritten'):
        convert(faces, to, str(tmp_path / 'out'), progress=False)


def test_kill_minus_nine_of_the_command(tmp_path):
    people = tmp_path / 'people'
    image = cv2.imencode('.png', np.random.default_rng(0).integers(0, 256, (112, 112, 3),
                                                                  np.uint8))[1].tobytes()
    for p in range(20):
        (people / f'p{p:02d}').mkdir(parents=True)
        for k in range(100):
            (people / f'p{p:02d}' / f'{k}.png').write_bytes(image)
    command = ['tools/dataset_converters/convert.py', people, tmp_path / 'out', '--to', 'shards',
               '--workers', '1', '--chunk', '10']
    task = Python(*command)
    task.wait_for(lambda: len(list((tmp_path / 'out.part').glob('*.tar'))) > 3)
    task.kill()
    task.wait()
    interrupted = not (tmp_path / 'out').exists()
    done = python(*command, code=0 if interrupted else None)
    if interrupted:
        assert '2000 images of 20 people in 200 shards' in done.stdout
    assert len(ShardFaces(tmp_path / 'out').labels()) == 2000
    assert not (tmp_path / 'out.part').exists()


@pytest.mark.parametrize('to', FORMATS)
def test_what_is_no_image_is_refused_by_its_name(to, faces, tmp_path):
    for bad in (b'', b'hello world'):
        source = Memory([*faces.images[:4], bad], faces._labels[:5])
        with pytest.raises(ValueError, match=r'Memory\(5 images\), image 4 is not an image'):
            convert(source, to, str(tmp_path / 'out'), progress=False)
        assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('to', [f for f in FORMATS if f != 'recordio'])
def test_labels_beyond_two_to_the_31(to, faces, tmp_path):
    labels = [2**31 + 5, 2**40]
    convert(Memory(faces.images[:2], labels), to, str(tmp_path / 'out'), progress=False)
    got = detect_source(str(tmp_path / 'out'))
    if to == 'folder':  # whose labels are the order of its folders
        assert [int(name) for name in got.people] == labels
    else:
        assert [got.read(i)[1] for i in range(2)] == labels and got.num_classes == 2**40 + 1
        if to == 'shards':
            with pytest.raises(ValueError, match='is a stream'):
                SubsetFaces(got)
        else:
            assert SubsetFaces(got).num_classes == 2  # dense again


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'bmp', 'webp', 'tif'])
def test_image_suffix(suffix):
    data = cv2.imencode(f'.{suffix}', np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    assert image_suffix(data, 'x') == suffix


def test_disk_full_leaves_no_half_file(faces, tmp_path):
    code = f'''
import resource, sys
sys.path.insert(0, {str(ROOT)!r})
from lrfr_mm.datasets.convert import convert
from lrfr_mm.datasets.sources import FolderFaces
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))  # as a disk with 20 kB left
try:
    convert(FolderFaces({str(tmp_path / 'in')!r}), 'recordio', {str(tmp_path / 'out')!r},
            progress=False)
except OSError as error:
    print(error)
'''
    convert(faces, 'folder', str(tmp_path / 'in'), progress=False)
    done = python('-c', code)
    assert 'chunk-000000: cannot be written: File too large' in done.stdout, done.stderr
    assert not (tmp_path / 'out').exists()
    assert not list((tmp_path / 'out.part').rglob('.*part'))


@pytest.fixture(scope='module')
def stored(faces, tmp_path_factory):
    root = tmp_path_factory.mktemp('stored')
    for to in FORMATS:
        convert(faces, to, str(root / to), chunk=6, progress=False)
    return root


@pytest.mark.parametrize(('kind', 'source'), [
    ('lmdb', LMDBFaces), ('shards', ShardFaces), ('parquet', ParquetFaces)])
def test_cut_foreign_empty_and_missing(kind, source, stored, tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        source(str(tmp_path / 'nowhere'))
    good = stored / kind
    file = sorted(p for p in good.iterdir() if p.suffix in ('.mdb', '.tar', '.parquet'))[0]
    whole = file.read_bytes()
    for name, data in (('cut', whole[:700]), ('cut in the middle', whole[:len(whole) * 2 // 3]),
                       ('foreign', b'hello world' * 500), ('empty', b'')):
        folder = tmp_path / name
        folder.mkdir()
        for other in good.iterdir():
            (folder / other.name).write_bytes(data if other == file else other.read_bytes())
        with pytest.raises((ValueError, IndexError), match=name):
            broken = source(str(folder))
            for i in range(len(broken)):
                broken.read(i)


def test_other_versions_and_layouts(stored, tmp_path):
    (tmp_path / 'shards.json').write_text('{"version": 7}')
    with pytest.raises(ValueError, match='version 7'):
        ShardFaces(str(tmp_path))
    (tmp_path / 'shards.json').write_text('{"version": 1, "shards": []}')
    with pytest.raises(ValueError, match='counts'):
        ShardFaces(str(tmp_path))
    with pytest.raises(ValueError, match="no column 'face'"):
        ParquetFaces(str(stored / 'parquet'), image_column='face')
    import lmdb
    env = lmdb.open(str(tmp_path / 'other'))
    with env.begin(write=True) as transaction:
        transaction.put(b'a', b'b')
    env.close()
    with pytest.raises(ValueError, match='no key "meta"'):
        LMDBFaces(str(tmp_path / 'other'))
    with pytest.raises(ValueError, match='no set of faces'):
        (tmp_path / 'file').write_text('x')
        detect_source(str(tmp_path / 'file'))


def test_shard_with_another_number_of_samples_than_announced(stored):
    folder = stored / 'shards'
    names = sorted(str(p) for p in folder.glob('*.tar'))
    source = ShardFaces(names, counts=[6, 6, 6, 6], num_classes=6)
    with pytest.raises(ValueError, match='has 5 samples, 6 are announced'):
        source.labels()


@pytest.mark.parametrize('kind', ['lmdb', 'parquet', 'shards'])
def test_pickles_without_its_open_files(kind, stored, faces):
    source = detect_source(str(stored / kind))
    source.read(2)
    copy = pickle.loads(pickle.dumps(source))
    assert [copy.read(i) for i in (2, 20, 3)] == [faces.read(i) for i in (2, 20, 3)]
    with pytest.raises(IndexError):
        source.read(len(source))


def test_parquet_as_plain_bytes(faces, tmp_path):
    import pyarrow
    import pyarrow.parquet
    table = pyarrow.table(dict(jpg=pyarrow.array(faces.images, pyarrow.binary()),
                               who=pyarrow.array(faces._labels, pyarrow.int32())))
    pyarrow.parquet.write_table(table, tmp_path / 'x.parquet', row_group_size=4)
    source = ParquetFaces(str(tmp_path / 'x.parquet'), 'jpg', 'who')
    assert [source.read(i) for i in range(23)] == [faces.read(i) for i in range(23)]


def stream_positions(source, **kwargs):
    return [i for i, _, _ in source.stream(**kwargs)]


@pytest.mark.parametrize('cuts', [[0, 23], [0, 8, 16, 23], [0, 1, 2, 3, 23]])
def test_stream_gives_each_sample_once_whatever_the_parts(stored, faces, cuts):
    source = ShardFaces(str(stored / 'shards'), shuffle_buffer=4)
    parts = [list(source.stream(seed=1, epoch=0, start=a, stop=b))
             for a, b in pairwise(cuts)]
    seen = [item for part in parts for item in part]
    assert sorted(i for i, _, _ in seen) == list(range(23))
    assert all((image, label) == faces.read(i) for i, image, label in seen)
    assert [len(part) for part in parts] == np.diff(cuts).tolist()


def test_stream_order_depends_on_seed_and_epoch_alone_and_resumes(stored):
    source = ShardFaces(str(stored / 'shards'), shuffle_buffer=4)
    whole = stream_positions(source, seed=1, epoch=0, start=3, stop=20)
    assert whole == stream_positions(source, seed=1, epoch=0, start=3, stop=20)
    assert whole != stream_positions(source, seed=1, epoch=1, start=3, stop=20)
    assert whole != sorted(whole)
    assert whole[7:] == stream_positions(source, seed=1, epoch=0, start=3, stop=20, skip=7)


def test_shards_over_http_and_from_a_pipe(stored, faces):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    folder = stored / 'shards'
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    counts = [6, 6, 6, 5]
    try:
        address = f'http://127.0.0.1:{server.server_port}'
        remote = ShardFaces(address + '/faces-{000000..000003}.tar', counts, 6)
        assert content(remote) == content(faces)
    finally:
        server.shutdown()
    pipe = ShardFaces(f'pipe:cat {folder}/faces-{{000000..000003}}.tar', counts, 6)
    assert content(pipe) == content(faces)


def test_concat_has_disjoint_labels_and_weights_visits(faces):
    other = Memory(faces.images[:10], [0, 1] * 5)
    both = ConcatFaces([faces, other, faces], weights=[1, .5, 2])
    assert both.num_classes == 14 and len(both) == 56
    assert both.read(23 + 3) == (faces.images[3], 6 + 1)
    np.testing.assert_array_equal(both.labels(), np.r_[faces.labels(), 6 + other.labels(),
                                                       8 + faces.labels()])
    visits = np.bincount(both.epoch_indices(np.random.default_rng(0)), minlength=56)
    assert (visits[:23] == 1).all() and (visits[33:] == 2).all()
    assert visits[23:33].sum() == 5 and visits[23:33].max() == 1
    another = np.bincount(both.epoch_indices(np.random.default_rng(1)), minlength=56)
    assert (visits[23:33] != another[23:33]).any()
    assert ConcatFaces([faces, other]).epoch_indices(np.random.default_rng(0)) is None
    with pytest.raises(ValueError, match='weights must be 2 numbers'):
        ConcatFaces([faces, other], weights=[1])


def test_subset_by_people_samples_fraction_and_counts(faces, tmp_path):
    labels = faces.labels()
    some = SubsetFaces(faces, identities=[1, 4])
    assert some.num_classes == 2 and len(some) == np.isin(labels, [1, 4]).sum()
    assert {some.read(i)[1] for i in range(len(some))} == {0, 1}
    assert all(some.read(i)[0] == faces.images[p]
               for i, p in enumerate(np.flatnonzero(np.isin(labels, [1, 4]))))
    (tmp_path / 'list.txt').write_text('0\n5\n7\n')
    assert [SubsetFaces(faces, samples=tmp_path / 'list.txt').name(i) for i in range(3)
            ] == ['0', '5', '7']
    few = SubsetFaces(faces, min_images=4, max_images=3)
    assert (np.bincount(few.labels()) == 3).all()
    assert few.num_classes == (np.bincount(labels) >= 4).sum()
    half = SubsetFaces(faces, fraction=.5, seed=3)
    assert half.num_classes == round(.5 * len(np.unique(labels)))
    assert content(half) == content(SubsetFaces(faces, fraction=.5, seed=3))
    with pytest.raises(ValueError, match='no images of label 77'):
        SubsetFaces(faces, identities=[77])
    with pytest.raises(ValueError, match='nothing of'):
        SubsetFaces(faces, min_images=1000)
    with pytest.raises(FileNotFoundError, match=r'no\.txt'):
        SubsetFaces(faces, samples=str(tmp_path / 'no.txt'))


def test_pairs_to_bin_and_back(faces, tmp_path):
    for k in range(6):
        name = 'Ann B' if k < 3 else 'Carl'
        (tmp_path / 'root' / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / 'root' / name / f'{name}_{k % 3 + 1:04d}.jpg').write_bytes(faces.images[k])
    (tmp_path / 'pairs.txt').write_text('1\t2\nAnn B\t1\t2\nAnn B\t3\tCarl\t1\nCarl\t2\t1\n'
                                        'Ann B\t1\tCarl\t2\n')

    def run(*words, code=0):
        return python('tools/dataset_converters/pairs.py', *words, code=code)

    run('to-bin', tmp_path / 'root', tmp_path / 'pairs.txt', tmp_path / 'a.bin')
    images, is_same = read_bin(tmp_path / 'a.bin')
    assert is_same.tolist() == [True, False, True, False]
    assert images == [faces.images[k] for k in (0, 1, 2, 3, 4, 3, 0, 4)]
    run('to-list', tmp_path / 'a.bin', tmp_path / 'list')
    assert len(os.listdir(tmp_path / 'list' / 'image')) == 5  # each picture once
    run('to-bin', tmp_path / 'list', tmp_path / 'list' / 'pairs.txt', tmp_path / 'b.bin')
    again, same = read_bin(tmp_path / 'b.bin')
    assert again == images and (same == is_same).all()
    assert 'nothing is overwritten' in run('to-list', tmp_path / 'a.bin', tmp_path / 'list',
                                           code=2).stderr


@pytest.mark.parametrize('layout', ['ustar', 'gnu', 'pax'])
def test_shards_of_pythons_tarfile(faces, layout, tmp_path):
    """Shards of another writer, with folders, long and non-ASCII names."""
    import io
    import tarfile
    kind = dict(ustar=tarfile.USTAR_FORMAT, gnu=tarfile.GNU_FORMAT, pax=tarfile.PAX_FORMAT)[layout]
    with tarfile.open(tmp_path / 'x.tar', 'w', format=kind) as tar:
        folder = tarfile.TarInfo('people')
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for k, (image, label) in enumerate(faces.read(i) for i in range(23)):
            stem = f'people/{"ä" * (70 if layout != "ustar" else 3)}/{k:09d}'
            for suffix, data in (('cls', f'{label}\n'.encode()), ('JPG', image)):
                member = tarfile.TarInfo(f'{stem}.{suffix}')
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    source = ShardFaces(str(tmp_path / 'x.tar'), [23], 6)
    assert [source.read(i) for i in range(23)] == [faces.read(i) for i in range(23)]


def test_a_shard_with_a_member_twice(faces, tmp_path):
    import io
    import tarfile
    with tarfile.open(tmp_path / 'x.tar', 'w') as tar:
        for suffix, data in (('jpg', faces.images[0]), ('cls', b'0'), ('jpg', faces.images[1])):
            member = tarfile.TarInfo(f'0001.{suffix}')
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    with pytest.raises(ValueError, match=r'0001\.jpg is there twice'):
        ShardFaces(str(tmp_path / 'x.tar'), [1], 1).read(0)


@pytest.mark.parametrize('to', FORMATS)
def test_every_format_keeps_the_names(to, faces, tmp_path):
    names = [f'person {k}' for k in range(faces.num_classes)]
    source = Memory(faces.images, faces._labels, names)
    convert(source, to, str(tmp_path / 'out'), progress=False)
    assert detect_source(str(tmp_path / 'out')).people == names


def test_names_that_do_not_fit_the_labels(faces, tmp_path):
    convert(faces, 'recordio', str(tmp_path / 'out'), progress=False)
    (tmp_path / 'out' / 'people.txt').write_text('only one\n')
    with pytest.raises(ValueError, match='1 names for 6 people'):
        RecordIOFaces(str(tmp_path / 'out'))
