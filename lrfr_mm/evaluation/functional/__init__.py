"""Protocols as pure functions: numpy in, numpy out. Definitions: docs/protocols.md."""
from lrfr_mm.evaluation.functional.identification import identification_ranks, rank_k_accuracy
from lrfr_mm.evaluation.functional.verification import (
                                                        auc,
                                                        eer,
                                                        kfold_verification,
                                                        roc_points,
                                                        tar_at_far,
)

__all__ = ['auc', 'eer', 'identification_ranks', 'kfold_verification', 'rank_k_accuracy',
           'roc_points', 'tar_at_far']
