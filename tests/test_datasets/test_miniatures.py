"""Every benchmark on a miniature in its true layout, from files to numbers."""
import json
import os
import pickle
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from lrfr_mm.datasets import (
    CFPPairs,
    CrossResolution,
    PairBin,
    PairList,
    SCface,
    SCfaceFaces,
    SurvFace,
    SurvFacePairs,
    SyntheticFaces,
    TinyFace,
)
from lrfr_mm.datasets.benchmarks import (
    IJB,
    MINIATURES,
    read_bin,
    read_two_line_pairs,
    write_miniatures,
)
from lrfr_mm.datasets.benchmarks.convert_pairs import bin_to_list, list_to_bin
from lrfr_mm.engine.embedding import embed_benchmark
from lrfr_mm.evaluation.metrics import Identification, PairVerification, TemplateVerification, View
from lrfr_mm.ops.resample import degrade_array
from tests.processes import ROOT, python


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('miniatures')
    cache = tmp_path_factory.mktemp('drawn')  # each face is drawn once
    write_miniatures(str(root), SyntheticFaces(12, 9, first_identity=3000, cache=str(cache)))
    return root


class Truth:
    """Embeddings that know who is who: one axis a person."""

    def __init__(self, benchmark, who, noise=0., seed=0):
        people = {person: k for k, person in enumerate(sorted(set(who)))}
        rng = np.random.default_rng(seed)
        vectors = np.eye(len(people), dtype=np.float32)[[people[w] for w in who]]
        vectors += noise * rng.standard_normal(vectors.shape, np.float32)
        self.embeddings = {View(): vectors, View(mirrored=True): vectors}


def person_of(name):
    """The person in a miniature's file name."""
    stem = Path(name).stem
    return stem.split('_')[1] if stem.startswith('Person') else stem.split('_')[0]


PAIRS = {
    'lfw': lambda r: PairList('lfw', r / 'lfw/aligned', r / 'lfw/pairs.txt'),
    'xqlfw': lambda r: PairList('xqlfw', r / 'xqlfw/aligned', r / 'xqlfw/xqlfw_pairs.txt'),
    'calfw': lambda r: PairList('calfw', r / 'calfw/aligned', r / 'calfw/pairs_CALFW.txt',
                                'two_lines'),
    'cplfw': lambda r: PairList('cplfw', r / 'cplfw/aligned', r / 'cplfw/pairs_CPLFW.txt',
                                'two_lines'),
    'survface': lambda r: SurvFacePairs('survface', r / 'survface', r / 'survface/aligned'),
}


@pytest.mark.parametrize('name', PAIRS)
def test_pairs_say_what_the_file_names_say(root, name):
    benchmark = PAIRS[name](root)
    who = [person_of(benchmark.source.name(i)) for i in range(len(benchmark))]
    truth = [who[i] == who[j] for i, j in benchmark.pairs]
    np.testing.assert_array_equal(benchmark.is_same, truth)
    for fold in np.array_split(benchmark.is_same, 10):
        assert fold.sum() == len(fold) / 2  # both kinds in every fold
    perfect = Truth(benchmark, who).embeddings
    result = PairVerification(benchmark.name).compute(perfect, benchmark)
    assert result.values[f'{name}/accuracy'] == 100
    kinds = {kind for kind, *_ in result.hardest}
    assert kinds == {'false accept', 'false reject'}


@pytest.mark.parametrize('kind', ['FP', 'FF'])
def test_cfp(root, kind):
    benchmark = CFPPairs('cfp', root / 'cfp', kind, root / 'cfp' / 'aligned')
    names = [benchmark.source.name(i).split('/') for i in range(len(benchmark))]
    assert len(benchmark.pairs) == 120
    for (i, j), same in zip(benchmark.pairs, benchmark.is_same, strict=True):
        assert (names[i][2] == names[j][2]) == same
        assert names[i][3] == 'frontal'
        assert names[j][3] == ('profile' if kind == 'FP' else 'frontal')
    with pytest.raises(FileNotFoundError, match='Protocol'):
        CFPPairs('cfp', root / 'nowhere')


