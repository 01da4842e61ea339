import csv
import io

import numpy as np
import pytest

from lrfr_mm.evaluation.report import comparison_rows, differences, to_csv, to_latex, to_markdown
from lrfr_mm.evaluation.report.published import TABLES


def run(name, **metrics):
    metrics = {key.replace('__', '/'): value for key, value in metrics.items()}
    return dict(name=name, metrics=metrics, rows=[dict(name=key) for key in metrics])


def test_published_rows_come_before_ours():
    runs = [run('a_b', lfw__accuracy=99.5, other__eer=3.), run('c', lfw__accuracy=98.)]
    tables = comparison_rows(runs)
    assert set(tables) == {'benchmarks', 'table3'}
    head, rows = tables['table3']
    assert head == ['method', 'LFW', 'XQLFW']
    assert ['ArcFace', '99.50', '74.22'] in rows
    assert rows[-2:] == [['a_b', '99.50', ''], ['c', '98.00', '']]
    assert tables['benchmarks'][1] == [['lfw/accuracy', '99.50', '98.00'],
                                       ['other/eer', '3.00', '']]


def test_paper_means_are_means():
    for name in ('paper, not fine-tuned', 'paper, ResNet-34', 'paper, ResNet-50'):
        *distances, mean = TABLES['table1'].rows[name]
        assert np.mean(distances) == pytest.approx(mean, abs=.05)


def test_formats():
    head, rows = ['method', 'a & b'], [['x_1', '9.50'], ['y', '']]
    assert list(csv.reader(io.StringIO(to_csv(head, rows)))) == [head, *rows]
    assert to_markdown(head, rows).splitlines() == [
        '| method | a & b |', '| --- | ---: |', '| x_1 | 9.50 |', '| y |  |']
    latex = to_latex(head, rows)
    assert 'method & a \\& b \\\\' in latex and 'x\\_1 & 9.50 \\\\' in latex
    assert latex.startswith('\\begin{tabular}{lr}')


def test_differences_only_of_the_same_items():
    one = dict(a=np.ones(50, bool), b=np.ones(3, bool), c=np.ones(2, bool))
    two = dict(a=np.zeros(50, bool), b=np.ones(4, bool))
    found = differences(one, two)
    assert set(found) == {'a'} and found['a']['difference'] == -100 and found['a']['p'] < .001
