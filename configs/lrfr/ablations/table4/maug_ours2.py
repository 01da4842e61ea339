# Table 4, maug ours2. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 74, 95.5, 97.8, 89.1, 91.98, 99.08
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(p=2))
