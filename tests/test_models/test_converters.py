"""Public recognizers' files: against the numbers that the public networks give, and by value."""
import argparse
import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.models.converters import convert_tensors, read_tensors
from lrfr_mm.registry import MODELS
from tests.public_layouts import ir_tensors, iresnet_tensors, vit_tensors

FOLDER = Path(os.environ.get('LRFR_CHECKPOINTS',
                             Path(__file__).parents[2] / '..' / 'shared' / 'public_checkpoints'))
HANDED = [('adaface_ir18', 'adaface'), ('arcface_torch_r18', 'arcface_torch'),
          ('facenet_pytorch_inception_resnet_v1', 'facenet_pytorch'),
          pytest.param('cvlface_vit_kprpe_small', 'cvlface', marks=pytest.mark.slow),
          pytest.param('cvlface_vit_small', 'cvlface', marks=pytest.mark.slow),
          pytest.param('adaface_ir_se_50', 'adaface', marks=pytest.mark.slow)]


@pytest.fixture(scope='module')
def handed():
    """The handed folder's own code, which fills layouts with reproducible numbers."""
    if not (FOLDER / 'weights.py').is_file():
        pytest.skip(f'no layouts of public checkpoints in {FOLDER}: set LRFR_CHECKPOINTS')
    spec = importlib.util.spec_from_file_location('weights', FOLDER / 'weights.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(converted):
    model = MODELS.build(dict(converted.model, head=None)).eval()
    model.load_state_dict({name: value for name, value in converted.state_dict.items()
                           if not name.startswith('head.')})
    return model


def embed(model, faces, landmarks=None):
    """Unit vectors of uint8 RGB (N, H, W, 3) through the preprocessor, in the model's precision."""
    dtype = next(model.parameters()).dtype
    images = torch.from_numpy(faces).permute(0, 3, 1, 2).contiguous().to(dtype)
    with torch.no_grad():
        shown = model.data_preprocessor.normalise(images)
        return F.normalize(model.embed(shown, landmarks)), shown


@pytest.mark.parametrize(('name', 'kind'), HANDED)
def test_handed_layouts_give_the_public_networks_embeddings(handed, name, kind):
    tensors = {key: torch.from_numpy(np.asarray(value))
               for key, value in handed.state(FOLDER / f'{name}.json').items()}
    converted = convert_tensors(tensors)
    assert converted.kind == kind and not converted.left_out
    model = build(converted)
    faces = handed.faces(model.data_preprocessor.size or 112)
    landmarks = torch.from_numpy(handed.landmarks()) * 112 if 'kprpe' in name else None
    got, shown = embed(model, faces, landmarks)
    stored = np.load(FOLDER / f'{name}.npz')
    want = torch.from_numpy(stored['embeddings'])
    if 'norms' in stored:
        with torch.no_grad():
            norms = model.embed(shown).norm(dim=1, keepdim=True)
        rtol = 1e-4 if name != 'adaface_ir_se_50' else 1e-2
        torch.testing.assert_close(norms, torch.from_numpy(stored['norms']), rtol=rtol, atol=0)
    allowed = 1e-4
    if name == 'adaface_ir_se_50':
        # With these numbers the network amplifies rounding errors: float32 itself, on another
        # machine or in another memory layout, is no nearer than this to float64.
        exact, _ = embed(model.double(), faces)
        allowed = 3 * float((got.double() - exact).abs().max() / exact.abs().max())
        assert .001 < allowed < .5
    difference = (got - F.normalize(want)).abs().max() / F.normalize(want).abs().max()
    assert difference < allowed
    if name == 'arcface_torch_r18':  # not normalised there
        with torch.no_grad():
            torch.testing.assert_close(model.embed(shown), want, rtol=1e-4, atol=1e-4)


def ir_forward(t, x, counts, se=False, bottleneck=False):
    """The network from its published description, in float64."""
    t = {name: value.double() for name, value in t.items()}

    def bn(x, name, eps=1e-5):
        view = (1, -1) + (1,) * (x.dim() - 2)
        x = (x - t[f'{name}.running_mean'].view(view)) / (
            t[f'{name}.running_var'].view(view) + eps).sqrt()
        if f'{name}.weight' in t:
            x = x * t[f'{name}.weight'].view(view) + t[f'{name}.bias'].view(view)
        return x

    def prelu(x, name):
        return torch.where(x > 0, x, x * t[f'{name}.weight'].view(1, -1, 1, 1))

    def conv(x, name, stride=1):
        weight = t[f'{name}.weight']
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    x = prelu(bn(conv(x, 'input_layer.0'), 'input_layer.1'), 'input_layer.2')
    block = 0
    for count in counts:
        for k in range(count):
            stride, body = (1 if k else 2), f'body.{block}.res_layer'
            y = prelu(bn(conv(bn(x, f'{body}.0'), f'{body}.1'), f'{body}.2'), f'{body}.3')
            if bottleneck:
                y = prelu(bn(conv(y, f'{body}.4'), f'{body}.5'), f'{body}.6')
                y = bn(conv(y, f'{body}.7', stride), f'{body}.8')
            else:
                y = bn(conv(y, f'{body}.4', stride), f'{body}.5')
            if se:
                gate = conv(y.mean((2, 3), keepdim=True), f'{body}.se_block.fc1').clamp_min(0)
                y = y / (1 + torch.exp(-conv(gate, f'{body}.se_block.fc2')))
            shortcut = f'body.{block}.shortcut_layer'
            if f'{shortcut}.0.weight' in t:
                x = bn(conv(x, f'{shortcut}.0', stride), f'{shortcut}.1')
            else:
                x = x[:, :, ::stride, ::stride]
            x, block = x + y, block + 1
    x = bn(x, 'output_layer.0').flatten(1)
    return bn(x @ t['output_layer.3.weight'].T + t['output_layer.3.bias'], 'output_layer.4')


def compare(converted, want, faces, landmarks=None, eps=1e-9):
    model = build(converted).double()
    with torch.no_grad():
        got = model.embed(model.data_preprocessor.normalise(faces), landmarks)
    torch.testing.assert_close(got, want, rtol=eps, atol=eps)


@pytest.fixture
def faces():
    return torch.randint(0, 256, (2, 3, 112, 112)).double()


@pytest.mark.parametrize(('counts', 'options', 'named'), [
    ((2, 2, 2, 2), {}, 18),
    ((1, 2, 1, 1), dict(affine=True), (1, 2, 1, 1)),
    ((1, 1, 2, 1), dict(se=True), (1, 1, 2, 1)),
    ((1, 2, 1, 1), dict(bottleneck=True), (1, 2, 1, 1)),
    ((1, 1, 1, 2), dict(bottleneck=True, se=True), (1, 1, 1, 2))])
def test_ir_networks_of_any_depth(faces, counts, options, named):
    tensors = ir_tensors(counts, **options)
    options = {name: value for name, value in options.items() if name != 'affine'}
    converted = convert_tensors({f'model.{name}': value for name, value in tensors.items()})
    assert converted.kind == 'adaface' and converted.model['backbone']['depth'] == named
    compare(converted, ir_forward(tensors, (faces.flip(1) - 127.5) / 127.5, counts, **options),
            faces)


@pytest.mark.parametrize(('prefix', 'kind', 'order', 'mean', 'std'), [
    ('', 'arcface_torch', 1, 127.5, 127.5), ('module.', 'arcface_torch', 1, 127.5, 127.5),
    ('_orig_mod.', 'arcface_torch', 1, 127.5, 127.5), ('net.', 'cvlface', 1, 127.5, 127.5),
    ('state_dict_backbone.', 'arcface_torch', 1, 127.5, 127.5),
    ('state_dict.features.module.', 'magface', -1, 0, 255),
    ('state_dict.module.features.', 'magface', -1, 0, 255)])
def test_iresnet_under_every_prefix(faces, prefix, kind, order, mean, std):
    tensors, values = iresnet_tensors()
    converted = convert_tensors({prefix + name: value for name, value in tensors.items()})
    assert converted.kind == kind
    seen = (faces[:, ::1] if order == 1 else faces.flip(1)) - mean
    want = ir_forward(values, seen / std, (1, 2, 1, 1))
    # MagFace's batch norms add 2e-5 where the reference above adds 1e-5.
    compare(converted, want, faces, eps=1e-9 if kind != 'magface' else 1e-3)
    assert converted.model['backbone'].get('norm_eps') == (2e-5 if kind == 'magface' else None)


def bucket(distance):
    """iRPE's piecewise index with (1, 2, 8) * 1.9, one distance at a time, truncated as there."""
    size = abs(distance)
    if size <= 1.9:
        value = round(size)
    else:
        value = int(min(3.8, round(1.9 + np.log(size / 1.9) / np.log(8.) * 1.9)))
    return value if distance >= 0 else -value


def vit_forward(t, x, depth, heads, patch, points=None):
    """The transformer in float64, head by head; ``points`` are fractions of the side."""
    t = {name: value.double() for name, value in t.items()}

    def layer_norm(x, name):
        x = x - x.mean(-1, keepdim=True)
        x = x / ((x ** 2).mean(-1, keepdim=True) + 1e-5).sqrt()
        return x * t[f'{name}.weight'] + t[f'{name}.bias']

    def batch_norm(x, name):
        x = (x - t[f'{name}.running_mean']) / (t[f'{name}.running_var'] + 2e-5).sqrt()
        return x * t[f'{name}.weight'] + t[f'{name}.bias']

    side = 112 // patch
    x = F.conv2d(x, t['patch_embed.proj.weight'], t['patch_embed.proj.bias'], stride=patch)
    x = x.flatten(2).transpose(1, 2) + t['pos_embed']
    dim = x.shape[2]
    if points is not None:
        grid = [((column + .5) / side, (row + .5) / side)
                for row in range(side) for column in range(side)]
        offsets = torch.tensor(grid, dtype=torch.float64)[None, :, None] - points[:, None]
        table = offsets.flatten(2) @ t['keypoint_linear.weight'].T + t['keypoint_linear.bias']
        place = [(row, column) for row in range(side) for column in range(side)]
        pair = torch.tensor([[(bucket(a - c) + 3) * 7 + bucket(b - d) + 3 for c, d in place]
                             for a, b in place])
    for k in range(depth):
        qkv = layer_norm(x, f'blocks.{k}.norm1') @ t[f'blocks.{k}.attn.qkv.weight'].T
        out = []
        for h in range(heads):
            q, key, v = (part[..., h * dim // heads:(h + 1) * dim // heads]
                         for part in qkv.split(dim, -1))
            scores = q @ key.transpose(1, 2) / (dim // heads) ** .5
            if points is not None:
                first = (k * heads + h) * 49
                own = table[..., first:first + 49]
                scores = scores + torch.stack([own[:, i, pair[i]] for i in range(side ** 2)], 1)
            out.append(scores.softmax(-1) @ v)
        x = x + torch.cat(out, -1) @ t[f'blocks.{k}.attn.proj.weight'].T + t[
            f'blocks.{k}.attn.proj.bias']
        y = layer_norm(x, f'blocks.{k}.norm2') @ t[f'blocks.{k}.mlp.fc1.weight'].T
        y = (y + t[f'blocks.{k}.mlp.fc1.bias']).clamp(0, 6)
        x = x + y @ t[f'blocks.{k}.mlp.fc2.weight'].T + t[f'blocks.{k}.mlp.fc2.bias']
    x = layer_norm(x, 'norm').flatten(1)
    x = batch_norm(x @ t['feature.0.weight'].T, 'feature.1')
    return batch_norm(x @ t['feature.2.weight'].T, 'feature.3')


@pytest.mark.parametrize(('options', 'prefix', 'kind'), [
    (dict(), 'net.', 'cvlface'), (dict(keypoints=True), 'net.', 'cvlface'),
    (dict(keypoints=True, depth=3, heads=2, ratio=5.), 'module.net.', 'cvlface'),
    (dict(patch=9, ratio=4.), '', 'arcface_torch'), (dict(keypoints=True, dim=48), '', 'cvlface')])
def test_transformers_of_any_size(faces, options, prefix, kind):
    tensors = vit_tensors(**options)
    tensors['mask_token'] = torch.zeros(1, 1, options.get('dim', 32))  # of masked training
    keypoints, heads = options.get('keypoints', False), options.get('heads', 4)
    converted = convert_tensors({prefix + name: value for name, value in tensors.items()},
                                num_heads=None if keypoints else heads)
    assert converted.kind == kind
    assert converted.model['backbone']['num_heads'] == heads
    points = torch.rand(2, 5, 2).double() if keypoints else None
    want = vit_forward(tensors, (faces - 127.5) / 127.5, options.get('depth', 2), heads,
                       options.get('patch', 8), points)
    compare(converted, want, faces, None if points is None else points * 112)


def test_heads_that_the_tensors_do_not_tell_are_the_projects_or_said(faces):
    converted = convert_tensors({f'net.{name}': value for name, value in vit_tensors().items()})
    assert 'the number of heads is not in the tensors' in converted.notes[0]
    # The position bias of KP-RPE tells the heads; a user's other number is refused.
    with pytest.raises(InputError, match='2 heads contradict keypoint_linear, which has 4'):
        convert_tensors(vit_tensors(keypoints=True), num_heads=2)


def test_kprpe_without_landmarks_takes_the_template(faces):
    from lrfr_mm.ops.align import TEMPLATE
    model = build(convert_tensors(vit_tensors(keypoints=True))).double()
    points = torch.from_numpy(TEMPLATE).expand(2, -1, -1)
    with torch.no_grad():
        seen = model.data_preprocessor.normalise(faces)
        torch.testing.assert_close(model.embed(seen), model.embed(seen, points), rtol=1e-6,
                                   atol=1e-6)
        assert not torch.allclose(model.embed(seen), model.embed(seen, points + 5), rtol=1e-3)


# -- files ----------------------------------------------------------------------------------------
class _Callback:
    def __init__(self):
        self.best = torch.ones(1)


class _Malicious:
    def __reduce__(self):
        return os.system, ('touch MALICIOUS',)


def test_files_are_read_as_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tensors = ir_tensors((1, 1, 1, 1))
    lightning = dict(state_dict={f'model.{name}': value for name, value in tensors.items()},
                     hyper_parameters=argparse.Namespace(arch='ir_18'), epoch=3,
                     callbacks={_Callback: dict(best=.9)}, loops=[_Callback()])
    torch.save(lightning, 'a.ckpt')
    torch.save(lightning, 'old.ckpt', _use_new_zipfile_serialization=False)
    save_file(tensors, 'b.safetensors')
    save_file(tensors, 'c.bin')
    torch.save(torch.nn.ModuleDict(dict(net=torch.nn.Linear(2, 3))), 'module.pt')
    for name in ('a.ckpt', 'old.ckpt'):
        read = read_tensors(name)
        torch.testing.assert_close(read['state_dict.model.body.3.res_layer.1.weight'],
                                   tensors['body.3.res_layer.1.weight'])
        converted = convert_tensors(read)
        assert converted.kind == 'adaface' and dict(converted.left_out) == {'loops.0': 1}
    assert read_tensors('b.safetensors').keys() == read_tensors('c.bin').keys() == tensors.keys()
    assert read_tensors('module.pt').keys() == {'net.weight', 'net.bias'}
    torch.save(dict(lightning, evil=_Malicious()), 'evil.ckpt')
    with pytest.raises(InputError, match=r'evil\.ckpt .*system'):
        read_tensors('evil.ckpt')
    assert not Path('MALICIOUS').exists()


@pytest.mark.parametrize('share', [.999, .5, .01, 0])
@pytest.mark.parametrize('name', ['a.pt', 'a.safetensors', 'legacy.pt'])
def test_half_downloaded_files_are_named(tmp_path, name, share):
    path = tmp_path / name
    tensors = dict(a=torch.zeros(200, 10), b=torch.zeros(3))
    if name.endswith('safetensors'):
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=name == 'a.pt')
    data = path.read_bytes()
    path.write_bytes(data[:int(share * len(data))])
    with pytest.raises(InputError, match=name):
        read_tensors(path)
    with pytest.raises(InputMissingError, match='nothing'):
        read_tensors(tmp_path / 'nothing')


# -- what does not fit ----------------------------------------------------------------------------
@pytest.mark.parametrize(('change', 'text'), [
    (lambda t: t.pop('body.1.res_layer.4.weight'), r'body\.1\.res_layer\.4\.weight is missing'),
    (lambda t: t.pop('body.1.res_layer.3.weight'), r'missing .*blocks\.1\.body\.3\.weight'),
    (lambda t: t.update({'body.0.attention.weight': torch.ones(2)}),
     r'not in the network: body\.0\.attention\.weight'),
    (lambda t: t.update({'input_layer.1.bias': torch.ones(2)}),
     r'input_layer\.1\.bias is \(2,\), expected \(64,\)'),
    (lambda t: t.update({'output_layer.3.weight': torch.ones(32, 512 * 196)}), '100352 inputs'),
    (lambda t: t.pop('body.0.res_layer.2.running_mean'), r'face\.evoLVe'),
])
def test_tensors_that_do_not_fit_are_named(change, text):
    tensors = ir_tensors((1, 1, 1, 1))
    change(tensors)
    with pytest.raises(InputError, match=text):
        convert_tensors(tensors)


def test_unknown_families_say_the_nearest():
    from torchvision.models import resnet18
    with pytest.raises(InputError, match=r'nearest is (arcface_torch|magface).*Missing: layer1\.0'
                                         r'\.prelu\.weight.*features\.running_mean'):
        convert_tensors(resnet18().state_dict())
    with pytest.raises(InputError, match=r'fit no known family .*; they are 0\.weight, 0\.bias'):
        convert_tensors(torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3)).state_dict())
    with pytest.raises(InputError, match='kind must be auto or one of adaface, arcface_torch'):
        convert_tensors({}, kind='vgg')
    with pytest.raises(InputError, match=r'expected input_layer\.0\.weight'):
        convert_tensors(iresnet_tensors()[0], kind='adaface')


