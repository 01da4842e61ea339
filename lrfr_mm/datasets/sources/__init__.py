from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.datasets.sources.folder import FolderFaces
from lrfr_mm.datasets.sources.record_io import RecordIOFaces, write_record_io
from lrfr_mm.datasets.sources.synthetic import SyntheticFaces

__all__ = ['FaceSource', 'FolderFaces', 'RecordIOFaces', 'SyntheticFaces', 'write_record_io']
