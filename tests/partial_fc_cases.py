"""What test_partial_fc runs on several processes."""
from pathlib import Path
from unittest import mock

import torch
from torch import distributed as dist

from lrfr_mm.models.heads import PartialFCHead
from lrfr_mm.models.heads.split_softmax import Processes
from lrfr_mm.registry import MODELS

DIM, CLASSES = 6, 13  # odd: the shares differ


def batch(rank, world, seed=0, sizes=(5, 3, 4, 2)):
    """This process's share of one batch, and the whole."""
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(14, DIM, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, CLASSES, (14,), generator=generator)
    if world == 1:
        return embeddings, labels, embeddings, labels
    counts = list(sizes[:world - 1])
    counts.append(14 - sum(counts))
    start = sum(counts[:rank])
    part = slice(start, start + counts[rank])
    return embeddings[part], labels[part], embeddings, labels


def build(margin, **kwargs):
    return PartialFCHead(CLASSES, margin, in_channels=DIM, check_memory=False, **kwargs).double()


def whole_weight(head, world):
    if world == 1:
        return head.weight.detach().clone()
    parts = [None] * world
    dist.all_gather_object(parts, head.weight.detach())
    return torch.cat(parts)


MARGINS = [
    dict(type='CosFaceHead', scale=16, margin=.3),
    dict(type='AdaFaceHead', scale=16, margin=.3),
    dict(type='ArcFaceHead', scale=16, margin=.6),
    dict(type='ArcFaceHead', scale=16, m1=1.2, m2=.3, m3=.1),
    dict(type='SubCenterArcFaceHead', scale=16, num_centres=3),
    dict(type='SphereFaceHead', margin=3, lambda_min=1, lambda_base=10),
    dict(type='SphereFaceHead', form='v2'),
    dict(type='MagFaceHead', scale=16, lower_length=1, upper_length=3),
    dict(type='CurricularFaceHead', scale=16, momentum=.5),
    dict(type='RivalPenalizedHead', scale=16),
    dict(type='DerivedMarginHead', scale=16)]


def cases():
    """Margins, all logits at once and, where the margin allows it, in chunks of the classes."""
    for margin in MARGINS:
        yield margin, None
        if MODELS.build(margin).targets_only:
            yield from ((margin, chunk) for chunk in (1, 4, 100))


def plain_head(margin, weight):
    """The head on one device, with these class weights."""
    plain = MODELS.build(dict(margin, num_classes=len(weight), in_channels=DIM)).double()
    plain.weight.data = weight.clone()
    return plain


def alone():
    """Within, the plain head takes this process for the only one."""
    return mock.patch.object(Processes, 'current', return_value=Processes())


def check_against(head, plain, columns, rank, world, mine, labels, everyone, every_label, local):
    """Loss and gradients of a split head against the plain one over the classes ``columns``.

    ``local`` are the rows of ``plain.weight`` that this process's ``head`` visits.
    """
    mine, everyone = mine.clone().requires_grad_(), everyone.clone().requires_grad_()
    got = head.loss(mine, labels)['loss']
    with alone():
        want = plain.loss(everyone, columns[every_label])['loss']
    got.backward()
    want.backward()
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
    weight = head.weight if head.active is None else head.active
    torch.testing.assert_close(weight.grad, plain.weight.grad[local], rtol=0, atol=1e-12)
    # Data parallel training averages gradients over the processes.
    start = 0 if world == 1 else sum((5, 3, 4, 2)[:rank])
    torch.testing.assert_close(mine.grad / world, everyone.grad[start:start + len(mine)],
                               rtol=0, atol=1e-12)
    for name, value in head.margin.named_buffers():
        torch.testing.assert_close(value, plain.get_buffer(name))


def equals_one_device(rank, world):
    """Loss, gradients and statistics are those of the plain head over the whole batch."""
    for margin, chunk in cases():
        head = build(margin, chunk_size=chunk)
        plain = plain_head(margin, whole_weight(head, world))
        for seed in range(2):  # statistics of the first step are used in the second
            head.zero_grad(), plain.zero_grad()
            check_against(head, plain, torch.arange(CLASSES), rank, world,
                          *batch(rank, world, seed), slice(head.first, head.last))
        mine = batch(rank, world)[0]
        torch.testing.assert_close(head.logits(mine), plain.logits(mine)[:, head.first:head.last])


