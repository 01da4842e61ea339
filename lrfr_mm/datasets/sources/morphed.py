"""Many faces made from a few."""
from __future__ import annotations

import numpy as np

from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import InputError
from lrfr_mm.ops.morph import colour_face, light_face, morph
from lrfr_mm.registry import SOURCES

__all__ = ['MorphedFaces']


@SOURCES.register_module()
class MorphedFaces(FaceSource):
    """Faces that nobody has, made of the aligned faces of another source, for distillation.

    Image i is a function of (seed, i) and of the sources alone; all labels are 0. See
    :mod:`lrfr_mm.ops.morph`.

    Args:
        source: Config or object: 112 x 112 px faces, in colour or grey.
        colours: Config or object: where the colours around the face come from; default ``source``.
        count: Number of images.
        seed: Of the draws.

    Raises:
        InputError: For a source of fewer than two images, or faces of another size.
    """

    num_classes = 1

    def __init__(self, source, colours=None, count: int = 4000, seed: int = 0):
        self.source = SOURCES.build(source) if isinstance(source, dict) else source
        colours = self.source if colours is None else colours
        self.colours = SOURCES.build(colours) if isinstance(colours, dict) else colours
        self.count, self.seed = count, seed
        if len(self.source) < 2:
            raise InputError(f'{self.source}: morphs need at least two faces')

    def __len__(self) -> int:
        return self.count

    def read(self, index: int) -> tuple[np.ndarray, int]:
        if not 0 <= index < self.count:
            raise IndexError(f'image {index} of {self.count}')
        rng = np.random.default_rng([self.seed, index])
        faces = [self._draw(self.source, rng).astype(np.float32)
                 for _ in range(rng.integers(2, 4))]
        face = morph(faces[0], faces[1:], rng)
        face = light_face(colour_face(face, self._draw(self.colours, rng), rng), rng)
        return np.rint(face).astype(np.uint8), 0

    def _draw(self, source: FaceSource, rng: np.random.Generator) -> np.ndarray:
        index = int(rng.integers(len(source)))
        data, _ = source.read(index)
        face = data if isinstance(data, np.ndarray) else decode(data, 'cv2')
        if face.shape != (112, 112, 3):
            raise InputError(f'{source}, {source.name(index)}: morphs need aligned faces of '
                             f'112x112 px, got {face.shape[1]}x{face.shape[0]}')
        return face[:, ::-1] if rng.random() < .5 else face

    def labels(self) -> np.ndarray:
        return np.zeros(self.count, np.int64)

    def __repr__(self) -> str:
        return f'MorphedFaces({self.count} of {self.source}, seed {self.seed})'
