import csv
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from mmengine.evaluator import Evaluator
from torch.utils.data import DataLoader

from lrfr_mm.datasets.benchmarks import SampledPairs
from lrfr_mm.datasets.collate import face_collate
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.evaluation.metrics import (
    Axis,
    Curve,
    EmbeddingMetric,
    ImageVariant,
    Line,
    MetricResult,
    PairVerification,
    ResolutionSweep,
    with_intervals,
)
from lrfr_mm.evaluation.report import (
    collect_run,
    compare_runs,
    comparison_tables,
    differences,
    read_run,
    table_text,
    to_csv,
    to_latex,
    to_markdown,
    write_report,
)
from lrfr_mm.evaluation.report.published import TABLES
from lrfr_mm.registry import METRICS


def numbers(name, **metrics):
    metrics = {key.replace('__', '/'): value for key, value in metrics.items()}
    return dict(name=name, metrics=metrics, rows=[dict(name=key) for key in metrics])


@pytest.fixture(scope='module')
def benchmark():
    return SampledPairs('drawn', dict(type='SyntheticFaces', num_identities=6,
                                      images_per_identity=3), num_pairs=30)


def embed(images, seed=0):
    """A linear network: uint8 (N, 3, 112, 112) to float32 (N, 16)."""
    weight = np.random.default_rng(seed).normal(size=(3 * 14 * 14, 16))
    small = images.reshape(len(images), 3, 14, 8, 14, 8).astype(float).mean((3, 5)) - 128
    return (small.reshape(len(images), -1) @ weight).astype(np.float32)


