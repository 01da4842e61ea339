# The method on drawn faces: minutes on two CPU cores, nothing to download.
_base_ = ['../_base_/models/lrf_demo.py', '../_base_/datasets/synthetic.py',
          '../_base_/schedules/adamw_short.py', '../_base_/default_runtime.py']
