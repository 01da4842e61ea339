# 20 px alone in the first third of the epochs, 14 and 20 px in the second.
# On another base the epochs are scaled to its number of epochs.
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(1, 1, 2),
         curriculum={0: (0, 0, 1), 9: (0, 1, 1), 19: (1, 1, 2)})]))
