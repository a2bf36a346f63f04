#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build a kernel for the rig's guests out of its tree:
#
#	kernel.sh [--config] unmodified|reserve|debug|rt|unmodified-full|reserve-full|deb|off|coverage
#
# The result is build/kernels/<label>/{bzImage,vmlinux,System.map,config}.
# All kernels have one config, configs/guest.config; the patched one adds
# configs/reserve.config, which names only what the series brings, and the
# patched one for debugging configs/debug.config as well; the full ones add
# configs/full.config; off is the patched one without reserve.config; coverage
# counts what of our code runs, beside all that debug does.  Each line of a
# fragment is looked up in the final config: an option that fell out is an error.
# --config stops after that.
#
# deb is another matter: Debian packages, out of Debian's own configuration for
# virtual machines with reserve.config and deb.config on top.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	say "usage: scripts/kernel.sh [--config] unmodified|reserve|debug|rt|unmodified-full|reserve-full|deb|off|coverage" >&2
	exit 2
}

config_only=
[[ ${1:-} != --config ]] || { config_only=1; shift; }
[[ $# == 1 ]] || usage
label=$1
[[ -n $label && -n ${TREE[$label]:-} ]] || usage
tree=$BUILD/linux-${TREE[$label]}
read -ra fragments <<<"${FRAGMENTS[$label]}"
obj=$BUILD/obj-$label
out=$BUILD/kernels/$label
log=$BUILD/logs/kernel-$label.log
jobs=${KERNEL_JOBS:-$(nproc)}
base=${BASE[$label]:-}

need make gcc flex bison bc flock
if [[ -n $base ]]; then
	[[ -f $base ]] ||
		die "there is no $base: install the package linux-config-6.12, or name another with DEBIAN_CONFIG="
	for tool in dpkg-buildpackage dh_builddeb openssl; do
		command -v "$tool" >/dev/null ||
			die "$tool is not installed: 'apt-get install debhelper dpkg-dev openssl' brings what packages are built with"
	done
fi
kmake_for "$label"

run() {
	local status=0
	"$@" >>"$log" 2>&1 </dev/null || status=$?
	if ((status)); then
		tail -n 15 "$log" >&2
		die "'${*: -1}' failed for the $label kernel; all of its output is in $(rel "$log")"
	fi
}

# Each option of the fragments as it should stand in the config: what a later
# fragment says holds.
wanted() {
	local f n line
	local -A want=()
	for f in "${fragments[@]}"; do
		n=0
		while IFS= read -r line || [[ -n $line ]]; do
			n=$((n + 1))
			case $line in
			CONFIG_*=n) line="# ${line%=n} is not set" ;;
			CONFIG_*=* | '# CONFIG_'*' is not set') ;;
			'' | '#'*) continue ;;
			*) die "configs/$f:$n: '$line' is no option" ;;
			esac
			[[ $line =~ CONFIG_[A-Za-z0-9_]+ ]]
			want[${BASH_REMATCH[0]}]="$f:$n $line"
		done <"$CONFIGS/$f"
	done
	printf '%s\n' "${want[@]}" | sort
}

verify_config() {
	local at line name now lost=0
	while read -r at line; do
		grep -qxF -- "$line" "$obj/.config" && continue
		name=$(grep -oE 'CONFIG_[A-Za-z0-9_]+' <<<"$line" | head -n 1)
		now=$(grep -E "^(# )?${name}[ =]" "$obj/.config") || now=
		# What cannot be set at all is not set.
		[[ $line != '# '* || -n $now ]] || continue
		now=${now:-there is no such option, or what it depends on is not set}
		warn "configs/$at: $line fell out of the config: $now"
		lost=$((lost + 1))
	done < <(wanted)
	((lost == 0)) || {
		# So that nobody builds with it.
		rm -f "$obj/.config" "$obj/.config-stamp"
		die "$lost of the options that the $label kernel needs fell out: correct configs/ or the tree's Kconfig files"
	}
}