def test_two_line_lists(tmp_path):
    path = tmp_path / 'pairs.txt'
    lines = [f'a{k}.jpg 1\nb{k}.jpg 1' for k in range(20)] + [
        f'c{k}.jpg 0\nd{k}.jpg 0' for k in range(20)]
    path.write_text('\n'.join(lines))
    pairs, is_same = read_two_line_pairs(path)
    assert pairs[:4] == [['a0.jpg', 'b0.jpg'], ['a1.jpg', 'b1.jpg'], ['c0.jpg', 'd0.jpg'],
                         ['c1.jpg', 'd1.jpg']]
    assert is_same.tolist() == [True, True, False, False] * 10
    path.write_text('a 1\nb 0\n')
    with pytest.raises(ValueError, match='line 1'):
        read_two_line_pairs(path)


def test_scface(root):
    benchmark = SCface('scface', root / 'scface' / 'aligned', seed=4)
    train = SCfaceFaces(root / 'scface' / 'aligned', seed=4)
    assert len(benchmark.gallery) == round(12 * 80 / 130) == 7 and train.num_classes == 5
    assert {k: len(p) for k, p in benchmark.probes.items()} == {'d1': 35, 'd2': 35, 'd3': 35}
    assert len(train) == 5 * 16
    tested = {benchmark.source.name(i)[-20:].split('/')[-1][:3] for i in range(len(benchmark))}
    assert tested.isdisjoint(train.people)
    assert len(tested | set(train.people)) == 12
    for key, probes in benchmark.probes.items():
        assert all(f'_{key[1]}.jpg' in benchmark.source.name(i) for i in probes)
    assert SCface('s', root / 'scface' / 'aligned', people=[3, 5]).gallery.shape == (2,)
    perfect = Truth(benchmark, benchmark.identities.tolist()).embeddings
    values = Identification('scface').compute(perfect, benchmark).values
    assert values['scface/d1/rank1'] == values['scface/mean/rank1'] == 100
    with pytest.raises(ValueError, match='person 99 has no images'):
        SCface('s', root / 'scface' / 'aligned', people=[3, 99])


def test_scface_refuses_one_picture_twice(root, tmp_path):
    import shutil
    shutil.copytree(root / 'scface' / 'aligned', tmp_path / 'a')
    shutil.copytree(tmp_path / 'a' / 'mugshot_frontal', tmp_path / 'a' / 'cropped')
    with pytest.raises(ValueError, match='the same picture twice'):
        SCface('scface', tmp_path / 'a')


def test_tinyface_and_survface(root):
    tiny = TinyFace('tinyface', root / 'tinyface', root / 'tinyface' / 'aligned')
    names = [tiny.source.name(i) for i in range(len(tiny))]
    for i, name in enumerate(names):
        folder, file = name.split('/')
        want = -1 if folder == 'Gallery_Distractor' else int(file.split('_')[0])
        assert tiny.identities[i] == want
        assert (i in tiny.gallery) == (folder != 'Probe')
    surv = SurvFace('survface', root / 'survface', root / 'survface' / 'aligned')
    unknown = surv.identities[surv.probes['']] < 0
    assert unknown.sum() == 16 and (~unknown).sum() == 16 and len(surv.gallery) == 16
    for benchmark in (tiny, surv):
        who = [int(w) if w >= 0 else -2 - i for i, w in enumerate(benchmark.identities)]
        result = Identification(benchmark.name).compute(Truth(benchmark, who).embeddings,
                                                        benchmark)
        assert result.values[f'{benchmark.name}/rank1'] == 100
        assert result.values[f'{benchmark.name}/map'] == 100
    assert result.values['survface/tpir@0.01'] == 100


@pytest.mark.parametrize('name', ['ijbb', 'ijbc'])
@pytest.mark.parametrize('options', [{}, dict(use_norm=False, use_detector_score=True,
                                              flip_test='none')])
