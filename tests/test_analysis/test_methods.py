import csv
import itertools
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from lrfr_mm.analysis.figures.labels import place_boxes
from lrfr_mm.analysis.methods import MethodStudy, read_methods, run_methods
from lrfr_mm.analysis.methods import command as methods_command
from lrfr_mm.analysis.methods.configs import (
    apply_changes,
    method_config,
    views_on_device,
    with_epochs,
    with_values,
)
from lrfr_mm.analysis.methods.page import _cell, _front
from lrfr_mm.analysis.methods.step_cost import step_cost
from lrfr_mm.analysis.study import command, run_rows
from lrfr_mm.analysis.study.command import StudySettings
from lrfr_mm.datasets import face_collate
from lrfr_mm.datasets.transforms import MultiResAug
from lrfr_mm.engine.config import read_config
from lrfr_mm.errors import ConfigError, InputError, InputMissingError
from lrfr_mm.registry import DATASETS, METRICS, MODELS

ROOT = Path(__file__).parents[2]

COMMON = f'''
_base_ = ['{ROOT}/configs/lrfr/studies/small.py']
model = dict(contrast_loss=None, neck=dict(embed_dim=16))
train_dataloader = dict(batch_size=4, dataset=dict(source=dict(num_identities=3,
    images_per_identity=3, cache=None)))
'''
METHODS = {
    'lrfr': '''
model = dict(contrast_loss=dict(_delete_=True, type='LogFExpLoss', p=1, loss_weight=1.))
search = {'model.contrast_loss.loss_weight': [1., 10., 100.]}
''',
    'baseline': '''
model = dict(head=dict(margin=.3))
train_dataloader = dict(dataset=dict(pipeline=[dict(type='FaceFlip')]))
''',
    'dcr': '''
model = dict(head=dict(_delete_=True, type='AdaFaceHead'),
             contrast_loss=dict(_delete_=True, type='LpDistanceLoss', p=2))
train_dataloader = dict(sampler=dict(shuffle=False))
search = {'model.head.scale': [64], 'model.contrast_loss.loss_weight': [1., 2.]}
'''}


def fake_run(config, folder, seed, overrides, train_options):
    """Accuracies by the config: the search likes 10 for the one method, (64, 2) for the other."""
    folder, settings = Path(folder), Config.fromfile(config)
    with open(folder / 'calls.txt', 'a') as file:
        file.write(json.dumps(overrides) + '\n')
    (folder / 'epoch_1.pth').touch()
    model, distance = settings.model, settings.model.contrast_loss or {}
    bonus = 5 * (distance.get('loss_weight') == 10.) + 3 * (distance.get('loss_weight') == 2.) + (
        model.head.get('scale') == 64)
    names = [metric['prefix'] + f'/accuracy@{r}' for metric in settings.test_evaluator
             if metric['type'] == 'ResolutionSweep' for r in metric['resolutions']]
    names += [metric['benchmark'] + '/rank1' for metric in settings.test_evaluator
              if metric['type'] == 'Identification']
    rng = np.random.default_rng(seed)
    values, items = {}, {}
    for name in names:
        rate = .6 + .01 * (seed % 1000) + .05 * bonus
        items[name] = rng.random(400) < rate
        values[name] = 100 * rate
        values[name + '_low'] = 0.
    (folder / 'metrics.json').write_text(json.dumps(values))
    np.savez(folder / 'items.npz', **items)


@pytest.fixture
def study(tmp_path, monkeypatch):
    (tmp_path / 'common.py').write_text(COMMON)
    (tmp_path / 'methods').mkdir()
    for name, text in METHODS.items():
        (tmp_path / 'methods' / f'{name}.py').write_text(f"_base_ = ['../common.py']{text}")
    out = tmp_path / 'out'
    for k, name in enumerate(METHODS):
        path = out / 'step_cost' / f'{name}.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dict(milliseconds=10. + k, megabytes=100.)))
    common = str(tmp_path / 'common.py')
    monkeypatch.setattr(command, 'run_rows', partial(run_rows, run=fake_run))
    return MethodStudy(common, tmp_path / 'methods', common), StudySettings(2, out, 2)


