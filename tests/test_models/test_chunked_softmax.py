"""The chunked softmax against the whole one, and a step that never waits for the device."""
import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.nn import functional as F

from lrfr_mm.models.heads import PartialFCHead
from lrfr_mm.models.heads.chunked_softmax import ChunkedCosines
from lrfr_mm.registry import MODELS


@pytest.mark.parametrize('chunk', [1, 3, 7, 50])
@pytest.mark.parametrize('classes', [1, 7])
def test_log_sum_and_own_cosine_by_formula(chunk, classes):
    torch.manual_seed(0)
    x = F.normalize(torch.randn(5, 4, dtype=torch.float64)).requires_grad_()
    weight = torch.randn(classes, 4, dtype=torch.float64, requires_grad=True)
    columns = torch.tensor([0, classes - 1, -1, 0, -1])
    log_sum, own = ChunkedCosines.apply(x, weight, columns, 8., chunk)
    cosine = x @ F.normalize(weight).T
    for row, column in enumerate(columns.tolist()):
        others = [8 * cosine[row, j] for j in range(classes) if j != column]
        want = torch.stack(others).logsumexp(0) if others else torch.tensor(-torch.inf)
        torch.testing.assert_close(log_sum[row].detach(), want.detach().to(log_sum.dtype))
        assert own[row] == (cosine[row, column] if column >= 0 else 0) or abs(
            own[row] - cosine[row, column]) < 1e-12
    assert torch.autograd.gradcheck(
        lambda a, b: ChunkedCosines.apply(a, b, columns, 8., chunk)[1 if classes == 1 else 0],
        (x, weight))


@pytest.mark.parametrize('rate', [1., .5])
def test_no_matrix_of_all_logits_is_allocated(rate):
    """The largest tensor of a step is N x chunk_size, or the weights."""
    biggest = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            for value in out if isinstance(out, (tuple, list)) else (out,):
                if isinstance(value, torch.Tensor):
                    biggest.append(value.numel())
            return out

    head = PartialFCHead(5000, in_channels=4, sample_rate=rate, chunk_size=100, check_memory=False)
    head.bind(torch.optim.SGD(head.parameters(), lr=.1))
    x = torch.randn(64, 4, requires_grad=True)
    with Watch():
        head.loss(x, torch.randint(0, 5000, (64,)))['loss'].backward()
    assert max(biggest) <= 5000 * 4 < 64 * 5000


@pytest.mark.parametrize('margin', ['CurricularFaceHead', 'RivalPenalizedHead',
                                    'SubCenterArcFaceHead'])
def test_margins_that_need_all_logits_are_refused(margin):
    with pytest.raises(ValueError, match='chunk_size must be None'):
        PartialFCHead(10, dict(type=margin), chunk_size=4)
    with pytest.raises(ValueError, match='at least 1'):
        PartialFCHead(10, chunk_size=0)
    with pytest.raises(ValueError, match='compile_chunks needs a chunk_size'):
        PartialFCHead(10, compile_chunks=True)


def test_compiled_chunks_are_the_same_chunks(monkeypatch):
    from lrfr_mm.models.heads import chunked_softmax
    compiled = []
    monkeypatch.setattr(torch, 'compile', lambda function, **options: compiled.append(
        function.__name__) or function)
    chunked_softmax._of_a_chunk.cache_clear()
    torch.manual_seed(0)
    x, labels = torch.randn(6, 8, requires_grad=True), torch.randint(0, 50, (6,))
    found = []
    for options in (dict(), dict(compile_chunks=True)):
        head = PartialFCHead(50, in_channels=8, chunk_size=20, check_memory=False, **options)
        x.grad = None
        loss = head.loss(x, labels)['loss']
        loss.backward()
        found.append((loss.detach(), x.grad.clone(), head.weight.grad))
    torch.testing.assert_close(found[0], found[1])
    assert compiled == ['_log_sum', '_gradient']
    chunked_softmax._of_a_chunk.cache_clear()


def fake_step(head_config, contrast='LogFExpLoss'):
    """A whole training step on tensors of a GPU that is not there: reading a value from the device
    raises DataDependentOutputException.
    """
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = MODELS.build(dict(
            type='LRFRecognizer',
            backbone=dict(type='FaceResNet', depth=18), neck=dict(type='EmbeddingNeck'),
            head=head_config, contrast_loss=dict(type=contrast)))
        optimizer = torch.optim.SGD(model.parameters(), lr=.1, momentum=.9)
        if hasattr(model.head, 'bind'):
            model.head.bind(optimizer)
        inputs = {view: torch.randn(4, 3, 112, 112) for view in ('hr', 'lr')}
        labels = torch.zeros(4, dtype=torch.int64)
        hr, lr = (model.embed(inputs[view]) for view in ('hr', 'lr'))
        with _device_labels():
            losses = [model.head.loss(x, labels)['loss'] for x in (hr, lr)]
        losses.append(model.contrast_loss(hr=hr, lr=lr))
        sum(losses).backward()
        optimizer.step()


class _device_labels:
    """Labels on the CPU are checked there; those of a device are not."""

    def __enter__(self):
        from lrfr_mm.models.heads import margin_head, partial_fc_head
        self.modules = margin_head, partial_fc_head
        self.old = [module.check_labels for module in self.modules]
        for module in self.modules:
            module.check_labels = lambda labels, classes: None

    def __exit__(self, *error):
        for module, old in zip(self.modules, self.old):
            module.check_labels = old


@pytest.mark.parametrize('head', [
    dict(type='CosFaceHead', num_classes=20), dict(type='ArcFaceHead', num_classes=20),
    dict(type='AdaFaceHead', num_classes=20), dict(type='MagFaceHead', num_classes=20),
    dict(type='CurricularFaceHead', num_classes=20),
    dict(type='PartialFCHead', num_classes=20, check_memory=False),
    dict(type='PartialFCHead', num_classes=20, check_memory=False, chunk_size=6)])
def test_a_step_never_waits_for_the_device(head):
    fake_step(head)


def test_the_check_above_can_fail(monkeypatch):
    from lrfr_mm.models.losses import LogFExpLoss
    plain = LogFExpLoss.distance
    monkeypatch.setattr(LogFExpLoss, 'distance',
                        lambda self, x, y: plain(self, x, y) * float(x.sum()))
    with pytest.raises(DataDependentOutputException):
        fake_step(dict(type='CosFaceHead', num_classes=20))
