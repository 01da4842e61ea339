from lrfr_mm.datasets.sources.aligned import AlignedFaces
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.datasets.sources.combine import ConcatFaces, SubsetFaces
from lrfr_mm.datasets.sources.folder import FolderFaces
from lrfr_mm.datasets.sources.lmdb_faces import LMDBFaces
from lrfr_mm.datasets.sources.parquet import ParquetFaces
from lrfr_mm.datasets.sources.record_io import RecordIOFaces, write_record_io
from lrfr_mm.datasets.sources.scface import SCfaceFaces
from lrfr_mm.datasets.sources.shards import ShardFaces
from lrfr_mm.datasets.sources.synthetic import SyntheticFaces

__all__ = ['AlignedFaces', 'ConcatFaces', 'FaceSource', 'FolderFaces', 'LMDBFaces',
           'ParquetFaces', 'RecordIOFaces', 'SCfaceFaces', 'ShardFaces', 'SubsetFaces',
           'SyntheticFaces', 'write_record_io']
