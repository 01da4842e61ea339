# A MobileNetV4, its stem at stride 1: 7x7 maps. The rest is r50_ms1m.py.
_base_ = ['../_base_/models/lrf_r50.py', '../_base_/datasets/recordio.py',
          '../_base_/schedules/sgd_ms1m.py', '../_base_/default_runtime.py']
model = dict(backbone=dict(_delete_=True, type='TIMMBackbone', model_name='mobilenetv4_conv_medium',
                           stem_stride=1))
