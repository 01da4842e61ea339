import lrfr_mm.registry  # noqa: F401  before anything imports mmengine.optim
from lrfr_mm.evaluation.metrics import *
