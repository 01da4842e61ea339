import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lrfr_mm.analysis.study import Row, collect, run_rows, study_markdown

ROOT = Path(__file__).parents[2]

FAKE = '''
import json, sys
from pathlib import Path
words = sys.argv[1:]
folder = Path(words[words.index('--work-dir') + 1])
with open(folder / 'calls.txt', 'a') as file:
    file.write(Path(sys.argv[0]).name + ' ' + ' '.join(words) + chr(10))
if 'bad' in words[0]:
    sys.exit('error: it is bad')
'''
TRAIN = FAKE + "(folder / 'epoch_2.pth').touch()\n"
TEST = FAKE + '''
seed = int(folder.name.removeprefix('seed'))
(folder / 'metrics.json').write_text(json.dumps({'a/accuracy': 90 + seed + ('two' in words[0])}))
'''


@pytest.fixture
def tools(tmp_path):
    (tmp_path / 'train.py').write_text(TRAIN)
    (tmp_path / 'test.py').write_text(TEST)
    return tmp_path


def test_rows_run_once_with_their_options(tools, tmp_path):
    rows = [Row('one', 'one.py'), Row('two', 'two.py', ('model.x=1',))]
    for _ in range(2):  # the second call finds everything done
        run_rows(rows, [0, 1], tmp_path / 'out', tools, ['data_root=d/'])
    calls = (tmp_path / 'out' / 'two' / 'seed1' / 'calls.txt').read_text().splitlines()
    assert len(calls) == 2
    assert calls[0].startswith('train.py two.py --seed 1 --resume')
    assert calls[0].endswith('--cfg-options data_root=d/ model.x=1')
    assert calls[1].startswith('test.py two.py') and 'epoch_2.pth' in calls[1]
    results = collect(rows, [0, 1], tmp_path / 'out')
    np.testing.assert_array_equal(results['two']['a/accuracy'], [91, 92])
    table = study_markdown(results, ['a/accuracy'])
    assert '| a/accuracy | 90.50 ± 0.71 | 91.50 ± 0.71 | +1.00 ± 0.00 |' in table


def test_a_run_that_fails_names_its_log(tools, tmp_path):
    with pytest.raises(RuntimeError, match=r'it is bad .*log\.txt'):
        run_rows([Row('bad', 'bad.py')], [0], tmp_path / 'out', tools)


def test_command_refuses_what_is_not_there(tmp_path):
    done = subprocess.run([sys.executable, 'tools/study.py', 'seeds', 'no.py', '--out', tmp_path],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and 'config no.py does not exist' in done.stderr


def test_benchmark_parts_print_and_write_json(tmp_path):
    for words in (['views', '--images', '16'],
                  ['step', 'r18', '--batch-size', '2', '--classes', '10', '--repeats', '1',
                   '--no-bf16', '--profile', str(tmp_path / 'trace.json')],
                  ['ab', 'r18', 'r18+last', '--batch-size', '2', '--classes', '10', '--repeats',
                   '1'],
                  ['head', '--ids', '2000', '--batch-size', '8'],
                  ['data', '--images', '300', '--folder', str(tmp_path)]):
        done = subprocess.run([sys.executable, 'tools/benchmark.py', *words, '--json',
                               tmp_path / 'out.json'], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        results = json.loads((tmp_path / 'out.json').read_text())['results']
        assert results and all(result['name'] in done.stdout for result in results)
