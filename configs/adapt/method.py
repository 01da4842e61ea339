# The paper's method as fine-tuning: people with labels (data_root/train/NAME/*), class weights from
# the means of their embeddings, layers near the input adapted more slowly.
_base_ = './distill_folder.py'
data_root = 'data/adapt/'
model = dict(teacher=None, losses=None,
             head=dict(type='CosFaceHead', scale=48, margin=.4),
             contrast_loss=dict(type='LogFExpLoss', p=1, loss_weight=1.))
train_dataloader = dict(dataset=dict(source=dict(_delete_=True, type='FolderFaces',
                                                 root=data_root + 'train')))
custom_hooks = [dict(type='InvalidLossHook'), dict(type='ReportHook'), dict(type='ClassMeansHook')]
optim_wrapper = dict(optimizer=dict(lr=2e-4), constructor='AdaptationConstructor',
                     paramwise_cfg=dict(layer_decay=.75))