configure() {
	local stamp f
	wanted >/dev/null
	stamp=$({
		[[ -z $base ]] || cat "$base"
		for f in "${fragments[@]}"; do cat "$CONFIGS/$f"; done
		cat "$tree/.reserve/source"
		gcc --version
		[[ ! -f $tree/.reserve/files ]] ||
			(grep -E '/Kconfig[^ /]*$' "$tree/.reserve/files" || true)
	} | sha256sum)
	if [[ ! -f $obj/.config || ! -f $obj/.config-stamp || $(<"$obj/.config-stamp") != "$stamp" ]]; then
		tmpdir config
		{
			[[ -z $base ]] || xz -dcf "$base"
			for f in "${fragments[@]}"; do cat "$CONFIGS/$f"; done
		} >"$TMP/fragment"
		mkdir -p "$obj"
		cp "$obj/.config" "$TMP/old" 2>/dev/null || true
		run "${kmake[@]}" KCONFIG_ALLCONFIG="$TMP/fragment" allnoconfig
		run "${kmake[@]}" olddefconfig
		# The same again: keep the time stamp, so that nothing rebuilds.
		if cmp -s "$TMP/old" "$obj/.config"; then
			touch -r "$TMP/old" "$obj/.config"
		fi
		verify_config
		say "$stamp" >"$obj/.config-stamp"
		say "kernel $label: config made from ${base:+$(basename "$base") }${fragments[*]}"
	else
		verify_config
	fi
}

# The two kernels have one config: say what differs without being asked for.
compare_config() {
	local other=$BUILD/kernels/unmodified/config diff
	[[ $label == reserve && -f $other ]] || return 0
	diff=$(comm -13 <(grep -v '^#' "$other" | sort) <(grep -v '^#' "$obj/.config" | sort) |
		grep . | grep -vxF -f <(wanted | cut -d' ' -f2-) | paste -sd ' ') || true
	[[ -z $diff ]] || say "kernel reserve: the series also sets $diff"
}

if [[ -z ${KERNEL_LOCKED:-} ]]; then
	lock kernel
	export KERNEL_LOCKED=1
fi
"$(dirname "$0")/tree.sh" "${TREE[$label]}"
mkdir -p "$BUILD/logs"
: >"$log"
start=$SECONDS
configure
compare_config
[[ -z $config_only ]] || exit 0

targets=("${TARGET[$label]:-bzImage}")
# Even with none of its own: what external modules are linked against.
[[ ${targets[0]} != bzImage ]] || ! grep -qx CONFIG_MODULES=y "$obj/.config" || targets+=(modules)

# For packages: whose they are, and not each command that makes them.
KDEB_PKGVERSION=$(kernel_version "$tree")-1
export KDEB_PKGVERSION DEBEMAIL=reserve@build.invalid DEBFULLNAME=reserve
export DEB_BUILD_OPTIONS=terse

set -m
"${kmake[@]}" "-j$jobs" "${targets[@]}" >>"$log" 2>&1 </dev/null &
pid=$!
set +m
children+=("$pid")
next=$((SECONDS + 30))
while kill -0 "$pid" 2>/dev/null; do
	sleep 0.5
	if ((SECONDS >= next)); then
		next=$((SECONDS + 30))
		say "kernel $label: $(elapsed $((SECONDS - start))), $(grep -c '^  CC ' "$log" || true) files compiled"
	fi
done
status=0
wait "$pid" || status=$?
children=()
if ((status)); then
	grep -E '(error:|undefined reference|multiple definition|No rule to make)' "$log" |
		head -n 10 >&2 || tail -n 10 "$log" >&2
	die "the $label kernel does not build; all of its output is in $(rel "$log")"
fi

mkdir -p "$out"
install_changed() {
	cmp -s "$1" "$out/$2" && return
	cp --reflink=auto "$1" "$out/.$2.new"
	mv -f "$out/.$2.new" "$out/$2"
}
if [[ ${targets[0]} == bzImage ]]; then
	install_changed "$obj/arch/x86/boot/bzImage" bzImage
	install_changed "$obj/vmlinux" vmlinux
	install_changed "$obj/System.map" System.map
else
	# They are made beside the directory that was built in.
	rm -f -- "$out"/*.deb
	mv -- "$BUILD"/linux-*_"$KDEB_PKGVERSION"_*.deb "$out"
	rm -f -- "$BUILD"/linux-upstream_"$KDEB_PKGVERSION"_*.{buildinfo,changes}
fi
install_changed "$obj/.config" config
say "kernel $label: $(elapsed $((SECONDS - start))), $(grep -c '^  CC ' "$log" || true) files compiled, $(grep -c 'warning:' "$log" || true) warnings, in $(rel "$out")"
