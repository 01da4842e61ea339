"""The GPU benchmark's dry run, its time limits, and what it writes."""
import json

import pytest
import torch

from lrfr_mm.analysis.benchmark.gpu import PARTS, benchmark_gpu, gpu_table
from lrfr_mm.analysis.benchmark.gpu.measure import attempt
from lrfr_mm.analysis.benchmark.timing import Result
from lrfr_mm.errors import InputError


@pytest.fixture(scope='module')
def dry(tmp_path_factory):
    out = tmp_path_factory.mktemp('gpu')
    lines = []
    return benchmark_gpu(out, minutes=80, dry_run=True, show=lines.append), out, lines


def test_every_part_of_the_dry_run_ends_with_figures(dry):
    found, _, _ = dry
    assert list(found['parts']) == list(PARTS) == [
        'views', 'steps', 'heads', 'parity', 'embedding', 'vit', 'deep', 'search', 'float8',
        'decoding', 'training', 'compiled']
    for name, part in found['parts'].items():
        assert part['status'] == 'done', (name, part['status'])
        assert part['results'], name
        for result in part['results']:
            measured = '' not in result['extra']
            may_lack = 'flash' in result['name'] or 'float8' in result['name']
            assert measured or may_lack, result
            assert result['value'] > 0 or not measured or 'difference' in result['name'], result


def test_a_cpu_agrees_with_itself(dry):
    results = dry[0]['parts']['parity']['results']
    pixels, cosine, losses = (result['value'] for result in results)
    assert pixels > 99.9 and cosine == pytest.approx(1, abs=1e-6) and losses == 0


def test_files_hold_what_is_returned(dry):
    found, out, lines = dry
    assert json.loads((out / 'gpu.json').read_text()) == found
    text = (out / 'gpu.md').read_text()
    assert text == gpu_table(found) and 'Dry run' in text
    assert text.count('| what | figure | notes |') == len(PARTS)
    assert len(lines) == len(PARTS) + sum(len(p['results']) for p in found['parts'].values())


def test_a_part_over_its_time_ends_and_the_next_one_runs(tmp_path):
    found = benchmark_gpu(tmp_path, minutes=.005, dry_run=True, names=['steps', 'float8'],
                          show=lambda line: None)
    first, second = found['parts'].values()
    assert first['status'] == 'time limit' and second['status'] in ('done', 'time limit')
    assert 'ended by: time limit' in (tmp_path / 'gpu.md').read_text()


def test_the_times_of_the_parts_add_up_to_eight_minutes():
    assert sum(part.seconds for part in PARTS.values()) == 480


@pytest.mark.parametrize(('error', 'note'), [
    (torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 1 GiB'), 'out of memory'),
    (RuntimeError('CUDA error: out of memory'), 'out of memory'),
    (ValueError('no kernel\nfor this'), 'ValueError: no kernel')])
def test_what_cannot_be_measured_is_a_result_with_the_reason(error, note):
    def measure():
        raise error
    result = attempt('a step', 's', measure)
    assert result == Result('a step', 0., 's', {'': note})
    table = gpu_table(dict(machine='m', dry_run=False, parts=dict(
        steps=dict(title='Steps', status='done', seconds=1., results=[vars(result)]))))
    assert f'| a step | not measured | {note} |' in table


def test_an_error_of_the_device_ends_the_process_that_it_spoiled():
    def measure():
        raise RuntimeError('CUDA error: an illegal memory access was encountered')
    with pytest.raises(RuntimeError, match='illegal memory access'):
        attempt('a step', 's', measure)


def test_mistakes_are_named(tmp_path):
    with pytest.raises(InputError, match="no part 'speed'; there are views"):
        benchmark_gpu(tmp_path, dry_run=True, names=['speed'])
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match='no GPU here; --dry-run'):
            benchmark_gpu(tmp_path)


def test_wheels_are_what_is_required_and_not_present():
    from importlib.metadata import version

    from lrfr_mm.analysis.benchmark.gpu.wheels import wheels_to_bring
    found = dict(line.split('==') for line in wheels_to_bring())
    assert {'mmengine', 'mmcv-lite', 'addict', 'yapf', 'termcolor'} <= set(found)
    assert not {'torch', 'torchvision', 'timm', 'numpy', 'lrfr-mm', 'safetensors'} & set(found)
    assert found['mmengine'] == version('mmengine')
    more = wheels_to_bring(['torch', 'timm', 'numpy', 'mmengine'])
    assert not any(line.startswith('opencv') for line in wheels_to_bring(
        ['torch', 'numpy', 'opencv_python_headless']))
    assert 'addict' not in {line.split('==')[0] for line in more}  # mmengine brings it
