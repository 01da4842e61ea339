"""What networks of other runtimes share: shapes, batches and layouts."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.model import BaseModule

from lrfr_mm.errors import ConfigError, InputError

__all__ = ['ForeignBackbone']

_LAYOUTS = ('NCHW', 'NHWC')


class ForeignBackbone(BaseModule):
    """A network that another runtime runs: for measuring and as a teacher, not for training.

    It has no weights of ours and no gradients. Its input is what the recognizer's preprocessor
    makes, so that ``mean``, ``std`` and ``channel_order`` belong there; layout, size and batch size
    come from the file, where it fixes them.

    A subclass opens its file, calls :meth:`_describe` with the shapes that it finds there, and
    implements :meth:`_run`.

    Attributes:
        out_channels: Length D of the embedding.
        img_size: Side of the images, px.
        layout: 'NCHW' or 'NHWC'.
        batch: Images that the network takes at once; None for any number.
    """

    out_size = None

    def _describe(self, where: str, shape: Sequence[int | None], dtype, size: int | None,
                  layout: str | None) -> None:
        """Settle layout, size and batch, and run a blank image for the embedding's length.

        Args:
            where: The file, for messages.
            shape: Of the input; a number where the file fixes it, else None.
            dtype: numpy type of the input.
            size, layout: As the user gave them.

        Raises:
            InputError: If the file's input is not one batch of RGB images, or its output not one
                vector an image.
            ConfigError: If the file leaves ``size`` or ``layout`` open and they are not given, or
                contradicts them.
        """
        self.where = where
        if dtype not in (np.float32, np.float16, np.uint8):
            raise InputError(f'{where}: its input has type {dtype}, expected float or uint8')
        self.dtype = np.dtype(dtype)
        if len(shape) != 4:
            raise InputError(f'{where}: its input has shape {list(shape)}, expected four '
                             'dimensions (images, channels, height, width)')
        fitting = [name for name in _LAYOUTS if shape[name.index('C')] == 3]
        if layout is not None and layout not in _LAYOUTS:
            raise ConfigError(f"layout must be 'NCHW' or 'NHWC', got {layout!r}")
        if layout is None and len(fitting) != 1:
            raise ConfigError(f'{where}: its input {list(shape)} does not tell where the channels '
                              "are: set layout='NCHW' or 'NHWC'")
        self.layout = layout or fitting[0]
        if shape[self.layout.index('C')] not in (3, None):
            raise ConfigError(f'{where}: its input {list(shape)} has no three channels in the '
                              f'layout {self.layout}')
        height, width = (shape[self.layout.index(axis)] for axis in 'HW')
        if None not in (height, width) and height != width:
            raise InputError(f'{where}: its images are {width}x{height} px, not square')
        fixed = height if height is not None else width
        if fixed is None and size is None:
            raise ConfigError(f'{where}: the file leaves the side of its images open: set size=')
        if None not in (fixed, size) and fixed != size:
            raise ConfigError(f'{where}: its images are {fixed} px, size={size} contradicts it')
        self.img_size = fixed if fixed is not None else size
        self.batch = shape[0]
        blank = np.zeros(self._shape(self.batch or 1), self.dtype)
        try:
            out = self._run(blank)
        except Exception as error:  # the runtime's own classes
            text = str(error).strip().partition('\n')[0]
            raise InputError(f'{where}: it does not run on {list(blank.shape)}: {text}') from error
        out = np.asarray(out)
        if out.ndim < 2 or len(out) != len(blank) or not out.size or (
                out[0].size != max(out.shape[1:])):
            raise InputError(f'{where}: its output has shape {list(out.shape)}, expected one '
                             'vector an image')
        self.out_channels = out[0].size

    def _shape(self, count: int) -> tuple[int, ...]:
        sides = dict(N=count, C=3, H=self.img_size, W=self.img_size)
        return tuple(sides[axis] for axis in self.layout)

    def _run(self, images: np.ndarray) -> np.ndarray:
        """Embeddings (N, D, ...) of one batch in the network's layout and type."""
        raise NotImplementedError

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, img_size, img_size) to float32 (B, D), on the device of ``x``, not normalised.

        Raises:
            ValueError: In training mode, or for images of another size.
        """
        if self.training:
            raise ValueError(f'{type(self).__name__} measures, it cannot be trained: use it in a '
                             'test, in eval mode or as a teacher')
        if x.shape[1:] != (3, self.img_size, self.img_size):
            raise ValueError(f'{self.where} takes images of {self.img_size} px, got '
                             f'{tuple(x.shape[1:])}: set size={self.img_size} in the preprocessor')
        images = x if self.layout == 'NCHW' else x.permute(0, 2, 3, 1)
        images = images.cpu().numpy()
        if self.dtype == np.uint8:
            images = np.clip(np.round(images), 0, 255)
        images = np.ascontiguousarray(images, self.dtype)
        step = self.batch or max(1, len(images))
        out = []
        for start in range(0, len(images), step):
            part = images[start:start + step]
            missing = step - len(part) if self.batch else 0
            if missing:  # a fixed batch is filled up with its last image
                part = np.concatenate([part, np.repeat(part[-1:], missing, 0)])
            out.append(self._run(part).reshape(len(part), -1)[:step - missing])
        vectors = np.concatenate(out) if out else np.empty((0, self.out_channels))
        return torch.from_numpy(vectors.astype(np.float32)).to(x.device)

    def extra_repr(self) -> str:
        # Caches of embeddings tell networks apart by this text.
        return f'{self.where!r}, sha256={self.sha256}, size={self.img_size}, {self.layout}'
