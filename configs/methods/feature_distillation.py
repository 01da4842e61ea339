# Feature distillation (Massoli et al., 2020): the student's LR embedding is drawn to the embedding
# that a frozen teacher has of the HR face. The teacher is a finished run of baseline.py.
_base_ = ['_base_/drawn_faces.py']
model = dict(
    teacher=dict(type='FrozenTeacher', model='configs/methods/baseline.py',
                 checkpoint='work_dirs/baseline/epoch_14.pth'),
    losses=[dict(type='FeatureDistillationLoss', loss_weight=1.)])
teacher_row = 'baseline'  # in a study
search = {'model.losses.0.loss_weight': [1., 3., 10.]}
