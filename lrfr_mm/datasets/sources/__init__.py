from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.datasets.sources.combine import ConcatFaces, SubsetFaces
from lrfr_mm.datasets.sources.folder import FolderFaces
from lrfr_mm.datasets.sources.record_io import RecordIOFaces, write_record_io
from lrfr_mm.datasets.sources.synthetic import SyntheticFaces

__all__ = ['ConcatFaces', 'FaceSource', 'FolderFaces', 'RecordIOFaces', 'SubsetFaces',
           'SyntheticFaces', 'write_record_io']
