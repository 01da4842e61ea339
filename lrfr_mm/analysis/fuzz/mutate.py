"""Damage to files: what disks, editors, transfers and other people's programs do to them."""
from __future__ import annotations

import numpy as np

__all__ = ['mutate']

# What stands where something else is expected: signs, huge and special numbers, names that leave a
# directory, bytes that are not UTF-8, marks, separators.
_TOKENS = (b'', b'-1', b'0', b'9' * 20, b'1e999', b'nan', b'1.5', b'../../x', b'/etc/passwd', b'..',
           b'\xff\xfe', b'\xef\xbb\xbf', b'\0', b' ', b'\t', b'\n', b'\r', b',', '\u2028'.encode(),
           b'\x7f\xff\xff\xff', b'\xff\xff\xff\xff', b'\x80')


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """``data`` with one to three kinds of damage, drawn from ``rng``."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        _DAMAGES[rng.integers(len(_DAMAGES))](out, rng)
    return bytes(out)


def _place(out: bytearray, rng: np.random.Generator) -> int:
    return int(rng.integers(len(out) + 1))


def _span(out: bytearray, rng: np.random.Generator) -> slice:
    start = _place(out, rng)
    return slice(start, min(len(out), start + int(2 ** rng.uniform(0, 8))))


def _flip_bits(out: bytearray, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(1, 9) if out else 0):
        out[rng.integers(len(out))] ^= 1 << int(rng.integers(8))


def _cut(out: bytearray, rng: np.random.Generator) -> None:
    del out[_place(out, rng):]


def _remove(out: bytearray, rng: np.random.Generator) -> None:
    del out[_span(out, rng)]


def _repeat(out: bytearray, rng: np.random.Generator) -> None:
    span = _span(out, rng)
    out[span.stop:span.stop] = out[span]


def _swap(out: bytearray, rng: np.random.Generator) -> None:
    first, second = sorted((_span(out, rng), _span(out, rng)), key=lambda span: span.start)
    if first.stop <= second.start:
        out[first.start:second.stop] = (out[second] + out[first.stop:second.start] + out[first])


def _overwrite(out: bytearray, rng: np.random.Generator) -> None:
    span = _span(out, rng)
    out[span] = bytes([(0, 255, 10, 65)[rng.integers(4)]]) * (span.stop - span.start)


def _insert_token(out: bytearray, rng: np.random.Generator) -> None:
    place = _place(out, rng)
    out[place:place] = _TOKENS[rng.integers(len(_TOKENS))]


def _replace_word(out: bytearray, rng: np.random.Generator) -> None:
    """Put a token in place of a word, or of a line's end."""
    words = bytes(out).split()
    if words:
        word = words[rng.integers(len(words))]
        start = bytes(out).find(word, int(rng.integers(len(out))))
        if start >= 0:
            out[start:start + len(word)] = _TOKENS[rng.integers(len(_TOKENS))]


_DAMAGES = (_flip_bits, _cut, _remove, _repeat, _swap, _overwrite, _insert_token, _replace_word)
