import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from lrfr_mm.analysis.input_check import SCALES, check_input
from lrfr_mm.errors import InputError
from lrfr_mm.registry import MODELS

SCRIPT = Path(__file__).parents[2] / 'tools/model_converters/check_input.py'


@MODELS.register_module(force=True)
class BlueFirst(torch.nn.Module):
    """Sees what it was trained for: blue in the first channel, values of -1 to 1."""

    out_channels = 7

    def forward(self, x):
        level = x[:, 0].mean((1, 2)).clamp(-1, .999)
        noise = x[:, 2].mean((1, 2)).clamp(-1, 1)
        six = torch.nn.functional.one_hot(((level + 1) * 3).long(), 6)
        return torch.cat([six, .2 * noise[:, None]], 1)


@pytest.fixture
def people(tmp_path, rng):
    for person in range(6):
        for k in range(5):
            red, blue = rng.integers(0, 256), 20 + 43 * person + rng.integers(-4, 5)
            face = np.full((112, 112, 3), (blue, 128, red), np.uint8)  # OpenCV writes BGR
            path = tmp_path / 'faces' / str(person) / f'{k}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), face)
    return tmp_path / 'faces'


def config(**preprocessor):
    return Config(dict(model=dict(
        type='LRFRecognizer', backbone=dict(type='BlueFirst'), neck=None,
        data_preprocessor=dict(type='FacePreprocessor', **preprocessor))))


def test_the_training_order_and_scale_are_found(people):
    wrong, *trials = check_input(config(), None, people)
    assert len(trials) == 2 * len(SCALES)
    assert trials[0].order == 'bgr' and trials[0].scale.startswith('(x - 127.5)')
    assert trials[0].auc > 95 and trials[0].auc > wrong.auc + 20
    found = {(trial.order, trial.scale): trial.auc for trial in trials}
    assert wrong.auc == pytest.approx(found['rgb', '(x - 127.5) / 127.5'], abs=1e-6)
    assert found['bgr', 'raw'] < trials[0].auc - 10
    right, *_ = check_input(config(channel_order='bgr'), None, people)
    assert right.auc == pytest.approx(found['bgr', '(x - 127.5) / 127.5'], abs=1e-6)


def test_the_command(people, tmp_path, monkeypatch, capsys):
    for settings, text in ((dict(), 'points below it'), (dict(channel_order='bgr'), 'as good')):
        path = tmp_path / 'net.py'
        path.write_text(config(**settings).pretty_text)
        monkeypatch.setattr(sys, 'argv', [str(SCRIPT), str(path), str(people)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name='__main__')
        assert ended.value.code == 0 and text in capsys.readouterr().out


def test_faces_of_one_person_tell_nothing(people):
    with pytest.raises(InputError, match='of one person and of two people'):
        check_input(config(), None, people, limit=4)
