from lrfr_mm.datasets.transforms.align_face import AlignFace
from lrfr_mm.datasets.transforms.multi_res_aug import MultiResAug, MultiResDraw
from lrfr_mm.datasets.transforms.simple import FixedResolution, RandomFlip, ResizeFace

__all__ = ['AlignFace', 'FixedResolution', 'MultiResAug', 'MultiResDraw', 'RandomFlip',
           'ResizeFace']
