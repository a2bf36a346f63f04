// SPDX-License-Identifier: GPL-2.0
/*
 * What can user space do to the reserve? Sequences of steps, mutated at random:
 * sysctls, files of sysfs, NBD's netlink messages, MTU, rings, swapon, storage
 * daemons. One that reaches code which none before it has is kept, and mutated
 * in turn; the kernel says which that was, see KCOV in
 * Documentation/dev-tools/kcov.rst. After each sequence all is undone, nothing of
 * the reserve may be in use, and the kernel must not have reported anything; in the end
 * the root's limit must be what it was. A sequence after which that is not so loses one
 * step after the other, as long as it still happens, and what is left is told. Each is on
 * the console before it is tried, for what ends the guest.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/swap.h>
#include <unistd.h>

#include "rig.h"

#define KCOV		"/sys/kernel/debug/kcov"
#define WARN_AGAIN	"/sys/kernel/debug/clear_warn_once"
#define KCOV_INIT	_IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_PC		0
#define KCOV_WORDS	(64UL << 10)

#define NETWORK		"/sys/kernel/mm/reserve/network"
#define NIC		"eth0"
#define MAX_STEPS	12
#define MAX_BYTES	24
#define MAX_KEPT	1024
#define MAX_FILES	128
#define SEEN_BITS	20
#define TOLD		50
#define SETTLE_SECONDS	10
#define LINGER_SECONDS	40	/* until the last connection's memory is given back */
#define DEVICES		4	/* of NBD that messages may name */

struct step {
	unsigned char op, len;
	char bytes[MAX_BYTES];
};

struct input {
	unsigned char count;
	struct step step[MAX_STEPS];
};

static uint64_t *kcov;
static unsigned char seen[1 << SEEN_BITS];
static struct input kept[MAX_KEPT];
static unsigned int nr_kept, nr_seen;
static uint64_t rnd;
static char *files[MAX_FILES];
static unsigned int nr_files, nr_sysctls;
static char defaults[MAX_FILES][32];
static int genl, kmsg, sock = -1;
static const char *device;
static bool connected, swapping, down, resized;

static const char * const words[] = {
	"0", "1", "-1", "50", "99", "100", "101", "150", "200", "1000", "4096", "65536",
	"2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807",
	"18446744073709551615", "18446744073709551616", "99999999999999999999", "0x64", "010",
	" 100", "100 ", "100\n", "100 200", "1e3", "+5", "--5", "", "\n", "x", "100x", "1\t2",
};

static unsigned int pick(unsigned int below)
{
	rnd ^= rnd << 13;
	rnd ^= rnd >> 7;
	rnd ^= rnd << 17;
	return (rnd >> 16) % below;
}

/* -- the steps --------------------------------------------------------------- */

static unsigned int number(const struct step *s, unsigned int at, unsigned int below)
{
	uint16_t value = 0;

	if (at + sizeof(value) <= s->len)
		memcpy(&value, s->bytes + at, sizeof(value));
	return value % below;
}

static void file_write(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, data, len) < 0)
		errno = 0;
	close(fd);
}

static void step_sysctl(const struct step *s)
{
	if (s->len)
		file_write(files[(unsigned char)s->bytes[0] % nr_sysctls], s->bytes + 1, s->len - 1);
}

static void step_read(const struct step *s)
{
	char text[300];
	int fd = open(files[number(s, 0, nr_files)], O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && pread(fd, text, number(s, 2, sizeof(text)), number(s, 4, 40)) < 0)
		errno = 0;
	close(fd);
}

static void step_write(const struct step *s)
{
	if (s->len > 2)
		file_write(files[number(s, 0, nr_files)], s->bytes + 2, s->len - 2);
}

static void step_connect(const struct step *s)
{
	(void)s;
	if (!connected && !down)
		connected = !nbd_connect(genl, 0, 0);
}

static void step_disconnect(const struct step *s)
{
	(void)s;
	if (swapping)
		return;
	nbd_disconnect(genl, 0);
	nbd_forget();
	connected = false;
}

static void step_message(const struct step *s)
{
	if (swapping || down)
		return;		/* it may take away what is swapped to, or wait for the link */
	if (sock < 0)
		sock = net_connect(config.server, config.port);
	nbd_message(genl, (const unsigned char *)s->bytes, s->len, sock);
}

static void step_swap(const struct step *s)
{
	(void)s;
	if (connected && !swapping && !down)
		swapping = !swapon(device, 0);
	else if (swapping)
		swapping = !!swapoff(device);
}

static void step_mtu(const struct step *s)
{
	resized = true;		/* perhaps, and perhaps in part */
	net_mtu(NIC, number(s, 0, 10000));
}