@pytest.mark.slow
def test_methods_are_searched_trained_tested_and_compared(study, capsys):
    what, settings = study
    page = run_methods(what, settings)
    out = settings.out
    chosen = json.loads((out / 'search' / 'chosen.json').read_text())['chosen']
    assert chosen == {'baseline': {}, 'lrfr': {'model.contrast_loss.loss_weight': 10.},
                      'dcr': {'model.head.scale': 64, 'model.contrast_loss.loss_weight': 2.}}
    assert len(list((out / 'search').glob('*/seed1000/metrics.json'))) == 3 + 2
    used = Config.fromfile(out / 'configs' / 'dcr.py')
    assert used.model.head == dict(type='AdaFaceHead', scale=64)
    assert used.model.contrast_loss.loss_weight == 2 and 'search' not in used
    rows = list(csv.DictReader((out / 'tables' / 'drawn.csv').open()))
    assert [row['method'] for row in rows] == ['lrfr', 'dcr', 'baseline']  # 85, 80 and 60 %
    assert rows[0]['7 px'] == '85.50 ± 0.71' and rows[2]['7 px'].startswith('60.50 ± 0.71 (0.0001)')
    assert (rows[0]['ms a step'], rows[1]['ms a step']) == ('10', '12')
    assert {'14 px', '20 px', '112 px', '7 against 112 px', 'camera 7 px', '1:N rank 1',
            '1:N rank 1, probes 7 px'} < rows[0].keys()
    searched = list(csv.DictReader((out / 'tables' / 'search.csv').open()))
    assert [row['runs'] for row in searched] == ['3', '2', '0']
    published = {row['method']: row for row in csv.DictReader(
        (out / 'tables' / 'published.csv').open())}
    assert published['dcr']['published, SCface d1'] == '73.3'
    assert published['lrfr']['published, XQLFW'] == '94.33'
    points = list(csv.DictReader((out / 'methods.csv').open()))
    assert [float(point['accuracy_7']) for point in points] == pytest.approx([85.5, 80.5, 60.5])
    text = page.read_text()
    assert '<svg' in text and 'AT&amp;T, real faces' in text and '5 shorter runs searched' in text
    assert '## drawn' in capsys.readouterr().out
    before = {path: path.read_text() for path in out.rglob('calls.txt')}
    assert len(before) == 5 + 3 * 2
    run_methods(what, settings)  # a second start repeats nothing
    assert {path: path.read_text() for path in out.rglob('calls.txt')} == before


def test_the_method_compared_with_must_be_there(study):
    what, settings = study
    with pytest.raises(InputError, match="compared with 'lrfr'"):
        run_methods(MethodStudy(what.base, what.methods, what.common, names=['dcr']), settings)



@pytest.mark.parametrize('base', ['lrfr/faces_folder', 'lrfr/studies/real_faces_small'])
def test_a_method_is_carried_to_another_base(study, base):
    what, _ = study
    common, base = read_config(what.common), read_config(base)
    methods = {method.name: method for method in read_methods(what.methods, common)}
    changed = apply_changes(base, methods['baseline'].changes)
    kinds = [step.type for step in changed.train_dataloader.dataset.pipeline]
    assert kinds == ['ResizeFace', 'FaceFlip'] and changed.model.head.margin == .3
    assert changed.model.head.type == base.model.head.type
    assert changed.train_dataloader.dataset.source == base.train_dataloader.dataset.source
    changed = apply_changes(base, methods['dcr'].changes)
    assert changed.model.head == dict(type='AdaFaceHead')
    assert changed.train_dataloader.sampler == dict(base.train_dataloader.sampler, shuffle=False)
    assert any(step.type == 'MultiResAug' for step in changed.train_dataloader.dataset.pipeline)
    assert changed.test_dataloader == base.test_dataloader


def test_a_base_fits_single_methods_to_itself(study):
    what, _ = study
    common = read_config(what.common)
    methods = {method.name: method for method in read_methods(what.methods, common)}
    base = read_config(what.common)
    base.method_values = dict(dcr={'model.head.scale': 32}, elsewhere={'model.head.margin': 1.})
    changed = method_config(base, methods['dcr'])
    assert changed.model.head == dict(type='AdaFaceHead', scale=32)
    assert method_config(base, methods['lrfr']).model.head == common.model.head
    assert 'method_values' not in changed and 'method_values' in base
    base.method_values = dict(dcr={'model.head.scal': 32})
    with pytest.raises(ConfigError, match=r'model\.head\.scal'):
        method_config(base, methods['dcr'])


