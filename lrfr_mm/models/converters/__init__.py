"""Public recognizers' checkpoints: a file a project, a layout an architecture."""
from lrfr_mm.models.converters.adaface import AdaFaceConverter
from lrfr_mm.models.converters.arcface_torch import ArcFaceTorchConverter
from lrfr_mm.models.converters.base import (
    Converted,
    Converter,
    convert_tensors,
    converter_kinds,
)
from lrfr_mm.models.converters.cvlface import CVLFaceConverter
from lrfr_mm.models.converters.facenet_pytorch import FaceNetPyTorchConverter
from lrfr_mm.models.converters.magface import MagFaceConverter
from lrfr_mm.models.converters.reading import read_tensors

__all__ = ['AdaFaceConverter', 'ArcFaceTorchConverter', 'CVLFaceConverter', 'Converted',
           'Converter', 'FaceNetPyTorchConverter', 'MagFaceConverter', 'convert_tensors',
           'converter_kinds', 'read_tensors']
