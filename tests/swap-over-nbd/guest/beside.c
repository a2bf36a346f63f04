// SPDX-License-Identifier: GPL-2.0
/*
 * What runs beside the workload: processes that want memory of other kinds, and
 * one that disturbs the network interface as an administrator or a cable would.
 */
#define _GNU_SOURCE	/* accept4 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

#define DISK		"/dev/vda"
#define CHUNK		(256 * 1024)
#define TMPFS		"/run/tmpfs"
#define TMPFS_FILES	12
#define TMPFS_CHUNKS	16	/* of each file: 4 MB, so 48 MB in all */
#define SLAB		"/run/slab"
#define SLAB_FILES	8000	/* an inode and a dentry each: about 8 MB */
#define PIPES		128
#define CGROUP		"/sys/fs/cgroup"
#define READER_PORT	7
#define READER_MEMORY	(16UL << 20)
#define MAX_CHILDREN	16

static pid_t children[MAX_CHILDREN];
static unsigned int count;

bool listed(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *pos;

	for (pos = strstr(list, name); pos; pos = strstr(pos + 1, name))
		if ((pos == list || pos[-1] == ',') && (!pos[len] || pos[len] == ','))
			return true;
	return false;
}

/* No better off than others: it may be swapped out, and killed. */
void beside_chance(const char *name)
{
	prctl(PR_SET_NAME, name);
	munlockall();
	put_file("/proc/self/oom_score_adj", "0");
	setpriority(PRIO_PROCESS, 0, 0);
}

/* A child that ends with the work, and its own with it, which are in its group. */
pid_t beside_fork(const char *name, bool locked)
{
	pid_t pid = fork();

	if (pid > 0 && count < MAX_CHILDREN)
		children[count++] = pid;
	setpgid(pid, pid);
	if (pid)
		return pid;
	if (!locked) {
		beside_chance(name);
		return 0;
	}
	prctl(PR_SET_NAME, name);
	survive();
	return 0;
}

/* -- pressure --------------------------------------------------------------- */

/* Page cache of a disk that has nothing to do with the network. */
static void cache_run(char *chunk)
{
	int fd = open(DISK, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		_exit(2);
	for (;;)
		if (read(fd, chunk, CHUNK) != CHUNK)
			lseek(fd, 0, SEEK_SET);
}

/* Always the oldest file goes: what is in swap is freed there, too. */
static void tmpfs_run(char *chunk)
{
	unsigned int i, n;
	char path[64];
	int fd;

	for (n = 0;; n = (n + 1) % TMPFS_FILES) {
		snprintf(path, sizeof(path), TMPFS "/%u", n);
		unlink(path);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		for (i = 0; i < TMPFS_CHUNKS; i++)
			if (write(fd, chunk, CHUNK) != CHUNK)
				break;
		close(fd);
	}
}

/* Inodes, dentries and full pipes, none of which can be swapped out. */
static void slab_run(char *chunk)
{
	int pipes[PIPES][2];
	char path[64];
	unsigned int i;

	for (i = 0; i < PIPES; i++)
		if (!pipe2(pipes[i], O_NONBLOCK | O_CLOEXEC))
			(void)!write(pipes[i][1], chunk, RIG_PAGE);
	for (;;) {
		for (i = 0; i < SLAB_FILES; i++) {
			snprintf(path, sizeof(path), SLAB "/file-with-a-name-of-its-own-%u", i);
			close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		}
		for (i = 0; i < SLAB_FILES; i++) {
			snprintf(path, sizeof(path), SLAB "/file-with-a-name-of-its-own-%u", i);
			unlink(path);
		}
	}
}

/*
 * Connections that send, and a program that has other memory than it can keep:
 * each read makes it wait for its pages to come back.
 */
static void readers_run(int listening)
{
	struct pollfd pfd = { .fd = listening, .events = POLLIN };
	static int fds[1024];
	static char text[4096];
	unsigned int n = 0, next = 0;
	unsigned long page = 0;
	char *mem;

	mem = mmap(NULL, READER_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		_exit(2);
	memset(mem, 1, READER_MEMORY);
	for (;;) {
		while (n < config.readers && n < 1024 && poll(&pfd, 1, 0) == 1)
			fds[n++] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		sleep(1);
		for (unsigned int i = 0; i < 256; i++)
			mem[(page++ % (READER_MEMORY / RIG_PAGE)) * RIG_PAGE]++;
		if (n)
			(void)!read(fds[next++ % n], text, sizeof(text));
	}
}

static int scratch_mount(const char *path, const char *options)
{
	mkdir(path, 0700);
	return mount("none", path, "tmpfs", 0, options);
}

static void pressure_start(void)
{
	static const struct {
		const char *name;
		void (*run)(char *chunk);
	} kinds[] = {
		{ "cache", cache_run }, { "tmpfs", tmpfs_run }, { "slab", slab_run },
	};

	if (listed(config.pressure, "tmpfs") && scratch_mount(TMPFS, "size=64m"))
		die("mounting " TMPFS);
	if (listed(config.pressure, "slab") && scratch_mount(SLAB, "nr_inodes=0"))
		die("mounting " SLAB);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!listed(config.pressure, kinds[i].name) ||
		    beside_fork(kinds[i].name, false))
			continue;
		kinds[i].run(mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	}
}

/* A group below the root; the first one mounts the hierarchy. */
void cgroup_make(const char *name, const char *file, const char *value)
{
	char path[64], limit[96];

	snprintf(path, sizeof(path), CGROUP "/%s", name);
	snprintf(limit, sizeof(limit), "%s/%s", path, file);
	if ((access(CGROUP "/cgroup.procs", F_OK) &&
	     mount("none", CGROUP, "cgroup2", 0, NULL)) ||
	    put_file(CGROUP "/cgroup.subtree_control", "+memory") ||
	    mkdir(path, 0700) || put_file(limit, value))
		die("a memory cgroup could not be made");
}

void cgroup_join(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), CGROUP "/%s/cgroup.procs", name);
	put_file(path, "0");
}

