import io

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from lrfr_mm.apis import Embedder
from lrfr_mm.datasets import SyntheticFaces
from lrfr_mm.datasets.decode import decode
from lrfr_mm.engine import commands
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.evaluation.functional import unit_vectors
from lrfr_mm.registry import MODELS

CONFIG = '''
model = dict(type='LRFRecognizer',
             backbone=dict(type='TIMMBackbone', model_name='mobilenetv4_conv_small_050',
                           out='pooled'),
             neck=dict(type='PoolNeck', embed_dim=16), head=dict(type='CosFaceHead'))
'''


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('model')
    (folder / 'config.py').write_text(CONFIG)
    torch.manual_seed(0)
    config = Config.fromfile(folder / 'config.py')
    config.model.head.num_classes = 3
    model = MODELS.build(config.model)
    for module in model.modules():  # statistics as after some training
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, .1)
    torch.save(dict(state_dict=model.state_dict()), folder / 'model.pth')
    source = SyntheticFaces(3, 2)
    for i in range(6):
        (folder / f'{i}.jpg').write_bytes(source.read(i)[0])
    return folder, model.eval()


@pytest.mark.parametrize('flip', ['none', 'concat', 'sum'])
def test_embeddings_are_the_networks(files, flip):
    folder, model = files
    embedder = Embedder(str(folder / 'config.py'), str(folder / 'model.pth'), 'cpu', flip, 4)
    faces = [decode((folder / f'{i}.jpg').read_bytes()) for i in range(6)]
    got = embedder.embed(faces)
    images = (torch.from_numpy(np.stack(faces)).permute(0, 3, 1, 2).float() - 127.5) / 127.5
    with torch.no_grad():
        plain, mirrored = model(images).numpy(), model(images.flip(-1)).numpy()
    want = {'none': plain, 'concat': np.hstack([plain, mirrored]), 'sum': plain + mirrored}[flip]
    want = want / np.linalg.norm(want, axis=1, keepdims=True)
    np.testing.assert_allclose(got, want, atol=2e-5)
    paths = [folder / f'{i}.jpg' for i in range(6)]
    np.testing.assert_allclose(embedder.embed(paths), got, atol=2e-5)
    assert embedder.verify(paths[0], paths[1]) == pytest.approx(float(got[0] @ got[1]), abs=1e-5)
    best = embedder.identify([paths[2]], paths, k=3)[0]
    assert best[0][0] == 2 and best[0][1] == pytest.approx(1, abs=1e-5) and len(best) == 3
    ranks = embedder.ranks(paths[::2], paths[1::2], [0, 1, 2], [0, 1, 2])
    assert ranks.shape == (3,) and (ranks >= 1).all()


def test_errors(files, tmp_path):
    folder, _ = files
    with pytest.raises(FileNotFoundError, match=r'no\.py'):
        Embedder('no.py', str(folder / 'model.pth'))
    with pytest.raises(FileNotFoundError, match=r'no\.pth'):
        Embedder(str(folder / 'config.py'), 'no.pth')
    embedder = Embedder(str(folder / 'config.py'), str(folder / 'model.pth'), 'cpu')
    with pytest.raises(ValueError, match=r'112x112 px are needed, got uint8 \(50, 50, 3\)'):
        embedder.embed([np.zeros((50, 50, 3), np.uint8)])
    with pytest.raises(ValueError, match='no face'):
        embedder.embed([])
    (tmp_path / 'x.jpg').write_bytes(b'hello')
    with pytest.raises(ValueError, match=r'x\.jpg'):
        embedder.embed([tmp_path / 'x.jpg'])


def test_every_form_of_an_image_gives_the_same(files):
    folder, _ = files
    embedder = Embedder(Config.fromfile(folder / 'config.py'), folder / 'model.pth', 'cpu', 'none')
    path = folder / '0.jpg'
    want = embedder.embed([decode(path.read_bytes())])
    with open(path, 'rb') as file:
        forms = [str(path), path, path.read_bytes(), memoryview(path.read_bytes()),
                 io.BytesIO(path.read_bytes()), file, Image.open(path),
                 Image.open(path).convert('L')]
        got = embedder.embed(iter(forms))
    np.testing.assert_allclose(got[:6], np.repeat(want, 6, 0), atol=1e-5)
    assert (got[6:] @ want[0] > .9).all()  # Pillow's JPEG decoder differs by a grey level
    for wrong, text in (([1], 'face 0: an array, .* got int'),
                        ([path, io.BytesIO(b'x')], 'face 1: '),
                        (path, 'several'), (path.read_bytes(), 'several')):
        with pytest.raises(InputError, match=text):
            embedder.embed(wrong)
    with pytest.raises(InputMissingError, match=r'no\.jpg'):
        embedder.embed(['no.jpg'])
    with pytest.raises(InputError, match='k must be at least 1'):
        embedder.identify([path], [path], k=0)
    with pytest.raises(InputError, match='needs a checkpoint'):
        Embedder(folder / 'config.py')


