"""Training and measuring on several processes."""
import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch

from lrfr_mm.engine.commands import train_command
from lrfr_mm.engine.distributed import mixed_devices
from lrfr_mm.engine.hooks.buffer_sync import average_buffers
from tests.processes import ROOT, Python, free_port, python, run_on, start_ranks
from tests.test_engine.conftest import inside, same, scalars, weights


def train_on(rank, world, *argv):
    """Called on every process."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world))
    assert train_command([*argv, '--launcher', 'pytorch']) == 0


def train(world, *argv):
    return run_on(world, 'test_engine.test_distributed', 'train_on', *map(str, argv))


def measured(work_dir):
    """The validations' values by epoch."""
    (newest,) = sorted(work_dir.glob('*/vis_data/scalars.json'))[-1:]
    lines = [json.loads(line) for line in newest.read_text().splitlines()]
    return {line['step']: {k: v for k, v in line.items() if k.startswith('faces/')}
            for line in lines if 'faces/auc' in line}


@pytest.mark.parametrize(('world', 'extra'), [
    (2, ''), pytest.param(3, '', marks=pytest.mark.slow),
    (2, "custom_hooks = [dict(type='ReportHook'), dict(type='EMAHook', momentum=.25)]"),
    pytest.param(2, "default_hooks['checkpoint'].update(by_epoch=False, interval=2)",
                 marks=pytest.mark.slow),
])
def test_validation_while_training_equals_the_test_of_its_checkpoint(world, extra, written,
                                                                     tmp_path):
    by_epoch = 'by_epoch' not in extra
    config = written(f'val{world}', batch=4, extra=extra)
    train(world, config, '--work-dir', tmp_path, '--seed', 3, '--cfg-options',
          'train_cfg.max_epochs=2')
    steps = 24 // 4 // world
    found = measured(tmp_path)
    assert len(found) == 2
    for epoch, values in enumerate(found.values(), 1):
        name = f'epoch_{epoch}' if by_epoch else f'iter_{epoch * steps // 2 * 2}'
        if not by_epoch and epoch * steps % 2:
            continue  # this validation has no checkpoint
        inside('test', config, tmp_path / f'{name}.pth', '--work-dir', tmp_path / name,
               '--cfg-options', 'test_cfg.cache=None')
        metrics = json.loads((tmp_path / name / 'metrics.json').read_text())
        assert values == {key: pytest.approx(metrics[key], abs=1e-6) for key in values}


def test_one_process_too(trained, config, tmp_path):
    for epoch, values in measured(trained[0]).items():
        inside('test', config, trained[0] / f'epoch_{epoch}.pth', '--work-dir', tmp_path)
        metrics = json.loads((tmp_path / 'metrics.json').read_text())
        assert values == {key: pytest.approx(metrics[key], abs=1e-6) for key in values}


def average_on(rank, world):
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3))
    model[0].running_mean += rank
    model[0].num_batches_tracked += rank
    model[1].running_var += 10 * rank
    model._ddp_params_and_buffers_to_ignore = ['1.running_var']
    average_buffers(model)
    assert torch.allclose(model[0].running_mean, torch.full((3,), (world - 1) / 2))
    assert model[0].num_batches_tracked == 0
    assert torch.equal(model[1].running_var, torch.full((3,), 1. + 10 * rank))


def test_buffers_are_averaged_but_for_those_of_a_rank():
    run_on(3, 'test_engine.test_distributed', 'average_on')


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['epoch', 'inside'])
def test_two_processes_go_on_with_what_one_began(kind, written, tmp_path):
    """The same images in the same order, and the rates of a run that had two from the start."""
    cosine = ("param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=2,\n"
              "T_max=2, convert_to_iter_based=True)]\n"
              "train_cfg = dict(type='FaceTrainLoop', max_epochs=2, val_interval=99)\n"
              "custom_imports = dict(imports=['tests.test_engine.seen_hook'])\n"
              f"custom_hooks = [dict(type='SeenHook', path='{tmp_path}/seen')]\n"
              "default_hooks['checkpoint'] = dict(type='FaceCheckpointHook', by_epoch=False, "
              "interval=1, max_keep_ckpts=9)\n")
    one, two = written('one', batch=4, extra=cosine), written('two', batch=4, extra=cosine)
    whole, first, work = tmp_path / 'whole', tmp_path / 'first', tmp_path / 'work'
    train(2, two, '--work-dir', whole, '--seed', 3)
    for name in ('seen', 'seen.1'):
        shutil.move(tmp_path / name, tmp_path / f'{name}.before')
    inside('train', one, '--work-dir', first, '--seed', 3, '--cfg-options',
           'train_cfg.max_epochs=1')
    (tmp_path / 'seen').unlink()  # of the one process
    work.mkdir()
    done = 6 if kind == 'epoch' else 2  # of six steps of four images
    shutil.copy(first / f'iter_{done}.pth', work)
    train(2, two, '--work-dir', work, '--seed', 3, '--resume')
    began = 3 if kind == 'epoch' else 1  # in steps of two times four images
    want = {step: rate for step, rate in scalars(whole, 'lr').items() if step > began}
    assert scalars(work, 'lr') == want
    for name in ('seen', 'seen.1'):
        lines = (tmp_path / f'{name}.before').read_text().splitlines()
        assert (tmp_path / name).read_text().splitlines() == lines[-len(want):]


