import csv
import json
from pathlib import Path

import pytest

from lrfr_mm.analysis.training_modes import compare_modes
from lrfr_mm.errors import InputError

TRAIN = '''
import json, sys
from pathlib import Path
folder = Path(sys.argv[sys.argv.index('--work-dir') + 1], 'date', 'vis_data')
if 'model.joint_forward=True' not in sys.argv and 'joint' in str(folder):
    sys.exit('the mode was not asked for')
folder.mkdir(parents=True)
scale = 1.01 if '--amp' in sys.argv else 1.
(folder / 'scalars.json').write_text(chr(10).join(
    json.dumps(dict(loss=scale * (10 - k))) for k in range(6)))
'''


def test_losses_are_laid_over_each_other(tmp_path):
    (tmp_path / 'train.py').write_text(TRAIN)
    modes = ('eager', 'joint_views', 'bfloat16')
    text = compare_modes('c.py', modes, 5, tmp_path, 64, [], tmp_path)
    rows = list(csv.reader((tmp_path / 'modes.csv').open()))
    assert rows[0] == ['step', *modes] and rows[1] == ['1', '10', '10', '10.1'] and len(rows) == 6
    cells = {line.split()[0]: line.split()[1:] for line in text.splitlines()[2:5]}
    assert cells == {'eager': ['10.00', '8.00', '0.00'], 'joint_views': ['10.00', '8.00', '0.00'],
                     'bfloat16': ['10.10', '8.08', '0.10']}
    assert Path(text.splitlines()[-1]) == tmp_path / 'modes.png'
    log = tmp_path / 'eager' / 'date' / 'vis_data' / 'scalars.json'
    log.write_text(json.dumps(dict(loss='no')))
    with pytest.raises(InputError, match=r'scalars\.json'):
        compare_modes('c.py', modes, 5, tmp_path, 64, [], tmp_path)
