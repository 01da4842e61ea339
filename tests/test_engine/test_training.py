"""Training and testing as a user does it: whole commands, on small sets."""
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config

from lrfr_mm.datasets import SyntheticFaces
from lrfr_mm.engine.build import build_runner
from lrfr_mm.engine.config import load_config
from lrfr_mm.engine.distributed import mixed_devices

ROOT = Path(__file__).parents[2]
CONFIG = '''
_base_ = ['{root}/configs/_base_/models/lrf_demo.py',
          '{root}/configs/_base_/datasets/faces_folder.py',
          '{root}/configs/_base_/default_runtime.py']
model = dict(neck=dict(embed_dim=16, dropout=.2))
train_dataloader = dict(batch_size={batch}, num_workers={workers}, persistent_workers={workers} > 0,
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
default_hooks = dict(logger=dict(interval=1),
                     checkpoint=dict(save_best='faces/accuracy', rule='greater', max_keep_ckpts=9))
'''


def run(*command, code=0, env=None):
    done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, capture_output=True,
                          text=True, timeout=400, env={**os.environ, **(env or {})})
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def torchrun(*command):
    return run('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', 2, *command,
               '--launcher', 'pytorch', env=dict(OMP_NUM_THREADS='1'))


def losses(work_dir):
    """Loss by step, from the newest JSON-lines log."""
    (newest,) = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))[-1:]
    lines = [json.loads(line) for line in newest.read_text().splitlines()]
    return {line['step']: line['loss'] for line in lines if 'loss' in line}


@pytest.fixture(scope='module')
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp('faces')
    for part, first, people in (('train', 0, 4), ('test', 50, 5)):
        source = SyntheticFaces(people, 6, first_identity=first)
        for i in range(len(source)):
            data, label = source.read(i)
            path = folder / part / f'person {label}' / f'{i:03d}.jpg'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return folder


@pytest.fixture(scope='module')
def config(faces):
    path = faces / 'config.py'
    path.write_text(CONFIG.format(root=ROOT, data=faces, batch=6, workers=0))
    return path


@pytest.fixture(scope='module')
def trained(config, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('trained')
    done = run('tools/train.py', config, '--work-dir', work_dir, '--seed', 3)
    return work_dir, done


def test_training_leaves_what_a_user_expects(trained):
    work_dir, done = trained
    assert {'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth'} <= {p.name for p in work_dir.iterdir()}
    assert list(work_dir.glob('best_faces_accuracy_epoch_*.pth'))
    assert list(work_dir.rglob('events.out.tfevents*'))  # TensorBoard
    by_step = losses(work_dir)
    assert list(by_step) == list(range(1, 13)) and np.isfinite(list(by_step.values())).all()
    text = done.stdout + done.stderr
    assert 'eta' in text and 'faces/accuracy' in text
    assert 'skipped: benchmark absent' in text
    assert 'Failed to search registry' not in text


@pytest.mark.parametrize('workers', [0, 2])
def test_resumed_run_has_the_losses_of_the_undisturbed_one(trained, faces, tmp_path, workers):
    work_dir, _ = trained
    config = faces / f'resume{workers}.py'
    config.write_text(CONFIG.format(root=ROOT, data=faces, batch=6, workers=workers))
    shutil.copy(work_dir / 'epoch_1.pth', tmp_path / 'epoch_1.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_1.pth'))
    run('tools/train.py', config, '--work-dir', tmp_path, '--seed', 3, '--resume')
    whole, resumed = losses(work_dir), losses(tmp_path)
    assert list(resumed) == list(range(5, 13))
    assert resumed == {step: whole[step] for step in resumed}  # to the last digit
    ends = [torch.load(folder / 'epoch_3.pth', weights_only=False)['state_dict']
            for folder in (work_dir, tmp_path)]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


