"""Exports against the original network, and what is refused."""
import cv2
import numpy as np
import pytest
import torch

from lrfr_mm.datasets.sources import SyntheticFaces
from lrfr_mm.deployment import (
    ExportNetwork,
    ExportRefusedError,
    ExportTarget,
    ParityFaces,
    export_recognizer,
    measure_parity,
    table,
)
from lrfr_mm.deployment.parity import mixed_sizes
from lrfr_mm.errors import InputError
from lrfr_mm.ops.resample import degrade_array
from lrfr_mm.registry import EXPORT_TARGETS, MODELS


def drawn(people, first):
    source = SyntheticFaces(people, 4, first_identity=first)
    images = [cv2.imdecode(np.frombuffer(source.read(i)[0], np.uint8), 1)[..., ::-1]
              for i in range(len(source))]
    return ParityFaces(np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2)),
                       source.labels(), 'drawn faces')


@pytest.fixture(scope='module')
def faces():
    return drawn(12, 0)


@pytest.fixture(scope='module')
def recognizer():
    torch.manual_seed(0)
    model = MODELS.build(dict(
        type='lrfr_mm.LRFRecognizer', backbone=dict(type='lrfr_mm.TIMMBackbone', out='pooled',
                                                    model_name='mobilenetv4_conv_small_050'),
        neck=dict(type='lrfr_mm.PoolNeck', embed_dim=32)))
    with torch.no_grad():  # running statistics of real activations, not those of a new network
        model.train()
        for _ in range(20):
            model.embed(model.data_preprocessor.normalise(
                torch.from_numpy(drawn(4, 100).images).float()))
    return model.eval()


@pytest.fixture
def rough_int8(monkeypatch):
    """int8 of a network with random weights need not be near."""
    monkeypatch.setattr(ExportTarget, 'int8_cosine', .9)


def test_the_network_normalises_flips_and_gives_unit_length(recognizer, faces):
    images = torch.from_numpy(faces.images[:3])
    plain = recognizer.embed((images.float() - 127.5) / 127.5)
    mirrored = recognizer.embed((images.flip(-1).float() - 127.5) / 127.5)
    for flip, want in (('none', plain), ('sum', plain + mirrored),
                       ('concat', torch.cat([plain, mirrored], 1))):
        got = ExportNetwork(recognizer, flip, unit=False)(images)
        torch.testing.assert_close(got, want)
        got = ExportNetwork(recognizer, flip)(images)
        torch.testing.assert_close(got, want / want.norm(dim=1, keepdim=True))


@pytest.mark.parametrize('to, precision, cosine', [
    ('onnx', 'fp32', .999999), ('onnx', 'fp16', .999), ('onnx', 'int8', .85),
    ('openvino', 'fp32', .99999), ('torch-export', 'fp32', .999999),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        ('openvino', 'fp16', .999), ('openvino', 'int8', .85), ('torch-export', 'fp16', .999)))])
def test_exports_are_the_same_network(recognizer, faces, tmp_path, rough_int8, to, precision,
                                      cosine):
    pytest.importorskip(dict(onnx='onnxruntime', openvino='openvino').get(to, 'torch'))
    if (to, precision) == ('openvino', 'int8'):
        pytest.importorskip('nncf')
    calibration = drawn(6, 200).images if precision == 'int8' else None
    report = export_recognizer(recognizer, to, tmp_path / 'face', faces, precision,
                               calibration=calibration, max_loss=100, min_cosine=cosine)
    assert [row['size'] for row in report.rows] == [7, 10, 14, 20, 112]
    (path,) = tmp_path.glob('face.*[!n]')  # .xml, not its .bin
    target = EXPORT_TARGETS.build(dict(type=to))
    one = target.load(path, 1)(faces.images[:1])
    np.testing.assert_allclose(np.linalg.norm(one), 1, rtol=5e-3 if precision == 'int8' else 1e-3)
    if precision == 'fp32':
        with torch.no_grad():
            want = ExportNetwork(recognizer)(torch.from_numpy(faces.images[:3])).numpy()
        np.testing.assert_allclose(target.load(path, 1)(faces.images[:3]), want, atol=2e-5)
    assert report.megabytes > 1 and 0 < report.latency_p50 <= report.latency_p95