def test_the_shipped_base_has_a_start_for_every_method():
    base = read_config('lrfr/studies/methods_tuned')
    starts = {'TIMMBackbone': ('lrfr/studies/methods_start', 'data/methods_start.pth')}
    for name in ('p8s8', 'p12s8'):
        starts[f'face_transformer_{name}'] = (f'lrfr/studies/methods_start_{name}',
                                              f'data/methods_start_{name}.pth')
    methods = read_methods(ROOT / 'configs' / 'methods', read_config('methods/_base_/drawn_faces'))
    assert {name for name in starts if name != 'TIMMBackbone'} < {
        method.name for method in methods}
    for method in methods:
        backbone = method_config(base, method).model.backbone
        config, checkpoint = starts.get(method.name) or starts[backbone.type]
        start = backbone.pop('init_cfg')
        assert start == dict(type='Pretrained', prefix='backbone.', checkpoint=checkpoint)
        built = [MODELS.build(each).state_dict() for each in (
            backbone, read_config(config).model.backbone)]
        assert {key: value.shape for key, value in built[0].items()} == {
            key: value.shape for key, value in built[1].items()}


def test_what_cannot_be_done_is_said(study, tmp_path):
    what, _ = study
    common = read_config(what.common)
    with pytest.raises(InputMissingError, match="no method 'arc'; it has baseline, dcr, lrfr"):
        read_methods(what.methods, common, ['arc'])
    with pytest.raises(InputMissingError, match='no config of a method'):
        read_methods(tmp_path / 'nothing', common)
    (baseline,) = read_methods(what.methods, common, ['baseline'])
    with pytest.raises(ConfigError, match='one MultiResAug, it has 0'):
        apply_changes(read_config('lrfr/demo_baseline'), baseline.changes)
    (what.methods / 'bad.py').write_text("_base_ = ['../common.py']\nsearch = {'a': 3}\n")
    with pytest.raises(ConfigError, match='search must be'):
        read_methods(what.methods, common, ['bad'])
    with pytest.raises(ConfigError, match=r'model\.head\.margn'):
        with_values(common, {'model.head.margn': .3})


def test_a_student_is_trained_after_its_teacher(study, tmp_path):
    what, settings = study
    (what.methods / 'student.py').write_text("""
_base_ = ['../common.py']
model = dict(teacher=dict(type='FrozenTeacher', model='elsewhere.py', checkpoint='elsewhere.pth'),
             losses=[dict(type='FeatureDistillationLoss', loss_weight=1.)])
teacher_row = 'lrfr'
search = {'model.losses.0.loss_weight': [1., 3.]}
""")
    (settings.out / 'step_cost' / 'student.json').write_text('{"milliseconds": 9, "megabytes": 9}')
    run_methods(replace(what, names=['student', 'lrfr'], epochs=6), settings)
    (line,) = (settings.out / 'student' / 'seed1' / 'calls.txt').read_text().splitlines()
    assert json.loads(line) == [
        f'model.teacher.model={settings.out}/configs/lrfr.py',
        f'model.teacher.checkpoint={settings.out}/lrfr/seed1/epoch_1.pth']
    # In the search the teacher has the value of its config, the first of the three.
    (line,) = (settings.out / 'search/student_1/seed1000/calls.txt').read_text().splitlines()
    assert json.loads(line)[0].endswith('search/configs/lrfr_0.py')
    used = Config.fromfile(settings.out / 'configs' / 'student.py')
    assert used.model.teacher.checkpoint is None and used.train_cfg.max_epochs == 6
    assert Config.fromfile(settings.out / 'search/configs/student_0.py').train_cfg.max_epochs == 3


def test_teachers_come_with_their_students(study):
    what, _ = study
    common = read_config(what.common)
    for name, teacher in (('one', 'dcr'), ('two', 'one'), ('three', 'nobody')):
        (what.methods / f'{name}.py').write_text(
            f"_base_ = ['../common.py']\nteacher_row = {teacher!r}\n")
    assert [method.name for method in read_methods(what.methods, common, ['one'])] == ['one', 'dcr']
    for name, text in (('two', 'one has a teacher itself'), ('three', "names 'nobody'")):
        with pytest.raises(ConfigError, match=text):
            read_methods(what.methods, common, [name])