@pytest.fixture(scope='module')
def embeddings(benchmark):
    images = np.stack([benchmark[i]['img'] for i in range(len(benchmark))]).transpose(0, 3, 1, 2)
    return {ImageVariant(r): embed(images if r is None else images // 16 * 16)
            for r in (None, 7)}


def test_published_rows_come_before_ours():
    runs = [numbers('a_b', lfw__accuracy=99.5, other__eer=3.), numbers('c', lfw__accuracy=98.)]
    tables = comparison_tables(runs)
    assert set(tables) == {'benchmarks', 'table3'}
    lines = list(csv.reader(io.StringIO(to_csv(tables['table3']))))
    assert lines[0] == ['method', 'LFW', 'XQLFW'] and ['ArcFace', '99.50', '74.22'] in lines
    assert lines[-2:] == [['a_b', '99.50', ''], ['c', '98.00', '']]
    assert list(csv.reader(io.StringIO(to_csv(tables['benchmarks'])))) == [
        ['metric', 'a_b', 'c'], ['lfw/accuracy', '99.50', '98.00'], ['other/eer', '3.00', '']]


def test_paper_means_are_means():
    for name in ('paper, not fine-tuned', 'paper, ResNet-34', 'paper, ResNet-50'):
        *distances, mean = TABLES['table1'].rows[name]
        assert np.mean(distances) == pytest.approx(mean, abs=.05)


def test_formats():
    table = pd.DataFrame([['x_1', 9.5], ['y', None]], columns=['method', 'a & b'])
    assert list(csv.reader(io.StringIO(to_csv(table)))) == [['method', 'a & b'], ['x_1', '9.50'],
                                                             ['y', '']]
    cells = [[cell.strip() for cell in line.strip('|').split('|')]
             for line in to_markdown(table).splitlines()]
    assert cells[0] == ['method', 'a & b'] and cells[2:] == [['x_1', '9.50'], ['y', '']]
    assert re.fullmatch(r'\|:-+\|-+:\|', to_markdown(table).splitlines()[1])
    latex = to_latex(table)
    assert r'method & a \& b \\' in latex and r'x\_1 & 9.50 \\' in latex
    assert latex.startswith(r'\begin{tabular}{lr}')


def test_differences_only_of_the_same_items():
    one = dict(a=np.ones(50, bool), b=np.ones(3, bool), c=np.ones(2, bool))
    two = dict(a=np.zeros(50, bool), b=np.ones(4, bool))
    found = differences(one, two)
    assert set(found) == {'a'} and found['a']['difference'] == -100 and found['a']['p'] < .001


def test_a_curve_survives_json():
    curve = Curve('s', 't', Axis('x', 'log', [1, 10], (None, 5.)), Axis('y'),
                  [Line([0, 1, 2], [3, 4], 'a', 'area', 2)], Axis('r'), [Line([1], [2])], True, 'n')
    assert Curve.from_dict(json.loads(json.dumps(curve.to_dict()))) == curve
    with pytest.raises(ValueError, match='scale must be'):
        Axis('x', 'cubic')
    with pytest.raises(ValueError, match='do not fit'):
        Line([1, 2], [1], style='step')


class Spread(EmbeddingMetric):
    """A metric of a user's own, with a curve that the report has never seen."""

    def compute(self, embeddings, benchmark):
        lengths = np.sort(np.linalg.norm(self.fused(embeddings, None), axis=1))
        curve = Curve('My section', 'My curve', Axis('rank of the length', 'log'), Axis('length'),
                      [Line(list(range(1, len(lengths) + 1)), lengths.tolist())], table=True)
        return MetricResult({f'{benchmark.name}/spread': float(lengths.std())},
                            [f'{benchmark.name}/spread'], 'mine', [curve],
                            lower_is_better={f'{benchmark.name}/spread'})


def test_a_metric_with_a_curve_is_one_class(benchmark, embeddings, tmp_path):
    METRICS.register_module(module=Spread, force=True)
    metric = METRICS.build(dict(type='Spread', benchmark='drawn', flip_test='none'))
    result = with_intervals(metric.compute(embeddings, benchmark))
    run = collect_run('one', [(benchmark, result)], 'config')
    page = write_report(tmp_path, [run, dict(run, name='two')]).read_text()
    for text in ('My section', 'My curve', 'rank of the length', '>two<', '1 rank'):
        assert text in page, text
    assert page.count('<svg') == 1  # both runs in one plot


def test_a_page_of_two_runs_escapes_and_names_everything(benchmark, embeddings, tmp_path):
    results = [(benchmark, with_intervals(metric.compute(embeddings, benchmark))) for metric in (
        PairVerification('drawn', flip_test='none', folds=2),
        ResolutionSweep('drawn', (7, 112), flip_test='none', folds=2, ssim_images=2))]
    first = collect_run('<b>', results, 'x < y', seed=1)
    second = dict(collect_run('other', results, ''), against={'drawn/accuracy': '+1.00 (p)'})
    page = write_report(tmp_path, [first, second]).read_text()
    assert '<h1>&lt;b&gt; against other</h1>' in page and 'x &lt; y' in page
    assert '+1.00 (p)' in page and 'mean SSIM' in page
    assert f'{results[0][1].values["drawn/accuracy"]:.2f}' in page
    low, high = (results[0][1].values[f'drawn/accuracy_{end}'] for end in ('low', 'high'))
    assert f'{low:.1f} to {high:.1f}' in page
    # A ROC of both, histograms of each, for the pairs and the sweep's 7 px, and the sweep itself.
    assert page.count('<svg') == 2 * 3 + 1
    lines = table_text(results).splitlines()
    assert lines[0].split() == ['benchmark', 'metric', 'value', '95', '%', 'protocol']
    assert len(lines) == 2 + len(results[0][1].headline) + 2


def save_run(folder, benchmark, embeddings, name):
    result = with_intervals(PairVerification('drawn', flip_test='none', folds=2).compute(
        embeddings, benchmark))
    folder.mkdir()
    (folder / 'run.json').write_text(json.dumps(collect_run(name, [(benchmark, result)], '')))
    np.savez(folder / 'items.npz', **result.items)
    return result


def test_runs_are_compared_item_by_item(benchmark, embeddings, tmp_path):
    one = save_run(tmp_path / 'a', benchmark, embeddings, 'a')
    noisy = {key: value + np.random.default_rng(0).normal(size=value.shape).astype(np.float32) * 900
             for key, value in embeddings.items()}
    two = save_run(tmp_path / 'b', benchmark, noisy, 'b')
    printed = compare_runs([tmp_path / 'a', tmp_path / 'b'], tmp_path / 'out')
    assert 'b differs from a (p < 0.05) in' in printed and 'drawn/accuracy' in printed
    found = json.loads((tmp_path / 'out' / 'differences.json').read_text())['b']['drawn/accuracy']
    right = [result.items['drawn/accuracy'].mean() for result in (one, two)]
    assert found['difference'] == pytest.approx(100 * (right[1] - right[0]))
    assert {path.suffix for path in (tmp_path / 'out' / 'tables').iterdir()} == {'.csv', '.md',
                                                                                 '.tex'}
    with pytest.raises(InputError, match='same name: a, a'):
        compare_runs([tmp_path / 'a', tmp_path / 'a'], tmp_path / 'out')


@pytest.mark.parametrize(('file', 'damage'), [
    ('run.json', lambda data: data[:100]), ('run.json', lambda data: b'[]'),
    ('run.json', lambda data: b'\xff' + data), ('run.json', lambda data: b'{}'),
    ('run.json', lambda data: data.replace(b'"lines"', b'"wires"')),
    ('run.json', lambda data: data.replace(b'"step"', b'"stop"')),
    ('run.json', lambda data: data.replace(b'"drawn/auc": ', b'"drawn/abc": ', 1)),
    ('items.npz', lambda data: data[:50]), ('items.npz', lambda data: b''),
    ('items.npz', lambda data: data.replace(b'NUMPY', b'NUMBY')),
    ('items.npz', lambda data: data[:-30])])
def test_damaged_runs_are_refused_by_name(benchmark, embeddings, tmp_path, file, damage):
    save_run(tmp_path / 'a', benchmark, embeddings, 'a')
    path = tmp_path / 'a' / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=re.escape(str(path))):
        read_run(tmp_path / 'a')


