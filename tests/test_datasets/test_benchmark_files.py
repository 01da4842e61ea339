"""What the files of benchmarks may hold: tables of sound and of unsound input."""
import pickle
import struct
import zlib

import cv2
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from lrfr_mm.datasets import SyntheticFaces
from lrfr_mm.datasets.alignment import read_landmarks
from lrfr_mm.datasets.benchmarks import (
    IJB,
    CFPPairs,
    GalleryBenchmark,
    PairBenchmark,
    PairList,
    SurvFace,
    SurvFacePairs,
    TinyFace,
    pair_bin,
    read_bin,
    read_pairs,
    read_two_line_pairs,
)
from lrfr_mm.datasets.benchmarks.cfp import _read_names, _read_number_pairs
from lrfr_mm.datasets.benchmarks.ijb import (
    _read_media,
    _read_pairs,
    _read_scores,
    _read_subjects,
)
from lrfr_mm.datasets.benchmarks.surveillance import (
    _listed_images,
    read_mat_list,
    read_mat_pairs,
)
from lrfr_mm.datasets.image_files import ImageFinder, list_images
from lrfr_mm.datasets.mat_files import read_mat
from lrfr_mm.datasets.text_lists import read_lines
from lrfr_mm.errors import IncompleteInputError, InputError, InputMissingError, UserError


@pytest.mark.parametrize('lines', [
    b'a\n\n b c \n', b'\xef\xbb\xbfa\r\n\r\nb c\r\n', b'a\r\rb c', b'a\n\t\nb c'])
def test_lines_of_any_editor(tmp_path, lines):
    (tmp_path / 'x.txt').write_bytes(lines)
    assert read_lines(tmp_path / 'x.txt') == [(1, 'a'), (3, 'b c')]


READERS = {
    'pairs': read_pairs, 'two lines': read_two_line_pairs, 'cfp names': _read_names,
    'cfp pairs': lambda path: _read_number_pairs(path, ({}, 'a'), ({}, 'b')),
    'landmarks': lambda path: read_landmarks(path, 'table'),
    'ijb media': _read_media, 'ijb pairs': lambda path: _read_pairs(path, np.array([1, 2]), 'm'),
    'ijb scores': lambda path: _read_scores(path, ['a'], 'm.txt'),
    'ijb subjects': lambda path: _read_subjects(path, np.array([1]), 'm'),
}


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize('content', [b'', b'\n \n', b'a 1 \xff\xfe 2\n', b'a \0 b\n',
                                     'Ünïcode 1 2'.encode('utf-16'), b'../x 1 2\n',
                                     b'/etc/passwd 1 2\n' * 2])
def test_text_that_is_no_list_names_the_file(tmp_path, reader, content):
    path = tmp_path / 'odd.txt'
    path.write_bytes(content)
    with pytest.raises(InputError, match=r'odd\.txt'):
        READERS[reader](path)
    with pytest.raises(UserError, match=r'nowhere\.txt'):
        READERS[reader](tmp_path / 'nowhere.txt')


@pytest.mark.parametrize(('text', 'count'), [
    ('10\t1\nA\t1\t2\nA\t1\tB\t1\n', 2), ('10\nA 1 2\n', 1), ('\ufeff10 1\nA 1 2\n', 1),
    ('0 1 2\n3 1 4 1\n', 2),  # people called 0, 3 and 4: no heading
    ('\ufeff0\t1\t2\n', 1), ('A B\t1\t2\n', 1), ('A 1 2', 1)])
def test_headings_and_names_of_pair_lists(tmp_path, text, count):
    (tmp_path / 'p.txt').write_text(text, encoding='utf-8')
    pairs, is_same = read_pairs(tmp_path / 'p.txt')
    assert len(pairs) == len(is_same) == count
    assert '\ufeff' not in pairs[0][0]


@pytest.mark.parametrize(('text', 'line'), [
    ('10 2\nA 1 1\n', 2), ('A 1 2\nB 3 B 3\n', 2), ('A 1 2\nB 1 2\nA 01 1\n', 3),
    ('A 1 2\nB one 2\n', 2), ('A 1 2\nB -1 2\n', 2), ('A 1 2\n10 300\n', 2), ('A 1 2 3 4\n', 1),
    ('A 1 2\n../A 1 2\n', 2), ('a/b 1 2\n', 1), ('..\t1\t2\n', 1), ('A 1 9999999999999999\n', 1),
    ('A 1 ２\n', 1), ('x\n', 1)])
