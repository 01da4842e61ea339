# Both views in one forward pass, with common batch-norm statistics.
_base_ = ['../../r34_webface.py']
model = dict(joint_forward=True)
