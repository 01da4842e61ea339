import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from lrfr_mm.models import LRFRecognizer
from lrfr_mm.models.backbones import FaceResNet, IResNet, MobileFaceNet, TIMMBackbone
from lrfr_mm.models.backbones.unused import remove_unused
from lrfr_mm.models.necks import EmbeddingNeck, GDCNeck
from lrfr_mm.structures import FaceDataSample
from tests.processes import run_on

FAMILIES = [
    ('resnet10t', dict(stem_stride=1), 'NCHW', 7),
    ('convnext_atto', dict(stem_stride=2), 'NCHW', 7),
    ('mobilenetv4_conv_small_050', dict(stem_stride=1), 'NCHW', 7),
    ('mobilenetv3_small_050', dict(stem_stride=1), 'NCHW', 7),
    ('efficientnet_b0', dict(stem_stride=1), 'NCHW', 7),
    ('regnety_002', dict(stem_stride=1), 'NCHW', 7),
    ('edgenext_xx_small', dict(stem_stride=2), 'NCHW', 7),
    ('fastvit_t8', dict(), 'NCHW', 4),
    ('starnet_s1', dict(stem_stride=1), 'NCHW', 7),
    ('repvgg_a0', dict(stem_stride=1), 'NCHW', 7),
    ('ghostnet_050', dict(stem_stride=1), 'NCHW', 7),
    ('mobilevit_xxs', dict(stem_stride=1), 'NCHW', 7),
    ('swin_tiny_patch4_window7_224', dict(), 'NHWC', 4),
    ('vit_tiny_patch16_224', dict(), 'tokens', 7),
    ('vit_tiny_patch16_224', dict(patch_size=8), 'tokens', 14),
    ('xcit_nano_12_p8_224', dict(), 'tokens', 14),
]


def every_weight_gets_a_gradient(backbone):
    backbone.train()
    backbone(torch.randn(2, 3, 112, 112)).square().mean().backward()
    without = [name for name, p in backbone.named_parameters()
               if p.requires_grad and p.grad is None]
    assert not without


@pytest.mark.parametrize(('name', 'options', 'layout', 'size'), FAMILIES)
def test_families_give_nchw_maps_without_idle_weights(name, options, layout, size):
    backbone = TIMMBackbone(name, **options).eval()
    assert (backbone.layout, backbone.out_size, backbone.out) == (layout, size, 'map')
    with torch.no_grad():
        maps = backbone(torch.randn(2, 3, 112, 112))
    assert maps.shape == (2, backbone.out_channels, size, size)
    every_weight_gets_a_gradient(backbone)


@pytest.mark.parametrize('name', ['convnext_atto', 'mobilenetv4_conv_small_050',
                                  'mobilenetv3_small_050', 'vit_tiny_patch16_224'])
def test_pooled_vectors_are_timms_own(name):
    torch.manual_seed(0)
    backbone = TIMMBackbone(name, out='pooled').eval()
    torch.manual_seed(0)
    own = timm.create_model(name, num_classes=0, **(dict(img_size=112) if 'vit' in name else {}))
    own.load_state_dict(backbone.net.state_dict())
    x = torch.randn(2, 3, 112, 112)
    with torch.no_grad():
        torch.testing.assert_close(backbone(x), own.eval()(x))
    assert (backbone.out_channels, backbone.out_size) == (own.head_hidden_size if hasattr(
        own, 'head_hidden_size') else own.num_features, None)
    every_weight_gets_a_gradient(backbone)


