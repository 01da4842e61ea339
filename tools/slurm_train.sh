#!/usr/bin/env bash
# Train under Slurm: tools/slurm_train.sh PARTITION JOB_NAME CONFIG [ARGUMENTS ...]
# GPUS (default 8) in all, GPUS_PER_NODE (8) on each host, CPUS_PER_TASK (8); SRUN_ARGS for more.
set -euo pipefail
if [ $# -lt 3 ]; then sed -n '2,3p' "$0" >&2; exit 2; fi
partition=$1 name=$2 config=$3
shift 3
gpus=${GPUS:-8} per_node=${GPUS_PER_NODE:-8}
# shellcheck disable=SC2086
exec srun --partition "$partition" --job-name "$name" --ntasks "$gpus" \
    --ntasks-per-node "$per_node" --gres "gpu:$per_node" --cpus-per-task "${CPUS_PER_TASK:-8}" \
    --kill-on-bad-exit 1 ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/train.py" "$config" --launcher slurm --resume "$@"
