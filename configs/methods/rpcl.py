# RPCL (Li, Tu and Xu, 2022): the largest negative is unlearned. Its margins are ours.
_base_ = ['_base_/drawn_faces.py']
model = dict(head=dict(_delete_=True, type='RivalPenalizedHead', scale=64, margin=.35,
                       rival_margin=.0875))
search = {'model.head.rival_margin': [.05, .0875, .15]}
