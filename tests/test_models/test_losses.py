import mpmath
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lrfr_mm.models.losses import (
    CosineDistanceLoss,
    LogFExpLoss,
    LpDistanceLoss,
    SmoothL1DistanceLoss,
)
from lrfr_mm.registry import MODELS


def unit(batch, dims, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(batch, dims, generator=generator, dtype=dtype))


def log_f_exp_by_formula(x, y, p, form):
    """The paper's and the released formula in 50 digits."""
    with mpmath.workdps(50):
        z = [[abs(mpmath.mpf(float(a)) - mpmath.mpf(float(b))) ** p for a, b in zip(r, s)]
             for r, s in zip(x, y)]
        batch, dims = len(z), len(z[0])
        if form == 'released':
            return float(mpmath.log(1 + sum(mpmath.exp(v) - 1 for row in z for v in row))
                         / p / batch)
        return float(sum(mpmath.log(1 + sum(mpmath.exp(v) - 1 for v in row)) / (p * dims)
                         for row in z) / batch)


@pytest.mark.parametrize('form', ['paper', 'released'])
@pytest.mark.parametrize('p', [1, 1.5, 2, 3])
@pytest.mark.parametrize('scale', [1., 1e-6])
def test_log_f_exp_against_the_formula(form, p, scale):
    x = unit(4, 33)
    y = x + scale * (unit(4, 33, 1) - x)
    want = log_f_exp_by_formula(x.numpy(), y.numpy(), p, form)
    got = LogFExpLoss(p=p, form=form)(x, y)
    assert got.dtype == torch.float64
    assert abs(float(got) - want) <= 1e-12 * max(1, want)
    # Small distances keep their digits too.
    assert abs(float(got) - want) <= 1e-9 * want


def test_gradient_against_the_papers_closed_form():
    x, y = unit(3, 17).requires_grad_(), unit(3, 17, 1)
    LogFExpLoss(p=1)(x, y).backward()
    d = (x - y).detach()
    e = d.abs().exp()
    others = (e - 1).sum(1, keepdim=True) - (e - 1)
    want = d.sign() / 17 * e / (others + e) / 3
    torch.testing.assert_close(x.grad, want, rtol=1e-12, atol=0)


def test_gradient_of_a_lone_error_is_that_of_l1():
    x = torch.zeros(1, 8, dtype=torch.float64, requires_grad=True)
    y = torch.zeros(1, 8, dtype=torch.float64)
    y[0, 3] = -.7
    LogFExpLoss(p=1)(x, y).backward()
    assert x.grad[0, 3] == 1 / 8


@pytest.mark.parametrize('form', ['paper', 'released'])
@pytest.mark.parametrize('p', [1, 1.2, 2, 6])
def test_gradient_is_finite_everywhere(form, p):
    x = torch.cat([unit(2, 8, dtype=torch.float32), torch.eye(8)[:1]]).requires_grad_()
    y = torch.cat([x.detach()[:2], -torch.eye(8)[:1]])  # equal, and as far apart as can be
    loss = LogFExpLoss(p=p, form=form)(x, y)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(x.grad).all()
    if form == 'paper':
        assert (x.grad[:2] == 0).all()


@pytest.mark.parametrize('loss', [LogFExpLoss(1.5), LogFExpLoss(2, 'released'), LpDistanceLoss(2),
                                  LpDistanceLoss(3), SmoothL1DistanceLoss(.05),
                                  CosineDistanceLoss()])
def test_autograd_against_finite_differences(loss):
    x = unit(3, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: loss(t, unit(3, 6, 1)), x)


def test_lp_smooth_l1_and_cosine_against_numpy():
    x, y = unit(5, 16), unit(5, 16, 1)
    d = np.abs(x.numpy() - y.numpy())
    np.testing.assert_allclose(LpDistanceLoss(1)(x, y), d.mean(), rtol=1e-13)
    np.testing.assert_allclose(LpDistanceLoss(2)(x, y), (d**2).mean(), rtol=1e-13)
    smooth = np.where(d < .1, .5 * d**2 / .1, d - .05).mean()
    np.testing.assert_allclose(SmoothL1DistanceLoss(.1)(x, y), smooth, rtol=1e-13)
    cosine = 1 - (x.numpy() * y.numpy()).sum(1).mean()
    np.testing.assert_allclose(CosineDistanceLoss()(x, y), cosine, rtol=1e-12)


def test_float32_under_autocast_and_for_half_inputs():
    x, y = unit(4, 64, dtype=torch.float32), unit(4, 64, 1, torch.float32)
    loss = LogFExpLoss(1)
    plain = loss(x, y)
    with torch.autocast('cpu', torch.bfloat16):
        inside = loss(x, y)
    assert inside.dtype == torch.float32 and inside == plain
    assert loss(x.bfloat16(), y.bfloat16()).dtype == torch.float32


def test_weight_registry_and_errors():
    x, y = unit(2, 4), unit(2, 4, 1)
    loss = MODELS.build(dict(type='LogExpLoss', p=2, loss_weight=3.))
    torch.testing.assert_close(loss(x, y), 3 * LogFExpLoss(2)(x, y))
    for wrong in (dict(p=.5), dict(p=7), dict(form='other')):
        with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
            LogFExpLoss(**wrong)
    with pytest.raises(ValueError, match='at least 1'):
        LpDistanceLoss(.5)
    with pytest.raises(ValueError, match=r'\(2, 4\), \(2, 5\)'):
        loss(x, torch.zeros(2, 5))
