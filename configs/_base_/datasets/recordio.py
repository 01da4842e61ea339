# A training set in RecordIO form; the benchmarks of the paper's tables that pairs can tell.
data_root = 'data/'
train_dataloader = dict(
    batch_size=256,  # a process; the paper's 256 on two GPUs is 128 here
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    collate_fn=dict(type='lrfr_mm.face_collate'),
    dataset=dict(type='FaceDataset',
                 source=dict(type='RecordIOFaces', root=data_root + 'ms1mv2'),
                 pipeline=[dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(1, 1, 2))]))
val_dataloader = dict(
    batch_size=128,
    num_workers=4,
    dataset=[dict(type='PairList', name='lfw', root=data_root + 'lfw/aligned',
                  pairs=data_root + 'lfw/pairs.txt'),
             dict(type='PairList', name='xqlfw', root=data_root + 'xqlfw/aligned',
                  pairs=data_root + 'xqlfw/xqlfw_pairs.txt')])
val_evaluator = [dict(type='PairVerification', benchmark='lfw', protocol='lrfr'),
                 dict(type='PairVerification', benchmark='xqlfw', protocol='xqlfw')]
test_dataloader = val_dataloader
test_evaluator = [*val_evaluator,
                  dict(type='ResolutionSweep', benchmark='lfw'),
                  dict(type='ResolutionSweep', benchmark='lfw', sides='cross')]
