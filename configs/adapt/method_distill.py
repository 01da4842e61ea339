# Both: the paper's method on people with labels, and the teacher's embeddings.
_base_ = './method.py'
model = dict(
    teacher=dict(_delete_=True, type='FrozenTeacher', model={{_base_.model}},
                 checkpoint='data/adapt/recognizer.pth',
                 cache='data/adapt/teacher'),
    losses=[dict(type='FeatureDistillationLoss', loss_weight=10.),
            dict(type='KeepHRLoss', loss_weight=20.)])
