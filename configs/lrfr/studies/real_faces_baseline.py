# real_faces.py without the method: HR views only, CosFace only (the paper's Baseline).
_base_ = ['real_faces.py']
model = dict(contrast_loss=None)
train_dataloader = dict(dataset=dict(pipeline=[dict(type='ResizeFace', size=112),
                                               dict(type='FaceFlip')]))
