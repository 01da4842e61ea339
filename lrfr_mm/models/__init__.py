from lrfr_mm.models.backbones import *  # noqa: F403
from lrfr_mm.models.data_preprocessor import FacePreprocessor  # noqa: F401
from lrfr_mm.models.heads import *  # noqa: F403
from lrfr_mm.models.losses import *  # noqa: F403
from lrfr_mm.models.necks import *  # noqa: F403
from lrfr_mm.models.recognizers import *  # noqa: F403
