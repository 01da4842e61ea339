# The best combination found so far for small faces, from software and from cameras alike: what
# r50_ms1m_plus.py has, and
# - octuplets over each batch (weight 10), which is made of 32 people with four pictures each,
# - LogFExp with weight 10,
# - half of the LR views as a camera makes them (blur, noise, JPEG) instead of bicubic alone.
# What it wins and what it pays on drawn faces is in docs/methods.md ("What wins"). Not known:
# MS1MV2, on which it has not been trained; the weights were chosen on small networks.
_base_ = './r50_ms1m_plus.py'
model = dict(
    data_preprocessor=dict(multi_res=dict(degradation=('bicubic', 'camera'))),
    contrast_loss=dict(loss_weight=10.),
    losses=[dict(type='OctupletLoss', margin=.5, loss_weight=10.)])
train_dataloader = dict(sampler=dict(_delete_=True, type='PKSampler', people=32, images=4))
