"""The same faces at several resolutions, in the plane (paper, Figures 3c and 7)."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from lrfr_mm.analysis.figures.style import canvas, save_figure
from lrfr_mm.analysis.figures.subjects import Faces, Subject

__all__ = ['pca', 'pca_project', 'tsne', 'tsne_project']


def pca_project(vectors: np.ndarray) -> np.ndarray:
    """Vectors (N, D) to the plane of their largest variance, (N, 2); signs as scikit-learn's."""
    return PCA(2, svd_solver='full').fit_transform(vectors)


def tsne_project(vectors: np.ndarray) -> np.ndarray:
    """Vectors (N, D) to (N, 2) by t-SNE: cosine, perplexity 30 (less for few vectors), seed 0."""
    return TSNE(perplexity=min(30, (len(vectors) - 1) / 3), init='pca', random_state=0,
                metric='cosine').fit_transform(vectors)


def tsne(subjects: list[Subject], faces: Faces, out: Path,
         resolutions=(112, 56, 28, 20, 14, 10, 7), images: int = 150) -> Path:
    """Figure 3c: t-SNE (cosine, perplexity 30, seed 0) of faces at seven resolutions with the
    centre of each resolution, a panel a model.
    """
    return _panels(subjects, faces, out, resolutions, images, tsne_project, 'tsne')


def pca(subjects: list[Subject], faces: Faces, out: Path, resolutions=(112, 42, 28, 20, 14, 7),
        images: int = 150) -> Path:
    """Figure 7: the first two principal components of all embeddings of a model together."""
    return _panels(subjects, faces, out, resolutions, images, pca_project, 'pca')


def _panels(subjects, faces, out, resolutions, images, project, name) -> Path:
    chosen = np.arange(len(faces.images))[::max(1, len(faces.images) // images)][:images]
    shades = colormaps['viridis'](np.linspace(.95, 0, len(resolutions)))
    rows = []
    columns = min(3, len(subjects))
    lines = -(-len(subjects) // columns)
    with canvas(lines, columns, 4.1, 3.9) as (figure, panels):
        for axes in panels.flat[len(subjects):]:
            axes.set_visible(False)
        for axes, subject in zip(panels.flat, subjects, strict=False):
            vectors = [subject.runs[0].embed(faces, r)[chosen] for r in resolutions]
            points = project(np.concatenate(vectors)).reshape(len(resolutions), len(chosen), 2)
            for resolution, cloud, shade in zip(resolutions, points, shades, strict=True):
                axes.scatter(*cloud.T, s=6, color=shade, alpha=.55, lw=0)
                rows += [(subject.name, resolution, i, float(x), float(y))
                         for i, (x, y) in enumerate(cloud)]
            centres = points.mean(1)
            axes.plot(*centres.T, color='#3c4043', lw=.8, zorder=3)
            for resolution, centre, shade in zip(resolutions, centres, shades, strict=True):
                axes.scatter(*centre, s=110, color=shade, edgecolor='white', lw=1.4, zorder=4,
                             label=f'{resolution} px')
            axes.set_title(subject.name, loc='left')
            axes.set_xticks([])
            axes.set_yticks([])
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc='outside lower center',
                      ncols=len(resolutions), markerscale=.7, columnspacing=1., handletextpad=.2)
        return save_figure(figure, ('model', 'resolution', 'face', 'x', 'y'), rows, out, name)
