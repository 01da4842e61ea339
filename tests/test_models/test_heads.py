import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lrfr_mm.models.heads import (
    AdaFaceHead,
    ArcFaceHead,
    CosFaceHead,
    CurricularFaceHead,
    DerivedMarginHead,
    MagFaceHead,
    RivalPenalizedHead,
    SphereFaceHead,
    SubCenterArcFaceHead,
)
from lrfr_mm.registry import MODELS


def by_formula(embeddings, weight, labels, scale, margin):
    """CosFace with a one-hot matrix, as it stands in the paper, in float64."""
    cosine = F.normalize(embeddings.double()) @ F.normalize(weight.double()).T
    one_hot = F.one_hot(labels, len(weight)).double()
    log_p = torch.log_softmax(scale * (cosine - margin * one_hot), 1)
    return -(one_hot * log_p).sum(1).mean()


# -- each margin against its paper, sample by sample, in numpy ------------------------------------
def cosface(cosines, y, length, batch):
    cosines[y] -= .35
    return 64 * cosines


def arcface(cosines, y, length, batch, m=.5):
    theta = np.arccos(cosines[y])
    cosines[y] = math.cos(theta + m) if theta + m <= math.pi else cosines[y] - m * math.sin(m)
    return 64 * cosines


def combined(cosines, y, length, batch):
    angle = 1.1 * np.arccos(cosines[y]) + .3
    cosines[y] = (math.cos(angle) if angle <= math.pi else -math.cos(angle) - 2) - .2
    return 64 * cosines


def psi(theta, m):
    k = math.floor(theta * m / math.pi)
    return (-1) ** k * math.cos(m * theta) - 2 * k


def sphereface(cosines, y, length, batch):
    annealing = max(5, 1000 / (1 + .12 * 1))  # of the first call
    cosines[y] = (annealing * cosines[y] + psi(np.arccos(cosines[y]), 4)) / (1 + annealing)
    return length * cosines


def sphereface_r_v0(cosines, y, length, batch):
    cosines[y] = psi(np.arccos(cosines[y]), 1.5)
    return 30 * cosines


def sphereface_r_v1(cosines, y, length, batch):
    theta = np.arccos(cosines[y])
    cosines[y] = math.cos(min(1.5, math.pi / theta) * theta)
    return 30 * cosines


def sphereface_r_v2(cosines, y, length, batch):
    target = cosines[y]
    cosines = np.cos(np.arccos(cosines) / 1.5)
    cosines[y] = target
    return 30 * cosines


def magface(cosines, y, length, batch):
    a = min(max(length, 10), 110)
    return arcface(cosines, y, length, batch, (.8 - .45) / (110 - 10) * (a - 10) + .45)


def magface_regulariser(length):
    a = min(max(length, 10), 110)
    return 35 * (1 / a + a / 110 ** 2)


def curricularface(cosines, y, length, batch):
    t = .01 * np.mean([row[label] for row, label in zip(batch['cosines'], batch['labels'],
                                                        strict=True)])
    threshold = math.cos(np.arccos(cosines[y]) + .5)
    changed = np.array([c * (t + c) if c > threshold else c for c in cosines])
    changed[y] = arcface(cosines.copy(), y, length, batch)[y] / 64
    return 64 * changed


def adaface(cosines, y, length, batch):
    lengths = np.clip(batch['lengths'], .001, 100)
    mean = .99 * 20 + .01 * lengths.mean()
    std = .99 * 100 + .01 * lengths.std(ddof=1)
    z = min(max((min(max(length, .001), 100) - mean) / (std + 1e-3) * .333, -1), 1)
    theta = min(max(np.arccos(cosines[y]) - .4 * z, 1e-3), math.pi - 1e-3)
    cosines[y] = math.cos(theta) - (.4 + .4 * z)
    return 64 * cosines


def rpcl(cosines, y, length, batch):
    rival = max((c, j) for j, c in enumerate(cosines) if j != y)[1]
    cosines[y] -= .35
    cosines[rival] += .2
    return 64 * cosines


def derived(cosines, y, length, batch):
    unit = batch['weight'] / np.linalg.norm(batch['weight'], axis=1, keepdims=True)
    for j in range(len(cosines)):
        if j != y:
            cosines[j] += .7 * (1 + unit[y] @ unit[j]) / 2
    return 64 * cosines


CASES = [
    (CosFaceHead, dict(scale=64, margin=.35), cosface),
    (ArcFaceHead, {}, arcface),
    (ArcFaceHead, dict(m1=1.1, m2=.3, m3=.2), combined),
    (SubCenterArcFaceHead, {}, arcface),
    (SphereFaceHead, {}, sphereface),
    (SphereFaceHead, dict(form='v0'), sphereface_r_v0),
    (SphereFaceHead, dict(form='v1'), sphereface_r_v1),
    (SphereFaceHead, dict(form='v2'), sphereface_r_v2),
    (MagFaceHead, {}, magface),
    (CurricularFaceHead, {}, curricularface),
    (AdaFaceHead, {}, adaface),
    (RivalPenalizedHead, dict(rival_margin=.2), rpcl),
    (DerivedMarginHead, {}, derived)]


