"""The wheel, outside the repository: configs by name, tools beside the package."""
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps',
                    '--no-build-isolation', '--wheel-dir', folder, ROOT], check=True)
    (wheel,) = folder.glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / 'site')
    return folder / 'site'


def test_it_has_every_config_and_tool(installed):
    for name in ('configs', 'tools'):
        want = {p.relative_to(ROOT) for p in (ROOT / name).rglob('*') if p.is_file()
                and '__pycache__' not in p.parts}
        have = {p.relative_to(installed / 'lrfr_mm' / '.mim')
                for p in (installed / 'lrfr_mm' / '.mim' / name).rglob('*') if p.is_file()}
        assert have == want
    assert 'lrfr = lrfr_mm.cli:main' in next(installed.glob('*.dist-info')).joinpath(
        'entry_points.txt').read_text()


@pytest.mark.slow
def test_it_trains_and_tests_the_demo_by_name(installed, tmp_path):
    def run(*words):
        done = subprocess.run([sys.executable, '-m', 'lrfr_mm', *words], cwd=tmp_path, text=True,
                              capture_output=True, env={**os.environ, 'PYTHONPATH': str(installed),
                                                        'OMP_NUM_THREADS': '1'})
        assert done.returncode == 0, done.stderr[-3000:]

    drawn = [f'{part}.dataset{index}.source.{key}={value}'
             for part, index in (('train_dataloader', ''), ('val_dataloader', '.0'),
                                 ('test_dataloader', '.0'))
             for key, value in (('num_identities', 6), ('images_per_identity', 4))]
    run('train', 'lrfr/demo', '--work-dir', 'work', '--seed', '0', '--cfg-options',
        'train_cfg.max_epochs=1', 'train_dataloader.batch_size=12', *drawn[:2],
        'train_cfg.val_interval=9')
    run('test', 'lrfr/demo', 'work/epoch_1.pth', '--work-dir', 'test', '--cfg-options', *drawn[4:],
        'test_dataloader.dataset.0.num_pairs=20')
    assert (tmp_path / 'test' / 'metrics.json').is_file()
