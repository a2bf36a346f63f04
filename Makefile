# SPDX-License-Identifier: GPL-2.0
#
# Everything here is a script below scripts/ or the rig, with its arguments.

MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

BUILD ?= build
RIG := tests/swap-over-nbd/rig
# The scenario, kernel and seed of 'make scenario'; the number of seeds of 'make demo'.
S ?=
K ?= reserve
SEED ?= 1
SEEDS ?= 1
# What 'make matrix', 'make oom' and 'make transports' run: names of cells, with * and ?,
# for how long, and whether the results are added to the records of the repository.
CELLS ?=
MINUTES ?=
RECORD ?=
# Which ways to swap of the admin guide 'make guide' goes; all of them by default.
WAYS ?=
# The scenarios that 'make check' boots.
CHECK_SCENARIOS ?= smoke-quiet smoke smoke-e1000
export BUILD CHECK_SCENARIOS
ifdef KERNEL_SRC
export KERNEL_SRC
endif
ifdef KERNEL_JOBS
export KERNEL_JOBS
endif

KERNEL_unmodified := --kernel unmodified=$(BUILD)/kernels/unmodified
KERNEL_reserve := --kernel reserve=$(BUILD)/kernels/reserve
KERNELS_full := --kernel unmodified=$(BUILD)/kernels/unmodified-full \
	--kernel reserve=$(BUILD)/kernels/reserve-full
TABLE_ARGS = --seeds $(SEEDS) $(if $(CELLS),--cell $(foreach c,$(CELLS),'$(c)')) \
	$(if $(MINUTES),--minutes $(MINUTES)) $(if $(RECORD),--record)

.PHONY: help
help:
	@echo 'Two commands:'
	@echo '  make demo              install what is missing, build both kernels, boot both'
	@echo '                         under the demo scenario; table, plot (SEEDS=$(SEEDS))'
	@echo '  make check             everything that can be checked; one closing line'
	@echo
	@echo 'Step by step:'
	@echo '  make deps              install the Debian packages that are missing'
	@echo '  make tree              unpack the kernel, once as it is and once patched'
	@echo '  make kernel-unmodified build/kernels/unmodified'
	@echo '  make kernel-reserve    build/kernels/reserve'
	@echo '  make kernel-debug      build/kernels/debug: the same with lockdep, kmemleak,'
	@echo '                         injected failures'
	@echo '  make scenario S=name   boot one scenario (K=reserve or unmodified, SEED=1)'
	@echo '  make scenarios         list them'
	@echo '  make matrix            both kernels over cards, traffic, pressure and faults;'
	@echo '                         goes on where it was stopped (SEEDS=, CELLS="nic-*",'
	@echo '                         MINUTES=)'
	@echo '  make oom               the same over tests/swap-over-nbd/oom.toml: OOM killer,'
	@echo '                         fork storms, locks, huge pages, memory that goes and comes'
	@echo '  make recovery          swap speed before and after a flood, one guest at a time, on'
	@echo '                         a machine that does nothing else (SEEDS=)'
	@echo '  make transports        the same over what can be swapped to: NVMe/TCP, iSCSI,'
	@echo '                         NFS, WireGuard, RAID1, with kernels of configs/full.config'
	@echo '  make soak              trials that a seed puts together of the matrix, two guests at'
	@echo '                         a time; goes on where it was stopped (HOURS=1 TRIALS=200)'
	@echo '  make refresh           take edits in build/linux-reserve into patches/'
	@echo '  make style             checkpatch, sparse, W=1, kernel-doc, shellcheck, SPDX'
	@echo '  make htmldocs          our documents by the make htmldocs of the kernel, no warning'
	@echo '  make kunit             KUnit of our code under user-mode Linux'
	@echo '  make mutants           break the code on purpose, see KUnit notice (long)'
	@echo '  make modules           tests/modules for K=reserve, unmodified or debug'
	@echo '  make fastpath          fast paths, instruction by instruction, on both kernels'
	@echo '  make net-cost          instructions to allocate, receive and send a packet'
	@echo '  make slab-apart        slabs from below the watermarks, on both kernels'
	@echo '  make reserve-faults    a million operations while allocations fail'
	@echo '  make model             all that the reserve'"'"'s counts and slabs can do, searched by spin'
	@echo '                         (BLOCKS=3: larger, and minutes)'
	@echo '  make series            the series as mails, with a cover letter, in build/series'
	@echo '  make series-build      build and boot each prefix of it (FROM=1 TO=64; hours)'
	@echo '  make newest            which patches apply to the newest kernel source of Debian,'
	@echo '                         and the hunks of those that do not'
	@echo '  make verify            KUnit in 21 configurations: architectures, compilers,'
	@echo '                         sanitizers (NAMES="rt kasan"; hours)'
	@echo '  make touched           each file that the series touches with allmodconfig, and a kernel'
	@echo '                         of allnoconfig with the option'
	@echo '  make unused            what the series changes in object code without the option'
	@echo '  make sweep             each allocation of connecting, swapon, MTU, rings and'
	@echo '                         sysctls fails once, on the debug kernel'
	@echo '  make sysctl-writes     10,000 values and nonsense for the sysctls, on the debug kernel'
	@echo '  make coverage          which lines and branches of our files run in KUnit and in'
	@echo '                         scenarios together, and why the others do not'
	@echo '  make fuzz              what user space can do to the reserve, mutated at random, by'
	@echo '                         what code it reaches (SEED=1)'
	@echo '  make guide             the commands of the admin guide, in a Debian that is made'
	@echo '                         for it, as they are printed (WAYS="nbd iscsi nvme nfs'
	@echo '                         nbd-fstab iscsi-fstab")'
	@echo '  make deb               Debian packages of the patched kernel, with the configuration'
	@echo '                         of Debian'"'"'s for virtual machines and ours'
	@echo '  make guide-deb         the commands of the guide with that kernel installed, and'
	@echo '                         NBD and iSCSI from /etc/fstab'
	@echo '  make rig-selftest      the rig tests itself'
	@echo '  make scripts-test      the scripts are given bad input'
	@echo '  make reserve-top       build/reserve-top: the reserves of this machine, live; and'
	@echo '                         build/reserve-daemon: runs a storage daemon'
	@echo '  make clean             remove build/, but keep the compiler cache'
	@echo '  make distclean         remove build/'
	@echo
	@echo 'KERNEL_SRC=dir-or-tarball uses another 6.12.y than that of Debian.'

