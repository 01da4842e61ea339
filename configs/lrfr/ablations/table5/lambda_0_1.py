# Table 5, lambda 0.1. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# -, -, -, -, 91.97, 98.86
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(loss_weight=0.1))
