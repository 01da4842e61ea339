"""What the README says, done."""
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from lrfr_mm.engine.config import load_config
from lrfr_mm.registry import MODELS

ROOT = Path(__file__).parents[1]
README = (ROOT / 'README.md').read_text(encoding='utf-8')


def test_the_added_component_runs(tmp_path, monkeypatch):
    (code,) = re.findall(r'```python\n(.*?)```', README, re.S)
    assert len(code.splitlines()) <= 20
    (tmp_path / 'my_head.py').write_text(code)
    (lines,) = re.findall(r'    custom_imports = .*\n    model = .*\n', README)
    (tmp_path / 'config.py').write_text(lines.replace('    ', ''))
    monkeypatch.chdir(tmp_path)
    config = load_config(SimpleNamespace(config='config.py', cfg_options=None, work_dir=None,
                                         launcher='none'))
    head = MODELS.build({**config.model.head, 'num_classes': 7, 'in_channels': 8})
    x, labels = torch.randn(5, 8), torch.tensor([0, 3, 6, 1, 1])
    cosine = F.normalize(x) @ F.normalize(head.weight).T
    target = 1 - 2 * (torch.acos(cosine) + .1) / torch.pi
    want = F.cross_entropy(64 * torch.where(F.one_hot(labels, 7) == 1, target, cosine), labels)
    torch.testing.assert_close(head.loss(x, labels)['loss'], want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('path', sorted(set(re.findall(
    r'\]\((docs/[^)]+)\)|((?:configs|tools)/[\w/]+\.py)|`(lrfr_mm/\w+/)`', README))))
def test_every_path_is_there(path):
    (name,) = filter(None, path)
    assert (ROOT / name).exists()
