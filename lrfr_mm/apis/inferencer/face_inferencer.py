"""Photographs in, faces with embeddings out."""
from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.infer import BaseInferencer

from lrfr_mm.apis.embedder import Embedder
from lrfr_mm.apis.inferencer.drawing import draw_faces
from lrfr_mm.apis.inferencer.pictures import Picture, read_pictures
from lrfr_mm.apis.inferencer.results import Face, PictureResult
from lrfr_mm.datasets.alignment import Detection, FaceDetector, build_detector
from lrfr_mm.errors import InputError
from lrfr_mm.files import make_directory, safe_component
from lrfr_mm.ops.align import TEMPLATE, fit_template, warp_face

__all__ = ['FaceInferencer']


class FaceInferencer(BaseInferencer):
    """Finds, aligns and embeds the faces of pictures.

    Example::

        inferencer = FaceInferencer('configs/lrfr/r50_ms1m.py', 'epoch_16.pth')
        for result in inferencer.stream('photographs/'):
            for face in result.faces:
                print(result.name, face.size, face.embedding)

    Calling it, as other inferencers of OpenMMLab, collects everything:
    ``inferencer('photographs/', batch_size=8)['predictions']``.

    Args:
        model: Path of a config, or the Config; a built :class:`Embedder` is used as it is.
        weights: The checkpoint; None where the model needs none (ONNX).
        device: 'cpu', 'cuda', ...; default the GPU where there is one.
        detector: Config of a registered detector, or its name; None for pictures that are aligned
            faces of the network's size already.
        small_faces: Also search the picture enlarged in tiles; ``Face.found_in`` says where a face
            was found.
        min_size: Faces of fewer px are left out.
        max_faces: At most so many faces a picture, the best first; None for all.
        show_progress: Show a bar.
        scope: Of the registries.
        threads: Pictures of a batch that are searched side by side, where the detector is
            ``thread_safe``; default the number of cores.
    """

    preprocess_kwargs = {'every', 'timeout'}
    visualize_kwargs = {'out_dir', 'return_vis'}
    postprocess_kwargs = set()

    def __init__(self, model: str | Path | Config | Embedder, weights: str | Path | None = None,
                 device: str | None = None, detector: str | dict | FaceDetector | None = 'mtcnn',
                 small_faces: bool = False, min_size: float = 0., max_faces: int | None = None,
                 show_progress: bool = True, scope: str = 'lrfr_mm', threads: int | None = None):
        # BaseInferencer's own __init__ looks a model up by its name through MIM, which cannot be
        # installed beside a current setuptools.
        self.scope, self.show_progress = scope, show_progress
        self.embedder = model if isinstance(model, Embedder) else Embedder(model, weights, device)
        self.model = self.embedder.model
        if isinstance(detector, str):
            detector = dict(type=detector)
        if detector is not None:
            detector = build_detector(detector)
            if small_faces:
                detector = build_detector(dict(type='TiledDetector', detector=detector))
        self.detector, self.min_size, self.max_faces = detector, min_size, max_faces
        self.threads = threads or os.cpu_count() or 1
        self.pipeline = self._init_pipeline(None)
        self.collate_fn = list
        self.visualizer = None

    def _init_pipeline(self, cfg):
        return self.find

    # -- one picture -----------------------------------------------------------------------------
    def find(self, picture: Picture) -> PictureResult:
        """Detect and align the faces of a picture; embeddings are not computed yet."""
        result = PictureResult(picture.name, picture.frame, picture.seconds, error=picture.error)
        if picture.image is None:
            return result
        image = picture.image
        result.height, result.width = image.shape[:2]
        if self.detector is None:
            result.faces = [self._aligned(image, picture.name)]
            return result
        for found in self.detector.detect(image):
            face = self._face(image, found)
            if face is not None and face.size >= self.min_size:
                result.faces.append(face)
        if self.max_faces is not None:
            result.faces = result.faces[:self.max_faces]
        return result

    def _face(self, image: np.ndarray, found: Detection) -> Face | None:
        size = self.embedder.size
        try:
            matrix, _ = fit_template(found.landmarks, size)
        except ValueError:  # landmarks in one place: no face
            return None
        side = size / float(np.hypot(*matrix[:, 0]))
        return Face(found.box, found.landmarks, side, found.score,
                    found.score * min(1., side / size), found.found_in,
                    warp_face(image, found.landmarks, size))

    def _aligned(self, image: np.ndarray, name: str) -> Face:
        size = self.embedder.size
        if image.shape != (size, size, 3):
            raise InputError(f'{name}: without a detector, aligned faces of {size}x{size} px are '
                             f'needed, got {image.shape[1]}x{image.shape[0]}')
        return Face(np.array([0., 0., size, size]), TEMPLATE * (size / 112), float(size), 1., 1.,
                    'aligned', image)

    # -- many pictures ---------------------------------------------------------------------------
    def stream(self, inputs, batch_size: int = 8, every: int = 1, timeout: float = 10.
               ) -> Iterator[PictureResult]:
        """Results one by one, for inputs that do not end or do not fit into memory.

        Args:
            inputs, every, timeout: See :func:`read_pictures`.
            batch_size: Pictures whose faces are embedded together.
        """
        for batch in self.preprocess(inputs, batch_size, every, timeout):
            yield from self.forward(batch)

    def _inputs_to_list(self, inputs) -> list:
        return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]

    def preprocess(self, inputs, batch_size: int = 1, every: int = 1, timeout: float = 10.):
        """Batches of pictures with their faces found and aligned."""
        if batch_size < 1:
            raise InputError(f'batch_size must be at least 1, got {batch_size}')
        pictures = read_pictures(inputs, every, timeout)
        safe = self.detector is None or self.detector.thread_safe
        threads = min(self.threads, batch_size) if safe else 1
        with ThreadPoolExecutor(threads) as pool:
            while batch := list(islice(pictures, batch_size)):
                yield list(pool.map(self.pipeline, batch))

    def forward(self, inputs: list[PictureResult]) -> list[PictureResult]:
        """Embed the faces of a batch of pictures."""
        faces = [face for result in inputs for face in result.faces]
        if faces:
            points = [_on_the_face(face, self.embedder.size) for face in faces]
            vectors = self.embedder.embed([face.image for face in faces],
                                          landmarks=np.stack(points))
            for face, vector in zip(faces, vectors, strict=True):
                face.embedding = vector
        return inputs

    def visualize(self, inputs: list, preds: list[PictureResult], out_dir: str | None = None,
                  return_vis: bool = False) -> list[np.ndarray] | None:
        """Pictures with their faces drawn, which are read once more for it.

        Args:
            inputs: As they were given.
            preds: The results.
            out_dir: Write a PNG of each picture here.
            return_vis: Return them, uint8 RGB.
        """
        if out_dir is None and not return_vis:
            return None
        drawn, number, left = [], 0, iter(preds)
        result = next(left, None)
        for picture in read_pictures(inputs):
            if result is None:
                break
            if picture.frame != result.frame:  # a frame that ``every`` has left out
                continue
            found, result = result, next(left, None)
            if picture.image is None:
                continue
            image = draw_faces(picture.image, found)
            if out_dir is not None:
                stem = safe_component(Path(found.name).stem or 'picture', found.name)
                frame = '' if found.frame is None else f'-{found.frame:06d}'
                make_directory(out_dir)
                cv2.imwrite(str(Path(out_dir, f'{number:06d}-{stem}{frame}.png')),
                            image[..., ::-1])
            number += 1
            if return_vis:
                drawn.append(image)
        return drawn if return_vis else None

    def postprocess(self, preds: list[PictureResult], visualization=None,
                    return_datasamples: bool = False) -> dict:
        """``predictions``: the results, as dicts of plain numbers unless ``return_datasamples``;
        ``visualization``: see :meth:`visualize`.
        """
        return dict(predictions=preds if return_datasamples else [p.to_dict() for p in preds],
                    visualization=visualization)


def _on_the_face(face: Face, size: int) -> np.ndarray:
    """Landmarks in px of the aligned face, (5, 2)."""
    matrix, _ = fit_template(face.landmarks, size)
    return face.landmarks @ matrix[:, :2].T + matrix[:, 2]
