# Table 5, lambda 3. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# -, -, -, -, 92.25, 98.91
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(loss_weight=3))
