# Face Transformer (Zhong and Deng, 2021) with patches of 12 px at a stride of 8 px; its published
# size is 512 wide and 20 blocks deep.
_base_ = ['_base_/drawn_faces.py']
model = dict(backbone=dict(_delete_=True, type='FaceTransformer', patch_size=12, stride=8,
                           embed_dim=192, depth=6, num_heads=3, drop_path=0.))
search = {'model.backbone.drop_path': [0., .1, .2]}
