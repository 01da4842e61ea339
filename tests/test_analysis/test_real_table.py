"""The table of ways to adapt: recipes trained in memory, resumed, chosen and written."""
import json

import numpy as np
import pandas as pd
import pytest
import torch
from mmengine.config import Config

from lrfr_mm.analysis.real import table as table_module
from lrfr_mm.analysis.real import table_command as command_module
from lrfr_mm.analysis.real.in_memory import Budget, HRAugmentation, adapt_in_memory
from lrfr_mm.analysis.real.mobile_face_net import MODEL
from lrfr_mm.analysis.real.people import FaceSet
from lrfr_mm.analysis.real.rows import ROWS, Row
from lrfr_mm.analysis.real.table import TableSettings, row_config, run_table, small_views
from lrfr_mm.analysis.real.table_command import TableRequest, make_table
from lrfr_mm.analysis.real.table_report import chosen_shares, write_table
from lrfr_mm.errors import InputError
from lrfr_mm.ops.degradations import degrade_image
from lrfr_mm.registry import MODELS

_FEW = ('112', '20', '14', '10', '7', '14 against 112', '10 against 112', '7 against 112')


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('network') / 'net.pth'
    torch.save(dict(state_dict=MODELS.build(MODEL).state_dict()), path)
    return path


@pytest.fixture
def settings(tmp_path, checkpoint):
    (tmp_path / 'out').mkdir()
    return TableSettings(tmp_path / 'out', Config(dict(model=MODEL)), checkpoint,
                         Budget(steps=2, batch_size=4))


@pytest.fixture
def faces(rng):
    images = rng.integers(0, 256, (8, 112, 112, 3), np.uint8)
    return FaceSet(images, np.array([0, 0, 1, 1, 2, 2, -1, -1]))


@pytest.mark.parametrize('name', ROWS)
def test_options_of_every_row_are_keys_of_its_recipe(name, settings):
    config = row_config(ROWS[name], settings)
    assert config.model.backbone.type == (
        MODEL['backbone']['type'] if 'lora' not in name else config.model.backbone.type)
    if name.endswith('-camera'):
        assert config.train_dataloader.dataset.pipeline[1].degradation[1] == 'second_order'


@pytest.mark.parametrize('recipe', ['adapt/distill_similarity', 'adapt/method_distill'])
def test_trains_all_weights_of_a_recipe(recipe, settings, faces):
    config = row_config(Row(recipe), settings)
    model, training = adapt_in_memory(config, faces, settings.budget)
    before = torch.load(settings.checkpoint)['state_dict']
    after = model.state_dict()
    assert training.trained >= training.weights
    assert training.steps == 2 and all(np.isfinite(list(row.values())).all()
                                       for row in training.log)
    assert not torch.equal(before['backbone.layers.0.1.weight'],
                           after['backbone.layers.0.1.weight'])
    assert not model.training


def test_time_ends_a_schedule(settings, faces):
    config = row_config(Row('adapt/distill_folder'), settings)
    _, training = adapt_in_memory(config, faces, Budget(steps=1000, batch_size=2, seconds=1e-3))
    assert training.steps == 1


def test_augmentation_is_of_the_size_and_repeatable(rng):
    images = torch.from_numpy(rng.integers(0, 256, (5, 3, 112, 112), np.uint8))
    change, keys = HRAugmentation(dict(scale=.1), light=.3, grey=1.), np.arange(5)
    one, other = (change(images, keys, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, other) and one.dtype == torch.uint8 and one.shape == images.shape
    spread = one.float().std((2, 3))  # grey before the gains of the channels
    assert not torch.equal(one, images) and spread.min() > 0
    assert HRAugmentation()(images, keys, torch.Generator()) is images


def test_views_are_the_degradations(faces):
    views = small_views(faces, ('bicubic', 'camera'))
    expected = degrade_image(faces.images[2], 7, 'camera')
    assert np.array_equal(views['camera'][7][2].transpose(1, 2, 0), expected)
    assert np.array_equal(views['bicubic'][112][1].transpose(1, 2, 0), faces.images[1])


def test_runs_are_written_resumed_and_guarded(settings, faces, monkeypatch):
    few = {kind: {size: images[:4] for size, images in sizes.items() if size in (112, 7)}
           for kind, sizes in small_views(faces).items()}
    monkeypatch.setattr(table_module, 'small_views', lambda faces, kinds=('bicubic', 'camera'): {
        kind: few[kind] for kind in kinds})
    people = FaceSet(faces.images[:4], faces.labels[:4])
    monkeypatch.setitem(ROWS, 'broken', Row('adapt/distill_folder', {'model.losses.0.none': 1}))
    with pytest.raises(InputError, match="no row 'other'"):
        run_table(['other'], [0], faces, people, {}, settings)
    lines = []
    run_table(['broken', 'distill'], [0], faces, people, dict(real=people), settings, lines.append)
    out = settings.out
    assert 'model.losses.0.none' in (out / 'broken-0.error').read_text()
    result = json.loads((out / 'distill-0.json').read_text())
    assert set(result['held_out']) == {'1.0', '0.8', '0.6'} and result['training']['steps'] == 2
    with np.load(out / 'distill-0.npz') as stored:
        unit = stored['0.6/camera/7'].astype(np.float32)
        assert unit.shape == (4, 192) and np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-2)
        assert np.array_equal(stored['1.0/camera/112'], stored['1.0/bicubic/112'])
    (out / 'broken-0.error').unlink()
    monkeypatch.delitem(ROWS, 'broken')
    lines.clear()
    run_table(['distill'], [0], faces, people, dict(real=people), settings, lines.append)
    assert len(lines) == 1  # nothing is trained again


