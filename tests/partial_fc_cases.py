"""What test_partial_fc runs on several processes."""
from pathlib import Path

import torch
from torch import distributed as dist

from lrfr_mm.models.heads import AdaFaceHead, CosFaceHead, PartialFCHead

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


def equals_one_device(rank, world):
    """Loss and both gradients are those of the plain head over the whole batch."""
    for kind, margin in ((CosFaceHead, dict(type='CosFaceHead', scale=16, margin=.3)),
                         (AdaFaceHead, dict(type='AdaFaceHead', scale=16, margin=.3))):
        head = build(margin)
        plain = kind(CLASSES, DIM, scale=16, margin=.3).double()
        plain.weight.data = whole_weight(head, world)
        mine, labels, everyone, every_label = batch(rank, world)
        mine, everyone = mine.clone().requires_grad_(), everyone.clone().requires_grad_()
        got, want = head.loss(mine, labels)['loss'], plain.loss(everyone, every_label)['loss']
        got.backward()
        want.backward()
        torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
        torch.testing.assert_close(head.weight.grad, plain.weight.grad[head.first:head.last],
                                   rtol=0, atol=1e-12)
        # Data parallel training averages gradients over the processes.
        start = 0 if world == 1 else sum((5, 3, 4, 2)[:rank])
        torch.testing.assert_close(mine.grad / world, everyone.grad[start:start + len(mine)],
                                   rtol=0, atol=1e-12)
        if kind is AdaFaceHead:
            torch.testing.assert_close(head.margin.length_mean, plain.length_mean)
        cosines = head.logits(mine.detach())
        torch.testing.assert_close(cosines, plain.logits(mine.detach())[:, head.first:head.last])


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
