"""Validation and test over several benchmarks, and the embeddings they keep."""
import json
import re
from functools import partial

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from PIL import Image

from lrfr_mm.datasets import SampledPairs, SyntheticFaces, face_collate
from lrfr_mm.engine.checkpoint import read_checkpoint
from lrfr_mm.engine.embedding import embed_images, embedded_batches
from lrfr_mm.engine.embedding_cache import EmbeddingCache
from lrfr_mm.errors import ConfigError, InputError
from lrfr_mm.evaluation.metrics import View
from lrfr_mm.models.build import embedding_config
from lrfr_mm.ops.degradations import degrade_images
from lrfr_mm.registry import HOOKS, MODELS
from tests.test_engine.conftest import inside


class Mean(torch.nn.Module):
    """Mean colours of the left and the right half: embeddings that are easily checked."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, images):
        halves = images.float().chunk(2, -1)
        return self.scale * torch.cat([half.mean((2, 3)) for half in halves], 1)


def drawn(count, rng, side=112):
    return [dict(img=rng.integers(0, 256, (side, side, 3), np.uint8)) for _ in range(count)]


VIEWS = [View(), View(mirrored=True), View(7), View(14, True)]


@pytest.mark.parametrize(('count', 'batch', 'workers'), [(1, 4, 0), (9, 4, 0), (8, 4, 2)])
def test_every_image_is_embedded_once_a_view_in_order(count, batch, workers, rng):
    images, seen = drawn(count, rng), []
    found = embed_images(Mean().eval(), images, VIEWS, batch, workers,
                         before_batch=lambda k: seen.append(('before', k)),
                         after_batch=lambda k, *_: seen.append(('after', k)))
    assert seen == [(when, k) for k in range(-(-count // batch)) for when in ('before', 'after')]
    whole = torch.from_numpy(np.stack([i['img'] for i in images])).permute(0, 3, 1, 2)
    for view in VIEWS:
        shown = whole if view.resolution is None else degrade_images(whole, view.resolution,
                                                                     'bicubic')
        shown = shown.flip(-1) if view.mirrored else shown
        halves = [half.double().mean((2, 3)) for half in shown.chunk(2, -1)]
        np.testing.assert_allclose(found[view], torch.cat(halves, 1), rtol=1e-5)


def test_a_collate_function_and_batches_of_any_kind(rng):
    paths = [Image.fromarray(sample['img']) for sample in drawn(5, rng)]

    def collate(images):
        batch = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
        return dict(inputs=dict(hr=batch.permute(0, 3, 1, 2)))

    parts = [out[View()] for _, out in embedded_batches(Mean().eval(), paths, batch_size=2,
                                                        collate_fn=collate)]
    assert [len(part) for part in parts] == [2, 2, 1]


def test_what_cannot_be_embedded_is_said(rng):
    with pytest.raises(InputError, match='faces: there is no image'):
        embed_images(Mean().eval(), [], name='faces')
    with pytest.raises(ValueError, match='training mode'):
        embed_images(Mean(), drawn(1, rng))
    with pytest.raises(InputError, match=r'faces: the embedding of image 2 has NaN'):
        model = Mean().eval()
        embed_images(lambda x: torch.where((torch.arange(len(x)) == 2)[:, None], torch.nan,
                                           model(x)), drawn(4, rng), name='faces')


class TakesView(torch.nn.Module):
    """A recognizer that is told which view it sees."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def data_preprocessor(self, data, training):
        return data

    def test_step(self, data):
        raise AssertionError('test_step cannot carry the view')

    def forward(self, inputs, data_samples=None, mode='tensor', view=None):
        kind = {None: 0., 'hr': 1., 'lr': 2.}[view]
        data_samples.set_data(dict(embedding=torch.full((len(inputs['hr']), 1), kind)))
        return data_samples


def test_degraded_images_are_the_lr_view(rng):
    found = embed_images(TakesView().eval(), drawn(3, rng), VIEWS)
    assert [found[view][0, 0] for view in VIEWS] == [0, 0, 2, 2]


