"""Losses over a batch, with class weights, or against a teacher: each against loops in numpy."""
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lrfr_mm.errors import ConfigError
from lrfr_mm.models.heads import CosFaceHead, PartialFCHead, SubCenterArcFaceHead
from lrfr_mm.models.losses import (
    ClassCenterDistillationLoss,
    CrossResolutionQuadrupletLoss,
    CrossResolutionTripletLoss,
    DistributionDistillationLoss,
    FeatureDistillationLoss,
    NearestProxyTripletLoss,
    OctupletLoss,
    RelationDistillationLoss,
    TripletLoss,
)
from lrfr_mm.registry import MODELS

LABELS = torch.tensor([0, 2, 0, 1, 1, 2, 3, 0, 2, 1])  # 3 has one image


def batch(seed=0, dims=6, dtype=torch.float64):
    """Embeddings that lie around their person's, some across from it, of all lengths."""
    generator = torch.Generator().manual_seed(seed)
    people = torch.randn(4, dims, generator=generator, dtype=torch.float64)
    hr, lr, teacher = (people[LABELS] + spread * torch.randn(10, dims, generator=generator,
                                                             dtype=torch.float64)
                       for spread in (.5, .9, .3))
    lengths = torch.logspace(-1, 2, 10, dtype=torch.float64)[:, None]
    return dict(hr=(hr * lengths).to(dtype), lr=(lr * lengths.flip(0)).to(dtype), labels=LABELS,
                teacher=(3 * teacher).to(dtype))


def unit(x):
    x = x.detach().double().numpy()
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def squared(a, b):
    return float(((a - b) ** 2).sum())


# -- the formulas ---------------------------------------------------------------------------------
def triplet(data, margin=.2):
    x = np.concatenate([unit(data['hr']), unit(data['lr'])])
    labels = data['labels'].tolist() * 2
    terms = []
    for a in range(len(x)):
        negatives = [squared(x[a], x[n]) for n in range(len(x)) if labels[n] != labels[a]]
        for p in range(len(x)):
            if p != a and labels[p] == labels[a]:
                positive = squared(x[a], x[p])
                farther = [d for d in negatives if d > positive]
                terms.append(max(0, positive - (min(farther) if farther else max(negatives))
                                 + margin))
    return np.mean(terms)


def octuplet(data, margin=.5, normalise=True):
    views = [unit(data[v]) if normalise else data[v].numpy() for v in ('hr', 'lr')]
    labels, total = data['labels'].tolist(), 0
    for anchors in views:
        for others in views:
            terms = []
            for a in range(len(labels)):
                same = [math.sqrt(squared(anchors[a], others[p])) for p in range(len(labels))
                        if p != a and labels[p] == labels[a]]
                other = [math.sqrt(squared(anchors[a], others[n])) for n in range(len(labels))
                         if labels[n] != labels[a]]
                if same:
                    terms.append(max(0, max(same) - min(other) + margin))
            total += np.mean(terms)
    return total


def nearest_proxy(data, head, margin=.8):
    weight, terms = unit(head.weight), []
    for view in ('hr', 'lr'):
        for f, y in zip(unit(data[view]), data['labels'].tolist(), strict=True):
            nearest = min(squared(f, w) for j, w in enumerate(weight) if j != y)
            terms.append(max(0, squared(f, weight[y]) - nearest + margin))
    return np.mean(terms)


def ddl(data):
    labels, sims, mined = data['labels'].tolist(), {}, {}
    for view in ('hr', 'lr'):
        x = unit(data[view])
        n = len(x)
        sims[view] = [x[i] @ x[j] for i in range(n) for j in range(n)
                      if i != j and labels[i] == labels[j]]
        mined[view] = [max(x[i] @ x[j] for j in range(n) if labels[i] != labels[j])
                       for i in range(n)]

    def histogram(values):
        nodes = [-1 + 2 * r / 99 for r in range(100)]
        sums = np.array([sum(math.exp(-.5 * ((s - t) / .1) ** 2) for s in values) for t in nodes])
        return sums / sums.sum()

    def divergence(p, q):
        return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))

    order = sum(np.mean(sims[i]) - np.mean(mined[j]) for i in ('hr', 'lr') for j in ('hr', 'lr'))
    return (.1 * divergence(histogram(sims['hr']), histogram(sims['lr']))
            + .02 * divergence(histogram(mined['hr']), histogram(mined['lr'])) - .5 * order)


