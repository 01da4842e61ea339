# Octuplet loss (Knoche et al., FG 2023). The authors fine-tune a trained network by it alone; here
# it joins the classification, so that every system has one training.
_base_ = ['_base_/drawn_faces.py']
model = dict(losses=[dict(type='OctupletLoss', margin=.5, loss_weight=1.)])
train_dataloader = dict(sampler=dict(_delete_=True, type='PKSampler', people=16, images=4))
search = {'model.losses.0.loss_weight': [.1, 1., 10.]}