# -- the cache -------------------------------------------------------------------------------------
def model_of(config, **preprocessor):
    settings = Config.fromfile(config).model
    settings.data_preprocessor.update(preprocessor)
    torch.manual_seed(0)
    return MODELS.build(embedding_config(settings)).eval()


def key(model, folder='x', collate_fn=None, **settings):
    source = SyntheticFaces(3, 3)
    benchmark = SampledPairs('drawn', source, num_pairs=6, **settings)
    return EmbeddingCache(folder, model, collate_fn).key(benchmark)


class Add:
    """A transform that somebody wrote without a repr."""

    def __init__(self, amount):
        self.amount = amount

    def __call__(self, results):
        return dict(results, img=results['img'] + np.uint8(self.amount))


def test_the_key_of_the_cache_holds_all_that_changes_an_embedding(config):
    assert key(model_of(config)) == key(model_of(config))
    keys = [key(model_of(config)), key(model_of(config, mean=120.)),
            key(model_of(config, std=128.)), key(model_of(config, mean=[127.5, 127.5, 127.])),
            key(model_of(config, channel_order='bgr')),
            key(model_of(config), decoder='pillow'),
            key(model_of(config), pipeline=[Add(1)]), key(model_of(config), pipeline=[Add(2)]),
            key(model_of(config), pipeline=[dict(type='FixedResolution', resolution=7)]),
            key(model_of(config), pipeline=[dict(type='FixedResolution', resolution=14)]),
            key(model_of(config), alignment='by another detector')]
    changed = model_of(config)
    with torch.no_grad():
        next(buffer for buffer in changed.buffers() if buffer.is_floating_point())[0] += 1
    keys.append(key(changed))
    frozen = model_of(config)
    frozen.neck.something = 3  # a setting of somebody's neck
    keys.append(key(frozen))
    for value in (torch.relu, torch.nn.functional.gelu, torch.float16, torch.bfloat16):
        frozen.neck.something = value
        keys.append(key(frozen))
    keys += [key(model_of(config), collate_fn=collate) for collate in (
        face_collate, partial(face_collate, darker=1), partial(face_collate, darker=2))]
    assert len(set(keys)) == len(keys)
    assert keys[-1] == key(model_of(config), collate_fn=partial(face_collate, darker=2))


def test_a_second_test_with_another_preprocessor_embeds_again(trained, config, tmp_path):
    def measure(*options):
        done = inside('test', config, trained[0] / 'epoch_3.pth', '--work-dir', tmp_path,
                      *(('--cfg-options', *options) if options else ()))
        return json.loads((tmp_path / 'metrics.json').read_text()), done.text

    first, _ = measure()
    seed = read_checkpoint(str(trained[0] / 'epoch_3.pth'))['meta']['seed']
    assert json.loads((tmp_path / 'run.json').read_text())['seed'] == seed
    assert f'trained with seed\n{seed}' in (tmp_path / 'report' / 'index.html').read_text()
    again, text = measure()
    assert again == first and 'embeddings of an earlier test' in text
    other, text = measure('model.data_preprocessor.mean=20.')
    assert 'embeddings of an earlier test' not in text
    fresh, _ = measure('model.data_preprocessor.mean=20.', 'test_cfg.cache=None')
    assert other == fresh != first


# -- the loop --------------------------------------------------------------------------------------
@HOOKS.register_module(force=True)
class IterationsHook(Hook):
    """Notes the calls of a test."""

    calls = []

    def before_test(self, runner):
        self.calls.append(('before', len(runner.test_dataloader)))

    def before_test_iter(self, runner, batch_idx, data_batch=None):
        self.calls.append(batch_idx)

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        assert self.calls[-1] == batch_idx
        assert all(len(part) == len(data_batch['inputs']['hr']) for part in outputs.values())

    def after_test_epoch(self, runner, metrics=None):
        self.calls.append('end')


