# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What the scripts share: where things are, how they speak, what is ours.
# Sourced, never run.  The caller has set -euo pipefail.

export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
PROG=$(basename "$0")

# Everything that is made goes below $BUILD; the tests move it elsewhere.
BUILD=${BUILD:-build}
[[ $BUILD == /* ]] || BUILD=$ROOT/$BUILD
PATCHES=${PATCHES:-$ROOT/patches}
CONFIGS=${CONFIGS:-$ROOT/configs}

# Where the kernel comes from: a directory or a tarball.
DEBIAN_SRC=/usr/src/linux-source-6.12.tar.xz
KERNEL_SRC=${KERNEL_SRC:-$DEBIAN_SRC}
KERNEL_SERIES=6.12

U=$BUILD/linux-unmodified
R=$BUILD/linux-reserve

# The kernels, each with its tree and the fragments of its configuration.
declare -A TREE=(
	[unmodified]=unmodified [reserve]=reserve [debug]=reserve [rt]=reserve
	[unmodified-full]=unmodified [reserve-full]=reserve [deb]=reserve [off]=reserve
	[coverage]=reserve
)
declare -A FRAGMENTS=(
	[unmodified]="guest.config"
	[reserve]="guest.config reserve.config"
	[debug]="guest.config reserve.config debug.config"
	[rt]="guest.config reserve.config rt.config"
	[unmodified-full]="guest.config full.config"
	[reserve-full]="guest.config reserve.config full.config"
	[deb]="reserve.config deb.config"
	[off]="guest.config"
	[coverage]="guest.config reserve.config debug.config coverage.config"
)
# What one of them has below the fragments, taken as it is; and what is built
# where it is not a bzImage.
DEBIAN_CONFIG=${DEBIAN_CONFIG:-/usr/src/linux-config-6.12/config.amd64_none_cloud-amd64.xz}
declare -A BASE=([deb]=$DEBIAN_CONFIG)
declare -A TARGET=([deb]=bindeb-pkg)

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "$PROG" "$*" >&2; }
die() { warn "$*"; exit 1; }

# A path as the user would type it.
rel() { realpath -m -s --relative-to="$ROOT" "$1"; }

need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null ||
			die "$tool is not installed: run 'make deps'"
	done
}

elapsed() { printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); }

# check_that TEXT CONDITION...: something that a script checks, told and counted
passed=0 failed=0
check_that() {
	local text=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		say "ok: $text"
	else
		failed=$((failed + 1))
		say "not ok: $text"
	fi
}

# Temporary directories, removed on every exit.
tmpdirs=()
children=()
cleanup() {
	local status=$? d pid
	trap - EXIT
	for pid in "${children[@]}"; do
		kill -TERM -- "-$pid" 2>/dev/null || true
	done
	for d in "${tmpdirs[@]}"; do
		rm -rf -- "$d"
	done
	exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# tmpdir NAME: a new directory below $BUILD, in $TMP
tmpdir() {
	mkdir -p "$BUILD"
	TMP=$(mktemp -d "$BUILD/.$1.XXXXXX")
	tmpdirs+=("$TMP")
}

# lock NAME: one at a time; waits, and says so
lock() {
	mkdir -p "$BUILD"
	exec {lockfd}>"$BUILD/.lock-$1"
	if ! flock -n "$lockfd"; then
		say "$PROG: waiting for another $1 job in $(rel "$BUILD")"
		flock "$lockfd"
	fi
}

# kmake_for LABEL: how make is called for that kernel, in kmake[]
kmake_for() {
	kmake=(make -C "$BUILD/linux-${TREE[$1]}" "O=$BUILD/obj-$1")
	if command -v ccache >/dev/null; then
		export CCACHE_DIR=${CCACHE_DIR:-$BUILD/ccache} CCACHE_BASEDIR=$ROOT
		kmake+=("CC=ccache gcc" "HOSTCC=ccache gcc")
	fi
	# What runs is counted in our code alone, and in slub.c, which includes some.
	if [[ $1 == coverage ]]; then
		kmake+=(GCOV_PROFILE_{reserve,reserve_daemon,slub,sock_reserve,sock_reserve_size}.o=y)
		kmake+=(KCOV_INSTRUMENT_{reserve,reserve_daemon,sock_reserve,sock_reserve_size,nbd}.o=y)
	fi
	# Nothing of the machine or the hour goes into the image.
	export KBUILD_BUILD_USER=reserve KBUILD_BUILD_HOST=build
	export KBUILD_BUILD_TIMESTAMP=2026-01-01 KBUILD_BUILD_VERSION=1
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
}

# -- the series ---------------------------------------------------------------

# The patches of a series file, in order.
series() {
	local file=${1:-$PATCHES}/series
	[[ -f $file ]] || return 0
	sed -e 's/#.*//' "$file" | awk 'NF { print $1 }'
}

# The kernel files that the patches of directory $1 touch.
patched_files() {
	local dir=$1 p
	while read -r p; do
		[[ -f $dir/$p ]] || die "patches/series names $p, but there is no such patch"
		sed -n -E 's,^(---|\+\+\+) [ab]/([^[:space:]]+).*,\2,p' "$dir/$p"
	done < <(series "$dir") | sort -u
}

# Our whole files, by their path in the kernel: every file of the repository
# below a directory that the kernel has, less what only the repository has.
own_files() {
	local d
	for d in "${OWN:-$ROOT}"/*/; do
		d=$(basename "$d")
		case $d in
		build | patches | scripts | configs | tests) continue ;;
		esac
		[[ ! -d $U || -d $U/$d ]] || continue
		(cd "${OWN:-$ROOT}" && find "$d" -type f \
			! -name '*~' ! -name '*.orig' ! -name '*.rej' \
			! -name '*.o' ! -name '*.pyc' ! -name '.*.sw?' ! -name '.#*')
	done | sort
}

# quilt in directory $1, deaf to the user's own settings.
q() {
	local dir=$1
	shift
	(
		cd "$dir" || exit
		unset "${!QUILT_@}"
		export QUILT_PC=.pc
		QUILT_PATCHES=$(realpath --relative-to=. "${QPATCHES:-$PATCHES}")
		export QUILT_PATCHES
		export QUILT_DIFF_OPTS=--show-c-function
		quilt --quiltrc - "$@"
	)
}

# push_all DIR LOG [REFRESH]: push the series one by one at fuzz 0, each
# refreshed in place if asked.  On failure the name is in $bad_patch.
push_all() {
	local dir=$1 log=$2 refresh=${3:-} p
	bad_patch=
	: >"$log"
	while read -r p; do
		if ! q "$dir" push --fuzz=0 >>"$log" 2>&1; then
			bad_patch=$p
			return 1
		fi
		[[ -z $refresh ]] && continue
		if ! q "$dir" refresh -p ab --no-index --no-timestamps >>"$log" 2>&1; then
			bad_patch=$p
			return 1
		fi
	done < <(series "${QPATCHES:-$PATCHES}")
}

# Which hunks of the log's last patch failed, for a message.
failed_hunks() {
	local hunks
	hunks=$(awk '/^Applying patch/ { f = ""; out = "" }
		/^patching file/ { f = $3 }
		/^Hunk #[0-9]+ FAILED/ { sub("#", "", $2); out = out ", " f " hunk " $2 }
		/^can.t find file to patch/ { out = out ", a file is missing" }
		END { print substr(out, 3) }' "$1")
	say "${hunks:-see the output above}"
}

# kernel_version TREE: 6.12.117
kernel_version() {
	[[ -f $1/Makefile ]] || return 1
	awk -F ' *= *' '$1 == "VERSION" { v = $2 } $1 == "PATCHLEVEL" { p = $2 }
		$1 == "SUBLEVEL" { s = $2 } /^EXTRAVERSION/ { e = $2; exit }
		END { if (v == "") exit 1; print v "." p "." s e }' "$1/Makefile"
}

# seed DIR FILE...: copy pristine files into a small tree for quilt to work on
seed_tree() {
	local dir=$1 f
	shift
	mkdir -p "$dir"
	for f; do
		[[ -f $U/$f ]] || continue
		mkdir -p "$dir/$(dirname "$f")"
		cp -p "$U/$f" "$dir/$f"
	done
}

# hash FILE: its sha256, or "-" if there is none
hash_of() {
	if [[ -f $1 ]]; then
		sha256sum <"$1" | cut -d' ' -f1
	else
		say -
	fi
}
