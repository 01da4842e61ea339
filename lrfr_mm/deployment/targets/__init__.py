"""Export targets, a file each."""
from lrfr_mm.deployment.targets.base import ExportTarget
from lrfr_mm.deployment.targets.onnx import ONNXTarget
from lrfr_mm.deployment.targets.openvino import OpenVINOTarget
from lrfr_mm.deployment.targets.torch_export import TorchExportTarget

__all__ = ['ExportTarget', 'ONNXTarget', 'OpenVINOTarget', 'TorchExportTarget']
