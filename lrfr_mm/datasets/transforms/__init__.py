from lrfr_mm.datasets.transforms.multi_res_aug import MultiResAug, MultiResDraw
from lrfr_mm.datasets.transforms.simple import FixedResolution, RandomFlip, ResizeFace

__all__ = ['FixedResolution', 'MultiResAug', 'MultiResDraw', 'RandomFlip', 'ResizeFace']
