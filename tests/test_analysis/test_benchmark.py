from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from lrfr_mm.analysis.benchmark import (
    benchmark_chain,
    benchmark_gallery,
    benchmark_run,
    compare_steps,
)
from lrfr_mm.analysis.benchmark import gallery as gallery_benchmark
from lrfr_mm.analysis.benchmark.run import bound
from lrfr_mm.analysis.benchmark.step import _Trainer
from lrfr_mm.apis import Embedder
from lrfr_mm.apis.inferencer import FaceInferencer
from tests.test_apis.test_inferencer import Marker, picture
from tests.test_cli.components import write_recognizer

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(('name', 'gflop'), [('r34_webface', 7.16), ('r50_ms1m', 8.08)])
def test_operations_of_a_forward_pass(name, gflop):
    model = Config.fromfile(ROOT / 'configs' / 'lrfr' / f'{name}.py').model.to_dict()
    trainer = _Trainer(model, 2, 10, False, False, 'cpu')
    assert trainer.forward_flop() / 4e9 == pytest.approx(gflop, rel=.005)  # two faces, two views


def test_depthwise_convolutions_are_not_counted_as_whole_ones():
    model = dict(type='LRFRecognizer', backbone=dict(type='MobileFaceNet'),
                 neck=dict(type='GDCNeck'), head=dict(type='CosFaceHead'),
                 contrast_loss=dict(type='LogFExpLoss'))
    init_default_scope('lrfr_mm')
    trainer = _Trainer(model, 2, 10, False, False, 'cpu')
    found = []

    def count(module, inputs, output):
        if isinstance(module, torch.nn.Conv2d):
            found.append(2 * output[0].numel() * module.weight[0].numel())
        elif isinstance(module, torch.nn.Linear):
            found.append(2 * module.weight.numel())

    for module in (*trainer.network.backbone.modules(), *trainer.network.neck.modules()):
        module.register_forward_hook(count)
    with torch.no_grad():
        trainer.network.eval()(torch.zeros(1, 3, 112, 112))
    want = sum(found)
    assert trainer.forward_flop() / 4 == pytest.approx(want, rel=.01)


def test_bytes_of_a_step():
    init_default_scope('lrfr_mm')
    model = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'demo.py').model.to_dict()
    trainer = _Trainer(model, 3, 10, False, False, 'cpu')
    weights = sum(p.numel() for p in trainer.network.parameters())
    assert trainer.bytes_moved() == (2 * 3 * 3 * 112 * 112, 20 * weights)


def test_bound_in_words():
    assert bound(62., 100.) == 'input-bound: 62 % waiting for input'
    assert bound(2., 100.) == 'network-bound: 2 % waiting for input'


@pytest.mark.parametrize('head', ['CosFaceHead', 'PartialFCHead'])
def test_a_run_is_measured_over_more_than_an_epoch(head):
    config = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'demo.py')
    config.train_dataloader.batch_size = 4
    config.train_dataloader.dataset.source = dict(type='SyntheticFaces', num_identities=3,
                                                  images_per_identity=4)
    if head == 'PartialFCHead':
        config.model.head = dict(type=head, sample_rate=.7,
                                 margin_head=dict(type='CosFaceHead', scale=48, margin=.4))
    results = benchmark_run(config, steps=2, workers=0)
    assert [r.unit for r in results] == ['samples/s', 'samples/s', 'images/s', 'images/s',
                                         'images/s']
    assert all(r.value > 0 for r in results)
    assert '% waiting for input' in results[1].extra['']


def test_settings_are_compared_in_turn():
    init_default_scope('lrfr_mm')
    model = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'demo.py').model.to_dict()
    settings = {name: dict(model=model, bf16=name == 'b', channels_last=True, joint=name == 'b')
                for name in 'ab'}
    *rates, ratio = compare_steps(settings, batch_size=2, num_classes=5, repeats=3)
    assert [r.name for r in rates] == ['train step, a', 'train step, b']
    assert 0 < ratio.extra['least'] <= ratio.value <= ratio.extra['most']


@pytest.mark.parametrize('processes', [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_gallery_is_filled_searched_and_changed(monkeypatch, tmp_path, processes):
    if not processes:
        monkeypatch.setattr(gallery_benchmark, '_in_a_process', lambda function: function())
        monkeypatch.setattr(gallery_benchmark, '_readers', lambda *args: None)
    results = [r for r in benchmark_gallery(70, 3, 32, 9, str(tmp_path), .5) if r]
    recalls = [r.value for r in results if 'recall' in r.name]
    assert recalls == [1.] * 4  # so few embeddings are compared exactly
    assert len(results) == 15 + processes and all(r.value > 0 for r in results)
    assert not any(tmp_path.iterdir())


def test_drawn_people_have_the_cosines_that_are_said():
    faces = np.concatenate([v for _, v in gallery_benchmark.drawn_people(3000, 2, 192)])
    np.testing.assert_allclose(np.linalg.norm(faces, axis=2), 1, rtol=1e-5)
    mated = (faces[:, 0] * faces[:, 1]).sum(1)
    others = faces[:1000, 0] @ faces[1000:, 0].T
    assert mated.mean() == pytest.approx(.64, abs=.01)
    assert abs(others.mean()) < .01 and np.quantile(others, .999) > .25


def test_the_plain_chain_gives_the_same_embeddings(tmp_path):
    config, weights = write_recognizer(tmp_path)
    inferencer = FaceInferencer(Embedder(str(config), str(weights), 'cpu', 'none'),
                                detector=Marker(), show_progress=False)
    paths = [tmp_path / f'{k}.png' for k in range(3)]
    for k, path in enumerate(paths):
        cv2.imwrite(str(path), picture([(60, 60), (220, 50)][:1 + k % 2])[..., ::-1])
    plain, inferred = benchmark_chain(inferencer, paths, batch_size=2, repeats=1)
    assert plain.value > 0 and inferred.value > 0
    assert inferred.extra['least cosine'] == pytest.approx(1, abs=1e-6)
