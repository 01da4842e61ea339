"""First derivatives of the distances, and what C does (paper, Figure 4). Needs no model."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lrfr_mm.analysis.figures.style import canvas, colour, save_figure
from lrfr_mm.models.losses import LogFExpLoss, LpDistanceLoss

__all__ = ['autograd_derivative', 'derivative', 'derivatives']


def derivative(kind: str, p: float, error, dims: int = 512, c: float = 0.) -> np.ndarray:
    """dL/dx_j times D, in closed form.

    Args:
        kind: 'lp', which gives p |d|^(p-1), or 'logfexp', |d|^(p-1) e^(|d|^p) / (C + e^(|d|^p));
            both with the sign of d.
        p: Exponent.
        error: d = x_j - y_j.
        dims: D. It cancels, but for the errors of the other dimensions, which are in ``c``.
        c: Sum of e^(|d_i|^p) - 1 over the other dimensions.
    """
    d = np.asarray(error, float)
    size = np.abs(d) ** (p - 1)
    if kind == 'lp':
        return np.sign(d) * p * size
    grown = np.exp(np.abs(d) ** p)
    return np.sign(d) * size * grown / (c + grown)


def autograd_derivative(kind: str, p: float, error, dims: int = 512, c: float = 0.) -> np.ndarray:
    """The same from our losses by autograd, float64; ``c`` is spread over the other dimensions."""
    d = torch.as_tensor(np.atleast_1d(error), dtype=torch.float64)
    other = np.log1p(c / (dims - 1)) ** (1 / p)
    x = torch.full((len(d), dims), float(other), dtype=torch.float64)
    x[:, 0] = d
    x.requires_grad_()
    loss = (LpDistanceLoss(p) if kind == 'lp' else LogFExpLoss(p))(x, torch.zeros_like(x))
    return (torch.autograd.grad(loss, x)[0][:, 0] * dims * len(d)).numpy()


def derivatives(out: Path, dims: int = 512) -> Path:
    """Figure 4: derivatives of L1, L2, LogFExp p = 1 and 2 with the other errors at 0, and LogFExp
    p = 1 for several C. Lines: closed form; dots: autograd of the losses that training uses.
    """
    d = np.linspace(-1.5, 1.5, 301)
    dots = np.linspace(-1.4, 1.4, 15)
    curves = ([('L1', 'lp', 1, 0.), ('L2', 'lp', 2, 0.), ('LogFExp, p = 1', 'logfexp', 1, 0.),
               ('LogFExp, p = 2', 'logfexp', 2, 0.)],
              [(f'C = {c:g}', 'logfexp', 1, c) for c in (0., 1., 5., 25., 100.)])
    rows, worst = [], 0.
    with canvas(1, 2, 4.6, 3.6) as (figure, panels):
        for axes, group, title in zip(panels[0], curves, (
                'other errors at 0', 'LogFExp, p = 1, by the other errors'), strict=True):
            for k, (name, kind, p, c) in enumerate(group):
                style = '--' if name == 'L1' else '-'
                axes.plot(d, derivative(kind, p, d, dims, c), style, lw=2, color=colour(k),
                          label=name, zorder=3 if style == '--' else 2)
                measured = autograd_derivative(kind, p, dots, dims, c)
                worst = max(worst, np.abs(measured - derivative(kind, p, dots, dims, c)).max())
                axes.plot(dots, measured, 'o', ms=3.5, color=colour(k))
                rows += [(name, p, c, float(x), float(y)) for x, y in
                         zip(d, derivative(kind, p, d, dims, c), strict=True)]
            axes.set_title(title, loc='left')
            axes.set_xlabel('error $d = x_j - y_j$')
            axes.legend(loc='upper left')
        panels[0, 0].set_ylabel(r'$D\;\partial L / \partial x_j$')
        figure.supxlabel(f'lines: closed form; dots: autograd, at most {worst:.0e} apart',
                         fontsize=8.5, color='#5f6368')
        return save_figure(figure, ('curve', 'p', 'c', 'error', 'derivative'), rows, out,
                           'derivatives')
