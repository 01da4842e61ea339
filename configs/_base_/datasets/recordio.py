# A training set in RecordIO form, and every benchmark that a paper's tables need, where it is there
# (docs/datasets.md says what to put where; one that is missing is skipped with a line).
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
test_dataloader = dict(
    batch_size=128,
    num_workers=4,
    dataset=[*val_dataloader['dataset'],
             dict(type='CFPPairs', name='cfp_fp', root=data_root + 'cfp', kind='FP',
                  images=data_root + 'cfp/aligned'),
             dict(type='CFPPairs', name='cfp_ff', root=data_root + 'cfp', kind='FF',
                  images=data_root + 'cfp/aligned'),
             dict(type='PairBin', name='agedb_30', path=data_root + 'bin/agedb_30.bin'),
             dict(type='PairList', name='calfw', root=data_root + 'calfw/aligned',
                  pairs=data_root + 'calfw/pairs_CALFW.txt', form='two_lines'),
             dict(type='PairList', name='cplfw', root=data_root + 'cplfw/aligned',
                  pairs=data_root + 'cplfw/pairs_CPLFW.txt', form='two_lines'),
             dict(type='SCface', name='scface', root=data_root + 'scface/aligned', seed=0),
             dict(type='TinyFace', name='tinyface', root=data_root + 'tinyface',
                  images=data_root + 'tinyface/aligned'),
             dict(type='SurvFace', name='survface', root=data_root + 'survface',
                  images=data_root + 'survface/aligned'),
             dict(type='SurvFacePairs', name='survface_pairs', root=data_root + 'survface',
                  images=data_root + 'survface/aligned'),
             dict(type='IJB', name='ijbb', root=data_root + 'ijbb'),
             dict(type='IJB', name='ijbc', root=data_root + 'ijbc')])
test_evaluator = [*val_evaluator,
                  dict(type='ResolutionSweep', benchmark='lfw'),
                  dict(type='ResolutionSweep', benchmark='lfw', sides='cross'),
                  dict(type='PairVerification', benchmark='cfp_fp'),
                  dict(type='PairVerification', benchmark='cfp_ff'),
                  dict(type='PairVerification', benchmark='agedb_30', protocol='insightface',
                       flip_test='sum'),
                  dict(type='PairVerification', benchmark='calfw'),
                  dict(type='PairVerification', benchmark='cplfw'),
                  dict(type='Identification', benchmark='scface', flip_test='none', ks=(1, 5)),
                  dict(type='Identification', benchmark='tinyface', flip_test='sum',
                       average_precision='trapezoid'),
                  dict(type='Identification', benchmark='survface', flip_test='none',
                       fpirs=(.01, .1, .2, .3)),
                  dict(type='PairVerification', benchmark='survface_pairs', flip_test='none',
                       fars=(.001, .01, .1, .3)),
                  dict(type='TemplateVerification', benchmark='ijbb'),
                  dict(type='TemplateVerification', benchmark='ijbc')]