def cross_triplet(data, anchors=('lr',)):
    labels, total = data['labels'].tolist(), 0
    for anchor in anchors:
        a, o = unit(data[anchor]), unit(data['hr' if anchor == 'lr' else 'lr'])
        total += np.mean([max(0, max(squared(a[i], o[j]) for j in range(10)
                                     if labels[i] == labels[j])
                              - min(squared(a[i], o[j]) for j in range(10)
                                    if labels[i] != labels[j]) + .2) for i in range(10)])
    return total


def cross_quadruplet(data):
    labels, lr, hr, terms = data['labels'].tolist(), unit(data['lr']), unit(data['hr']), []
    for i in range(10):
        positive = max(squared(lr[i], hr[j]) for j in range(10) if labels[j] == labels[i])
        negative = min(squared(lr[i], hr[j]) for j in range(10) if labels[j] != labels[i])
        strangers = min(squared(lr[k], hr[j]) for k in range(10) for j in range(10)
                        if len({labels[i], labels[j], labels[k]}) == 3)
        terms.append(max(0, positive - negative + .2) + max(0, positive - strangers + .1))
    return np.mean(terms)


def feature(data):
    return np.mean([squared(f, t) for f, t in zip(unit(data['lr']), unit(data['teacher']),
                                                  strict=True)])


def relation(data):
    f, t = unit(data['lr']), unit(data['teacher'])
    return np.mean([(f[i] @ f[j] - t[i] @ t[j]) ** 2 for i in range(10) for j in range(10)
                    if i != j])


