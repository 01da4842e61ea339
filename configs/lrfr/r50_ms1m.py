# The paper's large run: ResNet-50 on MS1MV2 (published: LFW 99.40, XQLFW 94.33).
_base_ = ['../_base_/models/lrf_r50.py', '../_base_/datasets/recordio.py',
          '../_base_/schedules/sgd_ms1m.py', '../_base_/default_runtime.py']
