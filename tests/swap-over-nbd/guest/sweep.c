// SPDX-License-Identifier: GPL-2.0
/*
 * What if something fails? An allocation, a copy from or to user space, a request
 * to the device, a call of a function of the reserve's. Each of them, one after the
 * other: an operation is done with its first failing, then with its second, until it
 * has been done with none failing any more. The kernel counts them for a task, see
 * fail-nth in Documentation/fault-injection. After each, nothing of the reserve
 * may be in use, and its limit is what it was.
 */
#define _GNU_SOURCE	/* O_DIRECT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/swap.h>
#include <unistd.h>

#include "rig.h"

#define DEBUGFS		"/sys/kernel/debug"
#define MAX_SITES	5000
#define TOLD		64	/* so many failures are a sign of life */
#define SETTLE_SECONDS	10
#define LEAK_SECONDS	6	/* until kmemleak takes an object for lost */
#define NIC		"eth0"

static int genl, nth;
static const char *device;

/* -- the operations --------------------------------------------------------- */

static int do_connect(void)
{
	return nbd_connect(genl, 0, 0);
}

static int do_disconnect(void)
{
	return nbd_disconnect(genl, 0);
}

/* If it was the answer that failed, it is done all the same. */
static void undo_connect(bool done)
{
	if (nbd_disconnect(genl, 0) && done)
		die("sweep: disconnecting");
	nbd_forget();
}

static void undo_disconnect(bool done)
{
	(void)done;
	nbd_disconnect(genl, 0);
	nbd_forget();
}

static void prepare_connect(void)
{
	int ret;

	errno = 0;
	ret = nbd_connect(genl, 0, 0);
	if (ret)
		die("sweep: connecting returned %d", ret);
}

static int do_swapon(void)
{
	return swapon(device, 0);
}

static int do_swapoff(void)
{
	return swapoff(device);
}

static void prepare_swapon(void)
{
	if (swapon(device, 0))
		die("sweep: swapon");
}

static void undo_swapon(bool done)
{
	if (done && swapoff(device))
		die("sweep: swapoff after swapon");
}

static void undo_swapoff(bool done)
{
	undo_swapon(!done);
}

static int do_mtu(void)
{
	return net_mtu(NIC, 1400);
}

static void undo_mtu(bool done)
{
	(void)done;
	if (net_mtu(NIC, 1500))
		die("sweep: MTU");
}

static int do_down(void)
{
	return net_down(NIC);
}

static int do_up(void)
{
	return net_up(NIC, config.addr);
}

static void prepare_down(void)
{
	if (net_down(NIC))
		die("sweep: " NIC " down");
}

/* What came up without a route for lack of memory gets one if it comes up again. */
static void undo_link(bool done)
{
	(void)done;
	if (net_down(NIC) || net_up(NIC, config.addr))
		die("sweep: " NIC " up");
}

static int do_ring(void)
{
	return net_ring(NIC, 64);
}

static void undo_ring(bool done)
{
	(void)done;
	/* A ring that could not be made has left the card without one. */
	for (int i = 0; i < SETTLE_SECONDS * 10; i++) {
		if (!net_ring(NIC, 0))
			return;
		usleep(100 * 1000);
	}
	die("sweep: the ring");
}

static int do_scale(void)
{
	return put_file("/proc/sys/net/core/sock_reserve_scale", "150");
}

static void undo_scale(bool done)
{
	(void)done;
	if (put_file("/proc/sys/net/core/sock_reserve_scale", "100"))
		die("sweep: sock_reserve_scale");
}

static int do_daemons(void)
{
	return put_file("/proc/sys/vm/reserve/daemon_kbytes", "4096");
}

static void undo_daemons(bool done)
{
	(void)done;
	if (put_file("/proc/sys/vm/reserve/daemon_kbytes", "1024"))
		die("sweep: daemon_kbytes");
}

/* A connection of a storage daemon's own */
static int do_daemon(void)
{
	int sock;

	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0))
		return -1;
	sock = net_connect(config.server, config.port);
	if (sock < 0)
		return -1;
	close(sock);
	return 0;
}

static void undo_daemon(bool done)
{
	(void)done;
	prctl(PR_SET_IO_FLUSHER, 0, 0, 0, 0);
}

static const struct op {
	const char *name;
	bool connected;			/* all the while */
	void (*prepare)(void);
	int (*act)(void);		/* with a failure */
	void (*undo)(bool done);
} ops[] = {
	{ "connect", false, NULL, do_connect, undo_connect },
	{ "disconnect", false, prepare_connect, do_disconnect, undo_disconnect },
	{ "swapon", true, NULL, do_swapon, undo_swapon },
	{ "swapoff", true, prepare_swapon, do_swapoff, undo_swapoff },
	{ "mtu", true, NULL, do_mtu, undo_mtu },
	{ "down", true, NULL, do_down, undo_link },
	{ "up", true, prepare_down, do_up, undo_link },
	{ "ring", true, NULL, do_ring, undo_ring },
	{ "scale", true, NULL, do_scale, undo_scale },
	{ "daemon_kbytes", true, NULL, do_daemons, undo_daemons },
	{ "daemon", true, NULL, do_daemon, undo_daemon },
};