# One of each way to fit, and of each kind of unused part (a head's norm, a head's convolution).
@pytest.mark.parametrize(('name', 'out', 'fit', 'size', 'removed'), [
    ('resnet10t', 'map', 'native', 112, []),
    ('convnext_atto', 'map', 'native', 112, ['head']),
    ('mobilenetv4_conv_small_050', 'map', 'native', 112, ['conv_head', 'norm_head']),
    ('efficientvit_b0', 'map', 'native', 112, ['head']),
    ('cait_xxs24_224', 'map', 'img_size', 112, []),
    ('hrnet_w18_small', 'map', 'resize', 128, []),
    ('test_coatnet', 'map', 'resize', 128, []),
    pytest.param('halonet_h1', 'map', 'resize', 256, [], marks=pytest.mark.slow),
    pytest.param('coat_tiny', 'pooled', 'resize', 128, [], marks=pytest.mark.slow),
    pytest.param('volo_d1_224', 'map', 'img_size', 112, [], marks=pytest.mark.slow),
])
def test_any_network_takes_faces(name, out, fit, size, removed):
    backbone = TIMMBackbone(name, out='auto')
    assert (backbone.out, backbone.fit, backbone.network_size) == (out, fit, size)
    assert backbone.removed == removed
    every_weight_gets_a_gradient(backbone)


def test_the_face_is_enlarged_inside():
    torch.manual_seed(0)
    backbone = TIMMBackbone('resnet10t', resize=160).eval()
    assert (backbone.fit, backbone.network_size, backbone.out_size) == ('resize', 160, 5)
    x = torch.randn(1, 3, 112, 112)
    larger = np.stack([Image.fromarray(plane, 'F').resize((160, 160), Image.Resampling.BICUBIC)
                       for plane in x[0].numpy()])
    with torch.no_grad():
        want = backbone.net.forward_features(torch.from_numpy(larger)[None])
        torch.testing.assert_close(backbone(x), want, rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match='efficientformerv2_s0'):
        TIMMBackbone('efficientformerv2_s0', resize=None)


class Idle(torch.nn.Module):
    """One module of each kind: used, called in vain, never called, weight read without a call."""

    def __init__(self):
        super().__init__()
        self.used, self.vain, self.never, self.read = (torch.nn.Linear(2, 2) for _ in range(4))
        self.block = torch.nn.ModuleDict(dict(used=torch.nn.Linear(2, 2),
                                              never=torch.nn.BatchNorm1d(2)))
        self.token = torch.nn.Parameter(torch.zeros(2))

    def forward(self, x):
        self.vain(x)
        return self.block['used'](self.used(x)) @ self.read.weight


def test_unused_parts_are_removed_or_frozen():
    net = Idle()
    x = torch.randn(3, 2)
    before = net(x)
    removed, frozen = remove_unused(net, lambda: net(x))
    assert removed == ['never', 'block.never']
    assert frozen == ['token', 'vain.weight', 'vain.bias', 'read.bias']
    torch.testing.assert_close(net(x), before)
    net(x).sum().backward()
    assert all((p.grad is None) == (name in frozen) == (not p.requires_grad)
               for name, p in net.named_parameters())


def test_pretrained_weights_are_asked_for_by_init_weights_alone(tmp_path, monkeypatch):
    torch.manual_seed(1)
    source = timm.create_model('resnet10t')
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    options = dict(pretrained=True, out='pooled',
                   pretrained_cfg_overlay=dict(file=str(tmp_path / 'weights.pth')))
    asked, create = [], timm.create_model
    monkeypatch.setattr(timm, 'create_model', lambda *args, **kwargs: (
        asked.append(kwargs['pretrained']), create(*args, **kwargs))[1])
    model = LRFRecognizer(dict(type='TIMMBackbone', model_name='resnet10t', **options),
                          dict(type='PoolNeck', embed_dim=4))
    assert True not in asked
    state = {k: v.clone() for k, v in model.state_dict().items()}
    model.init_weights()
    assert asked.count(True) == 1
    for name, value in model.backbone.net.state_dict().items():
        torch.testing.assert_close(value, source.state_dict()[name], rtol=0, atol=0)
    tuned = LRFRecognizer(dict(type='TIMMBackbone', model_name='resnet10t', **options),
                          dict(type='PoolNeck', embed_dim=4))
    tuned.load_state_dict(state)
    tuned.init_weights()
    assert asked.count(True) == 1
    for name, value in tuned.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)


