"""Normalisation, channel order, size and views of FacePreprocessor."""
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lrfr_mm.datasets.collate import face_collate
from lrfr_mm.datasets.transforms import MultiResAug
from lrfr_mm.models import FacePreprocessor, LRFRecognizer
from lrfr_mm.ops.draws import sample_key
from lrfr_mm.structures import FaceDataSample

MEAN, STD = (120., 110., 100.), (60., 50., 40.)


def images_of(rng, count=4, size=112):
    return torch.from_numpy(rng.integers(0, 256, (count, 3, size, size), dtype=np.uint8))


def samples_of(rng, count, landmarks=True):
    points = np.array([[38., 52], [74, 51], [56, 72], [42, 92], [71, 92]], np.float32)
    return [dict(img=rng.integers(0, 256, (112, 112, 3), dtype=np.uint8), gt_label=i, sample_idx=i,
                 epoch=1, rng_key=int(sample_key(0, 1, i)),
                 **(dict(landmarks=points + i) if landmarks else {})) for i in range(count)]


@pytest.mark.parametrize(('mean', 'std'), [(127.5, 127.5), (127.5, 128.), (MEAN, STD), (0, 255),
                                           (127.5, STD), ((1, 2, 3), 1)])
@pytest.mark.parametrize('order', ['rgb', 'bgr'])
def test_normalisation_against_numpy_in_float64(rng, mean, std, order):
    images = images_of(rng)
    preprocessor = FacePreprocessor(mean=mean, std=std, channel_order=order)
    got = preprocessor(dict(inputs=dict(hr=images)))['inputs']['hr']
    means = np.broadcast_to(np.reshape(mean, (-1, 1, 1)), (3, 1, 1))
    stds = np.broadcast_to(np.reshape(std, (-1, 1, 1)), (3, 1, 1))
    want = (images.numpy().astype(np.float64) - means) / stds
    if order == 'bgr':
        want = want[:, ::-1]
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(preprocessor.denormalise(got).numpy(), images.numpy(), atol=1e-3)


def test_nothing_of_it_is_in_a_checkpoint():
    assert not FacePreprocessor(mean=MEAN, std=STD).state_dict()


@pytest.mark.parametrize('options', [dict(mean=(1, 2)), dict(std=(1., 0., 1.)), dict(std=-1),
                                     dict(channel_order='RGB'), dict(size=0),
                                     dict(multi_res=dict(degradation='lanczos'))])
def test_arguments_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options)).replace('multi_res', 'degradation')):
        FacePreprocessor(**options)


class WithStatistics(nn.Module):
    out_channels, out_size = 3, 1
    pretrained_mean, pretrained_std = MEAN, STD

    def forward(self, x):
        return x.mean((2, 3))


class WithoutStatistics(WithStatistics):
    pretrained_mean = pretrained_std = None


def test_a_recognizer_takes_the_statistics_of_its_backbone(rng):
    settings = dict(type='FacePreprocessor', mean='timm', std='timm')
    model = LRFRecognizer(WithStatistics(), nn.Identity(), data_preprocessor=settings)
    images = images_of(rng)
    torch.testing.assert_close(model.data_preprocessor(dict(inputs=images))['inputs']['hr'],
                               FacePreprocessor(MEAN, STD)(dict(inputs=images))['inputs']['hr'])
    with pytest.raises(ValueError, match="mean='timm'"):
        LRFRecognizer(WithoutStatistics(), nn.Identity(), data_preprocessor=settings)
    with pytest.raises(ValueError, match='no recognizer'):
        FacePreprocessor(mean='timm', std='timm')(dict(inputs=images))


def test_the_size_of_the_network(rng):
    gradient = np.linspace(10, 240, 112)[None, None].repeat(3, 0).repeat(112, 1)
    image = np.rint(gradient).astype(np.uint8)
    sample = FaceDataSample()
    sample.set_data(dict(landmarks=torch.tensor([[[0., 0], [111, 0], [55.5, 55.5], [0, 111],
                                                  [111, 111]]])))
    for size in (160, 56):
        preprocessor = FacePreprocessor(mean=0, std=1, size=size)
        out = preprocessor(dict(inputs=torch.from_numpy(image)[None], data_samples=sample))
        got = out['inputs']['hr'][0].numpy()
        want = np.stack([Image.fromarray(plane.astype(np.float32), 'F').resize(
            (size, size), Image.Resampling.BICUBIC) for plane in image])
        np.testing.assert_allclose(got, want, atol=.05)
        scale = size / 112
        centre = (size - 1) / 2
        torch.testing.assert_close(out['data_samples'].landmarks[0, 2],
                                   torch.full((2,), centre))
        torch.testing.assert_close(out['data_samples'].landmarks[0, 0],
                                   torch.full((2,), .5 * scale - .5))
    assert sample.landmarks[0, 1, 0] == 111  # the caller's own samples stay as they are


@pytest.mark.parametrize('options', [
    dict(), dict(flip='shared'), dict(flip=None), dict(degradation='area'),
    dict(degradation=('bicubic', 'nearest', 'camera')),
    dict(curriculum={0: (1, 0, 0), 1: (0, 0, 1)})])
def test_the_device_makes_what_the_transform_makes(rng, options):
    samples = samples_of(rng, 12)
    want = FacePreprocessor()(face_collate([MultiResAug(**options)(dict(s)) for s in samples]),
                              True)
    got = FacePreprocessor(multi_res=options)(face_collate(samples), True)
    for view in ('hr', 'lr'):
        torch.testing.assert_close(got['inputs'][view], want['inputs'][view], rtol=0, atol=0)
    for field in ('landmarks', 'landmarks_lr', 'lr_resolution'):
        torch.testing.assert_close(got['data_samples'].get(field), want['data_samples'].get(field),
                                   rtol=0, atol=0)


def test_lists_of_samples_get_landmarks_too(rng):
    samples = samples_of(rng, 4)
    batch = face_collate(samples)
    singles = []
    for k in range(4):
        single = FaceDataSample()
        single.set_data({name: batch['data_samples'].get(name)[k]
                         for name in ('gt_label', 'rng_key', 'landmarks')})
        singles.append(single)
    preprocessor = FacePreprocessor(multi_res=dict())
    want = preprocessor(batch, True)
    got = preprocessor(dict(inputs=list(batch['inputs']['hr']), data_samples=singles), True)
    torch.testing.assert_close(got['inputs']['lr'], want['inputs']['lr'])
    for k, sample in enumerate(got['data_samples']):
        torch.testing.assert_close(sample.landmarks_lr, want['data_samples'].landmarks_lr[k])


def test_plain_tensors_get_two_views(rng):
    images = images_of(rng, 40)
    outs = [FacePreprocessor(multi_res=dict(), seed=seed)(dict(inputs=images), True)['inputs']
            for seed in (0, 0, 1)]
    assert outs[0].keys() == {'hr', 'lr'}
    torch.testing.assert_close(outs[0]['lr'], outs[1]['lr'])
    assert not torch.equal(outs[0]['lr'], outs[2]['lr'])
    again = FacePreprocessor(multi_res=dict())
    first, second = (again(dict(inputs=images), True)['inputs']['lr'] for _ in range(2))
    assert not torch.equal(first, second)  # another step, other draws
    assert again(dict(inputs=images))['inputs'].keys() == {'hr'}


def test_a_curriculum_needs_the_epoch(rng):
    with pytest.raises(ValueError, match='epoch'):
        FacePreprocessor(multi_res=dict(curriculum={0: (1, 1, 1)}))(
            dict(inputs=images_of(rng)), True)
