"""Convert a public recognizer: python tools/model_converters/convert_public.py SRC DST.

Writes DST.pth and DST.py, a whole config for tools/test.py, fine-tuning and Embedder. SRC is a
.pt, .pth, .ckpt or .safetensors file of a project that docs/checkpoints.md describes; only data is
read from it. Its family is found from its tensors.
"""
import argparse

from lrfr_mm.apis.conversion import convert_checkpoint
from lrfr_mm.engine.cli import run_command
from lrfr_mm.models.converters import converter_kinds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('src')
    parser.add_argument('dst', help='without an ending')
    parser.add_argument('--kind', choices=('auto', *converter_kinds()), default='auto',
                        help='the project (default: found from the tensors)')
    parser.add_argument('--prefix', help="of the network's tensors, where the file has several "
                        'networks')
    parser.add_argument('--num-heads', type=int, help='of a transformer of unusual size')
    parser.add_argument('--channel-order', choices=('rgb', 'bgr'), help="in place of the project's")
    parser.add_argument('--keep-head', action='store_true', help='keep the class weights of the '
                        'file, for fine-tuning on the same people')
    parser.add_argument('--head-files', nargs='+', default=(), metavar='FILE', help='class weights '
                        'in files of their own, in the order of the classes')
    parser.add_argument('--data', default='recordio', help='a name of configs/_base_/datasets: '
                        'training set and benchmarks (default: recordio)')
    parser.add_argument('--sha256', help='expected checksum of SRC')
    parser.add_argument('--overwrite', action='store_true')
    args = parser.parse_args()
    converted = convert_checkpoint(**vars(args))
    print(f'{converted.described}: {len(converted.state_dict)} tensors')
    for name, count in converted.left_out.most_common():
        print(f'  left out: {count} tensors of {name}')
    for note in converted.notes:
        print(f'  note: {note}')
    print(f'written: {args.dst}.py and {args.dst}.pth')


if __name__ == '__main__':
    run_command(main)
