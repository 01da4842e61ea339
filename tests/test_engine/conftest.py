"""Trainings of a small network on few drawn faces, run inside the test's process."""
import contextlib
import gc
import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.visualization import Visualizer

from lrfr_mm.datasets import SyntheticFaces
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.commands import test_command as measure_command
from lrfr_mm.engine.commands import train_command
from tests.processes import ROOT

CONFIG = '''
_base_ = ['{root}/configs/_base_/models/lrf_demo.py',
          '{root}/configs/_base_/datasets/faces_folder.py',
          '{root}/configs/_base_/default_runtime.py']
model = dict(backbone=dict(model_name='test_resnet'), neck=dict(embed_dim=16, dropout=.2))
train_dataloader = dict(batch_size={batch}, num_workers={workers},
                        dataset=dict(source=dict(root='{data}/train')))
val_dataloader = dict(batch_size=7, num_workers=0, dataset=[
    dict(type='SampledPairs', name='faces', num_pairs=40,
         source=dict(type='FolderFaces', root='{data}/test')),
    dict(type='PairBin', name='absent', path='{data}/absent.bin')])
val_evaluator = [dict(type='PairVerification', benchmark='faces', folds=4),
                 dict(type='PairVerification', benchmark='absent')]
test_dataloader = val_dataloader
test_evaluator = val_evaluator + [dict(type='ResolutionSweep', benchmark='faces', folds=4,
                                       resolutions=(7, 28, 112))]
train_cfg = dict(type='FaceTrainLoop', max_epochs=3, val_interval=1)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=.05, momentum=.9))
param_scheduler = [dict(type='MultiStepLR', milestones=[2], gamma=.1)]
visualizer = dict(vis_backends=[dict(type='LocalVisBackend')])
default_hooks = dict(logger=dict(interval=1),
                     checkpoint=dict(save_best='faces/accuracy', rule='greater', max_keep_ckpts=9))
{extra}
'''


def inside(command, *argv, code=0):
    """``train`` or ``test`` with arguments, in this process; its output and exit code."""
    function = dict(train=train_command, test=measure_command)[command]
    out, error = io.StringIO(), io.StringIO()
    before = torch.get_rng_state()
    # mmengine names these by the second: a second run in it would write to the first one's stream.
    for kept in (MMLogger, MessageHub, Visualizer):
        kept._instance_dict.clear()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            run_command(lambda: function([str(word) for word in argv]))
        except SystemExit as ended:
            found = ended.code
    torch.set_rng_state(before)
    gc.collect()
    text = out.getvalue() + error.getvalue()
    assert found == code, text[-6000:]
    return SimpleNamespace(stdout=out.getvalue(), stderr=error.getvalue(), text=text)


def scalars(work_dir, key='loss'):
    """Values by step, from the newest JSON-lines log."""
    (newest,) = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))[-1:]
    lines = [json.loads(line) for line in newest.read_text().splitlines()]
    return {line['step']: line[key] for line in lines if key in line}


def weights(path):
    return torch.load(path, weights_only=False)['state_dict']


def same(one, two):
    assert one.keys() == two.keys()
    return all(torch.equal(one[key], two[key]) for key in one)


@pytest.fixture(scope='session')
def faces(tmp_path_factory):
    """Folders train/ (4 people, 24 images) and test/ (5 people, 30 images)."""
    folder = tmp_path_factory.mktemp('faces')
    for part, first, people in (('train', 0, 4), ('test', 50, 5)):
        source = SyntheticFaces(people, 6, first_identity=first)
        for i in range(len(source)):
            data, label = source.read(i)
            path = folder / part / f'person {label}' / f'{i:03d}.jpg'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return folder


@pytest.fixture(scope='session')
def written(faces):
    """A function that writes the config with other values and returns its path."""
    def write(name='config', batch=6, workers=0, extra='', replace=()):
        text = CONFIG.format(root=ROOT, data=faces, batch=batch, workers=workers, extra=extra)
        for old, new in replace:
            assert old in text
            text = text.replace(old, new)
        path = faces / f'{name}.py'
        path.write_text(text)
        return path
    return write


@pytest.fixture(scope='session')
def config(written):
    return written()


@pytest.fixture(scope='session')
def trained(config, tmp_path_factory):
    """Work dir and output of a training of three epochs with seed 3."""
    work_dir = tmp_path_factory.mktemp('trained')
    return work_dir, inside('train', config, '--work-dir', work_dir, '--seed', 3)