def embeddings_of_all_kinds(head, dims):
    """Embeddings near, across from and unrelated to their class, short and long."""
    labels = torch.randint(0, head.num_classes, (12,))
    x = torch.randn(12, dims, dtype=torch.float64)
    own = head.weight.detach()[labels]
    own = F.normalize(own if own.dim() == 2 else own[:, 1])
    x[:4] += 6 * own[:4]
    x[4:8] -= 6 * own[4:8]  # theta + m exceeds pi
    return F.normalize(x) * torch.logspace(0, 2.2, 12, dtype=torch.float64)[:, None], labels


@pytest.mark.parametrize(('kind', 'options', 'formula'), CASES)
def test_every_head_against_its_papers_formula(kind, options, formula):
    head = kind(num_classes=7, in_channels=8, **options).double()
    x, labels = embeddings_of_all_kinds(head, 8)
    weight, lengths = head.weight.detach().numpy(), x.norm(dim=1).numpy()
    unit = weight / np.linalg.norm(weight, axis=-1, keepdims=True)
    cosines = np.einsum('nd,c...d->nc...', x.numpy() / lengths[:, None], unit)
    cosines = cosines if cosines.ndim == 2 else cosines.max(2)
    batch = dict(cosines=cosines, labels=labels.numpy(), lengths=lengths, weight=weight)
    losses = []
    for row, y, length in zip(cosines, labels.tolist(), lengths, strict=True):
        logits = formula(row.copy(), y, length, batch)
        shifted = logits - logits.max()
        losses.append(math.log(np.exp(shifted).sum()) - shifted[y])
        if kind is MagFaceHead:
            losses[-1] += magface_regulariser(length)
    if kind is not SubCenterArcFaceHead:  # no embedding is across from three centres
        assert (np.arccos(cosines[np.arange(12), labels]) > math.pi - .5).any()
    # Buffers are float64 here, but begin as float32.
    assert float(head.loss(x, labels)['loss'].detach()) == pytest.approx(np.mean(losses), rel=1e-8)


@pytest.mark.parametrize(('kind', 'options', 'formula'), CASES)
def test_gradients_against_finite_differences(kind, options, formula):
    head = kind(num_classes=5, in_channels=4, **{**options, **(
        dict(scale=2.) if options.get('form') or kind is not SphereFaceHead else {})}).double()
    if 'form' in options:
        pytest.skip('the gradient is that of the plain cosine by design')
    head.eval()  # statistics stay as they are
    labels = torch.randint(0, 5, (6,))
    x = torch.randn(6, 4, dtype=torch.float64) * torch.tensor(
        [1., 5, 20, 40, 80, 150], dtype=torch.float64)[:, None]
    weight = head.weight.detach().clone().mul_(100)

    def loss(x, weight):
        return torch.func.functional_call(head, dict(weight=weight), (x, labels))

    head.forward = lambda *args: head.loss(*args)['loss']
    if kind is not AdaFaceHead:  # its margin carries no gradient to the length
        assert torch.autograd.gradcheck(lambda x: loss(x, weight), x.requires_grad_())
    if kind is not DerivedMarginHead:  # its margins carry no gradient to the weights
        assert torch.autograd.gradcheck(lambda w: loss(x.detach(), w), weight.requires_grad_())


@pytest.mark.parametrize(('form', 'margin'), [('v0', 1.5), ('v1', 1.5)])
def test_characteristic_gradient_detachment(form, margin):
    """The value has the margin, the gradient of the logits is that of the plain cosine."""
    head = SphereFaceHead(1, 4, form=form, margin=margin).double()
    cosine = torch.linspace(-.99, .99, 9, dtype=torch.float64)[:, None].requires_grad_()
    target = head.target_cosine(cosine, torch.ones(9, 1))
    assert not torch.allclose(target, cosine)
    torch.testing.assert_close(torch.autograd.grad(target.sum(), cosine)[0],
                               torch.ones_like(cosine))


@pytest.mark.parametrize(('kind', 'options', 'formula'), CASES)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_and_extreme_embeddings_are_finite(kind, options, formula, dtype):
    head = kind(num_classes=6, in_channels=16, **options)
    own = F.normalize(head.weight.detach() if head.num_centres == 1 else head.weight[:, 0].detach())
    x = torch.cat([own, -own, 1e3 * own]).to(dtype).requires_grad_()
    labels = torch.arange(18) % 6
    with torch.autocast('cpu', torch.bfloat16):
        loss = head.loss(x, labels)['loss']
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite()
    assert x.grad.isfinite().all() and head.weight.grad.isfinite().all()
    assert head.loss(torch.zeros(2, 16, dtype=dtype), labels[:2])['loss'].isfinite()


