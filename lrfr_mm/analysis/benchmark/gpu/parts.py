"""The parts, in the order of their worth."""
from __future__ import annotations

import contextlib
import copy
import io
import os
import tempfile
from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from lrfr_mm.analysis.benchmark.gpu.part import Scale, is_out_of_memory, part
from lrfr_mm.analysis.benchmark.gpu.trainer import GPUTrainer, Mode
from lrfr_mm.analysis.benchmark.step import matmul_ceiling
from lrfr_mm.analysis.benchmark.timing import Result, rate, seconds
from lrfr_mm.datasets.collate import face_collate
from lrfr_mm.datasets.face_dataset import FaceDataset
from lrfr_mm.datasets.sources import SyntheticFaces
from lrfr_mm.models.heads import PartialFCHead, head_memory
from lrfr_mm.ops.resample import degrade

__all__ = ['MODES']

MODES = (Mode('plain float32'), Mode('bf16', bf16=True),
         Mode('bf16, channels last', bf16=True, channels_last=True),
         Mode('bf16, channels last, compiled', bf16=True, channels_last=True,
              compile=dict(backend='inductor')),
         Mode('bf16, channels last, CUDA graphs', bf16=True, channels_last=True,
              compile=dict(mode='reduce-overhead')),
         Mode('bf16, channels last, compiled, joint views', bf16=True, channels_last=True,
              compile=dict(backend='inductor'), joint=True))