/* -- one failure after the other -------------------------------------------- */

/* 0: none; that may fail itself, once */
static void arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(nth, text, len, 0) != len && pwrite(nth, text, len, 0) != len)
		die("sweep: fail-nth");
}

/* Has it failed? What is left to count, otherwise; this may fail in its place. */
static bool fired(void)
{
	char text[16] = "";

	if (pread(nth, text, sizeof(text) - 1, 0) > 0)
		return text[0] == '0';
	if (errno != EFAULT)
		die("sweep: reading fail-nth");
	return false;
}

static void balance(const struct op *op, unsigned int n, unsigned long limit)
{
	unsigned long used, now;

	if (nodes_settle(op->connected ? limit : ANY_LIMIT, 0, SETTLE_SECONDS))
		return;
	now = nodes_limit(&used);
	die("sweep: after '%s' with failure %u %lu of the reserve are in use, its limit is %lu, before %lu",
	    op->name, n, used, now, limit);
}

/* Does the connection still work? */
static void read_back(const struct op *op, unsigned int n)
{
	static char page[RIG_PAGE] __attribute__((aligned(RIG_PAGE)));
	int fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0 || read(fd, page, sizeof(page)) != sizeof(page))
		die("sweep: reading %s after '%s' with failure %u", device, op->name, n);
	close(fd);
}

static void sweep(const struct op *op)
{
	unsigned int n, failed = 0;
	unsigned long limit, used;
	bool done, again = true;

	if (op->connected)
		prepare_connect();
	if (!op->prepare && op->connected) {
		/* Once for nothing: what it is when it has been undone. */
		op->undo(!op->act());
	}
	limit = nodes_limit(&used);
	for (n = 1; again && n <= MAX_SITES; n++) {
		if (op->prepare)
			op->prepare();
		arm(n);
		done = !op->act();
		again = fired();
		arm(0);
		if (!again && !done)
			die("sweep: '%s' fails with nothing failing", op->name);
		failed += !done;
		op->undo(done);
		if (op->connected)
			read_back(op, n);
		balance(op, n, limit);
		if (!(n % TOLD))
			say("sweeping %s %u", op->name, n);
	}
	if (op->connected)
		undo_connect(true);
	if (n <= 2)
		die("sweep: nothing of '%s' has failed", op->name);
	if (again)
		die("sweep: '%s' has more than %u places", op->name, MAX_SITES);
	say("swept %s: %u failures, and the operation %u times", op->name, n - 2, failed);
}

/* What the kernel lets fail (ALLOW_ERROR_INJECTION) */
static const char * const functions[] = {
	"mem_reserve_connect", "mem_reserve_parts_set", "mem_reserve_pages_set",
	"mem_reserve_pool_set", "mem_reserve_charge", "mem_reserve_draw_page",
	"alloc_pages_reserve", "kmem_cache_alloc_reserve", "kmalloc_reserve",
	"sk_reserve_connect", "sk_reserve_grow", "sk_reserve_tune",
};

static void knobs(void)
{
	static const char *const texts[][2] = {
		{ DEBUGFS "/failslab/ignore-gfp-wait", "N" },
		{ DEBUGFS "/failslab/verbose", "0" },
		{ DEBUGFS "/fail_page_alloc/ignore-gfp-wait", "N" },
		{ DEBUGFS "/fail_page_alloc/ignore-gfp-highmem", "N" },
		{ DEBUGFS "/fail_page_alloc/min-order", "0" },
		{ DEBUGFS "/fail_page_alloc/verbose", "0" },
		{ DEBUGFS "/fail_usercopy/verbose", "0" },
		{ DEBUGFS "/fail_make_request/verbose", "0" },
		{ DEBUGFS "/fail_function/verbose", "0" },
		{ "/sys/block/nbd0/make-it-fail", "1" },
	};

	mount("debugfs", DEBUGFS, "debugfs", 0, NULL);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (put_file(texts[i][0], texts[i][1]))
			die("sweep: %s", texts[i][0]);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (put_file(DEBUGFS "/fail_function/inject", functions[i]))
			die("sweep: %s cannot be made to fail", functions[i]);
}

static void leaks(void)
{
	char text[2048];
	ssize_t len;
	int fd;

	/* It refuses if it has turned itself off. */
	if (put_file(DEBUGFS "/kmemleak", "scan"))
		die("sweep: kmemleak does not scan");
	sleep(LEAK_SECONDS);
	put_file(DEBUGFS "/kmemleak", "scan");
	fd = open(DEBUGFS "/kmemleak", O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len < 0)
		die("sweep: kmemleak");
	if (!len)
		return;
	text[len] = '\0';
	fprintf(stderr, "%s\n", text);
	die("sweep: kmemleak has found something, see the console");
}

void sweep_run(const char *swap)
{
	device = swap;
	genl = nbd_genl_open();
	nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth < 0)
		die("sweep: opening fail-nth");
	knobs();
	undo_daemons(true);
	prepare_connect();
	make_swap(device);
	undo_connect(true);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		sweep(&ops[i]);
	leaks();
	close(nth);
	close(genl);
}
