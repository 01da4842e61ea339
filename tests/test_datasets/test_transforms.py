"""The transforms alone, as anybody's mmengine pipeline calls them."""
import numpy as np
import pytest
from mmcv.transforms import Compose
from mmcv.transforms import RandomFlip as RandomFlipOfMmcv
from torch.utils.data import DataLoader, Dataset

from lrfr_mm.datasets.transforms import FaceFlip, MultiResAug, RandomFlip
from lrfr_mm.ops.align import TEMPLATE, centre_crop, crop_landmarks, flip_landmarks, warp_face
from lrfr_mm.registry import TRANSFORMS

ALONE = [dict(type='MultiResAug'), dict(type='MultiResAug', backend='torch'),
         dict(type='MultiResAug', degradation=('bicubic', 'camera')), dict(type='FaceFlip'),
         dict(type='RandomFlip'), dict(type='AlignmentJitter'), dict(type='RandomZeroCrop'),
         dict(type='RandomLowResolution'), dict(type='RandomPhotometric'),
         dict(type='FixedResolution', resolution=7),
         dict(type='ResizeFace', size=96), dict(type='CropFace', box=(.1, .1, .9, 1.05))]


@pytest.mark.parametrize('config', ALONE, ids=lambda c: '-'.join(map(str, c.values())))
def test_a_transform_needs_nothing_but_an_image(rng, config):
    image = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
    first, second = (TRANSFORMS.build(config) for _ in range(2))
    for _ in range(5):
        one, two = (transform(dict(img=image.copy())) for transform in (first, second))
        for key in one:
            np.testing.assert_array_equal(one[key], two[key])
    assert Compose([config])(dict(img=image.copy()))['img'].dtype == np.uint8


def test_every_transform_of_ours_is_in_that_table():
    import lrfr_mm.datasets.transforms  # noqa: F401
    ours = {name for name, kind in TRANSFORMS.module_dict.items()
            if kind.__module__.startswith('lrfr_mm.')}
    needs_more = {'AlignFace'}  # landmarks or a detector
    assert ours == {config['type'] for config in ALONE} | needs_more


def test_without_a_key_the_draws_differ_from_call_to_call_and_follow_the_seed(rng):
    image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)

    def resolutions(seed):
        transform = MultiResAug(seed=seed)
        return [transform(dict(img=image))['lr_resolution'] for _ in range(40)]

    assert resolutions(0) == resolutions(0) != resolutions(1)
    assert set(resolutions(0)) == {7, 14, 20}


class Plain(Dataset):
    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return self.transform(dict(img=np.zeros((32, 32, 3), np.uint8)))['lr_resolution']


def test_loader_workers_draw_different_numbers():
    batches = list(DataLoader(Plain(MultiResAug()), batch_size=10, num_workers=2))
    assert not batches[0].equal(batches[1])  # the first batch of each worker


def test_a_curriculum_without_an_epoch_is_an_error():
    transform = MultiResAug(curriculum={0: (1, 0, 0)})
    with pytest.raises(ValueError, match="'epoch'"):
        transform(dict(img=np.zeros((32, 32, 3), np.uint8), rng_key=3))


def test_the_flip_does_not_take_mmcvs_name_away():
    from mmcv.transforms import TRANSFORMS as MMCV
    assert RandomFlip is FaceFlip and MMCV.get('mmcv.RandomFlip') is RandomFlipOfMmcv
    assert TRANSFORMS.get('FaceFlip') is TRANSFORMS.get('RandomFlip') is FaceFlip


@pytest.mark.parametrize('count', [5, 4, 2])
def test_landmarks_are_mirrored_with_their_image(count):
    points = np.array([[10., 20], [40, 22], [26, 33], [15, 50], [38, 51]])[:count]
    image = np.zeros((64, 64, 3), np.uint8)
    for k, (x, y) in enumerate(points.astype(int)):
        image[y, x] = k + 1
    out = FaceFlip(prob=1.)(dict(img=image, landmarks=points))
    partner = {5: [2, 1, 3, 5, 4], 4: [2, 1, 3, 4], 2: [2, 1]}[count]
    for (x, y), value in zip(out['landmarks'].astype(int), partner):
        assert out['img'][y, x, 0] == value
    np.testing.assert_array_equal(flip_landmarks(out['landmarks'], 64), points)
    kept = FaceFlip(prob=0.)(dict(img=image, landmarks=points))
    np.testing.assert_array_equal(kept['landmarks'], points)
    with pytest.raises(ValueError, match=r'\(3, 2\)'):
        flip_landmarks(points[:1].repeat(3, 0), 64)


def test_each_view_has_its_own_landmarks():
    points = TEMPLATE.copy()
    image = np.zeros((112, 112, 3), np.uint8)
    image[52, 38] = 255
    seen = set()
    for key in range(40):
        out = MultiResAug(resolutions=(112,), ratio=(1,))(
            dict(img=image, rng_key=key, landmarks=points))
        for img, marks in ((out['img'], out['landmarks']), (out['img_lr'], out['landmarks_lr'])):
            flipped = img[52, 38, 0] == 0
            np.testing.assert_allclose(marks, flip_landmarks(points, 112) if flipped else points)
        seen.add((out['img'][52, 38, 0] == 0, out['img_lr'][52, 38, 0] == 0))
    assert len(seen) == 4


@pytest.mark.parametrize('shape', [(112, 112), (200, 150), (90, 140)])
def test_the_centre_crop_moves_landmarks_with_the_image(shape):
    """The crop, aligned by its own landmarks, shows what the image shows, aligned by its own."""
    h, w = shape
    y, x = np.mgrid[:h, :w]
    image = np.stack([x * 255 / w, y * 255 / h, (x + y) * 100 / (w + h)], -1).astype(np.uint8)
    side = .8 * min(h, w)  # of the face, in the middle of the image
    points = TEMPLATE / 112 * side + [(w - side) / 2, (h - side) / 2]
    moved = crop_landmarks(points, image.shape, 112)
    direct, cropped = warp_face(image, points), warp_face(centre_crop(image), moved)
    assert np.abs(direct.astype(int) - cropped)[8:-8, 8:-8].max() <= 4
