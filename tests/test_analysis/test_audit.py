import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfr_mm.analysis.audit import (
    audit_lines,
    audit_to,
    detail_px,
    near_duplicates,
    people_means,
    scan,
    shared_by_embedding,
    shared_by_name,
    summarise,
)
from lrfr_mm.datasets import FolderFaces, SyntheticFaces
from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources import FaceSource
from lrfr_mm.errors import InputError, InputExistsError
from lrfr_mm.ops.resample import degrade_array
from tests.processes import python, run_apart


@given(st.integers(0, 10**6), st.integers(0, 6), st.integers(2, 60))
def test_near_duplicates_are_those_of_brute_force(seed, distance, count):
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2**63, 6, dtype=np.uint64)
    hashes = centres[rng.integers(0, 6, count)]
    for _ in range(4):  # flip up to four bits
        hashes ^= np.uint64(1) << rng.integers(0, 64, count, dtype=np.uint64)
    want = {(i, j) for i in range(count) for j in range(i + 1, count)
            if bin(int(hashes[i]) ^ int(hashes[j])).count('1') <= distance}
    assert set(map(tuple, near_duplicates(hashes, distance).tolist())) == want


def test_detail_grows_with_the_resolution_that_a_face_was_enlarged_from():
    source = SyntheticFaces(12, 1, seed=3)
    sides = [7, 14, 20, 28, 40, 56, 112]
    estimates = np.array([[detail_px(degrade_array(decode(source.read(i)[0]), r)) for r in sides]
                          for i in range(12)])
    assert (np.diff(np.median(estimates, 0)) > 0).all()
    assert np.abs(np.median(estimates, 0)[:4] - sides[:4]).max() <= 4
    assert detail_px(np.full((50, 70, 3), 9, np.uint8)) == 1


@pytest.fixture
def messy(tmp_path):
    rng = np.random.default_rng(0)
    source = SyntheticFaces(3, 4)
    for i in range(12):
        path = tmp_path / 'set' / ['Ann_B', 'Łu kasz', 'carl'][i // 4] / f'{i}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read(i)[0])
    folder = tmp_path / 'set'
    (folder / 'carl' / 'copy.jpg').write_bytes(source.read(0)[0])  # another's picture
    image = decode(source.read(5)[0])
    near = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    (folder / 'Ann_B' / 'near.jpg').write_bytes(near.tobytes())
    (folder / 'carl' / 'cut.jpg').write_bytes(source.read(2)[0][:900])
    (folder / 'zoe').mkdir()
    grey = rng.integers(0, 256, (60, 90), np.uint8)
    cv2.imwrite(str(folder / 'zoe' / 'one.png'), grey)
    return folder


def find_what_is_wrong(messy, workers):
    source = FolderFaces(messy)
    summary = summarise(source, scan(source, int(workers), progress=False))
    assert summary['images'] == 16 and summary['people'] == 4 and summary['one_image'] == 1
    assert summary['unreadable']['count'] == 1
    assert summary['unreadable']['examples'][0]['name'] == 'carl/cut.jpg'
    assert summary['exact_duplicates']['images'] == 1
    assert summary['exact_duplicates']['across_people'] == 1
    near = summary['near_duplicates']['examples']
    assert any({e['first'], e['second']} == {'Ann_B/near.jpg', 'Łu kasz/5.jpg'} for e in near)
    assert {(s['width'], s['height']): s['images'] for s in summary['sizes']} == {
        (112, 112): 14, (90, 60): 1}
    json.dumps(summary)


@pytest.mark.parametrize('workers', [1, 2])
def test_audit_finds_what_is_wrong(messy, workers):
    run_apart('tests.test_analysis.test_audit', 'find_what_is_wrong', messy, workers)


def test_label_gaps(messy):
    source = FolderFaces(messy)
    source._labels = source._labels * 3
    source.num_classes = 11
    summary = summarise(source, scan(source, progress=False))
    assert summary['label_gaps'] == dict(count=7, first=[1, 2, 4, 5, 7, 8, 10])


def test_people_of_both_sets(messy, tmp_path):
    (tmp_path / 'test' / 'ann b').mkdir(parents=True)
    (tmp_path / 'test' / 'ann b' / '1.jpg').write_bytes((messy / 'carl' / '8.jpg').read_bytes())
    train, test = FolderFaces(messy), FolderFaces(tmp_path / 'test')
    assert shared_by_name(train, test) == ['ann b']
    assert shared_by_name(SyntheticFaces(2, 2), test) is None


def test_people_by_embedding_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(37, 16)), rng.normal(size=(9, 16))
    test[4] = train[30] + .1 * rng.normal(size=16)
    train, test = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (train, test))
    found = shared_by_embedding(train, test, .5, chunk=10)
    scores = test @ train.T
    want = [(int(row.argmax()), k, row.max()) for k, row in enumerate(scores) if row.max() >= .5]
    assert [f[:2] for f in found] == [w[:2] for w in sorted(want, key=lambda w: -w[2])]
    assert found[0][:2] == (30, 4)


