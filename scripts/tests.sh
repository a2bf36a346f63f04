#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Give the scripts bad input, and see that each says so in a sentence, fails,
# and leaves nothing half done.  The kernel here is three files long.
#
#	tests.sh [TEST...]
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

scripts=$ROOT/scripts
tmpdir tests
work=$TMP
# Nothing of the caller's reaches the scripts.
unset KERNEL_SRC CHECK_SCENARIOS KERNEL_LOCKED DEPS_MISSING MAKEFLAGS

# -- a kernel, a repository and a series ----------------------------------------

# fake_kernel DIR VERSION PATCHLEVEL
fake_kernel() {
	mkdir -p "$1/mm" "$1/net" "$1/include"
	cat >"$1/Makefile" <<-END
	VERSION = $2
	PATCHLEVEL = $3
	SUBLEVEL = 99
	EXTRAVERSION =
	allnoconfig: ; @grep -v CONFIG_FALLS_OUT \$(KCONFIG_ALLCONFIG) >\$(O)/.config
	olddefconfig: ; @:
	bzImage:; @mkdir -p \$(O)/arch/x86/boot && sh \$(CURDIR)/mm/build.sh && \\
		touch \$(O)/arch/x86/boot/bzImage \$(O)/vmlinux \$(O)/System.map
	END
	say true >"$1/mm/build.sh"
	seq 1 40 >"$1/mm/slub.c"
	seq 1 40 >"$1/net/sock.c"
	seq 1 40 >"$1/net/other.c"
}

# Each test starts with a directory of its own, in which all of this stands.
setup() {
	export BUILD=$PWD/build OWN=$PWD/own PATCHES=$PWD/patches CONFIGS=$PWD/configs
	export KERNEL_SRC=$PWD/linux
	fake_kernel linux 6 12
	mkdir -p own/mm own/include patches configs
	say 'int reserve;' >own/mm/reserve.c
	say 'extern int reserve;' >own/include/reserve.h
	say CONFIG_SWAP=y >configs/guest.config
	say CONFIG_MEM_RESERVE=y >configs/reserve.config
	patch_of slub.patch mm/slub.c 's/^20$/twenty/'
	patch_of sock.patch net/sock.c 's/^10$/ten/'
}

# patch_of NAME FILE SED: write a patch, and append it to the series
patch_of() {
	(
		mkdir -p a/"$(dirname "$2")" b/"$(dirname "$2")"
		cp "linux/$2" "a/$2"
		sed "$3" "linux/$2" >"b/$2"
		say "Subject: [PATCH] $1"
		say
		diff -u --show-c-function --label "a/$2" --label "b/$2" "a/$2" "b/$2" || true
		rm -rf a b
	) >"patches/$1"
	say "$1" >>patches/series
}

# -- how a test speaks ----------------------------------------------------------

fail() {
	say "failed: $*"
	[[ ! -f out ]] || sed 's/^/  > /' out
	exit 1
}

# refused SENTENCE COMMAND...: it fails, and says so in these words
refused() {
	local sentence=$1 status=0
	shift
	"$@" >out 2>&1 </dev/null || status=$?
	((status != 0)) || fail "'$*' did not fail"
	grep -qF -- "$sentence" out || fail "'$*' did not say: $sentence"
	no_leftovers
}

good() {
	"$@" >out 2>&1 </dev/null || fail "'$*' failed"
	no_leftovers
}

# Temporary directories all begin with a dot; locks stay.
no_leftovers() {
	local left
	left=$(find build -mindepth 1 -maxdepth 1 -name '.*' ! -name '.lock-*' 2>/dev/null) || true
	[[ -z $left ]] || fail "left behind: $left"
}

stamp() { stat -c %y "build/linux-reserve/$1"; }

tree() { "$scripts/tree.sh" "$@"; }
tree_hash() {
	find build/linux-reserve -path '*/.reserve' -prune -o -type f -print0 | sort -z |
		xargs -0 sha256sum | sha256sum
}

# -- the tests ------------------------------------------------------------------

test_wrong_kernel_version() {
	rm -rf linux
	fake_kernel linux 6 6
	refused "is Linux 6.6.99, but this series is for 6.12.y" tree reserve
	[[ ! -e build/linux-unmodified && ! -e build/linux-reserve ]] || fail "a tree was made"
	tar -cJf linux.tar.xz linux
	refused "is Linux 6.6.99, but this series is for 6.12.y" \
		env KERNEL_SRC="$PWD/linux.tar.xz" "$scripts/tree.sh" reserve
	[[ ! -e build/linux-unmodified && ! -e build/linux-reserve ]] || fail "a tree was made"
}

test_wrong_version_keeps_the_old_tree() {
	good tree reserve
	before=$(tree_hash)
	rm -rf linux
	fake_kernel linux 6 6
	refused "is Linux 6.6.99" tree reserve
	[[ $(tree_hash) == "$before" ]] || fail "the tree changed"
}

test_source_is_missing() {
	refused "KERNEL_SRC=/nowhere does not exist" env KERNEL_SRC=/nowhere "$scripts/tree.sh" unmodified
	rm linux/Makefile
	refused "is not a kernel source" tree unmodified
	say 'not a tarball' >broken.tar.xz
	refused "cannot be unpacked" env KERNEL_SRC="$PWD/broken.tar.xz" "$scripts/tree.sh" unmodified
	[[ ! -e build/linux-unmodified ]] || fail "a tree was made"
}

test_tarball() {
	tar -cJf linux.tar.xz linux
	good env KERNEL_SRC="$PWD/linux.tar.xz" "$scripts/tree.sh" reserve
	grep -q twenty build/linux-reserve/mm/slub.c || fail "the patch is not applied"
}

