# Table 6, ratio 1 1 2.
_base_ = ['../../r34_webface.py']
