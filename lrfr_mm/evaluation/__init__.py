from lrfr_mm.evaluation.metrics import *
