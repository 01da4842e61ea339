"""The method as one model; without LR views, an ordinary face recognizer."""
from __future__ import annotations

import torch
from mmengine.model import BaseModel
from torch.nn import functional as F

from lrfr_mm.registry import MODELS
from lrfr_mm.structures import FaceDataSample, stack_field

__all__ = ['LRFRecognizer']


@MODELS.register_module()
class LRFRecognizer(BaseModel):
    """One backbone embeds both views, one head classifies both, a loss pulls them together::

        L = w_hr * L_cls(f_hr) + w_lr * L_cls(f_lr) + lambda * L_dist(f_hr/|f_hr|, f_lr/|f_lr|)

    (paper, L_all, with w = 1/2; lambda is the contrast loss's ``loss_weight``.) Without an ``lr``
    view in the batch the loss is L_cls(f_hr) alone: the paper's Baseline. With views but no
    contrast loss it is the paper's "MAug only".

    Args:
        backbone: Config or module with ``out_channels`` and ``out_size``.
        neck: Config or module; ``in_channels`` and ``in_size`` come from the backbone unless given.
        head: Config or module; ``in_channels`` comes from the neck unless given. None for a model
            that only embeds.
        contrast_loss: Config or module of the distance between the views.
        view_weights: Weights of the two classification losses, HR and LR.
        joint_forward: Embed both views in one pass: faster, but batch norm then sees both views as
            one batch. The paper embeds one after the other.
        data_preprocessor: Config or module; default ``FacePreprocessor()``.
        channels_last: Keep the convolutions' weights in channels-last layout, which the images have
            already: faster, the same numbers up to rounding.
        compile: Arguments of ``torch.compile`` for backbone and neck, e.g. ``dict()`` or
            ``dict(mode='reduce-overhead')`` (CUDA graphs); None for none. A network that cannot be
            one graph is an error, not a silent break.
        init_cfg: mmengine's weight initialisation.
    """

    def __init__(self, backbone, neck, head=None, contrast_loss=None,
                 view_weights: tuple[float, float] = (.5, .5), joint_forward: bool = False,
                 data_preprocessor=None, channels_last: bool = False, compile: dict | None = None,
                 init_cfg=None):
        super().__init__(_build(data_preprocessor or dict(type='FacePreprocessor')), init_cfg)
        self.backbone = _build(backbone)
        self.neck = _build(neck, in_channels=getattr(self.backbone, 'out_channels', None),
                           in_size=getattr(self.backbone, 'out_size', None))
        self.head = _build(head, in_channels=getattr(self.neck, 'embed_dim', None))
        self.contrast_loss = _build(contrast_loss)
        if len(view_weights) != 2:
            raise ValueError(f'view_weights must be two numbers (HR, LR), got {view_weights}')
        self.view_weights, self.joint_forward = tuple(view_weights), joint_forward
        if channels_last:
            self.to(memory_format=torch.channels_last)
        self._embed = self._network if compile is None else torch.compile(
            self._network, fullgraph=True, **compile)
        if getattr(self.head, 'sharded', False):
            # Each process has classes of its own: nothing to synchronise (torch's name for it).
            self._ddp_params_and_buffers_to_ignore = ['head.weight', 'head.active']
        if self.head is not None and hasattr(self.data_preprocessor, 'num_classes'):
            self.data_preprocessor.num_classes = self.head.num_classes

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised images (B, 3, H, W), float, to embeddings (B, D), not L2-normalised."""
        return self._embed(images)

    def _network(self, images: torch.Tensor) -> torch.Tensor:
        return self.neck(self.backbone(images))

    def forward(self, inputs, data_samples: FaceDataSample | list[FaceDataSample] | None = None,
                mode: str = 'tensor'):
        """One of three things, as mmengine asks for them.

        Args:
            inputs: ``dict(hr=(B, 3, H, W)[, lr=(B, 3, H, W)])`` of the preprocessor, or one tensor.
            data_samples: Labels of the batch; needed by 'loss' and 'predict'.
            mode: 'loss' for a dict of named scalar losses; 'tensor' for the embeddings (B, D) of
                the HR images; 'predict' for ``data_samples`` with their ``embedding``.
        """
        if isinstance(inputs, torch.Tensor):
            inputs = dict(hr=inputs)
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'tensor':
            return self.embed(inputs['hr'])
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ValueError(f"mode must be 'loss', 'tensor' or 'predict', got {mode!r}")

    def loss(self, inputs: dict, data_samples) -> dict[str, torch.Tensor]:
        """Named losses, weighted: their sum is the total."""
        if self.head is None:
            raise ValueError('a recognizer without a head cannot be trained')
        labels = stack_field(data_samples, 'gt_label')
        if 'lr' not in inputs:
            if self.contrast_loss is not None:
                raise ValueError('contrast_loss needs an LR view: put MultiResAug into the '
                                 'pipeline or multi_res into the data_preprocessor')
            return dict(loss_hr=self.head.loss(self.embed(inputs['hr']), labels)['loss'])
        if self.joint_forward:
            hr, lr = self.embed(torch.cat([inputs['hr'], inputs['lr']])).chunk(2)
        else:
            hr, lr = self.embed(inputs['hr']), self.embed(inputs['lr'])
        losses = dict(loss_hr=self.view_weights[0] * self.head.loss(hr, labels)['loss'],
                      loss_lr=self.view_weights[1] * self.head.loss(lr, labels)['loss'])
        if self.contrast_loss is not None:
            losses['loss_contrast'] = self.contrast_loss(F.normalize(hr.float()),
                                                         F.normalize(lr.float()))
        return losses

    def predict(self, inputs: dict, data_samples):
        """Put the HR images' embeddings, float32, on their samples."""
        embeddings = self.embed(inputs['hr']).float()
        if isinstance(data_samples, FaceDataSample):
            data_samples.set_data(dict(embedding=embeddings))
        else:
            for sample, embedding in zip(data_samples, embeddings, strict=True):
                sample.set_data(dict(embedding=embedding))
        return data_samples


def _build(config, **defaults):
    if not isinstance(config, dict):
        return config
    known = {key: value for key, value in defaults.items() if value is not None}
    return MODELS.build({**known, **config})
