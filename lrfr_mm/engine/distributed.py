"""The process group: joining it, its devices, and leaving it."""
from __future__ import annotations

import atexit
import os
import subprocess
import sys
from datetime import timedelta

import torch
import torch.distributed as dist
from mmengine.config import Config

__all__ = ['init_processes', 'leave', 'mixed_devices']


def init_processes(config: Config) -> None:
    """Join the other processes: over NCCL, or gloo where there is no GPU.

    mmengine would do it, but fails without a GPU, and torch 2.14's agent keeps one store over its
    restarts, in which a worker that was started again finds the addresses of dead ones.
    """
    if config.launcher == 'pytorch':
        if 'RANK' not in os.environ:
            raise ValueError('--launcher pytorch needs torchrun: torchrun --nproc_per_node N '
                             'tools/train.py CONFIG --launcher pytorch')
    else:
        if 'SLURM_PROCID' not in os.environ:
            raise ValueError('--launcher slurm needs srun: srun -n N python tools/train.py CONFIG '
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
            print('warning: this torch has no NCCL: the processes talk through gloo, which is slow',
                  file=sys.stderr)
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
    """What to say of processes on different devices; None where they are of one kind."""
    kinds = {}
    for rank, device in enumerate(devices):
        kinds.setdefault(device, []).append(rank)
    if len(kinds) == 1:
        return None
    found = '; '.join(f'{device} (rank {", ".join(map(str, ranks))})'
                      for device, ranks in kinds.items())
    return f'the processes are on different devices, and the slowest sets the pace: {found}'


def leave(code: int) -> None:
    """End a process that had a process group, without taking the interpreter apart.

    A thread of gloo may still hold the last reference to a tensor of the last collective. If it
    asks for the interpreter's lock while that is being taken apart, Python (before 3.14) ends the
    thread by unwinding it, through C++ that allows none: the process aborts after all its work.
    """
    dist.destroy_process_group()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