@pytest.mark.parametrize('kind', ['folder', 'shards'])
def test_a_run_cut_inside_an_epoch_goes_on_with_the_next_batch(kind, faces, config, tmp_path):
    options = ['train_cfg.max_epochs=2', 'train_dataloader.num_workers=2',
               'train_dataloader.persistent_workers=True', 'train_cfg.val_interval=9',
               'default_hooks.checkpoint.by_epoch=False', 'default_hooks.checkpoint.interval=1',
               'default_hooks.checkpoint.save_best=None']
    if kind == 'shards':
        run('tools/dataset_converters/convert.py', faces / 'train', tmp_path / 'shards', '--to',
            'shards', '--chunk', 5)
        config = faces / 'stream.py'
        config.write_text(CONFIG.format(root=ROOT, data=faces, batch=6, workers=2).replace(
            f"dict(root='{faces}/train')",
            f"dict(_delete_=True, type='ShardFaces', urls='{tmp_path}/shards')"))
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    run('tools/train.py', config, '--work-dir', whole, '--seed', 3, '--cfg-options', *options)
    cut.mkdir()
    shutil.copy(whole / 'iter_6.pth', cut / 'iter_6.pth')  # inside the second epoch of four steps
    (cut / 'last_checkpoint').write_text('')  # as a kill can leave it
    run('tools/train.py', config, '--work-dir', cut, '--seed', 3, '--resume', '--cfg-options',
        *options)
    by_step = losses(whole)
    assert losses(cut) == {step: by_step[step] for step in (7, 8)}


def test_testing_writes_table_metrics_and_report(trained, config, tmp_path):
    work_dir, _ = trained
    done = run('tools/test.py', config, work_dir / 'epoch_3.pth', '--work-dir', tmp_path,
               '--out', tmp_path / 'here' / 'm.json')
    metrics = json.loads((tmp_path / 'here' / 'm.json').read_text())
    assert {'faces/accuracy', 'faces/accuracy_std', 'sweep/accuracy@7', 'sweep/ssim@7'} <= set(
        metrics)
    assert 0 <= metrics['faces/accuracy'] <= 100
    assert metrics['sweep/accuracy@112'] == metrics['faces/accuracy']
    assert metrics['sweep/ssim@112'] == 1 > metrics['sweep/ssim@28'] > metrics['sweep/ssim@7']
    assert 'benchmark' in done.stdout and 'exact, 4 folds, flip concat' in done.stdout
    page = (tmp_path / 'report' / 'index.html').read_text()
    for part in ('<svg', 'data:image/png;base64', 'LogFExpLoss', 'Accuracy against resolution'):
        assert part in page
    for outside in ('http:', 'https:', 'src="/', 'href='):
        assert outside not in page.replace('http://www.w3.org', '').replace(
            'https://matplotlib.org', '').replace('http://purl.org', '').replace(
            'http://creativecommons.org', '').replace('xlink:href="#', ''), outside
    again = run('tools/compare.py', tmp_path, tmp_path, '--out', tmp_path / 'two', code=2)
    assert 'same name' in again.stderr


def test_amp_trains_in_bfloat16(trained, config, tmp_path):
    work_dir, _ = trained
    run('tools/train.py', config, '--work-dir', tmp_path, '--seed', 3, '--amp', '--cfg-options',
        'train_cfg.max_epochs=1')
    full, half = losses(work_dir), losses(tmp_path)
    assert half[1] != full[1] and abs(half[1] - full[1]) < .1 * full[1]


def test_two_processes_train_and_measure_like_one(trained, config, faces, tmp_path):
    work_dir, _ = trained
    half = faces / 'half.py'
    half.write_text(CONFIG.format(root=ROOT, data=faces, batch=3, workers=0))
    torchrun('tools/train.py', half, '--work-dir', tmp_path / 'train', '--seed', 3)
    by_step = losses(tmp_path / 'train')
    assert list(by_step) == list(range(1, 13)) and np.isfinite(list(by_step.values())).all()
    checkpoint = work_dir / 'epoch_3.pth'
    torchrun('tools/test.py', config, checkpoint, '--work-dir', tmp_path / 'two')
    # One batch of its own size each: what is compared is the sharing, not the kernels.
    run('tools/test.py', config, checkpoint, '--work-dir', tmp_path / 'one',
        env=dict(OMP_NUM_THREADS='1'))
    two, one = (json.loads((tmp_path / name / 'metrics.json').read_text())
                for name in ('two', 'one'))
    assert two == one


