# Table 5, lambda 1.
_base_ = ['../../r34_webface.py']
