"""A recognizer, its optimizer and a batch in pinned memory: a step without a synchronisation."""
from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from lrfr_mm.registry import MODELS
from lrfr_mm.structures import FaceDataSample

__all__ = ['GPUTrainer', 'Mode']


@dataclass(frozen=True)
class Mode:
    """How a step is run.

    Attributes:
        name: For the table.
        bf16: Under bfloat16 autocast.
        channels_last: Weights in channels-last layout.
        compile: Arguments of ``torch.compile``, or None.
        joint: Both views in one pass.
    """

    name: str
    bf16: bool = False
    channels_last: bool = False
    compile: dict | None = None
    joint: bool = False

    def of_dry_run(self) -> Mode:
        """The same under its name without ``torch.compile`` and without bfloat16, which a CPU may
        have to emulate.
        """
        return replace(self, compile=None, bf16=False)

    @property
    def graphs(self) -> bool:
        """Whether it runs as CUDA graphs."""
        return self.compile is not None and (self.compile.get('mode') == 'reduce-overhead'
                                             or self.compile.get('backend') == 'cudagraphs')


class GPUTrainer:
    """Trains on one random batch.

    Args:
        model: Config of a recognizer.
        batch: Faces a step; each is seen twice.
        classes: Identities of the head.
        device: 'cuda' or 'cpu'.
        mode: How to run.
        lr: Learning rate of SGD.
        dtype: Of the weights; for embedding alone.
        drawn_on: Device that draws the initial weights, whose numbers depend on it; default
            ``device``, where a GPU is faster.
    """

    def __init__(self, model: dict, batch: int, classes: int, device: str, mode: Mode,
                 lr: float = .01, dtype: torch.dtype = torch.float32,
                 drawn_on: str | None = None):
        config = copy.deepcopy(model)
        config['head']['num_classes'] = classes
        config.update(channels_last=mode.channels_last, joint_forward=mode.joint, compile=None
                      if mode.compile is None else dict(mode.compile, dynamic=False))
        torch.manual_seed(0)
        torch.compiler.reset()  # else the batch of the last model makes this one's size dynamic
        with torch.device(drawn_on or device):
            network = MODELS.build(config)
        self.network = network.to(device).train()
        self.device, self.mode, self.dtype = device, mode, dtype
        if dtype != torch.float32:
            for part in (self.network.backbone, self.network.neck):
                part.to(dtype)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=lr, momentum=.9,
                                         weight_decay=5e-4, fused=device == 'cuda')
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(0, 256, (batch, 112, 112, 3), generator=generator,
                               dtype=torch.uint8).permute(0, 3, 1, 2)
        inputs = dict(hr=images)
        if self.network.data_preprocessor.multi_res is None:
            inputs['lr'] = images.flip(-1).contiguous(memory_format=torch.channels_last)
        samples = FaceDataSample(
            gt_label=torch.randint(0, classes, (batch,), generator=generator),
            rng_key=torch.randint(0, 2 ** 62, (batch,), generator=generator))
        if device == 'cuda':
            inputs = {view: tensor.pin_memory() for view, tensor in inputs.items()}
            samples = samples.pin_memory()
        self.batch = dict(inputs=inputs, data_samples=samples)

    def copy(self) -> None:
        """Copy the batch to the device."""
        for images in self.batch['inputs'].values():
            images.to(self.device, non_blocking=True)

    def step(self, batch: dict | None = None) -> torch.Tensor:
        """One step; returns the loss on the device, without waiting for it."""
        if self.mode.graphs:
            torch.compiler.cudagraph_mark_step_begin()
        data = self.network.data_preprocessor(batch or self.batch, training=True)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.mode.bf16):
            loss = sum(self.network.loss(**data).values())
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    @torch.no_grad()
    def embeddings(self) -> torch.Tensor:
        """Embeddings of the batch's HR images, float32 (B, D); call ``network.eval()`` before."""
        data = self.network.data_preprocessor(dict(inputs=dict(hr=self.batch['inputs']['hr'])))
        with torch.autocast(self.device, torch.bfloat16, enabled=self.mode.bf16):
            return self.network.embed(data['inputs']['hr'].to(self.dtype)).float()

    @staticmethod
    def gflop(model: dict) -> float:
        """GFLOP of a training sample: three times the forward pass of both views, 2 x MAC."""
        return _gflop(json.dumps(dict(type='LRFRecognizer', backbone=model['backbone'],
                                      neck=model['neck'])))


@lru_cache(maxsize=8)
def _gflop(model: str) -> float:
    network = MODELS.build(json.loads(model)).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.embed(torch.zeros(1, 3, 112, 112))
    return 3 * 2 * counter.get_total_flops() / 1e9