@pytest.mark.parametrize('rate', [1., .6])
def test_a_split_head_trains_on_two_processes_and_goes_on_with_one(rate, faces, tmp_path):
    def written(batch):
        path = faces / f'split{batch}.py'
        path.write_text(CONFIG.format(root=ROOT, data=faces, batch=batch, workers=0).replace(
            "neck=dict(embed_dim=16, dropout=.2))",
            f"neck=dict(embed_dim=16, dropout=.2), head=dict(_delete_=True, "
            f"type='PartialFCHead', sample_rate={rate}, margin_head=dict(type='CosFaceHead', "
            "scale=16, margin=.2)))"))
        return path

    work = tmp_path / 'work'
    torchrun('tools/train.py', written(3), '--work-dir', work, '--seed', 3, '--resume',
             '--cfg-options', 'train_cfg.max_epochs=2')  # nothing to resume yet
    assert {p.name for p in (work / 'epoch_2.head').iterdir()} == {
        'classes-0000000000-0000000002.pt', 'classes-0000000002-0000000004.pt'}
    run('tools/train.py', written(6), '--work-dir', work, '--seed', 3, '--resume')
    by_step = losses(work)
    assert list(by_step) == list(range(9, 13)) and np.isfinite(list(by_step.values())).all()
    assert [p.name for p in (work / 'epoch_3.head').iterdir()] == [
        'classes-0000000000-0000000004.pt']
    torchrun('tools/train.py', written(3), '--work-dir', work, '--seed', 3, '--resume',
             '--cfg-options', 'train_cfg.max_epochs=4')
    assert len(list((work / 'epoch_4.head').iterdir())) == 2
    run('tools/test.py', written(6), work / 'epoch_4.pth', '--work-dir', tmp_path / 'test')


DIES = """
import os
import signal
from pathlib import Path

from lrfr_mm.registry import HOOKS
from mmengine.hooks import Hook


@HOOKS.register_module()
class DiesOnce(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        marker = Path(os.environ['MARKER'])
        if runner.iter == 6 and runner.rank == 1 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_worker_is_started_again_and_the_run_ends_the_same(faces, tmp_path):
    config = faces / 'elastic.py'
    config.write_text(CONFIG.format(root=ROOT, data=faces, batch=3, workers=0)
                      + "\ncustom_imports = dict(imports=['dies_once'])\n"
                      "custom_hooks = [dict(type='IterSeedHook'), dict(type='InvalidLossHook'),\n"
                      "                dict(type='PartialFCHook'), dict(type='DiesOnce')]\n")
    (tmp_path / 'dies_once.py').write_text(DIES)
    marker = tmp_path / 'marker'
    command = ('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', 2,
               '--max_restarts', 1, 'tools/train.py', config, '--launcher', 'pytorch', '--seed', 3,
               '--resume')
    env = dict(OMP_NUM_THREADS='1', PYTHONPATH=str(tmp_path), MARKER=str(marker))
    run(*command, '--work-dir', tmp_path / 'killed', env=env)
    assert marker.exists()
    run(*command, '--work-dir', tmp_path / 'whole', env=env)
    ends = [torch.load(tmp_path / name / 'epoch_3.pth', weights_only=False)['state_dict']
            for name in ('killed', 'whole')]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_gradients_travel_in_sixteen_bits(faces, tmp_path):
    half = faces / 'half.py'
    half.write_text(CONFIG.format(root=ROOT, data=faces, batch=3, workers=0))
    for name, extra in (('full', ()), ('half', (
            'custom_hooks.3.type=GradientCompressionHook', 'custom_hooks.3.kind=fp16'))):
        torchrun('tools/train.py', half, '--work-dir', tmp_path / name, '--seed', 3,
                 '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=9', *extra)
    full, compressed = losses(tmp_path / 'full'), losses(tmp_path / 'half')
    assert full[1] == compressed[1] and full[4] != compressed[4]
    assert abs(full[4] - compressed[4]) < .02 * full[4]


TRAIN = 'tools/train.py {config} --work-dir {tmp}'
TEST = 'tools/test.py {config} {ckpt} --work-dir {tmp}'


def steps_of(work_dir, key='state_dict'):
    """A tensor's values after every step of a run that kept all checkpoints, and its name."""
    saved = [torch.load(Path(work_dir) / f'iter_{k}.pth', weights_only=False)[key]
             for k in range(1, 5)]
    name = next(n for n in saved[0] if n.endswith('neck.fc.weight'))
    return [state[name] for state in saved]