def _random_images(count: int, device: str = 'cpu') -> torch.Tensor:
    """Smooth uint8 images (count, 3, 112, 112), channels last."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 256, (count, 3, 28, 28), generator=generator, dtype=torch.uint8)
    fine = coarse.repeat_interleave(4, 2).repeat_interleave(4, 3)
    return fine.to(device, memory_format=torch.channels_last)


@part('The same numbers as on the CPU', 45)
def parity(scale: Scale) -> Iterator[Result]:
    """LR pixels, embeddings, and the losses of 20 steps, on the device against the CPU."""
    batch = _random_images(16)
    resolutions = np.array([7, 14, 20, 20] * 4)
    truth = degrade(batch, resolutions, 'exact').int()
    made = degrade(batch.to(scale.device), resolutions, 'matrix').cpu().int()
    yield Result('LR pixels equal to Pillow', 100 * float((made == truth).double().mean()), '%',
                 {'largest difference': f'{int((made - truth).abs().max())} grey levels'})
    name, model = scale.step_models[0]
    trainers = [GPUTrainer(model, 8, scale.classes, device, Mode('plain float32'), lr=.001)
                for device in ('cpu', scale.device)]
    first, second = (trainer.embeddings().cpu() for trainer in trainers)
    yield Result(f'cosine of embeddings, {name}', float(F.cosine_similarity(first, second).min()),
                 '', {'of': 'the worst image'})
    a, b = (torch.stack([trainer.step() for _ in range(3 if scale.dry else 20)]).cpu()
            for trainer in trainers)
    yield Result(f'largest relative difference of {len(a)} losses, {name}',
                 float(((a - b).abs() / a).max()), '', {'last': f'{a[-1]:.5f} and {b[-1]:.5f}'})


@part('LR views', 25)
def views(scale: Scale) -> Iterator[Result]:
    """LR views made on the device, against copying views that a worker has made."""
    count = 16 if scale.dry else 512
    pinned = _random_images(count)
    pinned = pinned.pin_memory() if scale.device == 'cuda' else pinned
    resolutions = np.random.default_rng(0).choice([7, 14, 20, 20], count)
    device = _random_images(count, scale.device)
    methods = (('matrix', 'batched', 'fast', 'exact') if scale.device == 'cpu' else
               ('matrix', 'batched', 'compiled'))
    for method in methods:
        yield Result(f'made on the device, {method}', rate(
            lambda method=method: degrade(device, resolutions, method), count, scale.repeats),
            'images/s', {'batch': count})
    yield Result('copied from pinned memory', rate(
        lambda: pinned.to(scale.device, non_blocking=True), count, scale.repeats), 'images/s',
        {'bytes': f'{pinned.numel() / 2 ** 20:.1f} MiB'})


@part('Training steps with two views', 150)
def steps(scale: Scale) -> Iterator[Result]:
    """Every mode at the first batch size; the fastest at the larger ones."""
    ceilings = {dtype: matmul_ceiling(scale.device, dtype)
                for dtype in (torch.float32, torch.bfloat16)} if not scale.dry else {}
    for name, model in scale.step_models:
        speeds = {}
        for mode in MODES:
            if mode.compile is not None and scale.dry:
                mode = mode.without_compiler()
            result = _step(scale, name, model, mode, scale.batch_sizes[0], ceilings)
            if result.value:
                speeds[mode] = result.value
            yield result
        paper = {mode: value for mode, value in speeds.items() if not mode.joint}
        if not paper:
            continue
        fastest = max(paper, key=paper.get)
        for batch in scale.batch_sizes[1:]:
            result = _step(scale, name, model, fastest, batch, ceilings)
            yield result
            if not result.value:
                break


def _step(scale: Scale, name: str, model: dict, mode: Mode, batch: int, ceilings: dict) -> Result:
    label = f'{name}, {mode.name}, batch {batch}'
    try:
        trainer = GPUTrainer(model, batch, scale.classes, scale.device, mode)
        for _ in range(3):
            trainer.step()
        if scale.device == 'cuda':
            torch.cuda.reset_peak_memory_stats()
        took = seconds(trainer.step, scale.repeats, warmup=1)
        waited = seconds(trainer.copy, scale.repeats) / took
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return Result(label, 0., 'samples/s', {'': 'out of memory'})
    finally:
        trainer = None  # frees its memory before the next one is built
        if scale.device == 'cuda':
            torch.cuda.empty_cache()
    extra = {'input copy': f'{100 * waited:.1f} % of a step'}
    if ceilings:
        gflop = GPUTrainer.gflop(model)
        ceiling = ceilings[torch.bfloat16 if mode.bf16 else torch.float32]
        extra['MFU'] = f'{100 * gflop * batch / took / ceiling:.0f} % of {ceiling:,.0f} GFLOP/s'
        extra['memory'] = f'{torch.cuda.max_memory_allocated() / 2 ** 30:.1f} GiB'
    return Result(label, batch / took, 'samples/s', extra)


@part('Classification heads alone', 80)
def heads(scale: Scale) -> Iterator[Result]:
    """A step of the split head by number of classes and sample rate."""
    batch, dims = (16, 32) if scale.dry else (512, 512)
    for classes in scale.head_classes:
        for sample_rate in (1., .1, .05):
            label = f'{classes:,} classes, rate {sample_rate:g}'
            planned = head_memory(classes, dims, 1, batch, sample_rate, views=1)['all'] / 2 ** 30
            try:
                took, peak = _head_step(scale, classes, dims, batch, sample_rate)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                yield Result(label, 0., 'ms/step', {'': 'out of memory',
                                                    'by formula': f'{planned:.1f} GiB'})
                continue
            finally:
                if scale.device == 'cuda':
                    torch.cuda.empty_cache()
            yield Result(label, 1e3 * took, 'ms/step', {
                'memory': f'{peak:.1f} GiB' if peak else 'not measured on a CPU',
                'by formula': f'{planned:.1f} GiB'})


def _head_step(scale: Scale, classes: int, dims: int, batch: int, sample_rate: float):
    with torch.device(scale.device):
        head = PartialFCHead(classes, in_channels=dims, sample_rate=sample_rate,
                             check_memory=False).to(scale.device)
    optimizer = torch.optim.SGD(head.parameters(), lr=.1, momentum=.9,
                                **(dict(fused=True) if scale.device == 'cuda' else {}))
    head.bind(optimizer)
    embeddings = torch.randn(batch, dims, device=scale.device, requires_grad=True)
    labels = torch.randint(0, classes, (batch,), device=scale.device)

    def step() -> None:
        head.loss(embeddings, labels)['loss'].backward()
        optimizer.step()
        optimizer.zero_grad()
        head.new_step()

    step()
    if scale.device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    took = seconds(step, 3)
    return took, torch.cuda.max_memory_allocated() / 2 ** 30 if scale.device == 'cuda' else 0.


@part('Embedding', 45)
def embedding(scale: Scale) -> Iterator[Result]:
    """Throughput of the network alone, from uint8 images on the device."""
    batch = 8 if scale.dry else 1024
    for name, model in scale.step_models[:1]:
        for dtype, compiled in ((torch.float32, False), (torch.bfloat16, False),
                                (torch.float16, False), (torch.float16, True)):
            if scale.dry and (compiled or dtype == torch.float16):
                continue
            mode = Mode('', channels_last=True, compile=dict(backend='inductor') if compiled
                        else None)
            trainer = GPUTrainer(model, batch, scale.classes, scale.device, mode, dtype=dtype)
            yield Result(f'{name}, {str(dtype).removeprefix("torch.")}'
                         f'{", compiled" if compiled else ""}, batch {batch}',
                         rate(trainer.embeddings, batch, scale.repeats), 'images/s')


@part('ViT with fused attention', 45)
def vit(scale: Scale) -> Iterator[Result]:
    """A step with each attention kernel, in bfloat16."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    batch = scale.batch_sizes[0]
    kernels = (('flash attention', SDPBackend.FLASH_ATTENTION), ('math', SDPBackend.MATH))
    for name, backend in kernels:
        trainer = GPUTrainer(scale.vit, batch, scale.classes, scale.device, Mode('', bf16=True))
        try:
            with sdpa_kernel(backend):
                yield Result(f'{scale.vit["backbone"]["model_name"]}, {name}, batch {batch}',
                             rate(trainer.step, batch, scale.repeats), 'samples/s')
        except RuntimeError as error:
            yield Result(f'{scale.vit["backbone"]["model_name"]}, {name}, batch {batch}', 0.,
                         'samples/s', {'': str(error).partition('\n')[0]})


