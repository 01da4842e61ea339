"""The work dir: one training at a time, and no temporary files of dead processes."""
from __future__ import annotations

import os
import sys
from pathlib import Path

from filelock import FileLock, Timeout
from mmengine.dist import get_rank

from lrfr_mm.errors import InputError, OutputError
from lrfr_mm.files import remove_stale_parts

__all__ = ['lock_work_dir']


def lock_work_dir(work_dir: str | os.PathLike, patience: float = 5.) -> FileLock | None:
    """Keep other trainings out of ``work_dir`` until this process ends, and tidy it up.

    The operating system gives the lock up with the process, however it ends. Only rank 0 locks.

    Args:
        work_dir: Made if it is not there.
        patience: Seconds to wait for a process that is just ending.

    Returns:
        The lock, which the caller must keep; None on other ranks, and on a file system without
        locks, after a warning.

    Raises:
        InputError: If another process trains there.
        OutputError: If it cannot be written.
    """
    if get_rank() != 0:
        return None
    path = Path(work_dir, '.training.lock')
    lock = FileLock(path, is_singleton=True)  # this process may train there again
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=patience)
    except Timeout:
        raise InputError(f'{work_dir}: another training uses this work dir; give this one another '
                         '--work-dir') from None
    except NotImplementedError:
        print(f'warning: {work_dir}: the file system has no locks, nothing keeps a second training '
              'out', file=sys.stderr)
        return None
    except OSError as error:
        raise OutputError(error.errno, f'cannot be written: {error.strerror}', str(work_dir)
                          ) from error
    remove_stale_parts(work_dir)
    return lock
