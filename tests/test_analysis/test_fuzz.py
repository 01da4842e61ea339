"""Readers on damaged files, and the machine that damages them."""
import os
import runpy
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lrfr_mm.analysis.fuzz import FUZZ_CASES, FuzzCase, mutate, run_case
from lrfr_mm.errors import InputError


@pytest.mark.parametrize('name', FUZZ_CASES)
def test_damaged_files_are_refused_by_name(name):
    result = run_case(FUZZ_CASES[name], 200, seed=7)
    assert result.failures == []
    assert sum(result.counts.values()) == 200
    assert result.counts['refused'] > 40  # the damage reaches what is read


def test_mutants_are_seeded_and_differ():
    data = bytes(range(256)) * 4
    mutants = [mutate(data, np.random.default_rng(k)) for k in range(200)]
    assert mutants == [mutate(data, np.random.default_rng(k)) for k in range(200)]
    assert len(set(mutants)) > 190 and sum(m == data for m in mutants) < 10
    assert mutate(b'', np.random.default_rng(0)) is not None
    assert {len(m) > len(data) for m in mutants} == {True, False}


def write(directory):
    (directory / 'x.txt').write_text('sound')
    return directory / 'x.txt'


def reads(path):
    """Fails on damaged content in a way that depends on its first byte."""
    data = path.read_bytes()
    if data == b'sound':
        return
    kind = sum(data) % 7
    if kind == 0:
        raise InputError(f'{path}: odd')
    if kind == 1:
        raise InputError('odd')
    if kind == 2:
        raise IndexError('odd')
    if kind == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == 4:
        os._exit(3)
    if kind == 5:
        np.empty(1 << 40, np.uint8)
    if kind == 6:
        end = time.process_time() + .3
        while time.process_time() < end:
            pass


def test_every_kind_of_failure_is_noticed(monkeypatch):
    monkeypatch.setattr('lrfr_mm.analysis.fuzz.run._SECONDS', .2)
    result = run_case(FuzzCase('toy', write, reads), 60)
    assert sum(result.counts.values()) == 60
    assert set(result.counts) >= {'refused', 'unnamed', 'foreign', 'crashed', 'slow'}
    texts = {kind: [t for _, k, t in result.failures if k == kind] for kind in result.counts}
    assert {'exit code -9', 'exit code 3'} == set(texts['crashed'])
    assert any('MemoryError' in text for text in texts['foreign'])
    assert any('IndexError' in text for text in texts['foreign'])
    assert run_case(FuzzCase('toy', write, reads), 60).counts == result.counts


def test_a_case_that_cannot_read_its_own_files_is_an_error():
    def refuses(path):
        raise InputError(f'{path}: never')

    with pytest.raises(ValueError, match='sound files of toy are not read'):
        run_case(FuzzCase('toy', write, refuses), 3)


def test_the_command_ends_with_1_where_a_reader_fails(tmp_path, monkeypatch, capsys):
    (tmp_path / 'own_format.py').write_text(
        'from lrfr_mm.analysis.fuzz import fuzz_case\n\n\n'
        'def read(path):\n    return {b"sound": 1}[path.read_bytes()]\n\n\n'
        '@fuzz_case("own", read)\ndef write(directory):\n'
        '    (directory / "x").write_bytes(b"sound")\n    return directory / "x"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    tool = Path(__file__).parents[2] / 'tools' / 'analysis_tools' / 'fuzz_readers.py'
    try:
        for formats, want in (('landmark table', 0), ('own', 1)):
            monkeypatch.setattr(sys, 'argv', [
                str(tool), '--count', '20', '--custom-imports', 'own_format', '--formats', formats])
            with pytest.raises(SystemExit) as end:
                runpy.run_path(str(tool), run_name='__main__')
            out = capsys.readouterr().out
            assert end.value.code == want and out.startswith(formats)
        assert 'foreign: KeyError' in out
    finally:
        FUZZ_CASES.pop('own', None)
        sys.modules.pop('own_format', None)
