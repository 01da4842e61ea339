# Your own faces: one folder a person, train/ and test/ with different people.
data_root = 'data/faces/'
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    collate_fn=dict(type='lrfr_mm.face_collate'),
    dataset=dict(type='FaceDataset',
                 source=dict(type='FolderFaces', root=data_root + 'train'),
                 pipeline=[dict(type='ResizeFace', size=112),
                           dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(1, 1, 2))]))
val_dataloader = dict(
    batch_size=128,
    num_workers=2,
    dataset=[dict(type='SampledPairs', name='faces', num_pairs=6000, seed=0,
                  source=dict(type='FolderFaces', root=data_root + 'test'),
                  pipeline=[dict(type='ResizeFace', size=112)])])
val_evaluator = [dict(type='PairVerification', benchmark='faces')]
test_dataloader = dict(
    batch_size=128,
    num_workers=2,
    dataset=[*val_dataloader['dataset'],
             dict(type='SampledGallery', name='faces_1n',
                  source=dict(type='FolderFaces', root=data_root + 'test'),
                  pipeline=[dict(type='ResizeFace', size=112)])])
test_evaluator = [*val_evaluator,
                  dict(type='Identification', benchmark='faces_1n'),
                  dict(type='ResolutionSweep', benchmark='faces'),
                  dict(type='ResolutionSweep', benchmark='faces', sides='cross')]