@pytest.mark.slow
def test_smaller_precisions_are_smaller_files(recognizer, faces, tmp_path, rough_int8):
    sizes = [export_recognizer(recognizer, 'onnx', tmp_path / p, faces, p, max_loss=100,
                               calibration=faces.images if p == 'int8' else None).megabytes
             for p in ('fp32', 'fp16', 'int8')]
    assert sizes[0] > 1.7 * sizes[1] > 1.7 * 1.2 * sizes[2]


@EXPORT_TARGETS.register_module(name='broken', force=True)
class Broken(ExportTarget):
    suffix = '.txt'

    def export(self, network, size, path, precision, calibration):
        path.write_text('nothing')

    def load(self, path, threads):
        return lambda faces: np.random.default_rng(0).standard_normal((len(faces), 32))


@pytest.mark.parametrize('limits, text', [
    (dict(max_loss=.5), 'loses .* points of accuracy at .* px, more than the 0.5'),
    (dict(max_loss=100, min_cosine=.9), 'mean cosine of')])
def test_the_gate_refuses_and_leaves_nothing(recognizer, faces, tmp_path, limits, text):
    with pytest.raises(ExportRefusedError, match=text) as refused:
        export_recognizer(recognizer, 'broken', tmp_path / 'face', faces, **limits)
    assert list(tmp_path.iterdir()) == []
    assert len(refused.value.report.rows) == 5


@pytest.mark.parametrize('arguments, text', [
    (dict(to='tensorrt'), "'tensorrt' is no export target; there are .*onnx.*openvino"),
    (dict(to='torch-export', precision='int8'), 'knows fp32, fp16'),
    (dict(to='onnx', precision='int8'), 'int8 needs calibration faces, at least 10, not 0'),
    (dict(to='openvino', precision='int8', calibration=np.empty((9, 3, 112, 112), np.uint8)),
     'at least 10, not 9')])
def test_what_cannot_be_exported(recognizer, faces, tmp_path, arguments, text):
    with pytest.raises(InputError, match=text):
        export_recognizer(recognizer, out=tmp_path / 'x', faces=faces, **arguments)


def test_calibration_faces_have_all_sizes(faces):
    mixed = mixed_sizes(faces.images[:5])
    for image, got, size in zip(faces.images, mixed, (7, 10, 14, 20, 112)):
        want = degrade_array(np.ascontiguousarray(image.transpose(1, 2, 0)), size)
        np.testing.assert_array_equal(got.transpose(1, 2, 0), want)


def test_parity_of_a_network_with_itself(faces):
    def network(images):
        return images.reshape(len(images), -1)[:, ::997].astype(np.float32)

    report = measure_parity(network, network, faces, sizes=(7, 112), repeats=3)
    assert all(abs(row['cosine_min'] - 1) < 1e-9 for row in report.rows)
    assert report.losses() == {7: 0, 112: 0}
    assert all(row['loss_low'] <= 0 <= row['loss_high'] for row in report.rows)
    assert 'drawn faces' in report.text() and '112' in report.text()


def test_the_table_has_a_row_for_each_export_and_its_speed(recognizer, faces, tmp_path,
                                                           monkeypatch):
    assert ('onnx', 'int8') in table._kinds() and ('torch-export', 'int8') not in table._kinds()
    monkeypatch.setattr(table, '_kinds', lambda: [('torch-export', 'fp32')])
    losses = table.export_table(recognizer, tmp_path, faces, faces.images)
    assert losses[['target', 'precision']].to_numpy().tolist() == [['torch-export', 'fp32']]
    assert losses['cosine@7'][0] == pytest.approx(1, abs=1e-5) and losses['loss@112'][0] == 0
    speeds = table.speed_table(recognizer, tmp_path, faces.images, threads=1)
    assert speeds.target.tolist() == ['original', 'torch-export']
    assert (speeds.p50 <= speeds.p95).all() and (speeds.throughput > 0).all()
    assert len(table.speed_table(recognizer, tmp_path / 'nowhere', faces.images)) == 1
