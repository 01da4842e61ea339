"""Run a function on several processes that know each other (gloo), without a launcher."""
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]


def run_on(world, module, function, *words):
    """``module.function(rank, world, *words)`` on ``world`` processes; asserts that all end well.

    One interpreter imports everything and forks the others before torch has started a thread.
    """
    with TemporaryDirectory() as directory:
        done = subprocess.run([sys.executable, __file__, str(world), f'{directory}/store', module,
                               function, *map(str, words)], cwd=ROOT, capture_output=True,
                              text=True, timeout=900,
                              env={**os.environ, 'OMP_NUM_THREADS': '1'})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def main():
    world, store, module, function, *words = sys.argv[1:]
    import importlib
    sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]
    target = getattr(importlib.import_module(module), function)
    import torch.distributed as dist
    children = []
    for rank in range(int(world)):
        pid = os.fork()
        if pid == 0:
            try:
                if int(world) > 1:
                    dist.init_process_group('gloo', init_method=f'file://{store}', rank=rank,
                                            world_size=int(world))
                target(rank, int(world), *words)
                sys.stdout.flush()
                os._exit(0)
            except BaseException:
                import traceback
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
        children.append(pid)
    sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children))


if __name__ == '__main__':
    main()
