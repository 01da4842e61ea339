# As lora, with adapters for small faces alone, weighed by each image's quality: sharp faces pass
# through the network as it was.
_base_ = './lora.py'
model = dict(backbone=dict(type='MixedLoRABackbone', keep_sharp=True))
