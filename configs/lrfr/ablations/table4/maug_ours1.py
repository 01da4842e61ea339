# Table 4, maug ours1.
_base_ = ['../../r34_webface.py']
