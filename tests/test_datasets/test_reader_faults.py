"""Readers of storage formats on odd, damaged and dangerous input: right, or an error by name."""
import io
import os
import struct
import tarfile

import cv2
import numpy as np
import pytest

from lrfr_mm.datasets import (
    FaceSource,
    FolderFaces,
    LMDBFaces,
    ParquetFaces,
    RecordIOFaces,
    ShardFaces,
    SubsetFaces,
    check_source_labels,
    count_labels,
)
from lrfr_mm.datasets.convert import convert, detect_source
from lrfr_mm.errors import InputError
from lrfr_mm.files import safe_components

MAGIC = struct.pack('<I', 0xCED7230A)


def picture(value):
    return cv2.imencode('.png', np.full((8, 8, 3), value, np.uint8))[1].tobytes()


class Memory(FaceSource):
    def __init__(self, labels, people=None, num_classes=None, images=None):
        self.given, self.people = labels, people
        self.num_classes = max(labels) + 1 if num_classes is None else num_classes
        self.images = images or [picture(i % 256) for i in range(len(labels))]

    def __len__(self):
        return len(self.given)

    def read(self, index):
        return self.images[index], self.given[index]

    def __repr__(self):
        return 'Memory'


@pytest.fixture
def people(tmp_path):
    for name in ('ann', 'bo'):
        (tmp_path / 'set' / name).mkdir(parents=True)
        for k in range(3):
            (tmp_path / 'set' / name / f'{k}.png').write_bytes(picture(k))
    return tmp_path / 'set'


# Folders (A13, files that are no images, names)
@pytest.mark.parametrize('name', ['.ipynb_checkpoints', '.git', '.ann'])
def test_hidden_folders_are_nobody(people, name):
    (people / name).mkdir()
    (people / name / '0.png').write_bytes(picture(9))
    (people / 'ann' / '._0.png').write_bytes(b'macOS')
    (people / 'ann' / '.hidden.png').write_bytes(b'x')
    (people / 'ann' / 'notes.txt').write_text('x')
    source = FolderFaces(people)
    assert source.people == ['ann', 'bo'] and len(source) == 6


def test_endings_in_either_case(people):
    for name in ('a.JPG', 'b.Jpeg', 'c.PNG', 'd.TIF', 'e.WebP'):
        (people / 'bo' / name).write_bytes(picture(1))
    assert len(FolderFaces(people)) == 11


@pytest.mark.parametrize('kind', ['fifo', 'broken link', 'directory'])
def test_what_is_named_as_an_image_and_is_no_file(people, kind):
    path = people / 'ann' / 'x.jpg'
    if kind == 'fifo':
        os.mkfifo(path)
    elif kind == 'broken link':
        path.symlink_to('nowhere')
    else:
        path.mkdir()
    with pytest.raises(InputError, match=r'ann/x\.jpg is named as an image'):
        FolderFaces(people)


def test_links_that_lead_in_circles_are_nobody(people):
    (people / 'loop').symlink_to('loop')
    (people / 'up').symlink_to('..')
    assert FolderFaces(people).people == ['ann', 'bo']


@pytest.mark.parametrize('where', ['file', 'folder'])
def test_names_that_are_not_utf8(people, where):
    if where == 'file':
        path = os.fsencode(people / 'ann') + b'/caf\xe9.jpg'
    else:
        os.mkdir(os.fsencode(people) + b'/caf\xe9')
        path = os.fsencode(people) + b'/caf\xe9/1.jpg'
    with open(path, 'wb') as file:
        file.write(picture(1))
    with pytest.raises(InputError, match=r'caf\\xe9.*is not UTF-8'):
        FolderFaces(people)


def test_an_aligned_folder_with_its_manifest_is_a_folder(people):
    (people / 'manifest.parquet').write_bytes(b'PAR1')
    assert isinstance(detect_source(people), FolderFaces)
    (people / 'train.idx').write_text('')
    (people / 'shards.json').write_text('')
    with pytest.raises(InputError, match='several formats: recordio, shards'):
        detect_source(people)


# Labels (A15)
@pytest.mark.parametrize(('labels', 'classes', 'outside', 'first', 'text'), [
    ([1, 2, 3], 3, 1, 2, 'counted from 1'), ([0, -1, 2], 3, 1, 1, 'from -1 to 2'),
    ([0, 1, 9, 9], 3, 2, 2, 'from 0 to 9'), ([0, 1, 2], 3, 0, None, '0 image')])
def test_labels_are_counted_and_refused(tmp_path, labels, classes, outside, first, text):
    counts = count_labels(np.array(labels), classes)
    assert (counts.outside, counts.first_outside) == (outside, first) and text in str(counts)
    source = Memory(labels, num_classes=classes)
    if outside:
        with pytest.raises(InputError, match=r'Memory: labels from'):
            check_source_labels(source)
        with pytest.raises(InputError, match=r'Memory: labels from'):
            convert(source, 'recordio', str(tmp_path / 'out'), progress=False)
        assert not list(tmp_path.iterdir())
    else:
        assert check_source_labels(source) == counts


