"""Formats of benchmarks and of alignment."""
from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from lrfr_mm.analysis.fuzz.cases import fuzz_case
from lrfr_mm.datasets.alignment import read_landmarks
from lrfr_mm.datasets.alignment.manifest import read_manifest, write_manifest
from lrfr_mm.datasets.benchmarks import (
    IJB,
    CFPPairs,
    PairBin,
    PairList,
    SCface,
    SurvFacePairs,
    TinyFace,
)
from lrfr_mm.datasets.benchmarks.miniature import write_miniatures
from lrfr_mm.datasets.sources.base import FaceSource

__all__ = []


class _Grey(FaceSource):
    """Six people with nine images each, uniform grey: their names matter here, not their looks."""

    num_classes = 6

    def __len__(self) -> int:
        return 54

    def read(self, index: int):
        return np.full((112, 112, 3), index, np.uint8), index // 9

    def labels(self) -> np.ndarray:
        return np.arange(54) // 9


def _miniature(directory: Path, name: str) -> Path:
    return write_miniatures(str(directory), _Grey(), [name])[0]


@fuzz_case('pairs.txt', lambda p: PairList('lfw', str(p.parent / 'aligned'), str(p)))
def _lfw(directory: Path) -> Path:
    return _miniature(directory, 'lfw') / 'pairs.txt'


@fuzz_case('two-line pairs',
           lambda p: PairList('calfw', str(p.parent / 'aligned'), str(p), 'two_lines'))
def _calfw(directory: Path) -> Path:
    return _miniature(directory, 'calfw') / 'pairs_CALFW.txt'


@fuzz_case('CFP names', lambda p: CFPPairs('cfp_fp', str(p.parents[1]), 'FP',
                                           str(p.parents[1] / 'aligned')))
def _cfp_names(directory: Path) -> Path:
    return _miniature(directory, 'cfp') / 'Protocol' / 'Pair_list_P.txt'


@fuzz_case('CFP fold', lambda p: CFPPairs('cfp_fp', str(p.parents[4]), 'FP',
                                          str(p.parents[4] / 'aligned')))
def _cfp_fold(directory: Path) -> Path:
    return _miniature(directory, 'cfp') / 'Protocol' / 'Split' / 'FP' / '03' / 'same.txt'


@fuzz_case('.bin', lambda p: PairBin('lfw', str(p)))
def _bin(directory: Path) -> Path:
    images = [bytes([k]) * (40 + k) for k in range(24)]
    path = directory / 'small.bin'
    path.write_bytes(pickle.dumps((images, [True, False] * 6), protocol=4))
    return path


@fuzz_case('.bin of arrays', lambda p: PairBin('lfw', str(p)))
def _bin_of_arrays(directory: Path) -> Path:
    images = [np.full(40 + k, k, np.uint8) for k in range(24)]
    path = directory / 'arrays.bin'
    path.write_bytes(pickle.dumps((images, list(np.arange(12) % 2 == 0)), protocol=2))
    return path


@fuzz_case('SCface people', lambda p: SCface('scface', str(p.parent / 'aligned'), str(p)))
def _scface(directory: Path) -> Path:
    path = _miniature(directory, 'scface') / 'people.txt'
    path.write_text('1\n3 4\n6\n')
    return path


@fuzz_case('TinyFace .mat', lambda p: TinyFace('tinyface', str(p.parents[1]),
                                               str(p.parents[1] / 'aligned')))
def _tinyface(directory: Path) -> Path:
    return _miniature(directory, 'tinyface') / 'Testing_Set' / 'probe_img_ID_pairs.mat'


@fuzz_case('SurvFace pairs .mat', lambda p: SurvFacePairs('survface', str(p.parents[1]),
                                                          str(p.parents[1] / 'aligned')))
def _survface(directory: Path) -> Path:
    path = _miniature(directory, 'survface') / 'Face_Verification_Test_Set'
    return path / 'positive_pairs_names.mat'


def _ijb(path: Path) -> IJB:
    return IJB('ijbb', str(path.parents[1]))


@fuzz_case('IJB media', _ijb)
def _ijb_media(directory: Path) -> Path:
    return _miniature(directory, 'ijbb') / 'meta' / 'ijbb_face_tid_mid.txt'


@fuzz_case('IJB pairs', _ijb)
def _ijb_pairs(directory: Path) -> Path:
    return _miniature(directory, 'ijbb') / 'meta' / 'ijbb_template_pair_label.txt'


@fuzz_case('IJB scores', _ijb)
def _ijb_scores(directory: Path) -> Path:
    return _miniature(directory, 'ijbb') / 'meta' / 'ijbb_name_5pts_score.txt'


@fuzz_case('IJB gallery', _ijb)
def _ijb_gallery(directory: Path) -> Path:
    return _miniature(directory, 'ijbb') / 'meta' / 'ijbb_1N_gallery_G1.csv'


@fuzz_case('landmark table', lambda p: read_landmarks(str(p), 'table'))
def _landmarks(directory: Path) -> Path:
    path = directory / 'points.txt'
    path.write_text(''.join(f'person {k}/{k:03d}.jpg\t69 109 106 113 77 142 73 152 10{k} 154\n'
                            for k in range(9)))
    return path


@fuzz_case('CelebA landmarks', lambda p: read_landmarks(str(p), 'celeba'))
def _celeba(directory: Path) -> Path:
    path = directory / 'list_landmarks_celeba.txt'
    path.write_text('9\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y\n' + ''.join(
        f'{k:06d}.jpg  69 109 106 113 77 142 73 152 108 154\n' for k in range(9)))
    return path


@fuzz_case('landmark files', lambda p: read_landmarks(str(p.parent), 'files'))
def _landmark_files(directory: Path) -> Path:
    for k in range(3):
        (directory / f'{k}.txt').write_text('30.5,40\n70,40\n50,60\n35,80\n65,80\n')
    return directory / '1.txt'


@fuzz_case('alignment manifest', lambda p: read_manifest(p.parent))
def _manifest(directory: Path) -> Path:
    rows = [dict(source=f'{k}.jpg', output=f'{k}.png', policy='detected', note='', faces=1,
                 landmarks=[1.] * 10, landmarks_aligned=[2.] * 10, score=.5) for k in range(9)]
    write_manifest(directory, rows, dict(size=112))
    return directory / 'manifest.parquet'
