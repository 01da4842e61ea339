# CosFace (Wang et al., CVPR 2018) on both views: the common base of the systems.
_base_ = ['_base_/drawn_faces.py']

search = {'model.head.margin': [.3, .4, .5]}
