"""Faces that tools/align_faces.py aligned, with their landmarks."""
from __future__ import annotations

import numpy as np

from lrfr_mm.datasets.alignment.manifest import MANIFEST, read_manifest
from lrfr_mm.datasets.formats.folder import FolderFaces
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import InputError
from lrfr_mm.ops.align import TEMPLATE
from lrfr_mm.registry import SOURCES

__all__ = ['AlignedFaces']

_MISSING = ('error', 'skip', 'template')


@SOURCES.register_module()
class AlignedFaces(FaceSource):
    """A directory of people that ``tools/align_faces.py`` wrote: FolderFaces with landmarks.

    ``FaceDataset(landmarks=True)`` hands them to the pipeline, for backbones that take landmarks.

    Args:
        root: Directory of people with ``manifest.parquet``.
        identities: See FolderFaces.
        missing: What to do with images whose five landmarks are not known (centre crops): 'error';
            'skip' them; or take the alignment's 'template', which is where a well aligned face has
            them.
        size: Side of the aligned images, px, for 'template'.

    Raises:
        InputMissingError: Without the directory or the manifest.
        InputError: If landmarks are missing, or all images of a person are skipped.
    """

    def __init__(self, root: str, identities: list[str] | None = None, missing: str = 'error',
                 size: int = 112):
        if missing not in _MISSING:
            raise InputError(f'missing must be one of {", ".join(_MISSING)}, got {missing!r}')
        self.faces = FolderFaces(root, identities)
        known = {row['output']: row['landmarks_aligned'] for row in read_manifest(root)
                 if len(row.get('landmarks_aligned') or ()) == 10}
        names = [self.faces.name(i) for i in range(len(self.faces))]
        without = [name for name in names if name not in known]
        if without and missing == 'error':
            raise InputError(f'{root}/{MANIFEST} has no landmarks of {without[0]} ({len(without)} '
                             f'of {len(names)} images): set missing to "skip" or "template"')
        template = (TEMPLATE * (size / 112)).ravel()
        self._points = np.array([known.get(name, template) for name in names], np.float32)
        self._kept = np.array([name in known or missing == 'template' for name in names])
        self._kept = np.flatnonzero(self._kept)
        self.num_classes, self.people = self.faces.num_classes, self.faces.people
        gone = np.setdiff1d(np.arange(self.num_classes), self.labels())
        if len(gone):
            raise InputError(f'{root}: no image of {self.people[gone[0]]} has landmarks; leave the '
                             'person out by identities')

    def __len__(self) -> int:
        return len(self._kept)

    def read(self, index: int) -> tuple[bytes, int]:
        return self.faces.read(int(self._kept[index]))

    def labels(self) -> np.ndarray:
        return self.faces.labels()[self._kept]

    def name(self, index: int) -> str:
        return self.faces.name(int(self._kept[index]))

    def landmarks(self, index: int) -> np.ndarray:
        """Eyes, nose tip and mouth corners of image ``index``, px, float32 (5, 2)."""
        return self._points[self._kept[index]].reshape(5, 2)

    def __repr__(self) -> str:
        return (f'AlignedFaces({self.faces.root!r}: {len(self)} images of {self.num_classes} '
                'people)')
