"""``patch_embed``, ``blocks``, ``feature``: CVLFace's and arcface_torch's transformers."""
from __future__ import annotations

from functools import partial

from lrfr_mm.errors import InputError
from lrfr_mm.models.backbones.face_vit import product_buckets
from lrfr_mm.models.converters.layouts.base import (
    Architecture,
    Layout,
    channels_of,
    count_of,
    rename_by,
)

__all__ = ['ViTLayout']

_RULES = (
    (r'(pos_embed|(?:patch_embed|blocks|norm|keypoint_linear)\..+)', r'backbone.\1'),
    (r'feature\.0\.(.+)', r'neck.fc1.\1'),
    (r'feature\.1\.(.+)', r'neck.norm1.\1'),
    (r'feature\.2\.(.+)', r'neck.fc2.\1'),
    (r'feature\.3\.(.+)', r'neck.norm2.\1'),
)
# Heads by (patch, width, depth): CVLFace's small and base, arcface_torch's vit_t, s, b and l.
_HEADS = {(8, 512, 12): 8, (8, 512, 24): 16, (9, 256, 12): 8, (9, 512, 12): 8, (9, 512, 24): 8,
          (9, 768, 24): 8}
_IMAGE = 112


class ViTLayout(Layout):
    """Transformers without a class token, with KP-RPE's ``keypoint_linear`` or without."""

    anchors = ('blocks.0.attn.qkv.weight', 'feature.0.weight')
    modules = (r'pos_embed|mask_token|patch_embed\.proj|norm|feature\.[0-3]|keypoint_linear|'
               r'blocks\.\d+\.(?:norm[12]|attn\.qkv|attn\.proj|mlp\.fc[12])')

    def architecture(self, tensors, num_heads: int | None = None, **options) -> Architecture:
        dim, _, patch, _ = channels_of(tensors, 'patch_embed.proj.weight', 4)
        depth = count_of(tensors, r'blocks\.(\d+)\.')
        side = round(channels_of(tensors, 'pos_embed', 3)[1] ** .5)
        if side != _IMAGE // patch:
            raise InputError(f'pos_embed has {tensors["pos_embed"].shape[1]} positions, expected '
                             f'{(_IMAGE // patch) ** 2} ({_IMAGE} px faces in patches of {patch})')
        hidden = channels_of(tensors, 'blocks.0.mlp.fc1.weight', 2)[0]
        heads, note = self._heads(tensors, num_heads, patch, dim, depth, side)
        backbone = dict(type='FaceViT', embed_dim=dim, depth=depth, num_heads=heads,
                        mlp_ratio=hidden / dim, patch_size=patch)
        if 'keypoint_linear.weight' in tensors:
            backbone['keypoint_bias'] = True
        neck = dict(type='TokenNeck', embed_dim=channels_of(tensors, 'feature.2.weight', 2)[0])
        return Architecture(
            backbone, neck, partial(rename_by, _RULES),
            f'ViT{" with KP-RPE" if "keypoint_bias" in backbone else ""}, width {dim}, depth '
            f'{depth}, {heads} heads, {patch} px patches', dropped=('mask_token',), note=note)

    @staticmethod
    def _heads(tensors, given: int | None, patch: int, dim: int, depth: int, side: int
               ) -> tuple[int, str]:
        """Number of heads, and what was assumed for it."""
        if 'keypoint_linear.weight' in tensors:
            outputs, inputs = channels_of(tensors, 'keypoint_linear.weight', 2)
            buckets = product_buckets(side)[1]
            if inputs != 10 or outputs % (buckets * depth):
                raise InputError(
                    f'keypoint_linear.weight has shape ({outputs}, {inputs}), expected (heads x '
                    f'{depth} layers x {buckets} buckets, 10): another kind of KP-RPE than '
                    "'rel_keypoint_splithead_unshared'")
            heads = outputs // (buckets * depth)
            if given not in (None, heads):
                raise InputError(f'{given} heads contradict keypoint_linear, which has {heads}')
            return heads, ''
        if given is not None or (patch, dim, depth) in _HEADS:
            return given or _HEADS[patch, dim, depth], ''
        heads = 8 if depth <= 12 or patch == 9 else 16
        return heads, (f'the number of heads is not in the tensors: {heads} are assumed, as in the '
                       "projects' nearest network; --num-heads sets it")
