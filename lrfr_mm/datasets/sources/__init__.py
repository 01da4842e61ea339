from lrfr_mm.datasets.formats import (
    FolderFaces,
    LMDBFaces,
    ParquetFaces,
    RecordIOFaces,
    ShardFaces,
    write_record_io,
)
from lrfr_mm.datasets.sources.aligned import AlignedFaces
from lrfr_mm.datasets.sources.base import FaceSource, check_source_labels, count_labels
from lrfr_mm.datasets.sources.combine import ConcatFaces, SubsetFaces
from lrfr_mm.datasets.sources.morphed import MorphedFaces
from lrfr_mm.datasets.sources.scface import SCfaceFaces
from lrfr_mm.datasets.sources.synthetic import SyntheticFaces
from lrfr_mm.datasets.sources.unlabelled import UnlabelledFaces

# The sources of the storage formats live in lrfr_mm.datasets.formats; their names stay here too.
__all__ = ['AlignedFaces', 'ConcatFaces', 'FaceSource', 'FolderFaces', 'LMDBFaces', 'MorphedFaces',
           'ParquetFaces', 'RecordIOFaces', 'SCfaceFaces', 'ShardFaces', 'SubsetFaces',
           'SyntheticFaces', 'UnlabelledFaces', 'check_source_labels', 'count_labels',
           'write_record_io']
