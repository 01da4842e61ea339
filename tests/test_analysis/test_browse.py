"""The sheet of training samples, and the size of a model."""
import numpy as np
import pytest
from mmengine.config import Config

from lrfr_mm.analysis.browse import contact_sheet, training_samples
from lrfr_mm.analysis.complexity import model_size
from lrfr_mm.datasets import SyntheticFaces
from lrfr_mm.models.build import embedding_config
from lrfr_mm.ops.align import flip_landmarks
from lrfr_mm.ops.resample import degrade_array
from lrfr_mm.registry import MODELS, TRANSFORMS
from tests.test_configs import ROOT


@TRANSFORMS.register_module()
class FixedPoints:
    """Landmarks of the template for every face."""

    def __call__(self, results):
        return dict(results, landmarks=np.array([[38., 52], [74, 51], [56, 72], [42, 92],
                                                 [71, 92]]))


def config_of(pipeline, **preprocessor):
    return Config(dict(
        model=dict(data_preprocessor=dict(type='FacePreprocessor', **preprocessor)),
        train_dataloader=dict(dataset=dict(
            type='FaceDataset', pipeline=pipeline,
            source=dict(type='SyntheticFaces', num_identities=3, images_per_identity=2)))))


@pytest.fixture(scope='module')
def faces():
    from lrfr_mm.datasets.decode import decode
    source = SyntheticFaces(3, 2)
    return [decode(data) if isinstance(data, bytes) else data
            for data, _ in map(source.read, range(6))]


@pytest.mark.parametrize('where', ['transform', 'device'])
def test_what_is_shown_is_what_the_training_gets(faces, where):
    points = dict(type='FixedPoints')
    config = (config_of([points, dict(type='MultiResAug')]) if where == 'transform'
              else config_of([points], multi_res=dict()))
    seen = training_samples(config, 6, epoch=1)
    assert sorted(s.index for s in seen) == list(range(6))
    for sample in seen:
        face = faces[sample.index]
        assert sample.label == sample.index // 2
        low = degrade_array(face, sample.resolution)
        for got, want, marks in ((sample.hr, face, sample.landmarks),
                                 (sample.lr, low, sample.landmarks_lr)):
            flipped = not np.array_equal(got, want)
            np.testing.assert_array_equal(got, want[:, ::-1] if flipped else want)
            plain = FixedPoints()({})['landmarks']
            np.testing.assert_allclose(marks, flip_landmarks(plain, 112) if flipped else plain)


def test_the_sheet_shows_every_view_in_its_place(faces):
    seen = training_samples(config_of([dict(type='MultiResAug')]), 5)
    sheet = np.asarray(contact_sheet(seen, columns=2))
    assert sheet.shape == (3 * (2 * 112 + 20) - 4, 2 * 116 - 4, 3)
    for k, sample in enumerate(seen):
        x, y = k % 2 * 116, k // 2 * 244
        np.testing.assert_array_equal(sheet[y:y + 112, x:x + 112], sample.hr)
        np.testing.assert_array_equal(sheet[y + 112:y + 224, x:x + 112], sample.lr)
        assert (sheet[y + 224:y + 240, x:x + 112] < 128).any()  # a caption
    alone = training_samples(config_of([]), 2)
    assert alone[0].lr is None and contact_sheet(alone).size == (2 * 116 - 4, 112 + 16)
    with pytest.raises(ValueError, match='at least 1'):
        training_samples(config_of([]), 0)


@pytest.mark.parametrize(('name', 'gflop', 'million'), [('r34_webface', 7.16, 34.1),
                                                        ('r50_ms1m', 8.08, 74.9)])
def test_the_papers_networks_have_the_papers_size(name, gflop, million):
    config = Config.fromfile(ROOT / 'configs' / 'lrfr' / f'{name}.py')
    backbone, neck, total = model_size(MODELS.build(embedding_config(config.model)))
    assert (backbone.name, neck.name, total.name) == ('backbone', 'neck', 'total')
    assert round(total.flops / 1e9, 2) == gflop
    assert round(total.parameters / 1e6, 1) == million
    channels = backbone.output[0]
    assert backbone.output == (channels, 7, 7) and total.output == (512,)
    assert neck.flops == 2 * 512 * channels * 49


def test_a_size_that_does_not_fit_is_said():
    config = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'r34_webface.py')
    with pytest.raises(ValueError, match='224'):
        model_size(MODELS.build(embedding_config(config.model)), 224)