TWO = '''
test_dataloader = dict(batch_size=7, dataset=[
    dict(type='SampledPairs', name='a', num_pairs=10,
         source=dict(type='FolderFaces', root='{data}/test')),
    dict(type='SampledPairs', name='b', num_pairs=10,
         source=dict(type='FolderFaces', root='{other}'))])
test_evaluator = [dict(type='PairVerification', benchmark='a', folds=2),
                  dict(type='PairVerification', benchmark='b', folds=2{metric})]
custom_hooks = [dict(type='ReportHook'), dict(type='IterationsHook')]
'''


def test_hooks_see_every_batch_of_every_benchmark(trained, faces, written, tmp_path):
    config = written('two', extra=TWO.format(data=faces, other=faces / 'test', metric=''))
    IterationsHook.calls.clear()
    done = inside('test', config, trained[0] / 'epoch_3.pth', '--work-dir', tmp_path,
                  '--cfg-options', 'default_hooks.logger.interval=2')
    assert IterationsHook.calls == [('before', 10), *range(10), 'end']
    assert re.search(r'Epoch\(test\) \[ *8/10\]', done.text)


@pytest.mark.parametrize('kind', ['image', 'benchmark', 'metric'])
def test_what_could_be_measured_is_kept_when_a_benchmark_fails(kind, trained, faces, written,
                                                               tmp_path):
    other = tmp_path / 'other'
    for person in ('p', 'q'):
        (other / person).mkdir(parents=True)
        for number in range(3 if kind != 'benchmark' else 1):
            Image.new('RGB', (112, 112)).save(other / person / f'{number}.png')
    if kind == 'image':
        (other / 'p' / '1.png').write_bytes(b'cut')
    config = written(f'fails_{kind}', extra=TWO.format(
        data=faces, other=other, metric='00' if kind == 'metric' else ''))  # 200 folds of 10 pairs
    done = inside('test', config, trained[0] / 'epoch_3.pth', '--work-dir', tmp_path / 'w', code=2)
    assert done.stderr.splitlines()[-1].startswith('error: benchmark b failed')
    metrics = json.loads((tmp_path / 'w' / 'metrics.json').read_text())
    assert 0 <= metrics['a/accuracy'] <= 100 and set(metrics['failed']) == {'b'}
    assert (tmp_path / 'w' / 'report' / 'index.html').is_file()
    inside('test', config, trained[0] / 'epoch_3.pth', '--work-dir', tmp_path / 'w',
           '--benchmarks', 'a')


@pytest.mark.parametrize('command', ['train', 'test'])
def test_a_benchmark_that_lacks_an_image_is_not_skipped(command, trained, faces, written, tmp_path):
    (tmp_path / 'pairs.txt').write_text('person 50\t0\t9\n')
    config = written('incomplete', replace=[(
        f"type='PairBin', name='absent', path='{faces}/absent.bin'",
        f"type='PairList', name='absent', root='{faces}/test', pairs='{tmp_path}/pairs.txt'")])
    checkpoint = [trained[0] / 'epoch_3.pth'] if command == 'test' else []
    done = inside(command, config, *checkpoint, '--work-dir', tmp_path / 'w', code=2)
    assert 'benchmark absent' in done.stderr and 'person 50_0000' in done.stderr
    if command == 'train':
        assert 'Epoch(train)' not in done.text  # said before the first epoch
    else:
        assert 'faces/accuracy' in json.loads((tmp_path / 'w' / 'metrics.json').read_text())


def test_a_metric_needs_its_benchmark(trained, faces, written, tmp_path):
    config = written('no_c', extra=TWO.format(data=faces, other=faces / 'test', metric='').replace(
        "benchmark='b'", "benchmark='c'"))
    done = inside('test', config, trained[0] / 'epoch_3.pth', '--work-dir', tmp_path, code=2)
    assert "asks for the benchmark 'c'; there are a, b" in done.stderr
    assert issubclass(ConfigError, InputError)
