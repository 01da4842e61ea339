"""A public recognizer's file to a checkpoint and a whole config of ours."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.config import Config

from lrfr_mm.apis.model_zoo import configs_root
from lrfr_mm.errors import InputError, InputExistsError
from lrfr_mm.files import file_sha256, whole_file, write_text
from lrfr_mm.models.converters import Converted, convert_tensors, read_tensors

__all__ = ['convert_checkpoint', 'whole_config']


def convert_checkpoint(src: str | os.PathLike, dst: str | os.PathLike, kind: str = 'auto',
                       prefix: str | None = None, num_heads: int | None = None,
                       channel_order: str | None = None, keep_head: bool = False,
                       head_files: Sequence[str] = (), data: str = 'recordio',
                       sha256: str | None = None, overwrite: bool = False) -> Converted:
    """Convert a public recognizer: write ``DST.pth`` and ``DST.py``.

    Args:
        src: A file of ``torch.save`` or safetensors. Only data is read from it.
        dst: Path of the two files without their endings.
        kind, prefix, num_heads, channel_order, keep_head: See
            :func:`~lrfr_mm.models.converters.convert_tensors`.
        head_files: Files that hold one matrix of class weights each, in the order of the classes
            (arcface_torch and CVLFace save a part of them on every rank).
        data: Name of a file of ``configs/_base_/datasets``, which the config takes its training set
            and its benchmarks from.
        sha256: The file's expected SHA-256.
        overwrite: Replace files that are there.

    Returns:
        What was converted, with notes for the user.

    Raises:
        InputMissingError: If a file is not there.
        InputExistsError: If a destination is.
        InputError: If a file is not whole or does not fit; the text names files and tensors.
    """
    dst = Path(str(dst).removesuffix('.pth').removesuffix('.py'))
    checkpoint, config = dst.with_name(dst.name + '.pth'), dst.with_name(dst.name + '.py')
    for path in (checkpoint, config):
        if path.exists() and not overwrite:
            raise InputExistsError(f'{path} is there already: --overwrite replaces it')
    digest = file_sha256(src)
    if sha256 is not None and digest != sha256.lower():
        raise InputError(f'{src} has the SHA-256 {digest}, expected {sha256.lower()}: it is not '
                         'the whole file, or another one')
    tensors = read_tensors(src)
    head = torch.cat([_class_weights(path) for path in head_files]) if head_files else None
    try:
        converted = convert_tensors(tensors, kind, prefix, num_heads, channel_order, keep_head,
                                    head)
    except InputError as error:
        raise InputError(f'{src}: {error}') from None
    text = whole_config(converted.model, data, str(checkpoint), converted.crop,
                        head_is_kept='num_classes' in converted.model['head'])
    with whole_file(checkpoint) as part:
        torch.save(dict(state_dict=converted.state_dict,
                        meta=dict(kind=converted.kind, source=Path(src).name, sha256=digest)), part)
    write_text(config, f'# {converted.described}.\n# From {Path(src).name}, SHA-256 {digest}.\n'
               f'{text}')
    return converted


def whole_config(model: dict, data: str, checkpoint: str,
                 crop: Sequence[float] | None = None, head_is_kept: bool = False) -> str:
    """Text of a config without bases, for tests and fine-tuning.

    Args:
        model: Backbone, neck, preprocessor and head; the losses are the method's.
        data: Name of a file of ``configs/_base_/datasets``.
        checkpoint: What fine-tuning starts from.
        crop: Box of a CropFace for every data set; None for none.
        head_is_kept: Whether fine-tuning starts from the checkpoint's class weights too.

    Raises:
        InputError: For an unknown ``data``; the text has the known ones.
    """
    bases = configs_root() / '_base_'
    known = sorted(path.stem for path in (bases / 'datasets').glob('*.py'))
    if data not in known:
        raise InputError(f'data must be one of {", ".join(known)}, got {data!r}')
    files = ['models/lrf_r50', f'datasets/{data}', 'schedules/sgd_finetune', 'default_runtime']
    replaced = {key: dict(value, _delete_=True) if isinstance(value, dict) else value
                for key, value in model.items()}
    lines = [f'_base_ = {[(bases / f"{name}.py").resolve().as_posix() for name in files]!r}',
             f'model = {replaced!r}', f'load_from = {checkpoint!r}']
    if head_is_kept:
        lines.append("load_from_head = 'error'")
    config = Config.fromstring('\n'.join(lines), '.py')
    if crop is not None:
        for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            datasets = config[key].dataset
            for dataset in datasets if isinstance(datasets, list) else [datasets]:
                steps = list(dataset.get('pipeline') or ())
                views = [k for k, step in enumerate(steps) if step['type'] == 'MultiResAug']
                steps.insert(views[0] if views else len(steps), dict(type='CropFace', box=crop))
                dataset.pipeline = steps
    return config.pretty_text


def _class_weights(path: str | os.PathLike) -> torch.Tensor:
    """The one tensor of a file that is no vector."""
    found = [value for value in read_tensors(path).values() if value.dim() >= 2]
    if len(found) != 1:
        raise InputError(f'{path} has {len(found)} matrices, expected the class weights alone')
    return found[0]
