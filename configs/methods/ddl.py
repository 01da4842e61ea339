# Distribution distillation (Huang et al., ECCV 2020).
_base_ = ['_base_/drawn_faces.py']
model = dict(losses=[dict(type='DistributionDistillationLoss', positive_weight=.1,
                          negative_weight=.02, order_weight=.5, loss_weight=1.)])
train_dataloader = dict(sampler=dict(_delete_=True, type='PKSampler', people=16, images=4))
search = {'model.losses.0.loss_weight': [1., 3., 10.]}
