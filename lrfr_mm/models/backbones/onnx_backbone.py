"""Any ONNX recognizer as a backbone."""
from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from lrfr_mm.errors import ConfigError, InputMissingError, MissingDependencyError, reading
from lrfr_mm.files import file_sha256
from lrfr_mm.models.backbones.foreign_backbone import ForeignBackbone
from lrfr_mm.registry import MODELS

__all__ = ['ONNXBackbone']

_TYPES = {'tensor(float)': np.float32, 'tensor(float16)': np.float16, 'tensor(uint8)': np.uint8}


@MODELS.register_module()
class ONNXBackbone(ForeignBackbone):
    """A recognizer in an ONNX file, run by onnxruntime: ``dict(type='ONNXBackbone', path=...)``.

    With ``neck=None`` it goes through every benchmark, sweep and report, and needs no checkpoint. A
    file with an input of type uint8 gets the preprocessor's values rounded: use ``mean=0, std=1``.
    Files with a fixed number of images are run in groups of that many.

    Args:
        path: The file.
        size: Side of the images, px, where the file leaves it open.
        layout: 'NCHW' or 'NHWC', where the file leaves it open.
        output: Name of the output, where the file has several.
        providers: onnxruntime's execution providers, in order of preference.
        threads: Of onnxruntime; 0 for its own choice.
        init_cfg: mmengine's weight initialisation; there is nothing to initialise.

    Raises:
        MissingDependencyError: Without onnxruntime.
        InputMissingError: If there is no such file.
        InputError: If it is not an ONNX file, or not of a recognizer.
        ConfigError: If arguments are missing or contradict the file.
    """

    def __init__(self, path: str | os.PathLike, size: int | None = None, layout: str | None = None,
                 output: str | None = None,
                 providers: Sequence[str] = ('CPUExecutionProvider',), threads: int = 0,
                 init_cfg=None):
        super().__init__(init_cfg)
        try:
            import onnxruntime
        except ImportError:
            raise MissingDependencyError('ONNXBackbone needs `pip install onnxruntime`') from None
        where = os.fspath(path)
        if not os.path.isfile(where):
            raise InputMissingError(f'{where} does not exist')
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        with reading(f'{where} is not an ONNX file that onnxruntime can run'):
            self.session = onnxruntime.InferenceSession(where, options, providers=list(providers))
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1:
            raise ConfigError(f'{where} has {len(inputs)} inputs '
                              f'({", ".join(one.name for one in inputs)}), expected one')
        names = [one.name for one in outputs]
        if output not in names and (output is not None or len(names) > 1):
            raise ConfigError(f'{where} has the outputs {", ".join(names)}: set output= to one of '
                              f'them{"" if output is None else f", not {output!r}"}')
        self.input, self.output = inputs[0].name, output or names[0]
        self.sha256 = file_sha256(where)
        shape = [n if isinstance(n, int) and n > 0 else None for n in inputs[0].shape]
        self._describe(where, shape, _TYPES.get(inputs[0].type, inputs[0].type), size, layout)

    def _run(self, images: np.ndarray) -> np.ndarray:
        return self.session.run([self.output], {self.input: images})[0]
