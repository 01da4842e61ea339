"""What the rows of a study gave, seed by seed."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from lrfr_mm.analysis.figures.gradients import term_gradients
from lrfr_mm.analysis.figures.style import canvas, colour, save_figure
from lrfr_mm.analysis.figures.subjects import Subject
from lrfr_mm.registry import type_name

__all__ = ['study_figure', 'weight_figure']


def _mean_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation (N - 1); 0 for one value."""
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.


def _title(metric: str) -> str:
    """A sweep's accuracy in words: 'sweep/accuracy@7' is '7 px'."""
    prefix, sign, size = metric.partition('/accuracy@')
    if not sign:
        return metric
    which, _, kind = prefix.rpartition('_')
    text = {'sweep': f'{size} px', 'cross': f'{size} against 112 px'}.get(kind,
                                                                       f'{kind}, {size} px')
    return f'{which}: {text}' if which else text


def study_figure(results: dict[str, dict[str, np.ndarray]], metrics: list[str], out: Path,
                 name: str) -> Path:
    """A line a row, a panel a metric: each seed a dot, their mean a bar, one deviation a line.

    Args:
        results: Of :func:`~lrfr_mm.analysis.study.results.collect`.
        metrics: Names of the panels' numbers.
        out, name: See ``save_figure``.
    """
    names = list(results)
    columns = min(len(metrics), 6)
    lines = -(-len(metrics) // columns)
    rows = []
    with canvas(lines, columns, 2.5, .55 + .27 * len(names), sharey=True) as (figure, panels):
        for axes in panels.flat[len(metrics):]:
            axes.set_visible(False)
        for axes, metric in zip(panels.flat, metrics, strict=False):
            for k, row in enumerate(names):
                values = results[row].get(metric)
                if values is None or len(values) == 0:
                    continue
                mean, deviation = _mean_and_spread(values)
                axes.plot([mean - deviation, mean + deviation], [k, k], lw=5, alpha=.25,
                          color=colour(0), solid_capstyle='butt')
                axes.plot([mean] * 2, [k - .3, k + .3], lw=2, color=colour(0))
                axes.plot(values, [k] * len(values), 'o', ms=3.5, color='#3c4043', alpha=.7)
                rows += [(row, metric, seed, float(v)) for seed, v in enumerate(values)]
            if metric in results[names[0]]:
                axes.axvline(results[names[0]][metric].mean(), color='#8a8f98', lw=.8, ls='--')
            axes.set_title(_title(metric), loc='left')
            axes.tick_params(axis='x', labelsize=8.5)
        panels[0, 0].set_yticks(range(len(names)), names)
        panels[0, 0].set_ylim(len(names) - .5, -.5)
        figure.supxlabel('accuracy, %', fontsize=9.5, color='#3c4043')
        return save_figure(figure, ('row', 'metric', 'seed', 'value'), rows, out, name)


def weight_figure(subjects: list[Subject], results: dict[str, dict[str, np.ndarray]],
                  metrics: list[str], out: Path, name: str = 'weight_by_gradient') -> Path:
    """Accuracy against how hard the distance pulls at the embeddings, beside CosFace.

    Args:
        subjects: The trained rows of the question 'weight', by their names.
        results: Of ``collect``.
        metrics: A panel each.
        out, name: See ``save_figure``.
    """
    families = {'formula': 'LogFExp', 'released': 'LogFExp, released form', 'lp1': 'L1',
                'lp2': 'L2'}
    points, rows = {family: [] for family in families}, []
    for subject in subjects:
        contrast = subject.runs[0].config.model.contrast_loss
        if contrast is None:
            continue
        family = (f'lp{contrast["p"]}' if type_name(contrast) == 'LpDistanceLoss' else
                  'released' if contrast.get('form') == 'released' else 'formula')
        found = [term_gradients(run) for run in subject.runs]
        share = float(np.mean([f['contrast'] / f['classification'] for f in found]))
        points[family].append((share, subject.name))
        rows += [(subject.name, families[family], contrast.get('loss_weight', 1.), share, metric,
                  *_mean_and_spread(results[subject.name][metric])) for metric in metrics]
    with canvas(1, len(metrics), 4., 3.6) as (figure, panels):
        for axes, metric in zip(panels[0], metrics, strict=True):
            if 'maug' in results:
                mean, spread = _mean_and_spread(results['maug'][metric])
                axes.axhline(mean, color='#8a8f98', lw=1, ls='--', label='no distance')
                axes.axhspan(mean - spread, mean + spread, color='#8a8f98', alpha=.12, lw=0)
            for k, (family, found) in enumerate(points.items()):
                if not found:
                    continue
                found = sorted(found)
                heights = [_mean_and_spread(results[row][metric]) for _, row in found]
                axes.errorbar([share for share, _ in found], *zip(*heights, strict=True),
                              fmt='o-', ms=4.5, lw=1.6, capsize=2, color=colour(k),
                              label=families[family])
            axes.set_xscale('log')
            axes.set_title(_title(metric), loc='left')
            axes.set_xlabel('gradient of the distance / of CosFace')
        panels[0, 0].set_ylabel('accuracy, %')
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc='outside upper center',
                      ncols=5)
        return save_figure(figure, ('row', 'distance', 'weight', 'gradient_share', 'metric',
                                    'mean', 'deviation'), rows, out, name)
