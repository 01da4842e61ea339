"""MATLAB files (version 5, as ``save`` writes them by default): cell arrays, text and numbers.

A strict reader of what the lists of data sets hold, after MathWorks' "MAT-File Format": every size
is checked against the bytes that are there before anything is allocated, so that a damaged file is
an error and nothing worse. Structs, objects, sparse and complex arrays are refused where they are
asked for, and skipped elsewhere.
"""
from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lrfr_mm.errors import InputError, InputMissingError, reading

__all__ = ['MatError', 'read_mat']

_MOST_BYTES = 1 << 28  # of all variables after decompression; TinyFace's lists take 1 MB
_MOST_DEPTH = 4  # of cells in cells
# Types of data elements (table 1-1 of the format) as numpy's.
_NUMBERS = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 9: 'f8', 12: 'i8',
            13: 'u8'}
_TEXTS = {1: 'latin-1', 2: 'latin-1', 4: 'utf-16', 16: 'utf-8', 17: 'utf-16', 18: 'utf-32'}
_INT32, _UINT32, _MATRIX, _COMPRESSED = 5, 6, 14, 15
# Classes of arrays (table 1-3).
_CELL, _CHAR = 1, 4
_NUMERIC = {6: 'f8', 7: 'f4', 8: 'i1', 9: 'u1', 10: 'i2', 11: 'u2', 12: 'i4', 13: 'u4', 14: 'i8',
            15: 'u8'}
_COMPLEX = 0x08


class MatError(ValueError):
    """What is wrong with the bytes of a MATLAB file."""


class _Element(NamedTuple):
    kind: int
    data: memoryview
    end: int  # where the next one begins


