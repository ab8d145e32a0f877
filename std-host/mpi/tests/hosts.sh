#!/usr/bin/env bash
# wta-mpi on three hosts: network namespaces of this machine, each with a cable of 1 Gb/s to a switch, which
# delays what passes if the kernel can do that (netem). Wants the administrator's rights, iproute2 and Open MPI.
#
#   hosts.sh PROGRAM      PROGRAM is the path of wta-mpi
set -euo pipefail

program=$(realpath "$1")
work=$(mktemp -d)
# The seconds after which a job has ended when a host is cut off.
most=60
hosts=(1 2 3)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

clean() {
    for host in "${hosts[@]}"; do
        ip netns pids "wta-host$host" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
        ip netns delete "wta-host$host" 2>/dev/null || true
    done
    ip netns delete wta-switch 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT

fail() {
    printf 'hosts.sh: %s\n' "$1" >&2
    exit 1
}

ip netns add wta-switch
ip -n wta-switch link add switch type bridge
ip -n wta-switch link set switch up
for host in "${hosts[@]}"; do
    ip netns add "wta-host$host"
    ip link add cable netns "wta-host$host" type veth peer name "port$host" netns wta-switch
    ip -n wta-switch link set "port$host" master switch up
    ip -n "wta-host$host" addr add "10.77.0.$host/24" dev cable
    ip -n "wta-host$host" link set cable up
    ip -n "wta-host$host" link set lo up
    tc -n "wta-host$host" qdisc add dev cable root netem delay 200us rate 1gbit 2>/dev/null ||
        tc -n "wta-host$host" qdisc add dev cable root tbf rate 1gbit burst 64kb latency 50ms
done

# Starts a command on a host, as ssh does: mpirun's launcher. A host has a name of its own.
cat >"$work/launch" <<'LAUNCH'
#!/bin/sh
host=${1##*.}
shift
exec ip netns exec "wta-host$host" unshare --uts sh -c "hostname host$host; $*"
LAUNCH
chmod +x "$work/launch"

# mpirun on the first host. Connections between mpirun's daemons that are dead are noticed after 20 seconds.
on_hosts() {
    exec "$work/launch" 10.77.0.1 mpirun --host 10.77.0.1,10.77.0.2,10.77.0.3 -n 3 \
        --mca plm_rsh_agent "$work/launch" --mca btl tcp,self \
        --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 \
        --mca oob_tcp_keepalive_time 5 --mca oob_tcp_keepalive_intvl 5 --mca oob_tcp_keepalive_probes 3 \
        "$program" "$@"
}

cat >"$work/mine.toml" <<'RECIPE'
name = "hosts"
about = "a test"
data = { set = "digits" }
network = { kind = "convolutional", encoder = [{ maps = 8, kernel = 5 }], decoder_kernel = 5, initial = "he" }
sparsity = { lifetime = 0.2 }
training = { epochs = 5, batch = 100, optimizer = "adam", rate = 1e-3 }
RECIPE
cd "$work"

"$program" train mine.toml --run alone --threads 1 >alone.out 2>&1
(on_hosts train "$work/mine.toml" --run "$work/three" --threads 1) >three.out 2>&1 || { cat three.out; fail "the training failed"; }
cmp alone/checkpoint.safetensors three/checkpoint.safetensors
printf 'three hosts: the bits of one process\n'

# In the middle, a cable is pulled out.
(on_hosts train "$work/mine.toml" --run "$work/cut" --threads 1) >cut.out 2>&1 &
job=$!
until [ -e cut/metrics.csv ]; do
    kill -0 "$job" || { cat cut.out; fail "the training ended before an epoch"; }
    sleep 0.1
done
ip -n wta-switch link set port3 down
pulled=$SECONDS
status=0
wait "$job" || status=$?
took=$((SECONDS - pulled))
tail -n 12 cut.out
[ "$status" -ne 0 ] || fail "the training ended well without a host"
[ "$took" -le "$most" ] || fail "the job ended after $took s, and not within $most"
for host in 1 2 3; do
    for _ in $(seq 100); do
        [ -z "$(ip netns pids "wta-host$host")" ] && break
        sleep 0.6
    done
    [ -z "$(ip netns pids "wta-host$host")" ] || fail "processes are left on host $host"
done
"$program" train mine.toml --run cut --resume --threads 1 >resumed.out 2>&1
cmp alone/checkpoint.safetensors cut/checkpoint.safetensors
printf 'a host cut off: the job ended after %d s, and was resumed to the same bits\n' "$took"
