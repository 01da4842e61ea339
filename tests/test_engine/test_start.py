"""Where a training starts."""
import shutil

import pytest
import torch
from mmengine.config import Config

from lrfr_mm.engine.checkpoint import find_checkpoint
from lrfr_mm.engine.start import find_start
from tests.test_engine.conftest import inside, same, scalars, weights

BRIEF = ('train_cfg.max_epochs=1', 'train_cfg.val_interval=9', 'optim_wrapper.optimizer.lr=0.')


def state(epoch, iteration):
    return dict(state_dict=dict(a=torch.zeros(1)), meta=dict(epoch=epoch, iter=iteration),
                message_hub={}, optimizer={})


@pytest.mark.parametrize(('files', 'newest'), [
    ({}, None),
    ({'epoch_2': (2, 8), 'epoch_10': (10, 40)}, 'epoch_10'),
    ({'iter_500': (15, 500), 'epoch_16': (16, 512)}, 'epoch_16'),
    ({'iter_500': (15, 500), 'epoch_15': (15, 480)}, 'iter_500'),
    ({'iter_480': (14, 480), 'epoch_15': (15, 480)}, 'epoch_15'),
    ({'epoch_3': (3, 12), 'interrupted': (3, 14)}, 'interrupted'),
    ({'epoch_4': (4, 16), 'interrupted': (3, 14)}, 'epoch_4'),
    ({'best_faces_epoch_9': (9, 36), 'other': (99, 999)}, None),
])
def test_the_checkpoint_that_is_furthest_in_training(files, newest, tmp_path):
    for name, progress in files.items():
        torch.save(state(*progress), tmp_path / f'{name}.pth')
    (tmp_path / 'last_checkpoint').write_text('')
    found = find_checkpoint(tmp_path)
    assert (found and found.stem) == newest


@pytest.mark.parametrize(('resume', 'load_from', 'there', 'kind', 'word'), [
    (False, None, True, 'scratch', 'from scratch'),
    (True, None, False, 'scratch', 'nothing to resume'),
    (True, 'start', False, 'fine-tune', 'nothing to resume'),
    (True, 'start', True, 'resume', 'epoch_3.pth'),
    (False, 'start', True, 'fine-tune', 'start.pth'),
    ('start', None, True, 'resume', 'start.pth'),
])
def test_resume_if_there_is_something_else_fine_tune_else_from_scratch(
        resume, load_from, there, kind, word, tmp_path):
    work = tmp_path / 'work'
    work.mkdir()
    torch.save(state(1, 4), tmp_path / 'start.pth')
    if there:
        torch.save(state(3, 12), work / 'epoch_3.pth')
    path = {'start': str(tmp_path / 'start.pth')}
    start = find_start(Config(dict(work_dir=str(work), resume=path.get(resume, resume),
                                   load_from=path.get(load_from))))
    assert start.kind == kind and word in str(start) and '\n' not in str(start)


@pytest.mark.parametrize(('content', 'text'), [
    (dict(a=torch.zeros(1)), 'holds weights without meta, optimizer, message_hub'),
    ([torch.zeros(1)], 'it holds a list'),
    ({0: torch.zeros(1)}, 'the entry 0 of type Tensor'),
    (dict(state_dict=[1]), 'its state_dict is list'),
    (dict(state_dict={}), 'its state_dict is empty'),
    (dict(state_dict=dict(a='text')), "the entry 'a' of type str"),
])
@pytest.mark.parametrize('asked', ['resume', 'load_from'])
def test_what_is_no_checkpoint_is_refused_by_name(content, text, asked, config, tmp_path):
    path = tmp_path / 'odd.pth'
    torch.save(content, path)
    words = ('--resume', path) if asked == 'resume' else ('--cfg-options', f'load_from={path}')
    done = inside('train', config, '--work-dir', tmp_path / 'w', *words, code=2)
    (line,) = done.stderr.splitlines()[-1:]
    assert 'odd.pth' in line
    assert text in line or (asked == 'load_from' and 'belongs to another model' in line)


