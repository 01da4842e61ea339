"""From any source of faces to any storage format: in parallel, resumable, byte for byte.

A conversion builds ``ROOT.part`` beside its destination out of chunks that are each written whole,
and moves it to ``ROOT`` when everything is there: a kill leaves no ``ROOT``, and a second start
makes the missing chunks.
"""
from __future__ import annotations

from pathlib import Path

from lrfr_mm.datasets.decode import image_suffix
from lrfr_mm.datasets.formats.base import FaceFormat, detect_source, format_names
from lrfr_mm.datasets.jobs import ChunkWork, building, run_chunks
from lrfr_mm.datasets.sources.base import FaceSource, check_people, check_source_labels
from lrfr_mm.errors import InputError
from lrfr_mm.registry import FORMATS

__all__ = ['FORMATS', 'convert', 'detect_source', 'format_names', 'image_suffix']


class _Conversion(ChunkWork):
    """Writes one chunk of a format."""

    def __init__(self, format_: FaceFormat):
        self.format = format_

    def write(self, start: int, stop: int, path: Path) -> None:
        self.format.write_chunk(start, stop, path)


def convert(source: FaceSource, to: str, root: str, workers: int = 1, chunk: int = 2000,
            size: int = 112, progress: bool = True, cluster: str = 'local') -> None:
    """Write ``source`` to ``root`` in the format ``to``.

    Args:
        source: Any source whose ``read`` gives encoded images.
        to: Name of a format of FORMATS: 'folder', 'recordio', 'lmdb', 'shards', 'parquet' or one
            that was registered.
        root: Destination; must not be there yet.
        workers: Processes.
        chunk: Images of a shard, a Parquet file, or a step of the work.
        size: Image side that RecordIO's ``property`` states, px.
        progress: Show a bar.
        cluster: Where the processes run; see :func:`lrfr_mm.datasets.jobs.run_chunks`.

    Raises:
        InputError: For an unknown format; for an image that is none, or a label or a name that the
            format cannot hold; the text names it.
        InputExistsError: If ``root`` is there, or ``root.part`` is of another conversion.
        OutputError: If something cannot be written (full disk, read-only directory).
    """
    if to not in format_names():
        raise InputError(f'format must be one of {", ".join(format_names())}, got {to!r}')
    if len(source) == 0:
        raise InputError(f'{source} holds no image')
    if source.people:
        check_people(list(source.people), source.num_classes, f'people of {source}')
    FORMATS.get(to).check(source)
    if not source.streaming:  # the labels of a stream are checked while it is copied
        check_source_labels(source)
    plan = dict(source=repr(source), to=to, chunk=chunk, images=len(source), size=size)
    with building(root, plan) as folder:
        if folder is None:  # a run that was killed after its last step
            return
        writer = FORMATS.get(to)(folder, source, size)
        chunks = run_chunks(_Conversion(writer), len(source), writer.chunk_folder, chunk,
                            prefix=writer.prefix, suffix=writer.suffix, workers=workers,
                            cluster=cluster, progress=progress)
        writer.finish(chunks, [min(chunk, len(source) - k * chunk) for k in range(len(chunks))])
        writer.clean()
