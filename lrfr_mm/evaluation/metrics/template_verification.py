"""IJB-B and IJB-C: verification of template pairs, and 1:N over templates."""
from __future__ import annotations

import numpy as np

from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.functional.identification import search_gallery
from lrfr_mm.evaluation.functional.templates import template_pair_scores, template_vectors
from lrfr_mm.evaluation.functional.vectors import normalise
from lrfr_mm.evaluation.functional.verification import tar_at_far
from lrfr_mm.evaluation.metrics.base import EmbeddingMetric, ImageVariant, MetricResult
from lrfr_mm.evaluation.metrics.identification import identification_curves, identification_values
from lrfr_mm.evaluation.metrics.score_curves import score_curves
from lrfr_mm.registry import METRICS

__all__ = ['TemplateVerification']


@METRICS.register_module()
class TemplateVerification(EmbeddingMetric):
    """TAR at FAR over all listed template pairs; with galleries also rank k and TPIR at FPIR.

    A template is the mean of its images within each medium, summed over media, normalised; the
    images' embeddings are not normalised first, unless asked for.

    Values, in percent: ``NAME/tar@1e-06``, ...; ``NAME/rank1``, ``NAME/tpir@0.01``, ... as means
    over the galleries G1 and G2.

    Args:
        benchmark: Name of the benchmark.
        fars: False accept rates.
        use_norm: Keep the lengths of the embeddings (a quality, in many networks); else each
            image's embedding is normalised first.
        use_detector_score: Multiply each image's embedding by its detector's score.
        ks, fpirs: Of the 1:N part.
        flip_test: 'none', 'concat' or 'sum' (as insightface).
    """

    def __init__(self, benchmark: str, fars=(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
                 use_norm: bool = True, use_detector_score: bool = False, ks=(1, 5, 10),
                 fpirs=(.01, .1), flip_test: str = 'sum'):
        super().__init__(benchmark, flip_test)
        self.fars, self.ks, self.fpirs = tuple(fars), tuple(ks), tuple(fpirs)
        self.use_norm, self.use_detector_score = use_norm, use_detector_score

    def _images(self, embeddings) -> np.ndarray:
        """The images' embeddings with their mirrors', (N, D) or (N, 2 D), before any template."""
        plain, mirrored = embeddings[ImageVariant()], embeddings.get(ImageVariant(mirrored=True))
        if self.flip_test == 'concat':
            plain = np.concatenate([plain, mirrored], 1)
        elif self.flip_test == 'sum':
            plain = plain + mirrored
        if not self.use_norm:
            plain = normalise(plain)
        return plain

    def compute(self, embeddings, benchmark) -> MetricResult:
        weights = None
        if self.use_detector_score:
            weights = benchmark.detector_scores
            if weights is None:
                raise InputError(f'benchmark {benchmark.name} has no detector scores')
        vectors, templates = template_vectors(self._images(embeddings), benchmark.template_ids,
                                              benchmark.media_ids, weights)
        first, second = (np.searchsorted(templates, benchmark.pairs[:, k]) for k in (0, 1))
        scores = template_pair_scores(vectors, first, second)
        name = benchmark.name
        values = {f'{name}/tar@{far:g}': 100 * rate for far, rate in
                  tar_at_far(scores, benchmark.is_same, self.fars).items()}
        finest = 1 / (~benchmark.is_same).sum()
        hidden = tuple(f'tar@{far:g}' for far in self.fars if far < finest)
        curves = score_curves(scores, benchmark.is_same, name)
        rates, items = [], {}
        for key, (gallery, subjects) in benchmark.galleries.items():
            probes, probe_subjects = benchmark.probes
            rows = self._rows(templates, gallery, name), self._rows(templates, probes, name)
            search = search_gallery(vectors[rows[1]], vectors[rows[0]], probe_subjects, subjects)
            found = identification_values(search, self.ks, self.fpirs, 20, 'step')
            rates.append(found)
            curves += identification_curves(search, f'{name} {key}', 20)
            if 'rank1' in found:
                items[f'{name}/{key}/rank1'] = search.ranks[search.ranks > 0] == 1
                values[f'{name}/{key}/rank1'] = 100 * found['rank1']
        for metric in [m for m in (rates[0] if rates else {}) if all(m in r for r in rates)]:
            values[f'{name}/{metric}'] = 100 * float(np.mean([r[metric] for r in rates]))
        protocol = (f'templates, flip {self.flip_test}, '
                    f'{"lengths kept" if self.use_norm else "images normalised"}'
                    + (', detector score' if self.use_detector_score else ''))
        headline = [k for k in values if k not in items and not (hidden and k.endswith(hidden))]
        means = {f'{name}/rank1': list(items)} if items else {}
        return MetricResult(values, headline, f'{protocol}; {benchmark.protocol_note}', curves,
                            items, means=means, highlights=list(means))

    @staticmethod
    def _rows(templates: np.ndarray, wanted: np.ndarray, name: str) -> np.ndarray:
        rows = np.minimum(np.searchsorted(templates, wanted), len(templates) - 1)
        unknown = templates[rows] != wanted
        if unknown.any():
            raise InputError(f'benchmark {name}: template {wanted[unknown][0]} of the 1:N lists '
                             'has no image')
        return rows
