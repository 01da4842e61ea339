"""From a public project's tensors to a recognizer of ours."""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from lrfr_mm.errors import InputError
from lrfr_mm.models.build import build_part
from lrfr_mm.models.converters.layouts import Architecture, Layout
from lrfr_mm.registry import CONVERTERS

__all__ = ['Converted', 'Converter', 'convert_tensors', 'converter_kinds']


@dataclass
class Converted:
    """A public recognizer in our form.

    Attributes:
        kind: Name of the converter.
        model: Config of the LRFRecognizer, with a head that is sized only if its weights are kept.
        state_dict: Its tensors.
        described: Project and network in words.
        left_out: What of the file was not taken, by the first two parts of the names, with counts.
        notes: What a user has to know or check.
        crop: See Converter.
    """

    kind: str
    model: dict
    state_dict: dict[str, torch.Tensor]
    described: str
    left_out: Counter
    notes: list[str]
    crop: tuple[float, float, float, float] | None = None


class Converter:
    """A public project: its architectures and what its networks expect.

    A new family is a file with a subclass, registered in ``CONVERTERS``.

    Attributes:
        kind: Name for ``--kind``.
        project: Name of the public project.
        layouts: Of its networks' tensors.
        mean, std: Subtracted from the channels' values of 0 to 255, and then divided by.
        channel_order: 'rgb' or 'bgr', the order of the network's input.
        class_weights: Ends of the names under which the project saves the class weights.
        classes_first: Whether these are (classes, D); otherwise (D, classes).
        crop: Part of the aligned face that the network was trained on, as left, top, right and
            bottom fractions of the five-point template; None for all of it.
    """

    kind: str
    project: str
    layouts: tuple[Layout, ...]
    mean: float | tuple[float, float, float] = 127.5
    std: float | tuple[float, float, float] = 127.5
    channel_order: str = 'rgb'
    class_weights: tuple[str, ...] = ()
    classes_first: bool = True
    crop: tuple[float, float, float, float] | None = None

    def claim(self, layout: Layout, prefix: str, tensors: Mapping[str, torch.Tensor]) -> int:
        """How sure it is that a file with this layout is the project's: 0 no, 1 maybe, 2 yes."""
        return 1

    def preprocessor(self, architecture: Architecture) -> dict:
        """Config of the FacePreprocessor."""
        config = dict(type='FacePreprocessor', mean=self.mean, std=self.std)
        if self.channel_order != 'rgb':
            config['channel_order'] = self.channel_order
        if architecture.size != 112:
            config['size'] = architecture.size
        return config

    def notes(self, architecture: Architecture) -> list[str]:
        """What a user has to know or check."""
        return [architecture.note] if architecture.note else []


@dataclass
class _Found:
    converter: Converter
    layout: Layout
    prefix: str
    claim: int


def convert_tensors(tensors: Mapping[str, torch.Tensor], kind: str = 'auto',
                    prefix: str | None = None, num_heads: int | None = None,
                    channel_order: str | None = None, keep_head: bool = False,
                    head: torch.Tensor | None = None) -> Converted:
    """Convert a public recognizer.

    Args:
        tensors: Of the whole file, as :func:`~lrfr_mm.models.converters.read_tensors` gives them.
        kind: Name of a converter, or 'auto' to find it from the tensors' names and shapes.
        prefix: What precedes the network's names, where the file holds several networks.
        num_heads: Of a transformer without KP-RPE, whose tensors do not tell.
        channel_order: 'rgb' or 'bgr' in place of the project's.
        keep_head: Keep the file's class weights for fine-tuning on the same people.
        head: Class weights from elsewhere, (C, D) or (D, C).

    Raises:
        InputError: If no family fits, several do, or tensors of the network, or class weights, do
            not fit; the text names them.
    """
    found = _find(tensors, kind, prefix)
    converter, layout, prefix = found.converter, found.layout, found.prefix
    inner = {name[len(prefix):]: value for name, value in tensors.items()
             if name.startswith(prefix)}
    try:
        architecture = layout.architecture(inner, num_heads=num_heads)
    except InputError as error:
        raise InputError(f'this is not a network of {converter.project}, though it is nearest: '
                         f'{error}') from None
    preprocessor = converter.preprocessor(architecture)
    if channel_order is not None:
        preprocessor['channel_order'] = channel_order
    model = dict(type='LRFRecognizer', data_preprocessor=preprocessor,
                 backbone=architecture.backbone, neck=architecture.neck)
    candidates = [name for name in tensors if converter.class_weights
                  and name.endswith(converter.class_weights)
                  and not layout.knows('.' + name[len(prefix):] if name.startswith(prefix) else '')]
    heads = tuple(name.rpartition('.')[0] + '.' for name in candidates)
    network = {name: value for name, value in inner.items()
               if not (heads and (prefix + name).startswith(heads))}
    state_dict, used = _rename_all(network, architecture, converter, prefix)
    if keep_head and head is None:
        if len(candidates) != 1:
            raise InputError(f'the file has {len(candidates) or "no"} class weights of '
                             f'{converter.project} ({", ".join(converter.class_weights)})')
        head = tensors[candidates[0]]
        used.add(candidates[0])
    model['head'] = dict(type='CosFaceHead', scale=48, margin=.4)
    if head is not None:
        weight = _class_weight(head, architecture.neck['embed_dim'], converter.classes_first)
        state_dict['head.weight'] = weight
        model['head']['num_classes'] = len(weight)
    left_out = Counter('.'.join(name.split('.')[:2]) for name in tensors if name not in used)
    return Converted(converter.kind, model, state_dict,
                     f'{converter.project}: {architecture.described}', left_out,
                     converter.notes(architecture), converter.crop)


