from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrfr_mm.models.heads import CosFaceHead, PartialFCHead, class_range, head_memory
from lrfr_mm.models.heads.partial_fc_head import _initial_rows
from tests import partial_fc_cases
from tests.processes import run_on


@given(st.integers(1, 10**7), st.integers(1, 64))
def test_ranges_cover_all_classes_once_and_evenly(classes, world):
    ranges = [class_range(classes, rank, world) for rank in range(world)]
    assert ranges[0][0] == 0 and ranges[-1][1] == classes
    assert all(a[1] == b[0] for a, b in pairwise(ranges))
    sizes = [last - first for first, last in ranges]
    assert max(sizes) - min(sizes) <= 1


def test_every_margin_split_and_sampled_is_the_single_device_head():
    run_on(3, 'partial_fc_cases', 'every_margin')


@pytest.mark.parametrize('case', [partial_fc_cases.equals_one_device,
                                  partial_fc_cases.sampled_equals_one_device])
def test_every_margin_on_one_process_is_the_plain_head(case):
    case(0, 1)


@pytest.mark.parametrize('world', [1, 2])
def test_sampled_rows_keep_their_momentum(world):
    run_on(world, 'partial_fc_cases', 'sampled_training')


def merged(folder):
    parts = sorted((torch.load(file) for file in Path(folder).glob('*.pt')),
                   key=lambda part: part['first'])
    return (torch.cat([part['weight'] for part in parts]),
            torch.cat([part['state']['momentum_buffer'] for part in parts]),
            [(part['first'], part['last']) for part in parts])


@pytest.mark.parametrize('rate', [pytest.param(1., marks=pytest.mark.slow), .6])
def test_four_processes_save_three_resume_then_one(tmp_path, rate):
    run_on(4, 'partial_fc_cases', 'save', tmp_path / 'four', rate)
    weight, momentum, ranges = merged(tmp_path / 'four')
    assert len(ranges) == 4 and ranges[-1][1] == 13
    for world, source, target in ((3, 'four', 'three'), (1, 'three', 'one')):
        run_on(world, 'partial_fc_cases', 'load', tmp_path / source, tmp_path / target, rate)
        again, moments, ranges = merged(tmp_path / target)
        assert len(ranges) == world
        assert torch.equal(again, weight) and torch.equal(moments, momentum)
        assert momentum.abs().sum() > 0


def test_a_partner_that_is_gone_is_named():
    run_on(2, 'partial_fc_cases', 'partner_gone')


def test_initial_weights_do_not_depend_on_the_split():
    whole = _initial_rows(7, 0, 9000, 4)
    for first, last in ((0, 1), (4000, 5000), (8191, 9000)):
        assert torch.equal(_initial_rows(7, first, last, 4), whole[first:last])
    assert abs(whole.std() - .01) < 2e-4


def test_bfloat16_embeddings_and_one_class():
    head = PartialFCHead(50, in_channels=8)
    x, labels = torch.randn(6, 8), torch.arange(6)
    plain = CosFaceHead(50, 8)
    plain.weight.data = head.weight.data.clone()
    loss = head.loss(x.bfloat16(), labels)['loss']
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, plain.loss(x.bfloat16(), labels)['loss'])
    assert PartialFCHead(1, in_channels=8).loss(x, torch.zeros(6, dtype=torch.long)
                                                )['loss'].isfinite()


@pytest.mark.parametrize('rate', [1., .5])
def test_classes_can_be_set_later(rate):
    head = PartialFCHead(in_channels=4, sample_rate=rate)
    with pytest.raises(ValueError, match='does not know its number of classes'):
        head.loss(torch.randn(2, 4), torch.tensor([1, 0]))
    head.set_num_classes(9)
    assert torch.equal(head.weight, PartialFCHead(9, in_channels=4).weight)


def test_a_sampled_head_without_an_optimizer_is_not_trained():
    head, x, labels = PartialFCHead(9, in_channels=4, sample_rate=.5), torch.randn(2, 4), [1, 0]
    with pytest.raises(ValueError, match=r'would learn nothing.*bind\(optimizer\)'):
        head.loss(x, torch.tensor(labels))
    assert head.eval().loss(x, torch.tensor(labels))['loss'].isfinite()


def test_errors(tmp_path):
    with pytest.raises(ValueError, match='sample_rate must be above 0'):
        PartialFCHead(5, sample_rate=0.)
    head = PartialFCHead(5, in_channels=4)
    with pytest.raises(ValueError, match='label 5 is out of range: the head has 5 classes'):
        head.loss(torch.randn(2, 4), torch.tensor([1, 5]))
    with pytest.raises(FileNotFoundError, match='holds no class weights'):
        head.load_shards(str(tmp_path))
    torch.save(PartialFCHead(6, in_channels=4).shard(), tmp_path / 'classes-0-6.pt')
    with pytest.raises(ValueError, match='is of 6 classes, the head has 5'):
        head.load_shards(str(tmp_path))
    part = head.shard()
    torch.save(dict(part, last=3, weight=part['weight'][:3]), tmp_path / 'classes-0-6.pt')
    with pytest.raises(ValueError, match='no weights of class 3'):
        head.load_shards(str(tmp_path))


def test_too_many_classes_are_refused_before_anything_is_allocated():
    with pytest.raises(ValueError, match=r'classes needs [\d.]+ GiB .* it fits with .*processes'):
        PartialFCHead(10**9, in_channels=512)


def test_memory_figures():
    whole = head_memory(29_000_000, 512, 1, 512)
    assert whole['weights'] == 29_000_000 * 512 * 4 == whole['momentum']
    split = head_memory(29_000_000, 512, 8, 512)
    assert split['weights'] == whole['weights'] / 8
    sampled = head_memory(1_000_000, 512, 1, 1024, .1)
    assert sampled['step'] < .25 * head_memory(1_000_000, 512, 1, 1024)['step']


def test_head_is_not_in_the_state_dict_but_its_margin_is():
    head = PartialFCHead(9, dict(type='AdaFaceHead'), in_channels=4)
    assert set(head.state_dict()) == {'margin.length_mean', 'margin.length_std'}
