"""Pair benchmarks: a pair list with its folder to insightface's .bin, and back."""
import argparse
import pickle
from pathlib import Path

from lrfr_mm.datasets.benchmarks import PairList, read_bin
from lrfr_mm.datasets.convert import image_suffix
from lrfr_mm.engine.cli import run_command
from lrfr_mm.files import whole_file, write_text


def to_bin(args) -> None:
    """Folder of people and pairs.txt to a .bin."""
    if Path(args.bin).exists():
        raise FileExistsError(f'{args.bin} is there already: nothing is overwritten')
    benchmark = PairList('pairs', args.root, args.pairs)
    images = [benchmark.source.read(int(i))[0] for pair in benchmark.pairs for i in pair]
    with whole_file(args.bin) as part, open(part, 'wb') as file:
        pickle.dump((images, benchmark.is_same.tolist()), file, protocol=4)
    print(f'{args.bin}: {len(benchmark.pairs)} pairs')


def to_list(args) -> None:
    """A .bin to FOLDER/image/image_0001.jpg ... and FOLDER/pairs.txt; equal images are one file."""
    folder = Path(args.folder)
    if folder.exists():
        raise FileExistsError(f'{folder} is there already: nothing is overwritten')
    images, is_same = read_bin(args.bin)
    part = folder.with_name(folder.name + '.part')
    numbers: dict[bytes, int] = {}
    for k, image in enumerate(images):
        if image not in numbers:
            numbers[image] = len(numbers) + 1
            suffix = image_suffix(image, f'{args.bin}, image {k}')
            with whole_file(part / 'image' / f'image_{numbers[image]:04d}.{suffix}') as path:
                path.write_bytes(image)
    lines = [f'10\t{len(is_same) // 20}']
    for k, same in enumerate(is_same):
        first, second = numbers[images[2 * k]], numbers[images[2 * k + 1]]
        lines.append(f'image\t{first}\t{second}' if same else f'image\t{first}\timage\t{second}')
    write_text(part / 'pairs.txt', '\n'.join(lines) + '\n')
    part.rename(folder)
    print(f'{folder}: {len(numbers)} images, {len(is_same)} pairs')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    command = commands.add_parser('to-bin', help=to_bin.__doc__)
    command.set_defaults(function=to_bin)
    command.add_argument('root', help='folder of people, NAME/NAME_0001.jpg')
    command.add_argument('pairs', help='pairs.txt')
    command.add_argument('bin', help='written')
    command = commands.add_parser('to-list', help=to_list.__doc__)
    command.set_defaults(function=to_list)
    command.add_argument('bin')
    command.add_argument('folder', help='written')
    args = parser.parse_args()
    args.function(args)


if __name__ == '__main__':
    run_command(main)
