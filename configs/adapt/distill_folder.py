# Distillation without labels from a directory of aligned faces (data_root/faces, any depth) and
# nothing else: the network as it is teaches a copy of itself what small faces are. The student's LR
# embedding is to be the teacher's HR embedding; KeepHRLoss holds sharp faces where they were.
# Another recognizer: tools/adapt.py (see docs/adapt.md).
_base_ = ['../_base_/models/public_mobile_face_net.py', '../_base_/schedules/adamw_adapt.py',
          '../_base_/default_runtime.py']
data_root = 'data/adapt/'
load_from = data_root + 'recognizer.pth'
model = dict(
    teacher=dict(type='FrozenTeacher', model={{_base_.model}}, checkpoint=load_from,
                 cache=data_root + 'teacher'),
    losses=[dict(type='FeatureDistillationLoss', loss_weight=.5),  # 1/2 |a - b|^2 = 1 - cosine
            dict(type='KeepHRLoss', loss_weight=1.)])
train_dataloader = dict(
    batch_size=32, num_workers=1, persistent_workers=True, drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True), collate_fn=dict(type='lrfr_mm.face_collate'),
    dataset=dict(type='FaceDataset',
                 source=dict(type='UnlabelledFaces', root=data_root + 'faces'),
                 pipeline=[dict(type='ResizeFace', size=112),
                           dict(type='MultiResAug', resolutions=(7, 10, 14, 20),
                                ratio=(1, 1, 1, 1), flip='shared')]))
# People of whom several pictures are known, for the measurement alone: data_root/test/NAME/*.
val_dataloader = dict(
    batch_size=64, num_workers=1,
    dataset=[dict(type='SampledPairs', name='faces', num_pairs=3000, seed=0,
                  source=dict(type='FolderFaces', root=data_root + 'test'),
                  pipeline=[dict(type='ResizeFace', size=112)])])
val_evaluator = [dict(type='PairVerification', benchmark='faces')]
test_dataloader = val_dataloader
test_evaluator = [*val_evaluator, dict(type='ResolutionSweep', benchmark='faces'),
                  dict(type='ResolutionSweep', benchmark='faces', sides='cross')]
