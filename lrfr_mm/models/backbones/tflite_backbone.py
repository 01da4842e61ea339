"""A TensorFlow Lite recognizer as a backbone."""
from __future__ import annotations

import os

import numpy as np

from lrfr_mm.errors import ConfigError, InputMissingError, MissingDependencyError, reading
from lrfr_mm.files import file_sha256
from lrfr_mm.models.backbones.foreign_backbone import ForeignBackbone
from lrfr_mm.registry import MODELS

__all__ = ['TFLiteBackbone']


@MODELS.register_module()
class TFLiteBackbone(ForeignBackbone):
    """A recognizer in a .tflite file, run by LiteRT: ``dict(type='TFLiteBackbone', path=...)``.

    As :class:`~lrfr_mm.models.backbones.ONNXBackbone` is for ONNX. The number of images that the
    file states is kept: others are filled up or run in groups.

    Args:
        path: The file.
        size: Side of the images, px, where the file leaves it open.
        layout: 'NCHW' or 'NHWC', where the file leaves it open.
        threads: Of LiteRT.
        init_cfg: mmengine's weight initialisation; there is nothing to initialise.

    Raises:
        MissingDependencyError: Without ai-edge-litert.
        InputMissingError: If there is no such file.
        InputError: If it is not a TensorFlow Lite file, or not of a recognizer.
        ConfigError: If arguments are missing or contradict the file.
    """

    def __init__(self, path: str | os.PathLike, size: int | None = None, layout: str | None = None,
                 threads: int = 1, init_cfg=None):
        super().__init__(init_cfg)
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise MissingDependencyError(
                'TFLiteBackbone needs `pip install ai-edge-litert`') from None
        where = os.fspath(path)
        if not os.path.isfile(where):
            raise InputMissingError(f'{where} does not exist')
        with reading(f'{where} is not a TensorFlow Lite file that LiteRT can run'):
            self.interpreter = Interpreter(model_path=where, num_threads=threads)
            self.interpreter.allocate_tensors()
            inputs = self.interpreter.get_input_details()
            outputs = self.interpreter.get_output_details()
        for tensors, what in ((inputs, 'inputs'), (outputs, 'outputs')):
            if len(tensors) != 1:
                raise ConfigError(f'{where} has {len(tensors)} {what}, expected one')
        self.input, self.output = inputs[0]['index'], outputs[0]['index']
        self.sha256 = file_sha256(where)
        batch, *sides = inputs[0].get('shape_signature', inputs[0]['shape'])
        if batch < 1:  # LiteRT has allocated what the file states
            batch = inputs[0]['shape'][0]
        shape = [int(n) if n > 0 else None for n in (batch, *sides)]
        self._describe(where, shape, inputs[0]['dtype'], size, layout)

    def _run(self, images: np.ndarray) -> np.ndarray:
        if tuple(self.interpreter.get_tensor(self.input).shape) != images.shape:
            self.interpreter.resize_tensor_input(self.input, images.shape)
            self.interpreter.allocate_tensors()
        self.interpreter.set_tensor(self.input, images)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output).copy()