EVERY_STEP = ('train_cfg.max_epochs=1', 'train_cfg.val_interval=9',
              'default_hooks.checkpoint.by_epoch=False', 'default_hooks.checkpoint.interval=1',
              'default_hooks.checkpoint.save_best=None', 'log_processor.by_epoch=True')


def test_gradients_are_accumulated(config, tmp_path):
    run('tools/train.py', config, '--work-dir', tmp_path, '--seed', 3, '--cfg-options',
        *EVERY_STEP, 'optim_wrapper.accumulative_counts=2')
    one, two, three, four = steps_of(tmp_path)
    assert torch.equal(two, three) and not torch.equal(one, two) and not torch.equal(three, four)


def test_ema_is_the_average_of_the_steps(config, tmp_path):
    run('tools/train.py', config, '--work-dir', tmp_path, '--seed', 3, '--cfg-options', *EVERY_STEP,
        'custom_hooks.3.type=EMAHook', 'custom_hooks.3.momentum=.25')
    shown, trained = steps_of(tmp_path), steps_of(tmp_path, 'ema_state_dict')
    assert torch.equal(shown[0], trained[0])  # mmengine starts the average after the first step
    average = shown[0].double()
    for have, step in zip(shown[1:], trained[1:], strict=True):
        average = .75 * average + .25 * step
        torch.testing.assert_close(have.double(), average, rtol=1e-5, atol=1e-7)
    # And a run with an average goes on.
    run('tools/train.py', config, '--work-dir', tmp_path, '--seed', 3, '--resume', '--cfg-options',
        'train_cfg.max_epochs=2', 'custom_hooks.3.type=EMAHook', 'custom_hooks.3.momentum=.25')


def test_different_devices_are_named():
    assert mixed_devices(['A', 'A', 'A']) is None
    text = mixed_devices(['H100', 'A100', 'H100'])
    assert 'H100 (rank 0, 2); A100 (rank 1)' in text


def test_a_work_dir_keeps_the_config_whole(trained, config, tmp_path):
    work = tmp_path / 'work'
    shutil.copytree(trained[0], work)
    run('tools/test.py', config, work / 'epoch_3.pth', '--work-dir', work)
    kept, written = Config.fromfile(work / config.name), Config.fromfile(config)
    for key in ('model', 'train_dataloader', 'test_dataloader', 'test_evaluator', 'optim_wrapper'):
        assert kept[key] == written[key], key


def test_slurm_starts_two_processes(trained, config, tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    command = [sys.executable, 'tools/test.py', str(config), str(trained[0] / 'epoch_3.pth'),
               '--work-dir', str(tmp_path), '--launcher', 'slurm']
    tasks = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, env={
                                  **os.environ, 'SLURM_PROCID': str(rank), 'SLURM_NTASKS': '2',
                                  'SLURM_LOCALID': str(rank), 'MASTER_ADDR': '127.0.0.1',
                                  'MASTER_PORT': str(port), 'OMP_NUM_THREADS': '1'})
             for rank in range(2)]
    for task in tasks:
        text = task.communicate(timeout=300)[0]
        assert task.returncode == 0, text[-3000:]
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert 'faces/accuracy' in metrics