# Names of people (A17)
UNSAFE = [['a', 'a'], ['a', 'x/b'], ['a', '../../x'], ['a', ''], ['a', '.'], ['a', '..'],
          ['a', 'x\\y'], ['a', 'b\0'], ['a', 'b' * 300], ['a', 'b\nc'], ['a', 'C:b']]


@pytest.mark.parametrize('to', ['folder', 'recordio', 'lmdb', 'shards', 'parquet'])
@pytest.mark.parametrize('names', UNSAFE, ids=[repr(names[1])[:12] for names in UNSAFE])
def test_unsafe_names_are_never_written(tmp_path, to, names):
    with pytest.raises(InputError, match='name'):
        convert(Memory([0, 1], names), to, str(tmp_path / 'sub' / 'out'), progress=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('names', [['a', 'A'], ['jr', 'jr.'], ['ö', 'o\u0308'], ['b', '.b']])
def test_names_that_would_merge_or_vanish_as_directories(tmp_path, names):
    with pytest.raises(InputError, match=r'directory on some|begins with a dot'):
        safe_components(names, 'list')
    with pytest.raises(InputError):
        convert(Memory([0, 1], names), 'folder', str(tmp_path / 'out'), progress=False)
    convert(Memory([0, 1], names), 'lmdb', str(tmp_path / 'lmdb'), progress=False)


@pytest.mark.parametrize('names', [*UNSAFE, ['a', b'\xff\xfe']])
def test_unsafe_names_are_never_read(tmp_path, names):
    if names[1] in ('b\nc', 'x\0'):
        return
    convert(Memory([0, 1]), 'recordio', str(tmp_path / 'out'), progress=False)
    data = b'\n'.join(n if isinstance(n, bytes) else n.encode() for n in names) + b'\n'
    (tmp_path / 'out' / 'people.txt').write_bytes(data)
    with pytest.raises(InputError, match=r'people\.txt'):
        detect_source(tmp_path / 'out')


@pytest.mark.parametrize('data', [b'\xef\xbb\xbfann\nbo\n', b'ann\r\nbo\r\n', b'ann\nbo'])
def test_names_of_other_editors(tmp_path, data):
    convert(Memory([0, 1]), 'parquet', str(tmp_path / 'out'), progress=False)
    (tmp_path / 'out' / 'people.txt').write_bytes(data)
    assert detect_source(tmp_path / 'out').people == ['ann', 'bo']


@pytest.mark.parametrize('name', ['../x.tar', '/etc/passwd', 'a/b.tar', '', '..'])
def test_shards_outside_their_folder(tmp_path, name):
    (tmp_path / 'shards.json').write_text(
        f'{{"version": 1, "classes": 1, "counts": [1], "shards": ["{name}"]}}')
    with pytest.raises(InputError, match=r'shards\.json, shard 1'):
        ShardFaces(str(tmp_path))


# RecordIO (A16, A24, split records, labels)
def record(payload, kind=0):
    return MAGIC + struct.pack('<I', kind << 29 | len(payload)) + payload + bytes(-len(payload) % 4)


def split(payload):
    """As dmlc's writer does it, from its description: cut at every aligned magic."""
    parts, start = [], 0
    for at in range(0, len(payload) - 3, 4):
        if payload[at:at + 4] == MAGIC:
            parts.append(payload[start:at])
            start = at + 4
    parts.append(payload[start:])
    if len(parts) == 1:
        return record(payload)
    return (record(parts[0], 1) + b''.join(record(p, 2) for p in parts[1:-1])
            + record(parts[-1], 3))


def image_payload(label, image):
    return struct.pack('<IfQQ', 0, label, 1, 0) + image


HEADER = struct.pack('<IfQQ', 2, 0., 0, 0)


@pytest.mark.parametrize('filler', [
    MAGIC, b'', MAGIC * 2, b'abcd' + MAGIC + b'efgh' + MAGIC, b'a' + MAGIC, MAGIC + b'xyz',
    bytes(40000) + MAGIC + bytes(40001)])
def test_records_that_dmlc_splits(tmp_path, filler):
    image = picture(1) + bytes(-len(picture(1)) % 4) + filler
    data = split(image_payload(0., image)) + split(image_payload(1., picture(2)))
    (tmp_path / 'train.rec').write_bytes(data)
    second = len(split(image_payload(0., image)))
    (tmp_path / 'train.idx').write_text(f'0\t0\n1\t{second}\n')
    source = RecordIOFaces(tmp_path)
    assert source.read(0) == (image, 0) and source.read(1) == (picture(2), 1)
    np.testing.assert_array_equal(source.labels(), [0, 1])
    convert(Memory([0, 1], images=[image, picture(2)]), 'recordio', str(tmp_path / 'out'),
            progress=False)
    assert RecordIOFaces(tmp_path / 'out').read(0) == (image, 0)
    written = (tmp_path / 'out' / 'train.rec').read_bytes()
    assert split(image_payload(0., image)[:8] + struct.pack('<QQ', 1, 0) + image) in written


def stored(tmp_path, images=5, header=True):
    """A RecordIO set of 5 images of 5 people: (rec, lines of idx)."""
    records, lines, at = [], [], 0
    payloads = [image_payload(float(k), picture(k)) for k in range(images)]
    if header:
        payloads = [HEADER + struct.pack('<2f', images + 1, 2 * images + 1), *payloads,
                    *[HEADER + struct.pack('<2f', k + 1, k + 2) for k in range(images)]]
    for key, payload in enumerate(payloads):
        lines.append(f'{key}\t{at}')
        records.append(record(payload))
        at += len(records[-1])
    (tmp_path / 'train.rec').write_bytes(b''.join(records))
    (tmp_path / 'train.idx').write_text('\n'.join(lines) + '\n')
    return lines


@pytest.mark.parametrize(('remove', 'text'), [
    ([3], 'lacks key 3'), ([1], 'lacks key 1'), ([5], 'lacks key 5'), ([2, 4], 'lacks key 2'),
    (range(3, 11), 'lacks key 3'), ([0], 'does not list key 0'), (range(6, 11), None), ([8], None)])
def test_an_index_that_lost_lines(tmp_path, remove, text):
    lines = stored(tmp_path)
    kept = [line for k, line in enumerate(lines) if k not in remove]
    (tmp_path / 'train.idx').write_text('\n'.join(kept) + '\n')
    if text is None:  # only identity records are gone
        assert len(RecordIOFaces(tmp_path)) == 5
    else:
        with pytest.raises(InputError, match=text):
            RecordIOFaces(tmp_path)


@pytest.mark.parametrize(('remove', 'sound'), [([], True), ([0], False), ([2], False),
                                               ([4], False)])
def test_an_index_without_header_that_lost_lines(tmp_path, remove, sound):
    lines = stored(tmp_path, header=False)
    kept = [line for k, line in enumerate(lines) if k not in remove]
    (tmp_path / 'train.idx').write_text('\n'.join(kept))
    if sound:
        assert len(RecordIOFaces(tmp_path)) == 5
        renamed = [f'{7 * k + 3}\t{line.split()[1]}' for k, line in enumerate(lines)]
        (tmp_path / 'train.idx').write_text('\n'.join(renamed))  # keys with gaps, nothing lost
        assert len(RecordIOFaces(tmp_path)) == 5
    else:
        with pytest.raises(InputError, match='it lost lines'):
            RecordIOFaces(tmp_path)


@pytest.mark.parametrize('header', [True, False])
def test_two_keys_of_one_record(tmp_path, header):
    lines = stored(tmp_path, header=header)
    lines[3] = '3\t' + lines[2].split()[1]  # record 3 is lost, record 2 would count twice
    (tmp_path / 'train.idx').write_text('\n'.join(lines))
    with pytest.raises(InputError, match='keys 2 and 3 both point to byte'):
        RecordIOFaces(tmp_path)


@pytest.mark.parametrize('label', [float('nan'), float('inf'), 2.5, 1e30])
def test_labels_of_a_record_that_are_no_whole_numbers(tmp_path, label):
    (tmp_path / 'train.rec').write_bytes(record(image_payload(label, picture(1))))
    (tmp_path / 'train.idx').write_text('0\t0\n')
    (tmp_path / 'property').write_text('3,112,112')
    source = RecordIOFaces(tmp_path)
    for call in (lambda: source.read(0), source.labels):
        with pytest.raises(InputError, match=r'train\.rec, byte 0: the label is'):
            call()


@pytest.mark.parametrize('stated', [2**24, 2**24 + 2, 2**24 + 4])
def test_keys_beyond_what_the_headers_floats_hold(tmp_path, stated, monkeypatch):
    """The header says 2^24 + 2 where 2^24 + 3 is meant: the records near that key decide."""
    from lrfr_mm.datasets.formats import record_io
    exact = 16  # as if a float32 had 4 bits of mantissa: the same rule with a small file
    monkeypatch.setattr(record_io, '_EXACT', exact)
    monkeypatch.setattr(record_io.np, 'spacing', lambda value: np.float32(2))
    lines = stored(tmp_path, images=20)
    rounded = 21 + {2**24: -1, 2**24 + 2: 0, 2**24 + 4: 1}[stated]
    data = bytearray((tmp_path / 'train.rec').read_bytes())
    struct.pack_into('<f', data, 8 + 24, rounded)
    (tmp_path / 'train.rec').write_bytes(data)
    source = RecordIOFaces(tmp_path)
    assert len(source) == 20 and source.read(19) == (picture(19), 19)
    assert len(lines) == 41


def test_the_writer_leaves_out_a_header_that_its_floats_cannot_hold(tmp_path, monkeypatch):
    from lrfr_mm.datasets.formats import record_io
    monkeypatch.setattr(record_io, '_EXACT', 8)
    faces = Memory([0, 0, 1, 2, 3, 4])
    convert(faces, 'recordio', str(tmp_path / 'out'), progress=False)
    assert (tmp_path / 'out' / 'train.idx').read_text().startswith('0\t0\n1\t')
    source = RecordIOFaces(tmp_path / 'out')
    assert [source.read(i) for i in range(6)] == [faces.read(i) for i in range(6)]


@pytest.mark.parametrize('index', ['0\t0\n1\t99999999\n', '0\t-8\n', '0\t99999999999999999999\n',
                                   '0\t0\n1\n', '0 0 0\n', 'x\t0\n', '0\t0\n\xff\t3\n'])
def test_an_index_that_points_nowhere_or_is_no_table(tmp_path, index):
    stored(tmp_path)
    (tmp_path / 'train.idx').write_text(index, encoding='latin-1')
    with pytest.raises(InputError, match=r'train\.idx'):
        RecordIOFaces(tmp_path)


# Tar shards
def tar(path, members, layout=tarfile.USTAR_FORMAT):
    with tarfile.open(path, 'w', format=layout) as file:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))


