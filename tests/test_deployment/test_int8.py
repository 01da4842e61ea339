"""Which layers int8 leaves in float, and what it is fitted on."""
import numpy as np
import pytest
import torch
from torch import nn

from lrfr_mm.deployment.int8 import float_layers, mean_cosine, split_calibration
from lrfr_mm.deployment.parity import mixed_sizes
from lrfr_mm.errors import InputError
from lrfr_mm.registry import EXPORT_TARGETS

QUIET = dict(a=1e-4, b=2e-4, c=1e-4)


@pytest.mark.parametrize('noise, weights, wanted, left', [
    (QUIET, dict(a=9, b=9, c=9), .999, []),
    (QUIET | dict(bad=.1), dict(a=9, b=9, c=9, bad=9), .999, ['bad']),
    (QUIET | dict(large=.1, small=.1), dict(a=9, b=9, c=9, large=900, small=9), .89, ['small']),
    (QUIET | dict(large=.1, small=.1), dict(a=9, b=9, c=9, large=900, small=9), .99,
     ['small', 'large']),
    (QUIET, dict(a=9, b=9, c=9), 1 - 1.5e-4, ['b', 'a']),
    (dict(product=.1, b=1e-4), dict(product=0, b=9), .99, ['product'])])
def test_the_costliest_layers_for_their_weights_stay_in_float(noise, weights, wanted, left):
    def closeness(in_float):  # what the layers add to the embedding is independent
        return 1 - sum(cost for layer, cost in noise.items() if layer not in in_float)

    assert list(float_layers(weights, closeness, wanted)) == left


def test_no_more_layers_than_needed_stay_in_float():
    random = np.random.default_rng(0)
    noise = dict(enumerate(random.exponential(.001, 40)))
    weights = {layer: int(random.integers(1, 1000)) for layer in noise}
    calls = []

    def closeness(in_float):
        calls.append(in_float)
        return 1 - sum(cost for layer, cost in noise.items() if layer not in in_float)

    left = list(float_layers(weights, closeness, .98))
    assert closeness(left) >= .98 > closeness(left[:-1])
    ratios = [noise[layer] / weights[layer] for layer in left]
    assert ratios == sorted(ratios, reverse=True)
    assert len(calls) < len(noise) + 10


def test_int8_without_an_int8_layer_is_refused():
    with pytest.raises(InputError, match=r'would leave every layer in float.*below 0.998'):
        float_layers(dict(a=1, b=1), lambda in_float: .5, .998)


@pytest.mark.parametrize('count, ranges, probes', [
    (10, 1, 1), (14, 1, 1), (24, 2, 2), (76, 8, 7), (100, 12, 8), (504, 20, 8)])
def test_ranges_and_closeness_are_measured_on_different_faces_of_all_sizes(count, ranges, probes):
    faces = np.arange(count).reshape(-1, 1, 1, 1).repeat(3, 1)
    of_ranges, of_probes = split_calibration(faces)
    assert of_ranges.shape == (ranges, 5, 3, 1, 1) and of_probes.shape == (5, probes, 3, 1, 1)
    first, second = of_ranges[:, :, 0, 0, 0], of_probes[:, :, 0, 0, 0]
    assert len({*first.ravel(), *second.ravel()}) == 5 * (ranges + probes)
    assert (first % 5 == np.arange(5)).all() and (second % 5 == np.arange(5)[:, None]).all()


def test_the_mean_cosine_does_not_depend_on_lengths():
    a = np.array([[1., 0], [0, 2]])
    assert mean_cosine(a, np.array([[5., 0], [3, 3]])) == pytest.approx((1 + .5 ** .5) / 2)


class SmallNetwork(nn.Module):
    """Four layers. With ``stretch``, one channel between the first two is that much larger, which
    changes nothing but what a quantiser of whole tensors leaves of the others.
    """

    def __init__(self, stretch):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([
            nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(16, 16, 3, 2, 1), nn.Conv2d(16, 32, 3, 2, 1),
            nn.Linear(32 * 16, 64)])
        with torch.no_grad():
            self.layers[0].weight[0] *= stretch
            self.layers[0].bias[0] *= stretch
            self.layers[1].weight[:, 0] /= stretch

    def forward(self, faces):
        x = (faces.float() - 127.5) / 127.5
        for layer in self.layers[:3]:
            x = torch.relu(layer(x))
        return nn.functional.normalize(self.layers[3](x.flatten(1)))


def quantised_onnx(path):
    import onnx
    graph = onnx.load(str(path)).graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    return [makers.get(node.input[0]) == 'DequantizeLinear' for node in graph.node
            if node.op_type in ('Conv', 'Gemm', 'MatMul')]


def quantised_openvino(path):
    import openvino
    return [op.input_value(0).get_node().get_type_name() == 'FakeQuantize'
            for op in openvino.Core().read_model(str(path)).get_ordered_ops()
            if op.get_type_name() in ('Convolution', 'MatMul')]


@pytest.mark.parametrize('to, quantised', [
    ('onnx', quantised_onnx), pytest.param('openvino', quantised_openvino, marks=pytest.mark.slow)])
def test_only_layers_that_quantise_badly_stay_in_float(to, quantised, tmp_path):
    pytest.importorskip(dict(onnx='onnxruntime', openvino='nncf')[to])
    images = np.random.default_rng(0).integers(0, 256, (60, 3, 4, 4), np.uint8)
    faces = mixed_sizes(images.repeat(8, 2).repeat(8, 3))
    target = EXPORT_TARGETS.build(dict(type=to))
    path = tmp_path / f'face{target.suffix}'
    for stretch, layers in ((1, [True] * 4), (1e4, [None, False, True, True])):
        network = SmallNetwork(stretch).eval()
        target.export(network, 32, path, 'int8', faces)
        assert [want in (None, got) for want, got in zip(layers, quantised(path), strict=True)] == [
            True] * 4
        with torch.no_grad():
            want = network(torch.from_numpy(faces)).numpy()
        assert mean_cosine(target.load(path, 1)(faces), want) > .997
    if to == 'openvino':
        target.int8_cosine = 1.1
        with pytest.raises(InputError, match='would leave every layer in float'):
            target.export(network, 32, path, 'int8', faces)
