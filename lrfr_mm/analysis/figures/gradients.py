"""How hard each resolution pulls at a network (paper, Figure 3b)."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from lrfr_mm.analysis.figures.pairs import draw_runs
from lrfr_mm.analysis.figures.style import canvas, resolution_axis, save_figure
from lrfr_mm.analysis.figures.subjects import Run, Subject
from lrfr_mm.datasets import FaceDataset
from lrfr_mm.errors import InputError
from lrfr_mm.ops.resample import degrade
from lrfr_mm.registry import SOURCES, type_name

__all__ = ['gradient_norm', 'gradients', 'term_gradients', 'training_faces']


def training_faces(run: Run, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``count`` faces of the training set, evenly spaced, as the pipeline's ResizeFace makes them:
    uint8 (count, 3, H, W) and labels (count,).

    Raises:
        InputError: If the training set is a stream.
    """
    settings = run.config.train_dataloader.dataset
    source = SOURCES.build(settings.source)
    if source.streaming:
        raise InputError(f'{source} is a stream: gradients need random access, convert the set to '
                         'LMDB or RecordIO')
    steps = [step for step in settings.get('pipeline', ()) if type_name(step) == 'ResizeFace']
    dataset = FaceDataset(source, steps)
    chosen = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int)
    samples = [dataset[int(i)] for i in chosen]
    images = np.stack([sample['img'] for sample in samples])
    return (torch.from_numpy(images).permute(0, 3, 1, 2),
            torch.tensor([sample['gt_label'] for sample in samples]))


def gradient_norm(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor,
                  batch_size: int = 64) -> float:
    """Mean over batches of the L2 norm, over all parameters, of the head's loss gradient.

    The model is used as it stands: in eval mode batch norm is frozen and dropout off.

    Args:
        model: A recognizer with its head.
        images: uint8 (N, 3, H, W), all at the resolution in question.
        labels: int (N,).
        batch_size: Images that a gradient is the mean of.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    norms = []
    for start in range(0, len(images), batch_size):
        batch = dict(inputs=dict(hr=images[start:start + batch_size]))
        shown = model.data_preprocessor(batch)['inputs']['hr']
        loss = model.head.loss(model.embed(shown), labels[start:start + batch_size].to(
            shown.device))['loss']
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        norms.append(torch.stack([g.double().norm() for g in found if g is not None]).norm().item())
    return float(np.mean(norms))


def gradients(subjects: list[Subject], out: Path, resolutions=(7, 10, 14, 20, 28, 42, 56, 112),
              images: int = 256) -> Path:
    """Figure 3b: gradient norm against the resolution of the training faces, a line a model.

    Of a model with several seeds, mean and standard deviation.
    """
    rows = []
    with canvas(width=6.4, height=4.) as (figure, panels):
        axes = panels[0, 0]
        for k, subject in enumerate(subjects):
            values = []
            for run in subject.runs:
                model = run.recognizer()
                faces, labels = training_faces(run, images)
                values.append([gradient_norm(model, degrade(faces, r), labels)
                               for r in resolutions])
            values = np.array(values)
            rows += draw_runs(axes, subject, resolutions, values, k)
            peak = int(values.mean(0).argmax())
            axes.plot(resolutions[peak], values.mean(0)[peak], 'o', ms=9, mfc='none',
                      color=axes.lines[-1].get_color())
        resolution_axis(axes, resolutions)
        axes.set_ylabel('gradient norm over all parameters')
        axes.set_ylim(bottom=0)
        axes.legend(loc='lower center', bbox_to_anchor=(.5, 1.), ncols=min(5, len(subjects)))
        return save_figure(figure, ('model', 'resolution', 'norm', 'deviation'), rows, out,
                           'gradients')


def term_gradients(run: Run, images: int = 256, resolutions=(7, 14, 20, 20)) -> dict[str, float]:
    """How much each term of the loss pulls at the embeddings: the root mean square, over faces, of
    the norm of its gradient with respect to a face's two embeddings (before normalisation).

    Batch norm is frozen, dropout off; the views are not flipped; face i is at
    ``resolutions[i % len(resolutions)]`` px.

    Returns:
        ``classification`` (both views, with their weights) and, where the model has one,
        ``contrast`` (with its weight).
    """
    model = run.recognizer()
    faces, labels = training_faces(run, images)
    sizes = [resolutions[i % len(resolutions)] for i in range(len(faces))]
    shown = [model.data_preprocessor(dict(inputs=dict(hr=view)))['inputs']['hr']
             for view in (faces, degrade(faces, sizes))]
    with torch.no_grad():
        views = [model.embed(view) for view in shown]
    views = [view.requires_grad_() for view in views]
    labels = labels.to(views[0].device)
    terms = dict(classification=sum(weight * model.head.loss(view, labels)['loss'] for weight, view
                                    in zip(model.view_weights, views, strict=True)))
    if model.contrast_loss is not None:
        terms['contrast'] = model.contrast_loss(*(F.normalize(view) for view in views))
    found = {}
    for name, loss in terms.items():
        hr, lr = torch.autograd.grad(loss, views)
        each = len(faces) * torch.cat([hr, lr], 1).norm(dim=1)  # the loss is a mean over faces
        found[name] = each.square().mean().sqrt().item()
    return found