def test_bad_lines_of_pair_lists_are_named(tmp_path, text, line):
    (tmp_path / 'p.txt').write_text(text, encoding='utf-8')
    with pytest.raises(InputError, match=rf'p\.txt, line {line}:'):
        read_pairs(tmp_path / 'p.txt')


@pytest.mark.parametrize(('text', 'line'), [
    ('a.jpg 1\nb.jpg 1\na.jpg 1\na.jpg 1\n', 3), ('a 1\n\nb 0\n', 1), ('a 1\nb 1\nc 1\n', 4 - 1),
    ('a 1\n../b 1\n', 2), ('a 1\nb x\n', 2), ('a\nb\n', 1)])
def test_bad_lines_of_two_line_lists_are_named(tmp_path, text, line):
    (tmp_path / 'p.txt').write_text(text)
    with pytest.raises(InputError, match=rf'p\.txt, line {line}:'):
        read_two_line_pairs(tmp_path / 'p.txt')


def test_two_line_names_may_have_blanks(tmp_path):
    (tmp_path / 'p.txt').write_text('a b.jpg 1\nc/d e.jpg 1\n')
    assert read_two_line_pairs(tmp_path / 'p.txt')[0] == [['a b.jpg', 'c/d e.jpg']]


def test_cfp_lists(tmp_path):
    path = tmp_path / 'names.txt'
    path.write_text('\ufeff1 ../Data/Images/001/frontal/01.jpg\n2 Data/Images/001/a b.jpg\n')
    names = _read_names(path)
    assert names == {1: 'Data/Images/001/frontal/01', 2: 'Data/Images/001/a b'}
    for text, line in (('1 a\n1 b\n', 2), ('x a\n', 1), ('1 ../../../etc/passwd\n', 1),
                       ('1 /etc/passwd\n', 1), ('1\n', 1)):
        path.write_text(text)
        with pytest.raises(InputError, match=f'line {line}:'):
            _read_names(path)
    for text, line in (('1,2\n1,1\n', 2), ('1,2\n\n1,3\n', 3), ('1 2\n', 1), ('-1,2\n', 1)):
        path.write_text(text)
        with pytest.raises(InputError, match=f'line {line}:'):
            _read_number_pairs(path, (names, 'a'), (names, 'b'))


@pytest.mark.parametrize('text', ['\ufeffa b.jpg\t1\t2\t3\t4\n', 'a b.jpg,1,2,3,4',
                                  'a b.jpg 1 2 3 4', '1\nname x y x y\na b.jpg 1 2 3 4\n',
                                  'name x y\na b 1 2 3 4', 'a b.JPG\t1 2\t3 4',
                                  '"a b.jpg" 1 2 3 4', '"a b.jpg",1,2,3,4'])
def test_landmark_tables_with_marks_and_blanks(tmp_path, text):
    (tmp_path / 't.txt').write_text(text, encoding='utf-8')
    found = read_landmarks(tmp_path / 't.txt', 'table')
    assert {key: value.tolist() for key, value in found.items()} == {'a b': [[1, 2], [3, 4]]}


@pytest.mark.parametrize(('text', 'line'), [
    ('a 1 2 3 4\nb 1 2 3\n', 2), ('a 1 2 3 4\nb one 2 3 4\n', 2), ('a 1 2 3 4\nsome words\n', 2),
    ('a 1 2 3 4\nb\n', 2), ('a 1 2 3 4\na 1 2 3 4\n', 2), ('a 1 2 3 nan\n', 1),
    ('a 1 2 3 4\n../b 1 2 3 4\n', 2), ('img 7 1 2 3 4\n', 1), ('x\ny\nz\na 1 2 3 4\n', 3),
    ('a 1 2 3 4\nx y z\n', 2), ('a,1,2,3,4\nb,1,2,,4,5\n', 2),
    ('b.jpg 1 2 3 4 5 x 7 8 9 10\n', 1), ('a b.png 1 2 3 4 5 nan 7 8 9 10\n', 1)])
