import lrfr_mm.registry  # noqa: F401  before anything imports mmengine.optim
