"""What every number is: pure functions, numpy in, numpy out; nothing of mmengine, nothing above."""
from lrfr_mm.evaluation.functional.bootstrap import (
    bootstrap_interval,
    paired_bootstrap,
    runs_bootstrap,
)
from lrfr_mm.evaluation.functional.discard import discard_area, error_against_discard
from lrfr_mm.evaluation.functional.faiss_search import FAISS_INDEXES, search_gallery_faiss
from lrfr_mm.evaluation.functional.fusion import FLIP_TESTS, fuse_flip, fuse_track, pair_scores
from lrfr_mm.evaluation.functional.identification import (
    DISTRACTOR,
    UNKNOWN,
    GallerySearch,
    identification_ranks,
    mean_average_precision,
    rank_k_accuracy,
    search_gallery,
    tpir_at_fpir,
)
from lrfr_mm.evaluation.functional.intervals import (
    mean_rate_interval,
    paired_comparison,
    rate_interval,
)
from lrfr_mm.evaluation.functional.likelihood import (
    cllr,
    expected_calibration_error,
    minimum_cllr,
    pav_log_likelihood_ratios,
    reliability,
)
from lrfr_mm.evaluation.functional.quality import fit_quality_weight, quality_weighted_scores
from lrfr_mm.evaluation.functional.ssim import mean_ssim
from lrfr_mm.evaluation.functional.templates import template_pair_scores, template_vectors
from lrfr_mm.evaluation.functional.vectors import normalise, unit_vectors
from lrfr_mm.evaluation.functional.verification import (
    PROTOCOLS,
    auc,
    det_points,
    eer,
    kfold_verification,
    roc_points,
    tar_at_far,
)

__all__ = ['DISTRACTOR', 'FAISS_INDEXES', 'FLIP_TESTS', 'PROTOCOLS', 'UNKNOWN', 'GallerySearch',
           'auc', 'bootstrap_interval', 'cllr', 'det_points', 'discard_area', 'eer',
           'error_against_discard', 'expected_calibration_error', 'fit_quality_weight', 'fuse_flip',
           'fuse_track', 'identification_ranks', 'kfold_verification', 'mean_average_precision',
           'mean_rate_interval', 'mean_ssim', 'minimum_cllr', 'normalise', 'pair_scores',
           'paired_bootstrap', 'paired_comparison', 'pav_log_likelihood_ratios',
           'quality_weighted_scores', 'rank_k_accuracy', 'rate_interval', 'reliability',
           'roc_points', 'runs_bootstrap', 'search_gallery', 'search_gallery_faiss', 'tar_at_far',
           'template_pair_scores', 'template_vectors', 'tpir_at_fpir', 'unit_vectors']
