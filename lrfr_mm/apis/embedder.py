"""A trained recognizer as a function from faces to unit vectors."""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from lrfr_mm.apis.face_input import read_face
from lrfr_mm.engine.checkpoint import load_recognizer
from lrfr_mm.engine.embedding import embedded_batches
from lrfr_mm.engine.embedding_cache import network_fingerprint
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.evaluation.functional.fusion import fuse_flip
from lrfr_mm.evaluation.functional.identification import identification_ranks
from lrfr_mm.evaluation.metrics import View
from lrfr_mm.models.build import embedding_config
from lrfr_mm.registry import MODELS

__all__ = ['Embedder']

_IMAGES = (str, bytes, bytearray, os.PathLike)


class Embedder:
    """Embeds aligned faces with a checkpoint.

    A face is a uint8 RGB array (size, size, 3), a PIL image, the bytes of an encoded image, a path
    or an open file.

    Example::

        embedder = Embedder('configs/lrfr/r50_ms1m.py', 'epoch_16.pth')
        similarity = embedder.verify('ann.jpg', 'somebody.jpg')

    Args:
        config: Path of the config that the checkpoint was trained with, or the Config.
        checkpoint: A .pth file; None for a network that has no weights of ours (an ONNXBackbone).
        device: 'cpu', 'cuda', ...; default the GPU where there is one.
        flip_test: 'none', 'concat' or 'sum'; see ``fuse_flip``.
        batch_size: Images a step.
        size: Side of the faces, px; None for what the config's network expects. Faces of other
            sides are refused, unless the config's preprocessor has a ``size``, which it resizes
            every square face to.

    Raises:
        InputMissingError: If a file is missing.
        InputError: If the checkpoint does not fit the config, or is needed and not given.
    """

    def __init__(self, config: str | os.PathLike | Config,
                 checkpoint: str | os.PathLike | None = None, device: str | None = None,
                 flip_test: str = 'concat', batch_size: int = 128, size: int | None = None):
        if not isinstance(config, Config):
            if not os.path.isfile(config):
                raise InputMissingError(f'config {config} does not exist')
            config = Config.fromfile(config)
        init_default_scope(config.get('default_scope', 'lrfr_mm'))
        self.model = MODELS.build(embedding_config(config.model))
        load_recognizer(self.model, None if checkpoint is None else os.fspath(checkpoint))
        self.device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        self.model.to(self.device).eval()
        self.flip_test, self.batch_size = flip_test, batch_size
        resized = getattr(self.model.data_preprocessor, 'size', None)
        self.size = size or resized or getattr(self.model.backbone, 'img_size', None) or 112
        self._any_size = size is None and resized is not None

    @cached_property
    def fingerprint(self) -> str:
        """Names the embeddings: a hash of network, weights, preprocessing and flip. Galleries and
        calibrations of another fingerprint are refused.
        """
        return f'{network_fingerprint(self.model)}-{self.flip_test}'

    @cached_property
    def dims(self) -> int:
        """Length of the vectors that :meth:`embed` gives."""
        return self.embed([np.zeros((self.size, self.size, 3), np.uint8)]).shape[1]

    def _face(self, face, number: int) -> np.ndarray:
        face = read_face(face, f'face {number}')
        fits = face.shape[0] == face.shape[1] if self._any_size and face.ndim == 3 else (
            face.shape[:2] == (self.size, self.size))
        if face.dtype != np.uint8 or face.shape[2:] != (3,) or not fits:
            raise InputError(f'face {number}: aligned uint8 RGB faces of {self.size}x{self.size} '
                             f'px are needed, got {face.dtype} {face.shape}; tools/align_faces.py '
                             'aligns')
        return face

    def embed(self, faces: Iterable, landmarks: Iterable | None = None) -> np.ndarray:
        """Embed faces, a batch at a time: ``faces`` may be a generator.

        Args:
            faces: See above for what a face can be.
            landmarks: For each face (5, 2): eyes, nose tip and mouth corners, x and y in px of the
                face; or an array (N, 5, 2). For networks that use them (KP-RPE), which take the
                template's where none are given; others take no notice.

        Returns:
            Unit vectors, float32 (N, D), or (N, 2 D) with ``flip_test='concat'``.

        Raises:
            InputError: If there is no face, one is not an aligned face, or the landmarks are not
                as many; the text has the face's number, from 0.
        """
        if isinstance(faces, _IMAGES):
            raise InputError('faces must be several images, a list or a generator, got one')
        out = [self._embed_batch(batch) for batch in self._batches(faces, landmarks)]
        if not out:
            raise InputError('no face to embed')
        return np.concatenate(out)

    def _batches(self, faces: Iterable, landmarks: Iterable | None) -> Iterator[list[dict]]:
        """Samples of one size, at most ``batch_size`` together."""
        points = None if landmarks is None else iter(landmarks)
        batch: list[dict] = []
        number = -1
        for number, face in enumerate(faces):
            sample = dict(img=self._face(face, number))
            if points is not None:
                sample['landmarks'] = self._points(next(points, None), number)
            if batch and (len(batch) == self.batch_size
                          or batch[0]['img'].shape != sample['img'].shape):
                yield batch
                batch = []
            batch.append(sample)
        if points is not None and next(points, None) is not None:
            raise InputError(f'there are landmarks for more than {number + 1} faces')
        if batch:
            yield batch

    @staticmethod
    def _points(points, number: int) -> np.ndarray:
        points = np.asarray(points, np.float32) if points is not None else np.empty(0)
        if points.shape != (5, 2) or not np.isfinite(points).all():
            raise InputError(f'landmarks of face {number}: five points (x, y) are needed, got '
                             f'shape {points.shape}')
        return points

    def _embed_batch(self, batch: list[dict]) -> np.ndarray:
        views = [View()] if self.flip_test == 'none' else [View(), View(mirrored=True)]
        _, vectors = next(embedded_batches(self.model, batch, views, len(batch)))
        plain, *mirrored = (vectors[view].cpu().numpy() for view in views)
        return fuse_flip(plain, mirrored[0] if mirrored else None, self.flip_test)

    def verify(self, first, second) -> float:
        """Cosine similarity of two faces, -1 to 1."""
        one, two = self.embed([first, second])
        return float(one @ two)

    def identify(self, probes: Iterable, gallery: Iterable, k: int = 5
                 ) -> list[list[tuple[int, float]]]:
        """The gallery faces that are most similar to each probe.

        Args:
            probes: P faces.
            gallery: G faces.
            k: How many to return for each probe.

        Returns:
            P lists of min(k, G) pairs: position in ``gallery`` from 0, and cosine similarity of -1
            to 1, best first; of equals the first in ``gallery`` comes first.

        Raises:
            InputError: If there is no probe or no gallery face, or ``k`` is below 1.
        """
        if k < 1:
            raise InputError(f'k must be at least 1, got {k}')
        faces = self.embed(gallery)
        scores = self.embed(probes) @ faces.T
        best = np.argsort(-scores, axis=1, kind='stable')[:, :k]
        return [[(int(j), float(row[j])) for j in order]
                for row, order in zip(scores, best, strict=True)]

    def ranks(self, probes: Iterable, gallery: Iterable, probe_labels: Sequence,
              gallery_labels: Sequence) -> np.ndarray:
        """Rank of each probe's best mate, int (P,); see ``identification_ranks``."""
        return identification_ranks(self.embed(probes), self.embed(gallery), probe_labels,
                                    gallery_labels)

    def export(self, path: str) -> None:
        """Write the network, normalisation included, as ONNX: uint8 RGB (N, 3, 112, 112) named
        ``faces`` in, float32 (N, D) named ``embeddings``, not normalised and without flip, out.

        Raises:
            ImportError: Without onnx and onnxscript.
        """
        try:
            import onnx  # noqa: F401
            import onnxscript  # noqa: F401
        except ImportError:
            raise ImportError('the export needs `pip install onnx onnxscript`') from None
        from lrfr_mm.files import whole_file

        class Network(torch.nn.Module):
            def __init__(self, recognizer):
                super().__init__()
                self.recognizer = recognizer

            def forward(self, faces):
                normalise = self.recognizer.data_preprocessor.normalise
                return self.recognizer.embed(normalise(faces.float()))

        network = Network(self.model).eval()
        example = torch.zeros(2, 3, self.size, self.size, dtype=torch.uint8, device=self.device)
        with whole_file(path) as part:
            torch.onnx.export(network, (example,), str(part), input_names=['faces'],
                              output_names=['embeddings'], dynamo=True, external_data=False,
                              dynamic_shapes=dict(faces={0: torch.export.Dim('batch')}))
