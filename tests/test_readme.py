"""What the README says, done."""
import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from lrfr_mm.registry import MODELS

README = (Path(__file__).parents[1] / 'README.md').read_text(encoding='utf-8')


def test_the_added_component_runs(tmp_path):
    (code,) = re.findall(r'```python\n(.*?)```', README, re.S)
    assert len(code.splitlines()) <= 20
    path = tmp_path / 'my_head.py'
    path.write_text(code)
    spec = importlib.util.spec_from_file_location('my_head', path)
    module = importlib.util.module_from_spec(spec)
    sys.modules['my_head'] = module
    spec.loader.exec_module(module)
    settings = re.search(r'head=(dict\(type=.ArcFaceHead.*?\))\)', README)[1]
    head = MODELS.build({**eval(settings), 'num_classes': 7, 'in_channels': 8})
    x, labels = torch.randn(5, 8), torch.tensor([0, 3, 6, 1, 1])
    cosine = F.normalize(x) @ F.normalize(head.weight).T
    angle = torch.acos(cosine) + .5 * F.one_hot(labels, 7)
    want = F.cross_entropy(64 * torch.cos(angle), labels)
    torch.testing.assert_close(head.loss(x, labels)['loss'], want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('path', sorted(set(re.findall(
    r'\]\((docs/[^)]+)\)|((?:configs|tools)/[\w/]+\.py)|`(lrfr_mm/\w+/)`', README))))
def test_every_path_is_there(path):
    (name,) = filter(None, path)
    assert (Path(__file__).parents[1] / name).exists()
