from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn
from torch.nn import functional as F

from lrfr_mm.datasets.collate import face_collate
from lrfr_mm.datasets.transforms import MultiResAug, RandomFlip
from lrfr_mm.models import FacePreprocessor, LRFRecognizer
from lrfr_mm.ops.draws import sample_key
from lrfr_mm.registry import MODELS
from lrfr_mm.structures import FaceDataSample

ROOT = Path(__file__).parents[2]


class Tiny(nn.Module):
    out_channels, out_size = 4, 7

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 16, 16)

    def forward(self, x):
        return self.conv(x)


def recognizer(**options):
    torch.manual_seed(0)
    return LRFRecognizer(backbone=Tiny(), neck=dict(type='EmbeddingNeck', embed_dim=8, dropout=0.),
                         head=dict(type='CosFaceHead', num_classes=5), **options)


def samples_of(rng, count=6):
    return [dict(img=rng.integers(0, 256, (112, 112, 3), dtype=np.uint8), gt_label=i % 5,
                 sample_idx=i, rng_key=int(sample_key(0, 0, i))) for i in range(count)]


def with_aug(samples, **options):
    aug = MultiResAug(**options)
    return [aug.transform(dict(s)) for s in samples]


def test_total_loss_is_the_papers(rng):
    model = recognizer(contrast_loss=dict(type='LogFExpLoss', p=1, loss_weight=2.))
    batch = face_collate(with_aug(samples_of(rng)))
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    twin = recognizer()
    labels = batch['data_samples'].gt_label
    hr, lr = (twin.embed((batch['inputs'][v].float() - 127.5) / 127.5) for v in ('hr', 'lr'))

    def classify(x):
        cosine = F.normalize(x) @ F.normalize(twin.head.weight).T
        return F.cross_entropy(48 * (cosine - .4 * F.one_hot(labels, 5)), labels)

    d = (F.normalize(hr) - F.normalize(lr)).abs()
    contrast = 2 * (1 + (d.exp() - 1).sum(1)).log().mean() / 8
    want = dict(loss_hr=.5 * classify(hr), loss_lr=.5 * classify(lr), loss_contrast=contrast)
    assert losses.keys() == want.keys()
    for name, value in want.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-4, atol=1e-6)


def test_without_views_it_is_the_baseline(rng):
    model = recognizer()
    batch = face_collate(samples_of(rng))
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    assert list(losses) == ['loss_hr']
    twin = recognizer()
    want = twin.head.loss(twin.embed((batch['inputs']['hr'].float() - 127.5) / 127.5),
                          batch['data_samples'].gt_label)['loss']
    torch.testing.assert_close(losses['loss_hr'], want)
    with pytest.raises(ValueError, match='MultiResAug'):
        broken = recognizer(contrast_loss=dict(type='LpDistanceLoss', p=1))
        broken(**broken.data_preprocessor(batch, True), mode='loss')


def test_joint_forward_shares_batch_norm_and_nothing_else(rng):
    batch = face_collate(with_aug(samples_of(rng)))
    options = dict(contrast_loss=dict(type='LpDistanceLoss', p=2))
    pair = [recognizer(joint_forward=joint, **options) for joint in (False, True)]
    for training, same in ((False, True), (True, False)):
        losses = []
        for model in pair:
            model.train(training)
            losses.append(model(**model.data_preprocessor(batch, True), mode='loss'))
        close = [torch.allclose(losses[0][k], losses[1][k], rtol=1e-4) for k in losses[0]]
        assert all(close) if same else not all(close)


@pytest.mark.parametrize('flip', ['independent', 'shared', None])
def test_views_made_on_the_device_equal_the_transforms(rng, flip):
    settings = dict(resolutions=(7, 14, 20), ratio=(1, 1, 2), flip=flip)
    samples = samples_of(rng, 24)
    by_transform = FacePreprocessor()(face_collate(with_aug(samples, **settings)), True)
    for resample in ('exact', 'matrix'):
        on_device = FacePreprocessor(multi_res=settings, resample=resample)
        got = on_device(face_collate(samples), True)
        for view in ('hr', 'lr'):
            torch.testing.assert_close(got['inputs'][view], by_transform['inputs'][view], rtol=0,
                                       atol=0)
    assert 'lr' not in FacePreprocessor(multi_res=settings)(face_collate(samples), False)['inputs']


def test_baseline_flips_what_the_method_flips(rng):
    samples = samples_of(rng, 20)
    flip = RandomFlip()
    plain = np.stack([flip.transform(dict(s))['img'] for s in samples])
    method = np.stack([s['img'] for s in with_aug(samples)])
    np.testing.assert_array_equal(plain, method)


