"""Use a trained recognizer."""
import lrfr_mm.registry  # noqa: F401  before anything imports mmengine.optim
from lrfr_mm.apis.conversion import convert_checkpoint
from lrfr_mm.apis.embedder import Embedder
from lrfr_mm.apis.model_zoo import get_model, list_models

__all__ = ['Embedder', 'convert_checkpoint', 'get_model', 'list_models']
