import lrfr_mm.registry  # noqa: F401  before anything imports mmengine.optim
from lrfr_mm.models.adapters import *
from lrfr_mm.models.backbones import *
from lrfr_mm.models.data_preprocessor import FacePreprocessor  # noqa: F401
from lrfr_mm.models.heads import *
from lrfr_mm.models.losses import *
from lrfr_mm.models.necks import *
from lrfr_mm.models.recognizers import *
from lrfr_mm.models.teachers import *
from lrfr_mm.safe_loading import allow_checkpoint_classes

allow_checkpoint_classes()