def _converters(kind: str = 'auto') -> list[Converter]:
    CONVERTERS.import_from_location()
    made = [CONVERTERS.get(name)() for name in sorted(CONVERTERS.module_dict)]
    if kind == 'auto':
        return made
    chosen = [converter for converter in made if converter.kind == kind]
    if not chosen:
        raise InputError(f'kind must be auto or one of {", ".join(c.kind for c in made)}, '
                         f'got {kind!r}')
    return chosen


def converter_kinds() -> list[str]:
    """Kinds of all registered converters, sorted by their class names."""
    return [converter.kind for converter in _converters()]


def _find(tensors: Mapping[str, torch.Tensor], kind: str, prefix: str | None) -> _Found:
    """The converter, the layout and the prefix that fit."""
    converters = _converters(kind)
    found = []
    for converter in converters:
        for layout in converter.layouts:
            for start in _prefixes(tensors, layout):
                if prefix in (None, start):
                    inner = {name[len(start):]: value for name, value in tensors.items()
                             if name.startswith(start)}
                    found.append(_Found(converter, layout, start,
                                        converter.claim(layout, start, inner)))
    found = [one for one in found if one.claim or kind != 'auto']
    if not found:
        raise InputError(_nothing_fits(tensors, converters, prefix))
    starts = sorted({one.prefix for one in found})
    if len(starts) > 1:
        raise InputError('the file holds several networks: choose one by --prefix, '
                         + ' or '.join(map(repr, starts)))
    return max(found, key=lambda one: one.claim)


def _prefixes(tensors: Mapping[str, torch.Tensor], layout: Layout) -> list[str]:
    first = layout.anchors[0]
    starts = [name[:-len(first)] for name in tensors if name.endswith(first)]
    return [start for start in starts if start[-1:] in ('', '.')
            and all(start + anchor in tensors for anchor in layout.anchors)]


def _nothing_fits(tensors: Mapping[str, torch.Tensor], converters: list[Converter],
                  prefix: str | None) -> str:
    """Names the nearest family, by the share of names that it knows, and what does not fit it."""
    names = [name[len(prefix or ''):] for name in tensors if name.startswith(prefix or '')]
    ends = {name: {'.'.join(name.split('.')[k:]) for k in range(name.count('.') + 1)}
            for name in names}
    best = (-1, None, ())
    for converter in converters:
        for layout in converter.layouts:
            known = [name for name in names if any(layout.knows(end) for end in ends[name])]
            if len(known) > best[0]:
                best = (len(known), converter, known)
    count, converter, known = best
    strange = [name for name in names if name not in set(known)]
    missing = [anchor for layout in converter.layouts for anchor in layout.anchors
               if not any(name.endswith(anchor) for name in names)]
    text = f'the tensors fit no known family ({", ".join(c.kind for c in converters)})'
    if count:
        text += (f'; the nearest is {converter.kind}, which knows {count} of {len(names)} names. '
                 f'Missing: {_some(missing)}. Not known: {_some(strange)}')
    else:
        text += f'; they are {_some(names)}, expected {_some(missing)}'
    return text


def _some(names: list[str], limit: int = 5) -> str:
    shown = ', '.join(names[:limit]) or 'none'
    return shown + (f' and {len(names) - limit} more' if len(names) > limit else '')


def _rename_all(network: Mapping[str, torch.Tensor], architecture: Architecture,
                converter: Converter, prefix: str) -> tuple[dict[str, torch.Tensor], set[str]]:
    """The recognizer's state dict, checked against the network, and the names that went into it."""
    with torch.device('meta'):
        backbone = build_part(architecture.backbone)
        neck = build_part(architecture.neck, in_channels=backbone.out_channels,
                          in_size=backbone.out_size)
    wanted = torch.nn.ModuleDict(dict(backbone=backbone, neck=neck)).state_dict()
    state_dict, used, original = {}, set(), {}
    strange = []
    for name, value in network.items():
        ours = architecture.rename(name)
        if ours is not None and ours in wanted:
            state_dict[ours], original[ours] = value, prefix + name
            used.add(prefix + name)
        elif not name.startswith(architecture.dropped):
            strange.append(prefix + name)
    for name in wanted.keys() - state_dict.keys():
        if name.endswith('num_batches_tracked'):  # files from before torch 0.4.1 have none
            state_dict[name] = torch.zeros((), dtype=torch.int64)
    missing = sorted(wanted.keys() - state_dict.keys())
    wrong = [f'{original[name]} is {tuple(state_dict[name].shape)}, expected '
             f'{tuple(wanted[name].shape)}' for name in sorted(original)
             if state_dict[name].shape != wanted[name].shape]
    parts = [f'{what}: {_some(names)}' for what, names in (
        ('not in the network', strange), ('missing (by our names)', missing),
        ('of another shape', wrong)) if names]
    if parts:
        raise InputError(f'the tensors do not fit {converter.project}\'s '
                         f'{architecture.described}: {"; ".join(parts)}')
    return {name: value.float() if value.is_floating_point() else value
            for name, value in state_dict.items()}, used


def _class_weight(weight: torch.Tensor, embed_dim: int, classes_first: bool) -> torch.Tensor:
    """Class weights as (C, D), float32."""
    shape = tuple(weight.shape)
    if weight.dim() != 2 or embed_dim not in shape:
        raise InputError(f'the class weights have shape {shape}, not (classes, {embed_dim}) or '
                         f'({embed_dim}, classes): they belong to embeddings of another length')
    rows = classes_first if shape == (embed_dim, embed_dim) else shape[1] == embed_dim
    return (weight if rows else weight.T).float().contiguous()