def test_loaded_weights_survive_the_runners_initialisation():
    """timm's transformers have an init_weights of their own; init_cfg may be set, too."""
    constant = dict(type='Constant', layer='Linear', val=.25)
    model = LRFRecognizer(dict(type='TIMMBackbone', model_name='vit_tiny_patch16_224', depth=1),
                          dict(type='PoolNeck', embed_dim=4),
                          head=dict(type='CosFaceHead', num_classes=3))
    model.neck.init_cfg = constant
    state = {k: v.clone() for k, v in model.state_dict().items() if not k.startswith('head.')}
    model.load_state_dict(state, strict=False)
    model.init_weights()
    for name, value in state.items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=0, atol=0)


def test_timms_statistics_of_pretrained_weights():
    backbone = TIMMBackbone('resnet10t')
    np.testing.assert_allclose(backbone.pretrained_mean, (123.675, 116.28, 103.53))
    np.testing.assert_allclose(backbone.pretrained_std, (58.395, 57.12, 57.375))
    model = LRFRecognizer(backbone, dict(type='PoolNeck'), data_preprocessor=dict(
        type='FacePreprocessor', mean='timm', std='timm'))
    np.testing.assert_allclose(model.data_preprocessor.mean.flatten(), (123.675, 116.28, 103.53))


@pytest.mark.parametrize('name', ['swin_tiny_patch4_window7_224', 'vit_tiny_patch16_224'])
def test_map_positions_are_image_positions(name):
    """What changes in one corner of the image changes that corner of the map most."""
    backbone = TIMMBackbone(name).eval()
    blank = torch.zeros(1, 3, 112, 112)
    marked = blank.clone()
    marked[..., :16, -16:] = 3.
    with torch.no_grad():
        change = (backbone(marked) - backbone(blank)).abs().sum(1)[0]
    assert change.argmax() == backbone.out_size - 1


@pytest.mark.parametrize(('name', 'options', 'text'), [
    ('hrnet_w18_small', dict(resize=None), "'hrnet_w18_small' cannot be used with 112x112"),
    ('efficientformerv2_s0', dict(resize=None), 'cannot be used with 112x112'),
    ('resnet10t', dict(resize=0), 'resize'),
    ('resnet10t', dict(resize='large'), "'large'"),
    ('convnext_atto', dict(resize=3), 'cannot be used'),
    ('vit_tiny_patch16_224', dict(stem_stride=1), 'set patch_size'),
    ('resnet10t', dict(no_such_option=1), 'no_such_option'),
    ('resnet_of_dreams', {}, "no network 'resnet_of_dreams'"),
    ('resnet10t', dict(out='vector'), "'vector'"),
])
def test_what_cannot_be_used_is_said(name, options, text):
    with pytest.raises(ValueError, match=text):
        TIMMBackbone(name, **options)


@pytest.mark.parametrize('name', ['vit_tiny_patch16_224', 'resnet10t'])
def test_checkpointing_keeps_the_gradients(name):
    grads = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        backbone = TIMMBackbone(name, checkpointing=checkpointing).train()
        torch.manual_seed(1)
        backbone(torch.randn(2, 3, 112, 112)).square().mean().backward()
        grads.append(next(p.grad for p in backbone.parameters() if p.grad is not None))
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(('depth', 'gflop', 'million'), [(34, 7.16, 34.1), (50, 8.08, 74.9)])
def test_face_resnet_has_the_papers_size(depth, gflop, million):
    backbone = FaceResNet(depth).eval()
    neck = EmbeddingNeck(backbone.out_channels).eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        maps = backbone(torch.randn(1, 3, 112, 112))
        assert neck(maps).shape == (1, 512)
    assert maps.shape == (1, backbone.out_channels, 7, 7)
    assert round(counter.get_total_flops() / 1e9, 2) == gflop
    count = sum(p.numel() for module in (backbone, neck) for p in module.parameters())
    assert round(count / 1e6, 1) == million


