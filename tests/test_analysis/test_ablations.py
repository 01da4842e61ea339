from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from lrfr_mm.analysis.ablations import QUESTIONS, ROWS, TABLES, apply_ablation, read_ablation
from lrfr_mm.analysis.study import Row, ablation_table, items_of_runs
from lrfr_mm.datasets.transforms import MultiResAug
from lrfr_mm.engine.config import read_config
from lrfr_mm.errors import ConfigError, InputMissingError
from lrfr_mm.evaluation.report import to_markdown
from lrfr_mm.evaluation.report.published import ABLATIONS
from lrfr_mm.models.data_preprocessor import FacePreprocessor

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / 'configs' / 'lrfr' / 'ablations').glob('*/*.py'))
MAUG = dict(resolutions=(7, 14, 20), ratio=(1, 1, 2))
BASES = ('lrfr/r34_webface', 'lrfr/r50_ms1m_plus', 'lrfr/faces_folder', 'lrfr/studies/small')


def views_of(config):
    """Arguments of the augmentation, in the pipeline or on the device; None without one."""
    places = [step for step in config.train_dataloader.dataset.pipeline
              if step['type'] == 'MultiResAug']
    places += [config.model.data_preprocessor[key] for key in ('multi_res',)
               if key in config.model.get('data_preprocessor', {})]
    assert len(places) <= 1
    return {k: v for k, v in places[0].items() if k != 'type'} if places else None


def test_every_config_is_a_row_of_a_table_and_every_row_a_config():
    assert {path.stem for path in FILES} == {name.replace('.', '_') for name in ROWS}
    assert len({path.stem for path in FILES}) == len(FILES)
    for rows in (*TABLES.values(), *QUESTIONS.values()):
        assert all(against is None or against in rows for against in rows.values())
    for table, rows in TABLES.items():
        for numbers in ABLATIONS[table].values():
            assert set(numbers) <= set(rows)
        assert set(ABLATIONS[table]['lfw/accuracy']) == set(rows)


@pytest.fixture(scope='module')
def rows():
    return {name: read_ablation(name) for name in ROWS}


@pytest.mark.parametrize('base', BASES)
def test_rows_can_be_built_on_any_base(rows, base):
    config = read_config(base)
    for name, row in rows.items():
        changed = apply_ablation(config, row)
        if name in ('baseline', 'mixed'):
            changed = Config.fromstring(changed.pretty_text, '.py')  # as the study writes it
        views = views_of(changed)
        assert (views is None) == (row.views is None) == (name == 'baseline')
        if views is not None:
            MultiResAug(**views)
            assert all(views[key] == value for key, value in row.views.items()
                       if key != 'curriculum')
        FacePreprocessor(**{k: v for k, v in changed.model.get('data_preprocessor', {}).items()
                            if k != 'type'})
        assert changed.model.contrast_loss == row.contrast


@pytest.mark.parametrize(('name', 'views', 'contrast', 'model'), [
    ('maug', MAUG, None, {}),
    ('maug_ours1', MAUG, dict(type='LogFExpLoss', p=1, loss_weight=1.), {}),
    ('aug_l2', dict(resolutions=(14,), ratio=(1,)), dict(type='LpDistanceLoss', p=2), {}),
    ('paug_ours1', dict(resolutions=(7, 14, 28, 56), ratio=(1, 1, 1, 1)),
     dict(type='LogFExpLoss', p=1, loss_weight=1.), {}),
    ('lambda_0.1', MAUG, dict(type='LogFExpLoss', p=1, loss_weight=.1), {}),
    ('ratio_2_1_1', dict(MAUG, ratio=(2, 1, 1)), dict(type='LogFExpLoss', p=1, loss_weight=1.), {}),
    ('released_100', MAUG, dict(type='LogFExpLoss', p=1, form='released', loss_weight=100), {}),
    ('l1_10', MAUG, dict(type='LpDistanceLoss', p=1, loss_weight=10), {}),
    ('joint', MAUG, dict(type='LogFExpLoss', p=1, loss_weight=1.), dict(joint_forward=True)),
    ('shared_flips', dict(MAUG, flip='shared'), dict(type='LogFExpLoss', p=1, loss_weight=1.), {}),
    ('mixed', dict(MAUG, degradation=('bicubic', 'opencv', 'area', 'camera')),
     dict(type='LogFExpLoss', p=1, loss_weight=1.), {})])
