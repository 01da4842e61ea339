import pytest
import torch
from torch.nn import functional as F

from lrfr_mm.models.heads import CosFaceHead


def by_formula(embeddings, weight, labels, scale, margin):
    """CosFace with a one-hot matrix, as it stands in the paper, in float64."""
    cosine = F.normalize(embeddings.double()) @ F.normalize(weight.double()).T
    one_hot = F.one_hot(labels, len(weight)).double()
    log_p = torch.log_softmax(scale * (cosine - margin * one_hot), 1)
    return -(one_hot * log_p).sum(1).mean()


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


def test_needs_a_class():
    with pytest.raises(ValueError, match='at least 1'):
        CosFaceHead(0)
