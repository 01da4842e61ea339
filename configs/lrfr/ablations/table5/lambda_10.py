# Table 5, lambda 10. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# -, -, -, -, 92.17, 98.78
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(loss_weight=10))
