"""The process group: joining it, its devices, and leaving it."""
from __future__ import annotations

import atexit
import os
import re
import subprocess
import sys
import time
from datetime import timedelta

import torch
import torch.distributed as dist
from mmengine.config import Config

from lrfr_mm.errors import ConfigError

__all__ = ['describe_lost_ranks', 'init_processes', 'leave', 'mixed_devices']


def init_processes(config: Config) -> None:
    """Initialise the process group: NCCL, or gloo where there is no GPU.

    mmengine's own initialisation fails without a GPU. And torch 2.14's elastic agent keeps one
    store over its restarts, in which a restarted worker would find the addresses of dead ones: each
    attempt gets a prefix of its own. A process group that is there already is used as it is.

    Raises:
        ConfigError: If the environment is not one of torchrun or srun.
    """
    if dist.is_initialized():
        return
    if config.launcher == 'pytorch':
        if 'RANK' not in os.environ:
            raise ConfigError('--launcher pytorch needs torchrun: torchrun --nproc_per_node N '
                              'tools/train.py CONFIG --launcher pytorch')
    else:
        if 'SLURM_PROCID' not in os.environ:
            raise ConfigError('--launcher slurm needs srun: srun -n N python tools/train.py CONFIG '
                              '--launcher slurm')
        os.environ['RANK'] = os.environ['SLURM_PROCID']
        os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
        os.environ['LOCAL_RANK'] = os.environ.get('SLURM_LOCALID', '0')
        os.environ.setdefault('MASTER_PORT', '29500')
        if 'MASTER_ADDR' not in os.environ:
            hosts = subprocess.run(['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']],
                                   capture_output=True, text=True, check=True)
            os.environ['MASTER_ADDR'] = hosts.stdout.split()[0]
    settings = config.env_cfg.get('dist_cfg', {})
    backend = 'gloo'
    device = 'CPU'
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']) % torch.cuda.device_count())
        backend, device = settings.get('backend', 'nccl'), torch.cuda.get_device_name()
        if backend == 'nccl' and not dist.is_nccl_available():
            print('warning: this torch has no NCCL: the processes communicate over gloo, which is '
                  'slow', file=sys.stderr)
            backend = 'gloo'
    timeout = timedelta(seconds=settings.get('timeout', 1800))
    store, rank, world = next(dist.rendezvous('env://', timeout=timeout))
    attempt = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')
    dist.init_process_group(backend, store=dist.PrefixStore(f'attempt{attempt}', store), rank=rank,
                            world_size=world, timeout=timeout)
    devices = [None] * world
    dist.all_gather_object(devices, device)
    text = mixed_devices(devices)
    if text and rank == 0:
        print(f'warning: {text}', file=sys.stderr)


def mixed_devices(devices: list[str]) -> str | None:
    """A warning that names the devices of all ranks; None where they are of one kind."""
    kinds = {}
    for rank, device in enumerate(devices):
        kinds.setdefault(device, []).append(rank)
    if len(kinds) == 1:
        return None
    found = '; '.join(f'{device} (rank {", ".join(map(str, ranks))})'
                      for device, ranks in kinds.items())
    return f'the processes are on different devices, and the slowest sets the pace: {found}'


def leave(code: int) -> None:
    """End a process that has a process group, without finalising the interpreter.

    A thread of gloo may still hold the last reference to a tensor of the last collective. If it
    asks for the interpreter's lock during finalisation, Python (before 3.14) ends the thread by
    unwinding its C++ stack, which aborts the process after all its work.

    The process group is destroyed after success only: after an error other ranks may be waiting in
    a collective, and destroying it would wait for them.
    """
    if code == 0:
        dist.destroy_process_group()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def describe_lost_ranks(error: BaseException, patience: float = 5.) -> str | None:
    """Which ranks ended or do not answer, after a collective operation failed.

    Every rank whose collective failed reports itself in the store of the process group; those that
    do not within ``patience`` seconds are the lost ones.

    Args:
        error: What the collective operation raised.
        patience: Seconds.

    Returns:
        One line with this rank and the lost ones; None if ``error`` is of another kind or there is
        no process group.
    """
    words = r'(?i)\b(gloo|nccl|process ?group|connection (closed|reset)|rank \d+ of \d+)'
    failed = isinstance(error, RuntimeError) and (isinstance(error, dist.DistError)
                                                  or re.search(words, str(error)))
    if not failed or not (dist.is_available() and dist.is_initialized()):
        return None
    rank, world = dist.get_rank(), dist.get_world_size()
    store, waiting = dist.distributed_c10d._get_default_store(), set(range(world)) - {rank}
    try:
        store.set(f'lrfr_mm/failed/{rank}', '1')
        end = time.monotonic() + patience
        while waiting and time.monotonic() < end:
            waiting -= {r for r in waiting if store.check([f'lrfr_mm/failed/{r}'])}
            time.sleep(.1)
    except (dist.DistError, RuntimeError):
        waiting = {0}  # which hosts the store
    if not waiting:
        return f'rank {rank} of {world}: communication with the other ranks failed'
    lost = ', '.join(map(str, sorted(waiting)))
    return (f'rank {rank} of {world}: rank {lost} ended or does not answer; its own output says '
            'why, or the operating system killed it')
