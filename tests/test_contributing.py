"""Each recipe of CONTRIBUTING.md is one file outside the package; the commands find it."""
import json
import os
import re

import cv2
import numpy as np
import pytest

from tests.processes import ROOT, python

RECIPES = dict(re.findall(r'<!-- file: (\w+\.py) -->\n```python\n(.*?)```',
                          (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8'), re.S))


def run(folder, *words, code=0):
    done = python(*words, cwd=folder, env=dict(PYTHONPATH=f'{folder}{os.pathsep}{ROOT}'), code=code)
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('recipes')
    for name, code in RECIPES.items():
        (folder / name).write_text(code)
    return folder


@pytest.fixture(scope='module')
def trained(folder):
    log = run(folder, ROOT / 'tools' / 'train.py', 'my_config.py', '--seed', '0', '--work-dir', 'w')
    return log, folder / 'w' / 'epoch_2.pth'


def test_there_is_a_recipe_for_each_kind():
    assert list(RECIPES) == [f'my_{kind}.py' for kind in (
        'head', 'loss', 'backbone', 'transform', 'source', 'format', 'detector', 'degradation',
        'benchmark', 'metric', 'target', 'config')]
    assert max(len(code.splitlines()) for name, code in RECIPES.items()) < 60


def test_training_uses_head_loss_backbone_transform_source_degradation(trained):
    log, checkpoint = trained
    assert checkpoint.is_file()
    for name in ('loss_hr', 'loss_lr', 'loss_huber_view', 'stripes/accuracy',
                 'stripes/norm_spread'):
        assert name in log, log[-3000:]


def test_the_test_command_uses_benchmark_and_metric_and_draws_the_curve(folder, trained):
    run(folder, ROOT / 'tools' / 'test.py', 'my_config.py', trained[1], '--work-dir', 'w')
    metrics = json.loads((folder / 'w' / 'metrics.json').read_text())
    assert 0 < metrics['stripes/norm_spread'] < 1
    assert metrics['stripes/accuracy'] > 60  # different stripes, seen in training
    page = (folder / 'w' / 'report' / 'index.html').read_text()
    assert 'Lengths of the embeddings' in page and 'norm_spread' in page


@pytest.fixture(scope='module')
def faces(folder):
    rng = np.random.default_rng(0)
    for person in ('ann', 'bob'):
        (folder / 'faces' / person).mkdir(parents=True)
        for k in range(3):
            cv2.imwrite(str(folder / 'faces' / person / f'{k}.png'),
                        rng.integers(0, 256, (120, 150, 3), dtype=np.uint8))
    return folder / 'faces'


def test_convert_writes_and_recognises_the_format(folder, faces):
    command = ROOT / 'tools' / 'dataset_converters' / 'convert.py'
    imports = ('--custom-imports', 'my_format')
    run(folder, command, faces, 'packed', '--to', 'npz', '--workers', 1, *imports)
    run(folder, command, 'packed', 'again', '--to', 'folder', '--workers', 1, *imports)
    want = sorted(path.read_bytes() for path in faces.rglob('*.png'))
    assert sorted(path.read_bytes() for path in (folder / 'again').rglob('*.png')) == want
    assert "'npz'" in run(folder, command, faces, 'x', '--to', 'nothing', *imports, code=2)


def test_align_faces_uses_the_detector(folder, faces):
    run(folder, ROOT / 'tools' / 'align_faces.py', faces, 'aligned', '--detector', 'middle',
        '--workers', 1, '--custom-imports', 'my_detector')
    aligned = sorted((folder / 'aligned').rglob('[0-9].png'))
    assert len(aligned) == 6
    picture = cv2.imread(str(faces / 'ann' / '0.png'))
    want = cv2.warpAffine(picture, np.array([[112 / 120, 0, -15 * 112 / 120], [0, 112 / 120, 0]]),
                          (112, 112), flags=cv2.INTER_LINEAR)
    got = cv2.imread(str(aligned[0])).astype(int)
    assert np.abs(got - want).mean() < 2


def test_export_finds_the_target(folder, trained):
    log = run(folder, '-m', 'lrfr_mm', 'export', '--custom-imports', 'my_target', '--to',
              'torchscript', '--model', 'my_config.py', '--weights', trained[1], '--out', 'net',
              '--limit', 60)
    assert (folder / 'net.ts').is_file()
    cosines = [float(line.split()[1]) for line in log.splitlines()
               if re.match(r'\s+\d+\s+\d\.\d{5}', line)]
    assert len(cosines) == 5 and min(cosines) > .9999
