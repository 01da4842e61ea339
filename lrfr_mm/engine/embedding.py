"""The loop that embeds images: for validation, tests, the Embedder, figures and the audit."""
from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from mmengine import dist
from mmengine.model import is_model_wrapper
from torch.utils.data import DataLoader

from lrfr_mm.datasets.collate import face_collate
from lrfr_mm.errors import InputError, UserError
from lrfr_mm.evaluation.metrics import View
from lrfr_mm.ops.align import flip_landmarks
from lrfr_mm.ops.degradations import degrade_images
from lrfr_mm.structures import FaceDataSample, get_field, set_field

__all__ = ['embed_benchmark', 'embed_images', 'embedded_batches']


@torch.no_grad()
def embedded_batches(model: Callable, images, views: Sequence[View] = (View(),),
                     batch_size: int = 128, num_workers: int = 0,
                     collate_fn: Callable = face_collate, degrade: Callable = degrade_images,
                     **loader
                     ) -> Iterator[tuple[dict, dict[View, torch.Tensor]]]:
    """Embed a dataset batch by batch.

    Args:
        model: A recognizer in eval mode, wrapped for distributed training or not (anything with
            mmengine's ``test_step``), or a callable from uint8 images (B, 3, H, W), RGB, on the
            model's device to embeddings (B, D). A recognizer whose ``forward`` takes ``view`` gets
            'lr' for degraded images.
        images: A map-style dataset or a sequence; item i is a sample that ``collate_fn`` takes,
            e.g. ``dict(img=uint8 RGB (H, W, 3))``.
        views: Resolution, degradation and mirroring under which each image is embedded.
        batch_size: Images a forward pass.
        num_workers: Processes that read and decode.
        collate_fn: List of samples to ``dict(inputs=dict(hr=uint8 (B, 3, H, W)), data_samples=)``.
        degrade: Makes the degraded images: called as
            :func:`lrfr_mm.ops.degradations.degrade_images` is.
        **loader: More arguments of torch's DataLoader, e.g. ``sampler``.

    Yields:
        The batch, and a float32 tensor (B, D) for each view, not normalised, on the model's device.

    Raises:
        ValueError: If the model is in training mode.
    """
    if getattr(model, 'training', False):
        raise ValueError('the model is in training mode: call model.eval() before embedding')
    step = _embedding_step(model)
    parameter = next(model.parameters(), None) if hasattr(model, 'parameters') else None
    device = torch.device('cpu') if parameter is None else parameter.device
    for batch in DataLoader(images, batch_size, num_workers=num_workers, collate_fn=collate_fn,
                            **loader):
        full = batch['inputs']['hr'].to(device)
        degraded = {(r, kind): full if r is None else degrade(full, r, kind)
                    for r, kind in {(view.resolution, view.degradation) for view in views}}
        out = {}
        for view in views:
            shown = degraded[view.resolution, view.degradation]
            samples = batch.get('data_samples')
            if view.mirrored:
                shown, samples = shown.flip(-1), _mirrored(samples, shown.shape[-1])
            out[view] = step(shown, samples, view).float()
        yield batch, out


def _mirrored(samples, width: int):
    """``samples`` as they are for mirrored images of ``width`` px: their landmarks moved."""
    points = get_field(samples, 'landmarks')
    if points is None:
        return samples
    samples = samples.clone() if isinstance(samples, FaceDataSample) else [
        sample.clone() for sample in samples]
    set_field(samples, 'landmarks', flip_landmarks(points, width))
    return samples


def _embedding_step(model: Callable) -> Callable:
    """A function of uint8 images, data samples and View to embeddings (B, D) of ``model``."""
    own = model.module if is_model_wrapper(model) else model
    if not hasattr(own, 'test_step'):
        return lambda images, samples, view: model(images)
    takes_view = 'view' in inspect.signature(own.forward).parameters

    def step(images: torch.Tensor, samples, view: View) -> torch.Tensor:
        data = dict(inputs=dict(hr=images), data_samples=samples)
        if not takes_view:
            return own.test_step(data).embedding
        # A degraded image is the LR view of the face; what others are is not known.
        data = own.data_preprocessor(data, False)
        return own(**data, mode='predict', view=None if view.resolution is None else 'lr').embedding

    return step


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
        InputError: If there is no image, or an embedding is not finite; the text names the image.
    """
    if len(images) == 0:
        raise InputError(f'{name}: there is no image to embed')
    rank, world = dist.get_rank(), dist.get_world_size()
    own = range(rank, len(images), world)
    batches = embedded_batches(model, images, views, batch_size, num_workers, sampler=own,
                               **settings)
    parts: dict[View, list[np.ndarray]] = {view: [] for view in views}
    failure = None
    try:
        for index in range(-(-len(own) // batch_size)):
            if before_batch is not None:
                before_batch(index)
            batch, embeddings = next(batches)
            for view in views:
                parts[view].append(embeddings[view].cpu().numpy())
            if after_batch is not None:
                after_batch(index, batch, embeddings)
    except UserError as error:
        failure = error
    gathered = _gather({view: np.concatenate(part) for view, part in parts.items() if part},
                       failure)
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


def _gather(own: dict, failure: UserError | None) -> list[dict]:
    """The embeddings of each rank, on every rank.

    Raises:
        UserError: That of the first rank that has one, on every rank: none waits for another.
    """
    gathered = [(own, failure)]
    if dist.get_world_size() > 1:
        gathered = [None] * dist.get_world_size()
        torch.distributed.all_gather_object(gathered, (own, failure))
    for _, error in gathered:
        if error is not None:
            raise error
    return [part for part, _ in gathered]


def _check_finite(embeddings: np.ndarray, images, name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(embeddings).all(1))
    if len(bad):
        source = getattr(images, 'source', None)
        shown = f' ({source.name(int(bad[0]))})' if hasattr(source, 'name') else ''
        raise InputError(f'{name}: the embedding of image {bad[0]}{shown} has NaN or infinite '
                         f'numbers ({len(bad)} of {len(embeddings)} images do)')


def embed_benchmark(model: Callable, benchmark, views: Sequence[View],
                    **settings) -> dict[View, np.ndarray]:
    """:func:`embed_images` on the images of a benchmark, under its name."""
    return embed_images(model, benchmark, views, name=f'benchmark {benchmark.name}', **settings)
