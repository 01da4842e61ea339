"""What importing a part of the package loads."""
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ('lrfr_mm.datasets', 'lrfr_mm.ops.facegen', 'lrfr_mm.evaluation', 'lrfr_mm.engine',
         'lrfr_mm.analysis', 'sklearn', 'matplotlib', 'pandas')


@pytest.mark.parametrize(('module', 'heavy'), [
    ('lrfr_mm.models', HEAVY), ('lrfr_mm.structures', HEAVY), ('lrfr_mm.ops.multi_res', HEAVY),
    ('lrfr_mm.registry', (*HEAVY, 'lrfr_mm.models', 'timm')),
    ('lrfr_mm.ops.draws', (*HEAVY, 'mmengine', 'torch'))])
def test_an_import_loads_only_what_lies_below(module, heavy):
    code = f'import sys, {module}; print(*sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    wrong = [name for name in loaded if any(name == h or name.startswith(h + '.') for h in heavy)]
    assert not wrong


@pytest.mark.parametrize('module', ['engine', 'models', 'datasets', 'evaluation', 'apis.inferencer',
                                    'deployment', 'analysis.calibrate', 'cli.commands.verify'])
def test_transformers_is_not_imported(module):
    """mmengine would, for one optimizer, which still can be built."""
    code = (f'import sys, lrfr_mm.{module}; assert "transformers" not in sys.modules\n'
            'from lrfr_mm.registry import OPTIMIZERS\n'
            'assert OPTIMIZERS.get("Adafactor") is not None')
    subprocess.run([sys.executable, '-c', code], check=True)


NOTEBOOK = '''
import numpy as np, torch
from mmengine.config import Config
from lrfr_mm.registry import MODELS, TRANSFORMS
model = MODELS.build(Config.fromfile('configs/lrfr/demo.py').model).eval()
print(tuple(model(torch.zeros(2, 3, 112, 112)).shape))
aug = TRANSFORMS.build(dict(type='MultiResAug'))
print(aug(dict(img=np.zeros((112, 112, 3), np.uint8)))['img_lr'].shape)
'''


def test_models_and_transforms_build_in_a_fresh_interpreter():
    done = subprocess.run([sys.executable, '-c', NOTEBOOK], capture_output=True, text=True,
                          cwd=Path(__file__).parents[1])
    assert done.stdout.splitlines() == ['(2, 256)', '(112, 112, 3)'], done.stderr
