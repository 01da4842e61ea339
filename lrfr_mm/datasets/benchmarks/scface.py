"""SCface: faces of surveillance cameras at three distances."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from lrfr_mm.datasets.benchmarks.base import FileFaces, GalleryBenchmark
from lrfr_mm.datasets.benchmarks.miniature import People, miniature, save_face
from lrfr_mm.datasets.sources.scface import SCfaceFaces, scface_images, scface_test_people
from lrfr_mm.errors import InputMissingError
from lrfr_mm.ops.resample import degrade_array
from lrfr_mm.registry import DATASETS

__all__ = ['SCface', 'SCfaceFaces']


@DATASETS.register_module()
class SCface(GalleryBenchmark):
    """Rank 1 of surveillance pictures against one mugshot a person (Grgic et al., 2011).

    Probes: the five visible-light cameras at d1 = 4.2 m, d2 = 2.6 m, d3 = 1.0 m, of 80 of the 130
    people; the gallery is their mugshots. The literature draws the 80 at random: state the list
    or the seed.

    Args:
        name: Short name.
        root: Directory of the aligned images, searched at any depth.
        people: Numbers of the test people, or a file of them; None to draw 80 of 130.
        seed: Of the draw.
        **kwargs: alignment, pipeline, decoder; see Benchmark.
    """

    def __init__(self, name: str, root: str, people=None, seed: int = 0, **kwargs):
        files, facts = scface_images(root)
        chosen, note = scface_test_people(np.unique(facts[:, 0]), people, seed)
        keep = np.isin(facts[:, 0], chosen)
        files, facts = [f for f, k in zip(files, keep, strict=True) if k], facts[keep]
        gallery = np.flatnonzero(facts[:, 1] == 0)
        missing = np.setdiff1d(chosen, facts[gallery, 0])
        if len(missing):
            raise InputMissingError(f'{missing[0]:03d}_frontal.* is missing in {root}')
        probes = {f'd{d}': np.flatnonzero(facts[:, 2] == d) for d in (1, 2, 3)}
        super().__init__(name, FileFaces(root, files), facts[:, 0], gallery, probes,
                         protocol_note=note, **kwargs)


@miniature('scface')
def _write_scface(root: Path, people: People) -> None:
    sides = {1: 14, 2: 28, 3: 56}
    for p in range(len(people)):
        person = f'{p + 1:03d}'
        save_face(root / 'aligned' / 'mugshot_frontal' / f'{person}_frontal.JPG', people.face(p, 0))
        for distance, side in sides.items():
            for camera in range(1, 6):
                face = degrade_array(people.face(p, camera), side)
                save_face(root / 'aligned' / f'surveillance_cameras_distance_{distance}'
                      / f'cam_{camera}' / f'{person}_cam{camera}_{distance}.jpg', face)