def read_mat(path: str | os.PathLike, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Read variables of a MATLAB file of version 5.

    Args:
        path: The file.
        names: The variables that are wanted; each must be there.

    Returns:
        Numeric arrays in their shape and type; text as an array of str, one a row of the matrix,
        without blanks at the ends; cell arrays as object arrays of such arrays in their shape.

    Raises:
        InputMissingError: If there is no such file.
        InputError: If it is not such a file, is damaged, lacks a variable, or one has another type;
            the text names the file and the variable.
    """
    if not os.path.isfile(path):
        raise InputMissingError(f'{path} does not exist')
    with reading(str(path)):
        data = Path(path).read_bytes()
        order = _byte_order(data)
        found = {}
        for matrix in _variables(memoryview(data)[128:], order):
            reader = _MatrixReader(matrix, order)
            if reader.name in names:
                if reader.name in found:
                    raise MatError(f'variable {reader.name!r} occurs twice')
                found[reader.name] = reader.value()
            else:
                found.setdefault(reader.name, None)
    for name in names:
        if found.get(name) is None:
            raise InputError(f'{path} has no variable {name!r}, but '
                             f'{", ".join(map(repr, found)) or "none"}')
    return {name: found[name] for name in names}


def _byte_order(data: bytes) -> str:
    """'<' or '>', from the header of 128 bytes."""
    if data[:4] and data[:19] == b'MATLAB 7.3 MAT-file':
        raise MatError("it is a MATLAB file of version 7.3 (HDF5); save it with the option '-v7'")
    orders = {b'IM': '<', b'MI': '>'}
    if len(data) < 128 or data[126:128] not in orders:
        raise MatError('it is not a MATLAB file of version 5')
    order = orders[data[126:128]]
    if int.from_bytes(data[124:126], 'little' if order == '<' else 'big') != 0x0100:
        raise MatError('it is not a MATLAB file of version 5')
    return order


def _element(data: memoryview, start: int, order: str) -> _Element:
    """The data element that begins at ``start``."""
    if start + 8 > len(data):
        raise MatError('it ends within a data element')
    byteorder = 'little' if order == '<' else 'big'
    first = int.from_bytes(data[start:start + 4], byteorder)
    if first >> 16:  # the small form: type, size and up to four bytes in eight
        kind, size, begin, end = first & 0xffff, first >> 16, start + 4, start + 8
        if size > 4:
            raise MatError(f'a small data element of {size} bytes')
    else:
        kind, size = first, int.from_bytes(data[start + 4:start + 8], byteorder)
        begin = start + 8
        # Everything but compressed elements is padded to eight bytes.
        end = begin + size if kind == _COMPRESSED else begin + -(-size // 8) * 8
    if begin + size > len(data):
        raise MatError(f'a data element of {size} bytes, of which {len(data) - begin} are there')
    return _Element(kind, data[begin:begin + size], end)


def _variables(data: memoryview, order: str):
    """The bytes of each top-level matrix."""
    start, left = 0, _MOST_BYTES
    while start < len(data):
        element = _element(data, start, order)
        start = element.end
        if element.kind == _COMPRESSED:
            stream = zlib.decompressobj()
            plain = stream.decompress(element.data, left)
            if stream.unconsumed_tail:
                raise MatError(f'more than {_MOST_BYTES >> 20} MiB of variables')
            if not stream.eof:
                raise MatError('a compressed variable is cut off')
            left -= len(plain)
            element = _element(memoryview(plain), 0, order)
        if element.kind != _MATRIX:
            raise MatError(f'a data element of type {element.kind} where a variable is expected')
        yield element.data


class _MatrixReader:
    """One matrix: its flags, dimensions and name are read at once, its content when asked for."""

    def __init__(self, data: memoryview, order: str, depth: int = 0):
        self.data, self.order, self.depth, self.position = data, order, depth, 0
        flags = self._numbers(_UINT32)
        if len(flags) != 2:
            raise MatError('a matrix without array flags')
        self.kind, self.flags = int(flags[0]) & 0xff, int(flags[0]) >> 8 & 0xff
        self.shape = tuple(map(int, self._numbers(_INT32)))
        if len(self.shape) < 2 or min(self.shape) < 0:
            raise MatError(f'a matrix of dimensions {self.shape}')
        self.count = 1
        for side in self.shape:
            self.count *= side
        if self.count > len(data):  # each item takes at least a byte
            raise MatError(f'a matrix of dimensions {self.shape} in {len(data)} bytes')
        name = self._next()
        if name.kind not in (1, 2):
            raise MatError('a matrix without a name')
        self.name = bytes(name.data).decode('latin-1')

    def value(self) -> np.ndarray:
        if self.kind == _CELL:
            return self._cells()
        if self.kind == _CHAR:
            return self._text()
        if self.kind in _NUMERIC and not self.flags & _COMPLEX:
            element = self._next()
            values = self._decode(element, self.count)
            return values.astype(_NUMERIC[self.kind]).reshape(self.shape, order='F')
        raise MatError(f'variable {self.name!r} is of class {self.kind}, which is not read')

    def _next(self) -> _Element:
        element = _element(self.data, self.position, self.order)
        self.position = element.end
        return element

    def _numbers(self, kind: int) -> np.ndarray:
        element = self._next()
        if element.kind != kind:
            raise MatError(f'a data element of type {element.kind} where {kind} is expected')
        return self._decode(element, None)

    def _decode(self, element: _Element, count: int | None) -> np.ndarray:
        if element.kind not in _NUMBERS:
            raise MatError(f'a data element of type {element.kind} where numbers are expected')
        dtype = np.dtype(self.order + _NUMBERS[element.kind])
        if len(element.data) % dtype.itemsize or (
                count is not None and len(element.data) != count * dtype.itemsize):
            raise MatError(f'{len(element.data)} bytes for numbers of {dtype.itemsize} bytes')
        return np.frombuffer(element.data, dtype)

    def _cells(self) -> np.ndarray:
        if self.depth >= _MOST_DEPTH:
            raise MatError(f'cells within more than {_MOST_DEPTH} cells')
        cells = np.empty(self.count, object)
        for k in range(self.count):
            element = self._next()
            if element.kind != _MATRIX:
                raise MatError(f'a data element of type {element.kind} where a cell is expected')
            if len(element.data) == 0:  # MATLAB writes [] so
                cells[k] = np.empty((0, 0))
            else:
                cells[k] = _MatrixReader(element.data, self.order, self.depth + 1).value()
        return cells.reshape(self.shape, order='F')

    def _text(self) -> np.ndarray:
        if len(self.shape) != 2:
            raise MatError(f'text of dimensions {self.shape}')
        element = self._next()
        if element.kind not in _TEXTS:
            raise MatError(f'a data element of type {element.kind} where text is expected')
        encoding = _TEXTS[element.kind]
        if encoding in ('utf-16', 'utf-32'):
            encoding += '-le' if self.order == '<' else '-be'
        letters = bytes(element.data).decode(encoding)
        if len(letters) != self.count:
            raise MatError(f'{len(letters)} letters for text of dimensions {self.shape}')
        rows = self.shape[0] if self.count else 0
        # Column by column, as MATLAB stores matrices: every rows-th letter belongs to a row.
        return np.array([letters[row::rows].strip() for row in range(rows)], dtype=str)
