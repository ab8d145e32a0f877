#!/usr/bin/env bash
# Builds the C library and installs it: the header, the static library, and what pkg-config and CMake find it by.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat <<'TEXT'
Usage: core/c/install.sh [OPTIONS]

Builds libwta_c.a and installs it below a folder: include/wta.h, lib/libwta_c.a, lib/pkgconfig/wta.pc and
lib/cmake/wta/. The folder may be moved afterwards. Needs cargo, and rustc for the target.

  --prefix DIR       the folder [/usr/local]; DESTDIR is put before it, as packagers do
  --libdir DIR       the folder of libraries below it [lib]
  --target TRIPLE    what to build for, such as thumbv7em-none-eabihf [this computer]; a prefix is for one target
  --features LIST    features of wta-c: dsp for int8 on a Cortex-M4 or M7
  --opt-level LEVEL  1, 2, 3, s or z [3]; results are the same
  --build DIR        where to build [target/c in the repository]
  --help
TEXT
}

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

prefix=/usr/local libdir=lib target='' features='' opt_level=3
build=${CARGO_TARGET_DIR:-$here/../../target}/c
while (($#)); do
    option=$1
    case $option in
        --help | -h)
            usage
            exit
            ;;
        --*=*) set -- "${option%%=*}" "${option#*=}" "${@:2}" && continue ;;
        --prefix | --libdir | --target | --features | --opt-level | --build)
            (($# > 1)) || fail "$option needs a value: see --help" 2
            [[ -n $2 || $option == --features ]] || fail "the value of $option is empty: leave the option out" 2
            ;;
        *) fail "$option is not an option: see --help" 2 ;;
    esac
    case $option in
        --prefix) prefix=$2 ;;
        --libdir) libdir=${2%/} ;;
        --target) target=$2 ;;
        --features) features=$2 ;;
        --opt-level) opt_level=$2 ;;
        --build) build=$2 ;;
    esac
    shift 2
done
case $opt_level in
    1 | 2 | 3 | s | z) ;;
    *) fail "--opt-level is $opt_level, but must be 1, 2, 3, s or z: only optimised code is free of panics" 2 ;;
esac
[[ $prefix == /* ]] || prefix=$PWD/$prefix
case /$libdir/ in
    //* | */../* | */./*) fail "--libdir is $libdir, but must be a plain folder below the prefix, such as lib" 2 ;;
esac
case ,${features// /,}, in
    *,panics,*) fail "the feature panics is for the tests of this repository: leave it out" 2 ;;
esac
command -v cargo >/dev/null || fail "cargo is not on the PATH: install Rust, for example from https://rustup.rs"

# Whether a compiler has Rust's library for the target, and the source of that library.
has_library() { [[ -d $("$1" --print target-libdir --target "$target" 2>/dev/null) ]]; }
has_source() { [[ -f $("$1" --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library/Cargo.lock ]]; }

rustc=${RUSTC:-rustc}
more=()
host=$("$rustc" -vV 2>/dev/null | sed -n 's/^host: //p') || true
[[ -n $host ]] || fail "$rustc does not run: install Rust, for example from https://rustup.rs"
target=${target:-$host}
"$rustc" --print target-list 2>/dev/null | grep -qxF -e "$target" \
    || fail "$target is not a target of Rust: \`$rustc --print target-list\` lists them"
# Debian's compiler may be there beside another one: it comes with libraries of its own, and with their source, of
# which `core` is built where there is no library, as for bare metal.
chosen=
for compiler in "$rustc" /usr/bin/rustc; do
    if has_library "$compiler"; then
        chosen=$compiler
        break
    fi
done
for compiler in "$rustc" /usr/bin/rustc; do
    if [[ -z $chosen ]] && has_source "$compiler"; then
        chosen=$compiler
        export RUSTC_BOOTSTRAP=1
        more=(-Zbuild-std=core)
    fi
done
[[ -n $chosen ]] || fail "there is no Rust for $target: run \`rustup target add $target\`, or on Debian .ci/install-cross"
export RUSTC=$chosen

mkdir -p "$build"
build=$(cd "$build" && pwd)
cd "$here"
# The profile is this one whatever the workspace says. On a host, panics must not unwind for `freestanding` to have an
# effect; bare metal is free of the standard library anyway.
export CARGO_PROFILE_RELEASE_OPT_LEVEL=$opt_level CARGO_PROFILE_RELEASE_LTO=true CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
export CARGO_PROFILE_RELEASE_DEBUG=${CARGO_PROFILE_RELEASE_DEBUG:-false}
enabled=$features
if [[ $target != *-none* ]]; then
    export CARGO_PROFILE_RELEASE_PANIC=abort
    enabled=freestanding${features:+,$features}
fi
cargo rustc --locked --release --lib --crate-type staticlib --target "$target" --target-dir "$build" \
    --no-default-features --features "$enabled" ${more[@]+"${more[@]}"}
library=$build/$target/release/libwta_c.a
[[ -f $library ]] || fail "cargo made no $library: this target has libraries of another name, which are not installed"

version=$(sed -n 's/^#define WTA_VERSION "\(.*\)"$/\1/p' include/wta.h)
# Before 1.0, a minor version is what a major one is later.
case $version in
    0.*) compatible=${version%.*} ;;
    *) compatible=${version%%.*} ;;
esac
pointer_bytes=$(("$("$RUSTC" --print cfg --target "$target" | sed -n 's/^target_pointer_width="\(.*\)"$/\1/p')" / 8))
# From a folder below the prefix back to it: `..` for each of its names.
back() { sed 's:[^/][^/]*:..:g' <<<"$1"; }
fill() {
    sed -e "s/@VERSION@/$version/g" -e "s/@COMPATIBLE@/${compatible//./[.]}/g" -e "s/@TARGET@/$target/g" \
        -e "s|@FEATURES@|${features//,/;}|g" -e "s/@POINTER_BYTES@/$pointer_bytes/g" \
        -e "s:@TO_PREFIX_OF_PC@:$(back "$libdir/pkgconfig"):g" \
        -e "s:@TO_PREFIX_OF_CMAKE@:$(back "$libdir/cmake/wta"):g" "package/$1.in" >"$2/$1"
    chmod 644 "$2/$1"
}

to=${DESTDIR:-}$prefix
install -d "$to/include" "$to/$libdir/pkgconfig" "$to/$libdir/cmake/wta"
install -m 644 include/wta.h "$to/include/"
install -m 644 "$library" "$to/$libdir/"
fill wta.pc "$to/$libdir/pkgconfig"
fill wtaConfig.cmake "$to/$libdir/cmake/wta"
fill wtaConfigVersion.cmake "$to/$libdir/cmake/wta"
echo "installed: wta $version for $target below $to"