def normalise(x, state, name):
    """Batch norm in eval mode, by its formula."""
    factor = state[f'{name}.weight'] / (state[f'{name}.running_var'] + 1e-5).sqrt()
    shift = state[f'{name}.bias'] - factor * state[f'{name}.running_mean']
    return factor[:, None, None] * x + shift[:, None, None]


def face_resnet_by_layers(x, state, blocks, kernels):
    """The paper's network written out: 3x3 stem, max pooling, four stages of residual blocks."""
    conv = torch.nn.functional.conv2d
    x = normalise(conv(x, state['stem.0.weight'], padding=1), state, 'stem.1').clamp(min=0)
    x = torch.nn.functional.max_pool2d(x, 3, 2, 1)
    for stage, count in enumerate(blocks):
        for k in range(count):
            name, y = f'stages.{stage}.{k}', x
            # torchvision's bottleneck has its stride in the 3x3 convolution.
            where = 0 if len(kernels) == 2 else 1
            for n, kernel in enumerate(kernels):
                stride = 2 if stage > 0 and k == 0 and n == where else 1
                y = normalise(conv(y, state[f'{name}.conv{n + 1}.weight'], stride=stride,
                                   padding=kernel // 2), state, f'{name}.bn{n + 1}')
                y = y if n == len(kernels) - 1 else y.clamp(min=0)
            if f'{name}.downsample.0.weight' in state:
                x = normalise(conv(x, state[f'{name}.downsample.0.weight'],
                                   stride=2 if stage > 0 else 1), state, f'{name}.downsample.1')
            x = (x + y).clamp(min=0)
    return x


@pytest.mark.parametrize(('depth', 'blocks', 'kernels'), [
    (18, (2, 2, 2, 2), (3, 3)), (34, (3, 4, 6, 3), (3, 3)), (50, (3, 4, 6, 3), (1, 3, 1))])
def test_face_resnet_against_its_layers_in_float64(depth, blocks, kernels):
    backbone = FaceResNet(depth).double().eval()
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, .1)
            module.running_var.uniform_(.5, 1.5)
            module.weight.data.uniform_(.5, 1.5)
            module.bias.data.normal_(0, .1)
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        got = backbone(x)
        want = face_resnet_by_layers(x, backbone.state_dict(), blocks, kernels)
    assert got.shape == (2, backbone.out_channels, 2, 2)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)


def test_face_resnet_checkpointing_and_depths():
    torch.manual_seed(0)
    backbone = FaceResNet(18).train()
    x = torch.randn(2, 3, 112, 112)
    state = {k: v.clone() for k, v in backbone.state_dict().items()}
    plain = torch.autograd.grad(backbone(x).square().mean(), backbone.stem[0].weight)[0]
    backbone.load_state_dict(state)
    backbone.checkpointing = True
    again = torch.autograd.grad(backbone(x).square().mean(), backbone.stem[0].weight)[0]
    torch.testing.assert_close(plain, again, rtol=1e-4, atol=1e-7)
    with pytest.raises(ValueError, match='19'):
        FaceResNet(19)


@pytest.mark.parametrize(('backbone', 'neck', 'million'), [
    (lambda: IResNet(50), lambda: EmbeddingNeck(512), 43.6),
    (lambda: IResNet(100), lambda: EmbeddingNeck(512), 65.2),
    (MobileFaceNet, lambda: GDCNeck(512, embed_dim=128), 1.0),
])
def test_the_fields_other_networks_have_their_published_size(backbone, neck, million):
    backbone, neck = backbone().eval(), neck().eval()
    with torch.no_grad():
        maps = backbone(torch.randn(1, 3, 112, 112))
        assert maps.shape == (1, 512, 7, 7) and neck(maps).isfinite().all()
    count = sum(p.numel() for module in (backbone, neck) for p in module.parameters())
    assert round(count / 1e6, 1) == million


