"""The command without its commands: help, version, and what they load."""
import subprocess
import sys
from pathlib import Path

import pytest

from lrfr_mm.cli.main import COMMANDS
from lrfr_mm.version import __version__

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from lrfr_mm.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print('code', end.code, 'torch', 'torch' in sys.modules)
"""


@pytest.mark.parametrize('words, code, text', [
    (['--help'], 0, 'a web page and an API'), ([], 0, 'usage: lrfr'),
    (['--version'], 0, f'lrfr_mm {__version__}'), (['nonsense'], 2, "invalid choice: 'nonsense'")])
def test_help_loads_no_network_library(words, code, text):
    done = subprocess.run([sys.executable, '-c', CODE, *words], cwd=ROOT, capture_output=True,
                          text=True, timeout=120)
    assert text in done.stdout + done.stderr
    assert f'code {code} torch False' in done.stdout


def test_every_command_has_its_file():
    files = {path.stem for path in (ROOT / 'lrfr_mm' / 'cli' / 'commands').glob('[!_]*.py')}
    assert files == set(COMMANDS) - {'train', 'test'}
