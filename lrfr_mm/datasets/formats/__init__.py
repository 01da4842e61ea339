from lrfr_mm.datasets.formats.base import (
    FaceFormat,
    detect_format,
    detect_source,
    format_names,
)
from lrfr_mm.datasets.formats.folder import FolderFaces, FolderFormat
from lrfr_mm.datasets.formats.lmdb_faces import LMDBFaces, LMDBFormat
from lrfr_mm.datasets.formats.parquet import ParquetFaces, ParquetFormat
from lrfr_mm.datasets.formats.record_io import RecordIOFaces, RecordIOFormat, write_record_io
from lrfr_mm.datasets.formats.shards import ShardFaces, ShardFormat

__all__ = ['FaceFormat', 'FolderFaces', 'FolderFormat', 'LMDBFaces', 'LMDBFormat', 'ParquetFaces',
           'ParquetFormat', 'RecordIOFaces', 'RecordIOFormat', 'ShardFaces', 'ShardFormat',
           'detect_format', 'detect_source', 'format_names', 'write_record_io']