def test_faces_are_read_batch_by_batch(files):
    folder, _ = files
    embedder = Embedder(folder / 'config.py', folder / 'model.pth', 'cpu', 'none', batch_size=2)
    read = []

    def faces():
        for i in range(6):
            read.append(i)
            yield folder / f'{i}.jpg'

    def embedded(batch):
        assert len(read) <= len(done) + 3  # a batch, and the face that ends it
        done.extend(batch)
        return np.zeros((len(batch), 1))

    done = []
    embedder._embed_batch = embedded
    assert len(embedder.embed(faces())) == 6


def test_the_preprocessors_size_is_the_networks(tmp_path):
    model = dict(type='LRFRecognizer', data_preprocessor=dict(type='FacePreprocessor', size=160),
                 backbone=dict(type='InceptionResNetV1'), neck=dict(type='PoolNeck', embed_dim=4))
    config = Config(dict(model=model))
    torch.save(dict(state_dict=MODELS.build(model).state_dict()), tmp_path / 'net.pth')
    embedder = Embedder(config, tmp_path / 'net.pth', 'cpu', 'none')
    assert embedder.size == 160
    faces = [np.full((side, side, 3), 99, np.uint8) for side in (160, 112, 112)]
    np.testing.assert_allclose(*embedder.embed(faces)[:2], atol=1e-3)
    with pytest.raises(InputError, match='160x160'):
        embedder.embed([np.zeros((112, 100, 3), np.uint8)])


def test_exported_network_gives_the_same_embeddings(files, tmp_path):
    onnxruntime = pytest.importorskip('onnxruntime')
    pytest.importorskip('onnxscript')
    folder, _ = files
    embedder = Embedder(str(folder / 'config.py'), str(folder / 'model.pth'), 'cpu', 'none')
    embedder.export(str(tmp_path / 'net.onnx'))
    assert [p.name for p in tmp_path.iterdir()] == ['net.onnx']
    session = onnxruntime.InferenceSession(str(tmp_path / 'net.onnx'))
    for count in (1, 5):
        faces = np.stack([cv2.imread(str(folder / f'{i}.jpg'))[..., ::-1] for i in range(count)])
        (out,) = session.run(['embeddings'], dict(faces=np.ascontiguousarray(
            faces.transpose(0, 3, 1, 2))))
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        np.testing.assert_allclose(out, embedder.embed(list(faces)), atol=1e-4)
    wrapped = Config(dict(model=dict(
        type='LRFRecognizer', neck=None,
        data_preprocessor=dict(type='FacePreprocessor', mean=0., std=1.),
        backbone=dict(type='ONNXBackbone', path=str(tmp_path / 'net.onnx')))))
    again = Embedder(wrapped, flip_test='none')
    np.testing.assert_allclose(again.embed(list(faces)), embedder.embed(list(faces)), atol=1e-4)
    compare_benchmarks(folder, wrapped, tmp_path)


def compare_benchmarks(folder, wrapped, tmp_path):
    """tools/test.py's way: verification and the sweep over resolutions of both networks."""
    benchmarks = '''
source = dict(type='SyntheticFaces', num_identities=6, images_per_identity=3, first_identity=50)
test_dataloader = dict(batch_size=7, num_workers=0, dataset=[
    dict(type='SampledPairs', name='pairs', num_pairs=40, seed=0, source=source)])
test_evaluator = [dict(type='PairVerification', benchmark='pairs'),
                  dict(type='ResolutionSweep', benchmark='pairs', resolutions=(14, 112))]
test_cfg = dict(type='BenchmarkLoop', cache='work_dir')
default_scope = 'lrfr_mm'
'''
    texts = {'torch': (folder / 'config.py').read_text(), 'onnx': wrapped.pretty_text}
    found = {}
    for name, text in texts.items():
        config = tmp_path / f'{name}.py'
        config.write_text(text + benchmarks)
        out = tmp_path / f'{name}.json'
        weights = [str(folder / 'model.pth')] if name == 'torch' else []
        assert commands.test_command([str(config), *weights, '--out', str(out), '--work-dir',
                             str(tmp_path / name)]) == 0
        found[name] = [np.load(path) for path in sorted((tmp_path / name).rglob('*.npy'))]
    assert len(found['torch']) >= 3
    for one, other in zip(found['torch'], found['onnx'], strict=True):
        np.testing.assert_allclose(unit_vectors(one), unit_vectors(other), atol=1e-4)