@pytest.mark.parametrize('part', ['backbone', 'neck', 'head'])
def test_a_checkpoint_that_init_cfg_names_and_that_is_missing_is_one_line(part, config, tmp_path):
    path = tmp_path / 'missing.pth'
    done = inside('train', config, '--work-dir', tmp_path / 'w', '--cfg-options',
                  f'model.{part}.init_cfg.type=Pretrained',
                  f'model.{part}.init_cfg.checkpoint={path}', code=2)
    assert done.stderr.splitlines()[-1] == f'error: init_cfg: checkpoint {path} does not exist'


def test_fine_tuning_by_resume_keeps_the_weights_and_says_so(trained, config, tmp_path):
    start = trained[0] / 'epoch_3.pth'
    done = inside('train', config, '--work-dir', tmp_path, '--resume', '--cfg-options',
                  f'load_from={start}', *BRIEF)
    assert f'fine-tuned from {start}' in done.text and 'nothing to resume' in done.text
    before, after = weights(start), weights(tmp_path / 'epoch_1.pth')
    network = [k for k in before if k.endswith('weight') and not k.startswith('head')]
    assert network and all(torch.equal(before[k], after[k]) for k in network)
    assert not torch.equal(before['head.weight'], after['head.weight'])


@pytest.mark.parametrize(('choice', 'classes', 'head'), [
    ('drop', 4, 'new'), ('keep', 4, 'old'), ('keep', 9, 'new'), ('error', 4, 'old'),
    ('error', 9, 'error')])
def test_the_head_of_load_from(choice, classes, head, trained, config, tmp_path):
    start = trained[0] / 'epoch_3.pth'
    done = inside('train', config, '--work-dir', tmp_path, '--cfg-options', f'load_from={start}',
                  f'load_from_head={choice}', f'model.head.num_classes={classes}', *BRIEF,
                  code=2 if head == 'error' else 0)
    if head == 'error':
        assert 'head.weight is (4, 16), the model has (9, 16)' in done.stderr
        return
    before, after = weights(start)['head.weight'], weights(tmp_path / 'epoch_1.pth')['head.weight']
    assert len(after) == classes
    assert (len(before) == len(after) and torch.equal(before, after)) == (head == 'old')


def test_nothing_left_to_train_is_one_line(trained, config, tmp_path):
    shutil.copy(trained[0] / 'epoch_3.pth', tmp_path)
    done = inside('train', config, '--work-dir', tmp_path, '--resume')
    assert 'nothing is left to train: the checkpoint has 3 epochs' in done.text
    assert same(weights(trained[0] / 'epoch_3.pth'), weights(tmp_path / 'epoch_3.pth'))


def test_another_architecture_names_its_tensors(trained, config, tmp_path):
    for words in (('--resume', trained[0] / 'epoch_3.pth', '--cfg-options'),
                  ('--cfg-options', f'load_from={trained[0]}/epoch_3.pth')):
        done = inside('train', config, '--work-dir', tmp_path, *words, 'model.neck.embed_dim=8',
                      code=2)
        assert 'belongs to another model' in done.stderr and 'neck' in done.stderr


@pytest.mark.parametrize('workers', [0, 2])
def test_a_resumed_run_has_the_losses_of_the_undisturbed_one(trained, written, tmp_path, workers):
    shutil.copy(trained[0] / 'epoch_1.pth', tmp_path / 'epoch_1.pth')
    inside('train', written(f'workers{workers}', workers=workers), '--work-dir', tmp_path, '--seed',
           3, '--resume')
    whole, resumed = scalars(trained[0]), scalars(tmp_path)
    assert list(resumed) == list(range(5, 13))
    assert resumed == {step: whole[step] for step in resumed}  # to the last digit
    assert same(weights(trained[0] / 'epoch_3.pth'), weights(tmp_path / 'epoch_3.pth'))