static void step_ring(const struct step *s)
{
	resized = true;
	net_ring(NIC, number(s, 0, 1 << 16));
}

static void step_link(const struct step *s)
{
	if (number(s, 0, 2) && !swapping)
		down = !net_down(NIC);
	else
		down = net_up(NIC, config.addr);
}

static void step_daemon(const struct step *s)
{
	int fd;

	prctl(PR_SET_IO_FLUSHER, number(s, 0, 3), number(s, 2, 2), 0, 0);
	if (down)
		return;
	fd = net_connect(config.server, config.port);
	if (fd >= 0)
		close(fd);
}

static void (* const ops[])(const struct step *s) = {
	step_sysctl, step_sysctl, step_sysctl, step_read, step_write, step_connect,
	step_disconnect, step_message, step_message, step_swap, step_mtu, step_ring, step_link,
	step_daemon,
};

#define NR_OPS	(sizeof(ops) / sizeof(ops[0]))

/* -- inputs ------------------------------------------------------------------ */

static void step_random(struct step *s)
{
	s->op = pick(NR_OPS);
	s->len = pick(MAX_BYTES + 1);
	for (unsigned int i = 0; i < s->len; i++)
		s->bytes[i] = pick(256);
	if (ops[s->op] == step_sysctl) {
		const char *word = words[pick(sizeof(words) / sizeof(words[0]))];

		s->len = 1 + strlen(word);
		s->bytes[0] = pick(256);
		memcpy(s->bytes + 1, word, s->len - 1);
	}
}

static void mutate(struct input *in)
{
	unsigned int at = pick(in->count + 1);

	switch (pick(5)) {
	case 0:		/* another step in between */
		if (in->count == MAX_STEPS)
			break;
		memmove(&in->step[at + 1], &in->step[at],
			(in->count - at) * sizeof(in->step[0]));
		step_random(&in->step[at]);
		in->count++;
		break;
	case 1:		/* one fewer */
		if (at == in->count)
			break;
		in->count--;
		memmove(&in->step[at], &in->step[at + 1],
			(in->count - at) * sizeof(in->step[0]));
		break;
	case 2:		/* one anew */
		if (at < in->count)
			step_random(&in->step[at]);
		break;
	case 3:		/* one byte */
		if (at < in->count && in->step[at].len)
			in->step[at].bytes[pick(in->step[at].len)] = pick(256);
		break;
	case 4:		/* what follows, of another one */
		if (nr_kept) {
			const struct input *other = &kept[pick(nr_kept)];

			for (; at < in->count && at < other->count; at++)
				in->step[at] = other->step[at];
		}
		break;
	}
}

static void told(const char *about, const struct input *in)
{
	char text[MAX_STEPS * (2 * MAX_BYTES + 8) + 1] = "", *at = text;

	for (unsigned int i = 0; i < in->count; i++) {
		at += sprintf(at, " %u:", in->step[i].op);
		for (unsigned int j = 0; j < in->step[i].len; j++)
			at += sprintf(at, "%02x", (unsigned char)in->step[i].bytes[j]);
	}
	fprintf(stderr, "fuzz: %s, op:bytes%s\n", about, text);
}

/* -- one after the other ----------------------------------------------------- */

static void undo_sizes(void)
{
	net_down(NIC);
	for (unsigned int i = 0; net_mtu(NIC, 1500) || net_ring(NIC, 0); i++) {
		if (i == 100)
			die("fuzz: " NIC " has neither MTU nor rings any more");
		usleep(100 * 1000);
	}
	if (net_up(NIC, config.addr))
		die("fuzz: " NIC " does not come up");
	resized = false;
}

static void undo(void)
{
	prctl(PR_SET_IO_FLUSHER, 0, 0, 0, 0);
	if (down && net_up(NIC, config.addr))
		die("fuzz: " NIC " does not come up");
	down = false;
	if (swapping && swapoff(device))
		die("fuzz: swapoff");
	swapping = false;
	for (unsigned int i = 0; i < DEVICES; i++)
		nbd_disconnect(genl, i);
	nbd_forget();
	connected = false;
	close(sock);
	sock = -1;
	for (unsigned int i = 0; i < nr_sysctls; i++)
		file_write(files[i], defaults[i], strlen(defaults[i]));
	if (resized)
		undo_sizes();
}

static unsigned int new_places(void)
{
	unsigned int fresh = 0;
	uint64_t n = __atomic_load_n(&kcov[0], __ATOMIC_RELAXED);

	for (uint64_t i = 1; i <= n && i < KCOV_WORDS; i++) {
		uint32_t at = (kcov[i] * 0x9e3779b97f4a7c15ULL) >> (64 - SEEN_BITS);

		fresh += !seen[at];
		seen[at] = 1;
	}
	return fresh;
}

