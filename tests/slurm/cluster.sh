#!/usr/bin/env bash
# A Slurm of one node in the directory DIR: munge, controller and daemon, with no cgroups and no accounting.
#
#   tests/slurm/cluster.sh DIR [CPUS]
#
# Prints "ready" when the node is idle, and runs until its standard input closes; then jobs and daemons are ended, so that
# nothing is left when whoever started it dies. Clients need SLURM_CONF=DIR/slurm.conf.
# Exit status 77: Slurm is not installed, or this user may not run it.
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin
dir=$(mkdir -p "$1" && cd "$1" && pwd) || exit 1
cpus=${2:-8}

skip() { echo "$*" >&2; exit 77; }
for program in munged slurmctld slurmd sinfo sbatch scontrol; do
    command -v "$program" >/dev/null || skip "no $program on this machine (Debian: apt-get install slurm-wlm)"
done
[ "$(id -u)" = 0 ] || skip "Slurm's daemons need root"

free_port() {
    local port=$1
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    echo "$port"
}
controller=$(free_port $((20000 + $$ % 20000)))
daemon=$(free_port $((controller + 1)))
host=$(hostname -s)
# The credential's lifetime is also how long a requeued task waits before it starts again: 120 seconds by default.
cat >"$dir/slurm.conf" <<CONF
ClusterName=multiview
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$controller
SlurmdPort=$daemon
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo) State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$dir/slurm.conf
mkdir -p "$dir/state" "$dir/spool"
(umask 077 && head -c 1024 /dev/urandom >"$dir/munge.key")

children=()
stop() {
    scancel --user=root 2>/dev/null
    for _ in $(seq 50); do
        [ -z "$(squeue --noheader --states=running,completing 2>/dev/null)" ] && break
        sleep 0.1
    done
    for ((i = ${#children[@]} - 1; i >= 0; i--)); do
        kill "${children[i]}" 2>/dev/null
        wait "${children[i]}" 2>/dev/null
    done
}
trap stop EXIT
trap 'exit 1' INT TERM HUP

start() {
    "$@" </dev/null >>"$dir/daemons.log" 2>&1 &
    children+=($!)
}
# --force: the directory may lie under a world-writable one.
start munged --foreground --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" \
    --pid-file="$dir/munged.pid" --log-file="$dir/munged.log" --seed-file="$dir/munge.seed"
for _ in $(seq 100); do
    [ -S "$dir/munge.socket" ] && break
    sleep 0.1
done
start slurmctld -D
start slurmd -D
for _ in $(seq 300); do
    if [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ]; then
        echo ready
        cat >/dev/null
        exit 0
    fi
    sleep 0.1
done
echo "Slurm did not start; its last words:" >&2
tail -n 5 "$dir"/*.log >&2
exit 1
