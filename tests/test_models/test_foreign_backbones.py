"""ONNX networks of every shape, against the formula that they hold."""
import numpy as np
import pytest
import torch

from lrfr_mm.errors import ConfigError, InputError, InputMissingError
from lrfr_mm.registry import MODELS

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')


def write(path, shape, dtype='FLOAT', layout='NCHW', outputs=1, inputs=1, flat=True):
    """A network that takes the mean of each channel over its quarters: D = 12; returns its path."""
    from onnx import TensorProto as T
    from onnx import helper
    helper_value = helper.make_tensor_value_info
    nodes, current = [], 'image'
    if dtype != 'FLOAT':
        nodes.append(helper.make_node('Cast', ['image'], ['float'], to=T.FLOAT))
        current = 'float'
    if layout == 'NHWC':
        nodes.append(helper.make_node('Transpose', [current], ['nchw'], perm=[0, 3, 1, 2]))
        current = 'nchw'
    size = 8
    nodes.append(helper.make_node('AveragePool', [current], ['pooled'], kernel_shape=[size, size],
                                  strides=[size, size]))
    nodes.append(helper.make_node('Flatten', ['pooled'], ['embedding']) if flat else
                 helper.make_node('Identity', ['pooled'], ['embedding']))
    results = [helper_value('embedding', T.FLOAT, None)]
    for k in range(1, outputs):
        nodes.append(helper.make_node('Identity', ['embedding'], [f'copy{k}']))
        results.append(helper_value(f'copy{k}', T.FLOAT, None))
    values = [helper_value('image', getattr(T, dtype), shape)]
    values += [helper_value(f'more{k}', T.FLOAT, [1]) for k in range(1, inputs)]
    graph = helper.make_graph(nodes, 'net', values, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def quarters(images):
    """(B, 3, 16, 16) to (B, 12), float64."""
    return images.double().reshape(-1, 3, 2, 8, 2, 8).mean((3, 5)).flatten(1)


@pytest.mark.parametrize(('shape', 'options', 'arguments'), [
    ([None, 3, 16, 16], {}, {}), (['batch', 3, 16, 16], {}, {}), ([1, 3, 16, 16], {}, {}),
    ([2, 3, 16, 16], {}, {}), ([4, 16, 16, 3], dict(layout='NHWC'), {}),
    ([None, 16, 16, 3], dict(dtype='UINT8', layout='NHWC'), {}),
    ([1, 3, 16, 16], dict(dtype='UINT8'), {}), (['n', 3, 'h', 'w'], {}, dict(size=16)),
    (['n', 'c', 'h', 'w'], {}, dict(size=16, layout='NCHW')),
    ([None, 3, 16, 16], dict(outputs=2), dict(output='copy1'))])
def test_shapes_layouts_and_batches(tmp_path, shape, options, arguments):
    path = write(tmp_path / 'net.onnx', shape, **options)
    uint8 = options.get('dtype') == 'UINT8'
    scale = dict(mean=0., std=1.) if uint8 else dict(mean=(100, 120, 140), std=(50, 60, 70))
    model = MODELS.build(dict(
        type='LRFRecognizer', backbone=dict(type='ONNXBackbone', path=path, **arguments),
        neck=None, data_preprocessor=dict(type='FacePreprocessor', channel_order='bgr', **scale)))
    assert not model.state_dict() and model.neck.embed_dim == model.backbone.out_channels == 12
    model.eval()
    for count in (1, 2, 5):
        images = torch.randint(0, 256, (count, 3, 16, 16), dtype=torch.uint8)
        seen = images.double()
        if not uint8:
            seen = (seen - torch.tensor([100, 120, 140.]).view(3, 1, 1)) / torch.tensor(
                [50, 60, 70.]).view(3, 1, 1)
        got = model(model.data_preprocessor(dict(inputs=images))['inputs'])
        torch.testing.assert_close(got.double(), quarters(seen.flip(1)), rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match='images of 16 px, got'):
        model.embed(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match='measures, it cannot be trained'):
        model.train().embed(torch.zeros(1, 3, 16, 16))


@pytest.mark.parametrize(('shape', 'options', 'arguments', 'error', 'text'), [
    (['n', 3, 'h', 'w'], {}, {}, ConfigError, 'set size='),
    (['n', 'c', 'h', 'w'], {}, dict(size=16), ConfigError, 'set layout='),
    ([1, 3, 16, 16], {}, dict(size=112), ConfigError, 'size=112 contradicts'),
    ([1, 3, 16, 16], {}, dict(layout='NHWC'), ConfigError, 'no three channels'),
    ([1, 3, 16, 16], {}, dict(layout='CHW'), ConfigError, "got 'CHW'"),
    ([1, 3, 16, 32], {}, {}, InputError, '32x16 px, not square'),
    ([1, 3, 256], {}, {}, InputError, 'four dimensions|can run'),
    ([1, 3, 16, 16], dict(flat=False), {}, InputError, 'one vector an image'),
    ([1, 3, 16, 16], dict(outputs=2), {}, ConfigError, 'outputs embedding, copy1: set output='),
    ([1, 3, 16, 16], {}, dict(output='x'), ConfigError, "not 'x'"),
    ([1, 3, 16, 16], dict(inputs=2), {}, ConfigError, r'2 inputs \(image, more1\)')])
def test_files_that_are_no_recognizers_are_named(tmp_path, shape, options, arguments, error, text):
    path = write(tmp_path / 'net.onnx', shape, **options)
    with pytest.raises(error, match=text) as raised:
        MODELS.build(dict(type='ONNXBackbone', path=str(path), **arguments))
    assert 'net.onnx' in str(raised.value) or 'layout must' in str(raised.value)


def test_files_that_are_no_onnx(tmp_path):
    (tmp_path / 'a.onnx').write_bytes(b'hello')
    with pytest.raises(InputError, match=r'a\.onnx is not an ONNX file'):
        MODELS.build(dict(type='ONNXBackbone', path=str(tmp_path / 'a.onnx')))
    with pytest.raises(InputMissingError, match=r'b\.onnx does not exist'):
        MODELS.build(dict(type='ONNXBackbone', path=str(tmp_path / 'b.onnx')))


def test_caches_tell_files_apart(tmp_path):
    """Embeddings are cached by the network's text and weights: another file is another text."""
    one = MODELS.build(dict(type='ONNXBackbone', path=write(tmp_path / 'net.onnx',
                                                            [None, 3, 16, 16])))
    first = repr(one)
    two = MODELS.build(dict(type='ONNXBackbone', path=write(tmp_path / 'net.onnx',
                                                            [2, 3, 16, 16])))
    assert repr(two) != first
    assert np.dtype(one.dtype) == np.float32


def write_tflite(path, batch=2, side=16):
    """A .tflite file of one operator, the mean of each channel over the whole NHWC image."""
    flatbuffers = pytest.importorskip('flatbuffers')
    b = flatbuffers.Builder(1024)

    def vector(values, size, put):
        b.StartVector(size, len(values), size)
        for value in reversed(values):
            put(value)
        return b.EndVector()

    def numbers(values):
        return vector(values, 4, b.PrependInt32)

    def tables(values):
        return vector(values, 4, b.PrependUOffsetTRelative)

    def table(slots, **fields):
        """Fields by 's' and their slot: ('offset' | 'int8' | 'int32' | 'uint32', value)."""
        b.StartObject(slots)
        for name, (kind, value) in fields.items():
            put = dict(offset=b.PrependUOffsetTRelativeSlot, int8=b.PrependInt8Slot,
                       int32=b.PrependInt32Slot, uint32=b.PrependUint32Slot)[kind]
            put(int(name[1:]), value, 0)
        return b.EndObject()

    def tensor(shape, name):
        text, sides = b.CreateString(name), numbers(shape)
        return table(4, s0=('offset', sides), s1=('int8', 0), s2=('uint32', 0), s3=('offset', text))

    sides = (batch, side, side, 3)
    both = tables([tensor(sides, 'image'), tensor((batch, 1, 1, 3), 'embedding')])
    # Pool2DOptions: padding VALID, strides and filter of the whole image.
    pool = table(6, s0=('int8', 1), s1=('int32', side), s2=('int32', side), s3=('int32', side),
                 s4=('int32', side))
    taken, given = numbers([0]), numbers([1])
    operator = table(5, s1=('offset', taken), s2=('offset', given), s3=('int8', 5),
                     s4=('offset', pool))
    operators, taken, given = tables([operator]), numbers([0]), numbers([1])
    graph = table(5, s0=('offset', both), s1=('offset', taken), s2=('offset', given),
                  s3=('offset', operators))
    code = table(4, s0=('int8', 1), s2=('int32', 1), s3=('int32', 1))  # AVERAGE_POOL_2D
    codes, graphs, buffers = tables([code]), tables([graph]), tables([table(1)])
    model = table(5, s0=('uint32', 3), s1=('offset', codes), s2=('offset', graphs),
                  s4=('offset', buffers))
    b.Finish(model, file_identifier=b'TFL3')
    path.write_bytes(bytes(b.Output()))
    return path


def test_tflite_networks_run_in_their_own_batches(tmp_path):
    pytest.importorskip('ai_edge_litert')
    path = write_tflite(tmp_path / 'net.tflite')
    backbone = MODELS.build(dict(type='TFLiteBackbone', path=str(path))).eval()
    assert (backbone.layout, backbone.img_size, backbone.batch) == ('NHWC', 16, 2)
    assert backbone.out_channels == 3
    for count in (1, 2, 5):
        x = torch.randn(count, 3, 16, 16)
        torch.testing.assert_close(backbone(x), x.mean((2, 3)), rtol=1e-5, atol=1e-6)
    (tmp_path / 'a.tflite').write_bytes(b'hello')
    with pytest.raises(InputError, match=r'a\.tflite is not a TensorFlow Lite file'):
        MODELS.build(dict(type='TFLiteBackbone', path=str(tmp_path / 'a.tflite')))
    with pytest.raises(InputMissingError, match=r'b\.tflite'):
        MODELS.build(dict(type='TFLiteBackbone', path=str(tmp_path / 'b.tflite')))
    with pytest.raises(ValueError, match='TFLiteBackbone measures'):
        backbone.train()(torch.zeros(1, 3, 16, 16))