def test_two_processes_measure_like_one(trained, config, tmp_path):
    for rank in start_ranks(2, 'tools/test.py', config, trained[0] / 'epoch_3.pth', '--work-dir',
                            tmp_path / 'two', '--launcher', 'pytorch'):
        done = rank.ended()
        assert done.returncode == 0, done.stderr
    inside('test', config, trained[0] / 'epoch_3.pth', '--work-dir', tmp_path / 'one')
    two, one = (json.loads((tmp_path / name / 'metrics.json').read_text())
                for name in ('two', 'one'))
    assert two.keys() == one.keys()
    assert two == {key: pytest.approx(value, abs=1e-6) for key, value in one.items()}


HEAD = ("model = dict(backbone=dict(model_name='test_resnet'), neck=dict(embed_dim=16), "
        "head=dict(_delete_=True, type='PartialFCHead', sample_rate={}, "
        "margin_head=dict(type='CosFaceHead', scale=16, margin=.2)))\n")


@pytest.mark.parametrize('rate', [pytest.param(1., marks=pytest.mark.slow), .6])
def test_a_sharded_head_trains_on_two_processes_and_goes_on_with_one(rate, written, tmp_path):
    """With hooks of the user's choice: what the head needs is registered anyway."""
    work = tmp_path / 'work'
    head = HEAD.format(rate) + 'custom_hooks = []\n'
    two, one = written('split3', batch=3, extra=head), written('split6', extra=head)
    train(2, two, '--work-dir', work, '--seed', 3, '--resume', '--cfg-options',
          'train_cfg.max_epochs=2')
    shards = {'classes-0000000000-0000000002.pt', 'classes-0000000002-0000000004.pt'}
    assert {p.name for p in (work / 'epoch_2.head').iterdir()} == shards
    (best,) = work.glob('best_*.pth')
    assert {p.name for p in best.with_suffix('.head').iterdir()} == shards
    target = tmp_path / 'one'
    inside('train', one, '--work-dir', target, '--seed', 3, '--resume', work / 'epoch_2.pth')
    assert [p.name for p in (target / 'epoch_3.head').iterdir()] == [
        'classes-0000000000-0000000004.pt']
    before, after = (torch.cat([torch.load(p)['weight'] for p in sorted(folder.iterdir())])
                     for folder in (work / 'epoch_2.head', target / 'epoch_3.head'))
    assert before.shape == after.shape and not torch.equal(before, after)
    inside('test', one, target / 'epoch_3.pth', '--work-dir', tmp_path / 'test')


def test_shards_need_the_hook_that_writes_them(written, tmp_path):
    config = written('plain_hook', extra=HEAD.format(1.) + (
        "default_hooks['checkpoint'] = dict(type='CheckpointHook')\n"))
    done = inside('train', config, '--work-dir', tmp_path, code=2)
    assert 'default_hooks.checkpoint: CheckpointHook does not write' in done.stderr


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


@pytest.fixture
def dying(written, tmp_path):
    (tmp_path / 'dies_once.py').write_text(DIES)
    config = written('dying', batch=3, extra=(
        "custom_imports = dict(imports=['dies_once'])\ncustom_hooks = [dict(type='DiesOnce')]\n"))
    return config, dict(PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]),
                        MARKER=str(tmp_path / 'marker'), OMP_NUM_THREADS='1')


@pytest.mark.slow
def test_a_killed_worker_is_started_again_and_the_run_ends_the_same(dying, tmp_path):
    config, env = dying
    command = ('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', 2,
               '--max_restarts', 1, 'tools/train.py', config, '--launcher', 'pytorch', '--seed', 3,
               '--resume')
    python(*command, '--work-dir', tmp_path / 'killed', env=env)
    assert (tmp_path / 'marker').exists()
    python(*command, '--work-dir', tmp_path / 'whole', env=env)
    assert same(weights(tmp_path / 'killed' / 'epoch_3.pth'),
                weights(tmp_path / 'whole' / 'epoch_3.pth'))


def start_slurm(config, work_dir, env=None, tool='train', *words):
    """Two processes as srun starts them."""
    common = dict(SLURM_NTASKS=2, MASTER_ADDR='127.0.0.1', MASTER_PORT=free_port(), **(env or {}))
    return [Python(f'tools/{tool}.py', config, *words, '--work-dir', work_dir, '--launcher',
                   'slurm', env=dict(common, SLURM_PROCID=rank, SLURM_LOCALID=rank))
            for rank in range(2)]


