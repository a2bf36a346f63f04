// SPDX-License-Identifier: GPL-2.0
/*
 * Stress on memory beside the workload: processes that take all of it, or change
 * how much there is, or what it is for. Those that have an end keep the work going
 * until then. What goes wrong is told at once, and the counts when all is over.
 */
#define _GNU_SOURCE	/* MAP_NORESERVE */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

#define MB		(1UL << 20)
#define HOGS		3	/* one after the other */
#define HOG_MAX		(1024 * MB)
#define HOG_GROUP	"hog"
#define HOG_PAUSE	12	/* seconds: longer than a machine may take to answer */
#define BEAT_MEMORY	MB
#define BEAT_EVERY	(500 * 1000)
#define STORM		128	/* processes at a time */
#define STORM_MEMORY	(8 * RIG_PAGE)
#define LOCKED_MEMORY	(16 * MB)
#define THP_MEMORY	(8 * MB)
#define HUGEPAGES	"/proc/sys/vm/nr_hugepages"
#define BLOCKS		"/sys/devices/system/memory"
#define BLOCK_LIMIT	5	/* seconds, until it is left where it is */
#define DISK_AFTER	5	/* seconds of stress */
#define WRITERS		4
#define WRITES		10000	/* of all writers */
#define NR_KNOBS	6
#define VALUES		32	/* of each knob */
#define RESET_TRIES	60	/* twice a second */
#define NG		"/usr/bin/stress-ng"
#define NG_SECONDS	"2"	/* of each stressor */

/* What is counted, in memory that all processes share. */
enum counter {
	KILLED, FORKS, LOCKS, HUGE_MADE, OFFLINE, OFFLINE_NOT, OFFLINE_LATE, ACCEPTED, REFUSED,
	READ, BEATS, SLOWEST, NR_COUNTERS
};

static const char * const counter_text[NR_COUNTERS] = {
	[KILLED] = "hogs killed",
	[FORKS] = "processes made",
	[LOCKS] = "locks of 16 MB",
	[HUGE_MADE] = "huge pages made",
	[OFFLINE] = "times a block offline",
	[OFFLINE_NOT] = "times a block not offline",
	[OFFLINE_LATE] = "times a block not offline in 5 s",
	[ACCEPTED] = "writes accepted",
	[REFUSED] = "writes refused",
	[READ] = "values read",
	[BEATS] = "answers",
	[SLOWEST] = "ms for the slowest answer",
};

struct stress_shared {
	uint64_t count[NR_COUNTERS];
	/* Of a knob's value: how many are just writing it, and whether it was ever taken. */
	uint32_t writing[NR_KNOBS][VALUES];
	uint32_t taken[NR_KNOBS][VALUES];
};

static struct stress_shared *stress;

static void counted(enum counter id, uint64_t by)
{
	__atomic_add_fetch(&stress->count[id], by, __ATOMIC_SEQ_CST);
}