test_another_source_replaces_the_tree() {
	good tree reserve
	sed -i 's/SUBLEVEL = 99/SUBLEVEL = 100/; ' linux/Makefile
	good tree reserve
	grep -q 'SUBLEVEL = 100' build/linux-reserve/Makefile || fail "the old tree stayed"
}

test_patch_does_not_apply() {
	sed -i 's/^ 19$/ nineteen/' patches/slub.patch
	refused "patches/slub.patch does not apply to Linux 6.12.99 without fuzz (mm/slub.c hunk 1)" tree reserve
	[[ ! -e build/linux-reserve ]] || fail "a tree was made"
}

test_patch_that_breaks_changes_nothing() {
	good tree reserve
	before=$(tree_hash)
	sed -i 's/twenty/TWENTY/' patches/slub.patch
	sed -i 's/^ 9$/ nine/' patches/sock.patch
	refused "patches/sock.patch does not apply" tree reserve
	[[ $(tree_hash) == "$before" ]] || fail "the tree changed"
}

test_fuzz_is_refused() {
	# The outermost line of context is another: patch would take it with fuzz 1.
	sed -i 's/^ 17$/ seventeen/' patches/slub.patch
	refused "patches/slub.patch does not apply" tree reserve
	refused "patches/slub.patch does not apply" "$scripts/refresh.sh" --check
}

test_offset_is_told() {
	sed -i '1i zero' linux/mm/slub.c
	good tree reserve
	grep -q '1 hunks applied at another line' out || fail "the offset is not told"
	refused "patches/slub.patch is not as a refresh would write it" "$scripts/refresh.sh" --check
	good "$scripts/refresh.sh"
	good "$scripts/refresh.sh" --check
}

test_patch_is_missing() {
	say gone.patch >>patches/series
	refused "patches/series names gone.patch, but there is no such patch" tree reserve
	refused "patches/series names gone.patch, but there is no such patch" "$scripts/refresh.sh" --check
}

test_own_file_is_one_of_the_kernel() {
	cp linux/mm/slub.c own/mm/slub.c
	refused "mm/slub.c is a file of Linux 6.12.99 already" tree reserve
	[[ ! -e build/linux-reserve ]] || fail "a tree was made"
}

test_empty_series() {
	rm -r patches
	good tree reserve
	good "$scripts/refresh.sh" --check
	[[ -f build/linux-reserve/mm/reserve.c ]] || fail "our files are not there"
}

test_only_what_changed_gets_a_new_stamp() {
	good tree reserve
	local -A was=()
	for f in mm/slub.c net/sock.c mm/reserve.c include/reserve.h; do
		was[$f]=$(stamp $f)
	done
	sleep 0.02
	good tree reserve
	say 'int more;' >>own/mm/reserve.c
	sed -i 's/twenty/TWENTY/' patches/slub.patch
	good tree reserve
	grep -q TWENTY build/linux-reserve/mm/slub.c || fail "the new patch is not applied"
	grep -q more build/linux-reserve/mm/reserve.c || fail "the new file is not there"
	[[ $(stamp net/sock.c) == "${was[net/sock.c]}" ]] || fail "net/sock.c was touched"
	[[ $(stamp include/reserve.h) == "${was[include/reserve.h]}" ]] || fail "include/reserve.h was touched"
	[[ $(stamp mm/slub.c) != "${was[mm/slub.c]}" ]] || fail "mm/slub.c kept its stamp"
	[[ $(stamp mm/reserve.c) != "${was[mm/reserve.c]}" ]] || fail "mm/reserve.c kept its stamp"
}

test_what_is_removed_goes() {
	good tree reserve
	rm own/include/reserve.h
	sed -i /sock/d patches/series
	good tree reserve
	[[ ! -e build/linux-reserve/include/reserve.h ]] || fail "our file stayed"
	cmp build/linux-reserve/net/sock.c linux/net/sock.c || fail "the patch stayed"
	(cd build/linux-reserve && quilt --quiltrc - applied) >out
	[[ $(<out) == *slub.patch ]] || fail "quilt remembers another series"
}

test_edits_are_not_thrown_away() {
	good tree reserve
	for f in mm/slub.c net/other.c mm/reserve.c; do
		say edited >>build/linux-reserve/$f
		refused "holds edits that are in no patch ($f)" tree reserve
		refused "holds edits that are in no patch ($f)" "$scripts/clean.sh"
		# Not for a new patch or a new file either.
		say "# $f" >>own/include/reserve.h
		refused "holds edits that are in no patch ($f)" tree reserve
		[[ $(tail -n 1 build/linux-reserve/$f) == edited ]] || fail "the edit of $f is gone"
		good tree --discard reserve
		! grep -q edited build/linux-reserve/$f || fail "the edit of $f stayed"
	done
	say new >build/linux-reserve/mm/new.c
	refused "holds edits that are in no patch (mm/new.c)" tree reserve
	sed -i 's/SUBLEVEL = 99/SUBLEVEL = 100/' linux/Makefile
	refused "holds edits that are in no patch (mm/new.c)" tree reserve
	[[ -f build/linux-reserve/mm/new.c ]] || fail "the new file is gone"
}