.PHONY: deps tree kernel-unmodified kernel-reserve kernel-debug kernel-rt refresh style htmldocs kunit mutants series series-build
deps:
	@scripts/deps.sh

tree:
	@scripts/tree.sh unmodified
	@scripts/tree.sh reserve

kernel-unmodified kernel-reserve kernel-debug kernel-rt kernel-unmodified-full kernel-reserve-full kernel-coverage: kernel-%:
	@scripts/kernel.sh $*

refresh:
	@scripts/refresh.sh

style:
	@scripts/style.sh

htmldocs:
	@scripts/htmldocs.sh

series:
	@scripts/series.sh

series-build:
	@scripts/series.sh --build $(or $(FROM),1) $(TO)

kunit:
	@scripts/kunit.sh

mutants:
	@scripts/mutants.sh

.PHONY: soak newest touched verify unused sweep sysctl-writes coverage fuzz
sysctl-writes: kernel-debug
	@$(RIG) run --kernel reserve=$(abspath $(BUILD))/kernels/debug --seed $(or $(SEED),1) sysctl-writes

soak: kernel-unmodified kernel-reserve
	@JOBS=$(or $(JOBS),2) $(RIG) soak $(KERNEL_reserve) --server-kernel $(BUILD)/kernels/unmodified \
		--hours $(or $(HOURS),1) --trials $(or $(TRIALS),200)

newest:
	@scripts/newest.sh

touched:
	@scripts/touched.sh

coverage:
	@scripts/coverage.sh

fuzz: kernel-coverage
	@$(RIG) run --kernel reserve=$(abspath $(BUILD))/kernels/coverage --seed $(or $(SEED),1) fuzz

verify:
	@scripts/verify.sh $(NAMES)

unused:
	@scripts/unused.sh

sweep: kernel-debug
	@$(RIG) run --kernel reserve=$(abspath $(BUILD))/kernels/debug --seed 1 sweep

.PHONY: modules fastpath model slab-apart reserve-faults net-cost guide guide-deb deb
modules:
	@[[ " unmodified reserve debug rt " == *" $(K) "* ]] || { echo "make modules: K is unmodified, reserve, debug or rt, not '$(K)'" >&2; exit 2; }
	@scripts/kernel.sh $(K)
	@scripts/modules.sh $(K)

fastpath: kernel-unmodified kernel-reserve
	@scripts/fastpath.sh

slab-apart: kernel-unmodified kernel-reserve
	@scripts/slab-apart.sh

reserve-faults: kernel-debug
	@scripts/reserve-faults.sh

guide: kernel-reserve-full
	@scripts/guide.sh $(WAYS)

deb:
	@scripts/kernel.sh deb

# The other kernel only finds out which acceleration works.
guide-deb: deb kernel-reserve
	@KERNEL=$(abspath $(BUILD))/kernels/reserve scripts/guide.sh --deb \
		$(or $(WAYS),nbd-fstab iscsi-fstab)

model:
	@scripts/model.sh $(BLOCKS)

net-cost: kernel-unmodified kernel-reserve
	@scripts/net-cost.sh

.PHONY: rig-selftest scripts-test reserve-top scenario scenarios matrix recovery oom transports demo check
rig-selftest: kernel-reserve
	@scripts/modules.sh reserve
	@$(RIG) selftest $(KERNEL_reserve)

scripts-test:
	@scripts/tests.sh

reserve-top:
	@scripts/reserve-top.sh

scenarios:
	@$(RIG) list

scenario:
	@[[ -n "$(S)" ]] || { echo "make scenario: name one, S=name; 'make scenarios' lists them" >&2; exit 2; }
	@[[ "$(K)" == unmodified || "$(K)" == reserve ]] || { echo "make scenario: K is unmodified or reserve, not '$(K)'" >&2; exit 2; }
	@scripts/kernel.sh $(K)
	@$(RIG) run $(KERNEL_$(K)) --seed $(SEED) $(S)

matrix: kernel-unmodified kernel-reserve
	@$(RIG) matrix $(KERNEL_unmodified) $(KERNEL_reserve) $(TABLE_ARGS)

recovery: kernel-reserve
	@JOBS=1 $(RIG) matrix $(KERNEL_reserve) $(TABLE_ARGS) \
		--cells tests/swap-over-nbd/recovery.toml --out $(BUILD)/recovery

oom transports: kernel-unmodified-full kernel-reserve-full
	@$(RIG) matrix $(KERNELS_full) $(TABLE_ARGS) --cells tests/swap-over-nbd/$@.toml \
		--out $(BUILD)/$@

demo:
	@SEEDS=$(SEEDS) scripts/demo.sh

check:
	@scripts/check.sh 2>&1

.PHONY: clean distclean
# The caches are what takes longest to get back.
clean:
	@scripts/clean.sh

distclean:
	@scripts/clean.sh --all
