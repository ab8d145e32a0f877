#!/bin/sh
# Measures this computer, for example a Raspberry Pi: builds `wta`, profiles networks on one core and on all, and
# prints a record in Markdown. What it is doing goes to stderr. docs/aarch64.md says what to expect of a Raspberry Pi.
set -eu
# Numbers have points, not commas.
LC_ALL=C
export LC_ALL

usage() {
    cat <<'TEXT'
Usage: benches/on-board.sh [OPTIONS] [NETWORK ...]

Builds wta, profiles each network on one core and on all, and prints a record: what the board is, how fast, how warm.
A NETWORK is a case or written as for `wta profile --case`. On a Raspberry Pi the build takes half an hour, the
measurements about ten minutes.

  --wta FILE   measure with this program instead of building one
  --quick      two networks, two steps each: whether all of it works
  --steps N    training steps, and encodings, of each network [30, or fewer if they take longer than 10 seconds]
  --help

Example: benches/on-board.sh > benches/records/$(date +%F)-board.md
TEXT
}

fail() {
    echo "on-board: $*" >&2
    exit 1
}

say() {
    echo "on-board: $*" >&2
}

has() {
    command -v "$1" >/dev/null 2>&1
}

root=$(cd "$(dirname "$0")/.." && pwd)
wta= steps= quick= networks=
while [ $# -gt 0 ]; do
    case $1 in
    --wta) [ $# -ge 2 ] || fail "--wta needs the path of the program"; wta=$2; shift ;;
    --steps) [ $# -ge 2 ] || fail "--steps needs a number"; steps=$2; shift ;;
    --quick) quick=yes ;;
    --help | -h) usage; exit 0 ;;
    -*) fail "there is no option $1; see --help" ;;
    *[!A-Za-z0-9,:-]*) fail "$1 is no network; see wta profile --help" ;;
    *) networks="$networks $1" ;;
    esac
    shift
done
case $steps in *[!0-9]* | 0) fail "--steps needs a number from 1 on, not $steps" ;; esac
if [ -n "$quick" ]; then
    : "${networks:=conv16 fc1000}" "${steps:=2}"
fi
: "${networks:=conv16 conv128 fc1000 fc2000 3x32x32,64conv3-64conv3-64conv3-64deconv7
    1x28x28,48conv7-48conv7-48deconv9 6x1x1024,64conv1x9-64conv1x9-64conv1x9-64deconv1x17}"

[ "$(uname -s)" = Linux ] || fail "this measures Linux only, and here is $(uname -s)"
cores=$(getconf _NPROCESSORS_ONLN)

# "1.90.0" -> 1090
release() {
    echo "$1" | awk -F. '{ print 1000 * $1 + $2 }'
}

build() {
    has cargo || fail "cargo is not on the PATH: install Rust by https://rustup.rs, or give a program with --wta"
    has cc || fail "there is no C compiler to link with: sudo apt install gcc"
    needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
    found=$(rustc --version | awk '{ print $2 }')
    [ "$(release "$found")" -ge "$(release "$needed")" ] ||
        fail "rustc is $found, but $needed or later is needed: install Rust by https://rustup.rs"
    say "building wta (half an hour on a Raspberry Pi 4)"
    (cd "$root" && cargo build --release --locked -p wta-cli >&2) || fail "the build failed: see above"
    wta=${CARGO_TARGET_DIR:-$root/target}/release/wta
}

[ -n "$wta" ] || build
[ -x "$wta" ] || fail "$wta is not a program that can be run"
version=$("$wta" --version) || fail "$wta does not run here: is it built for $(uname -m)?"

work=$(mktemp -d) || fail "no temporary folder can be made"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The first line of a file of the kernel's, if there is such a file.
line_of() {
    [ -r "$1" ] && head -n 1 "$1" | tr -d '\000'
}

model() {
    line_of /proc/device-tree/model && return
    model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    echo "${model:-unknown}"
}

core_kind() {
    part=$(sed -n 's/^CPU part[^:]*: //p' /proc/cpuinfo | sort -u | tr '\n' ' ')
    case $part in
    *0xd03*) echo "Cortex-A53" ;;
    *0xd08*) echo "Cortex-A72" ;;
    *0xd0b*) echo "Cortex-A76" ;;
    ?*) echo "CPU part $part" ;;
    *) uname -m ;;
    esac
}

governor() {
    cpu=/sys/devices/system/cpu/cpu0/cpufreq
    line_of $cpu/scaling_governor || echo "none to be read"
}

clocks() {
    cpu=/sys/devices/system/cpu/cpu0/cpufreq
    if [ -r $cpu/scaling_max_freq ]; then
        now=$(cat $cpu/scaling_cur_freq 2>/dev/null || echo 0)
        least=$(cat $cpu/scaling_min_freq) most=$(cat $cpu/scaling_max_freq)
        echo "$((least / 1000)) to $((most / 1000)) MHz, now $((now / 1000))"
    else
        mhz=$(sed -n 's/^cpu MHz[^:]*: //p' /proc/cpuinfo | head -n 1)
        echo "${mhz:-unknown}${mhz:+ MHz}"
    fi
}