static void cgroup_start(void)
{
	if (listed(config.pressure, "memcg"))
		cgroup_make("work", "memory.max", "32M");
	else if (listed(config.pressure, "high"))
		cgroup_make("work", "memory.high", "32M");
}

/* Called by a process of the workload, before it takes any memory. */
void beside_join(void)
{
	if (listed(config.pressure, "memcg") || listed(config.pressure, "high"))
		cgroup_join("work");
}

/* -- the interface ---------------------------------------------------------- */

static void disturb_run(void)
{
	bool neigh = listed(config.disturb, "neigh"), mtu = listed(config.disturb, "mtu");
	bool plug = listed(config.disturb, "plug");
	unsigned int turn;

	for (turn = 1;; turn++) {
		usleep(500 * 1000);
		if (plug)
			net_addr("eth0", config.addr);
		if (neigh && turn % 2)
			net_forget("eth0", config.server);
		/* A card that resets for it has no link for three seconds. */
		if (mtu && turn % 20 == 0)
			net_mtu("eth0", turn % 40 ? 1400 : 1500);
	}
}

/*
 * From here on no thread can be made, as if kthreadd never got the memory. A CPU
 * that has just come has one worker to a pool, which is one too few.
 */
static void threads_stop(void)
{
	put_file("/sys/devices/system/cpu/cpu1/online", "1");
	mount("none", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (put_file("/sys/kernel/debug/failslab/task-filter", "Y") ||
	    put_file("/sys/kernel/debug/failslab/probability", "100") ||
	    put_file("/sys/kernel/debug/failslab/times", "-1") ||
	    put_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "N") ||
	    put_file("/sys/kernel/debug/failslab/verbose", "0") ||
	    put_file("/proc/2/make-it-fail", "1"))
		die("kthreadd could not be made to fail");
}

/* -- all of it -------------------------------------------------------------- */

void beside_start(void)
{
	int listening = config.readers ? net_listen(READER_PORT, config.readers) : -1;

	if (listed(config.disturb, "threads"))
		threads_stop();
	cgroup_start();
	pressure_start();
	if (listening >= 0 && !beside_fork("readers", false))
		readers_run(listening);
	close(listening);
	if (config.disturb[0] && !beside_fork("disturb", true))
		disturb_run();
	stress_start();
}

void beside_stop(void)
{
	int status;

	while (count--) {
		kill(-children[count], SIGKILL);
		/* Those who lost their parent are init's. */
		while (waitpid(-children[count], &status, 0) > 0)
			;
	}
	stress_stop();
	umount(TMPFS);
	umount(SLAB);
	if (config.mtu || listed(config.disturb, "mtu"))
		net_mtu("eth0", 1500);
}
