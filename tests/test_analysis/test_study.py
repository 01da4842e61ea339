import json
import os
import re
import runpy
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from lrfr_mm.analysis.benchmark.data import _large_index
from lrfr_mm.analysis.study import (
    Row,
    accuracies,
    collect,
    default_metrics,
    items_of_runs,
    run_rows,
    study_table,
)
from lrfr_mm.analysis.study.command import StudySettings
from lrfr_mm.datasets import SyntheticFaces
from lrfr_mm.datasets.convert import convert
from lrfr_mm.errors import InputError
from tests.processes import ROOT, Python, python


def fake_run(config, folder, seed, overrides, train_options):
    """A run that trains nothing; its config's name says how it ends."""
    with open(Path(folder, 'calls.txt'), 'a') as file:
        file.write(json.dumps([config, seed, overrides, train_options, os.getpid()]) + '\n')
    if 'bad' in config:
        sys.exit('error: it is bad')
    if 'slow' in config:
        time.sleep(300)
    Path(folder, 'epoch_2.pth').touch()
    Path(folder, 'metrics.json').write_text(json.dumps(
        {'a/accuracy': 90 + seed + ('two' in config)}))


def calls(row, out, seed=0):
    lines = (row.folder(out, seed) / 'calls.txt').read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_rows_run_once_with_their_options(tmp_path):
    rows = [Row('one', 'one.py'), Row('two', 'two.py', ('model.x=1',))]
    for _ in range(2):  # the second call finds everything done
        assert run_rows(rows, [0, 1], tmp_path, ['data_root=d/'], ['--amp'], run=fake_run) == {}
    (call,) = calls(rows[1], tmp_path, 1)
    assert call[:4] == ['two.py', 1, ['data_root=d/', 'model.x=1'], ['--amp']]
    results = collect(rows, [0, 1], tmp_path)
    np.testing.assert_array_equal(results['two']['a/accuracy'], [91, 92])
    table = study_table(results, ['a/accuracy'])
    assert table.values.tolist() == [['a/accuracy', '90.50 ± 0.71', '91.50 ± 0.71',
                                      '+1.00 ± 0.00']]
    assert list(table.columns) == ['', 'one', 'two', 'two - one']


def test_a_run_that_fails_names_its_log_and_the_others_end(tmp_path, capsys):
    bad = Row('bad', 'bad.py')
    rows = [Row('student', 'student.py', teacher=bad), bad, Row('one', 'one.py')]
    failures = run_rows(rows, [0, 1], tmp_path, run=fake_run)
    assert set(failures) == {f'{name}, seed {seed}' for name in ('bad', 'student')
                             for seed in (0, 1)}
    assert re.search(r'it is bad .*log\.txt', failures['bad, seed 0'])
    assert failures['student, seed 1'] == 'its teacher bad failed'
    assert len(collect(rows, [0, 1], tmp_path)['one']['a/accuracy']) == 2
    assert 'bad, seed 0 ended with 1: error: it is bad' in capsys.readouterr().out


def test_a_teacher_is_trained_first_with_the_same_seed(tmp_path):
    teacher = Row('teacher', 'teacher.py')
    rows = [Row('student', 'student.py', ('a=1',), teacher), teacher]
    assert run_rows(rows, [0, 3], tmp_path, jobs=2, run=fake_run) == {}
    (call,) = calls(rows[0], tmp_path, 3)
    assert call[2] == ['a=1', 'model.teacher.model=teacher.py',
                       f'model.teacher.checkpoint={tmp_path}/teacher/seed3/epoch_2.pth']


def test_no_run_is_started_after_the_deadline(tmp_path):
    rows = [Row('one', 'one.py')]
    assert run_rows(rows, [0], tmp_path, deadline=time.monotonic() - 1, run=fake_run) == {}
    assert not rows[0].done(tmp_path, 0)
    with pytest.raises(RuntimeError, match='no run has ended'):
        StudySettings(1, tmp_path, minutes=1e-9).run(rows)
    with pytest.raises(InputError, match='--minutes must be above 0'):
        StudySettings(1, tmp_path, minutes=0)
    for option in ('model.joint_forward', ''):
        with pytest.raises(InputError, match='--cfg-options: KEY=VALUE is needed'):
            StudySettings(1, tmp_path, options=['a=b', option])
    assert StudySettings(1, tmp_path, options=['a=b=c']).overrides == {'a': 'b=c'}


@pytest.mark.slow
def test_runs_end_with_the_study(tmp_path):
    """A study that is killed cannot end its runs: they see that it is gone."""
    code = (f'import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n'
            'from pathlib import Path\nfrom test_study import Row, fake_run, run_rows\n'
            f"run_rows([Row('slow', 'slow.py')], [0], Path({str(tmp_path)!r}), run=fake_run)")
    study = Python('-c', code)
    row, end = Row('slow', ''), time.monotonic() + 240
    while not (row.folder(tmp_path, 0) / 'calls.txt').is_file() and time.monotonic() < end:
        time.sleep(.05)
    ((*_, pid),) = calls(row, tmp_path)
    study.kill()
    study.wait()
    while Path(f'/proc/{pid}').exists() and time.monotonic() < end:
        time.sleep(.05)
    assert not Path(f'/proc/{pid}').exists()


def test_command_refuses_what_is_not_there(tmp_path):
    done = python('tools/study.py', 'seeds', 'no.py', '--out', tmp_path, code=2)
    assert 'config no.py does not exist' in done.stderr