def test_a_missing_run_is_named(tmp_path):
    with pytest.raises(InputMissingError, match=r'run\.json does not exist: run tools/test\.py'):
        read_run(tmp_path)


class Network:
    """Called as mmengine's loops call a model."""

    def test_step(self, batch):
        import torch
        samples = batch['data_samples']
        samples.set_data(dict(embedding=torch.from_numpy(embed(batch['inputs']['hr'].numpy()))))
        return samples


@pytest.mark.parametrize('batch_size', [4, 18])
def test_mmengines_evaluator_runs_the_metrics(benchmark, embeddings, batch_size):
    """The calls of mmengine's TestLoop give the values of BenchmarkLoop's."""
    configs = [dict(type='PairVerification', benchmark='drawn', flip_test='none', folds=2),
               dict(type='ScoreCalibration', benchmark='drawn', flip_test='none', folds=2),
               dict(type='DetectionErrorTradeoff', benchmark='drawn', flip_test='none')]
    evaluator = Evaluator([METRICS.build(config) for config in configs])
    evaluator.dataset_meta = benchmark.metainfo
    for batch in DataLoader(benchmark, batch_size, collate_fn=face_collate):
        evaluator.process(data_samples=Network().test_step(batch), data_batch=batch)
    got = evaluator.evaluate(len(benchmark))
    want = {}
    for config in configs:
        result = METRICS.build(config).compute(embeddings, benchmark)
        want.update(with_intervals(result).values)
    assert got == pytest.approx(want) and 'drawn/accuracy_low' in got


@pytest.mark.parametrize('metric', [
    dict(type='PairVerification', benchmark='drawn', flip_test='concat', folds=2),
    dict(type='ResolutionSweep', benchmark='drawn', flip_test='none', resolutions=(7,))])
def test_what_mmengines_loops_cannot_show_is_said(benchmark, metric):
    evaluator = Evaluator([METRICS.build(metric)])
    evaluator.dataset_meta = benchmark.metainfo
    for batch in DataLoader(benchmark, 6, collate_fn=face_collate):
        evaluator.process(data_samples=Network().test_step(batch), data_batch=batch)
    with pytest.raises(ValueError, match=r'needs image 0 of drawn as .* use BenchmarkLoop'):
        evaluator.evaluate(len(benchmark))


def test_pair_verification_with_quality(benchmark, embeddings):
    """The lengths of the plain embeddings weigh the scores of unlike pairs."""
    metric = PairVerification('drawn', flip_test='none', folds=2,
                              quality=dict(slope=.4, offset=.3))
    vectors = embeddings[ImageVariant()].astype(float)
    lengths = np.linalg.norm(vectors, axis=1)
    first, second = benchmark.pairs.T
    cosines = (vectors[first] * vectors[second]).sum(1) / (lengths[first] * lengths[second])
    weighted = cosines + np.minimum(0, .4 * cosines - .3) * np.minimum(lengths[first],
                                                                       lengths[second])
    got = metric.compute(embeddings, benchmark)
    same, different = weighted[benchmark.is_same], weighted[~benchmark.is_same]
    auc = (same[:, None] > different).mean() + .5 * (same[:, None] == different).mean()
    assert got.values['drawn/auc'] == pytest.approx(100 * auc)
    assert 'quality-weighted' in got.protocol
    worst = got.hardest[0]
    assert worst[0] == 'false accept' and worst[3] == pytest.approx(different.max(), rel=1e-5)