@pytest.mark.slow
def test_a_killed_rank_is_named_by_the_others(dying, tmp_path):
    config, env = dying
    ended = [rank.ended() for rank in start_slurm(config, tmp_path / 'work', env)]
    assert ended[1].returncode == -signal.SIGKILL and ended[0].returncode == 1
    last = ended[0].stderr.strip().splitlines()[-1]
    assert last.startswith('error: rank 0 of 2: rank 1 ended or does not answer')


@pytest.mark.slow
def test_a_preempted_job_goes_on_to_the_bit(written, tmp_path):
    """SIGTERM to one of two ranks, inside an epoch. The running statistics of ranks are averaged
    before the checkpoint: the same in exact arithmetic, and here but for rounding.
    """
    config = written('preempted', batch=3, extra=(
        "default_hooks['logger'] = dict(type='LoggerHook', interval=1)\n"))
    work, whole = tmp_path / 'work', tmp_path / 'whole'
    ranks = start_slurm(config, work, None, 'train', '--seed', 3)
    ranks[0].wait_for('Epoch(train) [1][1/')
    ranks[1].send_signal(signal.SIGTERM)
    ended = [rank.ended() for rank in ranks]
    assert [done.returncode for done in ended] == [1, 1], ended
    assert (ended[0].stdout + ended[0].stderr).count('training stopped after iteration') == 1
    train(2, config, '--work-dir', work, '--seed', 3, '--resume')
    train(2, config, '--work-dir', whole, '--seed', 3)
    resumed, undisturbed = weights(work / 'epoch_3.pth'), weights(whole / 'epoch_3.pth')
    for name, value in undisturbed.items():
        if '.running_' in name:
            torch.testing.assert_close(resumed[name], value, rtol=1e-5, atol=1e-5)
        else:
            assert torch.equal(resumed[name], value), name
    assert not (work / 'interrupted.pth').exists()


@pytest.mark.slow
def test_slurm_starts_two_processes(trained, config, tmp_path):
    for rank in start_slurm(config, tmp_path, None, 'test', trained[0] / 'epoch_3.pth'):
        done = rank.ended()
        assert done.returncode == 0, done.stderr[-3000:]
    assert 'faces/accuracy' in json.loads((tmp_path / 'metrics.json').read_text())


@pytest.mark.slow
def test_gradients_are_communicated_in_sixteen_bits(written, tmp_path):
    half = written('half', batch=3)
    for name, extra in (('full', ()), ('half', (
            'custom_hooks.0.type=GradientCompressionHook', 'custom_hooks.0.kind=fp16'))):
        train(2, half, '--work-dir', tmp_path / name, '--seed', 3, '--cfg-options',
              'train_cfg.max_epochs=1', 'train_cfg.val_interval=9', *extra)
    full, compressed = scalars(tmp_path / 'full'), scalars(tmp_path / 'half')
    assert full[1] == compressed[1] and full[4] != compressed[4]
    assert abs(full[4] - compressed[4]) < .02 * full[4]


def test_different_devices_are_named():
    assert mixed_devices(['A', 'A', 'A']) is None
    text = mixed_devices(['H100', 'A100', 'H100'])
    assert 'H100 (rank 0, 2); A100 (rank 1)' in text


@pytest.mark.slow
def test_a_fully_sharded_network_trains_like_a_copied_one_and_goes_on_with_any(written, tmp_path):
    vit = ("model = dict(backbone=dict(model_name='vit_tiny_patch16_224', depth=2),"
           " neck=dict(embed_dim=16, dropout=0.))\n")
    wrapper = ("model_wrapper_cfg = dict(_delete_=True, type='FullySharded', "
               "min_parameters=100_000)\n")

    def config(name, batch, extra=''):
        return written(name, batch=batch, extra=vit + extra)

    copied, sharded = config('copied', 3), config('sharded', 3, wrapper)
    for path in (copied, sharded):
        train(2, path, '--work-dir', tmp_path / path.stem, '--seed', 3)
    one, two = scalars(tmp_path / 'copied'), scalars(tmp_path / 'sharded')
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

    def resumed(name, path, processes, start='sharded'):
        work = tmp_path / name
        work.mkdir()
        shutil.copy(tmp_path / start / 'epoch_2.pth', work)
        words = (path, '--work-dir', work, '--seed', 3, '--resume')
        train(processes, *words) if processes > 1 else inside('train', *words)
        return scalars(work)

    assert resumed('again', sharded, 2) == {step: two[step] for step in range(9, 13)}
    four = [resumed(f'four{k}', config(f'four{k}', 2, extra), 4)
            for k, extra in enumerate(('', wrapper))]
    alone = [resumed(f'alone_{name}', config('alone', 6), 1, name) for name in ('copied',
                                                                                'sharded')]
    for pair, count in ((four, 3), (alone, 4)):
        assert len(pair[0]) == len(pair[1]) == count
        np.testing.assert_allclose(list(pair[0].values()), list(pair[1].values()), rtol=2e-4)
