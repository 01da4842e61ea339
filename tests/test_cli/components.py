"""A network of one layer and a detector of red dots, for the tests of the commands."""
import numpy as np
import torch
from torch import nn

from lrfr_mm.registry import DETECTORS, MODELS
from tests.test_apis.test_inferencer import Marker


@DETECTORS.register_module(force=True)
class RedDots(Marker):
    """A face of 56 px for each red dot, 40 px below the dot."""

    def detect(self, image):
        return super().detect(np.roll(image, 40, axis=0))


@DETECTORS.register_module(force=True)
class RedSpecks(RedDots):
    """A face of 5 px at each red dot."""

    def detect(self, image):
        found = super().detect(image)
        for face in found:
            centre = face.landmarks.mean(0)
            face.landmarks[:] = centre + (face.landmarks - centre) * 5 / 56
        return found


@MODELS.register_module(force=True)
class OneLayer(nn.Module):
    """Means over blocks of 14 px, then a linear layer: (B, 3, 112, 112) to (B, 16)."""

    img_size, out_channels = 112, 16

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(192, 16, bias=False)

    def forward(self, images):
        blocks = nn.functional.avg_pool2d(images, 14)
        return self.layer((blocks - blocks.mean((2, 3), keepdim=True)).flatten(1))


def write_recognizer(folder, seed=0):
    """A config and a checkpoint of :class:`OneLayer`; returns their paths."""
    config, weights = folder / f'net{seed}.py', folder / f'net{seed}.pth'
    config.write_text("model = dict(type='LRFRecognizer', backbone=dict(type='OneLayer'),\n"
                      "             neck=dict(type='IdentityNeck'),\n"
                      "             data_preprocessor=dict(type='FacePreprocessor'))\n")
    torch.manual_seed(seed)
    torch.save({f'backbone.{key}': value for key, value in OneLayer().state_dict().items()},
               weights)
    return config, weights
