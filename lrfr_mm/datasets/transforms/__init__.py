from lrfr_mm.datasets.transforms.adaface_augmentations import (
    RandomLowResolution,
    RandomPhotometric,
    RandomZeroCrop,
)
from lrfr_mm.datasets.transforms.align_face import AlignFace
from lrfr_mm.datasets.transforms.alignment_jitter import AlignmentJitter
from lrfr_mm.datasets.transforms.crop_face import CropFace
from lrfr_mm.datasets.transforms.multi_res_aug import MultiResAug, MultiResDraw
from lrfr_mm.datasets.transforms.random_transform import RandomTransform
from lrfr_mm.datasets.transforms.simple import FaceFlip, FixedResolution, RandomFlip, ResizeFace

__all__ = ['AlignFace', 'AlignmentJitter', 'CropFace', 'FaceFlip', 'FixedResolution', 'MultiResAug',
           'MultiResDraw', 'RandomFlip', 'RandomLowResolution', 'RandomPhotometric',
           'RandomTransform', 'RandomZeroCrop', 'ResizeFace']