@pytest.mark.parametrize('words', [
    'views --images 16',
    'step r18 --batch-size 2 --classes 10 --repeats 1 --no-bf16 --profile trace.json',
    pytest.param('ab r18 r18+last --batch-size 2 --classes 10 --repeats 1',
                 marks=pytest.mark.slow),
    pytest.param('head --ids 2000 --batch-size 8', marks=pytest.mark.slow),
    pytest.param('data --images 300 --folder .', marks=pytest.mark.slow)])
def test_benchmark_parts_print_and_write_json(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', *words.split(), '--json', 'out.json'])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / 'tools' / 'benchmark.py'), run_name='__main__')
    out = capsys.readouterr().out
    assert end.value.code == 0
    results = json.loads((tmp_path / 'out.json').read_text())['results']
    assert results and all(result['name'] in out for result in results)


def test_a_large_index_is_opened(tmp_path):
    convert(SyntheticFaces(2, 4), 'recordio', str(tmp_path / 'recordio'), progress=False)
    (result,) = _large_index(tmp_path, records=50)
    assert result.name == 'open RecordIO of 50 records' and result.value > 0


def paired_run(config, folder, seed, overrides, train_options):
    """Ends only when another run is there beside it."""
    folder = Path(folder)
    (folder.parent / f'{os.getpid()}.begin').write_text(
        f'{os.environ["OMP_NUM_THREADS"]} {torch.get_num_threads()}')
    while len(list(folder.parent.glob('*.begin'))) < 2:
        time.sleep(.02)
    fake_run(config, folder, seed, overrides, train_options)


def test_two_runs_at_a_time_share_the_cores(tmp_path):
    rows = [Row('one', 'one.py')]
    assert run_rows(rows, [0, 1], tmp_path, jobs=2, run=paired_run) == {}
    threads = [path.read_text() for path in (tmp_path / 'one').glob('*.begin')]
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert threads == [f'{share} {share}'] * 2
    assert len(collect(rows, [0, 1], tmp_path)['one']['a/accuracy']) == 2


def test_ends_of_intervals_are_no_columns():
    assert accuracies(['lfw/accuracy', 'lfw/accuracy_std', 'lfw/accuracy_low',
                       'lfw/accuracy_high', 'lfw/auc', 'sweep/accuracy@7', 'sweep/accuracy@7_low',
                       'sweep/accuracy@7_high']) == ['lfw/accuracy', 'sweep/accuracy@7']


@pytest.mark.parametrize(('file', 'data'), [
    ('metrics.json', b'{"a": '), ('metrics.json', b'[1]'), ('metrics.json', b'{"a": "much"}'),
    ('metrics.json', b'\xff'), ('items.npz', b''), ('items.npz', b'PK\x03\x04nothing')])
def test_damaged_results_are_named(tmp_path, file, data):
    row = Row('one', 'one.py')
    path = row.folder(tmp_path, 0) / file
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    read = collect if file == 'metrics.json' else lambda rows, *rest: items_of_runs(*rows, *rest)
    with pytest.raises(InputError, match=re.escape(str(path))):
        read([row], [0], tmp_path)


def test_default_columns():
    names = [f'{prefix}/accuracy@{r}' for prefix in ('sweep', 'cross', 'nearest', 'att_sweep')
             for r in (7, 14, 20, 28, 112)]
    assert default_metrics(names, 'flips') == [
        'sweep/accuracy@7', 'sweep/accuracy@14', 'sweep/accuracy@20', 'sweep/accuracy@112',
        'cross/accuracy@7', 'att_sweep/accuracy@7', 'att_sweep/accuracy@14',
        'att_sweep/accuracy@20', 'att_sweep/accuracy@112']
    assert default_metrics(names, 'degradation') == [
        'sweep/accuracy@7', 'sweep/accuracy@14', 'nearest/accuracy@7', 'nearest/accuracy@14',
        'att_sweep/accuracy@7', 'att_sweep/accuracy@14']


@pytest.mark.slow
def test_a_question_is_answered_by_a_table_and_figures(tmp_path):
    """The whole command, on as little as can be trained."""
    config = tmp_path / 'least.py'
    config.write_text(f'''
_base_ = ['{ROOT}/configs/lrfr/studies/small.py']
model = dict(neck=dict(embed_dim=16))
train_cfg = dict(max_epochs=1)
train_dataloader = dict(batch_size=4, dataset=dict(source=dict(num_identities=3,
    images_per_identity=3, cache=None)))
val_dataloader = dict(dataset=[dict(type='SampledPairs', name='synthetic', num_pairs=20,
    source=dict(type='SyntheticFaces', num_identities=4, images_per_identity=3,
                first_identity=1000000))])
test_dataloader = val_dataloader
test_evaluator = [dict(type='ResolutionSweep', benchmark='synthetic', resolutions=(7, 112),
                       folds=2)]
''')
    done = python('tools/study.py', 'weight', '--base', config, '--rows', 'maug', 'released_1',
                  'l2_100', '--seeds', 1, '--jobs', 2, '--out', tmp_path / 'out')
    table = (tmp_path / 'out' / 'weight.md').read_text()
    assert table in done.stdout and re.search(r'\| l2_100 +\| +maug \|', table)
    for name in ('weight', 'weight_by_gradient'):
        assert all((tmp_path / 'out' / f'{name}.{kind}').is_file() for kind in
                   ('png', 'svg', 'csv'))
    lines = (tmp_path / 'out' / 'weight_by_gradient.csv').read_text().splitlines()
    assert len(lines) == 1 + 2 * 2 and lines[0].startswith('row,distance,weight,gradient_share')
