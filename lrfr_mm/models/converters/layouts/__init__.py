from lrfr_mm.models.converters.layouts.base import Architecture, Layout
from lrfr_mm.models.converters.layouts.inception import InceptionLayout
from lrfr_mm.models.converters.layouts.ir import IRLayout
from lrfr_mm.models.converters.layouts.iresnet import IResNetLayout
from lrfr_mm.models.converters.layouts.vit import ViTLayout

__all__ = ['Architecture', 'IRLayout', 'IResNetLayout', 'InceptionLayout', 'Layout', 'ViTLayout']
