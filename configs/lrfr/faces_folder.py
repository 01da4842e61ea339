# Any folder of people: data/faces/train/NAME/*.jpg to train, data/faces/test/NAME/*.jpg to measure.
# Elsewhere: --cfg-options data_root=/path/to/faces/
_base_ = ['../_base_/models/lrf_demo.py', '../_base_/datasets/faces_folder.py',
          '../_base_/schedules/adamw_short.py', '../_base_/default_runtime.py']