def test_command_writes_json_and_page(messy, tmp_path):
    python('tools/audit_dataset.py', messy, '--out', tmp_path / 'out', '--against', messy,
           '--workers', 1)
    summary = json.loads((tmp_path / 'out' / 'audit.json').read_text())
    assert len(summary['shared']['by_name']) == 4
    page = (tmp_path / 'out' / 'audit.html').read_text()
    assert 'carl/cut.jpg' in page and 'data:image/jpeg;base64' in page and '<svg' in page
    with pytest.raises(InputExistsError, match='nothing is overwritten'):
        audit_to(tmp_path / 'out', FolderFaces(messy))


class Numbered(FaceSource):
    """Drawn faces whose labels are as given; some images cannot be read."""

    def __init__(self, labels, num_classes, broken=()):
        self.drawn, self.given, self.num_classes = SyntheticFaces(2, 4), labels, num_classes
        self.broken = broken

    def __len__(self):
        return len(self.given)

    def labels(self):
        return np.array(self.given)

    def read(self, index):
        if index in self.broken:
            raise self.broken[index]
        return self.drawn.read(index % 8)[0], self.given[index]

    def __repr__(self):
        return 'Numbered'


@pytest.mark.parametrize(('labels', 'count', 'people', 'gaps'), [
    ([1, 2, 3, 3], 2, 2, [0]), ([0, -1, 1, 2], 1, 3, []), ([0, 1, 2, 1], 0, 3, []),
    ([0, 7, 7, 7], 3, 1, [1, 2])])
def test_labels_out_of_range_are_counted(labels, count, people, gaps):
    source = Numbered(labels, 3)
    summary = summarise(source, scan(source, progress=False))
    outside = summary['labels_out_of_range']
    assert outside['count'] == count == len(outside['examples'])
    assert summary['people'] == people and summary['label_gaps']['first'] == gaps
    assert [e['label'] for e in outside['examples']] == [k for k in labels if not 0 <= k < 3]
    said = '\n'.join(audit_lines(summary))
    assert (f'warning: {count} labels are outside 0 to 2' in said) == bool(count)


def test_images_that_cannot_be_read_end_nothing():
    errors = {0: OSError('disk'), 1: ValueError('odd'), 3: InputError('named'), 5: KeyError('k')}
    source = Numbered([0] * 7, 1, errors)
    result = scan(source, progress=False)
    assert [position for position, _ in result.errors] == [0, 1, 3, 5]
    assert (result.rows['readable'] == [0, 0, 1, 0, 1, 0, 1]).all()
    summary = summarise(source, result)
    assert summary['unreadable']['count'] == 4 and summary['labels_out_of_range']['count'] == 0
    assert 'named' in summary['unreadable']['examples'][2]['reason']


class Hangs(Numbered):
    """Gives five images to another process than the test's, and then waits for its end."""

    test, seen = os.getpid(), []

    def read(self, index):
        self.seen.append(index)
        while index >= 5 and os.getpid() != self.test:
            time.sleep(1)
        return super().read(index)


def test_an_audit_that_was_killed_goes_on(tmp_path):
    run_apart('tests.test_analysis.test_audit', 'kill_and_go_on', tmp_path)


def kill_and_go_on(folder):
    """The test, in a process whose copies hold no locks of pytest's threads."""
    tmp_path = Path(folder)
    sys.modules['lrfr_mm.analysis.audit.scan']._CHUNK = 2
    source = Hangs([0, 1] * 6, 2)
    process = multiprocessing.get_context('fork').Process(
        target=audit_to, args=(tmp_path / 'out', source), kwargs=dict(progress=False))
    process.start()
    chunks = tmp_path / 'out.part' / '.scan'
    while len(list(chunks.glob('[!.]*.npz'))) < 2 and process.is_alive():
        time.sleep(.02)
    process.kill()
    process.join()
    assert len(list(chunks.glob('[!.]*.npz'))) == 2 and not (tmp_path / 'out').exists()
    source.seen.clear()
    summary = audit_to(tmp_path / 'out', source, progress=False)
    assert source.seen[:8] == list(range(4, 12))  # only what was missing
    assert summary == audit_to(tmp_path / 'other', source, progress=False)
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['audit.html', 'audit.json']
    assert not list(tmp_path.glob('*.part'))


def test_means_of_people_skip_what_cannot_be_read():
    source = Numbered([0, 1, 0, 1, 0, 3], 4, {0: ValueError('odd'), 5: ValueError('odd')})
    shown = []

    def embed(faces):
        for face in faces:
            shown.append(face.mean())
        return np.stack([[1., k] for k in range(len(shown))])

    means = people_means(embed, source, 1)
    readable = [decode(source.read(i)[0]).mean() for i in (2, 1)]
    np.testing.assert_allclose(shown, readable)  # the first readable image of persons 0 and 1
    np.testing.assert_allclose(means, [[1, 0], [.5 ** .5, .5 ** .5], [0, 0], [0, 0]], atol=1e-6)