def test_no_landmark_line_is_dropped(tmp_path, text, line):
    (tmp_path / 't.txt').write_text(text)
    with pytest.raises(InputError, match=rf't\.txt, line {line}:'):
        read_landmarks(tmp_path / 't.txt', 'table')


def test_celeba_announces_its_lines(tmp_path):
    (tmp_path / 'c.txt').write_text('3\nx y x y\na.jpg 1 2 3 4\nb.jpg 1 2 3 4\n')
    with pytest.raises(InputError, match='announces 3 images, but 2 follow'):
        read_landmarks(tmp_path / 'c.txt', 'celeba')


def jpeg(value):
    return cv2.imencode('.jpg', np.full((112, 112, 3), value, np.uint8))[1].tobytes()


@pytest.mark.parametrize(('stored', 'said'), [
    (([b'a', 10 ** 12], [True]), 'image 1 is not stored as bytes'),
    (([b'a', np.arange(3.)], [True]), 'image 1 is not stored as bytes'),
    (([b'a', b'b'], [7]), 'label of pair 0'), (([b'a', b'b'], ['yes']), 'label of pair 0'),
    (([b'a', b'b'], [True, True]), '2 images for 2 pairs'), (5, 'not a .bin benchmark'),
    (([], []), None)])
def test_bin_files_are_checked(tmp_path, stored, said):
    path = tmp_path / 'x.bin'
    path.write_bytes(pickle.dumps(stored))
    if said is None:
        assert read_bin(path)[0] == []
        return
    with pytest.raises(InputError, match=r'x\.bin') as error:
        read_bin(path)
    assert said in str(error.value)


def test_equal_images_in_a_pair_of_a_bin_are_warned_of(tmp_path, monkeypatch):
    path, said = tmp_path / 'x.bin', []
    monkeypatch.setattr(pair_bin, 'print_log', lambda text, **_: said.append(text))
    path.write_bytes(pickle.dumps(([b'a', b'b', b'c', b'c', b'd', b'd'], [True, False, True])))
    assert len(read_bin(path)[0]) == 6
    assert len(said) == 1 and 'x.bin: 2 of 3 pairs' in said[0] and 'first is pair 1' in said[0]
    path.write_bytes(pickle.dumps(([b'a', b'b', b'b', b'a'], [True, False])))
    read_bin(path)
    assert len(said) == 1


class Huge:
    """An array of a terabyte in a pickle of a few hundred bytes."""

    def __reduce__(self):
        return np.ndarray, ((1 << 40,), np.dtype(np.uint8))


def test_a_bin_that_asks_for_all_memory(tmp_path):
    (tmp_path / 'x.bin').write_bytes(pickle.dumps(([Huge(), b'b'], [True])))
    with pytest.raises(InputError, match=r'x\.bin'):
        read_bin(tmp_path / 'x.bin')


@pytest.mark.parametrize('suffix', ['.JPG', '.Png', '.bmp', '.webp', '.jpeg', '.TIF'])
def test_endings_count_in_any_case(tmp_path, suffix):
    (tmp_path / 'A').mkdir()
    for k in (1, 2):
        image = cv2.imencode(suffix.lower(), np.full((112, 112, 3), 90 * k, np.uint8))[1].tobytes()
        (tmp_path / 'A' / f'A_{k:04d}{suffix}').write_bytes(image)
    (tmp_path / 'p.txt').write_text('A 1 2\n')
    benchmark = PairList('lfw', str(tmp_path), str(tmp_path / 'p.txt'))
    assert benchmark.source.name(0) == f'A/A_0001{suffix}'
    assert abs(benchmark[1]['img'].mean() - 180) < 2
    assert list_images(tmp_path / 'A') == [f'A_0001{suffix}', f'A_0002{suffix}']


def test_the_first_of_several_endings_is_taken(tmp_path):
    for name in ('a.png', 'a.jpg', 'a.JPG', 'a.txt', 'b.txt'):
        (tmp_path / name).write_bytes(b'x')
    assert ImageFinder(tmp_path, 'l.txt').find('a') == 'a.JPG'
    assert ImageFinder(tmp_path, 'l.txt', ('.PNG', '.jpg')).find('a') == 'a.png'
    with pytest.raises(InputMissingError, match=r'missing; l\.txt lists'):
        ImageFinder(tmp_path, 'l.txt').find('b')
    with pytest.raises(InputMissingError, match=r'missing; l\.txt lists'):
        ImageFinder(tmp_path, 'l.txt').find('no/a')


