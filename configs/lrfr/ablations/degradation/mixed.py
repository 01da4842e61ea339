# LR views by one of four degradations, drawn for each face.
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(1, 1, 2),
         degradation=('bicubic', 'opencv', 'area', 'camera'))]))
