# As distill_folder, with low-rank adapters: only they are trained: 87 k weights of
# 1.29 M (6.7 %). The checkpoint has them (0.35 MB) and the neck (1.5 MB).
_base_ = './distill_folder.py'
load_from = None
model = dict(
    backbone=dict(_delete_=True, type='LoRABackbone', base={{_base_.model.backbone}},
                  checkpoint='data/adapt/recognizer.pth', target=('conv',), rank=8),
    neck=dict(init_cfg=dict(type='Pretrained', checkpoint='data/adapt/recognizer.pth',
                            prefix='neck.')))
optim_wrapper = dict(optimizer=dict(lr=2e-3), constructor='AdaptationConstructor',
                     paramwise_cfg=dict(frozen=['neck']))
