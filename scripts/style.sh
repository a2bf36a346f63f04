#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What can be said about our files without running them:
#
#	style.sh [CHECK...]	spdx shell python rst checkpatch kernel-doc compile
#				headers coccinelle
#
# One thing that is checked counts one.  The closing line is the sum.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

passed=0 failed=0 skipped=0
scripts=$ROOT/scripts
cd "$ROOT"

# verdict CHECK FILE STATUS OUTPUT
verdict() {
	if (($3)); then
		failed=$((failed + 1))
		say "not ok: $1: $2"
		[[ -z $4 ]] || say "    ${4//$'\n'/$'\n'    }"
	else
		passed=$((passed + 1))
	fi
}

# each CHECK FILE COMMAND...: silence and status 0 are what is good
each() {
	local what=$1 file=$2 status=0 text
	shift 2
	text=$("$@" 2>&1) || status=$?
	[[ -z $text || $what != checkpatch && $what != kernel-doc ]] || status=1
	verdict "$what" "$file" "$status" "$text"
}

all_files() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files -co --exclude-standard
	else
		find . \( -path ./build -o -path ./.git -o -name __pycache__ \) -prune \
			-o -type f -print | sed 's,^\./,,'
	fi | sort -u | while read -r f; do
		[[ ! -f $f ]] || say "$f"
	done
}

