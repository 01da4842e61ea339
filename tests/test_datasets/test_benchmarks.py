import os
import pickle

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfr_mm.datasets import SyntheticFaces
from lrfr_mm.datasets.benchmarks import PairBin, PairList, read_bin, read_pairs, sample_pairs


def jpeg(value):
    return cv2.imencode('.jpg', np.full((112, 112, 3), value, np.uint8))[1].tobytes()


@given(st.lists(st.integers(0, 8), min_size=4, max_size=40), st.integers(2, 200),
       st.integers(0, 99))
def test_sampled_pairs(labels, num_pairs, seed):
    labels = np.array(labels)
    same_kind = labels[:, None] == labels[None]
    num_same = (same_kind.sum() - len(labels)) // 2
    num_diff = (~same_kind).sum() // 2
    if not num_same or not num_diff:
        with pytest.raises(ValueError, match='two people'):
            sample_pairs(labels, num_pairs, seed)
        return
    pairs, is_same = sample_pairs(labels, num_pairs, seed)
    np.testing.assert_array_equal(labels[pairs[:, 0]] == labels[pairs[:, 1]], is_same)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert len({frozenset(p) for p in pairs.tolist()}) == len(pairs)
    assert len(pairs) == 2 * min(num_pairs // 2, num_same, num_diff)
    assert is_same.sum() * 2 == len(pairs)
    again = sample_pairs(labels, num_pairs, seed)
    np.testing.assert_array_equal(again[0], pairs)


@pytest.fixture
def lfw(tmp_path):
    for name, count in (('Ann_Lee', 2), ('Bo', 1), ('Cy_Ö', 3)):
        (tmp_path / 'faces' / name).mkdir(parents=True)
        for k in range(1, count + 1):
            (tmp_path / 'faces' / name / f'{name}_{k:04d}.jpg').write_bytes(jpeg(20 * k))
    (tmp_path / 'pairs.txt').write_text('2\t2\nAnn_Lee\t1\t2\nAnn_Lee\t1\tBo\t1\n'
                                        'Cy_Ö\t1\t3\nBo\t1\tCy_Ö\t2\n', encoding='utf-8')
    return tmp_path


def test_lfw_pairs(lfw):
    bench = PairList('lfw', str(lfw / 'faces'), str(lfw / 'pairs.txt'))
    names = [[bench.source.name(i) for i in pair] for pair in bench.pairs]
    assert names == [['Ann_Lee/Ann_Lee_0001.jpg', 'Ann_Lee/Ann_Lee_0002.jpg'],
                     ['Ann_Lee/Ann_Lee_0001.jpg', 'Bo/Bo_0001.jpg'],
                     ['Cy_Ö/Cy_Ö_0001.jpg', 'Cy_Ö/Cy_Ö_0003.jpg'],
                     ['Bo/Bo_0001.jpg', 'Cy_Ö/Cy_Ö_0002.jpg']]
    assert bench.is_same.tolist() == [True, False, True, False]
    assert len(bench) == 6  # each image once, whatever number of pairs use it


def test_pair_list_errors(lfw):
    with pytest.raises(FileNotFoundError, match=r'lfw: .*nowhere'):
        PairList('lfw', str(lfw / 'nowhere'), str(lfw / 'pairs.txt'))
    os.remove(lfw / 'faces' / 'Bo' / 'Bo_0001.jpg')
    with pytest.raises(FileNotFoundError, match='Bo_0001'):
        PairList('lfw', str(lfw / 'faces'), str(lfw / 'pairs.txt'))
    (lfw / 'bad.txt').write_text('10 300\nAnn 1 2\nAnn one 2\n')
    with pytest.raises(ValueError, match=r'bad.txt, line 3'):
        read_pairs(str(lfw / 'bad.txt'))


@pytest.mark.parametrize('protocol', [2, 4])
@pytest.mark.parametrize('as_array', [False, True])
def test_bin(tmp_path, protocol, as_array):
    images = [jpeg(30 * k) for k in range(6)]
    stored = [np.frombuffer(i, np.uint8) for i in images] if as_array else images
    path = tmp_path / 'toy.bin'
    path.write_bytes(pickle.dumps((stored, [True, False, np.bool_(True)]), protocol))
    bench = PairBin('toy', str(path))
    assert bench.pairs.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert bench.is_same.tolist() == [True, False, True]
    assert [bench.source.read(i)[0] for i in range(6)] == images
    assert bench[4]['img'].mean() == pytest.approx(120, abs=1)


def test_bin_of_python_2(tmp_path):
    """Protocol 0 as Python 2 wrote it: str objects, not bytes."""
    text = b"((lp0\nS'ab\\xff'\np1\naS'ac\\xff'\np2\na(lp3\nI01\natp4\n."
    path = tmp_path / 'old.bin'
    path.write_bytes(text)
    images, is_same = read_bin(str(path))
    assert images == [b'ab\xff', b'ac\xff'] and is_same.tolist() == [True]


class Evil:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_bin_that_runs_code_is_refused(tmp_path):
    target = str(tmp_path / 'owned')
    path = tmp_path / 'evil.bin'
    path.write_bytes(pickle.dumps(([Evil(target)], [True])))
    pickle.loads(pickle.dumps(Evil(target + '-proof')))
    assert os.path.isdir(target + '-proof')  # the attack is real
    with pytest.raises(ValueError, match=r'mkdir.*refused'):
        read_bin(str(path))
    assert not os.path.exists(target)


@pytest.mark.parametrize('data', [b'', b'junk', pickle.dumps(5), pickle.dumps(([b'x'], [True])),
                                  pickle.dumps(([b'x'] * 40, [True] * 20))[:60]])
def test_bin_that_is_none(tmp_path, data):
    path = tmp_path / 'bad.bin'
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r'bad\.bin'):
        read_bin(str(path))


def test_sampled_gallery():
    from lrfr_mm.datasets import SampledGallery
    source = SyntheticFaces(10, 5)
    benchmark = SampledGallery('g', source, gallery_images=2, unknown=.3, seed=1)
    labels = source.labels()
    assert len(benchmark.gallery) == 7 * 2
    strangers = set(range(10)) - set(labels[benchmark.gallery].tolist())
    probes = benchmark.probes['']
    assert len(probes) == 7 * 3 + 3 * 5 and not set(probes) & set(benchmark.gallery)
    for p in probes:
        assert benchmark.identities[p] == (-2 if labels[p] in strangers else labels[p])
    with pytest.raises(ValueError, match='nobody can be identified'):
        SampledGallery('g', source, gallery_images=5)
