# The paper's small run: ResNet-34 on CASIA-WebFace (published: LFW 99.03, XQLFW 92.18).
_base_ = ['../_base_/models/lrf_r50.py', '../_base_/datasets/recordio.py',
          '../_base_/schedules/sgd_webface.py', '../_base_/default_runtime.py']
model = dict(backbone=dict(depth=34))
train_dataloader = dict(dataset=dict(source=dict(root='data/casia-webface')))
