"""Training steps and embedding, with the share of the device's matrix-product rate they reach."""
from __future__ import annotations

import copy
import resource
import time
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

from lrfr_mm.analysis.benchmark.timing import Result, rate, seconds
from lrfr_mm.registry import MODELS
from lrfr_mm.structures import FaceDataSample

__all__ = ['benchmark_step', 'compare_steps', 'matmul_ceiling']


def matmul_ceiling(device: str, dtype: torch.dtype) -> float:
    """GFLOP/s of a large matrix product, the most that a network can hope for."""
    n = 8192 if device == 'cuda' else 2048
    a, b = torch.randn(n, n, device=device, dtype=dtype), torch.randn(n, n, device=device,
                                                                      dtype=dtype)
    return 2e-9 * n ** 3 / seconds(lambda: a @ b, repeats=7, warmup=2)


class _Trainer:
    """A recognizer with its optimizer and one batch; ``step()`` trains, ``embed()`` embeds."""

    def __init__(self, model: dict, batch_size: int, num_classes: int, bf16: bool,
                 channels_last: bool, device: str, compile: bool = False, joint: bool = False):
        config = copy.deepcopy(model)
        if compile:
            config['compile'] = dict(backend='inductor')
        if joint:
            config['joint_forward'] = True
        config['head']['num_classes'] = num_classes
        config['channels_last'] = channels_last
        torch.manual_seed(0)
        self.network = MODELS.build(config).to(device).train()
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=.01, momentum=.9,
                                         weight_decay=5e-4)
        images = torch.randint(0, 256, (batch_size, 112, 112, 3), dtype=torch.uint8)
        self.images = images.permute(0, 3, 1, 2)
        samples = FaceDataSample(gt_label=torch.randint(0, num_classes, (batch_size,)),
                                 rng_key=torch.randint(0, 2 ** 62, (batch_size,)))
        self.batch = dict(inputs=dict(hr=self.images), data_samples=samples)
        self.two_views = self.network.data_preprocessor.multi_res is None
        if self.two_views:
            self.batch['inputs']['lr'] = self.images.flip(-1)
        self.bf16, self.device = bf16, device
        self.phases = dict.fromkeys(('preprocess', 'forward', 'backward', 'update'), 0.)

    def _tick(self, phase: str, start: float) -> float:
        if self.device == 'cuda':
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.phases[phase] += now - start
        return now

    def _context(self):
        return torch.autocast(self.device, torch.bfloat16, enabled=self.bf16)

    def step(self) -> None:
        start = time.perf_counter()
        data = self.network.data_preprocessor(self.batch, training=True)
        start = self._tick('preprocess', start)
        with self._context():
            loss = sum(self.network.loss(**data).values())
        start = self._tick('forward', start)
        loss.backward()
        start = self._tick('backward', start)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._tick('update', start)

    def bytes_moved(self) -> tuple[int, int]:
        """Bytes that a step copies to the device (uint8 images), and that SGD with momentum reads
        and writes at least: weights and momentum both, gradients once.
        """
        copied = sum(view.numel() for view in self.batch['inputs'].values())
        updated = sum(5 * p.numel() * p.element_size() for p in self.network.parameters())
        return copied, updated

    @torch.no_grad()
    def forward_flop(self) -> int:
        """Floating-point operations of the loss's forward pass, a multiplication and an addition
        counted as two.

        (torch's counter takes the backward pass of grouped convolutions for that of whole ones.)
        """
        data = self.network.data_preprocessor(self.batch, training=True)
        network, self.network._embed = self.network._embed, self.network._network
        with FlopCounterMode(display=False) as counter:
            self.network.loss(**data)
        self.network._embed = network
        return counter.get_total_flops()

    @torch.no_grad()
    def embed(self) -> None:
        data = self.network.data_preprocessor(dict(inputs=dict(hr=self.images)))
        with self._context():
            self.network(data['inputs'])


def benchmark_step(model: dict, name: str, batch_size: int = 16, num_classes: int = 10575,
                   bf16: bool = False, channels_last: bool = True, repeats: int = 5,
                   device: str | None = None, trace: str | None = None) -> list[Result]:
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
        trace: Write a Chrome trace of one step to this file.

    Returns:
        Samples/s of the step with time by phase, bytes moved, peak memory (of the GPU, or of the
        process so far) and MFU (three times the forward pass's operations as a share of the
        measured matrix-product rate; fast convolution algorithms can exceed it), and images/s of
        embedding.
    """
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    trainer = _Trainer(model, batch_size, num_classes, bf16, channels_last, device)
    gflop = 3 * trainer.forward_flop() / batch_size / 1e9
    for _ in range(2):
        trainer.step()
    trainer.phases = dict.fromkeys(trainer.phases, 0.)
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    per_second = batch_size / seconds(trainer.step, repeats, warmup=0)
    total = sum(trainer.phases.values())
    ceiling = matmul_ceiling(device, torch.bfloat16 if bf16 else torch.float32)
    extra = {'GFLOP/sample': round(gflop, 2), 'MFU': f'{100 * gflop * per_second / ceiling:.0f} % '
             f'of {ceiling:,.0f} GFLOP/s'}
    extra.update({phase: f'{100 * spent / total:.0f} %' for phase, spent in
                  trainer.phases.items()})
    extra['bound by'] = max(trainer.phases, key=trainer.phases.get)
    copied, updated = trainer.bytes_moved()
    extra['moved a step'] = (f'{copied / 2 ** 20:.1f} MiB of images, {updated / 2 ** 20:,.0f} MiB '
                             'by the update')
    peak = (torch.cuda.max_memory_allocated() if device == 'cuda' else
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    extra['peak memory'] = f'{peak / 2 ** 30:.1f} GiB'
    if trace is not None:
        with torch.profiler.profile() as profile:
            trainer.step()
        profile.export_chrome_trace(trace)
    kind = f'{name}, {"bf16" if bf16 else "fp32"}{", channels last" if channels_last else ""}'
    trainer.network.eval()
    return [Result(f'train step, {kind}, batch {batch_size}', per_second, 'samples/s', extra),
            Result(f'embedding, {kind}, batch {batch_size}',
                   rate(trainer.embed, batch_size, repeats), 'images/s')]


def compare_steps(models: dict[str, dict], batch_size: int = 16, num_classes: int = 10575,
                  repeats: int = 7, device: str | None = None) -> list[Result]:
    """Training steps of two settings in turn, so that a drift of the machine hits both.

    Args:
        models: Two names to dicts of ``model`` (a recognizer's config), ``bf16``,
            ``channels_last``, ``compile`` and ``joint``.
        batch_size, num_classes, repeats, device: As of ``benchmark_step``.

    Returns:
        Samples/s of each, and the median of the ratios of neighbouring steps, second to first.
    """
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    trainers = {name: _Trainer(batch_size=batch_size, num_classes=num_classes, device=device,
                               **settings) for name, settings in models.items()}
    times = {name: [] for name in trainers}
    for round_ in range(repeats + 1):
        for name, trainer in trainers.items():
            took = seconds(trainer.step, 1, warmup=0)
            if round_:
                times[name].append(took)
    results = [Result(f'train step, {name}', batch_size / median(values), 'samples/s')
               for name, values in times.items()]
    first, second = times.values()
    ratios = sorted(a / b for a, b in zip(first, second, strict=True))
    return [*results, Result('second against first, in turn', median(ratios), 'x',
                             {'least': ratios[0], 'most': ratios[-1]})]