static void done(void)
{
	__atomic_sub_fetch(&shared->busy, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

/* More than there is can be had, and what is touched counts. */
static char *take(size_t size)
{
	char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static void touch(char *mem, size_t size)
{
	for (size_t i = 0; i < size; i += RIG_PAGE)
		mem[i] = 1;
}

static int finished(pid_t pid)
{
	int status = -1;

	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* -- does the machine answer? ------------------------------------------------- */

/* An ordinary process, but one that is never killed: new memory, fork, exec. */
static void pulse_run(const char *arg)
{
	char *argv[] = { "/init", "beat", NULL };
	uint64_t began, ms;
	char *mem;
	pid_t pid;

	(void)arg;
	put_file("/proc/self/oom_score_adj", "-1000");
	for (;; usleep(BEAT_EVERY)) {
		began = now_ms();
		mem = take(BEAT_MEMORY);
		if (mem)
			touch(mem, BEAT_MEMORY);
		munmap(mem, BEAT_MEMORY);
		pid = fork();
		if (!pid) {
			execv(argv[0], argv);
			_exit(127);
		}
		if (finished(pid))
			continue;
		shared->began = began;
		shared->beat = now_ms();
		ms = shared->beat - began;
		counted(BEATS, 1);
		if (ms > stress->count[SLOWEST])
			stress->count[SLOWEST] = ms;
	}
}

/* -- all memory --------------------------------------------------------------- */

/* Whom the OOM killer is to prefer; it never ends by itself. */
static void hog(const char *group)
{
	size_t size;
	char *mem;

	prctl(PR_SET_NAME, "hog");
	put_file("/proc/self/oom_score_adj", "1000");
	if (group)
		cgroup_join(group);
	mem = take(HOG_MAX);
	for (size = 0; mem && size < HOG_MAX; size += MB)
		touch(mem + size, MB);
	_exit(1);
}

static void hog_run(const char *group)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < HOGS; i++) {
		pid = fork();
		if (!pid)
			hog(group);
		status = finished(pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			say("wrong a hog ended with status %#x", status);
		else
			counted(KILLED, 1);
		sleep(HOG_PAUSE);
	}
	done();
}

static void hog_prepare(const char *group)
{
	if (!group)
		return;
	cgroup_make(group, "memory.max", "16M");
	if (put_file("/sys/fs/cgroup/" HOG_GROUP "/memory.swap.max", "8M"))
		die("a limit to a group's swap");
}

/* Processes that are born, take a little memory and die. */
static void fork_run(const char *arg)
{
	unsigned int i, n;
	char *mem;
	pid_t pid;

	(void)arg;
	for (;;) {
		for (i = n = 0; i < STORM; i++) {
			pid = fork();
			n += pid > 0;
			if (pid)
				continue;
			mem = take(STORM_MEMORY);
			if (mem)
				touch(mem, STORM_MEMORY);
			usleep(100 * 1000);
			_exit(0);
		}
		counted(FORKS, n);
		while (wait(NULL) > 0)
			;
	}
}

static void mlock_run(const char *arg)
{
	char *mem;

	(void)arg;
	for (;;) {
		mem = take(LOCKED_MEMORY);
		if (!mem || mlock(mem, LOCKED_MEMORY))
			say("wrong 16 MB could not be locked: %s", strerror(errno));
		else
			counted(LOCKS, 1);
		usleep(500 * 1000);
		munmap(mem, LOCKED_MEMORY);
	}
}

/* -- memory of another size --------------------------------------------------- */

static unsigned long number_in(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	return strtoul(text, NULL, 10);
}

static void huge_run(const char *arg)
{
	char *mem;

	(void)arg;
	for (;;) {
		put_file(HUGEPAGES, "8");
		counted(HUGE_MADE, number_in(HUGEPAGES));
		mem = take(THP_MEMORY);
		if (mem && !madvise(mem, THP_MEMORY, MADV_HUGEPAGE))
			touch(mem, THP_MEMORY);
		usleep(200 * 1000);
		put_file(HUGEPAGES, "0");
		munmap(mem, THP_MEMORY);
	}
}

static void huge_stop(void)
{
	put_file(HUGEPAGES, "0");
}

/* -- blocks of memory that go and come ---------------------------------------- */

static void on_alarm(int number)
{
	(void)number;
}

/* The kernel tries for as long as nobody interrupts it. */
static int put_for(const char *path, const char *text, unsigned int seconds)
{
	struct sigaction action = { .sa_handler = on_alarm };
	int ret;

	sigaction(SIGALRM, &action, NULL);
	alarm(seconds);
	ret = put_file(path, text);
	alarm(0);
	return ret;
}

static void block_cycle(const char *state)
{
	if (put_for(state, "offline", BLOCK_LIMIT)) {
		counted(errno == EINTR ? OFFLINE_LATE : OFFLINE_NOT, 1);
		return;
	}
	counted(OFFLINE, 1);
	sleep(1);
	/* What is the kernel's own would stay, if it got into any of it. */
	if (put_file(state, "online_movable") && put_file(state, "online"))
		say("wrong %s does not come online: %s", state, strerror(errno));
}

static void blocks_each(void (*call)(const char *state))
{
	struct dirent *entry;
	char path[300];
	DIR *dir = opendir(BLOCKS);

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "memory", 6))
			continue;
		snprintf(path, sizeof(path), BLOCKS "/%s/state", entry->d_name);
		call(path);
	}
	if (dir)
		closedir(dir);
}

static void blocks_run(const char *arg)
{
	(void)arg;
	for (;;) {
		blocks_each(block_cycle);
		sleep(1);
	}
}