def test_one_folder_a_person_with_equal_names_and_hidden_members(tmp_path):
    members = []
    for p in range(3):
        for k in range(2):
            members += [(f'person{p}/._{k}.jpg', b'macOS'), (f'person{p}/{k}.JPG', picture(k)),
                        (f'person{p}/{k}.CLS', str(p).encode()),
                        (f'person{p}/{k}.landmarks.json', b'{}')]
    tar(tmp_path / 'x.tar', [('.DS_Store', b'x'), *members])
    source = ShardFaces(str(tmp_path / 'x.tar'), [6], 3)
    assert [source.read(i) for i in range(6)] == [(picture(k), p) for p in range(3)
                                                  for k in range(2)]


@pytest.mark.parametrize('label', [b'', b'x', b'-1', b'1.0', b'9' * 30])
def test_a_shard_with_a_label_that_is_none(tmp_path, label):
    tar(tmp_path / 'x.tar', [('0.jpg', picture(0)), ('0.cls', label)])
    with pytest.raises(InputError, match=r'x\.tar, after 0 samples: 0\.cls is no label'):
        ShardFaces(str(tmp_path / 'x.tar'), [1], 3).read(0)


# Parquet
@pytest.mark.parametrize(('labels', 'text'), [
    (['a', 'b'], 'whole numbers'), ([0.5, 1.5], 'whole numbers'), ([0, None], '1 empty rows'),
    ([0, -1], 'row 1: the label -1')])
