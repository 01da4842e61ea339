# Relation distillation (AIRD; Shi et al., 2024): the student's LR faces are to be as similar to
# each other as a frozen teacher finds their HR views. The teacher is a finished run of baseline.py.
_base_ = ['_base_/drawn_faces.py']
model = dict(
    teacher=dict(type='FrozenTeacher', model='configs/methods/baseline.py',
                 checkpoint='work_dirs/baseline/epoch_14.pth'),
    losses=[dict(type='FeatureDistillationLoss', loss_weight=1.),
            dict(type='RelationDistillationLoss', loss_weight=10.)])
teacher_row = 'baseline'  # in a study
search = {'model.losses.1.loss_weight': [1., 10., 100.]}