@pytest.mark.parametrize('finalists, runs', [
    (0, [(['distill', 'lora'], [0, 1, 2])]),
    (1, [(['distill', 'lora'], [0]), (['lora'], [1, 2])])])
def test_the_best_on_people_held_out_get_more_seeds(finalists, runs, faces, tmp_path, monkeypatch):
    done, left = [], []

    def record(rows, seeds, trained, tested, held_out, settings, say):
        assert (len(trained), len(tested), set(held_out)) == (len(faces), 3, {'real'})
        done.append((list(rows), list(seeds)))
        left.append(settings.deadline)

    for name, stand_in in dict(
            test_faces=lambda *_: (faces.images[:3], faces.labels[:3], 'three faces'),
            recognizer=lambda cache: (Config(), cache / 'net.pth'),
            training_set=lambda *_, **__: faces, held_out_sets=lambda cache: dict(real=faces),
            best_rows=lambda out, count: ['lora'][:count], run_table=record,
            write_table=lambda out, *_, **__: out / 'table.md').items():
        monkeypatch.setattr(command_module, name, stand_in)
    request = TableRequest(tmp_path, tmp_path, ['distill', 'lora'], finalists=finalists, minutes=1)
    assert make_table(request, lambda line: None) == tmp_path / 'table.md'
    assert done == runs
    assert left == pytest.approx([60] if not finalists else [36, 60], abs=5)


def _line(row, share, faces, gain=0., lost=0.):
    values = dict.fromkeys(_FEW, 80.)
    values.update({'112': 99. - lost, '7 against 112': 60. + gain})
    return dict(row=row, share=share, faces=faces, **values)


def test_choice_weighs_gain_against_loss():
    table = pd.DataFrame([_line('before', 1., 'real'), _line('a', 1., 'real', 20, .9),
                          _line('a', .8, 'real', 12, .1), _line('b', 1., 'real', 16)])
    best = chosen_shares(table)
    assert list(best) == ['b', 'a']
    assert best['a'] == (.8, pytest.approx(3)) and best['b'] == (1., pytest.approx(4))


def test_table_has_a_line_for_each_row(tmp_path, rng):
    labels = np.repeat(np.arange(3), 3)
    training = dict(steps=5, seconds=2., memory=0, trained=10, weights=100)
    for name, noise in (('before', 1.), ('distill', .5)):
        unit = {f'{share}/{kind}/{size}': (np.eye(9, 16)[labels] + noise * rng.normal(
            size=(9, 16))).astype(np.float16) for share in (1., .8, .6)
            for kind in ('bicubic', 'camera') for size in (112, 20, 14, 10, 7)}
        np.savez(tmp_path / f'{name}-0.npz', **unit)
        held_out = {str(share): dict(real=dict.fromkeys(_FEW, 80. + share))
                    for share in ((1.,) if name == 'before' else (1., .8))}
        (tmp_path / f'{name}-0.json').write_text(json.dumps(dict(
            name=name, seed=0, held_out=held_out, training=training, bytes=1000)))
    text = write_table(tmp_path, labels, draws=9).read_text()
    assert '| distill' in text and text.count('# People tested') == 2
    assert len(pd.read_csv(tmp_path / 'tested_camera.csv')) == len(_FEW)
