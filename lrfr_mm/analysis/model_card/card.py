"""Fill the card, as Markdown and as a page."""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from lrfr_mm.errors import InputError, InputMissingError, reading
from lrfr_mm.evaluation.calibration import SizeCalibration
from lrfr_mm.evaluation.report.page import render
from lrfr_mm.files import write_text
from lrfr_mm.version import __version__

__all__ = ['CardInputs', 'write_card']

_PACKAGE = 'lrfr_mm.analysis.model_card'


@dataclass
class CardInputs:
    """What a card is made of.

    Attributes:
        name: Of the recognizer.
        config: Text of its config.
        fingerprint: Of its weights.
        training_data: What it was trained on, and under which terms; the author's words.
        intended: What it is meant for; the author's words.
        run: ``run.json`` of a test, read; None without one.
        calibration: By face size; None without one.
        groups: Grouping to group to rates; see ``group_error_rates``.
        group_note: Which faces, size and threshold the group rates are of.
        parameters: Number of weights.
    """

    name: str
    config: str
    fingerprint: str
    training_data: str = ''
    intended: str = ''
    run: dict | None = None
    calibration: SizeCalibration | None = None
    groups: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    group_note: str = ''
    parameters: int = 0


def read_run_file(work_dir: str | Path) -> dict:
    """``run.json`` of a work dir.

    Raises:
        InputMissingError: If it is not there.
        InputError: If it is damaged.
    """
    path = Path(work_dir, 'run.json')
    if not path.is_file():
        raise InputMissingError(f'{path} does not exist; tools/test.py writes it')
    with reading(str(path)):
        run = json.loads(path.read_text(encoding='utf-8'))
        if not isinstance(run.get('rows'), list):
            raise InputError(f'{path} has no list "rows"')
    return run


def write_card(inputs: CardInputs, out: str | Path, fars: tuple[float, ...] = (.01, .001)) -> Path:
    """Write ``out/card.md`` and ``out/card.html``; returns the page's path.

    Numbers come from the inputs alone: what was not measured is said to be so.
    """
    sizes = []
    if inputs.calibration is not None:
        last = inputs.calibration.sizes[-1]
        table = inputs.calibration.table(fars)
        sizes = [row for row in table if row['large'] in (row['small'], last)]
    values = dict(card=inputs, sizes=sizes, fars=fars, version=__version__,
                  day=date.today().isoformat(), rows=(inputs.run or {}).get('rows', []))
    out = Path(out)
    write_text(out / 'card.md', render('card.md.jinja', _PACKAGE, **values).replace('&#39;', "'"))
    write_text(out / 'card.html', render('card.html', _PACKAGE,
                                         title=f'Model card: {inputs.name}', **values))
    return out / 'card.html'
