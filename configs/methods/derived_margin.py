# Derived-margin softmax (Singh et al., TPAMI 2022): the nearest form to what is public.
_base_ = ['_base_/drawn_faces.py']
model = dict(head=dict(_delete_=True, type='DerivedMarginHead', scale=64, margin=.7))
search = {'model.head.margin': [.5, .7, .9]}
