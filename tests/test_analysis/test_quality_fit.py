import torch
from mmengine.config import Config

from lrfr_mm.analysis.quality_fit import fit_quality
from lrfr_mm.registry import MODELS


def test_the_fit_reads_the_training_set_of_a_config(tmp_path):
    config = Config(dict(
        model=dict(type='LRFRecognizer', neck=dict(type='PoolNeck', embed_dim=16),
                   backbone=dict(type='TIMMBackbone', model_name='mobilenetv4_conv_small_035',
                                 out='pooled'),
                   head=dict(type='MagFaceHead', num_classes=4)),
        train_dataloader=dict(dataset=dict(source=dict(
            type='SyntheticFaces', num_identities=4, images_per_identity=3)))))
    torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), tmp_path / 'epoch_1.pth')
    weight, (plain, weighted) = fit_quality(config, str(tmp_path / 'epoch_1.pth'), num_pairs=20,
                                            resolutions=(7,), far=.2)
    assert set(weight) == {'slope', 'offset'} and 0 <= plain <= weighted <= 1