@pytest.mark.parametrize(('files', 'said'), [
    ([], 'holds no image'), (['.hidden.jpg'], 'holds no image'),
    (['a.jpg', 'notes.txt'], r'notes\.txt is not an image'), (['a.jpg', 'more/'], 'more is')])
def test_a_directory_that_is_empty_or_partly_ignored(tmp_path, files, said):
    for name in files:
        path = tmp_path / name
        path.mkdir() if name.endswith('/') else path.write_bytes(b'x')
    with pytest.raises(InputError, match=said):
        list_images(tmp_path)


def cells(rows):
    array = np.empty((len(rows), len(rows[0])), object)
    array[:] = rows
    return array


CONTENT = dict(
    names=cells([['1_1.jpg'], ['22_1.jpg'], ['grüße.png']]), pairs=cells([['a', 'b'], ['c', 'd']]),
    ids=np.array([[1], [22], [65000]], np.uint16), d=np.arange(12.).reshape(3, 4),
    cube=np.arange(24, dtype=np.int8).reshape(2, 3, 4), text=np.array(['ab', 'cde']),
    mixed=cells([[np.arange(3.), 'x']]), empty=np.zeros((0, 3)), f=np.float32([[1.5]]))


@pytest.mark.parametrize('compress', [False, True])
def test_matlab_files_are_read_as_scipy_reads_them(tmp_path, compress):
    path = tmp_path / 'x.mat'
    savemat(path, dict(CONTENT, struct=dict(a=1)), do_compression=compress)
    ours, reference = read_mat(path, tuple(CONTENT)), loadmat(path)

    def same(a, b):
        assert a.shape == b.shape
        if b.dtype == object:
            for x, y in zip(a.ravel(), b.ravel(), strict=True):
                same(x, y)
        elif b.dtype.kind == 'U':
            assert [item.strip() for item in b] == a.tolist()
        else:
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)

    for name in CONTENT:
        same(ours[name], reference[name])


def test_big_endian_and_small_elements(tmp_path):
    def element(kind, data):
        return struct.pack('>II', kind, len(data)) + data + bytes(-len(data) % 8)

    def small(kind, data):
        return struct.pack('>HH', len(data), kind) + data.ljust(4, b'\0')

    matrix = (element(6, struct.pack('>II', 6, 0)) + element(5, struct.pack('>ii', 1, 2))
              + small(1, b'ids') + small(2, bytes([7, 9])))
    header = b'MATLAB 5.0'.ljust(124) + struct.pack('>H', 0x0100) + b'MI'
    packed = zlib.compress(element(14, matrix))
    path = tmp_path / 'big.mat'
    for body in (element(14, matrix), struct.pack('>II', 15, len(packed)) + packed):
        path.write_bytes(header + body)
        assert read_mat(path, ('ids',))['ids'].tolist() == [[7, 9]]


HEADER = b'MATLAB 5.0'.ljust(124) + b'\x00\x01IM'
BOMB = zlib.compress(bytes(2 << 20))


@pytest.mark.parametrize(('data', 'said'), [
    (b'', 'not a MATLAB file'), (b'hello' * 100, 'not a MATLAB file'),
    (b'MATLAB 7.3 MAT-file, Platform'.ljust(512), 'version 7.3'),
    (HEADER, 'no variable'),
    (HEADER + struct.pack('<II', 14, 1 << 31), '2147483648 bytes'),
    (HEADER + struct.pack('<II', 15, 4) + b'zzzz', 'x.mat'),
    (HEADER + struct.pack('<II', 15, len(BOMB)) + BOMB, 'more than 1 MiB')],
    ids=['empty', 'other', 'hdf5', 'none', 'long', 'zlib', 'bomb'])
def test_what_is_no_matlab_file(tmp_path, monkeypatch, data, said):
    monkeypatch.setattr('lrfr_mm.datasets.mat_files._MOST_BYTES', 1 << 20)
    (tmp_path / 'x.mat').write_bytes(data)
    with pytest.raises(InputError, match=r'x\.mat') as error:
        read_mat(tmp_path / 'x.mat', ('ids',))
    assert said in str(error.value)


