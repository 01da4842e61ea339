import copy

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch.nn import functional as F

from lrfr_mm.engine.checkpoint import allow_checkpoint_classes
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.models import FrozenTeacher, KeepHRLoss
from lrfr_mm.models.teachers import EmbeddingStore
from lrfr_mm.registry import MODELS

BACKBONE = dict(type='TIMMBackbone', model_name='mobilenetv4_conv_small_050', out='pooled')
TEACHER = dict(type='LRFRecognizer', backbone=BACKBONE, neck=dict(type='PoolNeck', embed_dim=32),
               data_preprocessor=dict(type='FacePreprocessor', mean=(120, 110, 100), std=60.,
                                      channel_order='bgr', size=96))


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('teacher') / 'teacher.pth'
    torch.manual_seed(1)
    torch.save(dict(state_dict=MODELS.build(TEACHER).state_dict(), meta=dict(epoch=3)), path)
    return str(path)


@pytest.fixture
def images():
    return torch.randint(0, 256, (5, 3, 112, 112)).float()


def test_it_has_its_own_size_scale_and_order(checkpoint, images):
    teacher = FrozenTeacher(dict(TEACHER, head=dict(type='CosFaceHead', num_classes=4)), checkpoint,
                            batch_size=2)
    network = MODELS.build(TEACHER).eval()
    network.load_state_dict(torch.load(checkpoint)['state_dict'])
    small = F.interpolate(images, (96, 96), mode='bicubic', antialias=True).clamp(0, 255)
    x = (small - torch.tensor([120., 110, 100]).view(3, 1, 1)) / 60
    with torch.no_grad():
        expected = network.neck(network.backbone(x.flip(1)))
    torch.testing.assert_close(teacher.train()(images), expected, atol=1e-5, rtol=1e-4)
    assert not teacher.training and not any(p.requires_grad for p in teacher.parameters())


def test_reading_a_checkpoint_leaves_the_runs_own_checkpoints_as_they_are(checkpoint, tmp_path):
    """mmengine keeps the statistics of its logs in the class: a reader must not change it."""
    allow_checkpoint_classes()
    log = HistoryBuffer()
    log.update(3.)
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(torch.load(checkpoint), message_hub=dict(log_scalars=dict(loss=log))), path)
    FrozenTeacher(TEACHER, str(path))
    torch.save(log, tmp_path / 'again.pth')
    assert torch.load(tmp_path / 'again.pth').statistics('mean', 1) == 3


def test_the_cache_knows_each_image_and_its_mirror(checkpoint, images, tmp_path):
    plain = FrozenTeacher(TEACHER, checkpoint)
    teacher = FrozenTeacher(TEACHER, checkpoint, cache=str(tmp_path))
    first = teacher(images)
    torch.testing.assert_close(first, plain(images), atol=1e-5, rtol=1e-4)
    teacher.model = None  # from here on only the cache can answer
    torch.testing.assert_close(teacher(images.flip(0)), first.flip(0), atol=0, rtol=0)
    with pytest.raises(AttributeError):
        teacher(images.flip(-1))
    again = FrozenTeacher(TEACHER, checkpoint, cache=str(tmp_path))
    assert again.store.path == teacher.store.path
    other = FrozenTeacher(TEACHER, cache=str(tmp_path))  # other weights: another file
    assert other.store.path != teacher.store.path
    torch.testing.assert_close(copy.deepcopy(again)(images), first, atol=0, rtol=0)


def test_a_recognizer_trains_with_it_and_does_not_hold_it(checkpoint, images):
    student = MODELS.build(dict(
        TEACHER, teacher=dict(type='FrozenTeacher', model=TEACHER, checkpoint=checkpoint),
        losses=[dict(type='FeatureDistillationLoss'), dict(type='KeepHRLoss', loss_weight=2.)]))
    inputs = student.data_preprocessor(dict(inputs=images.to(torch.uint8)))['inputs']
    losses = student.loss(dict(inputs, lr=inputs['hr']), None)
    assert set(losses) == {'loss_feature_distillation', 'loss_keep_hr'}
    assert not any('teacher' in name for name in student.state_dict())
    sum(losses.values()).backward()


@pytest.mark.parametrize('change, error, text', [
    (dict(checkpoint='no.pth'), InputMissingError, 'no.pth'),
    (dict(model='no.py'), InputMissingError, 'no.py'),
    (dict(model=dict(TEACHER, neck=dict(type='PoolNeck', embed_dim=16))), InputError,
     r'neck.*has shape'),
    (dict(model=dict(TEACHER, neck=dict(type='EmbeddingNeck', embed_dim=32, in_size=1))),
     InputError, 'another model')])
def test_what_does_not_fit_is_named(checkpoint, change, error, text):
    with pytest.raises(error, match=text):
        FrozenTeacher(**{**dict(model=TEACHER, checkpoint=checkpoint), **change})


def test_a_damaged_cache_is_named(tmp_path):
    path = tmp_path / 'a.sqlite'
    path.write_bytes(b'not a database' * 100)
    with pytest.raises(InputError, match=r'a\.sqlite'):
        EmbeddingStore(path).get([b'0' * 16])
    image = np.zeros((3, 4, 4), np.uint8)
    assert EmbeddingStore.key(image) != EmbeddingStore.key(image.reshape(3, 2, 8))


def test_keep_hr_is_its_formula():
    hr, teacher = torch.randn(6, 8, dtype=torch.float64), torch.randn(6, 8, dtype=torch.float64)
    a, b = hr.numpy(), teacher.numpy()
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    for tolerance in (0., .9):
        expected = np.maximum(0, 1 - cosine - tolerance).mean()
        found = KeepHRLoss(tolerance, loss_weight=3.)(hr=hr, teacher=teacher)
        assert np.isclose(found.item(), 3 * expected)
    with pytest.raises(ValueError, match='one size'):
        KeepHRLoss()(hr=hr, teacher=teacher[:, :4])
