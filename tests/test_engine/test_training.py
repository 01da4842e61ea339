"""Training and testing on one process."""
import json
import os
import shutil
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config

from tests.processes import python
from tests.test_engine.conftest import inside, same, scalars, weights

SHORT = ('train_cfg.max_epochs=1', 'train_cfg.val_interval=9')
EVERY_STEP = (*SHORT, 'default_hooks.checkpoint.by_epoch=False',
              'default_hooks.checkpoint.interval=1', 'default_hooks.checkpoint.save_best=None')


def test_training_leaves_what_a_user_expects(trained):
    work_dir, done = trained
    names = {p.name for p in work_dir.iterdir()}
    assert {'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', 'config.py'} <= names
    assert list(work_dir.glob('best_faces_accuracy_epoch_*.pth'))
    by_step = scalars(work_dir)
    assert list(by_step) == list(range(1, 13)) and np.isfinite(list(by_step.values())).all()
    assert 'eta' in done.text and 'faces/accuracy' in done.text
    assert 'training starts: from scratch' in done.text
    assert 'skipped: benchmark absent' in done.text
    assert 'Failed to search registry' not in done.text


def test_the_command_itself(trained, config, tmp_path):
    """tools/train.py and tools/test.py, as processes; TensorBoard's files of the shipped config."""
    done = python('tools/train.py', config, '--work-dir', tmp_path, '--seed', 3, '--cfg-options',
                  *SHORT, 'visualizer.vis_backends.0.type=TensorboardVisBackend')
    assert 'loss_contrast' in done.stdout and list(tmp_path.rglob('events.out.tfevents*'))
    assert same(weights(tmp_path / 'epoch_1.pth'), weights(trained[0] / 'epoch_1.pth'))
    done = python('tools/test.py', config, tmp_path / 'epoch_1.pth', '--work-dir', tmp_path / 't',
                  '--benchmarks', 'absent', code=2)
    assert done.stderr.splitlines()[-1].startswith('error: benchmark absent')


@pytest.mark.parametrize('kind', ['folder', pytest.param('shards', marks=pytest.mark.slow)])
def test_a_run_cut_inside_an_epoch_goes_on_with_the_next_batch(kind, faces, written, tmp_path):
    options = [*EVERY_STEP[2:], 'train_cfg.max_epochs=2', 'train_cfg.val_interval=9',
               'train_dataloader.persistent_workers=True']
    config = written('cut', workers=2)
    if kind == 'shards':
        python('tools/dataset_converters/convert.py', faces / 'train', tmp_path / 'shards', '--to',
               'shards', '--chunk', 5)
        config = written('stream', workers=2, replace=[(
            f"dict(root='{faces}/train')",
            f"dict(_delete_=True, type='ShardFaces', urls='{tmp_path}/shards')")])
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    inside('train', config, '--work-dir', whole, '--seed', 3, '--cfg-options', *options)
    cut.mkdir()
    shutil.copy(whole / 'iter_6.pth', cut / 'iter_6.pth')  # inside the second epoch of four steps
    (cut / 'last_checkpoint').write_text('')  # as a kill can leave it
    inside('train', config, '--work-dir', cut, '--seed', 3, '--resume', '--cfg-options', *options)
    by_step = scalars(whole)
    assert scalars(cut) == {step: by_step[step] for step in (7, 8)}


def test_testing_writes_table_metrics_and_report(trained, config, tmp_path):
    done = inside('test', config, trained[0] / 'epoch_3.pth', '--work-dir', tmp_path, '--out',
                  tmp_path / 'here' / 'm.json')
    metrics = json.loads((tmp_path / 'here' / 'm.json').read_text())
    assert {'faces/accuracy', 'faces/accuracy_std', 'sweep/accuracy@7', 'sweep/ssim@7'} <= set(
        metrics)
    assert metrics['sweep/accuracy@112'] == metrics['faces/accuracy']
    assert metrics['sweep/ssim@112'] == 1 > metrics['sweep/ssim@28'] > metrics['sweep/ssim@7']
    assert 'benchmark' in done.stdout and 'exact, 4 folds, flip concat' in done.stdout
    page = (tmp_path / 'report' / 'index.html').read_text()
    for part in ('<svg', 'data:image/png;base64', 'LogFExpLoss'):
        assert part in page