static unsigned int try(const struct input *in)
{
	unsigned int fresh = 0;

	for (unsigned int i = 0; i < in->count; i++) {
		__atomic_store_n(&kcov[0], 0, __ATOMIC_RELAXED);
		ops[in->step[i].op](&in->step[i]);
		fresh += new_places();
	}
	undo();
	return fresh;
}

/* After it, is more in use than before, or has the kernel reported something? */
static bool fails(const struct input *in, unsigned int *fresh)
{
	unsigned long used;

	nodes_limit(&used);
	file_write(WARN_AGAIN, "1", 1);
	*fresh = try(in);
	return !nodes_settle(ANY_LIMIT, used, SETTLE_SECONDS) ||
	       kernel_said(kmsg, "WARNING: ", "BUG: ");
}

static void minimize(struct input *in)
{
	unsigned int at = in->count, fresh;
	struct input less;

	while (at--) {
		less = *in;
		less.count--;
		memmove(&less.step[at], &less.step[at + 1],
			(less.count - at) * sizeof(less.step[0]));
		if (less.count && fails(&less, &fresh))
			*in = less;
	}
	told("what is left of it", in);
}

static void find(const char *folder, bool sysctls)
{
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *dir = opendir(folder);

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >=
		    (int)sizeof(path))
			continue;
		if (entry->d_type == DT_DIR)
			find(path, sysctls);
		else if (nr_files < MAX_FILES && (!sysctls || strstr(path, "reserve")))
			files[nr_files++] = strdup(path);
	}
	if (dir)
		closedir(dir);
}

static void files_find(void)
{
	find("/proc/sys/vm/reserve", true);
	find("/proc/sys/net/core", true);
	nr_sysctls = nr_files;
	for (unsigned int i = 0; i < nr_sysctls; i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0 || read(fd, defaults[i], sizeof(defaults[i]) - 1) <= 0)
			die("fuzz: reading %s", files[i]);
		close(fd);
	}
	if (!nr_sysctls)
		die("fuzz: there are no sysctls of the reserve");
	find("/sys/kernel/mm/reserve", false);
}

static void kcov_open(void)
{
	int fd;

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	fd = open(KCOV, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, KCOV_INIT, KCOV_WORDS))
		die("fuzz: no KCOV in this kernel");
	kcov = mmap(NULL, KCOV_WORDS * sizeof(*kcov), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (kcov == MAP_FAILED || ioctl(fd, KCOV_ENABLE, KCOV_PC))
		die("fuzz: KCOV");
}

/* What the last connection left, which lingers */
static bool network_gone(void)
{
	for (unsigned int i = 0; i < LINGER_SECONDS; i++) {
		if (access(NETWORK, F_OK))
			return true;
		sleep(1);
	}
	return false;
}

void fuzz_run(const char *swap)
{
	unsigned long end = now_ms() + config.fuzz * 1000UL, limit, used;
	unsigned int tried = 0, fresh, i;
	struct input in;

	device = swap;
	rnd = config.seed * 0x9e3779b97f4a7c15ULL + 1;
	genl = nbd_genl_open();
	step_connect(NULL);
	if (!connected)
		die("fuzz: connecting");
	make_swap(device);
	files_find();
	kcov_open();
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0 || lseek(kmsg, 0, SEEK_END))
		die("/dev/kmsg");
	undo();
	if (!network_gone())
		die("fuzz: the reserve stays connected");
	limit = nodes_limit(&used);
	while (now_ms() < end) {
		if (nr_kept && pick(8)) {
			in = kept[pick(nr_kept)];
		} else {
			in.count = 1 + pick(4);
			for (i = 0; i < in.count; i++)
				step_random(&in.step[i]);
		}
		for (i = pick(4); i; i--)
			mutate(&in);
		told("input", &in);
		if (fails(&in, &fresh)) {
			nodes_limit(&used);
			minimize(&in);
			die("fuzz: after input %u, on the console, %lu are in use, or the kernel has reported something",
			    tried, used);
		}
		nr_seen += fresh;
		if (fresh && nr_kept < MAX_KEPT)
			kept[nr_kept++] = in;
		if (!(++tried % TOLD))
			say("fuzzing %u", tried);
	}
	if (!nodes_settle(limit, 0, LINGER_SECONDS))
		die("fuzz: in the end the root's limit is %lu, before %lu", nodes_limit(&used), limit);
	say("fuzzed %u inputs, %u of them kept, %u places in the code", tried, nr_kept, nr_seen);
	close(genl);
}
