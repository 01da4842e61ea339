from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from lrfr_mm.analysis.ablations import QUESTIONS, TABLES, apply_ablation
from lrfr_mm.analysis.study import Row, ablation_markdown, items_of_runs
from lrfr_mm.datasets.transforms import MultiResAug

ROOT = Path(__file__).parents[2]
ROWS = [(table, name) for table, rows in TABLES.items() for name in rows]


@pytest.mark.parametrize(('table', 'name'), ROWS)
def test_each_file_differs_from_its_base_by_the_row_alone(table, name):
    base = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'r34_webface.py')
    path = ROOT / 'configs' / 'lrfr' / 'ablations' / table / f'{name.replace(".", "_")}.py'
    want = apply_ablation(base, TABLES[table][name]).to_dict()
    got = Config.fromfile(path).to_dict()
    loss = want['model']['contrast_loss']
    if loss is not None and loss['type'] == 'LpDistanceLoss':
        assert got['model']['contrast_loss'] == loss
    assert got == want
    for step in got['train_dataloader']['dataset']['pipeline']:
        if step['type'] == 'MultiResAug':
            MultiResAug(**{k: v for k, v in step.items() if k != 'type'})


def test_published_means_are_means_and_rows_are_compared_with_rows():
    for rows in TABLES.values():
        for row in rows.values():
            if row.published[0] is not None:
                assert np.mean(row.published[:3]) == pytest.approx(row.published[3], abs=.1)
            assert row.against is None or row.against in rows


def test_a_base_without_the_method_is_refused():
    base = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'demo_baseline.py')
    with pytest.raises(ValueError, match='needs one MultiResAug, it has 0'):
        apply_ablation(base, TABLES['table4']['aug'])


def test_other_steps_of_the_pipeline_stay():
    base = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'faces_folder.py')
    changed = apply_ablation(base, TABLES['table4']['baseline'])
    kinds = [step['type'] for step in changed.train_dataloader.dataset.pipeline]
    assert kinds == ['ResizeFace', 'FaceFlip']
    assert [s['type'] for s in base.train_dataloader.dataset.pipeline][1] == 'MultiResAug'


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
    text = ablation_markdown({'a': ((1., None), None), 'b': ((), 'a')}, results, runs,
                             ['x/accuracy'], ('xqlfw/accuracy', 'lfw/accuracy'))
    lines = text.splitlines()
    assert lines[0] == '| row | against | x/accuracy | paper: xqlfw | paper: lfw |'
    assert lines[2] == '| a |  | 60.50 ± 0.71 | 1 |  |'
    assert lines[3] == '| b | a | 90.00 (p = 0.0001) |  |  |'


@pytest.mark.parametrize(('question', 'name'), [(question, name) for question, rows in
                                                QUESTIONS.items() for name in rows])
def test_rows_of_questions_can_be_built_on_any_base(question, name):
    row = QUESTIONS[question][name]
    assert row.against is None or row.against in QUESTIONS[question]
    for base in ('r34_webface', 'studies/real_faces_small', 'studies/small'):
        changed = apply_ablation(Config.fromfile(ROOT / 'configs' / 'lrfr' / f'{base}.py'), row)
        changed = Config.fromstring(changed.pretty_text, '.py')  # as the study writes it
        for step in changed.train_dataloader.dataset.pipeline:
            if step['type'] == 'MultiResAug':
                MultiResAug(**{k: v for k, v in step.items() if k != 'type'})


def test_rows_of_one_name_are_one_row():
    seen = {}
    for rows in {**TABLES, **QUESTIONS}.values():
        for name, row in rows.items():
            views, contrast, model = seen.setdefault(name, (row.views, row.contrast, row.model))
            assert (views, contrast, model) == (row.views, row.contrast, row.model), name


def test_a_curriculum_is_in_the_bases_epochs():
    base = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'r34_webface.py')
    changed = apply_ablation(base, QUESTIONS['curriculum']['easy_first'])
    (step,) = changed.train_dataloader.dataset.pipeline
    assert step['curriculum'] == {0: (0, 0, 1), 9: (0, 1, 1), 19: (1, 1, 2)}
