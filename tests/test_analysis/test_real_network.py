"""The public MobileFaceNet as our own components, against its TFLite file.

Neither file is part of the repository. LRFR_REAL names the directory where ``make real`` keeps
what it fetched; the TFLite file of the same weights is looked for there as MobileFaceNet.tflite.
"""
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from lrfr_mm.analysis.real.mobile_face_net import MODEL, convert_mobile_face_net
from lrfr_mm.analysis.real.tfjs import read_tfjs
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.registry import MODELS


def _file(name):
    root = os.environ.get('LRFR_REAL')
    found = sorted(Path(root).rglob(name)) if root else []
    if not found:
        pytest.skip(f'no {name}: set LRFR_REAL to the directory of `make real`')
    return found[0]


def _write(folder, tensors, length=None):
    entries = [dict(name=name, shape=list(value.shape), dtype=str(value.dtype))
               for name, value in tensors.items()]
    data = b''.join(value.tobytes() for value in tensors.values())
    (folder / 'w.bin').write_bytes(data[:length])
    (folder / 'm.json').write_text(json.dumps(dict(weightsManifest=[
        dict(paths=['w.bin'], weights=entries)])))
    return folder / 'm.json'


def test_equals_the_tflite_network(rng):
    interpreter_module = pytest.importorskip('ai_edge_litert.interpreter')
    state = convert_mobile_face_net(read_tfjs(_file('mobilefacenet.json')))
    interpreter = interpreter_module.Interpreter(str(_file('MobileFaceNet.tflite')))
    interpreter.allocate_tensors()
    images = rng.integers(0, 256, (2, 112, 112, 3)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]['index'], (images - 127.5) / 128)
    interpreter.invoke()
    expected = torch.tensor(interpreter.get_tensor(interpreter.get_output_details()[0]['index']))
    model = MODELS.build(MODEL).eval()
    model.load_state_dict(state)
    data = model.data_preprocessor(dict(inputs=torch.tensor(images).permute(0, 3, 1, 2)))
    with torch.no_grad():
        found = model(data['inputs'])
    unit = torch.nn.functional.normalize
    assert (unit(found) - unit(expected)).abs().max() < 1e-5


def test_same_padding_is_tensorflows():
    """A stride-2 layer reads rows 0..2, 2..4, .. of an even side: the padding is at the far end."""
    layer = MODELS.build(dict(type='FoldedMobileFaceNet')).layers[0][:2]
    torch.nn.init.ones_(layer[1].weight)
    torch.nn.init.zeros_(layer[1].bias)
    image = torch.zeros(1, 3, 112, 112)
    image[:, 0, 0, 0] = 1  # only the window at rows and columns 0..2 sees the corner
    image[:, 0, 111, 111] = 1
    found = layer(image)[0, 0]
    assert found.shape == (56, 56)
    assert found[0, 0] == 1 and found[55, 55] == 1 and found.sum() == 2


def test_conversion_names_what_does_not_fit():
    with pytest.raises(InputError, match='no tensor MobileFaceNet/MobileFaceNet/Conv2d_0/Conv2D'):
        convert_mobile_face_net({})


def test_tfjs_reads_every_type_and_refuses_a_short_file(tmp_path, rng):
    tensors = dict(a=rng.normal(size=(2, 3)).astype(np.float32), b=np.array(7, np.int32),
                   c=rng.integers(0, 255, 5).astype(np.uint8))
    found = read_tfjs(_write(tmp_path, tensors))
    for name, value in tensors.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].shape == value.shape
    with pytest.raises(InputError, match=r'w\.bin ends inside c'):
        read_tfjs(_write(tmp_path, tensors, length=30))
    (tmp_path / 'w.bin').unlink()
    with pytest.raises(InputMissingError, match=r'w\.bin'):
        read_tfjs(tmp_path / 'm.json')
    (tmp_path / 'm.json').write_text('{"weightsManifest": 3}')
    with pytest.raises(InputError, match=r'm\.json'):
        read_tfjs(tmp_path / 'm.json')


def test_tfjs_undoes_quantisation(tmp_path):
    entry = dict(name='a', shape=[3], dtype='float32',
                 quantization=dict(dtype='uint8', scale=.5, min=-1.))
    (tmp_path / 'w.bin').write_bytes(bytes([0, 1, 4]))
    (tmp_path / 'm.json').write_text(json.dumps(dict(weightsManifest=[
        dict(paths=['w.bin'], weights=[entry])])))
    np.testing.assert_array_equal(read_tfjs(tmp_path / 'm.json')['a'], [-1, -.5, 1])
