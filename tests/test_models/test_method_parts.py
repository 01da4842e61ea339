"""Networks with a part of a method's own."""
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lrfr_mm.models.backbones import FaceTransformer
from lrfr_mm.models.heads import ConfidencePartsHead
from lrfr_mm.models.losses import PartDecorrelationLoss
from lrfr_mm.models.necks import AdaptationGateNeck, ConfidencePartsNeck, CoupledNeck
from lrfr_mm.registry import MODELS

NECK = dict(type='PoolNeck', embed_dim=12)


def test_patches_overlap_by_four_pixels():
    net = FaceTransformer(embed_dim=16, depth=1, num_heads=2).eval()
    tokens = net.net.patch_embed
    assert tokens.grid_size == (14, 14) and tokens(torch.zeros(1, 3, 112, 112)).shape == (1, 196,
                                                                                          16)
    # Token (1, 2) sees rows 6 to 17 and columns 14 to 25 of the image, and nothing else.
    image = torch.zeros(1, 3, 112, 112, requires_grad=True)
    tokens(image)[0, 14 + 2].sum().backward()
    seen = image.grad[0].abs().sum(0).nonzero()
    assert seen.min(0).values.tolist() == [6, 14] and seen.max(0).values.tolist() == [17, 25]
    assert net(torch.randn(2, 3, 112, 112)).shape == (2, net.out_channels)
    assert FaceTransformer(8, embed_dim=16, depth=1, num_heads=2).net.patch_embed.proj.padding == (
        0, 0)


@pytest.mark.parametrize('wrong', [dict(patch_size=6), dict(patch_size=11), dict(input_size=100)])
def test_patches_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FaceTransformer(**wrong)
    with pytest.raises(ValueError, match='built for 112 px'):
        FaceTransformer(embed_dim=16, depth=1, num_heads=2)(torch.zeros(1, 3, 96, 96))


def test_coupled_branches_go_by_the_view():
    neck = CoupledNeck(NECK, in_channels=5).eval()
    x = torch.randn(4, 5)
    assert torch.equal(neck(x, view='hr'), neck.hr(x)) and torch.equal(neck(x), neck.hr(x))
    assert torch.equal(neck(x, view='lr'), neck.lr(x)) and not torch.equal(neck(x), neck.lr(x))
    model = MODELS.build(dict(
        type='LRFRecognizer', neck=dict(type='CoupledNeck', branch=NECK),
        backbone=dict(type='TIMMBackbone', model_name='mobilenetv4_conv_small_035', out='pooled'),
        head=dict(type='CosFaceHead', num_classes=3))).eval()
    images = torch.randn(2, 3, 112, 112)
    torch.testing.assert_close(model.embed(images, view='lr'),
                               model.neck.lr(model.backbone(images)))


def test_the_gate_mixes_feature_and_translation():
    neck = AdaptationGateNeck(NECK, in_channels=5).double().eval()
    torch.nn.init.normal_(neck.gate.weight)
    x = torch.randn(4, 5, dtype=torch.float64)
    f = neck.neck(x)
    g = 1 / (1 + torch.exp(-neck.gate(f)))
    torch.testing.assert_close(neck(x), g * neck.translator(f) + (1 - g) * f)


def test_confidences_are_the_lengths_of_the_parts():
    neck = ConfidencePartsNeck(NECK, in_channels=5, parts=4, scale=20.).eval()
    f = neck(torch.randn(6, 5)).unflatten(1, (4, 3))
    torch.testing.assert_close(f.norm(dim=2), torch.full((6, 4), 20.), rtol=.02, atol=0)
    for wrong in (5, 0):
        with pytest.raises(ValueError, match=f'12 numbers cannot be cut into {wrong} equal'):
            ConfidencePartsNeck(NECK, in_channels=5, parts=wrong)


def test_confidence_head_against_urls_formula():
    head = ConfidencePartsHead(5, 12, parts=4, margin=3.).double()
    # Classes whose parts are unit vectors, as in the paper.
    weight = F.normalize(torch.randn(5, 4, 3, dtype=torch.float64), dim=2)
    head.weight.data = 7 * weight.flatten(1)
    s = 1 + 9 * torch.rand(6, 4, dtype=torch.float64)
    u = F.normalize(torch.randn(6, 4, 3, dtype=torch.float64), dim=2)
    labels = torch.arange(6) % 5
    terms = []
    for i in range(6):
        z = np.array([sum(float(s[i, k]) * float(u[i, k] @ weight[j, k]) for k in range(4)) / 4
                      for j in range(5)])
        z[labels[i]] -= 3
        terms.append(np.log(np.exp(z).sum()) - z[labels[i]])
    x = (s[:, :, None] * u).flatten(1).requires_grad_()
    loss = head.loss(x, labels)['loss']
    assert float(loss.detach()) == pytest.approx(np.mean(terms), rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: head.loss(x, labels)['loss'], x)
    with pytest.raises(ValueError, match='cannot be cut into 5'):
        ConfidencePartsHead(3, 12, parts=5)


def test_decorrelation_against_numpy():
    hr, lr = (torch.randn(7, 12, dtype=torch.float64, requires_grad=True) for _ in range(2))
    s = np.linalg.norm(torch.cat([hr, lr]).detach().numpy().reshape(14, 4, 3), axis=2)
    c = np.corrcoef(s.T)
    want = np.mean([c[i, j] ** 2 for i in range(4) for j in range(4) if i != j])
    loss = PartDecorrelationLoss(parts=4)
    assert float(loss(hr=hr, lr=lr).detach()) == pytest.approx(want, rel=1e-9)
    assert torch.autograd.gradcheck(lambda x: loss(hr=x), hr)
    assert loss(hr=torch.ones(3, 12)).isfinite()
    with pytest.raises(ValueError, match='12 numbers cannot be cut into 5'):
        PartDecorrelationLoss(parts=5)(hr=hr)