def test_amp_trains_in_bfloat16(trained, config, tmp_path):
    inside('train', config, '--work-dir', tmp_path, '--seed', 3, '--amp', '--cfg-options', *SHORT)
    full, half = scalars(trained[0]), scalars(tmp_path)
    assert half[1] != full[1] and abs(half[1] - full[1]) < .1 * full[1]


@pytest.mark.parametrize(('base', 'factor'), [(12, .5), (6, 1), (3, 2)])
def test_the_learning_rate_follows_the_batch_size(base, factor, config, tmp_path):
    inside('train', config, '--work-dir', tmp_path, '--auto-scale-lr', '--cfg-options', *SHORT,
           f'auto_scale_lr.base_batch_size={base}')
    assert scalars(tmp_path, 'lr')[1] == pytest.approx(.05 * factor)


def test_scaling_the_learning_rate_needs_the_batch_size_that_it_is_meant_for(config, tmp_path):
    done = inside('train', config, '--work-dir', tmp_path, '--auto-scale-lr', code=2)
    assert 'auto_scale_lr.base_batch_size' in done.stderr


def steps_of(work_dir, key='state_dict'):
    """A tensor's values after every step of a run that kept all checkpoints."""
    saved = [torch.load(work_dir / f'iter_{k}.pth', weights_only=False)[key] for k in range(1, 5)]
    name = next(n for n in saved[0] if n.endswith('neck.fc.weight'))
    return [state[name] for state in saved]


def test_gradients_are_accumulated(config, tmp_path):
    inside('train', config, '--work-dir', tmp_path, '--seed', 3, '--cfg-options', *EVERY_STEP,
           'optim_wrapper.accumulative_counts=2')
    one, two, three, four = steps_of(tmp_path)
    assert torch.equal(two, three) and not torch.equal(one, two) and not torch.equal(three, four)


def test_ema_is_the_average_of_the_steps(config, tmp_path):
    options = ('custom_hooks.0.type=EMAHook', 'custom_hooks.0.momentum=.25')
    inside('train', config, '--work-dir', tmp_path, '--seed', 3, '--cfg-options', *EVERY_STEP,
           *options)
    shown, trained = steps_of(tmp_path), steps_of(tmp_path, 'ema_state_dict')
    assert torch.equal(shown[0], trained[0])  # mmengine starts the average after the first step
    average = shown[0].double()
    for have, step in zip(shown[1:], trained[1:], strict=True):
        average = .75 * average + .25 * step
        torch.testing.assert_close(have.double(), average, rtol=1e-5, atol=1e-7)
    inside('train', config, '--work-dir', tmp_path, '--seed', 3, '--resume', '--cfg-options',
           'train_cfg.max_epochs=2', *options)


def test_a_work_dir_keeps_the_config_whole(trained, config, tmp_path):
    work = tmp_path / 'work'
    shutil.copytree(trained[0], work)
    inside('test', config, work / 'epoch_3.pth', '--work-dir', work)
    kept, written = Config.fromfile(work / config.name), Config.fromfile(config)
    for key in ('model', 'train_dataloader', 'test_dataloader', 'test_evaluator', 'optim_wrapper'):
        assert kept[key] == written[key], key


TRAIN, TEST = 'train {config} --work-dir {tmp}/w', 'test {config} {ckpt} --work-dir {tmp}/w'
SOURCE = ' --cfg-options train_dataloader.dataset.source'
STEP = ' --cfg-options train_dataloader.dataset.pipeline.1'


