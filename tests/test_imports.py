"""What importing a part of the package loads."""
import subprocess
import sys

from tests.processes import ROOT

# Each piece of code runs in a copy of one process that has imported libraries and nothing else.
COPIES = '''
import os, sys, traceback
import {libraries}
for code in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        try:
            exec(code, dict(__name__='__main__'))
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
'''


def in_copies(libraries, *codes):
    """The lines that the pieces of code print."""
    done = subprocess.run([sys.executable, '-c', COPIES.format(libraries=libraries), *codes],
                          cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.splitlines()


HEAVY = ('lrfr_mm.datasets', 'lrfr_mm.ops.facegen', 'lrfr_mm.evaluation', 'lrfr_mm.engine',
         'lrfr_mm.analysis', 'sklearn', 'matplotlib', 'pandas')
BELOW = {'lrfr_mm.models': HEAVY, 'lrfr_mm.structures': HEAVY, 'lrfr_mm.ops.multi_res': HEAVY,
         'lrfr_mm.registry': (*HEAVY, 'lrfr_mm.models', 'timm')}


def wrong(loaded, heavy):
    return [name for name in loaded if any(name == h or name.startswith(h + '.') for h in heavy)]


def test_an_import_loads_only_what_lies_below():
    lines = in_copies('torch', *(f'import sys, {name}; print(*sys.modules)' for name in BELOW))
    assert len(lines) == len(BELOW)
    for (name, heavy), loaded in zip(BELOW.items(), lines):
        assert name in loaded.split() and not wrong(loaded.split(), heavy), name


def test_draws_need_numpy_alone():
    (loaded,) = in_copies('numpy', 'import sys, lrfr_mm.ops.draws; print(*sys.modules)')
    assert 'lrfr_mm.ops.draws' in loaded.split()
    assert not wrong(loaded.split(), (*HEAVY, 'mmengine', 'torch'))


MODULES = ('engine', 'models', 'datasets', 'evaluation', 'apis.inferencer', 'deployment',
           'analysis.calibrate', 'cli.commands.verify')
LIBRARIES = 'matplotlib, onnx, pandas, scipy, skimage, sklearn, timm, torchvision'
WITHOUT_TRANSFORMERS = '''
import sys
assert not {{'transformers', 'mmengine', 'lrfr_mm'}} & set(sys.modules)
import lrfr_mm.{module}
assert 'transformers' not in sys.modules
from lrfr_mm.registry import OPTIMIZERS
assert OPTIMIZERS.get('Adafactor') is not None
print('{module}')
'''
NOTEBOOK = '''
import numpy as np, torch
from mmengine.config import Config
from lrfr_mm.registry import MODELS, TRANSFORMS
model = MODELS.build(Config.fromfile('configs/lrfr/demo.py').model).eval()
print(tuple(model(torch.zeros(2, 3, 112, 112)).shape))
aug = TRANSFORMS.build(dict(type='MultiResAug'))
print(aug(dict(img=np.zeros((112, 112, 3), np.uint8)))['img_lr'].shape)
'''


FROM_A_TRAINING = '''
import tempfile, torch
from mmengine.logging.history_buffer import HistoryBuffer
from lrfr_mm.registry import MODELS
config = dict(type='FaceResNet', depth=18)
net = MODELS.build(config)
with tempfile.TemporaryDirectory() as folder:
    state = {'backbone.' + key: value for key, value in net.state_dict().items()}
    torch.save(dict(state_dict=state,
                    message_hub=dict(log_scalars=dict(loss=HistoryBuffer([1.], [1])))),
               folder + '/epoch_1.pth')
    again = MODELS.build(dict(config, init_cfg=dict(
        type='Pretrained', checkpoint=folder + '/epoch_1.pth', prefix='backbone.')))
    again.init_weights()
own = again.state_dict()
print(all(torch.equal(own[key], value) for key, value in net.state_dict().items()))
'''


def test_a_fresh_interpreter_has_no_transformers_and_builds_models_and_transforms():
    """mmengine would import transformers for one optimizer, which still can be built."""
    codes = [WITHOUT_TRANSFORMERS.format(module=module) for module in MODULES]
    lines = in_copies(LIBRARIES, *codes, NOTEBOOK, FROM_A_TRAINING)
    assert lines[:len(MODULES) + 2] == [*MODULES, '(2, 256)', '(112, 112, 3)']
    assert lines[-1] == 'True'  # behind what init_weights logs
