# Table 5, lambda 1. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# -, -, -, -, 92.18, 99.03
_base_ = ['../../r34_webface.py']