def sampled_equals_one_device(rank, world):
    """A sampled head is the plain head over the classes that the step visits."""
    for margin, chunk in cases():
        head = build(margin, sample_rate=.6, seed=3, chunk_size=chunk)
        head.bind(torch.optim.SGD(head.parameters(), lr=.5))
        mine, labels, everyone, every_label = batch(rank, world)
        head.resample(every_label)
        head._new_step = False
        visited = [head.index + head.first]
        if world > 1:
            visited = [None] * world
            dist.all_gather_object(visited, head.index + head.first)
        first = sum(map(len, visited[:rank]))
        visited = torch.cat(visited)
        assert len(visited) < CLASSES
        plain = plain_head(margin, whole_weight(head, world)[visited])
        columns = torch.full((CLASSES,), -1)
        columns[visited] = torch.arange(len(visited))
        check_against(head, plain, columns, rank, world, mine, labels, everyone, every_label,
                      slice(first, first + len(head.index)))


def statistics_agree(rank, world):
    """A whole head on data-parallel processes has the same statistics on each: the batch's."""
    for margin in (dict(type='AdaFaceHead'), dict(type='CurricularFaceHead')):
        torch.manual_seed(0)
        head = MODELS.build(dict(margin, num_classes=CLASSES, in_channels=DIM)).double()
        plain = plain_head(margin, head.weight.detach())
        mine, labels, everyone, every_label = batch(rank, world)
        head.loss(mine, labels)
        with alone():
            plain.loss(everyone, every_label)
        for name, value in head.named_buffers():
            torch.testing.assert_close(value, plain.get_buffer(name))


def every_margin(rank, world):
    """The three above, on processes that are started once."""
    equals_one_device(rank, world)
    sampled_equals_one_device(rank, world)
    statistics_agree(rank, world)


def sampled_training(rank, world):
    """Rows that are not visited keep weight and momentum; visited ones follow plain SGD."""
    head = build(dict(type='CosFaceHead', scale=8, margin=.1), sample_rate=.5, seed=3)
    optimizer = torch.optim.SGD(head.parameters(), lr=.5, momentum=.9, weight_decay=.01)
    head.bind(optimizer)
    weight, momentum = head.weight.clone(), torch.zeros_like(head.weight)
    for step in range(8):
        mine, labels, _, every_label = batch(rank, world, seed=step)
        head.loss(mine, labels)['loss'].backward()
        again = head.index.clone()
        second = head.loss(mine.flip(0), labels.flip(0))['loss']  # the other view: same classes
        assert torch.equal(head.index, again)
        second.backward()
        local = every_label[(every_label >= head.first) & (every_label < head.last)] - head.first
        assert set(local.tolist()) <= set(head.index.tolist())
        most = max(len(set(local.tolist())), -(-head.local_classes // 2))
        assert len(head.index) == most
        gradient = head.active.grad + .01 * weight[head.index]
        momentum[head.index] = .9 * momentum[head.index] + gradient
        weight[head.index] -= .5 * momentum[head.index]
        optimizer.step()
        optimizer.zero_grad()
        head.new_step()
        head.store()
        torch.testing.assert_close(head.weight, weight, rtol=0, atol=1e-12)
        torch.testing.assert_close(head.state['momentum_buffer'], momentum, rtol=0, atol=1e-12)


def trained(rank, world, rate, steps=3, head=None):
    if head is None:
        head = build(None, sample_rate=rate, seed=5)
    optimizer = torch.optim.SGD(head.parameters(), lr=.1, momentum=.9)
    head.bind(optimizer)
    for step in range(steps):
        mine, labels, _, _ = batch(rank, world, seed=step)
        head.loss(mine, labels)['loss'].backward()
        optimizer.step()
        optimizer.zero_grad()
        head.new_step()
    return head


def save(rank, world, folder, rate):
    head = trained(rank, world, float(rate))
    shard = head.shard()
    Path(folder).mkdir(exist_ok=True)
    torch.save(shard, Path(folder, f'classes-{head.first:010d}-{head.last:010d}.pt'))


def load(rank, world, source, target, rate):
    """Read what another number of processes wrote, and write it again."""
    head = build(None, sample_rate=float(rate), seed=99)
    optimizer = torch.optim.SGD(head.parameters(), lr=.1, momentum=.9)
    head.bind(optimizer)
    head.load_shards(source)
    Path(target).mkdir(exist_ok=True)
    torch.save(head.shard(), Path(target, f'classes-{head.first:010d}-{head.last:010d}.pt'))


def partner_gone(rank, world):
    head = build(None)
    mine, labels, _, _ = batch(rank, world)
    if rank == 1:
        return  # leaves without a word
    try:
        head.loss(mine, labels)
    except RuntimeError as error:
        assert 'rank 0 of 2, all-gather of the embeddings' in str(error), error
    else:
        raise AssertionError('nothing was said')
