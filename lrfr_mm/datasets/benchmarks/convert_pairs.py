"""A pair list with its images to insightface's .bin, and back."""
from __future__ import annotations

import os
import pickle
from pathlib import Path

from lrfr_mm.datasets.benchmarks.pair_bin import read_bin
from lrfr_mm.datasets.benchmarks.pair_list import PairList
from lrfr_mm.datasets.convert import image_suffix
from lrfr_mm.datasets.jobs import building
from lrfr_mm.errors import InputExistsError
from lrfr_mm.files import whole_file, write_text

__all__ = ['bin_to_list', 'list_to_bin']


def list_to_bin(root: str, pairs: str, out: str | os.PathLike) -> int:
    """Write the pairs of a list in LFW's form, and their images as they are, to a .bin.

    Args:
        root: Directory of people, NAME/NAME_0001.jpg.
        pairs: The list.
        out: The .bin.

    Returns:
        The number of pairs.

    Raises:
        InputExistsError: If ``out`` exists.
        InputMissingError, InputError: As PairList.
    """
    if Path(out).exists():
        raise InputExistsError(f'{out} exists already: nothing is overwritten')
    benchmark = PairList('pairs', root, pairs)
    images = [benchmark.source.read(int(i))[0] for pair in benchmark.pairs for i in pair]
    with whole_file(out) as part, open(part, 'wb') as file:
        pickle.dump((images, benchmark.is_same.tolist()), file, protocol=4)
    return len(benchmark.pairs)


def bin_to_list(path: str, out: str | os.PathLike) -> tuple[int, int]:
    """Write a .bin to ``out/image/image_0001.jpg`` ... and ``out/pairs.txt``, for PairList.

    Equal images become one file.

    Returns:
        The numbers of images and of pairs.

    Raises:
        InputExistsError: If ``out`` holds something.
        InputError: If the .bin cannot be read, or an image has an unknown format.
    """
    images, is_same = read_bin(path)
    numbers: dict[bytes, int] = {}
    with building(out, dict(bin=str(path), images=len(images))) as directory:
        for k, image in enumerate(images):
            if image in numbers:
                continue
            numbers[image] = len(numbers) + 1
            if directory is not None:
                suffix = image_suffix(image, f'{path}, image {k}')
                with whole_file(directory / 'image' / f'image_{numbers[image]:04d}.{suffix}'
                                ) as part:
                    part.write_bytes(image)
        lines = [f'10\t{len(is_same) // 20}']
        for k, same in enumerate(is_same):
            first, second = numbers[images[2 * k]], numbers[images[2 * k + 1]]
            lines.append(f'image\t{first}\t{second}' if same
                         else f'image\t{first}\timage\t{second}')
        if directory is not None:
            write_text(directory / 'pairs.txt', '\n'.join(lines) + '\n')
    return len(numbers), len(is_same)
