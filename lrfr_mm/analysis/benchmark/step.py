"""Training steps and embedding, with the share of the device's matrix-product rate they reach."""
from __future__ import annotations

import copy
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from lrfr_mm.analysis.benchmark.timing import Result, rate, seconds
from lrfr_mm.registry import MODELS
from lrfr_mm.structures import FaceDataSample

__all__ = ['benchmark_step', 'matmul_ceiling']


def matmul_ceiling(device: str, dtype: torch.dtype) -> float:
    """GFLOP/s of a large matrix product, the most that a network can hope for."""
    n = 8192 if device == 'cuda' else 2048
    a, b = torch.randn(n, n, device=device, dtype=dtype), torch.randn(n, n, device=device,
                                                                      dtype=dtype)
    return 2e-9 * n ** 3 / seconds(lambda: a @ b, repeats=7, warmup=2)


def benchmark_step(model: dict, name: str, batch_size: int = 16, num_classes: int = 10575,
                   bf16: bool = False, channels_last: bool = True, repeats: int = 5,
                   device: str | None = None) -> list[Result]:
    """One SGD step of the method (both views), and embedding alone.

    Args:
        model: Config of a recognizer.
        name: What to call it.
        batch_size: Faces a step; each is seen twice.
        num_classes: Identities of the head.
        bf16: Under bfloat16 autocast.
        channels_last: Weights in channels-last layout.
        repeats: Steps timed.
        device: 'cpu' or 'cuda'; default the GPU where there is one.

    Returns:
        Samples/s of the step with time by phase, peak GPU memory and MFU (share of the measured
        matrix-product rate), and images/s of embedding.
    """
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    config = copy.deepcopy(model)
    config['head']['num_classes'] = num_classes
    torch.manual_seed(0)
    network = MODELS.build(config).to(device)
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=.01, momentum=.9, weight_decay=5e-4)
    images = torch.randint(0, 256, (batch_size, 112, 112, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    samples = FaceDataSample(gt_label=torch.randint(0, num_classes, (batch_size,)))
    batch = dict(inputs=dict(hr=images, lr=images.flip(-1)), data_samples=samples)

    def context():
        return torch.autocast(device, torch.bfloat16, enabled=bf16)

    phases = dict.fromkeys(('preprocess', 'forward', 'backward', 'update'), 0.)

    def tick(phase, start):
        if device == 'cuda':
            torch.cuda.synchronize()
        now = time.perf_counter()
        phases[phase] += now - start
        return now

    def step():
        start = time.perf_counter()
        data = network.data_preprocessor(batch, training=True)
        start = tick('preprocess', start)
        with context():
            loss = sum(network.loss(**data).values())
        start = tick('forward', start)
        loss.backward()
        start = tick('backward', start)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        tick('update', start)

    network.train()
    with FlopCounterMode(display=False) as counter:
        step()
    gflop = counter.get_total_flops() / batch_size / 1e9
    step()
    phases.update(dict.fromkeys(phases, 0.))
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    per_second = batch_size / seconds(step, repeats, warmup=0)
    total = sum(phases.values())
    ceiling = matmul_ceiling(device, torch.bfloat16 if bf16 else torch.float32)
    extra = {'GFLOP/sample': round(gflop, 2), 'MFU': f'{100 * gflop * per_second / ceiling:.0f} % '
             f'of {ceiling:,.0f} GFLOP/s'}
    extra.update({phase: f'{100 * spent / total:.0f} %' for phase, spent in phases.items()})
    if device == 'cuda':
        extra['peak memory'] = f'{torch.cuda.max_memory_allocated() / 2 ** 30:.1f} GiB'
    kind = f'{name}, {"bf16" if bf16 else "fp32"}{", channels last" if channels_last else ""}'
    network.eval()

    @torch.no_grad()
    def embed():
        data = network.data_preprocessor(dict(inputs=dict(hr=images)))
        with context():
            network(data['inputs'])

    return [Result(f'train step, {kind}, batch {batch_size}', per_second, 'samples/s', extra),
            Result(f'embedding, {kind}, batch {batch_size}', rate(embed, batch_size, repeats),
                   'images/s')]
