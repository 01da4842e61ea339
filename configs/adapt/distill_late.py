# As distill_folder, with the first 15 of the public MobileFaceNet's 18 stages frozen: a fifth of
# the time, for two CPU cores; what `make real` runs.
_base_ = './distill_folder.py'
optim_wrapper = dict(constructor='AdaptationConstructor',
                     paramwise_cfg=dict(frozen=[r'backbone\.layers\.(\d|1[0-4])\.']))