@pytest.mark.parametrize(('command', 'text'), [
    ('train nowhere.py', 'config nowhere.py does not exist'),
    ('train {tmp}/bad.py', 'bad.py'),
    (TRAIN + SOURCE + '.root=/no', '/no'),
    (TRAIN + SOURCE + '.rot=/no', 'near it: root'),
    (TRAIN + ' --cfg-options model.head.num_classes=2', '4 people'),
    (TRAIN + ' --cfg-options model.head.type=CosFacHead', 'near it: CosFaceHead'),
    (TRAIN.replace('{tmp}', '/proc/none'), '/proc/none'),
    (TRAIN + ' --cfg-options model.head.sale=3', 'near it: scale'),
    (TRAIN + ' --cfg-options optim_wrapper.optimizer.type=Adamw',
     "optim_wrapper.optimizer.type: 'Adamw' is not a registered optimizer"),
    (TRAIN + ' --cfg-options optim_wrapper.optimizer.momentun=.9', 'momentun'),
    (TRAIN + ' --cfg-options param_scheduler.0.type=MultiStep', 'near it: MultiStepLR'),
    (TRAIN + ' --cfg-options custom_hooks.0.intervall=2', 'near it: interval'),
    (TRAIN + STEP + '.resolutions=[200]' + STEP[14:] + '.ratio=[1]', '200 px'),
    (TRAIN + STEP + '.resolutions=[0]' + STEP[14:] + '.ratio=[1]', 'at least 1 px'),
    (TRAIN + ' --cfg-options train_dataloader.batch_size=99', 'does not fill one batch of 99'),
    (TRAIN + ' --cfg-options train_dataloader.batch_size=1', 'batch_size is 1'),
    (TRAIN + ' --cfg-options train_dataloader.batch_size=23 train_dataloader.drop_last=False',
     'the last of 24 images is a batch of its own'),
    (TRAIN + SOURCE + '.identities=[person_0]', 'person_0'),
    (TRAIN + ' --resume {tmp}/cut.pth', 'cut.pth is not a checkpoint'),
    (TRAIN + ' --launcher pytorch', 'torchrun'),
    (TRAIN + ' --launcher slurm', 'srun'),
    (TRAIN + ' --resume {tmp}/no.pth', 'no.pth'),
    (TRAIN + ' --cfg-options load_from_head=maybe', 'load_from_head must be one of'),
    (TRAIN + ' --cfg-options val_dataloader.sampler.type=X', 'embeds every image once'),
    ('test {config} no.pth', 'checkpoint no.pth does not exist'),
    ('test {config} {tmp}/bad.py --work-dir {tmp}/w', 'is not a checkpoint'),
    (TEST + ' --benchmarks lfw', "no benchmark 'lfw'"),
    (TEST + ' --benchmarks absent', 'absent.bin is missing'),
    (TEST + ' --cfg-options test_dataloader.dataset.0.source.root=/no', 'none of the'),
    (TEST + ' --cfg-options model.neck.embed_dim=8', 'belongs to another model: neck'),
    ('train', 'required'), ('test {config}', 'needs a checkpoint'),
    (TRAIN + ' --cfg-options model', 'not KEY=VALUE'),
])
def test_a_users_mistake_is_one_line_and_exit_code_2(trained, config, tmp_path, command, text):
    (tmp_path / 'bad.py').write_text('model = dict(\n')
    (tmp_path / 'cut.pth').write_bytes((trained[0] / 'epoch_3.pth').read_bytes()[:5000])
    command = command.format(config=config, ckpt=trained[0] / 'epoch_3.pth', tmp=tmp_path)
    done = inside(*command.split(), code=2)
    assert text in done.stderr.splitlines()[-1] and 'Traceback' not in done.stderr


@pytest.mark.parametrize(('where', 'error'), [
    ('before_train_iter', "KeyError('no_such_internal_key')"),
    ('before_run', "ValueError('no_such_internal_value')"),
    ('after_train_iter', "TypeError(\"f() got an unexpected keyword argument 'x'\")")])
def test_a_defect_in_a_hook_keeps_its_traceback(where, error, written, tmp_path):
    (tmp_path / f'defect_{where}.py').write_text(
        'from mmengine.hooks import Hook\nfrom lrfr_mm.registry import HOOKS\n'
        f'@HOOKS.register_module()\nclass Defect_{where}(Hook):\n'
        f'    def {where}(self, *_, **__):\n        raise {error}\n')
    config = written(where, extra=f"custom_imports = dict(imports=['defect_{where}'])\n"
                                  f"custom_hooks = [dict(type='Defect_{where}')]")
    sys.path.insert(0, str(tmp_path))
    try:
        done = inside('train', config, '--work-dir', tmp_path / 'w', code=1)
    finally:
        sys.path.remove(str(tmp_path))
    assert 'Traceback' in done.stderr and error.partition('(')[0] in done.stderr.splitlines()[-1]