test_refresh_takes_edits() {
	good tree reserve
	sed -i 's/^25$/twenty-five/' build/linux-reserve/mm/slub.c
	say edited >>build/linux-reserve/mm/reserve.c
	good "$scripts/refresh.sh"
	grep -q '^+twenty-five' patches/slub.patch || fail "the edit is not in its patch"
	head -n 1 patches/slub.patch | grep -q Subject || fail "the changelog is gone"
	! grep -q twenty-five patches/sock.patch || fail "the edit is in another patch"
	[[ $(tail -n 1 own/mm/reserve.c) == edited ]] || fail "the edit is not in the repository"
	sums=$(sha256sum patches/*)
	good "$scripts/refresh.sh"
	[[ $(sha256sum patches/*) == "$sums" ]] || fail "a second refresh differs"
	good "$scripts/refresh.sh" --check
	good tree reserve
}

test_refresh_adds_a_file() {
	good tree reserve
	sed -i 's/^5$/five/' build/linux-reserve/net/other.c
	refused "net/other.c was edited, but is in no patch" "$scripts/refresh.sh"
	good "$scripts/refresh.sh" --add net/other.c
	good "$scripts/refresh.sh"
	grep -q '^+five' patches/sock.patch || fail "the edit is not in the topmost patch"
	good tree reserve
	grep -q five build/linux-reserve/net/other.c || fail "the edit is gone"
}

test_quilt_by_hand() {
	good tree reserve
	cd build/linux-reserve
	quilt --quiltrc - pop -q >/dev/null
	sed -i 's/^30$/thirty/' mm/slub.c
	cd ../..
	refused "holds edits that are in no patch (mm/slub.c)" tree reserve
	(cd build/linux-reserve && quilt --quiltrc - refresh -p ab >/dev/null)
	good tree reserve
	grep -q thirty build/linux-reserve/mm/slub.c || fail "the edit is gone"
	grep -q ten build/linux-reserve/net/sock.c || fail "the popped patch is not back"
}

# The recipe of CONTRIBUTING.md.
test_port_a_patch() {
	sed -i 's/^10$/number 10/' linux/net/sock.c
	refused "patches/sock.patch does not apply" tree reserve
	sed -i 's/^sock/# sock/' patches/series
	good tree reserve
	sed -i 's/^# sock/sock/' patches/series
	cd build/linux-reserve
	! quilt --quiltrc - push -f >/dev/null 2>&1 || fail "it applies"
	[[ -f net/sock.c.rej ]] || fail "there is no reject"
	sed -i 's/^number 10$/number ten/' net/sock.c
	quilt --quiltrc - refresh >/dev/null
	cd ../..
	good "$scripts/refresh.sh"
	good "$scripts/refresh.sh" --check
	grep -q '^+number ten' patches/sock.patch || fail "the port is not in the patch"
	grep -q 'number ten' build/linux-reserve/net/sock.c || fail "the port is not in the tree"
}

test_refresh_would_differ() {
	good "$scripts/refresh.sh" --check
	sed -i 's,^--- a/mm/slub.c.*,--- a/mm/slub.c\t2026-01-01,' patches/slub.patch
	sums=$(sha256sum patches/*)
	refused "patches/slub.patch is not as a refresh would write it" "$scripts/refresh.sh" --check
	[[ $(tail -n 1 out) == "1 passed, 1 failed" ]] || fail "the count is wrong"
	[[ $(sha256sum patches/*) == "$sums" ]] || fail "a check changed the patches"
	good "$scripts/refresh.sh"
	good "$scripts/refresh.sh" --check
	cp patches/slub.patch patches/unlisted.patch
	refused "patches/unlisted.patch is not in patches/series" "$scripts/refresh.sh" --check
}

test_option_falls_out() {
	printf '%s\n' '# a comment' 'CONFIG_FALLS_OUT=y' >>configs/guest.config
	refused "configs/guest.config:3: CONFIG_FALLS_OUT=y fell out of the config" "$scripts/kernel.sh" unmodified
	[[ ! -e build/kernels && ! -e build/obj-unmodified/.config ]] || fail "something was built"
	say 'CONFIG_SWAP' >configs/guest.config
	refused "configs/guest.config:1: 'CONFIG_SWAP' is no option" "$scripts/kernel.sh" unmodified
}

test_kernel_is_built() {
	good "$scripts/kernel.sh" reserve
	grep -qx CONFIG_MEM_RESERVE=y build/kernels/reserve/config || fail "it has another config"
	for f in bzImage vmlinux System.map; do
		[[ -f build/kernels/reserve/$f ]] || fail "there is no $f"
	done
	refused "usage:" "$scripts/kernel.sh" nonsense
}

test_kernel_does_not_build() {
	say 'echo "mm/x.c:1: error: no" >&2; exit 1' >linux/mm/build.sh
	refused "the unmodified kernel does not build; all of its output is in" "$scripts/kernel.sh" unmodified
	grep -q 'error: no' out || fail "the error is not shown"
	[[ ! -e build/kernels ]] || fail "there is a kernel"
}

test_interrupted_build_leaves_nothing_running() {
	say "echo \$\$ >$PWD/running; exec sleep 300" >linux/mm/build.sh
	"$scripts/kernel.sh" unmodified >out 2>&1 </dev/null &
	pid=$!
	for _ in {1..100}; do
		[[ ! -s running ]] || break
		sleep 0.1
	done
	[[ -s running ]] || fail "the build did not start"
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	((status != 0)) || fail "it did not fail"
	for _ in {1..50}; do
		kill -0 "$(<running)" 2>/dev/null || break
		sleep 0.1
	done
	! kill -0 "$(<running)" 2>/dev/null || fail "the build goes on"
	no_leftovers
	good flock -n build/.lock-kernel true
}

test_one_build_at_a_time() {
	say "[ ! -e $PWD/busy ] || exit 1; touch $PWD/busy; sleep 0.5; rm $PWD/busy" >linux/mm/build.sh
	"$scripts/kernel.sh" unmodified >out1 2>&1 </dev/null &
	pid=$!
	sleep 0.2
	good "$scripts/kernel.sh" reserve
	wait "$pid" || fail "the first one failed"
}

test_missing_tool() {
	refused "deps.sh: missing: quilt gnuplot" env DEPS_MISSING="quilt gnuplot" "$scripts/deps.sh" --check
	grep -q 'apt-get install -y --no-install-recommends quilt gnuplot-nox' out || fail "the command is not told"
	mkdir bin
	for f in bash dirname basename realpath; do
		ln -s "$(command -v $f)" bin/$f
	done
	refused "quilt is not installed: run 'make deps'" env PATH="$PWD/bin" "$scripts/tree.sh" unmodified
	[[ ! -e build/linux-unmodified ]] || fail "a tree was made"
}

# What Sphinx would say, said by a Makefile.
test_htmldocs() {
	bin=$PWD/bin
	mkdir "$bin" linux/scripts own/Documentation linux/Documentation
	for f in bash dirname basename realpath; do
		ln -s "$(command -v $f)" "$bin/$f"
	done
	refused "sphinx-build is not installed: run 'make deps'" env PATH="$bin" "$scripts/htmldocs.sh"
	say true >"$bin/sphinx-build"
	chmod +x "$bin/sphinx-build"
	PATH=$bin:$PATH
	refused "build/linux-reserve has no Documentation: point KERNEL_SRC= at a complete source" "$scripts/htmldocs.sh"

	touch linux/Documentation/conf.py linux/scripts/get_abi.pl
	chmod +x linux/scripts/get_abi.pl
	printf '   reserve\n' >linux/Documentation/index.rst
	cat >>linux/Makefile <<-'END'
	htmldocs:; @mkdir -p $(O)/Documentation/output && cat $(CURDIR)/said && \
		echo >$(O)/Documentation/output/reserve.html
	END
	say "WARNING: dot(1) not found" >linux/said
	say "See Documentation/index.rst." >own/Documentation/reserve.rst
	rm -rf build
	good "$scripts/htmldocs.sh"
	grep -qx '1 warnings about others; .*' out || fail "the other warning is not counted"
	for f in "$PWD/build/htmldocs/src/Documentation/reserve.rst:3: WARNING: oh" \
		"Documentation/reserve.rst: ./mm/reserve.c:3: warning: oh" \
		"Documentation/reserve.rst:9: ./include/reserve.h:3: ERROR: oh"; do
		printf '%s\n    and more\nWARNING: dot(1)\n' "$f" >linux/said
		rm -rf build
		printf '/**\n' | tee own/mm/reserve.c >own/include/reserve.h
		printf '.. kernel-doc:: mm/reserve.c\n.. kernel-doc:: include/reserve.h\n' >own/Documentation/reserve.rst
		refused "oh" "$scripts/htmldocs.sh"
		grep -q ' 1 failed$' out || fail "another number failed"
		grep -qx '    *and more' out || fail "it is not told in full"
		grep -qx '1 warnings about others; .*' out || fail "the other warning is not counted"
	done
	say "nothing" >linux/said
	say "See Documentation/lost.rst." >>own/Documentation/reserve.rst
	rm -rf build
	refused "not ok: documents that are named exist: not Documentation/lost.rst" "$scripts/htmldocs.sh"
	sed -i 's/lost/index/' own/Documentation/reserve.rst
	rm linux/Documentation/index.rst
	rm -rf build
	refused "not ok: Documentation/index.rst lists reserve" "$scripts/htmldocs.sh"
}

test_no_root_no_sudo() {
	((EUID == 0)) || { say "skip: this needs root, to stop being it"; exit 77; }
	setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$scripts/deps.sh" ||
		{ say "skip: nobody may read this directory"; exit 77; }
	cp -r "$scripts" nobody
	refused "run this as root: apt-get update && apt-get install -y --no-install-recommends quilt" \
		env DEPS_MISSING=quilt setpriv --reuid=65534 --regid=65534 --clear-groups "$scripts/deps.sh"
}

# compiled LABEL: what comes on stdin, as mm/some.o of that kernel
compiled() {
	mkdir -p "build/obj-$1/mm" "build/kernels/$1"
	touch "build/kernels/$1/bzImage"
	gcc -O2 -fno-pie -x c -c -o "build/obj-$1/mm/some.o" -
}

# some_c FIRST INSIDE: a function, with other things before it and in it
some_c() {
	cat <<-END
	void report(const char *text);
	$1
	static int count;
	__attribute__((noinline)) static int twice(int x) { return count += 2 * x; }
	int fast(int x)
	{
		$2
		if (x < 0)
			report("below");
		return twice(x) + twice(count);
	}
	END
}

test_fastpath_sees_one_instruction() {
	fastpath=$scripts/fastpath.sh
	say mm/some.o fast >list
	some_c "" "" | compiled unmodified
	refused "there is no reserve kernel to compare: run 'make kernel-reserve'" "$fastpath" list
	some_c 'static int other; int slow(int x) { report("slow"); return other += x; }' "" |
		compiled reserve
	good "$fastpath" list
	grep -qx '1 passed, 0 failed' out || fail "other addresses count as a difference"
	some_c "" '__asm__ volatile("nop");' | compiled reserve
	refused "0 passed, 1 failed" "$fastpath" list
	grep -qE '^ +\+nop$' out || fail "the instruction is not shown"
	some_c "" 'x ^= 1;' | compiled reserve
	refused "0 passed, 1 failed" "$fastpath" list
	say mm/some.o gone >list
	refused "0 passed, 1 failed" "$fastpath" list
	say mm/none.o fast >list
	refused "mm/none.o does not exist" "$fastpath" list
	say mm/some.o >list
	refused "is not 'object function [info]'" "$fastpath" list
	refused "nowhere does not exist" "$fastpath" nowhere
}

test_modules_need_a_kernel() {
	refused "run 'make kernel-debug'" "$scripts/modules.sh" debug
	refused "usage: scripts/modules.sh" "$scripts/modules.sh" other
	refused "usage: scripts/slab-apart.sh" "$scripts/slab-apart.sh" --ops many
	refused "run 'make kernel-unmodified'" "$scripts/slab-apart.sh"
}

test_guide_wants_a_way_and_a_kernel() {
	refused "usage: scripts/guide.sh" "$scripts/guide.sh" floppy
	refused "usage: scripts/model.sh" "$scripts/model.sh" 9
	refused "run 'make kernel-reserve-full'" "$scripts/guide.sh" nbd
	mkdir -p "$BUILD/kernels/reserve-full"
	touch "$BUILD/kernels/reserve-full/bzImage"
	refused "run 'make kernel-reserve-full'" "$scripts/guide.sh" nbd
	refused "run 'make deb'" "$scripts/guide.sh" --deb nbd-fstab
	[[ ! -e $BUILD/guide ]] || fail "there is an image of no use"
}

# Mails of the series, with our files where they belong
test_series() {
	sed -i 's/^Subject:.*/From: A <a@b.invalid>\nSubject: mm: a change/' patches/slub.patch
	refused "there is no" "$scripts/series.sh"
	say 'mm: a cover' >patches/cover-letter
	printf 'slub.patch\n\tmm/\n' >patches/own-files
	refused "does not say which patch these come with: include/reserve.h" "$scripts/series.sh"
	printf 'sock.patch\n\tinclude/\n\tmm/reserve.c\n' >>patches/own-files
	refused "names what is not there, or twice: mm/reserve.c" "$scripts/series.sh"
	printf 'slub.patch\n\tmm/\nsock.patch\n\tinclude/\n' >patches/own-files
	refused "patches/sock.patch has no From: or no Subject:" "$scripts/series.sh"
	sed -i 's/^Subject:.*/From: A <a@b.invalid>\nSubject: net: another/' patches/sock.patch
	good "$scripts/series.sh"
	grep -q '^Subject: \[PATCH 0/2\] mm: a cover' build/series/0000-*.patch || fail "no cover letter"
	grep -q '^+int reserve;' build/series/0001-mm-a-change.patch || fail "mm/reserve.c is not in the first"
	grep -q '^+extern int' build/series/0002-net-another.patch || fail "reserve.h is not in the second"
	refused "usage: scripts/series.sh" "$scripts/series.sh" --build one
	printf 'lost.patch\n\tmm/reserve.c\n' >>patches/own-files
	refused "not in the series: lost.patch" "$scripts/series.sh"
}

# Packages, out of a configuration that is taken as it is
test_deb() {
	export DEBIAN_CONFIG=$PWD/config.xz
	say CONFIG_FALLS_OUT=y | xz >other.xz
	say CONFIG_LOCALVERSION=own >configs/deb.config
	bin=$PWD/bin
	mkdir "$bin"
	refused "there is no $DEBIAN_CONFIG: install the package linux-config-6.12" "$scripts/kernel.sh" deb
	mv other.xz config.xz
	for f in bash dirname basename realpath nproc make gcc flex bison bc flock; do
		ln -s "$(command -v $f)" "$bin/$f"
	done
	refused "dpkg-buildpackage is not installed: 'apt-get install debhelper" env PATH="$bin" "$scripts/kernel.sh" deb
	for f in dpkg-buildpackage dh_builddeb openssl; do
		printf '#!/bin/sh\n' >"$bin/$f"
		chmod +x "$bin/$f"
	done
	# shellcheck disable=SC2016
	echo 'bindeb-pkg:; touch $(O)/../linux-image-x_6.12.99-1_amd64.deb' >>linux/Makefile
	PATH=$bin:$PATH good "$scripts/kernel.sh" deb
	[[ -f build/kernels/deb/linux-image-x_6.12.99-1_amd64.deb ]] || fail "there is no package"
	[[ ! -e build/kernels/deb/bzImage ]] || fail "there is a kernel that nobody built"
	grep -qx CONFIG_LOCALVERSION=own build/kernels/deb/config || fail "it has another config"
}

test_make_says_what_is_wrong() {
	refused "K is unmodified, reserve, debug or rt, not 'other'" make -C "$ROOT" modules K=other
	refused "name one, S=name" make -C "$ROOT" scenario
	refused "K is unmodified or reserve, not 'other'" make -C "$ROOT" scenario S=x K=other
	good make -C "$ROOT"
	grep -q 'make demo' out || fail "there is no help"
}

# -- reserve-top ----------------------------------------------------------------

# build_top: build/reserve-top, and the same where it is short to type
build_top() {
	good env CFLAGS="-O2 -Werror" "$scripts/reserve-top.sh"
	ln -s build/reserve-top top
}

# node DIR UNIT USAGE LIMIT PEAK PAGES DRAWN FAILCNT: as sysfs has it
node() {
	local dir=$1 f
	mkdir -p "$dir"
	shift
	for f in unit usage limit peak pages drawn failcnt; do
		say "$1" >"$dir/$f"
		shift
	done
}

fake_sysfs() {
	node sysfs pages 138 324 151 324 138 0
	say 1024 >sysfs/set_aside
	# In no order that a directory would keep.
	node sysfs/orphans pages 0 0 0 0 0 0
	node sysfs/network pages 138 324 151 324 138 0
	node sysfs/network/receive pages 138 324 151 324 138 0
	node sysfs/network/receive/ring pages 130 288 139 288 130 0
	node sysfs/network/receive/heads objects 570 576 576 36 8 12
}

test_reserve_top_once() {
	build_top
	fake_sysfs
	cat >want <<-'END'
	set aside 1024 pages (4096 KB), promised 324, in use 138

	PATH         UNIT     USAGE  LIMIT                           PEAK  PAGES  FAILCNT
	reserve      pages      138    324  [########:           ]    151    324        0
	  network    pages      138    324  [########:           ]    151    324        0
	    receive  pages      138    324  [########:           ]    151    324        0
	      heads  objects    570    576  [###################:]!   576     36       12
	      ring   pages      130    288  [#########           ]    139    288        0
	  orphans    pages        0      0  [                    ]      0      0        0
	END
	good ./top --once --root sysfs
	[[ $(getconf PAGESIZE) == 4096 ]] || sed -i '1s/ ([0-9]* KB)//' want out
	diff -u want out || fail "it is laid out in another way"
	# What each number needs, and no more than 90 % is nearly full.
	node sysfs/orphans bytes 89 100 100 9223372036854775808 18446744073709551615 9999999999
	node sysfs/network/receive/ring bytes 9223372036854775807 9223372036854775808 9223372036854775808 0 0 0
	deep=sysfs
	for ((i = 0; i < 12; i++)); do
		deep+=/a-name-that-is-longer-than-others
		node "$deep" objects 90 100 90 1 1 0
	done
	good ./top --once --root sysfs
	tail -n +3 out | awk 'NR == 1 { n = index($0, "UNIT"); next }
		substr($0, n, 1) !~ /[pob]/ || substr($0, n - 1, 1) != " " { exit 1 }
		{ bar = index($0, "["); if (at && bar != at) exit 1; at = bar }' || fail "columns are not aligned"
	(($(tail -n +4 out | sed 's/+$//' | awk '{ print length }' | sort -u | wc -l) == 1)) ||
		fail "lines are not of one length"
	grep -qE '^  orphans +bytes +89 +100 .*\]  +100 +9223372036854775808 +9999999999$' out ||
		fail "a large number is not there"
	grep -qE ' ring .* 9223372036854775808  \[#{19}:\]! ' out || fail "the bar is full, though the node is not"
	(($(grep -c ' 90 .*\]!' out) == 12)) || fail "90 % is not nearly full"
}

test_reserve_top_what_is_not_there() {
	build_top
	fake_sysfs
	rm sysfs/set_aside sysfs/orphans/{unit,usage} sysfs/network/receive/ring/{limit,failcnt}
	# No node yet, or no longer; and what is none at all.
	mkdir -p sysfs/network/empty/below sysfs/.hidden
	ln -s . sysfs/network/self
	good ./top --once --root sysfs
	head -n 1 out | grep -qx 'set aside - pages, promised 324, in use 138' || fail "the totals are wrong"
	grep -qE '^  orphans +- +- +0 +\[ {20}\] +0 +0 +0$' out || fail "a file is missing, and so is the node"
	grep -qE '^ +ring +pages +130 +- +\[ {20}\] +139 +288 +-$' out || fail "a node without a limit is wrong"
	! grep -qE 'empty|below|hidden|self' out || fail "what is no node is shown"
	good ./top --once --json --root sysfs
	python3 -c 'import json; json.load(open("out"))' || fail "it is no JSON"
}

test_reserve_top_json() {
	build_top
	fake_sysfs
	rm sysfs/orphans/usage
	# By path these would be in another order.
	node sysfs/a-b pages 1 2 3 4 5 6
	node sysfs/a bytes 9223372036854775808 18446744073709551615 0 0 0 0
	node sysfs/a/c pages 0 0 0 0 0 0
	node "sysfs/a/q\"uote\\$(printf '\001')" pages 0 0 0 0 0 0
	good ./top --once --json --root sysfs
	cat >check.py <<-'END'
	import json
	tree = json.load(open("out"))
	assert list(tree) == ["page_size", "set_aside", "set_aside_kb", "nodes"], list(tree)
	assert tree["set_aside"] == 1024
	assert tree["set_aside_kb"] == 1024 * tree["page_size"] // 1024
	nodes = {node["path"]: node for node in tree["nodes"]}
	assert list(nodes) == [
	    "/", "/a", "/a/c", '/a/q"uote\\\x01', "/a-b", "/network", "/network/receive",
	    "/network/receive/heads", "/network/receive/ring", "/orphans"], list(nodes)
	assert nodes["/a-b"] == {"path": "/a-b", "unit": "pages", "usage": 1, "limit": 2,
	                         "peak": 3, "pages": 4, "drawn": 5, "failcnt": 6}
	assert nodes["/a"]["usage"] == 2 ** 63 and nodes["/a"]["limit"] == 2 ** 64 - 1
	assert nodes["/network/receive/heads"]["unit"] == "objects"
	assert nodes["/orphans"]["usage"] is None
	END
	python3 check.py || fail "it is not what was to be printed"
}

test_reserve_top_says_what_is_wrong() {
	build_top
	fake_sysfs
	refused "there is no $PWD/none: has the kernel no CONFIG_MEM_RESERVE?" ./top --once --root "$PWD/none"
	[[ -e /sys/kernel/mm/reserve ]] ||
		refused "there is no /sys/kernel/mm/reserve: the kernel has no CONFIG_MEM_RESERVE" ./top
	refused "out is no reserve: it has none of the files of one" sh -c 'mkdir out.d; cd out.d; mkdir out; ../top --once --root out'
	refused "cannot read out: Not a directory" ./top --once --root out
	refused "the delay must be from 0.1 to 86400 seconds, not '-1'" ./top -d -1
	for delay in x '' 1x 1,5 nan inf 0x1 1e3 -; do
		refused "the delay is a number of seconds, not '$delay'" ./top -d "$delay"
	done
	for delay in 0 0.09 86401 99999999999999999999; do
		refused "the delay must be from 0.1 to 86400 seconds, not '$delay'" ./top "--delay=$delay"
	done
	refused "-d wants an argument" ./top -d
	refused "there is no option -x" ./top -x
	refused "there is no option --nonsense" ./top --nonsense
	refused "--once=1: it takes no argument" ./top --once=1
	refused "'sysfs' is no option" ./top sysfs
	refused "--json needs --once" ./top --json --root sysfs
	[[ $(wc -l <out) == 1 ]] || fail "it is more than a sentence"
	good ./top --help
	good ./top -V
	grep -qxE 'reserve-top [0-9.]+' out || fail "there is no version"
	for bad in '' ten -1 1.5 18446744073709551616 '1 2'; do
		say "$bad" >sysfs/network/usage
		refused "sysfs/network/usage holds '$bad', which is not a number" ./top --once --root sysfs
	done
	rm sysfs/network/usage
	mkdir sysfs/network/usage
	refused "cannot read sysfs/network/usage: Is a directory" ./top --once --root sysfs
	refused "cannot read sysfs/network/usage: Is a directory" ./top --once --json --root sysfs
	refused "usage: scripts/reserve-top.sh" "$scripts/reserve-top.sh" more
}

test_reserve_top_in_a_pipe() {
	build_top
	fake_sysfs
	# One table after another, no escapes, until nobody reads any more.
	timeout 20 ./top -d 0.1 --root sysfs 2>err | head -n 25 >out || true
	(($(grep -c '^set aside' out) >= 2)) || fail "it was printed once"
	! grep -q $'\033' out || fail "there are escapes"
	[[ ! -s err ]] || fail "it said: $(<err)"
	refused "cannot write: Broken pipe" bash -c \
		'trap "" PIPE; set -o pipefail; timeout 20 ./top -d 0.1 --root sysfs | head -n 1'
	refused "cannot write: No space left on device" sh -c './top --once --root sysfs >/dev/full'
	refused "cannot write: No space left on device" sh -c './top --once --json --root sysfs >/dev/full'
	# What fails between two tables is told by a sign.
	timeout 20 ./top -d 0.1 --root sysfs >out &
	pid=$!
	trap 'kill "$pid" 2>/dev/null || true' EXIT
	appears ' 12$' out
	say 13 >sysfs/network/receive/heads/failcnt.new
	mv sysfs/network/receive/heads/failcnt{.new,}
	appears ' 13\+$' out
	appears ' 13$' out
}

# appears REGEX FILE: sooner or later
appears() {
	for _ in {1..100}; do
		! grep -qaE -- "$1" "$2" 2>/dev/null || return 0
		sleep 0.1
	done
	fail "there never was: $1"
}

# in_terminal COMMAND...: what it wrote is in screen, keys go to descriptor $keys
in_terminal() {
	rm -f keys screen status before after
	mkfifo keys
	say "trap : INT; stty cols 100 rows 12; stty -g >before; $*; echo \$? >status; stty -g >after" >run
	timeout 60 script -qfec "sh run" /dev/null <keys >screen 2>&1 &
	pid=$!
	trap 'kill "$pid" 2>/dev/null || true' EXIT
	exec {keys}>keys
}

# left STATUS: it has ended with it, and the terminal is as it was
left() {
	wait "$pid" || true
	exec {keys}>&-
	[[ $(<status) == "$1" ]] || fail "it ended with $(<status)"
	cmp before after || fail "the terminal is not as it was"
	[[ $(tr -d '\r\n' <screen) == *$'\033[?25h\033[?1049l'* ]] || fail "the screen is not as it was"
}

test_reserve_top_in_a_terminal() {
	command -v script >/dev/null || { say "skip: script is not installed"; exit 77; }
	build_top
	fake_sysfs
	export TERM=xterm
	unset NO_COLOR
	in_terminal ./top -d 0.1 --root sysfs
	appears $'\033\\[1;31m570\033\\[0m' screen
	appears orphans screen
	# It comes and goes, and fails.
	say 13 >sysfs/network/receive/heads/new
	mv sysfs/network/receive/heads/{new,failcnt}
	appears $'\033\\[1;33m13\033\\[0m\033\\[1;33m\\+' screen
	rm -r sysfs/orphans
	node sysfs/later pages 1 2 3 4 5 6
	appears later screen
	printf x >&"$keys"
	printf q >&"$keys"
	left 0

	# Little room: lines are cut, and no line more than there is.
	in_terminal '(sleep 0.3; stty cols 40 rows 6 </dev/tty) & ./top -d 600 --root sysfs'
	appears '\(4 more: the window is too small' screen
	! awk -v RS='\033\\[H' 'END { print }' screen | sed 's/\x1b[^a-zA-Z]*[a-zA-Z]//g; s/\r//' |
		grep -E '.{41}' || fail "a line is too long"
	printf '\003' >&"$keys"
	left 130

	NO_COLOR=1 in_terminal ./top -d 0.1 --root sysfs
	appears later screen
	! grep -qaE $'\033\\[[0-9;]*m' screen || fail "there are colours"
	printf q >&"$keys"
	left 0

	# Stopped, it gives the terminal back; it is redrawn when it goes on.
	in_terminal 'sh -c "echo \$\$ >pid; exec ./top -d 600 --root sysfs"'
	appears later screen
	kill -TSTP "$(<pid)"
	appears $'\033\\[\\?1049l' screen
	appears '^State:.*stopped' "/proc/$(<pid)/status"
	kill -CONT "$(<pid)"
	appears $'1049l.*\033\\[\\?1049h' screen
	kill -TERM "$(<pid)"
	left 143

	# An error is said on the screen that was there before.
	in_terminal ./top -d 0.1 --root sysfs
	appears later screen
	rm -r sysfs
	left 1
	tail -n 1 screen | grep -q '1049lreserve-top: there is no sysfs' || fail "the error is not to be seen"
}

# What is written down in two places is the same in both.
test_reserve_top_is_documented() {
	build_top
	man=$ROOT/tools/mm/reserve-top.8
	./top --help | grep -oE -- '--[a-z]+' | while read -r option; do
		sed 's/\\-/-/g' "$man" | grep -qF -- "$option" || fail "$option is not in the man page"
	done
	abi=$ROOT/Documentation/ABI/testing/sysfs-kernel-mm-reserve
	[[ -f $ROOT/mm/reserve.c ]] || fail "mm/reserve.c is not there"
	while read -r f; do
		grep -qE "^What:.*/$f$" "$abi" || fail "$f is not in $(basename "$abi")"
		grep -qE "\"$f\"" "$ROOT/tools/mm/reserve-top.c" || fail "reserve-top does not read $f"
	done < <(sed -nE 's/^\t&([a-z_]+)_attr\.attr,$/\1/p' "$ROOT/mm/reserve.c")
	headers=("$ROOT"/include/trace/events/{,sock_}reserve.h)
	trace=$ROOT/tools/mm/reserve-trace.bt
	while read -r f; do
		grep -qE "^(TRACE_EVENT\(|DEFINE_EVENT\([a-z_]+, )${f##*:},$" "${headers[@]}" ||
			fail "there is no $f"
	done < <(grep -oE '^tracepoint:[a-z_:]+' "$trace")
	while read -r f; do
		grep -qE "__(string\(${f#args->},|field\([a-z_ ]+, ${f#args->}\))" "${headers[@]}" ||
			fail "no tracepoint has ${f#args->}"
	done < <(grep -oE 'args->[a-z_]+' "$trace" | sort -u)
	command -v groff >/dev/null || { say "skip: groff is not installed"; exit 77; }
	good groff -man -ww -z "$man"
	[[ ! -s out ]] || fail "the man page is not clean"
}

test_reserve_daemon() {
	local status=0
	good "$scripts/reserve-top.sh"
	refused "usage: reserve-daemon COMMAND" build/reserve-daemon
	refused "usage: reserve-daemon COMMAND" build/reserve-daemon --help
	command -v groff >/dev/null && good groff -man -ww -z "$ROOT/tools/mm/reserve-daemon.8"
	if ! build/reserve-daemon true >out 2>&1; then
		grep -qF "this takes CAP_SYS_RESOURCE, run it as root" out || fail "the reason is not told"
		say "skip: this machine lets nobody be a storage daemon"
		exit 77
	fi
	build/reserve-daemon sh -c 'exit 3' >out 2>&1 || status=$?
	((status == 3)) || fail "status $status and not that of the command"
	refused "reserve-daemon: nosuch: No such file" build/reserve-daemon nosuch
	build/reserve-daemon cat /proc/self/oom_score_adj >out 2>/dev/null
	grep -qxF -- -1000 out || fail "the OOM killer may kill it"
}

test_newest() {
	refused "there is no tarball none" "$scripts/newest.sh" none
	sed -i 's/^20$/a score/' linux/mm/slub.c
	tar -cf new.tar linux
	good "$scripts/newest.sh" new.tar
	grep -qF "does not apply: slub.patch: mm/slub.c hunk 1" out || fail "the hunk is not named"
	grep -qF "Linux 6.12.99: 1 of 2 patches apply" out || fail "no sum"
	mv linux other
	mkdir linux
	say text >linux/file
	tar -cf odd.tar linux
	refused "odd.tar has none of the files: is it a kernel?" "$scripts/newest.sh" odd.tar
}

# -- run them -------------------------------------------------------------------

mapfile -t names < <(declare -F | sed -n 's/^declare -f test_//p')
(($# == 0)) || names=("$@")
say "KTAP version 1"
say "1..${#names[@]}"
n=0 passed=0 failed=0 skipped=0
for name in "${names[@]}"; do
	n=$((n + 1)) status=0
	mkdir "$work/$name"
	# In a shell of its own, so that 'set -e' holds inside the test.
	(
		trap - EXIT HUP INT TERM
		set -euo pipefail
		cd "$work/$name"
		setup
		"test_$name"
	) >"$work/$name.log" 2>&1 &
	wait $! || status=$?
	case $status in
	0) passed=$((passed + 1)) && say "ok $n $name" ;;
	77) skipped=$((skipped + 1)) && say "ok $n $name # SKIP $(sed 's/^skip: //' "$work/$name.log")" ;;
	*)
		failed=$((failed + 1))
		say "not ok $n $name"
		sed 's/^/# /' "$work/$name.log"
		;;
	esac
done
say "$passed passed, $failed failed$( ((skipped == 0)) || say ", $skipped skipped")"
((failed == 0))
