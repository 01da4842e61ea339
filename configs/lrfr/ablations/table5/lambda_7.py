# Table 5, lambda 7. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# -, -, -, -, 92.31, 98.91
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(loss_weight=7))
