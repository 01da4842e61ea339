# Bridge distillation (Ge et al., TIP 2020): the teacher is first adapted to LR views of public
# faces, then distilled. The adapted teacher is a finished run of cosface.py, which saw both views.
# Deviation: the paper adapts by distilling too, and its student is smaller than its teacher.
_base_ = ['_base_/drawn_faces.py']
model = dict(
    teacher=dict(type='FrozenTeacher', model='configs/methods/cosface.py',
                 checkpoint='work_dirs/cosface/epoch_14.pth'),
    losses=[dict(type='FeatureDistillationLoss', loss_weight=1.),
            dict(type='RelationDistillationLoss', loss_weight=10.)])
teacher_row = 'cosface'  # in a study
search = {'model.losses.0.loss_weight': [1., 3., 10.]}