def test_rows_change_what_their_name_says(rows, name, views, contrast, model):
    row = rows[name]
    assert (row.views, row.contrast, row.model) == (views, contrast, model)


def test_published_means_are_means():
    for numbers in ABLATIONS.values():
        distances = [numbers[f'scface/{d}/rank1'] for d in ('d1', 'd2', 'd3')]
        for row, mean in numbers['scface/mean/rank1'].items():
            assert np.mean([d[row] for d in distances]) == pytest.approx(mean, abs=.1)


@pytest.mark.parametrize('base', ['lrfr/demo_baseline', 'lrfr/studies/real_faces_baseline'])
def test_a_base_without_the_method_is_refused(base):
    with pytest.raises(ConfigError, match=r'needs one MultiResAug .* it has 0'):
        apply_ablation(read_config(base), read_ablation('aug'))


def test_an_unknown_row_is_named():
    with pytest.raises(InputMissingError, match="no row 'nothing'"):
        read_ablation('nothing')


def test_other_steps_of_the_pipeline_stay():
    base = read_config('lrfr/faces_folder')
    changed = apply_ablation(base, read_ablation('baseline'))
    kinds = [step['type'] for step in changed.train_dataloader.dataset.pipeline]
    assert kinds == ['ResizeFace', 'FaceFlip']
    assert [s['type'] for s in base.train_dataloader.dataset.pipeline][1] == 'MultiResAug'


def test_without_views_on_the_device_the_pipeline_flips():
    plus = read_config('lrfr/r50_ms1m_plus')
    changed = apply_ablation(plus, read_ablation('baseline'))
    assert changed.train_dataloader.dataset.pipeline == [dict(type='FaceFlip')]
    assert 'multi_res' not in changed.model.data_preprocessor
    assert plus.train_dataloader.dataset.pipeline == []
    assert plus.model.data_preprocessor.multi_res


@pytest.mark.parametrize(('base', 'epochs'), [('lrfr/r34_webface', (0, 9, 19)),
                                              ('lrfr/studies/small', (0, 3, 7)),
                                              ('lrfr/studies/real_faces_small', (0, 5, 11))])
def test_a_curriculum_is_in_the_bases_epochs(base, epochs):
    changed = apply_ablation(read_config(base), read_ablation('easy_first'))
    assert views_of(changed)['curriculum'] == dict(zip(
        epochs, ((0, 0, 1), (0, 1, 1), (1, 1, 2)), strict=True))


def test_table_has_p_values_and_published_numbers(tmp_path):
    rng = np.random.default_rng(0)
    runs = {}
    for name, rate in (('a', .6), ('b', .9)):
        for seed in (0, 1):
            folder = Row(name, '').folder(tmp_path, seed)
            folder.mkdir(parents=True)
            np.savez(folder / 'items.npz', **{'x/accuracy': rng.random(300) < rate})
        runs[name] = items_of_runs(Row(name, ''), [0, 1], tmp_path)
        assert runs[name]['x/accuracy'].shape == (2, 300)
    results = {'a': {'x/accuracy': np.array([60., 61.])}, 'b': {'x/accuracy': np.array([90.])}}
    table = ablation_table({'a': None, 'b': 'a'}, results, runs, ['x/accuracy'],
                           {'xqlfw': {'a': 1.5}, 'lfw': {}})
    assert list(table.columns) == ['row', 'against', 'x/accuracy', 'paper: xqlfw', 'paper: lfw']
    assert table.values.tolist() == [['a', '', '60.50 ± 0.71', '1.5', ''],
                                     ['b', 'a', '90.00 (p = 0.0001)', '', '']]
    assert '60.50 ± 0.71 |' in to_markdown(table)
