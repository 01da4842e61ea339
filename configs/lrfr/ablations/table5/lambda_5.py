# Table 5, lambda 5. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# -, -, -, -, 92.45, 98.89
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(loss_weight=5))
