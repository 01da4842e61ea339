"""The GPU benchmark's dry run, its time limits, and what it writes."""
import json

import pytest

from lrfr_mm.analysis.benchmark.gpu import PARTS, benchmark_gpu, gpu_table
from lrfr_mm.errors import InputError


@pytest.fixture(scope='module')
def dry(tmp_path_factory):
    out = tmp_path_factory.mktemp('gpu')
    lines = []
    return benchmark_gpu(out, minutes=80, dry_run=True, show=lines.append), out, lines


def test_every_part_of_the_dry_run_ends_with_figures(dry):
    found, _, _ = dry
    assert list(found['parts']) == list(PARTS) == [
        'parity', 'views', 'steps', 'heads', 'embedding', 'vit', 'search', 'decoding', 'training']
    for name, part in found['parts'].items():
        assert part['status'] == 'done', (name, part['status'])
        assert part['results'], name
        for result in part['results']:
            assert result['value'] > 0 or 'flash' in result['name'] or 'difference' in result[
                'name'], result


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
    found = benchmark_gpu(tmp_path, minutes=8e-4, dry_run=True, names=['steps', 'search'],
                          show=lambda line: None)
    assert {part['status'] for part in found['parts'].values()} == {'time limit'}
    assert 'ended by: time limit' in (tmp_path / 'gpu.md').read_text()


def test_mistakes_are_named(tmp_path):
    with pytest.raises(InputError, match="no part 'speed'; there are parity"):
        benchmark_gpu(tmp_path, dry_run=True, names=['speed'])
    import torch
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
    assert 'addict' not in {line.split('==')[0] for line in more}  # mmengine brings it