/* One that is online already says so, and that is good. */
static void block_online(const char *state)
{
	put_file(state, "online");
}

static void blocks_stop(void)
{
	blocks_each(block_online);
}

/* -- suspend to disk ---------------------------------------------------------- */

/* Either it is refused, or the machine goes off with its image in swap. */
static void disk_run(const char *arg)
{
	(void)arg;
	sleep(DISK_AFTER);
	say("disk");
	if (put_file("/sys/power/disk", "shutdown") || put_file("/sys/power/state", "disk"))
		say("told suspend to disk: %s", strerror(errno));
	else
		say("wrong suspend to disk: the machine is still on");
	done();
}

/* -- what an administrator may write ------------------------------------------ */

static const struct knob {
	const char *path;
	unsigned long min, max;	/* of what the kernel takes */
	unsigned long top;	/* of what is not hopeless in a small guest */
	unsigned long normal;
} knobs[NR_KNOBS] = {
	{ "/proc/sys/vm/reserve/max_percent", 1, 100, 100, 50 },
	{ "/proc/sys/vm/reserve/daemon_kbytes", 0, 1 << 20, 8192, 0 },
	{ "/proc/sys/net/core/sock_reserve_scale", 10, 1000, 300, 100 },
	{ "/proc/sys/net/core/sock_reserve_rx_scale", 10, 1000, 300, 100 },
	{ "/proc/sys/net/core/sock_reserve_tx_scale", 10, 1000, 300, 100 },
	{ "/proc/sys/net/core/sock_reserve_frag_kbytes", 0, 4096, 256, 64 },
};

/* So that each can be told to have been taken there are not many; the first is as at boot. */
static unsigned long knob_value(unsigned int nr, unsigned int i)
{
	const struct knob *knob = &knobs[nr];
	unsigned long top = i == VALUES - 1 ? knob->max : knob->top;
	uint64_t x = config.seed * 0x9e3779b97f4a7c15ULL + nr * VALUES + i;

	if (!i)
		return knob->normal;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	return knob->min + (x >> 33) % (top - knob->min + 1);
}

/* What must not change a value, though an empty line may be taken for no value at all. */
static void nonsense(const struct knob *knob, unsigned int which, char *text, size_t size)
{
	static const char * const texts[] = {
		"x", "-1", "-99999", "1x", "0x", "99999999999999999999999999", "\n", " ",
		"4294967346", "18446744073709551666", "1.5", "50;", "\xff\xfe",
	};

	switch (which % 4) {
	case 0:
		snprintf(text, size, "%lu", knob->max + 1 + which / 4);
		return;
	case 1:
		snprintf(text, size, "%ld", (long)knob->min - 1 - (long)(which / 4 % 100));
		return;
	case 2:
		memset(text, '0' + which / 4 % 10, size - 1);
		text[size - 1] = '\0';
		return;
	default:
		snprintf(text, size, "%s", texts[which / 4 % (sizeof(texts) / sizeof(texts[0]))]);
	}
}

static void knob_check(unsigned int nr)
{
	unsigned long value = number_in(knobs[nr].path);
	unsigned int i;

	counted(READ, 1);
	for (i = 0; i < VALUES; i++)
		if (value == knob_value(nr, i) &&
		    (stress->taken[nr][i] || __atomic_load_n(&stress->writing[nr][i],
							     __ATOMIC_SEQ_CST)))
			return;
	say("wrong %s reads %lu, which was never taken", knobs[nr].path, value);
}

static void knob_write(unsigned int nr, unsigned int i)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", knob_value(nr, i));
	__atomic_add_fetch(&stress->writing[nr][i], 1, __ATOMIC_SEQ_CST);
	if (put_file(knobs[nr].path, text)) {
		counted(REFUSED, 1);
	} else {
		counted(ACCEPTED, 1);
		stress->taken[nr][i] = 1;
	}
	__atomic_sub_fetch(&stress->writing[nr][i], 1, __ATOMIC_SEQ_CST);
}

