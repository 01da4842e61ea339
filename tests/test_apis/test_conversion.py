import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from safetensors.torch import save_file

from lrfr_mm.apis import Embedder, convert_checkpoint
from lrfr_mm.apis.conversion import whole_config
from lrfr_mm.errors import InputError, InputExistsError, InputMissingError
from lrfr_mm.files import file_sha256
from tests.public_layouts import ir_tensors, iresnet_tensors, vit_tensors

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('public') / 'adaface.ckpt'
    tensors = {f'model.{name}': value for name, value in ir_tensors((1, 1, 1, 1)).items()}
    torch.save(dict(state_dict={**tensors, 'head.kernel': torch.randn(32, 4)}), path)
    return path


def run_command(monkeypatch, capsys, *arguments):
    """Exit code, standard output and standard error of the command."""
    script = str(ROOT / 'tools/model_converters/convert_public.py')
    monkeypatch.setattr(sys, 'argv', [script, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(script, run_name='__main__')
    return ended.value.code, *capsys.readouterr()


def test_the_command_writes_a_config_that_embeds_and_trains(checkpoint, tmp_path, monkeypatch,
                                                            capsys):
    arguments = (checkpoint, tmp_path / 'net', '--keep-head', '--data', 'synthetic')
    code, out, _ = run_command(monkeypatch, capsys, *arguments)
    assert code == 0 and 'AdaFace: ir_(1, 1, 1, 1)' in out
    config = Config.fromfile(tmp_path / 'net.py')
    assert config.model.data_preprocessor.channel_order == 'bgr'
    assert config.model.head.num_classes == 4 and config.load_from_head == 'error'
    assert {'train_dataloader', 'test_dataloader', 'optim_wrapper', 'test_evaluator',
            'default_hooks'} <= set(config.keys()) and config.load_from == str(tmp_path / 'net.pth')
    embedder = Embedder(tmp_path / 'net.py', tmp_path / 'net.pth', 'cpu')
    faces = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), np.uint8)
    assert embedder.embed(faces).shape == (3, 64)
    code, _, error = run_command(monkeypatch, capsys, *arguments)
    assert code == 2 and '--overwrite' in error
    code, _, error = run_command(monkeypatch, capsys, tmp_path / 'net.py', tmp_path / 'other')
    assert code == 2 and 'net.py is not a whole checkpoint' in error
    assert not (tmp_path / 'other.pth').exists()


def test_checksums_and_destinations(checkpoint, tmp_path):
    good = file_sha256(checkpoint)
    convert_checkpoint(checkpoint, tmp_path / 'a.pth', sha256=good.upper())
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.pth', 'a.py']
    with pytest.raises(InputError, match=f'SHA-256 {good}, expected 00'):
        convert_checkpoint(checkpoint, tmp_path / 'b', sha256='00')
    with pytest.raises(InputExistsError, match=r'a\.pth is there already'):
        convert_checkpoint(checkpoint, tmp_path / 'a')
    convert_checkpoint(checkpoint, tmp_path / 'a', overwrite=True)
    with pytest.raises(InputMissingError, match=r'no\.pt'):
        convert_checkpoint(tmp_path / 'no.pt', tmp_path / 'b')
    with pytest.raises(InputError, match=r'data must be one of .*recordio.*synthetic'):
        convert_checkpoint(checkpoint, tmp_path / 'b', data='imagenet')
    cut = tmp_path / 'cut.ckpt'
    cut.write_bytes(checkpoint.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r'cut\.ckpt is not a whole checkpoint'):
        convert_checkpoint(cut, tmp_path / 'b')
    assert not (tmp_path / 'b.pth').exists() and not (tmp_path / 'b.py').exists()


def test_class_weights_in_parts(tmp_path):
    save_file(iresnet_tensors()[0], tmp_path / 'backbone.safetensors')
    parts = [torch.randn(3, 32), torch.randn(2, 32)]
    for rank, part in enumerate(parts):
        torch.save(dict(weight=part), tmp_path / f'rank{rank}.pt')
    converted = convert_checkpoint(tmp_path / 'backbone.safetensors', tmp_path / 'net',
                                   head_files=[tmp_path / 'rank0.pt', tmp_path / 'rank1.pt'])
    torch.testing.assert_close(converted.state_dict['head.weight'], torch.cat(parts))
    saved = torch.load(tmp_path / 'net.pth', weights_only=True)
    assert saved['meta']['kind'] == 'arcface_torch' and len(saved['state_dict']['head.weight']) == 5
    with pytest.raises(InputError, match=r'backbone\.safetensors has \d+ matrices'):
        convert_checkpoint(tmp_path / 'backbone.safetensors', tmp_path / 'other',
                           head_files=[tmp_path / 'backbone.safetensors'])
    torch.save(dict(weight=torch.randn(3, 31)), tmp_path / 'rank0.pt')
    with pytest.raises(InputError, match=r'\(3, 31\), not \(classes, 32\)'):
        convert_checkpoint(tmp_path / 'backbone.safetensors', tmp_path / 'other',
                           head_files=[tmp_path / 'rank0.pt'])


def test_landmarks_reach_the_network_and_are_mirrored(tmp_path):
    torch.manual_seed(1)
    torch.save(vit_tensors(keypoints=True), tmp_path / 'model.pt')
    convert_checkpoint(tmp_path / 'model.pt', tmp_path / 'net')
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (5, 112, 112, 3), np.uint8)
    points = rng.uniform(20, 90, (5, 5, 2)).astype(np.float32)
    plain = Embedder(tmp_path / 'net.py', tmp_path / 'net.pth', 'cpu', 'none', batch_size=2)
    got = plain.embed(faces, points)
    images = torch.from_numpy(faces).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        seen = plain.model.data_preprocessor.normalise(images)
        want = torch.nn.functional.normalize(plain.model.embed(seen, torch.from_numpy(points)))
    np.testing.assert_allclose(got, want.numpy(), atol=2e-5)
    assert np.abs(got - plain.embed(faces)).max() > .01
    both = Embedder(tmp_path / 'net.py', tmp_path / 'net.pth', 'cpu', 'concat')
    # The mirrored face with mirrored points, left and right exchanged, gives the same two halves.
    swapped = points[:, [1, 0, 2, 4, 3]] * [-1, 1] + [111, 0]
    halves = both.embed(faces, points).reshape(5, 2, -1)
    exchanged = both.embed(faces[:, :, ::-1], swapped).reshape(5, 2, -1)[:, ::-1]
    np.testing.assert_allclose(halves, exchanged, atol=2e-5)
    for wrong, text in ((points[:4], 'landmarks of face 4'), ([*points, points[0]], 'more than 5'),
                        (points[:, :3], r'landmarks of face 0: .*\(3, 2\)')):
        with pytest.raises(InputError, match=text):
            plain.embed(faces, wrong)


def test_other_crops_are_configured_for_every_data_set(tmp_path):
    model = dict(type='LRFRecognizer', backbone=dict(type='InceptionResNetV1'),
                 neck=dict(type='PoolNeck'), head=dict(type='CosFaceHead'))
    text = whole_config(model, 'recordio', 'net.pth', (.2, .1, .8, .9))
    (tmp_path / 'net.py').write_text(text)
    config = Config.fromfile(tmp_path / 'net.py')
    train = [step.type for step in config.train_dataloader.dataset.pipeline]
    assert train.index('CropFace') < train.index('MultiResAug')
    for dataset in [*config.val_dataloader.dataset, *config.test_dataloader.dataset]:
        assert dataset.pipeline[-1] == dict(type='CropFace', box=(.2, .1, .8, .9))