@pytest.mark.parametrize(('command', 'text'), [
    ('tools/train.py nowhere.py', 'config nowhere.py does not exist'),
    ('tools/train.py {tmp}/bad.py', 'bad.py'),
    (TRAIN + ' --cfg-options train_dataloader.dataset.source.root=/no', '/no is not a folder'),
    (TRAIN + ' --cfg-options model.head.num_classes=2', '4 people'),
    (TRAIN + ' --cfg-options model.backbone.model_name=hrnet_w18_small',
     "'hrnet_w18_small' cannot be used with 112x112"),
    (TRAIN + ' --cfg-options model.head.type=CosFacHead', 'near it: CosFaceHead'),
    (TRAIN.replace('{tmp}', '/proc/none'), '/proc/none'),
    (TRAIN + ' --cfg-options model.head.sale=3', "argument 'sale'"),
    (TRAIN + ' --cfg-options train_dataloader.dataset.pipeline.1.resolutions=[200]'
     ' train_dataloader.dataset.pipeline.1.ratio=[1]', "200 px is above the image's 112x112"),
    (TRAIN + ' --cfg-options train_dataloader.dataset.pipeline.1.resolutions=[0]'
     ' train_dataloader.dataset.pipeline.1.ratio=[1]', 'at least 1 px'),
    (TRAIN + ' --cfg-options train_dataloader.batch_size=99', 'does not fill one batch of 99'),
    (TRAIN + ' --cfg-options train_dataloader.dataset.source.identities=[person_0]', 'person_0'),
    (TRAIN + ' --resume {tmp}/cut.pth', 'cut.pth is not a checkpoint'),
    (TRAIN + ' --launcher pytorch', 'torchrun'),
    (TRAIN + ' --launcher slurm', 'srun'),
    (TRAIN + ' --resume {tmp}/no.pth', 'no.pth'),
    ('tools/test.py {config} no.pth', 'checkpoint no.pth does not exist'),
    ('tools/test.py {config} {tmp}/bad.py --work-dir {tmp}', 'is not a checkpoint'),
    (TEST + ' --benchmarks lfw', "no benchmark 'lfw'"),
    (TEST + ' --benchmarks absent', 'absent.bin is missing'),
    (TEST + ' --cfg-options test_dataloader.dataset.0.source.root=/no', 'none of the config'),
    (TEST + ' --cfg-options model.neck.embed_dim=8', 'belongs to another model: neck'),
    ('tools/compare.py /no --out {tmp}/x', 'run tools/test.py'),
    ('tools/train.py', 'required'),
])
def test_a_users_mistake_is_one_line_and_exit_code_2(trained, config, tmp_path, command, text):
    (tmp_path / 'bad.py').write_text('model = dict(\n')
    (tmp_path / 'cut.pth').write_bytes((trained[0] / 'epoch_3.pth').read_bytes()[:5000])
    command = command.format(config=config, ckpt=trained[0] / 'epoch_3.pth', tmp=tmp_path)
    done = run(*command.split(), code=2)
    assert text in done.stderr and 'Traceback' not in done.stderr


def test_a_loss_that_is_no_number_stops_the_run(config, tmp_path):
    done = run('tools/train.py', config, '--work-dir', tmp_path, '--seed', 3, '--cfg-options',
               'optim_wrapper.optimizer.lr=1e30', 'train_cfg.max_epochs=1', code=1)
    assert 'not finite' in done.stderr and not list(tmp_path.glob('epoch_*.pth'))


def test_one_person_is_not_enough(faces):
    config = Config(dict(launcher='none', model=dict(head=dict(type='CosFaceHead')),
                         train_dataloader=dict(batch_size=2, dataset=dict(source=dict(
                             type='FolderFaces', root=str(faces / 'train'),
                             identities=['person 1'])))))
    with pytest.raises(ValueError, match='one person cannot be told from others'):
        build_runner(config, train=True)


def test_data_root_moves_every_path_below_it(faces, tmp_path):
    config = load_config(SimpleNamespace(
        config=str(ROOT / 'configs/lrfr/faces_folder.py'), work_dir=None, launcher='none',
        cfg_options=dict(data_root='/elsewhere/')))
    assert config.train_dataloader.dataset.source.root == '/elsewhere/train'
    assert config.test_dataloader.dataset[0].source.root == '/elsewhere/test'