def test_preprocessor_normalises_and_checks_labels_before_the_device(rng):
    model = recognizer()
    batch = face_collate(samples_of(rng))
    out = model.data_preprocessor(batch, True)['inputs']['hr']
    assert out.dtype == torch.float32 and out.min() >= -1 and out.max() <= 1
    torch.testing.assert_close(out, (batch['inputs']['hr'].float() - 127.5) / 127.5)
    batch['data_samples'].gt_label[2] = 5
    with pytest.raises(ValueError, match=r'label 5 .*5 classes'):
        model.data_preprocessor(batch, True)
    both = FacePreprocessor(multi_res=dict())
    with pytest.raises(ValueError, match='not both'):
        both(face_collate(with_aug(samples_of(rng))), True)


def test_modes(rng):
    model = recognizer().eval()
    data = model.data_preprocessor(face_collate(samples_of(rng)), False)
    embeddings = model(**data, mode='tensor')
    assert embeddings.shape == (6, 8)
    predicted = model(**data, mode='predict')
    torch.testing.assert_close(predicted.embedding, embeddings)
    singles = [FaceDataSample() for _ in range(6)]
    model(data['inputs'], singles, mode='predict')
    torch.testing.assert_close(torch.stack([s.embedding for s in singles]), embeddings)
    torch.testing.assert_close(model(data['inputs']['hr']), embeddings)
    with pytest.raises(ValueError, match='mode'):
        model(**data, mode='guess')


@pytest.mark.parametrize('backbone', [
    dict(type='FaceResNet', depth=18),
    dict(type='TIMMBackbone', model_name='vit_tiny_patch16_224'),
    dict(type='TIMMBackbone', model_name='swin_tiny_patch4_window7_224'),
    dict(type='TIMMBackbone', model_name='convnext_atto', stem_stride=2),
])
def test_another_backbone_is_one_line(backbone):
    """Neck and head take their sizes from what stands before them."""
    model = MODELS.build(dict(type='LRFRecognizer', backbone=backbone,
                              neck=dict(type='EmbeddingNeck', embed_dim=32),
                              head=dict(type='CosFaceHead', num_classes=3))).eval()
    assert model(torch.zeros(1, 3, 112, 112)).shape == (1, 32)
    assert model.head.weight.shape == (3, 32)


def test_compiles_without_a_graph_break():
    model = recognizer(contrast_loss=dict(type='LogFExpLoss', p=1)).eval()
    inputs = dict(hr=torch.randn(4, 3, 112, 112), lr=torch.randn(4, 3, 112, 112))
    labels = torch.arange(4)

    def step(inputs, labels):
        hr, lr = model.embed(inputs['hr']), model.embed(inputs['lr'])
        return (model.head.loss(hr, labels)['loss']
                + model.contrast_loss(F.normalize(hr), F.normalize(lr)))

    compiled = torch.compile(step, fullgraph=True, backend='eager')
    torch.testing.assert_close(compiled(inputs, labels), step(inputs, labels))


@pytest.mark.parametrize('backbone', [
    dict(type='FaceResNet', depth=18), dict(type='IResNet', depth=18), dict(type='MobileFaceNet'),
    dict(type='TIMMBackbone', model_name='mobilenetv4_conv_small_050', stem_stride=1),
    dict(type='TIMMBackbone', model_name='vit_tiny_patch16_224', patch_size=16),
    dict(type='TIMMBackbone', model_name='convnext_atto', stem_stride=2),
    dict(type='TIMMBackbone', model_name='swin_tiny_patch4_window7_224', window_size=7)])
def test_networks_are_one_graph(backbone):
    """fullgraph=True raises at the first break; the eager backend needs no compiler."""
    torch.manual_seed(0)
    models = [LRFRecognizer(backbone, dict(type='PoolNeck', embed_dim=8), compile=compile).eval()
              for compile in (None, dict(backend='eager'))]
    models[1].load_state_dict(models[0].state_dict())
    x = torch.randn(2, 3, 112, 112)
    with torch.no_grad():
        torch.testing.assert_close(models[1](x), models[0](x))


def test_channels_last_changes_the_layout_not_the_numbers(rng):
    plain, last = recognizer(), recognizer(channels_last=True)
    assert last.backbone.conv.weight.is_contiguous(memory_format=torch.channels_last)
    batch = face_collate(with_aug(samples_of(rng)))
    losses = [sum(m(**m.data_preprocessor(batch, True), mode='loss').values()) for m in (plain,
                                                                                         last)]
    torch.testing.assert_close(*losses)


def test_norms_and_biases_can_be_left_out_of_the_weight_decay():
    config = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'r50_ms1m.py')
    config.model.backbone.depth, config.model.head.num_classes = 18, 5
    config.optim_wrapper.paramwise_cfg = dict(norm_decay_mult=0., bias_decay_mult=0.)
    config.optim_wrapper.optimizer.fused = True
    model = MODELS.build(config.model)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    decay = {id(p): group['weight_decay'] for group in wrapper.optimizer.param_groups
             for p in group['params']}
    norms = {id(p) for module in model.modules()
             if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
             for p in module.parameters()}
    for name, parameter in model.named_parameters():
        free = id(parameter) in norms or name.endswith('.bias')
        assert decay[id(parameter)] == (0 if free else 5e-4), name
    assert len(norms) > 20
