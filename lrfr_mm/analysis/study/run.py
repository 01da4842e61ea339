"""What one run of a study does."""
from __future__ import annotations

from collections.abc import Sequence

# Everything that a run needs is imported with this module: the fork server imports it once.
import lrfr_mm.datasets
import lrfr_mm.engine.hooks
import lrfr_mm.engine.loops
import lrfr_mm.evaluation
import lrfr_mm.models  # noqa: F401
from lrfr_mm.engine.checkpoint import find_checkpoint
from lrfr_mm.engine.commands import test_command, train_command

__all__ = ['train_and_test']


def train_and_test(config: str, folder: str, seed: int, overrides: Sequence[str],
                   train_options: Sequence[str]) -> int:
    """Train a config, from its last checkpoint where there is one, and test what came of it.

    Args:
        config: Path of the config.
        folder: Work dir.
        seed: Of the training.
        overrides: ``KEY=VALUE``.
        train_options: More arguments of the command ``train``.

    Returns:
        Exit code: 0, or that of the first command that failed.
    """
    common = ['--work-dir', folder, *(['--cfg-options', *overrides] if overrides else [])]
    return train_command([config, '--seed', str(seed), '--resume', *train_options, *common]
                         ) or test_command([config, str(find_checkpoint(folder)), *common])
