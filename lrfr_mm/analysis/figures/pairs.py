"""What pairs tell: similarities (paper, Figure 1), accuracy (3a), ROC (5), errors (6)."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from lrfr_mm.analysis.figures.style import canvas, colour, resolution_axis, save_figure
from lrfr_mm.analysis.figures.subjects import Faces, Run, Subject
from lrfr_mm.evaluation.functional import kfold_verification, roc_points
from lrfr_mm.evaluation.functional.ssim import mean_ssim

__all__ = ['accuracy', 'dimensions', 'draw_runs', 'overlap', 'roc', 'similarity']


def _cosines(run: Run, faces: Faces, resolution: int) -> np.ndarray:
    vectors = run.embed(faces, resolution)
    return (vectors[faces.pairs[:, 0]] * vectors[faces.pairs[:, 1]]).sum(1)


def overlap(same: np.ndarray, different: np.ndarray, edges: np.ndarray) -> float:
    """Shared area of two histograms of unit area: 0 apart, 1 equal."""
    parts = [np.histogram(values, edges)[0] / len(values) for values in (same, different)]
    return float(np.minimum(*parts).sum())


def similarity(subjects: list[Subject], faces: Faces, out: Path, resolutions=(112, 7)) -> Path:
    """Figure 1: cosine similarities of same and different pairs, a row a model, a column a
    resolution of both faces.
    """
    edges = np.linspace(-1, 1, 81)
    rows = []
    with canvas(len(subjects), len(resolutions), 4.4, 2.5, sharex=True) as (figure, panels):
        for line, subject in zip(panels, subjects, strict=True):
            for axes, resolution in zip(line, resolutions, strict=True):
                scores = _cosines(subject.runs[0], faces, resolution)
                same, different = scores[faces.is_same], scores[~faces.is_same]
                for kind, values, shade in (('different', different, '#d1495b'),
                                            ('same', same, '#2a9d5c')):
                    share = 100 * np.histogram(values, edges)[0] / len(values)
                    axes.stairs(share, edges, fill=True, alpha=.3, color=shade)
                    axes.stairs(share, edges, lw=1.4, color=shade, label=f'{kind} person')
                    rows += [(subject.name, resolution, kind, float(low), float(high), float(v))
                             for low, high, v in zip(edges, edges[1:], share, strict=False)]
                axes.set_title(f'{subject.name}, {resolution} px: '
                               f'{100 * overlap(same, different, edges):.0f} % overlap',
                               loc='left')
                axes.margins(y=.12)
                axes.set_ylim(bottom=0)
                axes.set_xlim(*np.clip(np.quantile(scores, (0, 1)) + (-.08, .08), -1, 1)
                              if len(subjects) == 1 else (-.6, 1))
            line[0].set_ylabel('share of pairs, %')
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc='outside upper center',
                      ncols=2)
        for axes in panels[-1]:
            axes.set_xlabel('cosine similarity')
        return save_figure(figure, ('model', 'resolution', 'pairs', 'from', 'to', 'share'), rows,
                           out, 'similarity')


def accuracy(subjects: list[Subject], faces: Faces, out: Path,
             resolutions=(7, 10, 14, 20, 28, 42, 56, 112), folds: int = 10) -> Path:
    """Figure 3a: verification accuracy against the resolution of both faces, and their SSIM.

    Of a model with several seeds, mean and standard deviation.
    """
    step = max(1, len(faces.images) // 50)
    ssim = [mean_ssim(faces.images[::step], r) for r in resolutions]
    rows = [('SSIM', r, value, '') for r, value in zip(resolutions, ssim, strict=True)]
    with canvas(width=6.4, height=4.) as (figure, panels):
        axes = panels[0, 0]
        for k, subject in enumerate(subjects):
            values = np.array([[100 * kfold_verification(
                _cosines(run, faces, r), faces.is_same, folds)['accuracy'] for r in resolutions]
                for run in subject.runs])
            rows += draw_runs(axes, subject, resolutions, values, k)
        resolution_axis(axes, resolutions)
        axes.set_ylabel('accuracy, %')
        other = axes.twinx()
        other.plot(resolutions, ssim, ':', color='#c4a35a', lw=1.6)
        other.set_ylim(0, 1.02)
        other.set_ylabel('mean SSIM', color='#a3853f')
        other.grid(False)
        other.tick_params(colors='#a3853f')
        axes.plot([], [], ':', color='#c4a35a', lw=1.6, label='SSIM (right)')
        axes.legend(loc='lower center', bbox_to_anchor=(.5, 1.), ncols=min(4, len(subjects) + 1))
        return save_figure(figure, ('model', 'resolution', 'accuracy', 'deviation'), rows, out,
                           'accuracy')


def draw_runs(axes, subject: Subject, xs, values: np.ndarray, k: int) -> list[tuple]:
    """A line through the mean over runs (R, X), with a band of one deviation where R > 1."""
    mean = values.mean(0)
    axes.plot(xs, mean, 'o-', lw=1.9, ms=4, color=colour(k), label=subject.name)
    if len(values) == 1:
        return [(subject.name, x, float(m), '') for x, m in zip(xs, mean, strict=True)]
    deviation = values.std(0, ddof=1)
    axes.fill_between(xs, mean - deviation, mean + deviation, color=colour(k), alpha=.1, lw=0)
    return [(subject.name, x, float(m), float(d))
            for x, m, d in zip(xs, mean, deviation, strict=True)]


def roc(subjects: list[Subject], faces: Faces, out: Path, resolutions=(112, 7)) -> Path:
    """Figure 5: true against false accept rate, a panel a resolution of both faces."""
    rows = []
    finest = 1 / (~faces.is_same).sum()
    with canvas(1, len(resolutions), sharey=True) as (figure, panels):
        for axes, resolution in zip(panels[0], resolutions, strict=True):
            for k, subject in enumerate(subjects):
                far, tar, _ = roc_points(_cosines(subject.runs[0], faces, resolution),
                                         faces.is_same)
                axes.step(np.maximum(far, finest / 2), 100 * tar, where='post', lw=1.9,
                          color=colour(k), label=subject.name)
                rows += [(subject.name, resolution, float(f), float(t))
                         for f, t in zip(far, tar, strict=True)]
            axes.set_xscale('log')
            axes.set_xlim(finest, 1)
            axes.set_ylim(0, 101)
            axes.set_title(f'both faces at {resolution} px', loc='left')
            axes.set_xlabel('false accept rate')
        panels[0, 0].set_ylabel('true accept rate, %')
        panels[0, -1].legend(loc='lower right')
        return save_figure(figure, ('model', 'resolution', 'far', 'tar'), rows, out, 'roc')


def dimensions(subjects: list[Subject], faces: Faces, out: Path, resolutions=(20, 14, 7),
               images: int = 500) -> Path:
    """Figure 6: how the mean error of an embedding's numbers, |x_i - y_i| between a face and its
    degraded self over all faces, is distributed over the dimensions i.
    """
    chosen = slice(None, None, max(1, len(faces.images) // images))
    errors = {}
    for subject in subjects:
        full = subject.runs[0].embed(faces, 112)[chosen]
        for resolution in resolutions:
            low = subject.runs[0].embed(faces, resolution)[chosen]
            errors[subject.name, resolution] = np.abs(full - low).mean(0)
    edges = np.linspace(0, 1.02 * max(values.max() for values in errors.values()), 46)
    rows = []
    with canvas(1, len(resolutions), 3.7, 3., sharey=True) as (figure, panels):
        for axes, resolution in zip(panels[0], resolutions, strict=True):
            for k, subject in enumerate(subjects):
                values = errors[subject.name, resolution]
                share = 100 * np.histogram(values, edges)[0] / len(values)
                axes.stairs(share, edges, fill=True, alpha=.25, color=colour(k))
                axes.stairs(share, edges, lw=1.4, color=colour(k), label=subject.name)
                rows += [(subject.name, resolution, i, float(v)) for i, v in enumerate(values)]
            axes.set_title(f'{resolution} against 112 px', loc='left')
            axes.set_xlabel('mean |x$_i$ − y$_i$|')
            axes.set_ylim(bottom=0)
        panels[0, 0].set_ylabel('share of dimensions, %')
        panels[0, -1].legend(loc='upper right')
        return save_figure(figure, ('model', 'resolution', 'dimension', 'error'), rows, out,
                           'dimensions')
