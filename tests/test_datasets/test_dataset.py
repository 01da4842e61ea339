import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from lrfr_mm.datasets import EpochSampler, FaceDataset, SyntheticFaces, face_collate
from lrfr_mm.datasets.decode import DECODERS, decode, resolve_decoder
from lrfr_mm.datasets.transforms import FixedResolution, MultiResAug, ResizeFace
from lrfr_mm.ops.degradations import degrade_image
from lrfr_mm.ops.draws import sample_key
from lrfr_mm.ops.resample import degrade


class Arrays:
    num_classes = 4

    def __init__(self, size=112, labels=(0, 1, 2, 3)):
        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (len(labels), size, size, 3), dtype=np.uint8)
        self.given = labels

    def __len__(self):
        return len(self.given)

    def read(self, i):
        return self.images[i], self.given[i]

    def __repr__(self):
        return 'Arrays'


def encode(image, kind):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def photo():
    ramp = np.indices((48, 64)).sum(0) * 2
    return Image.fromarray(np.stack([ramp, 255 - ramp, ramp // 2], -1).astype(np.uint8))


def test_decoders_agree_on_jpeg():
    data, _ = SyntheticFaces(1, 1).read(0)
    want = np.asarray(Image.open(io.BytesIO(data)).convert('RGB'))
    for decoder in DECODERS:
        gap = np.abs(decode(data, resolve_decoder(decoder)).astype(int) - want)
        assert gap.mean() < .5 and gap.max() <= 8


@pytest.mark.parametrize('decoder', DECODERS)
def test_odd_images_become_rgb(photo, decoder):
    rgb = np.asarray(photo)
    assert np.array_equal(decode(encode(photo, 'PNG'), decoder), rgb)
    grey = decode(encode(photo.convert('L'), 'PNG'), decoder)
    assert grey.shape == (48, 64, 3) and np.ptp(grey, axis=2).max() == 0
    jpeg_grey = decode(encode(photo.convert('L'), 'JPEG'), decoder)
    assert jpeg_grey.shape == (48, 64, 3) and np.ptp(jpeg_grey, axis=2).max() == 0
    deep = np.asarray(photo.convert('L')).astype(np.uint16) * 257
    got = decode(cv2.imencode('.png', deep)[1].tobytes(), decoder)
    assert np.abs(got[..., 0].astype(int) - np.asarray(photo.convert('L'))).max() <= 1
    cmyk = decode(encode(photo.convert('CMYK'), 'JPEG'), decoder)
    assert cmyk.shape == (48, 64, 3)
    assert np.abs(cmyk.astype(int) - rgb).mean() < 12


@pytest.mark.parametrize('decoder', DECODERS)
def test_exif_rotation_is_applied(photo, decoder):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    buffer = io.BytesIO()
    photo.save(buffer, 'JPEG', exif=exif, quality=98)
    got = decode(buffer.getvalue(), decoder)
    assert got.shape == (64, 48, 3)
    want = np.rot90(np.asarray(photo), -1).astype(int)
    assert np.abs(got - want).mean() < 4


@pytest.mark.parametrize('decoder', DECODERS)
@pytest.mark.parametrize('data', [b'', b'hello', b'\xff\xd8\xff\xe0 cut'])
def test_broken_images(decoder, data):
    with pytest.raises(ValueError):
        decode(data, decoder)


def test_decoder_names():
    assert resolve_decoder('auto') in DECODERS
    with pytest.raises(ValueError, match="'turbo'"):
        resolve_decoder('turbo')


def test_sample_and_errors():
    sample = FaceDataset(Arrays())[2]
    assert sample.keys() == {'img', 'gt_label', 'sample_idx', 'epoch', 'rng_key'}
    assert (sample['gt_label'], sample['sample_idx']) == (2, 2)
    with pytest.raises(ValueError, match='Arrays, image 1: label 9'):
        FaceDataset(Arrays(labels=(0, 9)))[1]
    with pytest.raises(ValueError, match='Arrays, image 0 is 96x96 px'):
        FaceDataset(Arrays(96))[0]
    assert FaceDataset(Arrays(96), [ResizeFace(112)])[0]['img'].shape == (112, 112, 3)
    with pytest.raises(ValueError, match='no image'):
        FaceDataset(Arrays(labels=()))


def test_keys_follow_seed_epoch_and_index_through_the_sampler():
    dataset = FaceDataset(Arrays())
    sampler = EpochSampler(dataset, shuffle=True, seed=5)
    for epoch in (0, 3):
        sampler.set_epoch(epoch)
        assert [dataset[i]['rng_key'] for i in range(4)] == [int(sample_key(5, epoch, i))
                                                             for i in range(4)]


def test_living_workers_see_a_new_epoch():
    dataset = FaceDataset(Arrays())
    sampler = EpochSampler(dataset, shuffle=False, seed=1)
    loader = torch.utils.data.DataLoader(dataset, 4, sampler=sampler, num_workers=1,
                                         persistent_workers=True, collate_fn=face_collate)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        (batch,) = loader
        assert batch['data_samples'].rng_key.tolist() == sample_key(1, epoch,
                                                                    np.arange(4)).tolist()


def test_collate_shapes_and_layout():
    dataset = FaceDataset(Arrays(), [MultiResAug()])
    batch = face_collate([dataset[i] for i in range(3)])
    for view in ('hr', 'lr'):
        images = batch['inputs'][view]
        assert images.shape == (3, 3, 112, 112) and images.dtype == torch.uint8
        assert images.is_contiguous(memory_format=torch.channels_last)
    assert batch['data_samples'].gt_label.tolist() == [0, 1, 2]
    assert batch['data_samples'].lr_resolution.shape == (3,)


def test_multi_res_aug_distribution_and_pixels():
    dataset = FaceDataset(Arrays(), [MultiResAug()])
    source = Arrays()
    counts, flips = {7: 0, 14: 0, 20: 0}, np.zeros((2, 2), int)
    for epoch in range(300):
        dataset.set_epoch(epoch, seed=0)
        for i in range(4):
            sample = dataset[i]
            r = sample['lr_resolution']
            counts[r] += 1
            hr_flipped = not np.array_equal(sample['img'], source.images[i])
            plain = source.images[i][:, ::-1] if hr_flipped else source.images[i]
            assert np.array_equal(sample['img'], plain)
            if epoch < 5:
                low = degrade(source.images[i].transpose(2, 0, 1), r).transpose(1, 2, 0)
                lr_flipped = not np.array_equal(sample['img_lr'], low)
                assert np.array_equal(sample['img_lr'], low[:, ::-1] if lr_flipped else low)
            lr_side = MultiResAug().draw(sample['rng_key'])[2]
            flips[int(hr_flipped), int(lr_side)] += 1
    share = np.array([counts[7], counts[14], counts[20]]) / 1200
    np.testing.assert_allclose(share, [.25, .25, .5], atol=.045)
    np.testing.assert_allclose(flips / 1200, .25, atol=.045)  # the two flips are independent


def test_multi_res_aug_options():
    for flip, same in (('shared', True), (None, True)):
        _, hr, lr = MultiResAug(flip=flip).draw(np.arange(100))
        assert np.array_equal(hr, lr) == same and hr.any() == (flip == 'shared')
    near = MultiResAug(backend='torch').transform(dict(img=Arrays().images[0], rng_key=3))
    exact = MultiResAug().transform(dict(img=Arrays().images[0], rng_key=3))
    gap = np.abs(near['img_lr'].astype(int) - exact['img_lr'])
    assert gap.max() <= 4 and near['lr_resolution'] == exact['lr_resolution']
    for wrong in (dict(resolutions=()), dict(resolutions=(7,), ratio=(1, 1)), dict(flip='maybe'),
                  dict(ratio=(0, 0, 0)), dict(backend='cv2'), dict(resolutions=(0, 1, 2))):
        with pytest.raises(ValueError):
            MultiResAug(**wrong)


def test_fixed_resolution():
    image = Arrays().images[0]
    got = FixedResolution(14).transform(dict(img=image))['img']
    np.testing.assert_array_equal(got, degrade(image.transpose(2, 0, 1), 14).transpose(1, 2, 0))


@pytest.mark.parametrize('config', [
    dict(type='FaceFlip'), dict(type='FixedResolution', resolution=7), dict(type='ResizeFace'),
    dict(type='MultiResAug'), dict(type='AlignFace')])
def test_transforms_are_shown_by_their_settings(config):
    """The embedding cache tells pipelines apart by this: no memory address may be in it."""
    from lrfr_mm.registry import TRANSFORMS
    first, second = (repr(TRANSFORMS.build(config)) for _ in range(2))
    assert first == second and config['type'] in first and ' at 0x' not in first


def test_curriculum_changes_the_ratio_by_epoch():
    augment = MultiResAug(curriculum={0: (0, 0, 1), 2: (1, 0, 0)}, ratio=(0, 1, 0))
    dataset = FaceDataset(Arrays(), [augment])
    seen = {}
    for epoch in range(4):
        dataset.set_epoch(epoch, 5)
        seen[epoch] = {dataset[i]['lr_resolution'] for i in range(len(dataset))}
    assert seen == {0: {20}, 1: {20}, 2: {7}, 3: {7}}
    late = FaceDataset(Arrays(), [MultiResAug(curriculum={2: (1, 0, 0)}, ratio=(0, 1, 0))])
    late.set_epoch(1, 5)
    assert {late[i]['lr_resolution'] for i in range(len(late))} == {14}
    late.set_epoch(2, 5)
    assert {late[i]['lr_resolution'] for i in range(len(late))} == {7}


def test_degradations_are_drawn_equally_often_and_are_what_they_say():
    image = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
    augment = MultiResAug(resolutions=(7,), ratio=(1,), flip=None,
                          degradation=('bicubic', 'nearest', 'camera'))
    kinds = {kind: degrade_image(image, 7, kind) for kind in augment.degradations}
    found = []
    for key in range(600):
        low = augment(dict(img=image, rng_key=key, epoch=0))['img_lr']
        (kind,) = [name for name, want in kinds.items() if np.array_equal(low, want)]
        found.append(kind)
    for kind in kinds:
        assert 160 <= found.count(kind) <= 240
    for wrong in (dict(degradation='lanczos'), dict(degradation=()), dict(curriculum={}),
                  dict(degradation='opencv', backend='torch'), dict(curriculum={-1: (1, 1, 2)})):
        with pytest.raises(ValueError, match=r'degradation|curriculum'):
            MultiResAug(**wrong)