@part('1:N search', 25)
def search(scale: Scale) -> Iterator[Result]:
    """Best of a gallery on the device, in one product a chunk of probes."""
    dims, probes = 512, 64 if scale.dry else 4096
    for dtype in (torch.float32, torch.float16) if scale.device == 'cuda' else (torch.float32,):
        gallery = F.normalize(torch.randn(scale.gallery, dims, device=scale.device)).to(dtype)
        wanted = F.normalize(torch.randn(probes, dims, device=scale.device)).to(dtype)

        def run(wanted=wanted, gallery=gallery) -> None:
            for part_ in wanted.split(512):
                (part_ @ gallery.T).topk(min(20, len(gallery)))

        yield Result(f'{scale.gallery:,} entries, {str(dtype).removeprefix("torch.")}, top 20',
                     rate(run, probes, 3), 'probes/s')


def _jpegs(count: int) -> list[bytes]:
    source = SyntheticFaces(max(2, count // 20), 20)
    made = [source.read(i)[0] for i in range(min(count, 200, len(source)))]
    return [made[i % len(made)] for i in range(count)]


@part('Decoding', 30)
def decoding(scale: Scale) -> Iterator[Result]:
    """JPEGs of 112 px: torchvision's nvJPEG on the device against one CPU core."""
    import cv2
    from torchvision.io import decode_jpeg
    count = min(scale.images, 512)
    encoded = _jpegs(count)
    yield Result('OpenCV, one core', rate(lambda: [cv2.imdecode(np.frombuffer(data, np.uint8), 1)
                                                   for data in encoded], count, 2), 'images/s')
    tensors = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in encoded]
    yield Result(f'torchvision, {scale.device}', rate(
        lambda: decode_jpeg(tensors, device=scale.device) if scale.device == 'cuda'
        else [decode_jpeg(data) for data in tensors], count, 2), 'images/s',
        {'workers to keep up with': os.cpu_count()})


@part('A short training from RecordIO', 60)
def training(scale: Scale) -> Iterator[Result]:
    """Loader, copy and step together, against the slower of loader and step alone."""
    from lrfr_mm.datasets.sources import write_record_io
    batch = scale.batch_sizes[0]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        source = SyntheticFaces(max(2, min(scale.images, 400) // 20), 20)
        write_record_io(folder, source)
        people = source.num_classes
        dataset = FaceDataset(dict(type='RecordIOFaces', root=folder))
        workers = 0 if scale.dry else max(1, (os.cpu_count() or 2) - 1)
        indices = np.random.default_rng(0).integers(0, len(dataset), 4 * batch if scale.dry
                                                    else 60 * batch).tolist()
        model = copy.deepcopy(scale.step_models[0][1])
        model['data_preprocessor'] = dict(type='FacePreprocessor', multi_res=dict(),
                                          non_blocking=True)
        mode = Mode('', bf16=True, channels_last=True)
        trainer = GPUTrainer(model, batch, people, scale.device, mode)

        def loader():
            return DataLoader(dataset, batch, sampler=indices, num_workers=workers,
                              collate_fn=face_collate, drop_last=True,
                              pin_memory=scale.device == 'cuda')

        alone = rate(trainer.step, batch, scale.repeats)
        reading = rate(lambda: [None for _ in loader()], len(indices), 1)
        together = rate(lambda: [trainer.step(data) for data in loader()], len(indices), 1)
    promised = min(alone, reading)
    yield Result('step alone', alone, 'samples/s', {'batch': batch})
    yield Result('loader alone', reading, 'samples/s', {'workers': workers})
    yield Result('training', together, 'samples/s',
                 {'of the slower part': f'{100 * together / promised:.0f} %'})