@pytest.mark.parametrize(('content', 'said'), [
    (dict(g_set=cells([['../a.jpg']]), g_ids=[[1]]), 'g_set 1'),
    (dict(g_set=cells([['a.jpg'], [3.]]), g_ids=[[1], [2]]), 'g_set 2 is not a file name'),
    (dict(g_set=cells([['a.jpg'], ['']]), g_ids=[[1], [2]]), 'g_set 2'),
    (dict(g_set=cells([['a.jpg']]), g_ids=[[1], [2]]), '1 names, 2 identities'),
    (dict(g_set=cells([['a.jpg']]), g_ids=[[1.5]]), 'whole numbers'),
    (dict(g_set=cells([['a.jpg']]), g_ids=[[-1]]), 'whole numbers'),
    (dict(g_set=cells([['a.jpg']]), g_ids=[[np.nan]]), 'whole numbers'),
    (dict(g_set=cells([['a.jpg']])), "no variable 'g_ids'"),
    (dict(g_set=dict(x=1), g_ids=[[1]]), 'class 2'),
    (dict(g_set=np.zeros((0, 1), object), g_ids=np.zeros((0, 1))), 'lists no images')])
def test_lists_of_the_qmul_sets_are_checked(tmp_path, content, said):
    savemat(tmp_path / 'x.mat', content)
    with pytest.raises(InputError, match=r'x\.mat') as error:
        read_mat_list(tmp_path / 'x.mat', 'g_set', 'g_ids')
    assert said in str(error.value)


@pytest.mark.parametrize('rows', [[['a', 'b'], ['c', 'c']], [['a', 'b'], ['c', '']], [['a']],
                                  [['a', 'b', 'c']], [['a', 'b'], ['/c', 'd']]])
def test_pairs_of_the_qmul_sets_are_checked(tmp_path, rows):
    savemat(tmp_path / 'x.mat', dict(p=cells(rows)))
    with pytest.raises(InputError, match=r'x\.mat.*p (row|is)'):
        read_mat_pairs(tmp_path / 'x.mat', 'p')


def test_distractors_and_unknown_probes_have_labels_of_their_own(tmp_path):
    for directory, names in (('m', ['1.jpg']), ('p', ['1.PNG']), ('d', ['x.JPEG', 'y.png'])):
        (tmp_path / directory).mkdir()
        for name in names:
            (tmp_path / directory / name).write_bytes(b'x')
    savemat(tmp_path / 'l.mat', dict(g_set=cells([['1.jpg']]), g_ids=[[1]]))
    listed = [('m', tmp_path / 'l.mat', 'g'), ('p', tmp_path / 'l.mat', 'g')]
    paths, labels, counts = _listed_images(str(tmp_path), listed, 'd', -1)
    assert paths == ['m/1.jpg', 'p/1.PNG', 'd/x.JPEG', 'd/y.png']
    assert labels.tolist() == [1, 1, -1, -1] and counts == [1, 1, 2]


FACES = SyntheticFaces(2, 3)


@pytest.mark.parametrize(('labels', 'gallery', 'probes', 'said'), [
    ([0, 1, -1, 0, 1, -2], [0, 1, 2], [3, 4, 5], None),
    ([0, 1, -2, 0, 1, -2], [0, 1, 2], [3, 4, 5], 'gallery image 2 has the label -2'),
    ([0, 1, -1, 0, 1, -1], [0, 1, 2], [3, 4, 5], 'probe 5 has the label -1'),
    ([0, 1, -3, 0, 1, 2], [0, 1, 2], [3, 4, 5], 'gallery image 2 has the label -3'),
    ([0] * 6, [0, 1, 3], [3, 4, 5], 'image 3 is a probe and in the gallery'),
    ([0] * 5, [0, 1, 2], [3, 4, 5], '5 labels for 6 images'),
    ([0] * 6, [0, 1, 6], [3, 4, 5], 'gallery image 6 is not there'),
    ([0] * 6, [0, 1, 2], [3, -1], 'probe -1 is not there'),
    ([0] * 6, [], [3, 4, 5], 'the gallery is empty'), ([0] * 6, [1], [], 'there are no')])
def test_gallery_labels(labels, gallery, probes, said):
    class Own(GalleryBenchmark):
        def __init__(self, name):
            super().__init__(name, FACES, labels, gallery, {'': probes})

    if said is None:
        assert Own('own').identities.tolist() == labels
        return
    with pytest.raises(InputError, match=f'^benchmark own: {said}'):
        Own('own')


