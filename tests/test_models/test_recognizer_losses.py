"""The list of losses, the frozen teacher, landmarks and views of LRFRecognizer."""
import copy

import numpy as np
import pytest
import torch
from torch import nn

from lrfr_mm.models import FacePreprocessor, LRFRecognizer
from lrfr_mm.models.build import build_part, embedding_config
from lrfr_mm.models.losses import EmbeddingLoss
from lrfr_mm.structures import FaceDataSample
from tests.processes import run_on


class Tiny(nn.Module):
    out_channels, out_size = 4, 7

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 16, 16)

    def forward(self, x):
        return self.conv(x)


class MeanColour(nn.Module):
    """A teacher with weights of its own; remembers what it was called with."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, images, data_samples):
        self.seen, self.samples = images, data_samples
        return self.norm(self.fc(images.mean((2, 3)) / 255))


class TaughtLoss(EmbeddingLoss):
    """Mean squared first coordinate against the teacher's, of both views, plus the labels' mean."""

    needs = ('lr', 'labels', 'head', 'teacher')

    def compute(self, batch):
        self.dtypes = batch.hr.dtype, batch.lr.dtype, batch.teacher.dtype
        own = torch.stack([batch.hr[:, 0], batch.lr[:, 0]])
        return ((own - batch.teacher[:, 0]) ** 2).mean() + batch.labels.double().mean()


class NormLoss(EmbeddingLoss):
    def __init__(self, loss_weight=1.):
        super().__init__(loss_weight)
        self.target = nn.Parameter(torch.ones(()))

    def compute(self, batch):
        return (batch.hr.norm(dim=1) - self.target).square().mean()


class Branches(Tiny):
    """A convolution per view, and landmarks that shift the result."""

    takes_view = takes_landmarks = True

    def __init__(self):
        super().__init__()
        self.lr = nn.Conv2d(3, 4, 16, 16)

    def forward(self, x, landmarks=None, view=None):
        self.calls = [*getattr(self, 'calls', []), (view, landmarks)]
        return self.lr(x) if view == 'lr' else self.conv(x)


def recognizer(backbone=None, **options):
    torch.manual_seed(0)
    options.setdefault('head', dict(type='CosFaceHead', num_classes=5))
    return LRFRecognizer(backbone=backbone or Tiny(),
                         neck=dict(type='EmbeddingNeck', embed_dim=8, dropout=0.), **options)


def batch_of(rng, count=4, lr=True, **fields):
    def images():
        return torch.from_numpy(rng.integers(0, 256, (count, 3, 112, 112), dtype=np.uint8))
    inputs = dict(hr=images(), **(dict(lr=images()) if lr else {}))
    sample = FaceDataSample()
    sample.set_data(dict(gt_label=torch.arange(count), **fields))
    return dict(inputs=inputs, data_samples=sample)


def losses_of(model, batch):
    return model(**model.data_preprocessor(batch, True), mode='loss')


def test_losses_get_views_labels_head_and_teacher_and_are_named(rng):
    taught, norm = TaughtLoss(loss_weight=3.), dict(type=NormLoss, name='length', loss_weight=.5)
    model = recognizer(losses=[taught, norm], teacher=MeanColour())
    plain = recognizer()
    batch = batch_of(rng)
    got, want = losses_of(model, batch), losses_of(plain, batch)
    assert list(got) == ['loss_hr', 'loss_lr', 'loss_taught', 'loss_length']
    for name, value in want.items():
        torch.testing.assert_close(got[name], value, rtol=0, atol=0)
    twin = recognizer()
    hr, lr = (twin.embed((batch['inputs'][v].float() - 127.5) / 127.5) for v in ('hr', 'lr'))
    teacher = model.teacher(batch['inputs']['hr'].float(), None)
    expected = 3 * (((torch.stack([hr, lr])[..., 0] - teacher[:, 0]) ** 2).mean() + 1.5)
    torch.testing.assert_close(got['loss_taught'].float(), expected.float(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(got['loss_length'], .5 * (hr.norm(dim=1) - 1).square().mean())


def test_losses_are_float32_under_autocast(rng):
    loss = TaughtLoss()
    model = recognizer(losses=[loss], teacher=MeanColour())
    with torch.autocast('cpu', torch.bfloat16):
        losses_of(model, batch_of(rng))
    assert loss.dtypes == (torch.float32,) * 3


def test_the_teacher_is_frozen_and_outside_of_the_model(rng):
    teacher = MeanColour()
    model = recognizer(losses=[TaughtLoss()], teacher=teacher)
    assert model.teacher is teacher
    assert not any('fc' in name and name.startswith(('teacher', '_frozen'))
                   for name in model.state_dict())
    ids = {id(p) for p in model.parameters()}
    assert not ids & {id(p) for p in teacher.parameters()}
    assert model.state_dict().keys() == recognizer().state_dict().keys()
    before = copy.deepcopy(teacher.state_dict())
    model.train()
    assert not teacher.training
    batch = batch_of(rng)
    losses = losses_of(model, batch)
    sum(losses.values()).backward()
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())
    for name, value in teacher.state_dict().items():  # batch norm did not learn either
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    torch.testing.assert_close(teacher.seen, batch['inputs']['hr'].float(), rtol=0, atol=1e-4)
    assert teacher.samples.gt_label.tolist() == [0, 1, 2, 3]
    assert copy.deepcopy(model).teacher is teacher
    model.to('meta')
    assert teacher.fc.weight.device.type == 'meta'


def test_the_teacher_sees_the_flips_of_the_hr_view(rng):
    model = recognizer(losses=[TaughtLoss()], teacher=MeanColour(), data_preprocessor=dict(
        type='FacePreprocessor', multi_res=dict(flip='shared')))
    batch = batch_of(rng, 8, lr=False, rng_key=torch.arange(8))
    batch['data_samples'].gt_label %= 5
    losses_of(model, batch)
    flipped = [bool((seen.round().byte() == image.flip(-1)).all())
               for seen, image in zip(model.teacher.seen, batch['inputs']['hr'])]
    as_it_is = [bool((seen.round().byte() == image).all())
                for seen, image in zip(model.teacher.seen, batch['inputs']['hr'])]
    assert any(flipped) and any(as_it_is)
    assert all(a != b for a, b in zip(flipped, as_it_is))


def test_losses_alone_train_without_head_and_labels(rng):
    model = recognizer(head=None, losses=[NormLoss()])
    batch = batch_of(rng, lr=False)
    for samples in (batch['data_samples'], None, FaceDataSample()):
        out = model(dict(hr=torch.randn(4, 3, 112, 112)), samples, mode='loss')
        assert list(out) == ['loss_norm']
    assert 'losses.norm.target' in model.state_dict()


@pytest.mark.parametrize(('options', 'lr', 'text'), [
    (dict(head=None), True, 'cannot be trained'),
    (dict(losses=[TaughtLoss()]), True, 'set model.teacher'),
    (dict(losses=[TaughtLoss()], teacher=MeanColour()), False, 'MultiResAug'),
    (dict(losses=[TaughtLoss()], teacher=MeanColour(), head=None), True, 'set model.head'),
])
def test_what_is_missing_is_said(rng, options, lr, text):
    with pytest.raises(ValueError, match=text):
        losses_of(recognizer(**options), batch_of(rng, lr=lr))


def test_labels_that_are_missing_are_said(rng):
    with pytest.raises(ValueError, match='gt_label'):
        recognizer()(dict(hr=torch.zeros(2, 3, 112, 112)), None, mode='loss')


@pytest.mark.parametrize('losses', [[NormLoss(), NormLoss()], [dict(type=NormLoss, name='hr')],
                                    [NormLoss(), dict(type=TaughtLoss, name='norm')]])
def test_two_losses_of_one_name_are_refused(losses):
    with pytest.raises(ValueError, match='name='):
        recognizer(losses=losses)


def test_names_are_the_classes_in_snake_case():
    for class_name, name in (('TripletLoss', 'triplet'), ('LogFExpLoss', 'log_f_exp'),
                             ('DCRLoss', 'dcr'), ('SmoothL1DistanceLoss', 'smooth_l1_distance')):
        kind = type(class_name, (NormLoss,), {})
        assert list(recognizer(losses=[kind()]).losses) == [name]


def test_landmarks_and_views_reach_the_parts_that_take_them(rng):
    points = torch.rand(4, 5, 2)
    batch = batch_of(rng, landmarks=points, landmarks_lr=points + 1)
    model = recognizer(Branches())
    losses_of(model, batch)
    (first, hr_points), (second, lr_points) = model.backbone.calls
    assert (first, second) == ('hr', 'lr')
    torch.testing.assert_close(hr_points, points)
    torch.testing.assert_close(lr_points, points + 1)
    images = torch.randn(4, 3, 112, 112)
    model.eval()
    views = [model.embed(images, points, view) for view in ('hr', 'lr', None)]
    assert not torch.allclose(views[0], views[1])
    torch.testing.assert_close(views[0], views[2])
    torch.testing.assert_close(model(images, view='lr'), views[1])
    assert model.backbone.calls[-1] == ('lr', None)
    model(dict(hr=images), batch['data_samples'])
    torch.testing.assert_close(model.backbone.calls[-1][1], points)
    with pytest.raises(ValueError, match='view'):
        model.embed(images, view='HR')
    with pytest.raises(ValueError, match='joint_forward'):
        recognizer(Branches(), joint_forward=True)
    with pytest.raises(ValueError, match='landmarks_lr'):
        losses_of(model, batch_of(rng, landmarks=points))


class SizelessNeck(nn.Module):
    embed_dim = 4

    def __init__(self, in_channels):
        super().__init__()
        self.fc = nn.Linear(in_channels, 4)

    def forward(self, x):
        return self.fc(x.mean((2, 3)))


class KeywordNeck(SizelessNeck):
    def __init__(self, **sizes):
        super().__init__(sizes['in_channels'])
        assert sizes == dict(in_channels=4, in_size=7)


class OwnSizesNeck(nn.Flatten):
    embed_dim = 4 * 49


@pytest.mark.parametrize('neck', [SizelessNeck, KeywordNeck, OwnSizesNeck])
def test_a_neck_gets_only_what_it_takes(neck):
    model = LRFRecognizer(backbone=dict(type=Tiny), neck=dict(type=neck), head=dict(
        type='CosFaceHead', num_classes=2))
    assert model.head.in_channels == neck.embed_dim
    assert model(torch.zeros(2, 3, 112, 112)).shape == (2, neck.embed_dim)


def test_parts_are_built_from_names_classes_and_modules():
    tiny = Tiny()
    assert build_part(tiny, in_channels=3) is tiny and build_part(None) is None
    assert isinstance(build_part(dict(type=FacePreprocessor)), FacePreprocessor)
    assert build_part(dict(type='PoolNeck', in_channels=6), in_channels=3).in_channels == 6
    with pytest.raises(KeyError, match='NoSuchNeck'):
        build_part(dict(type='NoSuchNeck'), in_channels=3)


def test_the_embedding_config_leaves_out_what_only_training_needs():
    config = dict(type='LRFRecognizer', backbone=dict(type=Tiny), neck=dict(type='PoolNeck'),
                  head=dict(type='Missing'), losses=[dict(type='Missing')],
                  teacher=dict(type='Missing'))
    small = embedding_config(config)
    assert config['head'] == dict(type='Missing')
    assert 'contrast_loss' not in small and small['backbone'] is config['backbone']
    model = build_part(small)
    assert model.head is None and model.teacher is None and not len(model.losses)


def train_with_teacher(rank, world):
    from torch.nn.parallel import DistributedDataParallel
    model = recognizer(losses=[TaughtLoss(), NormLoss()], teacher=MeanColour())
    wrapped = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), .1)
    for step in range(2):
        batch = batch_of(np.random.default_rng(10 * rank + step))
        data = model.data_preprocessor(batch, True)
        optimizer.zero_grad()
        sum(wrapped(**data, mode='loss').values()).backward()
        optimizer.step()
    weights = torch.cat([p.detach().flatten() for p in model.parameters()])
    others = [torch.empty_like(weights) for _ in range(world)]
    torch.distributed.all_gather(others, weights)
    assert all(torch.equal(other, weights) for other in others)


def test_a_teacher_under_data_parallel():
    run_on(2, 'test_models.test_recognizer_losses', 'train_with_teacher')


@pytest.mark.parametrize('joint', [False, True])
@pytest.mark.parametrize('weights', [(.5, .5), (.2, .9), (1., 0.)])
def test_view_weights_and_joint_batches_against_float64(rng, joint, weights):
    """The head's loss of each view times its weight; batch statistics over one view, or over both.
    """
    model = recognizer(view_weights=weights, joint_forward=joint).double()
    batch = batch_of(rng)
    views = [(batch['inputs'][view].double() - 127.5) / 127.5 for view in ('hr', 'lr')]
    got = model(dict(zip(('hr', 'lr'), views)), batch['data_samples'], mode='loss')
    conv, neck = model.backbone.conv, model.neck

    def normalise(x):
        axes = (0, 2, 3)[:x.dim() - 1]
        mean, var = x.mean(axes, keepdim=True), x.var(axes, unbiased=False, keepdim=True)
        return (x - mean) / (var + 1e-5).sqrt()

    def embed(x):
        return normalise(neck.fc(normalise(conv(x)).flatten(1)))

    embedded = embed(torch.cat(views)).chunk(2) if joint else [embed(x) for x in views]
    for view, weight, x in zip(('hr', 'lr'), weights, embedded):
        cosine = (x / x.norm(dim=1, keepdim=True)) @ (
            model.head.weight / model.head.weight.norm(dim=1, keepdim=True)).T
        cosine[range(4), range(4)] -= .4
        logits = 48 * cosine
        want = weight * (logits.exp().sum(1).log() - logits.diagonal()).mean()
        torch.testing.assert_close(got[f'loss_{view}'], want, rtol=1e-6, atol=1e-9)


def test_view_weights_are_two():
    with pytest.raises(ValueError, match='view_weights'):
        recognizer(view_weights=(1., 1., 1.))
