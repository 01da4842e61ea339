# What `tools/study.py methods` measures, whatever the base trains on: drawn people, and the people
# of two small public sets of real faces that no config trains on. Sets that are not there are
# skipped. Elsewhere: --cfg-options data_root=/path/
data_root = 'data/real_faces/'
_drawn = dict(type='SyntheticFaces', num_identities=100, images_per_identity=8,
              first_identity=1000000, cache='data/synthetic')
_att = dict(type='FolderFaces', root=data_root + 'att_faces', identities=['s25..s30'])
_yaleb = dict(type='FolderFaces', root=data_root + 'yaleb_cropped', identities=['27..30'])
_resize = [dict(type='ResizeFace', size=112)]
_sets = [
    dict(name='drawn', source=_drawn, alignment='drawn on the five-point template'),
    dict(name='att', source=_att, alignment='none', pipeline=_resize),
    dict(name='yaleb', source=_yaleb, alignment='eyes', pipeline=_resize)]
_gallery_images = dict(drawn=1, att=1, yaleb=4)
_datasets, test_evaluator = [], []
for _set in _sets:
    _name = _set['name']
    _gallery = dict(_set, type='SampledGallery', name=f'{_name}_1n',
                    gallery_images=_gallery_images[_name])
    _datasets += [
        dict(_set, type='SampledPairs', num_pairs=3000, seed=0), _gallery,
        dict(type='CrossResolution', name=f'{_name}_1n_7', benchmark=_gallery, resolution=7)]
    _sweep = dict(type='ResolutionSweep', benchmark=_name, flip_test='none', ssim_images=0)
    test_evaluator += [
        dict(_sweep, resolutions=(7, 14, 20, 112), prefix=f'{_name}_sweep'),
        dict(_sweep, resolutions=(7,), sides='cross', prefix=f'{_name}_cross'),
        dict(_sweep, resolutions=(7, 14, 20), degradation='camera', prefix=f'{_name}_camera'),
        dict(type='Identification', benchmark=f'{_name}_1n'),
        dict(type='Identification', benchmark=f'{_name}_1n_7')]
test_dataloader = dict(batch_size=128, num_workers=0, dataset=_datasets)
# By what the search of each method's main hyper-parameter chooses: other drawn people.
search_dataloader = dict(batch_size=128, num_workers=0, dataset=[
    dict(type='SampledPairs', name='held_out', num_pairs=3000, seed=0,
         source=dict(_drawn, num_identities=60, first_identity=2000000))])
search_evaluator = [dict(type='ResolutionSweep', benchmark='held_out', resolutions=(7, 112),
                         flip_test='none', ssim_images=0, prefix='search')]