static void writer(unsigned int number)
{
	unsigned int seed = config.seed * WRITERS + number;
	char text[6000];
	unsigned int n, nr;

	for (n = 0; n < WRITES / WRITERS; n++) {
		nr = rand_r(&seed) % NR_KNOBS;
		if (rand_r(&seed) % 2) {
			knob_write(nr, rand_r(&seed) % VALUES);
		} else {
			nonsense(&knobs[nr], rand_r(&seed), text, sizeof(text));
			counted(put_file(knobs[nr].path, text) ? REFUSED : ACCEPTED, 1);
		}
		knob_check(nr);
	}
	_exit(0);
}

static void sysctl_run(const char *arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < NR_KNOBS; i++)
		stress->taken[i][0] = 1;
	for (i = 0; i < WRITERS; i++)
		if (!fork())
			writer(i);
	while (wait(NULL) > 0)
		;
	done();
}

/* As at boot, for which there must be memory now that the work is over. */
static void sysctl_stop(void)
{
	char text[32];
	unsigned int nr, i;

	for (nr = 0; nr < NR_KNOBS; nr++) {
		snprintf(text, sizeof(text), "%lu", knobs[nr].normal);
		for (i = 0; i < RESET_TRIES && put_file(knobs[nr].path, text); i++)
			usleep(500 * 1000);
		if (number_in(knobs[nr].path) != knobs[nr].normal)
			say("wrong %s cannot be %s again", knobs[nr].path, text);
	}
}

/* -- stress-ng ---------------------------------------------------------------- */

static void ng_prepare(const char *class)
{
	(void)class;
	mkdir("/dev/shm", 01777);
}

/* Each stressor of a class after the other; that some cannot be had is no matter. */
static void ng_run(const char *class)
{
	char *argv[] = { NG, "--class", (char *)class, "--seq", "1", "--timeout", NG_SECONDS,
			 "--temp-path", "/tmp", "--skip-silent", "--exclude", "watchdog", NULL };
	int status;
	pid_t pid = fork();

	if (!pid) {
		/* It would have others killed in its place, and may not go below this now. */
		put_file("/proc/self/oom_score_adj", "500");
		prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
		execv(argv[0], argv);
		_exit(127);
	}
	status = finished(pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 127)
		say("wrong stress-ng ended with status %#x", status);
	else
		say("told stress-ng of class %s exited with %d", class, WEXITSTATUS(status));
	done();
}

/* -- all of it ---------------------------------------------------------------- */

static const struct kind {
	const char *name;
	bool ends;		/* and calls done() then */
	void (*run)(const char *arg);
	const char *arg;
	void (*prepare)(const char *arg);
	void (*stop)(void);
} kinds[] = {
	{ "pulse", false, pulse_run, NULL, NULL, NULL },
	{ "hog", true, hog_run, NULL, hog_prepare, NULL },
	{ "memcg", true, hog_run, HOG_GROUP, hog_prepare, NULL },
	{ "fork", false, fork_run, NULL, NULL, NULL },
	{ "mlock", false, mlock_run, NULL, NULL, NULL },
	{ "huge", false, huge_run, NULL, NULL, huge_stop },
	{ "blocks", false, blocks_run, NULL, NULL, blocks_stop },
	{ "disk", true, disk_run, NULL, NULL, NULL },
	{ "sysctl", true, sysctl_run, NULL, NULL, sysctl_stop },
	{ "ng-vm", true, ng_run, "vm", ng_prepare, NULL },
	{ "ng-memory", true, ng_run, "memory", ng_prepare, NULL },
};

#define NR_KINDS	(sizeof(kinds) / sizeof(kinds[0]))

void stress_start(void)
{
	const struct kind *kind;

	if (!config.stress[0])
		return;
	stress = mmap(NULL, sizeof(*stress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	for (kind = kinds; kind < kinds + NR_KINDS; kind++) {
		if (!listed(config.stress, kind->name))
			continue;
		if (kind->prepare)
			kind->prepare(kind->arg);
		shared->busy += kind->ends;
		if (!beside_fork(kind->name, false))
			kind->run(kind->arg);
	}
}

void stress_stop(void)
{
	const struct kind *kind;
	unsigned int i;

	if (!config.stress[0])
		return;
	for (kind = kinds; kind < kinds + NR_KINDS; kind++)
		if (listed(config.stress, kind->name) && kind->stop)
			kind->stop();
	for (i = 0; i < NR_COUNTERS; i++)
		if (stress->count[i])
			say("told %llu %s", (unsigned long long)stress->count[i], counter_text[i]);
}