temperature() {
    if has vcgencmd && vcgencmd measure_temp >/dev/null 2>&1; then
        vcgencmd measure_temp | sed "s/temp=//; s/'C/ C/"
    elif [ -r /sys/class/thermal/thermal_zone0/temp ]; then
        awk '{ printf "%.1f C\n", $1 / 1000 }' /sys/class/thermal/thermal_zone0/temp
    else
        echo "-"
    fi
}

# Bits 0 to 3: too little voltage, clock capped, throttled, too warm; bits 16 to 19: the same since the start.
throttled() {
    if has vcgencmd && vcgencmd get_throttled >/dev/null 2>&1; then
        vcgencmd get_throttled | sed 's/throttled=//'
    else
        echo "-"
    fi
}

compiler() {
    if [ -n "$built_here" ]; then rustc --version; else echo "unknown: the program was given"; fi
}

commit() {
    if [ -z "$built_here" ]; then
        echo "unknown: the program was given"
    elif has git && git -C "$root" rev-parse --short HEAD >/dev/null 2>&1; then
        changed=$(git -C "$root" status --porcelain --untracked-files=no 2>/dev/null | head -n 1)
        echo "$(git -C "$root" rev-parse --short HEAD)${changed:+, changed}"
    else
        echo "unknown: no git, or no repository"
    fi
}

# Whether perf may count here.
counts() {
    has perf && perf stat -x, -e instructions,cycles true 2>"$work/perf" &&
        ! grep -q -e 'not supported' -e 'not counted' "$work/perf"
}

case $wta in "${CARGO_TARGET_DIR:-$root/target}"/*) built_here=yes ;; *) built_here= ;; esac
has rustc || built_here=
if counts; then with_perf=yes; else with_perf=; fi
before="$(temperature), throttled $(throttled)"

# One row of the table, and the whole of what was printed.
measure() {
    network=$1 threads=$2
    say "$network on $threads of $cores cores"
    set -- profile --case "$network" --threads "$threads" --quiet
    [ -z "$steps" ] || set -- "$@" --steps "$steps"
    if [ -n "$with_perf" ]; then
        set -- perf stat -x, -o "$work/perf" -e instructions,cycles -- "$wta" "$@"
    else
        set -- "$wta" "$@"
    fi
    if ! "$@" >"$work/profile" 2>"$work/error"; then
        why=$(tail -n 1 "$work/error")
        say "wta profile --case $network failed: ${why:-it was ended}"
        echo "| $network | $threads | failed | - | - | - | - | - | $(temperature) | $(throttled) |" >>"$work/rows"
        printf '\n### %s, threads: %s\n\nFailed: %s\n' "$network" "$threads" "${why:-it was ended}" >>"$work/details"
        return
    fi
    measured=yes
    each=-
    if [ -n "$with_perf" ]; then
        each=$(awk -F, '/instructions/ { i = $1 } /cycles/ { c = $1 }
            END { if (c > 0) printf "%.2f", i / c; else print "-" }' "$work/perf")
    fi
    warm=$(temperature) slow=$(throttled)
    awk -v network="$network" -v threads="$threads" -v each="$each" -v warm="$warm" -v throttled="$slow" '
        function fastest() { for (i = 1; i < NF; i++) if ($i == "fastest") return $(i + 1); return "-" }
        $1 == "step" { step = $2; step_least = fastest() }
        $1 == "encode" { encode = $2; encode_least = fastest(); rate = $3 }
        END {
            if (step == "" || encode == "") exit 1
            printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", network, threads, step, step_least,
                encode, encode_least, rate, each, warm, throttled
        }' "$work/profile" >>"$work/rows" || fail "wta profile --case $network printed something else than times"
    # Without the explanation of the columns, which the help of `wta profile` has.
    {
        printf '\n### %s, threads: %s\n\n' "$network" "$threads"
        sed -e '/^peak memory/q' "$work/profile" | sed -e 's/ *$//' -e 's/^\(.\)/    \1/'
    } >>"$work/details"
}

measured=
for network in $networks; do
    measure "$network" 1
    [ "$cores" = 1 ] || measure "$network" "$cores"
done
[ -n "$measured" ] || fail "nothing could be measured: see above"

memory=$(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)
system=$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release 2>/dev/null || true)
cat <<RECORD
# $(date +%F): $(model)

Made by \`benches/on-board.sh\`${quick:+ with \`--quick\`: too few steps to be compared with anything}.

| what | |
| --- | --- |
| model | $(model) |
| cores | $cores x $(core_kind), $memory |
| clock | $(clocks) |
| governor | $(governor) |
| system | ${system:-unknown}, $(uname -srm) |
| page | $(getconf PAGESIZE) bytes |
| program | $version |
| compiler | $(compiler) |
| commit | $(commit) |
| before | $before |
| after | $(temperature), throttled $(throttled) |

A batch of 100; medians in ms, GFLOP/s of the direct algorithm. "IPC" is instructions for each cycle, of the whole
program, where \`perf\` may count. "throttled" is 0x0 on a Raspberry Pi that was neither too warm nor short of voltage.

| network | threads | step | fastest | encode | fastest | encode, GFLOP/s | IPC | temperature | throttled |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |
RECORD
cat "$work/rows"
printf '\n## Phases\n\nWhat `wta profile` prints.\n'
cat "$work/details"
