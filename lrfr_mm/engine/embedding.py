"""The loop that embeds images: for validation, tests, the Embedder, figures and the audit."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from mmengine import dist
from torch.utils.data import DataLoader

from lrfr_mm.datasets.collate import face_collate
from lrfr_mm.evaluation.metrics import View
from lrfr_mm.ops.degradations import degrade_images

__all__ = ['embed_benchmark', 'embed_images', 'embedded_batches']


@torch.no_grad()
def embedded_batches(model: Callable, images, views: Sequence[View] = (View(),),
                     batch_size: int = 128, num_workers: int = 0,
                     collate_fn: Callable = face_collate, **loader
                     ) -> Iterator[tuple[dict, dict[View, torch.Tensor]]]:
    """Embed a dataset batch by batch.

    Args:
        model: A recognizer in eval mode, wrapped for distributed training or not (anything with
            mmengine's ``test_step``), or a callable from uint8 images (B, 3, H, W), RGB, on the
            CPU to embeddings (B, D).
        images: A map-style dataset or a sequence; item i is a sample that ``collate_fn`` takes,
            e.g. ``dict(img=uint8 RGB (H, W, 3))``.
        views: Resolution, degradation and mirroring under which each image is embedded.
        batch_size: Images a forward pass.
        num_workers: Processes that read and decode.
        collate_fn: List of samples to ``dict(inputs=dict(hr=uint8 (B, 3, H, W)), data_samples=)``.
        **loader: More arguments of torch's DataLoader, e.g. ``sampler``.

    Yields:
        The batch, and a float32 tensor (B, D) for each view, not normalised, on the model's device.

    Raises:
        ValueError: If the model is in training mode.
    """
    if getattr(model, 'training', False):
        raise ValueError('the model is in training mode: call model.eval() before embedding')
    step = model.test_step if hasattr(model, 'test_step') else None
    parameter = next(model.parameters(), None) if hasattr(model, 'parameters') else None
    device = torch.device('cpu') if parameter is None else parameter.device
    for batch in DataLoader(images, batch_size, num_workers=num_workers, collate_fn=collate_fn,
                            **loader):
        full = batch['inputs']['hr'].to(device)
        degraded = {(r, kind): full if r is None else degrade_images(full, r, kind)
                    for r, kind in {(view.resolution, view.degradation) for view in views}}
        out = {}
        for view in views:
            shown = degraded[view.resolution, view.degradation]
            shown = shown.flip(-1) if view.mirrored else shown
            if step is None:
                embeddings = model(shown)
            else:
                embeddings = step(dict(inputs=dict(hr=shown),
                                       data_samples=batch['data_samples'])).embedding
            out[view] = embeddings.float()
        yield batch, out


def embed_images(model: Callable, images, views: Sequence[View] = (View(),),
                 batch_size: int = 128, num_workers: int = 0, name: str = 'images',
                 before_batch: Callable[[int], None] | None = None,
                 after_batch: Callable[[int, dict, dict], None] | None = None,
                 **settings) -> dict[View, np.ndarray]:
    """Embed a whole dataset, shared out among the processes of the process group.

    Rank r of n embeds the images r, r + n, r + 2 n, ...; the parts are gathered and put back in
    order, so that every rank returns all embeddings.

    Args:
        model, images, views, batch_size, num_workers, **settings: See :func:`embedded_batches`.
        name: Name of the dataset in messages.
        before_batch: Called with the batch's index, before its images are read.
        after_batch: Called with the batch's index, the batch and its embeddings.

    Returns:
        For each view float32 (N, D), not normalised, in the order of ``images``.

    Raises:
        ValueError: If there is no image, or an embedding is not finite; the text names the image.
    """
    rank, world = dist.get_rank(), dist.get_world_size()
    if len(images) == 0:
        raise ValueError(f'{name}: there is no image to embed')
    batches = embedded_batches(model, images, views, batch_size, num_workers,
                               sampler=range(rank, len(images), world), **settings)
    parts: dict[View, list[np.ndarray]] = {view: [] for view in views}
    for index in range(-(-len(range(rank, len(images), world)) // batch_size)):
        if before_batch is not None:
            before_batch(index)
        batch, embeddings = next(batches)
        for view in views:
            parts[view].append(embeddings[view].cpu().numpy())
        if after_batch is not None:
            after_batch(index, batch, embeddings)
    local = {view: np.concatenate(part) for view, part in parts.items() if part}
    gathered = [local]
    if world > 1:
        gathered = [None] * world
        torch.distributed.all_gather_object(gathered, local)
    out = {}
    for view in views:
        pieces = [part.get(view) for part in gathered]  # a rank may have had no image
        dims = next(piece for piece in pieces if piece is not None).shape[1]
        out[view] = np.empty((len(images), dims), np.float32)
        for r, piece in enumerate(pieces):
            if piece is not None:
                out[view][r::world] = piece
        _check_finite(out[view], images, name)
    return out


def _check_finite(embeddings: np.ndarray, images, name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(embeddings).all(1))
    if len(bad):
        source = getattr(images, 'source', None)
        shown = f' ({source.name(int(bad[0]))})' if hasattr(source, 'name') else ''
        raise ValueError(f'{name}: the embedding of image {bad[0]}{shown} has NaN or infinite '
                         f'numbers ({len(bad)} of {len(embeddings)} images do)')


def embed_benchmark(model: Callable, benchmark, views: Sequence[View],
                    **settings) -> dict[View, np.ndarray]:
    """:func:`embed_images` on the images of a benchmark, under its name."""
    return embed_images(model, benchmark, views, name=f'benchmark {benchmark.name}', **settings)
