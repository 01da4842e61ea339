# As methods_base, from a trained recognizer: every method starts from the same backbone, trained by
# methods_start on sharp faces of other people, with a new neck and a new head. So a short training
# compares what the methods bring to a recognizer instead of how fast they begin to learn. The Face
# Transformers start from their own networks, trained on the same faces.
_base_ = './methods_base.py'
model = dict(backbone=dict(init_cfg=dict(
    type='Pretrained', checkpoint='data/methods_start.pth', prefix='backbone.')))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_epochs=4)
param_scheduler = [dict(type='LinearLR', start_factor=.05, by_epoch=True, begin=0, end=.5,
                        convert_to_iter_based=True),
                   dict(type='CosineAnnealingLR', by_epoch=True, begin=.5, end=4,
                        convert_to_iter_based=True)]
method_values = {
    f'face_transformer_{_name}': {
        'model.backbone.embed_dim': 64, 'model.backbone.depth': 4, 'model.backbone.num_heads': 4,
        'model.backbone.init_cfg': dict(type='Pretrained', prefix='backbone.',
                                        checkpoint=f'data/methods_start_{_name}.pth')}
    for _name in ('p8s8', 'p12s8')}