def test_ijb(root, name, options):
    benchmark = IJB(name, root / name)
    assert len(benchmark) == 12 * 9 and len(benchmark.pairs) == 36 * 35 / 2
    subject = (benchmark.template_ids - 1) // 10
    result = TemplateVerification(name, fars=(.01,), **options).compute(
        Truth(benchmark, subject.tolist(), noise=.05).embeddings, benchmark)
    assert result.values[f'{name}/tar@0.01'] == 100
    assert result.values[f'{name}/rank1'] == 100 and result.values[f'{name}/tpir@0.1'] == 100
    gallery, subjects = benchmark.galleries['G1']
    np.testing.assert_array_equal((gallery - 1) // 10 + 1, subjects)


def test_what_is_missing_is_named(root, tmp_path):
    for build, text in [
            (lambda: PairBin('agedb_30', tmp_path / 'no.bin'), r'no\.bin is missing'),
            (lambda: SCface('scface', tmp_path / 'x'), 'NNN_frontal'),
            (lambda: SCface('scface', tmp_path), 'has no such file'),
            (lambda: TinyFace('tinyface', tmp_path), 'Testing_Set'),
            (lambda: SurvFace('survface', tmp_path), 'Face_Identification_Test_Set'),
            (lambda: IJB('ijbc', tmp_path), 'ijbc_face_tid_mid.txt is missing'),
            (lambda: PairList('lfw', tmp_path, tmp_path / 'p.txt'), 'pair list')]:
        with pytest.raises(FileNotFoundError, match=text):
            build()
    (tmp_path / 'Testing_Set').mkdir()
    for name in ('probe_img_ID_pairs', 'gallery_match_img_ID_pairs'):
        (tmp_path / 'Testing_Set' / f'{name}.mat').write_bytes(b'hello world')
    with pytest.raises(ValueError, match='not a MATLAB file'):
        TinyFace('tinyface', tmp_path)
    with pytest.raises(ValueError, match="no miniature 'x'"):
        write_miniatures(str(tmp_path), SyntheticFaces(12, 2), ['x'])
    with pytest.raises(FileExistsError):
        write_miniatures(str(root), SyntheticFaces(12, 2), ['lfw'])


def test_cross_resolution_degrades_the_probes_alone(root):
    inner = SCface('scface', root / 'scface' / 'aligned')
    cross = CrossResolution('scface7', inner, 7)
    # Gallery images as they are, probes degraded; each embedded once.
    assert len(cross) == len(inner)
    for i in cross.gallery[:3]:
        j = int(np.flatnonzero(inner.identities == cross.identities[i])[0])
        assert np.array_equal(cross[i]['img'], inner[j]['img'])
    for key, probes in cross.probes.items():
        position = int(inner.probes[key][4])
        want = degrade_array(np.ascontiguousarray(inner[position]['img']), 7)
        assert np.array_equal(cross[int(probes[4])]['img'], want)
    pairs = PAIRS['lfw'](root)
    cross = CrossResolution('lfw7', pairs, 7)
    i, j = cross.pairs[5]
    assert np.array_equal(cross[int(i)]['img'], pairs[int(pairs.pairs[5, 0])]['img'])
    assert np.array_equal(cross[int(j)]['img'], degrade_array(
        np.ascontiguousarray(pairs[int(pairs.pairs[5, 1])]['img']), 7))
    both = CrossResolution('lfw7', pairs, 7, sides='both')
    assert len(both) == len(pairs) and np.array_equal(both.pairs, pairs.pairs)
    with pytest.raises(ValueError, match='no side'):
        CrossResolution('x', IJB('ijbb', root / 'ijbb'), 7)


def test_an_embedding_that_is_no_number_names_its_image(root):
    class Broken(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def test_step(self, data):
            embedding = torch.ones(len(data['inputs']['hr']), 4)
            embedding[3] = torch.nan
            data['data_samples'].set_data(dict(embedding=embedding))
            return data['data_samples']

    benchmark = PAIRS['lfw'](root)
    with pytest.raises(ValueError, match=r'lfw: the embedding of image 3 \(Person_\d+/Person'):
        embed_benchmark(Broken().eval(), benchmark, [View()], batch_size=64)


@pytest.fixture(scope='module')
def tested(root, tmp_path_factory):
    """tools/test.py on all miniatures with a network that knows nothing, twice."""
    folder = tmp_path_factory.mktemp('tested')
    base = ROOT / 'configs' / '_base_'
    config = folder / 'config.py'
    config.write_text(f"""
_base_ = ['{base}/models/lrf_demo.py', '{base}/datasets/recordio.py',
          '{base}/schedules/adamw_short.py', '{base}/default_runtime.py']
model = dict(neck=dict(embed_dim=16))
test_dataloader = dict(num_workers=0)
""")
    from lrfr_mm.registry import MODELS
    model = Config.fromfile(config).model
    model.head.num_classes = 2
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(model).state_dict()), folder / 'random.pth')

    def run(*words, code=0):
        return python('tools/test.py', config, folder / 'random.pth', *words, code=code)

    common = ['--work-dir', folder / 'work', '--cfg-options', f'data_root={root}/']
    return run, folder, common, run('--benchmarks', 'all', *common)


