"""The method as one model; without LR views, an ordinary face recognizer."""
from __future__ import annotations

import re

import torch
from mmengine.model import BaseModel
from torch import nn
from torch.nn import functional as F

from lrfr_mm.errors import ConfigError
from lrfr_mm.models.build import build_part
from lrfr_mm.models.data_preprocessor import FacePreprocessor
from lrfr_mm.registry import MODELS
from lrfr_mm.structures import FaceDataSample, get_field, set_field

__all__ = ['LRFRecognizer']


@MODELS.register_module()
class LRFRecognizer(BaseModel):
    """One backbone embeds both views, one head classifies both, a loss pulls them together::

        L = w_hr * L_cls(f_hr) + w_lr * L_cls(f_lr) + lambda * L_dist(f_hr/|f_hr|, f_lr/|f_lr|)

    (paper, L_all, with w = 1/2; lambda is the contrast loss's ``loss_weight``.) Without an ``lr``
    view in the batch the loss is L_cls(f_hr) alone: the paper's Baseline. With views but no
    contrast loss it is the paper's "MAug only". Each of ``losses`` adds a term.

    Args:
        backbone: Config or module with ``out_channels`` and ``out_size``. If it has
            ``takes_landmarks = True`` it is called with ``landmarks=`` (B, 5, 2) px or None; if it
            has ``takes_view = True``, with ``view=`` 'hr', 'lr' or None.
        neck: Config or module; ``in_channels`` and ``in_size`` come from the backbone unless given.
            It may have ``takes_view`` as well. None for a backbone that gives embeddings.
        head: Config or module; ``in_channels`` comes from the neck unless given. None for a model
            that only embeds, or that only ``losses`` train.
        contrast_loss: Config or module of the distance between the views, called with the unit
            vectors of both, (B, D) each.
        losses: Configs or modules of :class:`~lrfr_mm.models.losses.EmbeddingLoss`. Each is logged
            as ``loss_NAME``; NAME is the config's ``name``, else the class name in snake case
            without 'Loss' (TripletLoss: ``loss_triplet``).
        teacher: Config or module of a frozen network, called as ``teacher(images, data_samples)``
            with the HR views as the student sees them, after flips: float RGB of 0 to 255,
            (B, 3, H, W). It returns embeddings (B, D'). It follows the recognizer to its device but
            belongs to neither its parameters nor its state_dict.
        view_weights: Weights of the two classification losses, HR and LR.
        joint_forward: Embed both views in one pass: faster, but batch norm then sees both views as
            one batch. The paper embeds one after the other.
        data_preprocessor: Config or module; default ``FacePreprocessor()``.
        channels_last: Keep the convolutions' weights in channels-last layout, which the images have
            already: faster, the same numbers up to rounding.
        compile: Arguments of ``torch.compile`` for backbone and neck, e.g. ``dict()`` or
            ``dict(mode='reduce-overhead')`` (CUDA graphs); None for none. A graph break is an
            error.
        init_cfg: mmengine's weight initialisation.

    Raises:
        ValueError: If ``view_weights`` are not two numbers, two losses have one name, or
            ``joint_forward`` meets a part that treats the two views differently.
    """

    def __init__(self, backbone, neck=None, head=None, contrast_loss=None, losses=None,
                 teacher=None, view_weights: tuple[float, float] = (.5, .5),
                 joint_forward: bool = False, data_preprocessor=None, channels_last: bool = False,
                 compile: dict | None = None, init_cfg=None):
        super().__init__(build_part(data_preprocessor or dict(type='FacePreprocessor')), init_cfg)
        self.backbone = build_part(backbone)
        neck = dict(type='IdentityNeck') if neck is None else neck
        self.neck = build_part(neck, in_channels=getattr(self.backbone, 'out_channels', None),
                               in_size=getattr(self.backbone, 'out_size', None))
        self.head = build_part(head, in_channels=getattr(self.neck, 'embed_dim', None))
        self.contrast_loss = build_part(contrast_loss)
        self.losses = _named_losses(losses or ())
        self._loaded: set[str] = set()  # names of the parts whose weights were loaded
        self._frozen = _Shared() if teacher is None else _Shared([_freeze(build_part(teacher))])
        if len(view_weights) != 2:
            raise ValueError(f'view_weights must be two numbers (HR, LR), got {view_weights}')
        self.view_weights, self.joint_forward = tuple(view_weights), joint_forward
        if joint_forward and self._takes('view', self.backbone, self.neck):
            raise ValueError('joint_forward embeds both views as one batch: the backbone or neck '
                             'with takes_view needs joint_forward=False')
        if channels_last:
            self.to(memory_format=torch.channels_last)
        self._embed = self._network if compile is None else torch.compile(
            self._network, fullgraph=True, **compile)
        if getattr(self.head, 'sharded', False):
            # Each rank has classes of its own: nothing to synchronise (torch's name for it).
            self._ddp_params_and_buffers_to_ignore = ['head.weight', 'head.active']
        if isinstance(self.data_preprocessor, FacePreprocessor):
            self.data_preprocessor.use_pretrained(self.backbone)
            self.data_preprocessor.num_classes = getattr(self.head, 'num_classes', None)

    @property
    def teacher(self) -> nn.Module | None:
        """The frozen teacher, or None."""
        return self._frozen[0] if self._frozen else None

    def _apply(self, fn, recurse: bool = True):
        # What moves or casts the recognizer does the same to its teacher, which is no submodule.
        for teacher in self._frozen:
            teacher._apply(fn)
        return super()._apply(fn, recurse)

    # -- weights -------------------------------------------------------------------------------
    def load_state_dict(self, state_dict, *args, **kwargs):
        """As torch's; :meth:`init_weights` then leaves the parts that are in ``state_dict`` alone.
        """
        result = super().load_state_dict(state_dict, *args, **kwargs)
        self._loaded |= {name.split('.')[0] for name in state_dict}
        return result

    def init_weights(self) -> None:
        """mmengine's initialisation, which the Runner calls before training, by the ``init_cfg`` of
        each part. Weights that were loaded before (fine-tuning) stay.
        """
        if not self._loaded:
            super().init_weights()
            return
        for name, part in self.named_children():
            if name not in self._loaded and hasattr(part, 'init_weights'):
                part.init_weights()

    # -- embeddings ----------------------------------------------------------------------------
    def embed(self, images: torch.Tensor, landmarks: torch.Tensor | None = None,
              view: str | None = None) -> torch.Tensor:
        """Embeddings (B, D), not L2-normalised.

        Args:
            images: Normalised by the preprocessor, (B, 3, H, W), float.
            landmarks: Five points of each face, float (B, 5, 2), x and y in px of ``images``; for
                backbones with ``takes_landmarks``.
            view: 'hr', 'lr', or None where it is not known; for backbones and necks with
                ``takes_view``.

        Raises:
            ValueError: For another ``view``.
        """
        if view not in ('hr', 'lr', None):
            raise ValueError(f"view must be 'hr', 'lr' or None, got {view!r}")
        return self._embed(images, landmarks, view)

    def _network(self, images: torch.Tensor, landmarks: torch.Tensor | None,
                 view: str | None) -> torch.Tensor:
        options = dict(landmarks=landmarks) if self._takes('landmarks', self.backbone) else {}
        if self._takes('view', self.backbone):
            options['view'] = view
        features = self.backbone(images, **options)
        return self.neck(features, **(dict(view=view) if self._takes('view', self.neck) else {}))

    @staticmethod
    def _takes(what: str, *parts: nn.Module) -> bool:
        return any(getattr(part, f'takes_{what}', False) for part in parts)

    def _landmarks(self, data_samples, view: str) -> torch.Tensor | None:
        """Landmarks of a view where the backbone wants them and the samples have them."""
        if not self._takes('landmarks', self.backbone):
            return None
        return get_field(data_samples, 'landmarks' if view == 'hr' else 'landmarks_lr')

    # -- what mmengine calls -------------------------------------------------------------------
    def forward(self, inputs, data_samples: FaceDataSample | list[FaceDataSample] | None = None,
                mode: str = 'tensor', view: str | None = None):
        """One of three things, as mmengine asks for them.

        Args:
            inputs: ``dict(hr=(B, 3, H, W)[, lr=(B, 3, H, W)])`` of the preprocessor, or one tensor.
            data_samples: Labels and, where they are used, landmarks of the batch; needed by 'loss'
                and 'predict'.
            mode: 'loss' for a dict of named scalar losses; 'tensor' for the embeddings (B, D) of
                the images under 'hr'; 'predict' for ``data_samples`` with their ``embedding``.
            view: What the images under 'hr' are in modes 'tensor' and 'predict'; see :meth:`embed`.
        """
        if isinstance(inputs, torch.Tensor):
            inputs = dict(hr=inputs)
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'tensor':
            return self.embed(inputs['hr'], self._landmarks(data_samples, 'hr'), view)
        if mode == 'predict':
            return self.predict(inputs, data_samples, view)
        raise ValueError(f"mode must be 'loss', 'tensor' or 'predict', got {mode!r}")

    def loss(self, inputs: dict, data_samples) -> dict[str, torch.Tensor]:
        """Named losses, weighted: their sum is the total.

        Returns:
            ``loss_hr`` and ``loss_lr`` of the head, ``loss_contrast``, and ``loss_NAME`` of each of
            ``losses``; each a scalar, and only those that there are.

        Raises:
            ConfigError: If there is nothing to train with, or a loss misses what it needs.
        """
        if self.head is None and self.contrast_loss is None and not self.losses:
            raise ConfigError('a recognizer without a head and without losses cannot be trained')
        labels = get_field(data_samples, 'gt_label')
        if self.head is not None and labels is None:
            raise ConfigError('the head needs labels: the data_samples have no gt_label')
        hr, lr = self._embed_views(inputs, data_samples)
        losses = {}
        if self.head is not None and lr is None:
            losses['loss_hr'] = self.head.loss(hr, labels)['loss']
        elif self.head is not None:
            losses['loss_hr'] = self.view_weights[0] * self.head.loss(hr, labels)['loss']
            losses['loss_lr'] = self.view_weights[1] * self.head.loss(lr, labels)['loss']
        if self.contrast_loss is not None:
            losses['loss_contrast'] = self.contrast_loss(F.normalize(hr.float()),
                                                         F.normalize(lr.float()))
        if self.losses:
            taught = self._taught(inputs['hr'], data_samples)
            for name, loss in self.losses.items():
                losses[f'loss_{name}'] = loss(hr=hr, lr=lr, labels=labels, head=self.head,
                                              teacher=taught)
        return losses

    def _embed_views(self, inputs: dict, data_samples) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Embeddings of the HR views and, where there are any, of the LR views."""
        points_hr = self._landmarks(data_samples, 'hr')
        if 'lr' not in inputs:
            if self.contrast_loss is not None:
                raise ConfigError('contrast_loss needs an LR view: put MultiResAug into the '
                                  'pipeline or multi_res into the data_preprocessor')
            return self.embed(inputs['hr'], points_hr, 'hr'), None
        points_lr = self._landmarks(data_samples, 'lr')
        if (points_hr is None) != (points_lr is None):
            raise ValueError('landmarks of the HR view and landmarks_lr of the LR view, which may '
                             'be flipped on its own, must be there together')
        if self.joint_forward:
            points = None if points_hr is None else torch.cat([points_hr, points_lr])
            return self.embed(torch.cat([inputs['hr'], inputs['lr']]), points).chunk(2)
        return (self.embed(inputs['hr'], points_hr, 'hr'),
                self.embed(inputs['lr'], points_lr, 'lr'))

    @torch.no_grad()
    def _taught(self, normalised: torch.Tensor, data_samples) -> torch.Tensor | None:
        """The teacher's embeddings (B, D') of normalised HR views; None without a teacher."""
        if self.teacher is None:
            return None
        return self.teacher(self.data_preprocessor.denormalise(normalised), data_samples)

    def predict(self, inputs: dict, data_samples, view: str | None = None):
        """Put the embeddings of the images under 'hr', float32, on their samples."""
        embeddings = self.embed(inputs['hr'], self._landmarks(data_samples, 'hr'), view).float()
        set_field(data_samples, 'embedding', embeddings)
        return data_samples


class _Shared(tuple):
    """Modules that are no submodules of their owner; a copy of the owner (EMA) shares them."""

    def __deepcopy__(self, memo) -> _Shared:
        return self


def _freeze(module: nn.Module) -> nn.Module:
    return module.eval().requires_grad_(False)


def _named_losses(configs) -> nn.ModuleDict:
    losses = nn.ModuleDict()
    for config in configs:
        name = None
        if isinstance(config, dict):
            config = dict(config)
            name = config.pop('name', None)
        loss = build_part(config)
        name = name or _snake_case(type(loss).__name__.removesuffix('Loss'))
        if name in losses or name in ('hr', 'lr', 'contrast'):
            raise ValueError(f'two losses are named {name!r}: give one of them another name, as in '
                             f"dict(type={type(loss).__name__!r}, name='another')")
        losses[name] = loss
    return losses


def _snake_case(name: str) -> str:
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', name).lower()
