# A ConvNeXt-T, its stem at stride 2: 7x7 maps. The rest is r50_ms1m.py.
_base_ = ['../_base_/models/lrf_r50.py', '../_base_/datasets/recordio.py',
          '../_base_/schedules/sgd_ms1m.py', '../_base_/default_runtime.py']
model = dict(backbone=dict(_delete_=True, type='TIMMBackbone', model_name='convnext_tiny',
                           stem_stride=2))
