# A ViT-S with 8 px patches: 14x14 tokens. The rest is r50_ms1m.py.
_base_ = ['../_base_/models/lrf_r50.py', '../_base_/datasets/recordio.py',
          '../_base_/schedules/sgd_ms1m.py', '../_base_/default_runtime.py']
model = dict(backbone=dict(_delete_=True, type='TIMMBackbone', model_name='vit_small_patch16_224',
                           patch_size=8))
