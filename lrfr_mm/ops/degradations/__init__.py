"""Ways to a low resolution: the method's own, other people's code, and cameras.

The method shrinks by an antialiased bicubic kernel (:mod:`lrfr_mm.ops.resample`). A further way is
one file: a function ``(image, resolution) -> image`` under ``@register(name)``, imported here or by
``custom_imports``. Transforms, the preprocessor's ``multi_res`` and the resolution sweep find it.
"""
from lrfr_mm.ops.degradations import kernels  # noqa: I001  (the order of the names in the table)
from lrfr_mm.ops.degradations import camera
from lrfr_mm.ops.degradations import second_order
from lrfr_mm.ops.degradations.table import (
    DEGRADATIONS,
    check_degradation,
    degrade_image,
    degrade_images,
    register,
)

__all__ = ['DEGRADATIONS', 'camera', 'check_degradation', 'degrade_image', 'degrade_images',
           'kernels', 'register', 'second_order']
