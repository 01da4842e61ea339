"""A trained recognizer as a function from faces to unit vectors."""
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from lrfr_mm.datasets.decode import decode
from lrfr_mm.engine.checkpoint import load_recognizer
from lrfr_mm.evaluation.functional.fusion import fuse_flip
from lrfr_mm.evaluation.functional.identification import identification_ranks
from lrfr_mm.models.build import embedding_config
from lrfr_mm.registry import MODELS

__all__ = ['Embedder']


class Embedder:
    """Embeds aligned faces with a checkpoint.

    Example::

        embedder = Embedder('configs/lrfr/r50_ms1m.py', 'epoch_16.pth')
        similarity = embedder.verify('ann.jpg', 'somebody.jpg')

    Args:
        config: Path of the config that the checkpoint was trained with, or the Config.
        checkpoint: A .pth file.
        device: 'cpu', 'cuda', ...; default the GPU where there is one.
        flip_test: 'none', 'concat' or 'sum'; see ``fuse_flip``.
        batch_size: Images a step.
        size: Side of the faces, px.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the checkpoint does not fit the config.
    """

    def __init__(self, config: str | Config, checkpoint: str, device: str | None = None,
                 flip_test: str = 'concat', batch_size: int = 128, size: int = 112):
        if not isinstance(config, Config):
            if not os.path.isfile(config):
                raise FileNotFoundError(f'config {config} does not exist')
            config = Config.fromfile(config)
        init_default_scope(config.get('default_scope', 'lrfr_mm'))
        self.model = MODELS.build(embedding_config(config.model))
        load_recognizer(self.model, checkpoint)
        self.device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        self.model.to(self.device).eval()
        self.flip_test, self.batch_size, self.size = flip_test, batch_size, size

    def _face(self, face) -> np.ndarray:
        if isinstance(face, (str, os.PathLike)):
            with open(face, 'rb') as file:
                data = file.read()
            try:
                face = decode(data, 'cv2')
            except ValueError as error:
                raise ValueError(f'{face}: {error}') from None
        if face.dtype != np.uint8 or face.shape != (self.size, self.size, 3):
            raise ValueError(f'aligned uint8 RGB faces of {self.size}x{self.size} px are needed, '
                             f'got {face.dtype} {face.shape}; tools/align_faces.py aligns')
        return face

    @torch.no_grad()
    def embed(self, faces: Iterable) -> np.ndarray:
        """Unit vectors, float32 (N, D) or (N, 2 D), of paths or uint8 RGB (112, 112, 3) arrays."""
        out, batch = [], []
        for face in faces:
            batch.append(self._face(face))
            if len(batch) == self.batch_size:
                out.append(self._embed_batch(batch))
                batch = []
        if batch:
            out.append(self._embed_batch(batch))
        if not out:
            raise ValueError('no face to embed')
        return np.concatenate(out)

    def _embed_batch(self, batch: list[np.ndarray]) -> np.ndarray:
        images = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2)

        def vectors(shown):
            data = self.model.data_preprocessor(dict(inputs=dict(hr=shown)))
            return self.model(data['inputs']).float().cpu().numpy()

        mirrored = None if self.flip_test == 'none' else vectors(images.flip(-1))
        return fuse_flip(vectors(images), mirrored, self.flip_test)

    def verify(self, first, second) -> float:
        """Cosine similarity of two faces, -1 to 1."""
        one, two = self.embed([first, second])
        return float(one @ two)

    def identify(self, probes: Iterable, gallery: Iterable, k: int = 5
                 ) -> list[list[tuple[int, float]]]:
        """For each probe the ``k`` most similar gallery faces: (position, cosine), best first."""
        faces = self.embed(gallery)
        scores = self.embed(probes) @ faces.T
        best = np.argsort(-scores, axis=1, kind='stable')[:, :k]
        return [[(int(j), float(row[j])) for j in order]
                for row, order in zip(scores, best, strict=True)]

    def ranks(self, probes: Iterable, gallery: Iterable, probe_labels: Sequence,
              gallery_labels: Sequence) -> np.ndarray:
        """Rank of each probe's best mate; see ``identification_ranks``."""
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