def test_a_loss_that_is_no_number_stops_the_run(config, tmp_path):
    done = inside('train', config, '--work-dir', tmp_path, '--seed', 3, '--cfg-options',
                  'optim_wrapper.optimizer.lr=1e30', *SHORT, code=1)
    assert 'not finite' in done.stderr and not list(tmp_path.glob('epoch_*.pth'))


def test_one_person_is_not_enough(faces, written, tmp_path):
    config = written('one', batch=2, replace=[(f"root='{faces}/train'", (
        f"root='{faces}/train', identities=['person 1']"))])
    done = inside('train', config, '--work-dir', tmp_path, code=2)
    assert 'one person cannot be told from others' in done.stderr


def test_no_workers_go_with_settings_of_workers(written, tmp_path):
    config = written('persistent', replace=[('num_workers=0,\n', (
        'num_workers=0, persistent_workers=True, prefetch_factor=2,\n'))])
    inside('train', config, '--work-dir', tmp_path, '--cfg-options', *SHORT)


def test_a_checkpoint_that_runs_code_is_refused(config, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'owned'),)

    torch.save(dict(state_dict=Evil()), tmp_path / 'evil.pth')
    for words in (('test', config, tmp_path / 'evil.pth'),
                  ('train', config, '--resume', tmp_path / 'evil.pth')):
        done = inside(*words, '--work-dir', tmp_path / 'w', code=2)
        assert 'is not a checkpoint' in done.stderr and not (tmp_path / 'owned').exists()


def test_an_unreadable_image_stops_training_with_its_name(faces, config, tmp_path):
    shutil.copytree(faces / 'train', tmp_path / 'train')
    (tmp_path / 'train' / 'person 2' / '013.jpg').write_bytes(b'not an image')
    done = inside('train', config, '--work-dir', tmp_path / 'work', '--cfg-options',
                  f'train_dataloader.dataset.source.root={tmp_path}/train',
                  'train_dataloader.num_workers=1', code=2)
    assert 'image 13' in done.stderr and 'FolderFaces' in done.stderr.splitlines()[-1]


def test_a_full_disk_is_one_line_and_leaves_no_half_checkpoint(config, tmp_path):
    """Files of at most 300 KiB, as on a disk that is nearly full."""
    code = ('import resource, runpy, sys\n'
            'resource.setrlimit(resource.RLIMIT_FSIZE, (300 * 1024,) * 2)\n'
            'del sys.argv[0]\nrunpy.run_path(sys.argv[0], run_name="__main__")')
    done = python('-c', code, 'tools/train.py', config, '--work-dir', tmp_path, '--seed', 3,
                  '--cfg-options', 'train_cfg.max_epochs=1', code=2)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith('error: ') and 'epoch_1.pth' in last and 'Traceback' not in done.stderr
    assert not list(tmp_path.glob('*.pth')) and not list(tmp_path.glob('.*part'))


@pytest.mark.slow
def test_real_faces_from_photograph_to_number(faces_root, tmp_path):
    """Training on real people's folders, measuring on others."""
    python('tools/train.py', 'configs/lrfr/faces_folder.py', '--work-dir', tmp_path, '--seed', 0,
           '--cfg-options', f'train_dataloader.dataset.source.root={faces_root}/att_faces',
           'train_dataloader.dataset.source.identities=[s01..s06]',
           'train_dataloader.num_workers=0', 'train_dataloader.batch_size=20', *SHORT)
    python('tools/test.py', 'configs/lrfr/faces_folder.py', tmp_path / 'epoch_1.pth',
           '--work-dir', tmp_path / 'test', '--cfg-options',
           f'test_dataloader.dataset.0.source.root={faces_root}/att_faces',
           'test_dataloader.dataset.0.source.identities=[s25..s30]',
           'test_dataloader.dataset.0.num_pairs=200')
    metrics = json.loads((tmp_path / 'test' / 'metrics.json').read_text())
    assert metrics['faces/accuracy'] > 55
