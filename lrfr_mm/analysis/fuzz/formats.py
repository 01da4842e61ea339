"""Storage formats, as the converter writes them."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lrfr_mm.analysis.fuzz.cases import fuzz_case
from lrfr_mm.datasets import FolderFaces, SyntheticFaces
from lrfr_mm.datasets.convert import convert
from lrfr_mm.datasets.formats import detect_source

__all__ = []

# A file of each format that is damaged: its place in the converted set.
_FILES = {'recordio': ('train.rec', 'train.idx', 'property', 'people.txt'),
          'lmdb': ('data.mdb',), 'shards': ('faces-000000.tar', 'shards.json'),
          'parquet': ('part-000000.parquet',)}


def _read(path: Path) -> None:
    """Open the set and read its labels, names and all records."""
    source = detect_source(str(path.parent))
    if source.streaming:
        for _ in source.stream(0, 0, 0, len(source)):
            pass
        return
    source.labels()
    for index in range(len(source)):
        source.read(index)
        source.name(index)


def _writer(name: str, file: str) -> Callable[[Path], Path]:
    def write(directory: Path) -> Path:
        convert(SyntheticFaces(3, 2), 'folder', str(directory / 'people'), progress=False)
        convert(FolderFaces(str(directory / 'people')), name, str(directory / 'set'),
                progress=False)
        return directory / 'set' / file
    return write


for _name, _files in _FILES.items():
    for _file in _files:
        fuzz_case(f'{_name} {_file}', _read, one_set=True)(_writer(_name, _file))
