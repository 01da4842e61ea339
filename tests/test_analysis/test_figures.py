import argparse
import copy
import csv
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread
from mmengine.config import Config
from mmengine.registry import init_default_scope

from lrfr_mm.analysis.figures import FIGURES, Subject, draw_figures, load_faces, parse_subject
from lrfr_mm.analysis.figures.command import add_figure_arguments, run_figures
from lrfr_mm.analysis.figures.distances import autograd_derivative, derivative
from lrfr_mm.analysis.figures.gradients import gradient_norm, term_gradients, training_faces
from lrfr_mm.analysis.figures.pairs import overlap
from lrfr_mm.analysis.figures.projections import pca_project
from lrfr_mm.analysis.figures.studies import study_figure, weight_figure
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.functional import kfold_verification
from lrfr_mm.models.losses import LogFExpLoss
from lrfr_mm.ops.resample import degrade
from lrfr_mm.registry import MODELS
from tests.processes import ROOT, python


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Work dirs of two seeds of an untrained network."""
    out = tmp_path_factory.mktemp('model')
    config = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'demo.py')
    config.model.head.num_classes = 6
    config.model.neck.embed_dim = 16
    config.model.contrast_loss.loss_weight = 3.
    for loader, people in (('train_dataloader', 6), ('test_dataloader', 8)):
        datasets = config[loader].dataset
        dataset = datasets if loader == 'train_dataloader' else datasets[0]
        dataset.source = dict(type='SyntheticFaces', num_identities=people, images_per_identity=3)
    config.test_dataloader.dataset[0].num_pairs = 40
    init_default_scope('lrfr_mm')
    for seed in (0, 1):
        torch.manual_seed(seed)
        place = out / f'seed{seed}'
        place.mkdir()
        config.dump(place / 'demo.py')
        torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), place / 'epoch_1.pth')
    return out


@pytest.fixture(scope='module')
def subject(folder):
    return parse_subject(f'a model={folder}')


def check_values(tables, run, faces):
    """The numbers of 'one seed' (the run) in every figure's table, computed here from embeddings of
    the network called by hand.
    """
    def embed(resolution):
        images = torch.from_numpy(np.stack(faces.images)).permute(0, 3, 1, 2)
        shown = images if resolution == 112 else degrade(images, resolution)
        with torch.no_grad():
            found = run.network((shown.float() - 127.5) / 127.5).double().numpy()
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def of(name, **wanted):
        return [row for row in tables[name] if row['model'] == 'one seed'
                and all(row[key] == str(value) for key, value in wanted.items())]

    for resolution in (7, 112):
        vectors = embed(resolution)
        scores = (vectors[faces.pairs[:, 0]] * vectors[faces.pairs[:, 1]]).sum(1)
        same, different = scores[faces.is_same], scores[~faces.is_same]
        (point,) = of('accuracy', resolution=resolution)
        right = kfold_verification(scores, faces.is_same, 10)['accuracy']
        # A pair at a threshold may fall to either side in float32.
        assert float(point['accuracy']) == pytest.approx(100 * right, abs=2.6)
        for kind, values in (('same', same), ('different', different)):
            bars = of('similarity', resolution=resolution, pairs=kind)
            middle = np.average([float(b['from']) + .0125 for b in bars],
                                weights=[float(b['share']) for b in bars])
            assert sum(float(b['share']) for b in bars) == pytest.approx(100, abs=1e-3)
            assert middle == pytest.approx(values.mean(), abs=.0126)
        area, above = 0., (same[:, None] > different).mean() + .5 * (
            same[:, None] == different).mean()
        points = [(float(p['far']), float(p['tar'])) for p in of('roc', resolution=resolution)]
        for (x0, y0), (x1, y1) in pairwise(points):
            area += (x1 - x0) * (y0 + y1) / 2
        assert area == pytest.approx(above, abs=.003)
    errors = [float(row['error']) for row in of('dimensions', resolution=7)]
    np.testing.assert_allclose(errors, np.abs(embed(112) - embed(7)).mean(0), atol=2e-5)
    clouds = np.array([[float(row['x']), float(row['y'])] for row in of('pca')])
    vectors = np.concatenate([embed(r) for r in (112, 42, 28, 20, 14, 7)])
    _, scale, _ = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.linalg.norm(clouds, axis=0), scale[:2], rtol=1e-3)
    assert len(of('tsne')) == 7 * len(faces.images)
    model = run.recognizer()
    images, labels = training_faces(run, 256)
    (point,) = of('gradients', resolution=112)
    assert float(point['norm']) == pytest.approx(gradient_norm(model, images, labels), rel=1e-4)
    curve = [row for row in tables['derivatives'] if row['curve'] == 'L2']
    assert [float(row['derivative']) for row in curve] == pytest.approx(
        [2 * float(row['error']) for row in curve], abs=1e-5)


def test_every_figure_is_a_picture_and_a_table(subject, folder, tmp_path):
    one = parse_subject(f'one seed={folder}/seed1/demo.py,{folder}/seed1/epoch_1.pth')
    paths = draw_figures(list(FIGURES), [subject, one], tmp_path)
    assert [path.stem for path in paths] == list(FIGURES)
    for path in paths:
        assert imread(path).shape[1] > 600
        assert path.with_suffix('.svg').read_text().count('<path') > 10
    tables = {path.stem: list(csv.DictReader(path.with_suffix('.csv').open())) for path in paths}
    check_values(tables, subject.runs[1], load_faces(subject.runs[0].config))
    rows = list(csv.DictReader((tmp_path / 'accuracy.csv').open()))
    assert {row['model'] for row in rows} == {'SSIM', 'a model', 'one seed'}
    assert all((row['deviation'] != '') == (row['model'] == 'a model') for row in rows)


def test_the_command_draws_what_it_is_asked_for(folder, tmp_path):
    done = python('tools/analysis_tools/figures.py', 'roc', 'derivatives', '--models',
                  f'a={folder}/seed0', '--out', tmp_path / 'out')
    assert done.stdout.splitlines() == [str(tmp_path / 'out' / f'{name}.png')
                                        for name in ('roc', 'derivatives')]
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        f'{name}.{kind}' for name in ('derivatives', 'roc') for kind in ('csv', 'png', 'svg')]
    parser = argparse.ArgumentParser()
    add_figure_arguments(parser)
    with pytest.raises(InputError, match="no figure 'rok'"):
        run_figures(parser.parse_args(['rok', '--out', str(tmp_path)]))


def test_images_of_a_folder(subject, tmp_path):
    source = load_faces(subject.runs[0].config)
    assert len(source.pairs) == len(source.is_same) == 40
    import cv2
    for k, image in enumerate(source.images[:8]):
        path = tmp_path / f'person {k % 2}' / f'{k}.png'
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), image[:, :, ::-1])
    faces = load_faces(subject.runs[0].config, folder=str(tmp_path))
    assert len(faces.images) == 8
    assert all(any(np.array_equal(a, b) for b in source.images) for a in faces.images)


@pytest.mark.parametrize(('text', 'error'), [
    ('nothing', ValueError), ('=x', ValueError), ('a=/nowhere', FileNotFoundError),
    ('a=/nowhere.py,/nowhere.pth', FileNotFoundError)])
def test_bad_subjects(text, error):
    with pytest.raises(error, match=r'NAME=|nowhere'):
        parse_subject(text)


def test_what_is_missing_is_said(subject, tmp_path):
    with pytest.raises(ValueError, match='models are needed'):
        draw_figures(['roc'], [], tmp_path)
    with pytest.raises(ValueError, match="no benchmark 'lfw'"):
        load_faces(subject.runs[0].config, 'lfw')
    assert draw_figures(['derivatives'], [], tmp_path)[0].is_file()


@given(st.sampled_from(['lp', 'logfexp']), st.sampled_from([1., 1.5, 2., 3.]),
       st.floats(-1.9, 1.9).filter(lambda d: abs(d) > 1e-3), st.floats(0, 200))
def test_closed_forms_are_the_derivatives(kind, p, error, c):
    want = autograd_derivative(kind, p, error, 64, c)
    assert derivative(kind, p, error, 64, c) == pytest.approx(want[0], rel=1e-9)


@given(st.floats(.01, 1.9), st.floats(0, 50))
def test_the_derivative_is_that_of_finite_differences(error, c):
    dims, step = 8, 1e-6
    other = np.log1p(c / (dims - 1))

    def loss(d):
        x = torch.full((1, dims), float(other), dtype=torch.float64)
        x[0, 0] = d
        return float(LogFExpLoss(1)(x, torch.zeros_like(x)))

    slope = (loss(error + step) - loss(error - step)) / (2 * step) * dims
    assert derivative('logfexp', 1, error, dims, c) == pytest.approx(slope, rel=1e-5)


def test_with_no_other_error_it_is_l1():
    d = np.linspace(-1.5, 1.5, 7)
    np.testing.assert_allclose(derivative('logfexp', 1, d), derivative('lp', 1, d))


def test_pca_is_the_plane_of_largest_variance():
    vectors = np.random.default_rng(0).normal(size=(60, 12)) * np.arange(1, 13)
    centred = vectors - vectors.mean(0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    want, got = centred @ directions[:, ::-1][:, :2], pca_project(vectors)
    for k in (0, 1):
        assert np.allclose(got[:, k], want[:, k]) or np.allclose(got[:, k], -want[:, k])


def test_overlap():
    edges = np.linspace(-1, 1, 41)
    assert overlap(np.full(5, .5), np.full(9, -.5), edges) == 0
    assert overlap(np.full(5, .5), np.full(9, .5), edges) == 1
    assert overlap(np.array([.5, -.5]), np.array([-.5, -.5]), edges) == .5


def test_gradient_norm_is_that_of_backward_and_leaves_batch_norm_alone(subject):
    run = subject.runs[0]
    model = run.recognizer()
    images, labels = training_faces(run, 10)
    assert labels.tolist() == sorted(labels.tolist()) and len(labels) == 10
    before = {name: value.clone() for name, value in model.named_buffers()}
    found = gradient_norm(model, images, labels, batch_size=5)
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    norms = []
    for start in (0, 5):
        model.zero_grad()
        shown = (images[start:start + 5].float() - 127.5) / 127.5
        model.head.loss(model(shown), labels[start:start + 5])['loss'].backward()
        squares = [float(p.grad.double().square().sum()) for p in model.parameters()
                   if p.grad is not None]
        norms.append(np.sqrt(sum(squares)))
    assert found == pytest.approx(np.mean(norms), rel=1e-5)


def test_gradient_of_a_term_grows_with_its_weight(subject):
    run = subject.runs[0]
    one = term_gradients(run, images=8)
    config = copy.deepcopy(run.config)
    config.model.contrast_loss.loss_weight = 30.
    ten = term_gradients(type(run)(config, run.checkpoint), images=8)
    assert ten['contrast'] == pytest.approx(10 * one['contrast'], rel=1e-5)
    assert ten['classification'] == pytest.approx(one['classification'])


def test_faces_are_embedded_once_whatever_the_figures(folder, tmp_path):
    subject = parse_subject(f'fresh={folder}/seed0')
    calls = []
    subject.runs[0].network.register_forward_hook(lambda *_: calls.append(1))
    draw_figures(['similarity', 'accuracy', 'roc', 'dimensions', 'pca', 'tsne'], [subject],
                 tmp_path)
    assert len(calls) == 8  # one batch at each of 7, 10, 14, 20, 28, 42, 56 and 112 px


def test_figures_of_studies_do_without_what_was_not_run(subject, tmp_path):
    results = {'l1_10': {'scface/d1/rank1': np.array([70., 72.]), 'x': np.array([1., 2.])},
               'maug_ours1': {'scface/d1/rank1': np.array([71.])}}
    assert study_figure(results, ['scface/d1/rank1', 'x', 'absent'], tmp_path, 'study').is_file()
    rows = list(csv.reader((tmp_path / 'study.csv').open()))
    assert len(rows) == 1 + 2 + 1 + 2
    run = subject.runs[0]
    l1 = copy.deepcopy(run.config)
    l1.model.contrast_loss = dict(type='LpDistanceLoss', p=1, loss_weight=10.)
    named = [Subject('l1_10', [type(run)(l1, run.checkpoint)]), Subject('maug_ours1', [run])]
    weight_figure(named, results, ['scface/d1/rank1'], tmp_path)
    rows = list(csv.DictReader((tmp_path / 'weight_by_gradient.csv').open()))
    assert [(row['row'], row['distance'], row['weight'], row['mean']) for row in rows] == [
        ('l1_10', 'L1', '10', '71'), ('maug_ours1', 'LogFExp', '3', '71')]
