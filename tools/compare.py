"""One report for several test runs: python tools/compare.py WORK_DIR WORK_DIR ... --out DIR."""
import argparse
import json
from pathlib import Path

from lrfr_mm.engine.launch import run_command
from lrfr_mm.evaluation.report import write_report
from lrfr_mm.files import write_text


def main() -> None:
    parser = argparse.ArgumentParser(description='Compare test runs; the first is the reference.')
    parser.add_argument('runs', nargs='+', metavar='WORK_DIR', help='work dirs of tools/test.py')
    parser.add_argument('--out', required=True, help='folder for metrics.json and report/')
    args = parser.parse_args()
    runs = []
    for folder in args.runs:
        path = Path(folder, 'run.json')
        if not path.is_file():
            raise FileNotFoundError(f'{path} does not exist: run tools/test.py into {folder} first')
        try:
            runs.append(json.loads(path.read_text()))
        except json.JSONDecodeError as error:
            raise ValueError(f'{path} is not JSON: {error}') from None
    names = [run['name'] for run in runs]
    if len(set(names)) < len(names):
        raise ValueError(f'two runs have the same name: {", ".join(names)}')
    out = Path(args.out)
    metrics = {f'{run["name"]}/{key}': value for run in runs for key, value in
               run['metrics'].items()}
    write_text(out / 'metrics.json', json.dumps(metrics, indent=2) + '\n')
    shared = [key for key in runs[0]['metrics'] if all(key in run['metrics'] for run in runs)]
    width = max(map(len, shared), default=6)
    print(f'{"metric":<{width}}  ' + '  '.join(f'{name:>10}' for name in names))
    for key in shared:
        print(f'{key:<{width}}  ' + '  '.join(f'{run["metrics"][key]:>10.2f}' for run in runs))
    print(f'metrics: {out / "metrics.json"}\nreport: {write_report(out / "report", runs)}')


if __name__ == '__main__':
    run_command(main)
