"""Trained recognizers in other runtimes, with what each of them costs in accuracy."""
import lrfr_mm.registry  # noqa: F401  before anything imports mmengine.optim
from lrfr_mm.deployment.export import ExportRefusedError, export_recognizer
from lrfr_mm.deployment.network import ExportNetwork
from lrfr_mm.deployment.parity import ParityFaces, ParityReport, measure_parity
from lrfr_mm.deployment.targets import ExportTarget

__all__ = ['ExportNetwork', 'ExportRefusedError', 'ExportTarget', 'ParityFaces', 'ParityReport',
           'export_recognizer', 'measure_parity']
