"""Weight averaging between a network before and after adaptation (WiSE-FT)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import init_default_scope

from lrfr_mm.analysis.figures.style import canvas, colour, save_figure
from lrfr_mm.analysis.real.measure import pair_aucs, size_embeddings
from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources import FolderFaces
from lrfr_mm.engine.checkpoint import TRAINING_PARTS, check_checkpoint, read_checkpoint
from lrfr_mm.engine.config import read_config
from lrfr_mm.errors import InputError
from lrfr_mm.files import whole_file
from lrfr_mm.models.build import checkpoint_config, embedding_config
from lrfr_mm.registry import MODELS

__all__ = ['average_checkpoints', 'averaged_weights', 'averaging_sweep', 'sweep_figure']


def averaged_weights(before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor],
                     share: float) -> dict[str, torch.Tensor]:
    """(1 - share) before + share after (Wortsman et al., CVPR 2022, equation 1).

    Args:
        before, after: State dicts of one network. Integer tensors (counters) are those of
            ``after``.
        share: Of the adapted network; from 0 to 1.

    Returns:
        A new state dict.

    Raises:
        InputError: If names or shapes differ.
        ValueError: For a share outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f'share must be from 0 to 1, got {share}')
    different = sorted(before.keys() ^ after.keys()) or sorted(
        name for name in before if before[name].shape != after[name].shape)
    if different:
        raise InputError('weights of two different networks cannot be averaged: '
                         f'{different[0]} ({len(different)} such)')
    return {name: torch.lerp(before[name].float(), value.float(), share).to(value.dtype)
            if value.is_floating_point() else value.clone() for name, value in after.items()}


def averaging_sweep(model: torch.nn.Module, before: Mapping[str, torch.Tensor],
                    after: Mapping[str, torch.Tensor], faces: Sequence[np.ndarray],
                    labels: np.ndarray, shares: Sequence[float],
                    degradation: str = 'bicubic') -> list[dict[str, float]]:
    """Measure the averages.

    Args:
        model: The network; its weights are those of the last share afterwards.
        before, after: See :func:`averaged_weights`.
        faces, labels, degradation: See :func:`~lrfr_mm.analysis.real.measure.size_embeddings` and
            ``pair_aucs``.
        shares: Of the adapted network.

    Returns:
        For each share ``share`` and the values of ``pair_aucs``.
    """
    rows = []
    for share in shares:
        model.load_state_dict(averaged_weights(before, after, share))
        vectors = size_embeddings(model.eval(), faces, degradation)
        rows.append(dict(share=float(share), **pair_aucs(vectors, labels)))
    return rows


def sweep_figure(rows: list[dict[str, float]], out: Path, low: str = '7 against 112',
                 high: str = '112') -> Path:
    """Draw AUC at ``high`` against AUC at ``low``, a point a share; writes PNG, SVG and CSV.

    Args:
        rows: Of :func:`averaging_sweep`.
        out: Directory.
        low, high: Names of two values.

    Returns:
        Path of the PNG.
    """
    with canvas() as (figure, axes):
        axis = axes[0, 0]
        axis.plot([row[high] for row in rows], [row[low] for row in rows], 'o-', color=colour(0))
        for row in rows:
            axis.annotate(f'{row["share"]:g}', (row[high], row[low]), (4, 4),
                          textcoords='offset points')
        axis.ticklabel_format(useOffset=False)
        axis.set_xlabel(f'AUC at {high} px, %')
        axis.set_ylabel(f'AUC at {low} px, %')
        axis.set_title('share of the adapted weights')
        header = list(rows[0])
        return save_figure(figure, header, [[row[name] for name in header] for row in rows], out,
                           'weight_averaging')


def average_checkpoints(config: str, before: str, after: str, people: str, out: Path,
                        shares: Sequence[float], degradation: str = 'bicubic',
                        save: float | None = None) -> list[dict[str, float]]:
    """Sweep the share between two checkpoints, draw it, and perhaps write one average.

    Args:
        config: Of the network, a path or a name below configs/.
        before, after: Checkpoints; heads and losses are left out.
        people: Directory of aligned 112 px faces, one directory a person.
        out: Directory for ``weight_averaging.png``, ``.svg``, ``.csv`` and ``averaged.pth``.
        shares: Of the adapted network.
        degradation: A name of ``DEGRADATIONS``.
        save: Share whose average is written as ``averaged.pth``.

    Returns:
        Rows of :func:`averaging_sweep`.

    Raises:
        InputError, InputMissingError: If files are missing or do not fit the config.
    """
    init_default_scope('lrfr_mm')
    model = MODELS.build(checkpoint_config(embedding_config(read_config(config).model)))
    states = []
    for path in (before, after):
        saved = {name: value for name, value in read_checkpoint(path)['state_dict'].items()
                 if name.split('.')[0] not in TRAINING_PARTS}
        check_checkpoint(model, saved, path)
        states.append(saved)
    source = FolderFaces(people)
    faces = [decode(source.read(i)[0], 'cv2') for i in range(len(source))]
    rows = averaging_sweep(model, *states, faces, source.labels(), shares, degradation)
    sweep_figure(rows, out)
    if save is not None:
        with whole_file(out / 'averaged.pth') as part:
            torch.save(dict(state_dict=averaged_weights(*states, save)), part)
    return rows