def class_centres(data):
    """The first step: every centre is new, so it is the mean of the teacher's vectors."""
    f, t, labels = unit(data['lr']), unit(data['teacher']), data['labels'].numpy()
    centres = np.stack([t[labels == c].mean(0) for c in range(4)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    terms = []
    for x, y in zip(f, labels, strict=True):
        logits = 64 * (centres @ x - .35 * (np.arange(4) == y))
        terms.append(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[y])
    return np.mean(terms)


CASES = [
    (TripletLoss(), triplet),
    (TripletLoss(margin=1.), lambda data: triplet(data, 1.)),
    (OctupletLoss(), octuplet),
    (OctupletLoss(margin=25, normalise=False), lambda data: octuplet(data, 25, False)),
    (DistributionDistillationLoss(), ddl),
    (CrossResolutionTripletLoss(), cross_triplet),
    (CrossResolutionTripletLoss(anchors=('lr', 'hr')),
     lambda data: cross_triplet(data, ('lr', 'hr'))),
    (CrossResolutionQuadrupletLoss(), cross_quadruplet),
    (FeatureDistillationLoss(), feature),
    (RelationDistillationLoss(), relation)]


@pytest.mark.parametrize(('loss', 'formula'), CASES)
@pytest.mark.parametrize('seed', [0, 1])
def test_every_loss_against_its_papers_formula(loss, formula, seed):
    data = batch(seed)
    want = formula(data)
    assert abs(want) > .01  # a hinge that is closed everywhere would show nothing
    assert float(loss(**data)) == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize(('loss', 'formula'), CASES)
def test_gradients_against_finite_differences(loss, formula):
    data = batch(2)
    detached = dict(hr=isinstance(loss, (CrossResolutionTripletLoss, DistributionDistillationLoss,
                                         CrossResolutionQuadrupletLoss)))
    for view in ('hr', 'lr'):
        if not detached.get(view):
            x = F.normalize(data[view]).requires_grad_()
            assert torch.autograd.gradcheck(lambda x, view=view: loss(**{**data, view: x}), x)


@pytest.mark.parametrize(('loss', 'formula'), CASES)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_and_equal_embeddings_are_finite(loss, formula, dtype):
    data = batch(dtype=dtype)
    for view in ('hr', 'lr'):
        data[view][1] = data[view][0]  # distance 0, to another person
        data[view].requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(**data)
    assert value.dtype == torch.float32 and value.isfinite()
    value.backward()
    assert all(data[v].grad is None or data[v].grad.isfinite().all() for v in ('hr', 'lr'))


def test_nearest_proxy_triplet_and_its_gradients():
    data, head = batch(), CosFaceHead(5, 6).double()
    loss = NearestProxyTripletLoss()
    got = loss(**data, head=head)
    assert float(got.detach()) == pytest.approx(nearest_proxy(data, head), rel=1e-12)
    got.backward()
    assert head.weight.grad.abs().sum() > 0
    x = F.normalize(data['hr']).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(hr=x, labels=LABELS, head=head), x)
    assert loss(**data, head=SubCenterArcFaceHead(5, 6).double()).isfinite()
    with pytest.raises(ConfigError, match='a head that is not split'):
        loss(**data, head=PartialFCHead(5, in_channels=6))


def test_class_centres_follow_the_teacher():
    data, head = batch(), CosFaceHead(4, 6)
    loss = ClassCenterDistillationLoss()
    assert float(loss(**data, head=head)) == pytest.approx(class_centres(data), rel=1e-12)
    first = F.normalize(loss.centres)
    assert float(loss(**data, head=head)) > 0
    f, t = F.normalize(data['lr']), F.normalize(data['teacher'])
    alpha = (f * t).sum(1).clamp(min=0)
    for c in range(4):
        mine = torch.eq(LABELS, c)
        want = alpha[mine].mean() * first[c] + (1 - alpha[mine].mean()) * t[mine].mean(0)
        torch.testing.assert_close(loss.centres[c], want)
    other = ClassCenterDistillationLoss()
    other.load_state_dict(loss.state_dict())
    assert torch.equal(other.centres, loss.centres)
    frozen = loss.centres.clone()
    loss.eval()(**data, head=head)
    assert torch.equal(loss.centres, frozen)
    with pytest.raises(ConfigError, match='does not know the number of classes'):
        ClassCenterDistillationLoss()(**data)


def test_classes_without_a_centre_take_no_part():
    data = batch()
    known, more = ClassCenterDistillationLoss(4), ClassCenterDistillationLoss(50)
    assert float(more(**data)) == pytest.approx(float(known(**data)), rel=1e-6)


def test_teacher_and_student_of_two_sizes():
    data = {**batch(), 'teacher': torch.randn(10, 9, dtype=torch.float64)}
    assert RelationDistillationLoss()(**data) > 0
    for loss in (FeatureDistillationLoss(), ClassCenterDistillationLoss(4)):
        with pytest.raises(ConfigError, match=r"teacher's have 9 numbers, the student's 6.*"
                                             'embed_dim=9'):
            loss(**data)


@pytest.mark.parametrize('name', ['TripletLoss', 'OctupletLoss', 'DistributionDistillationLoss'])
def test_a_batch_without_positives_names_the_sampler(name):
    data = {**batch(), 'labels': torch.arange(10)}
    if name == 'TripletLoss':  # to which the two views of a face are a pair
        data.pop('lr')
    with pytest.raises(ConfigError, match=f'{name} needs several images.*PKSampler'):
        MODELS.build(dict(type=name))(**data)


@pytest.mark.parametrize('name', ['TripletLoss', 'OctupletLoss', 'DistributionDistillationLoss',
                                  'CrossResolutionTripletLoss', 'CrossResolutionQuadrupletLoss'])
def test_a_batch_of_one_person_is_refused(name):
    data = {**batch(), 'labels': torch.zeros(10, dtype=torch.long)}
    with pytest.raises(ConfigError, match=f'{name} needs at least . people.*this one has 1'):
        MODELS.build(dict(type=name))(**data)


@pytest.mark.parametrize('name', ['OctupletLoss', 'DistributionDistillationLoss',
                                  'CrossResolutionTripletLoss', 'CrossResolutionQuadrupletLoss',
                                  'FeatureDistillationLoss', 'RelationDistillationLoss'])
def test_a_missing_lr_view_is_named(name):
    data = batch()
    data.pop('lr')
    with pytest.raises(ConfigError, match=f'{name} needs an LR view: put MultiResAug'):
        MODELS.build(dict(type=name))(**data)


@pytest.mark.parametrize(('kind', 'wrong'), [
    (TripletLoss, dict(margin=-1)), (TripletLoss, dict(margin=5)), (OctupletLoss, dict(margin=3)),
    (NearestProxyTripletLoss, dict(margin=4.5)), (DistributionDistillationLoss, dict(bins=1)),
    (CrossResolutionTripletLoss, dict(anchors=('sr',))), (FeatureDistillationLoss, dict(views=())),
    (CrossResolutionQuadrupletLoss, dict(second_margin=9)),
    (ClassCenterDistillationLoss, dict(margin=2))])
def test_arguments_that_leave_the_domain_are_named(kind, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        kind(**wrong)