def test_one_command_measures_all_benchmarks(tested, root):
    _, folder, _, done = tested
    metrics = json.loads((folder / 'work' / 'metrics.json').read_text())
    names = {'lfw/accuracy', 'xqlfw/accuracy', 'sweep/accuracy@7', 'cross/accuracy@7',
             'cfp_fp/accuracy', 'cfp_ff/accuracy', 'agedb_30/accuracy', 'agedb_30/val',
             'calfw/accuracy', 'cplfw/accuracy', 'scface/d1/rank1', 'scface/mean/rank1',
             'tinyface/rank1', 'tinyface/map', 'survface/tpir@0.1', 'survface_pairs/accuracy',
             'ijbb/tar@0.0001', 'ijbc/rank1', 'ijbc/tpir@0.01'}
    assert names <= set(metrics)
    assert metrics['lfw/accuracy_low'] <= metrics['lfw/accuracy'] <= metrics['lfw/accuracy_high']
    assert 'skipped' not in done.stdout + done.stderr
    page = (folder / 'work' / 'report' / 'index.html').read_text()
    for part in ('Table 1: SCface', 'CMC', 'open set', 'The hardest pairs', 'alignment'):
        assert part in page
    with np.load(folder / 'work' / 'items.npz') as items:
        assert 100 * items['tinyface/rank1'].mean() == pytest.approx(metrics['tinyface/rank1'])
        assert 100 * items['lfw/accuracy'].mean() == pytest.approx(metrics['lfw/accuracy'])


def plain_embeddings(folder, benchmark):
    """Unit vectors of all images, and of their mirror images before they are normalised."""
    from lrfr_mm.registry import MODELS
    model = Config.fromfile(folder / 'config.py').model
    model.head.num_classes = 2
    network = MODELS.build(model).eval()
    network.load_state_dict(torch.load(folder / 'random.pth')['state_dict'])
    images = np.stack([benchmark[i]['img'] for i in range(len(benchmark))])
    views = []
    with torch.no_grad():
        for shown in (images, images[:, :, ::-1]):
            inputs = torch.from_numpy((shown.astype(np.float32) - 127.5) / 127.5)
            views.append(network.neck(network.backbone(inputs.permute(0, 3, 1, 2)))
                         .double().numpy())
    return views


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_numbers_are_those_of_a_plain_loop(tested, root):
    """LFW's accuracy, closed and open-set rates, recomputed from the protocols' definitions."""
    _, folder, _, _ = tested
    metrics = json.loads((folder / 'work' / 'metrics.json').read_text())
    lfw = PAIRS['lfw'](root)
    vectors = unit(np.hstack(plain_embeddings(folder, lfw)))
    scores = np.array([vectors[i] @ vectors[j] for i, j in lfw.pairs])
    folds, correct = np.arange(len(scores)) // (len(scores) // 10), []
    for fold in range(10):
        best, threshold = -1., None
        for t in np.arange(-1, 1, .005):
            share = ((scores > t) == lfw.is_same)[folds != fold].mean()
            if share >= best:
                best, threshold = share, t
        correct.append(((scores > threshold) == lfw.is_same)[folds == fold].mean())
    assert metrics['lfw/accuracy'] == pytest.approx(100 * np.mean(correct), abs=1e-6)

    def search(benchmark, fuse):
        vectors = unit(fuse(*plain_embeddings(folder, benchmark)))
        probes = next(iter(benchmark.probes.values()))
        scores = vectors[probes] @ vectors[benchmark.gallery].T
        mate = benchmark.identities[probes][:, None] == benchmark.identities[benchmark.gallery]
        return scores, mate

    for benchmark, fuse, name in (
            (SCface('scface', root / 'scface' / 'aligned', seed=0), lambda f, _: f,
             'scface/d1/rank1'),
            (TinyFace('tinyface', root / 'tinyface', root / 'tinyface' / 'aligned'),
             lambda f, m: f + m, 'tinyface/rank1')):
        scores, mate = search(benchmark, fuse)
        rank1 = mate[np.arange(len(scores)), scores.argmax(1)].mean()
        assert metrics[name] == pytest.approx(100 * rank1, abs=1e-6), name
    surv = SurvFace('survface', root / 'survface', root / 'survface' / 'aligned')
    scores, mate = search(surv, lambda f, _: f)
    known = mate.any(1)
    limit = np.sort(scores[~known].max(1))[::-1][int(.1 * (~known).sum())]
    best = np.where(mate, scores, -2).max(1)
    rank = (scores >= best[:, None]).sum(1)
    share = ((best > limit) & (rank <= 20))[known].mean()
    assert metrics['survface/tpir@0.1'] == pytest.approx(100 * share, abs=1e-6)


