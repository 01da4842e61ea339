# demo.py without the method: HR views only, CosFace only (the paper's Baseline).
_base_ = ['../_base_/models/lrf_demo.py', '../_base_/datasets/synthetic.py',
          '../_base_/schedules/adamw_short.py', '../_base_/default_runtime.py']
model = dict(contrast_loss=None)
train_dataloader = dict(dataset=dict(pipeline=[dict(type='FaceFlip')]))
