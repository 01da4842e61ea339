# Table 4, maug. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 67, 95.3, 98, 86.8, 90.89, 98.98
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=None)
