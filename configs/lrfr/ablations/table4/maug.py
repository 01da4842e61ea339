# Table 4, maug.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=None)
