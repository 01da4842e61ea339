"""SCface: faces of surveillance cameras at three distances."""
from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.benchmarks.base import FileFaces, GalleryBenchmark, need
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.registry import DATASETS, SOURCES

__all__ = ['SCface', 'SCfaceFaces']

_FRONTAL = re.compile(r'^(\d{3})_frontal\.(jpe?g|png|bmp)$', re.I)
_CAMERA = re.compile(r'^(\d{3})_cam([1-5])_([123])\.(jpe?g|png|bmp)$', re.I)
_WHAT = ('SCface\'s images, aligned to 112x112, are expected there in any folders, under their '
         'names NNN_frontal.* and NNN_camC_D.*')


def _find(name: str, root: str) -> tuple[list[str], np.ndarray]:
    """Files, and (person, camera, distance) of each; camera and distance 0 for the mugshot."""
    need(name, root, what=_WHAT)
    files, facts = [], []
    for folder, _, entries in os.walk(root, followlinks=True):
        for entry in entries:
            frontal, camera = _FRONTAL.match(entry), _CAMERA.match(entry)
            if frontal or camera:
                files.append(os.path.relpath(os.path.join(folder, entry), root))
                facts.append((int(frontal[1]), 0, 0) if frontal
                             else tuple(int(camera[k]) for k in (1, 2, 3)))
    if not files:
        raise FileNotFoundError(f'benchmark {name}: {root} has no such file; {_WHAT}')
    order = sorted(range(len(files)), key=lambda k: (facts[k], files[k]))
    facts = np.array([facts[k] for k in order], np.int64)
    _, first = np.unique(facts, axis=0, return_index=True)
    if len(first) < len(facts):
        twice = next(k for k in range(1, len(facts)) if (facts[k] == facts[k - 1]).all())
        raise ValueError(f'benchmark {name}: {files[order[twice - 1]]} and {files[order[twice]]} '
                         'are the same picture twice: keep one kind of crop in the folder')
    return [files[k] for k in order], facts


def _test_people(name: str, everybody: np.ndarray, people, seed: int,
                 share: float = 80 / 130) -> tuple[np.ndarray, str]:
    """People of the test: listed, or 80 of 130 drawn with ``seed``; and a note that says which."""
    if people is not None:
        if isinstance(people, (str, Path)):
            need(name, people)
            listed = [int(word) for word in Path(people).read_text().split()]
            note = f'people of {os.path.basename(people)}'
        else:
            listed, note = [int(p) for p in people], 'listed people'
        missing = np.setdiff1d(listed, everybody)
        if len(missing):
            raise ValueError(f'benchmark {name}: person {missing[0]} is listed, but not there')
        return np.unique(listed), note
    count = round(share * len(everybody))
    chosen = np.random.default_rng(seed).permutation(everybody)[:count]
    return np.sort(chosen), f'{count} of {len(everybody)} people drawn with seed {seed}'


@DATASETS.register_module()
class SCface(GalleryBenchmark):
    """Rank 1 of surveillance pictures against one mugshot a person (Grgic et al., 2011).

    Probes: the five visible-light cameras at d1 = 4.2 m, d2 = 2.6 m, d3 = 1.0 m, of 80 of the 130
    people; the gallery is their mugshots. The literature draws the 80 at random: state the list
    or the seed.

    Args:
        name: Short name.
        root: Folder of the aligned images, searched at any depth.
        people: Numbers of the test people, or a file of them; None to draw 80 of 130.
        seed: Of the draw.
        **kwargs: alignment, pipeline, decoder; see Benchmark.
    """

    def __init__(self, name: str, root: str, people=None, seed: int = 0, **kwargs):
        files, facts = _find(name, root)
        chosen, note = _test_people(name, np.unique(facts[:, 0]), people, seed)
        keep = np.isin(facts[:, 0], chosen)
        files, facts = [f for f, k in zip(files, keep, strict=True) if k], facts[keep]
        gallery = np.flatnonzero(facts[:, 1] == 0)
        missing = np.setdiff1d(chosen, facts[gallery, 0])
        if len(missing):
            raise FileNotFoundError(f'benchmark {name}: {missing[0]:03d}_frontal.* is missing in '
                                    f'{root}')
        probes = {f'd{d}': np.flatnonzero(facts[:, 2] == d) for d in (1, 2, 3)}
        super().__init__(name, FileFaces(root, files), facts[:, 0], gallery, probes,
                         protocol_note=note, **kwargs)


@SOURCES.register_module()
class SCfaceFaces(FaceSource):
    """The people that SCface's test leaves out, to fine-tune on: mugshot and all five cameras.

    Args:
        root, people, seed: As of the SCface benchmark: the others of the same draw.
    """

    def __init__(self, root: str, people=None, seed: int = 0):
        files, facts = _find('scface', root)
        everybody = np.unique(facts[:, 0])
        test, _ = _test_people('scface', everybody, people, seed)
        keep = ~np.isin(facts[:, 0], test)
        if not keep.any():
            raise ValueError(f'{root}: the test takes all people, none is left to fine-tune on')
        self._files = FileFaces(root, [f for f, k in zip(files, keep, strict=True) if k])
        numbers, self._labels = np.unique(facts[keep, 0], return_inverse=True)
        self.people = [f'{number:03d}' for number in numbers]
        self.num_classes = len(numbers)

    def __len__(self) -> int:
        return len(self._files)

    def read(self, index: int) -> tuple[bytes, int]:
        return self._files.read(index)[0], int(self._labels[index])

    def labels(self) -> np.ndarray:
        return self._labels.astype(np.int64)

    def name(self, index: int) -> str:
        return self._files.name(index)

    def __repr__(self) -> str:
        return f'SCfaceFaces({self._files.root!r}: {len(self)} images of {self.num_classes} people)'
