# Table 6, ratio 1 1 2. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 73, 96, 98.8, 89.3, 92.18, 99.03
_base_ = ['../../r34_webface.py']