def test_second_test_embeds_nothing_anew_and_says_the_same(tested):
    run, folder, common, _ = tested
    first = json.loads((folder / 'work' / 'metrics.json').read_text())
    before = {p: p.stat().st_mtime_ns for p in (folder / 'work' / 'embeddings').iterdir()}
    done = run('--benchmarks', 'lfw,survface,ijbc', *common)
    again = json.loads((folder / 'work' / 'metrics.json').read_text())
    assert len(again) > 20 and again == {name: first[name] for name in again}
    assert before == {p: p.stat().st_mtime_ns for p in (folder / 'work' / 'embeddings').iterdir()}
    assert 'lfw: embeddings of an earlier test' in done.stdout + done.stderr


def test_a_changed_image_is_embedded_anew(tested, root):
    run, folder, common, _ = tested
    path = sorted((root / 'calfw' / 'aligned').iterdir())[0]
    old = path.read_bytes()
    before = set(os.listdir(folder / 'work' / 'embeddings'))
    try:
        flipped = cv2.imread(str(path))[:, ::-1]
        path.write_bytes(cv2.imencode('.jpg', flipped)[1].tobytes())
        run('--benchmarks', 'calfw', *common)
    finally:
        path.write_bytes(old)
    new = set(os.listdir(folder / 'work' / 'embeddings')) - before
    assert len(new) == 2 and all(name.startswith('calfw') for name in new)


def test_missing_sets_are_skipped_but_not_when_named(tested, root, tmp_path):
    run, *_ = tested
    only = tmp_path / 'only'
    only.mkdir()
    (only / 'bin').symlink_to(root / 'bin')
    common = ['--work-dir', tmp_path / 'w', '--cfg-options', f'data_root={only}/']
    done = run(*common)
    said = done.stdout + done.stderr
    assert 'skipped: benchmark tinyface' in said and 'Testing_Set is expected there' in said
    assert 'tinyface/rank1' not in json.loads((tmp_path / 'w' / 'metrics.json').read_text())
    named = run('--benchmarks', 'agedb_30,tinyface', *common, code=2)
    assert 'tinyface' in named.stderr.splitlines()[-1]


def test_every_miniature_is_used_by_the_config():
    config = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'r50_ms1m.py')
    names = {dataset.name for dataset in config.test_dataloader.dataset}
    assert set(MINIATURES) - {'cfp', 'bin'} <= names
    assert {metric.benchmark for metric in config.test_evaluator} == names


OWN_BENCHMARK = """
import numpy as np
from lrfr_mm.datasets.benchmarks import DEFAULTS, DefaultBenchmark, FileFaces, PairBenchmark
from lrfr_mm.datasets.benchmarks.miniature import miniature, save_face
from lrfr_mm.evaluation.report.published import TABLES, PublishedTable
from lrfr_mm.registry import DATASETS


@DATASETS.register_module()
class Twins(PairBenchmark):
    def __init__(self, name, root):
        files = [f'{k:02d}.jpg' for k in range(40)]
        pairs = np.arange(40).reshape(-1, 2)
        super().__init__(name, FileFaces(root, files), pairs, np.arange(20) % 2 == 0)


@miniature('twins')
def write(root, people):
    for k in range(20):
        other = k // 2 % len(people) if k % 2 == 0 else (k // 2 + 1) % len(people)
        save_face(root / f'{2 * k:02d}.jpg', people.face(k // 2 % len(people), 0))
        save_face(root / f'{2 * k + 1:02d}.jpg', people.face(other, 1))


DEFAULTS['twins'] = DefaultBenchmark(dict(type='Twins', root='{data_root}twins'),
                                     [dict(type='PairVerification', protocol='exact')])
TABLES['twins'] = PublishedTable('Twins', {'accuracy': 'twins/accuracy'}, {'a paper': (77.,)}, '')
"""


