"""An import only ever points down the README's list."""
import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = re.findall(r'\| `lrfr_mm/(\w+)/` \|', (ROOT / 'README.md').read_text(encoding='utf-8'))
FILES = sorted((ROOT / 'lrfr_mm').rglob('*.py'))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize('floor', FLOORS)
def test_imports_point_down(floor):
    assert len(FLOORS) == 9
    above = FLOORS[:FLOORS.index(floor)]
    for path in (p for p in FILES if p.relative_to(ROOT / 'lrfr_mm').parts[0] == floor):
        for name in imported(path):
            assert not any(name.startswith(f'lrfr_mm.{room}') for room in above), (path, name)


def test_the_numeric_cores_know_no_mmengine():
    for path in FILES:
        parts = path.relative_to(ROOT / 'lrfr_mm').parts
        if parts[0] == 'ops' or parts[:2] == ('evaluation', 'functional'):
            assert not any(name.split('.')[0] in ('mmengine', 'mmcv') for name in imported(path))
