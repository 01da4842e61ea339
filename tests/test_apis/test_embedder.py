import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from lrfr_mm.apis import Embedder
from lrfr_mm.datasets import SyntheticFaces
from lrfr_mm.datasets.decode import decode
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