def test_unreadable_image_stops_training_with_its_name(faces, config, tmp_path):
    shutil.copytree(faces / 'train', tmp_path / 'train')
    broken = tmp_path / 'train' / 'person 2' / '013.jpg'
    broken.write_bytes(b'not an image')
    done = run('tools/train.py', config, '--work-dir', tmp_path / 'work', '--cfg-options',
               f'train_dataloader.dataset.source.root={tmp_path}/train',
               'train_dataloader.num_workers=1', code=2)
    assert 'image 13' in done.stderr and 'FolderFaces' in done.stderr


def test_checkpoint_that_runs_code_is_refused(config, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'owned'),)

    torch.save(dict(state_dict=Evil()), tmp_path / 'evil.pth')
    done = run('tools/test.py', config, tmp_path / 'evil.pth', '--work-dir', tmp_path / 'w', code=2)
    assert 'is not a checkpoint' in done.stderr and not (tmp_path / 'owned').exists()
    done = run('tools/train.py', config, '--work-dir', tmp_path / 'w', '--resume',
               tmp_path / 'evil.pth', code=2)
    assert not (tmp_path / 'owned').exists()


def test_real_faces_from_photograph_to_number(faces_root, tmp_path):
    """Training on real people's folders, measuring on others."""
    out = run('tools/train.py', 'configs/lrfr/faces_folder.py', '--work-dir', tmp_path, '--seed', 0,
              '--cfg-options', f'train_dataloader.dataset.source.root={faces_root}/att_faces',
              'train_dataloader.dataset.source.identities=[s01..s06]',
              'train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False',
              'train_dataloader.batch_size=20', 'train_cfg.max_epochs=1',
              'train_cfg.val_interval=9')
    assert 'loss_contrast' in out.stdout
    run('tools/test.py', 'configs/lrfr/faces_folder.py', tmp_path / 'epoch_1.pth',
        '--work-dir', tmp_path / 'test', '--cfg-options',
        f'test_dataloader.dataset.0.source.root={faces_root}/att_faces',
        'test_dataloader.dataset.0.source.identities=[s25..s30]',
        'test_dataloader.dataset.0.num_pairs=200')
    metrics = json.loads((tmp_path / 'test' / 'metrics.json').read_text())
    # Even a hardly trained network sees that photographs of one person are alike.
    assert metrics['faces/accuracy'] > 55


def test_fine_tuning_starts_from_a_checkpoint_with_a_new_head(trained, config, faces, tmp_path):
    work_dir, _ = trained
    done = run('tools/train.py', config, '--work-dir', tmp_path, '--seed', 5, '--cfg-options',
               f'load_from={work_dir}/epoch_3.pth', 'train_cfg.max_epochs=1',
               'optim_wrapper.optimizer.lr=0', 'model.head.num_classes=9',
               'train_cfg.val_interval=9')
    assert 'loss' in done.stdout + done.stderr
    before, after = (torch.load(path, weights_only=False)['state_dict'] for path in (
        work_dir / 'epoch_3.pth', tmp_path / 'epoch_1.pth'))
    assert after['head.weight'].shape[0] == 9
    same = [key for key in before if key.endswith('weight') and not key.startswith('head')]
    assert same and all(torch.equal(before[key], after[key]) for key in same)
    done = run('tools/train.py', config, '--work-dir', tmp_path / 'x', '--cfg-options',
               f'load_from={work_dir}/epoch_3.pth', 'model.neck.embed_dim=8', code=2)
    assert 'belongs to another model' in done.stderr


def test_resuming_another_architecture_names_its_tensors(trained, config, tmp_path):
    done = run('tools/train.py', config, '--work-dir', tmp_path, '--resume',
               trained[0] / 'epoch_3.pth', '--cfg-options',
               'model.backbone.model_name=mobilenetv4_conv_small_035', code=2)
    assert 'belongs to another model' in done.stderr and 'backbone' in done.stderr