@pytest.mark.parametrize(('pairs', 'said'), [
    ([], 'no pairs'), ([[0, 1], [2, 2]], 'pair 1 compares image 2 with itself'),
    ([[0, 6]], 'there are 6 images'), ([[-1, 2]], 'there are 6 images'), ([[0, 1, 2]], 'shape')])
def test_pairs_of_any_benchmark_are_checked(pairs, said):
    with pytest.raises(InputError, match=said) as error:
        PairBenchmark('mine', FACES, np.array(pairs), np.ones(len(pairs), bool))
    assert str(error.value).startswith('benchmark mine: ')


def test_errors_of_lists_name_the_benchmark(tmp_path):
    (tmp_path / 'empty.txt').write_text('10\t300\n')
    with pytest.raises(InputError, match=r'^benchmark lfw: .*empty\.txt lists no pairs'):
        PairList(name='lfw', root=str(tmp_path), pairs=str(tmp_path / 'empty.txt'))
    (tmp_path / 'p.txt').write_text('A 1 2\n')
    with pytest.raises(IncompleteInputError, match=r'^benchmark lfw: .*A_0001'):
        PairList('lfw', str(tmp_path), str(tmp_path / 'p.txt'))


@pytest.mark.parametrize(('kind', 'arguments'), [
    (PairList, dict(pairs='{}/no.txt')), (CFPPairs, {}), (IJB, {}), (TinyFace, {}), (SurvFace, {}),
    (SurvFacePairs, {})])
def test_a_set_that_lacks_a_file_differs_from_a_set_that_is_missing(kind, arguments, tmp_path):
    arguments = {key: value.format(tmp_path) for key, value in arguments.items()}
    for root in (tmp_path / 'nowhere', tmp_path):  # the second is there, and empty
        with pytest.raises(InputMissingError, match=r'^benchmark mine: ') as error:
            kind(name='mine', root=str(root), **arguments)
        assert not isinstance(error.value, IncompleteInputError)
    (tmp_path / 'something').mkdir()
    with pytest.raises(IncompleteInputError, match=r'^benchmark mine: '):
        kind('mine', str(tmp_path), **arguments)


@pytest.mark.parametrize(('reader', 'text', 'said'), [
    (_read_media, '1.jpg 1 2\n2.jpg x 3\n', 'line 2'), (_read_media, '../1.jpg 1 2\n', 'line 1'),
    (_read_media, '1.jpg 1 99999999999999999999\n', 'line 1'),
    (lambda p: _read_pairs(p, np.array([1, 2]), 'm'), '1 2 1\n1 1 1\n', 'pair 2.*itself'),
    (lambda p: _read_pairs(p, np.array([1, 2]), 'm'), '1 2 1\n1 3 1\n', 'pair 2.*without images'),
    (lambda p: _read_pairs(p, np.array([1, 2]), 'm'), '1 2 5\n', 'pair 1.*neither 0 nor 1'),
    (lambda p: _read_pairs(p, np.array([1, 2]), 'm'), '1 2 1\n1 2\n', r'x\.txt'),
    (lambda p: _read_pairs(p, np.array([1, 2]), 'm'), '1 99999999999999999999 1\n', r'x\.txt'),
    (lambda p: _read_scores(p, ['a'], 'm'), 'a 1 2 inf\n', 'line 1'),
    (lambda p: _read_scores(p, ['a', 'b'], 'm'), 'a 1 2 .5\n', 'no line for b'),
    (lambda p: _read_subjects(p, np.array([1]), 'm'), 'T,S\n1,5\n1,6\n', 'line 3.*two subjects'),
    (lambda p: _read_subjects(p, np.array([1]), 'm'), 'T,S\n2,5\n', 'line 2.*no images'),
    (lambda p: _read_subjects(p, np.array([1]), 'm'), 'T,S\n1\n', 'line 2'),
    (lambda p: _read_subjects(p, np.array([1]), 'm'), 'T,S\n', 'no templates')])
def test_ijb_metadata_are_checked(tmp_path, reader, text, said):
    (tmp_path / 'x.txt').write_text(text)
    with pytest.raises(InputError, match=said):
        reader(tmp_path / 'x.txt')