def test_tables_are_made_of_what_has_ended(study, monkeypatch):
    what, settings = study

    def some(config, folder, seed, *rest):
        if 'baseline' in config or ('dcr' in config and seed == 1):
            raise ValueError('it diverged')
        fake_run(config, folder, seed, *rest)

    def here(rows, seeds, out, *rest):
        failures = {}
        for row, seed in itertools.product(rows, seeds):
            row.folder(out, seed).mkdir(parents=True, exist_ok=True)
            try:
                some(row.config, row.folder(out, seed), seed, [], [])
            except ValueError as error:
                failures[f'{row.name}, seed {seed}'] = str(error)
        return failures

    monkeypatch.setattr(command, 'run_rows', here)
    monkeypatch.setattr(methods_command, 'measure_steps',
                        lambda costs, log: {config: 'its step was not measured'
                                            for config in costs if 'dcr' in config})
    (settings.out / 'step_cost' / 'dcr.json').unlink()
    with pytest.raises(RuntimeError, match=r'4 run\(s\) failed:\n[^\n]*dcr.py: its step was not '
                                           r'measured\nbaseline, seed 0: it diverged'):
        run_methods(what, settings)
    text = (settings.out / 'methods.md').read_text()
    assert 'Without a finished run: baseline.' in text and '1 to 2 seed(s)' in text
    rows = list(csv.DictReader((settings.out / 'tables' / 'drawn.csv').open()))
    assert [row['method'] for row in rows] == ['lrfr', 'dcr']
    assert rows[1]['7 px'].startswith('80.00 (')  # p of the one seed that both have
    assert rows[1]['ms a step'] == '–'
    assert rows[0]['network'] == 'mobilenetv4_conv_small_050'


def test_a_schedule_keeps_its_shape():
    base = read_config('lrfr/studies/methods_base')
    short = with_epochs(base, 4)
    assert short.train_cfg.max_epochs == 4 and base.train_cfg.max_epochs == 8
    assert [(step.begin, step.end) for step in short.param_scheduler] == [(0, .5), (.5, 4)]
    base.param_scheduler[0].convert_to_iter_based = False
    with pytest.raises(ConfigError, match=r'param_scheduler\.0: --epochs needs'):
        with_epochs(base, 4)
    with pytest.raises(InputError, match='--search-epochs must be at least 1'):
        MethodStudy('base', search_epochs=0)


def test_views_of_the_preprocessor_are_those_of_the_transform():
    config = read_config('methods/ran')
    moved = views_on_device(config)
    assert moved.train_dataloader.dataset.pipeline == []
    assert moved.model.data_preprocessor.multi_res == dict(
        resolutions=(7, 14, 20), ratio=(1, 1, 2), degradation=('bicubic', 'camera'))
    source = dict(type='SyntheticFaces', num_identities=2, images_per_identity=2)
    plain, whole = (DATASETS.build(dict(each.train_dataloader.dataset, source=source))
                    for each in (moved, config))
    batch, wanted = (face_collate([faces[i] for i in range(4)]) for faces in (plain, whole))
    views, _ = MODELS.build(moved.model.data_preprocessor).views(batch, training=True)
    for view in ('hr', 'lr'):
        torch.testing.assert_close(views[view], wanted['inputs'][view], atol=0, rtol=0)


def test_names_do_not_cover_each_other():
    rng = np.random.default_rng(0)
    points = [tuple(point) for point in rng.uniform(100, 500, (33, 2))]
    sizes = [(float(width), 9.) for width in rng.uniform(15, 110, 33)]
    boxes = np.array(place_boxes(points, sizes, (0, 0, 600, 600)))
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], sizes)
    assert boxes.min() >= 0 and boxes.max() <= 600
    low, high = (f(boxes[:, None], boxes[None]) for f in (np.maximum, np.minimum))
    overlap = ((high[..., 2] - low[..., 0]).clip(0) * (high[..., 3] - low[..., 1]).clip(0))
    assert overlap[~np.eye(33, dtype=bool)].max() < 1e-6
    assert all(not (box[:2] < point).all() or not (point < box[2:]).all()
               for box in boxes for point in np.array(points))


@pytest.mark.parametrize('text, shown', [
    ('87.36 ± 0.43 (0.001)', '87.36 ± 0.43<br><small>p 0.001</small>'),
    ('87.36 ± 0.43', '87.36 ± 0.43'), ('–', '–'), ('sizes = (7, 14)', 'sizes = (7, 14)'),
    ('a < b & c', 'a &lt; b &amp; c')])