@pytest.mark.parametrize(('kind', 'options', 'formula'), CASES)
def test_a_head_learns_its_number_of_classes_later(kind, options, formula):
    head = MODELS.build(dict(type=kind.__name__, in_channels=8, init_cfg=None, **options))
    with pytest.raises(ValueError, match=f'{kind.__name__} does not know its number of classes'):
        head.loss(torch.randn(2, 8), torch.tensor([0, 1]))
    head.set_num_classes(5)
    assert head.loss(torch.randn(2, 8), torch.tensor([0, 4]))['loss'].isfinite()
    other = kind(in_channels=8, **options)
    other.load_state_dict(head.state_dict())
    assert other.num_classes == 5 and torch.equal(other.weight, head.weight)


@pytest.mark.parametrize(('kind', 'wrong'), [
    (CosFaceHead, dict(margin=1.2)), (CosFaceHead, dict(margin=-.1)), (CosFaceHead, dict(scale=0)),
    (ArcFaceHead, dict(margin=28.6)), (ArcFaceHead, dict(m1=.5)), (ArcFaceHead, dict(m3=2)),
    (SubCenterArcFaceHead, dict(num_centres=0)), (SphereFaceHead, dict(margin=.5)),
    (SphereFaceHead, dict(form='other')), (SphereFaceHead, dict(scale=64)),
    (MagFaceHead, dict(lower_length=0)), (MagFaceHead, dict(lower_length=120)),
    (MagFaceHead, dict(lower_margin=.9)), (MagFaceHead, dict(upper_margin=4)),
    (CurricularFaceHead, dict(margin=4)), (CurricularFaceHead, dict(momentum=2)),
    (AdaFaceHead, dict(margin=2)), (RivalPenalizedHead, dict(rival_margin=-1)),
    (DerivedMarginHead, dict(margin=3)), (CosFaceHead, dict(num_classes=0))])
def test_arguments_that_leave_the_domain_are_named(kind, wrong):
    (name, value), = wrong.items()
    with pytest.raises(ValueError, match=f'{name}.*{value}'):
        kind(**wrong)


def test_sphereface_is_annealed_to_its_least_lambda():
    head = SphereFaceHead(3, 4)
    annealing = []
    for _ in range(3):
        head.loss(torch.randn(2, 4), torch.tensor([0, 1]))
        annealing.append(float(head.annealing))
    assert annealing == pytest.approx([1000 / 1.12, 1000 / 1.24, 1000 / 1.36])
    head.iteration.fill_(10 ** 6)
    assert head.annealing == 5


@pytest.mark.parametrize('classes', [1, 2, 37])
def test_loss_and_gradients_against_the_formula(classes):
    head = CosFaceHead(classes, 16, scale=48, margin=.4).double()
    x = torch.randn(9, 16, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, classes, (9,))
    loss = head.loss(x, labels)['loss']
    grads = torch.autograd.grad(loss, [x, head.weight])
    y, weight = x.detach().clone().requires_grad_(), head.weight.detach().clone().requires_grad_()
    want = by_formula(y, weight, labels, 48, .4)
    torch.testing.assert_close(loss, want, rtol=1e-12, atol=1e-12)
    for got, expected in zip(grads, torch.autograd.grad(want, [y, weight]), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-12)


def test_logits_are_cosines_and_stay_untouched_by_the_margin():
    head = CosFaceHead(5, 8)
    x = torch.randn(3, 8)
    want = F.cosine_similarity(x[:, None], head.weight[None], dim=2)
    torch.testing.assert_close(head.logits(x), want)


def test_float32_under_autocast():
    head, x, labels = CosFaceHead(50, 32), torch.randn(8, 32), torch.arange(8)
    want = by_formula(x, head.weight, labels, 48, .4)
    with torch.autocast('cpu', torch.bfloat16):
        loss = head.loss(x, labels)['loss']
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('label', [-1, 10, 99])
def test_wrong_label_is_named(label):
    with pytest.raises(ValueError, match=f'label {label} .*10 classes'):
        CosFaceHead(10, 4).loss(torch.randn(2, 4), torch.tensor([3, label]))


def test_no_one_hot_matrix_is_built():
    """For the backward pass, one matrix of the size B x C is kept: the softmax's own."""
    head, x = CosFaceHead(1000, 4), torch.randn(64, 4, requires_grad=True)
    saved = {}

    def keep(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        loss = head.loss(x, torch.randint(0, 1000, (64,)))['loss']
    assert loss.isfinite()
    assert sum(size >= 64 * 1000 for size in saved.values()) == 1  # the softmax's output
