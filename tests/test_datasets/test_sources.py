import os
import pickle
import struct

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lrfr_mm.datasets import FaceDataset, face_collate
from lrfr_mm.datasets.convert import convert, detect_source
from lrfr_mm.datasets.sources import FolderFaces, RecordIOFaces, write_record_io


def jpeg(value, size=112):
    image = np.full((size, size, 3), value, np.uint8)
    image[: size // 2] = 255 - image[: size // 2]
    return cv2.imencode('.jpg', image)[1].tobytes()


@pytest.fixture
def people(tmp_path):
    root = tmp_path / 'people'
    for p, name in enumerate(['bob', 'Ängström and son', 'carol']):
        (root / name).mkdir(parents=True)
        for k in range(3 + p):
            (root / name / f'{k:02d}.jpg').write_bytes(jpeg(40 * p + 10 * k))
    (root / 'empty').mkdir()
    (root / 'readme.txt').write_text('not a person')
    return root


def test_folder_order_labels_and_names(people):
    source = FolderFaces(people)
    names = sorted(['bob', 'Ängström and son', 'carol'])
    want = [(i, f'{n}/{f}') for i, n in enumerate(names)
            for f in sorted(os.listdir(people / n))]
    assert source.num_classes == 3 and len(source) == len(want) == 12
    for i, (label, path) in enumerate(want):
        assert source.read(i) == ((people / path).read_bytes(), label) and source.name(i) == path
    np.testing.assert_array_equal(source.labels(), [label for label, _ in want])


def test_folder_selects_people(people):
    source = FolderFaces(people, identities=['bob..carol'])
    assert source.people == ['bob', 'carol'] and source.num_classes == 2
    with pytest.raises(ValueError, match="no person 'dave'"):
        FolderFaces(people, identities=['dave'])


def test_folder_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        FolderFaces(tmp_path / 'nowhere')
    with pytest.raises(ValueError, match='no folder with images'):
        FolderFaces(tmp_path)


def reference_record(payload):
    """A RecordIO record, written from the format's description."""
    return struct.pack('<II', 0xCED7230A, len(payload)) + payload + b'\0' * ((4 - len(payload)) % 4)


def reference_set(folder, images, labels, classes, as_list=False):
    """train.rec, train.idx and property as insightface's tools lay them out."""
    folder.mkdir()
    rec, idx = b'', []
    header = struct.pack('<IfQQ', 2, 0., 0, 0) + struct.pack('<2f', len(images) + 1,
                                                              len(images) + 1 + classes)
    records = [(0, header)]
    for k, (image, label) in enumerate(zip(images, labels), 1):
        if as_list:
            head = struct.pack('<IfQQ', 2, 0., k, 0) + struct.pack('<2f', label, 0.)
        else:
            head = struct.pack('<IfQQ', 0, float(label), k, 0)
        records.append((k, head + image))
    records += [(len(images) + 1 + c, struct.pack('<IfQQ', 2, 0., 0, 0) + struct.pack('<2f', 1, 2))
                for c in range(classes)]
    for key, payload in records:
        idx.append(f'{key}\t{len(rec)}')
        rec += reference_record(payload)
    (folder / 'train.rec').write_bytes(rec)
    (folder / 'train.idx').write_text('\n'.join(idx) + '\n')
    (folder / 'property').write_text(f'{classes},112,112')
    return folder


@pytest.fixture
def images():
    # One beyond the first read's 32 KiB, and all the lengths modulo 4.
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    big = cv2.imencode('.jpg', noise, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    assert len(big) > 1 << 15
    return [jpeg(50) + b'\0' * k for k in range(4)] + [big, jpeg(60)]


@pytest.mark.parametrize('as_list', [False, True])
def test_recordio_reads_the_format(tmp_path, images, as_list):
    labels = [0, 0, 2, 1, 2, 2]
    source = RecordIOFaces(reference_set(tmp_path / 'set', images, labels, 3, as_list))
    assert len(source) == 6 and source.num_classes == 3
    assert [source.read(i) for i in range(6)] == list(zip(images, labels))
    np.testing.assert_array_equal(source.labels(), labels)


def test_recordio_without_header_or_property(tmp_path, images):
    folder = tmp_path / 'set'
    folder.mkdir()
    rec, idx = b'', ''
    for k, image in enumerate(images):
        idx += f'{k}\t{len(rec)}\n'
        rec += reference_record(struct.pack('<IfQQ', 0, float(k), k, 0) + image)
    (folder / 'train.rec').write_bytes(rec)
    (folder / 'train.idx').write_text(idx)
    source = RecordIOFaces(folder)
    assert len(source) == source.num_classes == 6
    assert source.read(5) == (images[5], 5)


def test_recordio_round_trip(tmp_path, people):
    source = FolderFaces(people)
    write_record_io(tmp_path / 'out', source)
    copy = RecordIOFaces(tmp_path / 'out')
    assert [copy.read(i) for i in range(len(source))] == [source.read(i) for i in range(12)]
    assert copy.num_classes == 3
    assert sorted(os.listdir(tmp_path / 'out')) == ['property', 'train.idx', 'train.rec']


def test_recordio_refuses_labels_that_its_floats_cannot_hold(tmp_path, people):
    source = FolderFaces(people)
    source._labels = source._labels + 2**24 + 1
    source.num_classes = 2**24 + 9
    with pytest.raises(ValueError, match='16777217'):
        write_record_io(tmp_path / 'out', source)
    assert not list((tmp_path / 'out').glob('*'))


def test_recordio_says_what_is_broken(tmp_path, images):
    good = reference_set(tmp_path / 'good', images, range(6), 6)
    rec, idx = (good / 'train.rec').read_bytes(), (good / 'train.idx').read_text()

    def broken(name, rec=rec, idx=idx, prop='6,112,112'):
        folder = tmp_path / name
        folder.mkdir()
        (folder / 'train.rec').write_bytes(rec)
        (folder / 'train.idx').write_text(idx)
        (folder / 'property').write_text(prop)
        return folder

    with pytest.raises(FileNotFoundError, match=r'train\.rec is missing'):
        RecordIOFaces(tmp_path)
    with pytest.raises(ValueError, match='it was cut'):
        RecordIOFaces(broken('cut', rec=rec[:2000]))
    lines = idx.splitlines()
    last = int(lines[6].split('\t')[1])
    source = RecordIOFaces(broken('cut inside', rec=rec[:last + 100],
                                  idx='\n'.join(lines[:7])))
    with pytest.raises(ValueError, match=f'byte {last}: the file ends inside'):
        source.read(5)
    with pytest.raises(ValueError, match='no record starts here'):
        RecordIOFaces(broken('foreign', rec=b'x' * len(rec)))
    with pytest.raises(ValueError, match='line 2'):
        RecordIOFaces(broken('index', idx='0\t0\nhello world\n'))
    with pytest.raises(ValueError, match='lists no record'):
        RecordIOFaces(broken('empty', idx=''))
    with pytest.raises(ValueError, match='lists key 3 twice'):
        RecordIOFaces(broken('twice', idx=idx + lines[3] + '\n'))
    with pytest.raises(ValueError, match='property'):
        RecordIOFaces(broken('prop', prop='many'))


@pytest.mark.parametrize('kind', ['folder', 'recordio', 'lmdb', 'parquet'])
@pytest.mark.parametrize('context', ['fork', 'forkserver'])
def test_many_workers_read_the_same(tmp_path, people, kind, context):
    source = FolderFaces(people)
    if kind != 'folder':
        convert(source, kind, str(tmp_path / 'out'), progress=False)
        source = detect_source(str(tmp_path / 'out'))
    source.read(0)  # an open file in the parent must not confuse its workers
    dataset = FaceDataset(source)
    loader = DataLoader(dataset, 4, num_workers=2, collate_fn=face_collate,
                        multiprocessing_context=context)
    got = torch.cat([batch['inputs']['hr'] for batch in loader])
    want = face_collate([dataset[i] for i in range(len(dataset))])['inputs']['hr']
    assert torch.equal(got, want)


def test_pickles_small(tmp_path, people):
    source = FolderFaces(people)
    write_record_io(tmp_path / 'out', source)
    records = RecordIOFaces(tmp_path / 'out')
    records.read(0)
    copy = pickle.loads(pickle.dumps(records))
    assert copy.read(3) == records.read(3)
    assert len(pickle.dumps(records)) < 2000 and len(pickle.dumps(source)) < 3000
