"""Groups of people: from a table, or of drawn faces, whose traits are known."""
from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from lrfr_mm.errors import InputError, InputMissingError, reading
from lrfr_mm.ops.facegen import sample_identity

__all__ = ['drawn_groups', 'read_groups']


def drawn_groups(source) -> dict[str, np.ndarray]:
    """Groupings of the images of a SyntheticFaces source.

    Returns:
        Name of the grouping to the group of each image, (N,): 'skin tone' in thirds of the melanin
        range, 'age marks' in halves, 'glasses' by whether the person usually wears them.
    """
    people = [sample_identity(np.random.default_rng([source.seed, source.first_identity + k]))
              for k in range(source.num_classes)]
    tone = np.array(['light', 'medium', 'dark'])[np.clip(
        [int(3 * who.melanin) for who in people], 0, 2)]
    age = np.where([who.age >= .5 for who in people], 'many', 'few')
    glasses = np.where([who.wears_glasses for who in people], 'usually worn', 'seldom worn')
    labels = source.labels()
    return {'skin tone': tone[labels], 'age marks': age[labels], 'glasses': glasses[labels]}


def read_groups(path: str | Path, people: list[str]) -> dict[str, np.ndarray]:
    """Groupings of people from a CSV file: a column ``person``, then one column a grouping.

    Args:
        path: The file, UTF-8.
        people: Name of each label of the faces.

    Returns:
        Name of the grouping to the group of each label, (len(people),).

    Raises:
        InputMissingError: If the file is not there.
        InputError: If it has no such columns, a person twice, or lacks one; with the line.
    """
    if not Path(path).is_file():
        raise InputMissingError(f'groups {path} do not exist')
    found: dict[str, dict[str, str]] = {}
    with reading(f'{path}'), open(path, newline='', encoding='utf-8-sig') as file:
        table = csv.DictReader(file)
        columns = [name for name in table.fieldnames or () if name != 'person']
        if 'person' not in (table.fieldnames or ()) or not columns:
            raise InputError(f'{path}: a column "person" and at least one grouping are expected, '
                             f'got {table.fieldnames}')
        for row in table:
            if row['person'] in found:
                raise InputError(f'{path}, line {table.line_num}: {row["person"]} is there twice')
            if any(not row[name] for name in columns):
                raise InputError(f'{path}, line {table.line_num}: a group is missing')
            found[row['person']] = row
    missing = [person for person in people if person not in found]
    if missing:
        raise InputError(f'{path} has no line for {missing[0]} ({len(missing)} people are missing)')
    return {name: np.array([found[person][name] for person in people]) for name in columns}
