"""Losses and gradients that the authors' own code gives, on inputs that a formula defines.

The numbers were computed once, in float64, with the code of insightface (arcface_torch, ArcFace and
CosFace), CurricularFace, MagFace (easy_margin=False), AdaFace (t_alpha=.01) and octuplet-loss.
"""
import pytest
import torch
from torch.nn import functional as F

from lrfr_mm.registry import MODELS

SAMPLES, DIM, CLASSES = 8, 6, 5
LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])


def inputs():
    """Embeddings of lengths 8 to 120 and class weights, float64."""
    i, j = torch.arange(SAMPLES, dtype=torch.float64)[:, None], torch.arange(DIM).double()[None]
    k = torch.arange(CLASSES, dtype=torch.float64)[:, None]
    x = torch.sin(1 + 3 * i + .7 * j * (i + 1))
    weight = torch.cos(2 + 5 * k + 1.3 * j * (k + 1))
    lengths = torch.linspace(8, 120, SAMPLES, dtype=torch.float64)
    return F.normalize(x) * lengths[:, None], weight


# Head, calls (the later ones see running averages), and of the last call loss, norm of the
# gradient by the embeddings, norm of the gradient by the class weights.
HEADS = {
    'insightface ArcFace': (dict(type='ArcFaceHead', scale=64, margin=.5), 1,
                            (52.753374710599545, 1.2558493543803764, 12.067066678144135)),
    'insightface CosFace': (dict(type='CosFaceHead', scale=64, margin=.4), 1,
                            (53.13155061593139, 1.4550544476463518, 12.144406688907587)),
    'CurricularFace': (dict(type='CurricularFaceHead'), 2,
                       (51.139454678811205, 1.0698107969060517, 10.822860428341704)),
    'MagFace': (dict(type='MagFaceHead'), 1,
                (61.191740189494055, 1.2783623835827005, 11.66386102799836)),
    'AdaFace': (dict(type='AdaFaceHead'), 2,
                (53.91032359730046, 1.4507191222932765, 12.147370054973699))}


@pytest.mark.parametrize('name', HEADS)
def test_a_head_gives_the_numbers_of_its_authors_code(name):
    config, calls, expected = HEADS[name]
    embeddings, weight = inputs()
    embeddings.requires_grad_()
    head = MODELS.build(dict(config, num_classes=CLASSES, in_channels=DIM)).double()
    with torch.no_grad():
        head.weight.copy_(weight)
    for _ in range(calls):
        loss = head.loss(embeddings, LABELS)['loss']
    loss.backward()
    found = (loss.item(), embeddings.grad.norm().item(), head.weight.grad.norm().item())
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_octuplet_loss_gives_the_number_of_its_authors_code():
    embeddings, _ = inputs()
    noise = torch.cos(torch.arange(SAMPLES * DIM).double()).reshape(SAMPLES, DIM)
    lr = embeddings + .9 * noise * embeddings.norm(dim=1, keepdim=True)
    loss = MODELS.build(dict(type='OctupletLoss', margin=.5))
    assert loss(hr=embeddings, lr=lr, labels=LABELS).item() == pytest.approx(3.2503048933122702,
                                                                             rel=1e-9)
