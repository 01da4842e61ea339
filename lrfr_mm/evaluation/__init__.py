from lrfr_mm.evaluation.metrics import *  # noqa: F403
