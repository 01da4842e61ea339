# Fine-tuning on SCface's 50 training people, measured on the other 80 (paper, Table 1): the whole
# network, a new head. The checkpoint to start from: --cfg-options load_from=work_dirs/...pth
_base_ = ['../_base_/models/lrf_r50.py', '../_base_/datasets/recordio.py',
          '../_base_/schedules/sgd_finetune.py', '../_base_/default_runtime.py']
train_dataloader = dict(
    batch_size=64, num_workers=4,
    dataset=dict(source=dict(_delete_=True, type='SCfaceFaces', root='data/scface/aligned',
                             seed=0)))
val_dataloader = dict(dataset=[dict(type='SCface', name='scface', root='data/scface/aligned',
                                    seed=0)])
val_evaluator = [dict(type='Identification', benchmark='scface', flip_test='none', ks=(1, 5))]
load_from = 'work_dirs/r50_ms1m/epoch_16.pth'
