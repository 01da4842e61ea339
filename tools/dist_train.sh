#!/usr/bin/env bash
# Train on several GPUs of one host, or of several: tools/dist_train.sh CONFIG GPUS [ARGUMENTS ...]
# Several hosts, on each of them: NODES=2 RANK=0 ADDRESS=first-host tools/dist_train.sh CONFIG GPUS
# A worker that dies is started again up to RESTARTS times, from the last checkpoint.
set -euo pipefail
if [ $# -lt 2 ]; then sed -n '2,4p' "$0" >&2; exit 2; fi
config=$1 gpus=$2
shift 2
exec torchrun --nnodes "${NODES:-1}" --node_rank "${RANK:-0}" --nproc_per_node "$gpus" \
    --master_addr "${ADDRESS:-127.0.0.1}" --master_port "${PORT:-29500}" \
    --max_restarts "${RESTARTS:-0}" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch --resume "$@"