def run_tool(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', list(map(str, arguments)))
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / 'tools' / arguments[0]), run_name='__main__')
    return end.value.code


def test_a_benchmark_of_ones_own_is_one_file(tmp_path, monkeypatch, capsys):
    from lrfr_mm.datasets.benchmarks import DEFAULTS
    from lrfr_mm.engine.config import select_benchmarks
    from lrfr_mm.evaluation.report.published import TABLES
    from lrfr_mm.registry import DATASETS
    (tmp_path / 'twins_benchmark.py').write_text(OWN_BENCHMARK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert run_tool(monkeypatch, 'miniature_benchmarks.py', tmp_path / 'sets', '--people', 6,
                        '--custom-imports', 'twins_benchmark', '--names', 'twins') == 0
        assert capsys.readouterr().out.strip() == str(tmp_path / 'sets' / 'twins')
        assert len(list((tmp_path / 'sets' / 'twins').iterdir())) == 40
        assert run_tool(monkeypatch, 'miniature_benchmarks.py', tmp_path / 'sets', '--names',
                        'twins') == 2
        assert 'nothing is overwritten' in capsys.readouterr().err
        config = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'demo.py')
        config.data_root = f'{tmp_path}/sets/'
        before = len(config.test_dataloader.dataset)
        select_benchmarks(config, 'all', None)
        assert len(config.test_dataloader.dataset) == before + 1
        select_benchmarks(config, 'twins', None)
        benchmark = DATASETS.build(config.test_dataloader.dataset[0])
        assert benchmark.name == 'twins' and len(benchmark.pairs) == 20
        assert [m.to_dict() if hasattr(m, 'to_dict') else dict(m) for m in config.test_evaluator] \
            == [dict(type='PairVerification', protocol='exact', benchmark='twins')]
        assert TABLES['twins'].rows == {'a paper': (77.,)}
    finally:
        DEFAULTS.pop('twins', None)
        TABLES.pop('twins', None)
        MINIATURES.pop('twins', None)
        DATASETS.module_dict.pop('Twins', None)
        sys.modules.pop('twins_benchmark', None)


def test_the_command_writes_what_the_function_writes(tmp_path, monkeypatch):
    assert run_tool(monkeypatch, 'miniature_benchmarks.py', tmp_path / 'a', '--people', 6,
                    '--names', 'scface', 'cfp', '--seed', 3) == 0
    write_miniatures(str(tmp_path / 'b'), SyntheticFaces(6, 9, 3, first_identity=2_000_000),
                     ['scface', 'cfp'], 3)
    files = {name: {p.relative_to(tmp_path / name): p.read_bytes()
                    for p in (tmp_path / name).rglob('*') if p.is_file()} for name in 'ab'}
    assert files['a'] == files['b'] and len(files['a']) > 6 * 16


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.webp', '.tif'])
def test_a_bin_and_its_list_are_the_same_benchmark(tmp_path, suffix):
    rng = np.random.default_rng(0)
    images = [cv2.imencode(suffix, rng.integers(0, 256, (112, 112, 3), np.uint8))[1].tobytes()
              for _ in range(5)]
    stored = [images[k] for k in (0, 1, 2, 3, 0, 4)]
    (tmp_path / 'a.bin').write_bytes(pickle.dumps((stored, [True, False, True])))
    assert bin_to_list(tmp_path / 'a.bin', tmp_path / 'list') == (5, 3)
    listed = PairList('l', tmp_path / 'list', tmp_path / 'list' / 'pairs.txt')
    assert len(listed) == 5 and listed.is_same.tolist() == [True, False, True]
    assert [listed.source.read(int(i))[0] for i in listed.pairs.ravel()] == stored
    assert list_to_bin(tmp_path / 'list', tmp_path / 'list' / 'pairs.txt', tmp_path / 'b.bin') == 3
    assert read_bin(tmp_path / 'b.bin')[0] == stored