def test_a_full_disk_is_one_line_and_leaves_no_half_checkpoint(config, tmp_path):
    """Files of at most 2 MiB, as on a disk that is nearly full."""
    done = subprocess.run(
        ['bash', '-c', 'ulimit -f 2048; exec "$@"', 'bash', sys.executable, 'tools/train.py',
         config, '--work-dir', tmp_path, '--seed', '3', '--cfg-options', 'train_cfg.max_epochs=1'],
        cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr[-2000:]
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith('error: ') and 'epoch_1.pth' in last and 'Traceback' not in done.stderr
    assert not list(tmp_path.glob('*.pth')) and not list(tmp_path.glob('.*part'))


def test_a_fully_sharded_network_trains_like_a_copied_one_and_goes_on_with_any(faces, tmp_path):
    def written(batch, name, extra=''):
        path = faces / f'{name}.py'
        path.write_text(CONFIG.format(root=ROOT, data=faces, batch=batch, workers=0).replace(
            "model = dict(neck=dict(embed_dim=16, dropout=.2))",
            "model = dict(backbone=dict(model_name='vit_tiny_patch16_224', depth=2),"
            " neck=dict(embed_dim=16, dropout=0.))") + extra)
        return path

    sharded = ("model_wrapper_cfg = dict(_delete_=True, type='FullySharded', "
               "min_parameters=100_000)\n")
    copied, sharded = written(3, 'copied'), written(3, 'sharded', sharded)
    for config, name in ((copied, 'copied'), (sharded, 'sharded')):
        torchrun('tools/train.py', config, '--work-dir', tmp_path / name, '--seed', 3)
    one, two = losses(tmp_path / 'copied'), losses(tmp_path / 'sharded')
    assert list(one) == list(two) == list(range(1, 13))
    np.testing.assert_allclose(list(two.values()), list(one.values()), rtol=2e-4)
    saved, other = (torch.load(tmp_path / name / 'epoch_3.pth', weights_only=False)
                    for name in ('copied', 'sharded'))
    assert saved['state_dict'].keys() == other['state_dict'].keys()
    for key, value in saved['state_dict'].items():
        assert type(other['state_dict'][key]) is torch.Tensor
        assert value.shape == other['state_dict'][key].shape
    moments = [[state['momentum_buffer'].shape for state in save['optimizer']['state'].values()]
               for save in (saved, other)]
    assert moments[0] == moments[1]
    # What two sharded processes left goes on on two, on four copied or sharded, and on one.
    extra = sharded.read_text().splitlines()[-1]

    def resumed(name, config, processes, start='sharded'):
        work = tmp_path / name
        work.mkdir()
        shutil.copy(tmp_path / start / 'epoch_2.pth', work)
        launch = () if processes == 1 else ('-m', 'torch.distributed.run', '--standalone',
                                            '--nproc_per_node', processes)
        run(*launch, 'tools/train.py', config, '--work-dir', work, '--seed', 3, '--resume',
            *(() if processes == 1 else ('--launcher', 'pytorch')), env=dict(OMP_NUM_THREADS='1'))
        return losses(work)

    assert resumed('again', sharded, 2) == {step: two[step] for step in range(9, 13)}
    four = [resumed(f'four{k}', written(2, f'four{k}', text), 4)
            for k, text in enumerate(('', extra))]
    alone = [resumed(f'alone_{name}', written(6, 'alone'), 1, name)
             for name in ('copied', 'sharded')]
    for pair, steps in ((four, 3), (alone, 4)):
        assert list(pair[0]) == list(pair[1]) == list(range(9, 9 + steps))
        np.testing.assert_allclose(list(pair[0].values()), list(pair[1].values()), rtol=2e-4)
    # Thirty images on four processes in sevens: two of them have one batch, two have two.
    metrics = [[json.loads(line) for line in
                max((tmp_path / name).glob('*/vis_data/scalars.json')).read_text().splitlines()
                if 'faces/auc' in line][-1]['faces/auc'] for name in ('four0', 'four1')]
    assert metrics[0] == pytest.approx(metrics[1], abs=2)
