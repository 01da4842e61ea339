# As distill_folder, for faces of cameras: half of the LR views are of the second-order pipeline,
# and all have an error of the alignment.
_base_ = './distill_folder.py'
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='ResizeFace', size=112),
    dict(type='MultiResAug', resolutions=(7, 10, 14, 20), ratio=(1, 1, 1, 1), flip='shared',
         degradation=('bicubic', 'second_order'),
         jitter=dict(scale=.04, rotation=4., shift=.02, elastic=.01))]))
