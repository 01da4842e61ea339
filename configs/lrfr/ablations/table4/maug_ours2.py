# Table 4, maug ours2.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(p=2))