def test_cells_of_the_page(text, shown):
    assert _cell(text) == shown


def test_front():
    assert _front([(1, 5), (2, 4), (3, 4.5), (4, 1), (2, 6)]) == [(2, 6), (3, 4.5), (4, 1)]


def test_cost_of_a_step(study):
    what, _ = study
    cost = step_cost(read_config(what.common), steps=2, warmup=1)
    assert set(cost) == {'milliseconds', 'megabytes'} and 1 < cost['milliseconds'] < 60000


def test_the_shipped_test_is_of_people_who_train_nowhere(faces_root):
    config = read_config('lrfr/studies/methods_test')
    people = [dataset.source.first_identity for dataset in (
        config.test_dataloader.dataset[0], config.search_dataloader.dataset[0])]
    assert people == [1000000, 2000000]
    train = read_config('lrfr/studies/real_faces_small').train_dataloader.dataset.source.sources
    for dataset in config.test_dataloader.dataset:
        source = dataset.get('source', dataset.get('benchmark', {}).get('source'))
        assert source.get('identities') not in [part.identities for part in train]
    names = {dataset.name for dataset in config.test_dataloader.dataset}
    for metric in (*config.test_evaluator, *config.search_evaluator):
        assert METRICS.build(metric).benchmark in names | {'held_out'}
    (pairs, gallery, shrunk) = (dict(dataset) for dataset in config.test_dataloader.dataset[3:6])
    for dataset in (pairs, gallery, shrunk['benchmark']):
        dataset['source']['root'] = str(faces_root / 'att_faces')
    assert len(DATASETS.build(pairs).pairs) == 540 and len(DATASETS.build(gallery).gallery) == 6
    assert len(DATASETS.build(shrunk).probes['']) == 54


def test_every_shipped_method_fits_real_faces():
    directory = ROOT / 'configs' / 'methods'
    if not list(directory.glob('*.py')):
        pytest.skip('configs/methods is empty')
    base = read_config('lrfr/studies/real_faces_small')
    for method in read_methods(directory, read_config('methods/_base_/drawn_faces')):
        config = apply_changes(base, method.changes)
        for values in method.candidates():
            with_values(config, values)
        for step in config.train_dataloader.dataset.pipeline:
            if step.type == 'MultiResAug':
                MultiResAug(**{k: v for k, v in step.items() if k != 'type'})


def test_values_of_an_earlier_search_are_taken(study, tmp_path, monkeypatch):
    def in_this_process(rows, seeds, out, *_):
        for row, seed in itertools.product(rows, seeds):
            row.folder(out, seed).mkdir(parents=True, exist_ok=True)
            fake_run(row.config, row.folder(out, seed), seed, [], [])
        return {}

    what, settings = study
    monkeypatch.setattr(command, 'run_rows', in_this_process)
    path = tmp_path / 'chosen.json'
    path.write_text(json.dumps({'chosen': {'lrfr': {'model.contrast_loss.loss_weight': 10.}}}))
    settings = replace(settings, options=('model.backbone.model_name=resnet10t',))
    page = run_methods(replace(what, chosen=path), settings)
    assert not (settings.out / 'search').exists()
    rows = list(csv.DictReader((settings.out / 'tables' / 'drawn.csv').open()))
    assert {row['network'] for row in rows} == {'resnet10t'}  # that of --cfg-options
    used = {name: Config.fromfile(settings.out / 'configs' / f'{name}.py').model
            for name in ('lrfr', 'dcr')}
    assert used['lrfr'].contrast_loss.loss_weight == 10
    assert used['dcr'].head.get('scale') is None  # not named there
    assert 'of an earlier search (chosen.json)' in page.read_text()
    for text, error in (('[]', InputError), ('{"chosen": 3}', InputError), ('{', InputError)):
        path.write_text(text)
        with pytest.raises(error, match=r'chosen\.json'):
            run_methods(replace(what, chosen=path), settings)
    config = read_config(what.common)
    assert methods_command._overridden(config, {'model.neck.nothing': '50'}) is config
    with pytest.raises(InputMissingError, match=r'nothing\.json'):
        run_methods(replace(what, chosen=tmp_path / 'nothing.json'), settings)
