# Two small public sets of real faces, people of the test unseen in training:
# data/real_faces/att_faces/s01 ... s30 (AT&T) and data/real_faces/yaleb_cropped/12 ... 30 (Extended
# Yale B, cropped), one folder a person. Elsewhere: --cfg-options data_root=/path/
_base_ = ['../faces_folder.py']
data_root = 'data/real_faces/'
train_cfg = dict(max_epochs=30, val_interval=30)
param_scheduler = [dict(type='LinearLR', start_factor=.05, by_epoch=True, begin=0, end=3,
                        convert_to_iter_based=True),
                   dict(type='CosineAnnealingLR', by_epoch=True, begin=3, end=30,
                        convert_to_iter_based=True)]
train_dataloader = dict(
    num_workers=1,
    dataset=dict(source=dict(_delete_=True, type='ConcatFaces', sources=[
        dict(type='FolderFaces', root=data_root + 'att_faces', identities=['s01..s24']),
        dict(type='FolderFaces', root=data_root + 'yaleb_cropped', identities=['12..26'])])))
val_dataloader = dict(
    num_workers=1,
    dataset=[
        dict(type='SampledPairs', name='att', num_pairs=500, seed=0, alignment='none',
             source=dict(type='FolderFaces', root=data_root + 'att_faces',
                         identities=['s25..s30']),
             pipeline=[dict(type='ResizeFace', size=112)]),
        dict(type='SampledPairs', name='yaleb', num_pairs=6000, seed=0, alignment='eyes',
             source=dict(type='FolderFaces', root=data_root + 'yaleb_cropped',
                         identities=['27..30']))])
val_evaluator = [dict(type='PairVerification', benchmark='att'),
                 dict(type='PairVerification', benchmark='yaleb')]
test_dataloader = dict(
    batch_size=128, num_workers=1,
    dataset=[*val_dataloader['dataset'],
             dict(type='SampledGallery', name='att_1n', alignment='none',
                  source=dict(type='FolderFaces', root=data_root + 'att_faces',
                              identities=['s25..s30']),
                  pipeline=[dict(type='ResizeFace', size=112)]),
             dict(type='SampledGallery', name='yaleb_1n', gallery_images=4, alignment='eyes',
                  source=dict(type='FolderFaces', root=data_root + 'yaleb_cropped',
                              identities=['27..30']))])
test_evaluator = [*val_evaluator,
                  dict(type='Identification', benchmark='att_1n', ks=(1, 3)),
                  dict(type='Identification', benchmark='yaleb_1n', ks=(1, 3)),
                  dict(type='ResolutionSweep', benchmark='att', prefix='att_sweep'),
                  dict(type='ResolutionSweep', benchmark='att', sides='cross', prefix='att_cross'),
                  dict(type='ResolutionSweep', benchmark='yaleb', prefix='yaleb_sweep'),
                  dict(type='ResolutionSweep', benchmark='yaleb', sides='cross',
                       prefix='yaleb_cross')]