@pytest.mark.parametrize(('options', 'text'), [
    (dict(depth=99), '99'), (dict(depth=(1, 1, 1)), 'four stages'), (dict(depth=(0, 1, 1, 1)), '0'),
    (dict(depth=50, block='bottleneck'), r'bottleneck blocks has depths \[152, 200\]'),
    (dict(block='wide'), 'wide'), (dict(shortcut='none'), 'none')])
def test_iresnet_options(options, text):
    with pytest.raises(ValueError, match=text):
        IResNet(**options)


class _InOrder:
    """A network's tensors in the order of its state dict, consumed by a forward pass in float64."""

    def __init__(self, module):
        for name, value in module.named_buffers():
            if name.endswith('running_mean'):
                value.normal_(0, .1)
            elif name.endswith('running_var'):
                value.uniform_(.8, 1.2)
        self.values = [value.double() for name, value in module.state_dict().items()
                       if not name.endswith('num_batches_tracked')]

    def __call__(self, x, stride=1, groups=1, activation=True):
        """Convolution, batch norm, PReLU."""
        weight, gain, offset, mean, variance = self.values[:5]
        del self.values[:5]
        x = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, 1, groups)
        view = (1, -1, 1, 1)
        x = (x - mean.view(view)) / (variance.view(view) + 1e-5).sqrt() * gain.view(view)
        x = x + offset.view(view)
        if activation:
            slope = self.values.pop(0).view(view)
            x = torch.where(x > 0, x, slope * x)
        return x


def test_mobile_face_net_is_its_published_table():
    """MobileFaceNet, table 1: expansion, channels, repeats and stride of each row."""
    network = MobileFaceNet().eval()
    layer = _InOrder(network)
    x = torch.randn(2, 3, 112, 112).double()
    want = layer(layer(x, 2), groups=64)
    for expansion, channels, repeats, stride in ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1),
                                                 (4, 128, 1, 2), (2, 128, 2, 1)):
        for k in range(repeats):
            before, wide = want, expansion * want.shape[1]
            y = layer(want)
            y = layer(y, 1 if k else stride, groups=wide)
            want = layer(y, activation=False)
            assert want.shape[1] == channels
            if want.shape == before.shape:
                want = want + before
    want = layer(want)
    assert not layer.values
    with torch.no_grad():
        torch.testing.assert_close(network.double()(x), want, rtol=1e-9, atol=1e-9)


KINDS = [dict(type='FaceResNet', depth=18), dict(type='IResNet', depth=18),
         dict(type='MobileFaceNet'),
         dict(type='IResNet', depth=(1, 1, 1, 1), shortcut='subsample', se=True),
         dict(type='FaceViT', embed_dim=32, depth=2, num_heads=2, keypoint_bias=True),
         dict(type='InceptionResNetV1'),
         *[dict(type='TIMMBackbone', model_name=name, **options) for name, options in (
             ('convnext_atto', dict(stem_stride=2)), ('mobilenetv4_conv_small_050', {}),
             ('mobilenetv4_conv_small_050', dict(out='pooled')), ('vit_tiny_patch16_224', {}),
             ('swin_tiny_patch4_window7_224', {}), ('cait_xxs24_224', {}))]]


def train_two_steps(rank, world):
    """A weight without a gradient makes DistributedDataParallel fail in the second step."""
    for kind in KINDS:
        torch.manual_seed(0)
        model = LRFRecognizer(kind, dict(type='PoolNeck', embed_dim=8),
                              head=dict(type='CosFaceHead', num_classes=3))
        wrapped = torch.nn.parallel.DistributedDataParallel(model)
        for _ in range(2):
            inputs = {view: torch.randn(2, 3, 112, 112) for view in ('hr', 'lr')}
            samples = FaceDataSample()
            samples.set_data(dict(gt_label=torch.tensor([rank, 2])))
            sum(wrapped(inputs, samples, mode='loss').values()).backward()


@pytest.mark.slow
def test_every_kind_trains_under_data_parallel():
    run_on(2, 'test_models.test_backbones', 'train_two_steps')
