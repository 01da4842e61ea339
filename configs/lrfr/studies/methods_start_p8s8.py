# As methods_start, for the Face Transformer with patches of 8 px, in a size for a CPU core.
_base_ = './methods_start.py'
model = dict(backbone=dict(_delete_=True, type='FaceTransformer', patch_size=8, stride=8,
                           embed_dim=64, depth=4, num_heads=4))
