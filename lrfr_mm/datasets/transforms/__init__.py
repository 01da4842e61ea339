from lrfr_mm.datasets.transforms.align_face import AlignFace
from lrfr_mm.datasets.transforms.multi_res_aug import MultiResAug, MultiResDraw
from lrfr_mm.datasets.transforms.random_transform import RandomTransform
from lrfr_mm.datasets.transforms.simple import FaceFlip, FixedResolution, RandomFlip, ResizeFace

__all__ = ['AlignFace', 'FaceFlip', 'FixedResolution', 'MultiResAug', 'MultiResDraw', 'RandomFlip',
           'RandomTransform', 'ResizeFace']