def test_a_file_with_two_networks_asks_which(faces):
    one, other = ir_tensors((1, 1, 1, 1)), ir_tensors((1, 1, 1, 1))
    both = {**{f'model.{name}': value for name, value in one.items()},
            **{f'ema.{name}': value for name, value in other.items()}}
    with pytest.raises(InputError, match=r"--prefix, 'ema\.' or 'model\.'"):
        convert_tensors(both)
    want = ir_forward(other, (faces.flip(1) - 127.5) / 127.5, (1, 1, 1, 1))
    compare(convert_tensors(both, prefix='ema.'), want, faces)


@pytest.mark.parametrize(('prefix', 'name', 'rows'), [('model.', 'head.kernel', False),
                                                      ('', 'head.kernel', False)])
def test_class_weights_are_kept_on_request(prefix, name, rows):
    tensors = {prefix + key: value for key, value in ir_tensors((1, 1, 1, 1)).items()}
    weight = torch.randn(32, 7)
    tensors |= {name: weight, 'head.t': torch.ones(1)}
    converted = convert_tensors(tensors)
    assert 'head.weight' not in converted.state_dict
    assert 'num_classes' not in converted.model['head'] and sum(converted.left_out.values()) == 2
    kept = convert_tensors(tensors, keep_head=True)
    torch.testing.assert_close(kept.state_dict['head.weight'], weight.T)
    assert kept.model['head']['num_classes'] == 7
    model = MODELS.build(kept.model)
    model.load_state_dict(kept.state_dict)
    for wrong in (torch.randn(31, 7), torch.randn(32), torch.randn(32, 7, 1)):
        with pytest.raises(InputError, match=r'class weights have shape .*32'):
            convert_tensors(tensors | {name: wrong}, keep_head=True)
    with pytest.raises(InputError, match='no class weights'):
        convert_tensors(ir_tensors((1, 1, 1, 1)), keep_head=True)
