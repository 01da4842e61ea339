# Fine-tuning on TinyFace's training set (7,804 images of 2,570 people), measured on its 1:N test
# (paper, Table 2): the whole network, a new head. The checkpoint to start from:
# --cfg-options load_from=work_dirs/...pth
_base_ = ['../_base_/models/lrf_r50.py', '../_base_/datasets/recordio.py',
          '../_base_/schedules/sgd_finetune.py', '../_base_/default_runtime.py']
train_dataloader = dict(
    batch_size=64, num_workers=4,
    dataset=dict(source=dict(_delete_=True, type='FolderFaces',
                             root='data/tinyface/aligned_training')))
val_dataloader = dict(dataset=[dict(type='TinyFace', name='tinyface', root='data/tinyface',
                                    images='data/tinyface/aligned')])
val_evaluator = [dict(type='Identification', benchmark='tinyface', flip_test='sum',
                      average_precision='trapezoid')]
load_from = 'work_dirs/r50_ms1m/epoch_16.pth'
