"""The documentation site: its pages, and what they link to and describe."""
import json
import pkgutil
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / 'docs'
PAGES = sorted(DOCS.rglob('*.md'))
FENCED = re.compile(r'^```.*?^```|`[^`\n]*`', re.S | re.M)


def pages_of(nav):
    for entry in nav:
        for target in entry.values():
            yield from pages_of(target) if isinstance(target, list) else [target]


def test_the_site_has_every_page_once():
    nav = yaml.safe_load((ROOT / 'mkdocs.yml').read_text(encoding='utf-8'))['nav']
    assert sorted(pages_of(nav)) == sorted(page.relative_to(DOCS).as_posix() for page in PAGES)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_what_a_page_refers_to_is_there(page):
    text = FENCED.sub('', page.read_text(encoding='utf-8'))
    for target in re.findall(r'\]\(([^)\s#]+)', text):
        assert target.startswith('https://') or (page.parent / target).exists(), target
    for name in re.findall(r'^::: (\S+)', text, re.M):
        pkgutil.resolve_name(name)


def test_the_notebook_runs(monkeypatch, tmp_path):
    pyplot = pytest.importorskip('matplotlib.pyplot')
    notebook = json.loads((DOCS / 'tour.ipynb').read_text(encoding='utf-8'))
    assert notebook['nbformat'] == 4
    monkeypatch.chdir(ROOT)
    known = {}
    for number, cell in enumerate(notebook['cells']):
        if cell['cell_type'] == 'code':
            assert cell['outputs'] or number == 1, 'it is stored with its outputs'
            exec(compile(''.join(cell['source']), f'cell {number}', 'exec'), known)
    assert len(pyplot.get_fignums()) == 2
    pyplot.close('all')
    assert known['faces'].shape == (48, 112, 112, 3)
    assert known['embedder'].verify(known['one'], known['same']) > known['embedder'].verify(
        known['one'], known['other'])
    assert .5 < min(known['both'][-1], known['cross'][-1]) < 1
