# AdaDistill (Boutros et al., ECCV 2024): the student's LR faces are classified by class centres
# that come from a frozen teacher. The teacher is a finished run of baseline.py.
_base_ = ['_base_/drawn_faces.py']
model = dict(
    teacher=dict(type='FrozenTeacher', model='configs/methods/baseline.py',
                 checkpoint='work_dirs/baseline/epoch_14.pth'),
    losses=[dict(type='ClassCenterDistillationLoss', scale=64, margin=.35, loss_weight=1.)])
teacher_row = 'baseline'  # in a study
search = {'model.losses.0.loss_weight': [.1, .3, 1.]}