def test_parquet_labels(tmp_path, labels, text):
    import pyarrow
    import pyarrow.parquet
    table = pyarrow.table(dict(image=pyarrow.array([b'x', b'y'], pyarrow.binary()),
                               label=pyarrow.array(labels)))
    pyarrow.parquet.write_table(table, tmp_path / 'x.parquet')
    with pytest.raises(InputError, match=rf'x\.parquet.*{text}'):
        ParquetFaces(tmp_path)


def test_parquet_keeps_people_without_images(tmp_path):
    convert(Memory([0, 1], ['a', 'b', 'c'], 3), 'parquet', str(tmp_path / 'out'), progress=False)
    source = ParquetFaces(tmp_path / 'out')
    assert source.num_classes == 3 and source.people == ['a', 'b', 'c']


# LMDB
def test_a_cut_lmdb_is_refused_before_it_is_mapped(tmp_path):
    convert(Memory(list(range(40))), 'lmdb', str(tmp_path / 'out'), progress=False)
    path = tmp_path / 'out' / 'data.mdb'
    whole = path.read_bytes()
    assert len(LMDBFaces(tmp_path / 'out')) == 40
    for end in (0, 10, 100, 4096, 4200, 8192, 20000, len(whole) - (1 << 16) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match=r'data\.mdb'):
            LMDBFaces(tmp_path / 'out')


def test_lists_of_subsets_name_their_file(tmp_path):
    (tmp_path / 'list.txt').write_bytes(b'1\nx\n')
    with pytest.raises(InputError, match=r'list\.txt'):
        SubsetFaces(Memory([0, 1]), samples=tmp_path / 'list.txt')
