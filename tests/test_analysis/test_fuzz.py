"""Readers on damaged files, and the machine that damages them."""
import os
import signal
import time

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
        time.sleep(.05)


def test_every_kind_of_failure_is_noticed(monkeypatch):
    monkeypatch.setattr('lrfr_mm.analysis.fuzz.run._SECONDS', .04)
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
