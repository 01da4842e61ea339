# Drawn faces, rendered once into data/ and read from there: no person of the test is trained on.
data_root = 'data/'
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    collate_fn=dict(type='lrfr_mm.face_collate'),
    dataset=dict(type='FaceDataset',
                 source=dict(type='SyntheticFaces', num_identities=240, images_per_identity=20,
                             cache=data_root + 'synthetic'),
                 pipeline=[dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(1, 1, 2))]))
val_dataloader = dict(
    batch_size=100,
    num_workers=1,
    dataset=[dict(type='SampledPairs', name='synthetic', num_pairs=3000, seed=0,
                  alignment='drawn on the five-point template',
                  source=dict(type='SyntheticFaces', num_identities=100, images_per_identity=10,
                              first_identity=1000000, cache=data_root + 'synthetic'))])
val_evaluator = [dict(type='PairVerification', benchmark='synthetic')]
test_dataloader = val_dataloader
test_evaluator = [*val_evaluator,
                  dict(type='ResolutionSweep', benchmark='synthetic'),
                  dict(type='ResolutionSweep', benchmark='synthetic', sides='cross')]
