"""Streams in the loader, and the order of samples."""
import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lrfr_mm.datasets import (
    ConcatFaces,
    EpochSampler,
    FaceDataset,
    SampledPairs,
    face_collate,
)
from lrfr_mm.datasets.convert import convert
from lrfr_mm.datasets.face_dataset import FaceStream
from lrfr_mm.datasets.sources import FolderFaces, ShardFaces


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp('people')
    for p in range(5):
        (root / f'p{p}').mkdir()
        for k in range(11):
            image = np.full((112, 112, 3), 11 * p + k, np.uint8)
            (root / f'p{p}' / f'{k:02d}.png').write_bytes(cv2.imencode('.png', image)[1].tobytes())
    return FolderFaces(root)


@pytest.fixture(scope='module')
def shards(people, tmp_path_factory):
    root = tmp_path_factory.mktemp('shards') / 'out'
    convert(people, 'shards', str(root), chunk=9, progress=False)
    return root


def batches(shards, workers=0, rank=0, world=1, epoch=0, done=0, batch=4):
    dataset = FaceDataset(ShardFaces(str(shards), shuffle_buffer=8), stream_batch=batch)
    assert isinstance(dataset, FaceStream)
    dataset._rank, dataset._world = rank, world
    dataset.set_epoch(epoch, seed=5, batches_done=done)
    loader = DataLoader(dataset, batch, num_workers=workers, collate_fn=face_collate,
                        drop_last=True)
    got = [batch['data_samples'].sample_idx.tolist() for batch in loader]
    assert len(got) == len(loader) - done
    return got


@pytest.mark.parametrize('workers', [0, 1, 2, 3])
@pytest.mark.parametrize('world', [1, 2, 3])
def test_processes_and_workers_share_the_epoch_without_repeats(shards, workers, world):
    seen = [i for rank in range(world) for b in batches(shards, workers, rank, world) for i in b]
    assert len(seen) == len(set(seen)) == 55 // world // 4 * 4 * world  # all but the last batch
    if world == 1 and workers < 2:
        assert batches(shards, workers) == batches(shards, workers)
        assert batches(shards, workers) != batches(shards, workers, epoch=1)


@pytest.mark.parametrize('workers', [0, 2, 3])
@pytest.mark.parametrize('done', [1, 4, 7])
def test_an_interrupted_epoch_goes_on_with_the_next_batch(shards, workers, done):
    assert batches(shards, workers)[done:] == batches(shards, workers, done=done)


def test_stream_samples_are_those_of_the_map_style_set(shards, people):
    stream = FaceDataset(ShardFaces(str(shards)), stream_batch=5)
    stream.set_epoch(3, seed=9)
    plain = FaceDataset(people)
    plain.set_epoch(3, seed=9)
    for sample in stream:
        other = plain[sample['sample_idx']]
        assert np.array_equal(sample['img'], other['img'])
        assert sample['rng_key'] == other['rng_key'] and sample['gt_label'] == other['gt_label']


def order(dataset, rank=0, world=1, epoch=0, start=0, **kwargs):
    sampler = EpochSampler(dataset, seed=7, **kwargs)
    sampler.rank, sampler.world_size = rank, world
    sampler.set_epoch(epoch, start)
    out = list(sampler)
    assert len(out) == len(sampler) - start
    return out


@pytest.mark.parametrize('world', [1, 2, 4, 7])
def test_sampler_cuts_one_permutation(people, world):
    dataset = FaceDataset(people)
    parts = [order(dataset, r, world) for r in range(world)]
    assert len({len(part) for part in parts}) == 1
    whole = np.stack(parts, 1).ravel()[:55].tolist()
    assert sorted(whole) == list(range(55)) and whole == order(dataset)
    assert order(dataset, epoch=1) != whole and order(dataset, start=9) == whole[9:]
    assert order(dataset, shuffle=False) == list(range(55))
    short = [i for r in range(world) for i in order(dataset, r, world, round_up=False)]
    assert sorted(short) == list(range(55))


def test_sampler_visits_what_the_weights_ask_for(people):
    dataset = FaceDataset(ConcatFaces([people, people], weights=[2, .4]))
    first, second = order(dataset), order(dataset, epoch=1)
    assert len(first) == len(second) == 110 + 22
    assert np.bincount(first)[:55].tolist() == [2] * 55
    assert sorted(i for i in first if i >= 55) != sorted(i for i in second if i >= 55)


def test_random_state_does_not_depend_on_workers(people):
    def keys(workers):
        dataset = FaceDataset(people, [dict(type='MultiResAug')])
        sampler = EpochSampler(dataset, seed=1)
        sampler.set_epoch(2)
        loader = DataLoader(dataset, 8, sampler=sampler, num_workers=workers,
                            collate_fn=face_collate)
        return torch.cat([b['inputs']['lr'].flatten() for b in loader])

    assert torch.equal(keys(0), keys(2))


def test_where_a_stream_does_not_fit_it_says_so(shards):
    source = ShardFaces(str(shards))
    with pytest.raises(ValueError, match='is a stream and cannot be combined'):
        ConcatFaces([source])
    with pytest.raises(ValueError, match='SampledPairs needs random access'):
        SampledPairs('faces', source)
    with pytest.raises(TypeError, match='no random access'):
        FaceDataset(source)[0]
