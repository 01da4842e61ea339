import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lrfr_mm.models.backbones import FaceResNet, IResNet, MobileFaceNet, TIMMBackbone
from lrfr_mm.models.necks import EmbeddingNeck, GDCNeck, PoolNeck

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


@pytest.mark.parametrize(('name', 'options', 'layout', 'size'), FAMILIES)
def test_families_give_nchw_maps_and_vectors(name, options, layout, size):
    backbone = TIMMBackbone(name, **options).eval()
    assert (backbone.layout, backbone.out_size) == (layout, size)
    x = torch.randn(2, 3, 112, 112)
    with torch.no_grad():
        maps = backbone(x)
        assert maps.shape == (2, backbone.out_channels, size, size)
        backbone.out = 'pooled'
        assert backbone(x).shape[0] == 2 and backbone(x).dim() == 2


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
    ('hrnet_w18_small', {}, "'hrnet_w18_small' cannot be used with 112x112"),
    ('efficientformerv2_s0', {}, "'efficientformerv2_s0' cannot be used with 112x112"),
    ('maxvit_tiny_tf_224', {}, "'maxvit_tiny_tf_224' cannot be used with 112x112"),
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


@pytest.mark.parametrize('neck', [EmbeddingNeck(8, 7, 16), GDCNeck(8, 7, 16), PoolNeck(8, 7, 16)])
def test_necks(neck):
    x = torch.randn(6, 8, 7, 7)
    out = neck.train()(x)
    assert out.shape == (6, 16)
    torch.testing.assert_close(out.mean(0), torch.zeros(16), atol=1e-5, rtol=0)  # BN1d comes last
    if not isinstance(neck, PoolNeck):
        with pytest.raises(ValueError, match='in_size'):
            neck(torch.randn(2, 8, 4, 4))
    else:
        torch.testing.assert_close(neck.eval()(x), neck.eval()(x.mean((2, 3))))


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


def test_iresnet_depths():
    with pytest.raises(ValueError, match='101'):
        IResNet(101)