# written_in REGEX SUFFIX: our files in a script language
written_in() {
	local f line
	while read -r f; do
		if [[ $f == *"$2" ]]; then
			say "$f"
		elif [[ $f != *.* || $f == .* ]]; then
			line=
			IFS= read -r line <"$f" 2>/dev/null || true
			[[ ! $line =~ ^#!.*$1 ]] || say "$f"
		fi
	done < <(all_files)
}

check_spdx() {
	local f
	while read -r f; do
		case $f in
		patches/* | COPYING) continue ;;
		esac
		each spdx "$f" grep -q 'SPDX-License-Identifier: ' <(head -n 3 "$f")
	done < <(all_files)
}

check_shell() {
	local f
	need shellcheck
	while read -r f; do
		each shellcheck "$f" shellcheck -x "$f"
	done < <(written_in '/(env )?(ba|da|)sh' .sh)
}

check_python() {
	local f
	while read -r f; do
		each python "$f" python3 -W error -c \
			'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' "$f"
	done < <(written_in python .py)
}

own_c() {
	own_files | grep -E '\.[ch]$' || true
}

# Kernel code that goes into no kernel, and is compiled by modules.sh
module_c() {
	all_files | grep -E '^tests/modules/.*\.[ch]$' || true
}

# Types that checkpatch gets wrong here:
# FILE_PATH_CHANGES asks for a MAINTAINERS entry in a patch of its own.
# MACRO_ARG_REUSE is what an iterator does.
ignore=FILE_PATH_CHANGES,MACRO_ARG_REUSE
# A tracepoint is a macro that looks like no other code.
ignore_trace=$ignore,OPEN_ENDED_LINE,MULTISTATEMENT_MACRO_USE_DO_WHILE,COMPLEX_MACRO,PARENTHESIS_ALIGNMENT,SPACING,MACRO_ARG_UNUSED

# What a patch touches may be called as it is, and be of drivers that are obsolete.
ignore_patch=$ignore,CAMELCASE,OBSOLETE

# Run in the tree, which it reads for what is known and what is deprecated.
checkpatch() {
	(cd "$U" && perl scripts/checkpatch.pl --strict --quiet --terse --show-types \
		--no-summary "$@")
}

check_checkpatch() {
	local f
	while read -r f; do
		case $f in
		include/trace/events/*) each checkpatch "$f" checkpatch --ignore "$ignore_trace" -f "$ROOT/$f" ;;
		*) each checkpatch "$f" checkpatch --ignore "$ignore" -f "$ROOT/$f" ;;
		esac
	done < <(own_c; module_c)
	while read -r f; do
		each checkpatch "patches/$f" checkpatch --ignore "$ignore_patch" "$PATCHES/$f"
	done < <(series "$PATCHES")
}

check_kernel-doc() {
	local f
	while read -r f; do
		each kernel-doc "$f" perl "$U/scripts/kernel-doc" -none -Wall "$ROOT/$f"
	done < <(own_c; module_c)
}

# Tables and links of the documents; what kernel-doc puts in is Sphinx's to read.
check_rst() {
	local f
	need rst2pseudoxml
	while read -r f; do
		each rst "$f" rst2pseudoxml --report=2 --halt=2 \
			<(sed '/^\.\. kernel-doc::/,/^$/d' "$f") /dev/null
	done < <(all_files | grep '^Documentation/.*\.rst$')
}

kmake=() lint_failed=0

# lint_tree WHAT: a build directory of its own, so that the kernel's objects keep
# their flags; make for it in kmake[], also the next time
lint_tree() {
	local obj=$BUILD/obj-lint log=$BUILD/logs/lint.log
	((${#kmake[@]} == 0)) || return "$lint_failed"
	need sparse
	"$scripts/kernel.sh" --config reserve
	lock lint
	mkdir -p "$obj" "$BUILD/logs"
	cmp -s "$BUILD/obj-reserve/.config" "$obj/.config" ||
		cp "$BUILD/obj-reserve/.config" "$obj/.config"
	kmake=(make -C "$R" "O=$obj" "-j${KERNEL_JOBS:-$(nproc)}")
	if command -v ccache >/dev/null; then
		export CCACHE_DIR=${CCACHE_DIR:-$BUILD/ccache} CCACHE_BASEDIR=$ROOT
		kmake+=("CC=ccache gcc" "HOSTCC=ccache gcc")
	fi
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
	"${kmake[@]}" olddefconfig prepare modules_prepare >"$log" 2>&1 </dev/null || {
		lint_failed=1
		verdict "$1" "make prepare" 1 "$(tail -n 10 "$log")"
	}
	return "$lint_failed"
}

# W=1 and sparse
check_compile() {
	local obj=$BUILD/obj-lint log=$BUILD/logs/lint.log f o status text
	local -a sources=()
	each compile "the table of mutants" python3 scripts/mutants.py check "$R"
	while read -r f; do
		[[ $f == *.c && $f != tools/* && $f != samples/* ]] || continue
		# One that is included by another is compiled with that, which may
		# be a file of the kernel's.
		own_c | grep -v -xF -- "$f" | xargs grep -qE "^#include \"(.*/)?$(basename "$f")\"" && continue
		o=$(awk -v want="+#include \"$(basename "$f")\"" \
			'/^\+\+\+ b\// { file = substr($2, 3) } $0 == want { print file }' "$PATCHES"/*.patch)
		sources+=("${o:-$f}")
	done < <(own_c)
	((${#sources[@]})) || return 0

	lint_tree compile || return 0
	for f in "${sources[@]}"; do
		o=${f%.c}.o
		rm -f "$obj/$o"
		status=0
		text=$("${kmake[@]}" W=1 C=2 "$o" 2>&1 </dev/null) || status=$?
		printf '%s\n' "$text" >>"$log"
		if grep -q "No rule to make target '$o'" <<<"$text"; then
			skipped=$((skipped + 1))
			say "skipped: compile: $f is not in the guest's config"
			continue
		fi
		# What our own lines draw, wherever they were included from.
		((status)) || text=$(grep -E '(warning|error):' <<<"$text" |
			grep -F -f <(own_c | sed 's,$,:,')) || true
		[[ -z $text ]] || status=1
		verdict compile "$f" "$status" "$(tail -n 20 <<<"$text")"
	done
}

# Each header of ours is all that a file needs to include, but for one that is a part of
# slub.c.
check_headers() {
	local f n=0 status text
	lint_tree headers || return 0
	tmpdir headers
	: >"$TMP/Makefile"
	while read -r f; do
		n=$((n + 1)) status=0
		say "#include \"$R/$f\"" >"$TMP/header$n.c"
		text=$("${kmake[@]}" "M=$TMP" W=1 C=2 "header$n.o" 2>&1 </dev/null) || status=$?
		((status)) || text=$(grep -E '(warning|error):' <<<"$text") || true
		[[ -z $text ]] || status=1
		verdict headers "$f" "$status" "$(tail -n 20 <<<"$text")"
	done < <(own_c | grep '\.h$' | grep -vE '^(tools/|mm/reserve_slub)')
}

# What the kernel's own semantic patches have to say, less those for which coccinelle
# wants a compiler of OCaml.
check_coccinelle() {
	local f text status
	local -a ours
	need spatch
	mapfile -t ours < <(own_c)
	tmpdir coccinelle
	(cd "$R" && grep -rL --include='*.cocci' ocaml scripts/coccinelle |
		xargs grep -l 'virtual report' | sort) >"$TMP/todo"
	# shellcheck disable=SC2016
	(cd "$R" && xargs -P "$(nproc)" -I {} sh -c '
		out=$0/$(basename "$1").$(basename "$(dirname "$1")") rule=$1
		shift
		spatch --very-quiet --no-show-diff -D report --no-includes -I include \
			--cocci-file "$rule" "$@" >"$out" 2>&1 || echo "spatch failed" >>"$out"
		' "$TMP" {} "${ours[@]}" <"$TMP/todo")
	while read -r f; do
		status=0
		text=$(grep -v 'should .* be a metavariable?$' \
			"$TMP/$(basename "$f").$(basename "$(dirname "$f")")") || true
		[[ -z $text ]] || status=1
		verdict coccinelle "$f" "$status" "$text"
	done <"$TMP/todo"
}

checks=(spdx shell python rst checkpatch kernel-doc compile headers coccinelle)
(($# == 0)) || checks=("$@")
for c in "${checks[@]}"; do
	case $c in
	spdx | shell | python | rst) ;;
	checkpatch | kernel-doc)
		"$scripts/tree.sh" unmodified
		;;
	compile | headers | coccinelle)
		"$scripts/tree.sh" reserve
		;;
	*)
		say "usage: scripts/style.sh [spdx|shell|python|rst|checkpatch|kernel-doc|compile|headers|coccinelle]..." >&2
		exit 2
		;;
	esac
	p=$passed f=$failed
	"check_$c"
	say "style: $c: $((passed - p)) of $((passed - p + failed - f)) ok"
done
say "$passed passed, $failed failed$( ((skipped == 0)) || say ", $skipped skipped")"
((failed == 0))
