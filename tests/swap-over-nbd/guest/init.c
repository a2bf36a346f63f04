// SPDX-License-Identifier: GPL-2.0
/*
 * Process 1 of the rig's guests: sets up network and swap, starts workload and
 * monitor, and tells the host what became of them. Options come from the kernel
 * command line as rig.name=value; the host listens on two virtio ports.
 */
#define _GNU_SOURCE	/* O_DIRECT */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

#define KLOG_READ_ALL	3	/* SYSLOG_ACTION_READ_ALL, for which libc has no name */
#define SETUP		"/rig/setup"	/* what a network needs beside the card */
#define DISCARD_PORT	9
#define LISTEN_PORT	13
#define LISTEN_BACKLOG	4096
#define READ_SIZE	(64 * 1024)
#define READ_TOTAL	(8 * 1024 * 1024)
#define DRAIN_TRIES	80	/* twice a second: fragments live for 30 s */
#define TURNS		4
#define SETTLE_TRIES	45	/* once a second */
#define SETTLE_SLACK	512	/* pages not waited for; the host states what it tolerates */
#define SETTLE_SOON	3	/* tries until less will do: */
#define SETTLE_ENOUGH	1024	/* what the host tolerates */

struct rig_config config = {
	.role = "client", .addr = "10.0.2.15", .server = "10.0.2.2", .port = "10809",
	.transport = "nbd",
	.procs = 8, .mb = 32, .passes = 2, .seed = 1,
};
struct rig_shared *shared;

static int signal_fd = -1;
static const struct transport *transport;
static char sysctls[512];
static char read_buffer[READ_SIZE] __attribute__((aligned(4096)));

unsigned long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000UL + ts.tv_nsec / 1000000;
}

/* One line to the host; the console has a copy for whoever reads its log. */
void say(const char *fmt, ...)
{
	char text[512];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text) - 1, fmt, args);
	va_end(args);
	if (len > (int)sizeof(text) - 2)
		len = sizeof(text) - 2;
	text[len++] = '\n';
	if (signal_fd >= 0 && write(signal_fd, text, len) < 0)
		dprintf(STDERR_FILENO, "rig: the signal port is gone\n");
	dprintf(STDERR_FILENO, "rig: %.*s", len, text);
}

static void power_off(void)
{
	tcdrain(STDERR_FILENO);
	sleep(1);	/* let the port drain */
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

void die(const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* %m would say "Success" where a program has already said why. */
	if (errno)
		say("fail %s: %s", text, strerror(errno));
	else
		say("fail %s", text);
	power_off();
	_exit(1);
}

int put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -1;
	ret = write(fd, text, strlen(text)) < 0 ? -1 : 0;
	close(fd);
	return ret;
}

/* What must outlive the shortage: no page fault, no OOM killer, served first. */
void survive(void)
{
	mlockall(MCL_CURRENT | MCL_FUTURE);
	put_file("/proc/self/oom_score_adj", "-1000");
	setpriority(PRIO_PROCESS, 0, -20);
}

/* -- options ---------------------------------------------------------------- */

static void option(const char *name, const char *value)
{
	static const struct { const char *name; char *to; size_t size; } texts[] = {
		{ "role", config.role, sizeof(config.role) },
		{ "addr", config.addr, sizeof(config.addr) },
		{ "addr6", config.addr6, sizeof(config.addr6) },
		{ "server", config.server, sizeof(config.server) },
		{ "addr2", config.addr2, sizeof(config.addr2) },
		{ "server2", config.server2, sizeof(config.server2) },
		{ "port", config.port, sizeof(config.port) },
		{ "force", config.force, sizeof(config.force) },
		{ "sysctl", sysctls, sizeof(sysctls) },
		{ "kind", config.kind, sizeof(config.kind) },
		{ "pressure", config.pressure, sizeof(config.pressure) },
		{ "stress", config.stress, sizeof(config.stress) },
		{ "disturb", config.disturb, sizeof(config.disturb) },
		{ "transport", config.transport, sizeof(config.transport) },
	};
	static const struct { const char *name; unsigned int *to; } numbers[] = {
		{ "procs", &config.procs },
		{ "mb", &config.mb },
		{ "passes", &config.passes },
		{ "seconds", &config.seconds },
		{ "mtu", &config.mtu },
		{ "readers", &config.readers },
		{ "reconnect", &config.reconnect },
		{ "persist", &config.persist },
		{ "local", &config.local },
		{ "sweep", &config.sweep },
		{ "fuzz", &config.fuzz },
		{ "connections", &config.connections },
		{ "ktls", &config.ktls },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(name, texts[i].name))
			snprintf(texts[i].to, texts[i].size, "%s", value);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!strcmp(name, numbers[i].name))
			*numbers[i].to = strtoul(value, NULL, 10);
	if (!strcmp(name, "seed"))
		config.seed = strtoull(value, NULL, 10);
}

static void options_read(void)
{
	char text[4096], *word, *save, *value;
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[len > 0 ? len : 0] = '\0';
	for (word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		value = strchr(word, '=');
		if (strncmp(word, "rig.", 4) || !value)
			continue;
		*value++ = '\0';
		option(word + 4, value);
	}
	close(fd);
	if (config.procs > RIG_MAX_PROCS)
		config.procs = RIG_MAX_PROCS;
}

/*
 * rig.sysctl=vm.min_free_kbytes=2048,net.ipv4.tcp_rmem=4096+8192+8192
 * One with a - before it is skipped by a kernel that does not have it.
 */
static void sysctls_apply(void)
{
	char path[256], *word, *save, *value, *dot, *plus;

	for (word = strtok_r(sysctls, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = '\0';
		while ((dot = strchr(word, '.')))
			*dot = '/';
		/* The command line has no blanks to spare. */
		while ((plus = strchr(value, '+')))
			*plus = ' ';
		snprintf(path, sizeof(path), "/proc/sys/%s", word + (*word == '-'));
		if (*word == '-' && access(path, F_OK))
			continue;
		if (put_file(path, value))
			die("sysctl %s", word);
	}
}

/* -- steps ------------------------------------------------------------------ */

static void mounts(void)
{
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
}

static void console(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		return;
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

int run(char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The kernel's own sentence with @words, if it has one, after a colon. */
const char *kernel_says(const char *words)
{
	static char log[1 << 16], text[256];
	int len = klogctl(KLOG_READ_ALL, log, sizeof(log) - 1);
	char *line;

	errno = 0;
	log[len > 0 ? len : 0] = '\0';
	line = strstr(log, words);
	if (!line)
		return "";
	line[strcspn(line, "\n")] = '\0';
	snprintf(text, sizeof(text), ": %s", line + strspn(line, "] "));
	return text;
}

/* The client and its libraries would cost a tenth of the guest's memory. */
static void remove_disposable(void)
{
	char path[256];
	FILE *list = fopen("/rig/disposable", "re");

	if (!list)
		return;
	while (fgets(path, sizeof(path), list)) {
		path[strcspn(path, "\n")] = '\0';
		unlink(path);
	}
	fclose(list);
}

static void connect_swap(void)
{
	errno = 0;
	transport->connect();
	shared->rescan++;
}

static void disconnect_swap(void)
{
	errno = 0;
	transport->disconnect();
	shared->rescan++;
}

void make_swap(const char *path)
{
	char *argv[] = { "/bin/busybox", "mkswap", (char *)path, NULL };

	if (run(argv))
		die("mkswap %s", path);
}

static void swap_start(void)
{
	make_swap(transport->swap);
	remove_disposable();
	if (config.force[0] == 'o')
		return;		/* nowhere to swap to: the OOM killer comes */
	if (swapon(transport->swap, 0))
		die("swapon %s%s", transport->swap, kernel_says("] reserve: "));
}

/* Slabs without an object go back, which caches otherwise keep for the next one. */
static void slabs_shrink(void)
{
	glob_t found;
	size_t i;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++)
		put_file(found.gl_pathv[i], "1");
	globfree(&found);
}

/*
 * Free pages, counting what the root file system and processes hold as free, and what
 * lingers in the reserve: that is a node's, and nodes are looked at by themselves.
 */
static unsigned long pages_free(void)
{
	struct statfs fs;
	unsigned long held = vmstat_get("nr_free_reserve");

	if (!statfs("/", &fs))
		held += (fs.f_blocks - fs.f_bfree) * fs.f_bsize / RIG_PAGE;
	put_file("/proc/sys/vm/drop_caches", "3");
	slabs_shrink();
	put_file("/proc/sys/vm/compact_memory", "1");
	return (meminfo_get("MemFree") + meminfo_get("AnonPages")) * 1024 / RIG_PAGE + held;
}

static unsigned long pages_settle(unsigned long before)
{
	unsigned long after = pages_free();
	unsigned long slack = SETTLE_SLACK;
	int i;

	for (i = 0; i < SETTLE_TRIES && after + slack < before; i++) {
		if (i == SETTLE_SOON)
			slack = SETTLE_ENOUGH;
		sleep(1);
		after = pages_free();
	}
	return after;
}

/* Bypasses the page cache, so that every packet comes in through the NIC. */
static int read_device(void)
{
	int fd = open(transport->swap, O_RDONLY | O_DIRECT | O_CLOEXEC);
	size_t total;

	if (fd < 0)
		return -1;
	for (total = 0; total < READ_TOTAL; total += READ_SIZE) {
		if (pread(fd, read_buffer, READ_SIZE, total) != READ_SIZE) {
			close(fd);
			return -1;
		}
	}
	close(fd);
	return 0;
}

static void say_nodes(const char *when, const struct nodes *nodes)
{
	unsigned int i;

	for (i = 0; i < nodes->count; i++) {
		const unsigned long *v = nodes->node[i].value;

		say("node when=%s path=%s usage=%lu limit=%lu pages=%lu peak=%lu failcnt=%lu",
		    when, nodes->node[i].path, v[NODE_USAGE], v[NODE_LIMIT], v[NODE_PAGES],
		    v[NODE_PEAK], v[NODE_FAILCNT]);
	}
}

/* Who connects again lives on, and with it slabs of its objects that are ordinary now. */
static bool node_may_keep(const struct node *node)
{
	return config.reconnect && (!strcmp(node->path, "/") || !strcmp(node->path, "/orphans"));
}

static bool nodes_idle(struct nodes *nodes)
{
	unsigned int i;

	nodes_read(nodes);
	for (i = 0; i < nodes->count; i++)
		if (nodes->node[i].value[NODE_USAGE] && !node_may_keep(&nodes->node[i]))
			return false;
	return true;
}

/*
 * The receive ring holds what was drawn until new packets turn it over, so read
 * from the device until every node is at 0, or it is clear that one will not be.
 * A slab whose objects stayed for long is an ordinary one by then, whose page is
 * counted below /orphans. SLUB keeps those when they are empty: it is asked for them.
 */
static void drain(struct nodes *nodes)
{
	int i;

	for (i = 0; i < DRAIN_TRIES; i++) {
		if (read_device())
			die("reading %s", transport->swap);
		if (nodes_idle(nodes))
			break;
		/* It takes as long as the emulation is slow. */
		if (!(i % 10))
			say("draining %d", i);
		slabs_shrink();
		usleep(500 * 1000);
	}
	say_nodes("idle", nodes);
}

/* As drain(), while what a daemon has of the reserve is still its own. */
static void turn_over(void)
{
	for (int i = 0; i < TURNS; i++)
		if (read_device())
			die("reading %s", transport->swap);
}

/* With a daemon in this guest, its own memory as well and its page cache; both are gone now. */
static void drain_daemon(struct nodes *nodes)
{
	int i;

	for (i = 0; i < DRAIN_TRIES && !nodes_idle(nodes); i++) {
		put_file("/proc/sys/vm/drop_caches", "3");
		usleep(500 * 1000);
	}
	say_nodes("idle", nodes);
}

/* -- processes -------------------------------------------------------------- */

static void monitor_start(void)
{
	int fd = port_open("org.reserve.data");
	pid_t pid;

	if (fd < 0)
		die("no port org.reserve.data");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, "monitor");
		monitor_run(fd);
	}
	close(fd);
	if (pid < 0)
		die("fork");
}

static void workers_start(pid_t *pids)
{
	char name[24];
	unsigned int i;

	for (i = 0; i < config.procs; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		snprintf(name, sizeof(name), "worker%u", i);
		beside_chance(name);
		beside_join();
		_exit(work_run(i));
	}
}

/* Returns how many were killed; says how each that did not end well ended. */
static unsigned int workers_wait(const pid_t *pids)
{
	unsigned int i, killed = 0;
	int status;

	for (i = 0; i < config.procs; i++) {
		if (pids[i] < 0 || waitpid(pids[i], &status, 0) != pids[i])
			status = 0x7f00;
		if (WIFSIGNALED(status)) {
			say("killed worker=%u signal=%d", i, WTERMSIG(status));
			killed++;
		} else if (WEXITSTATUS(status) > 1) {
			say("fail worker %u exited with %d", i, WEXITSTATUS(status));
		}
	}
	return killed;
}

static void wait_for_host(const char *word)
{
	char text[256];
	size_t len = 0;

	while (read(signal_fd, text + len, 1) == 1) {
		if (text[len] != '\n') {
			len += len < sizeof(text) - 1;
			continue;
		}
		text[len] = '\0';
		len = 0;
		if (!strcmp(text, word))
			return;
	}
}

/* A crash, or the OOM killer while there is memory. */
static void force_sysrq(void)
{
	if (config.force[0] != 'p' && config.force[0] != 'e')
		return;
	sleep(2);
	put_file("/proc/sysrq-trigger", config.force[0] == 'p' ? "c" : "f");
}

/*
 * Before the monitor, and its connections are its own: one that was closed holds
 * what it had not sent until nobody has it open any more.
 */
static void keep_start(void)
{
	if (transport->keep && config.reconnect && !beside_fork(transport->name, true))
		transport->keep();
	if (transport->forget)
		transport->forget();
}

static unsigned int work(void)
{
	pid_t pids[RIG_MAX_PROCS];
	unsigned int killed;

	beside_start();
	say("work");
	workers_start(pids);
	force_sysrq();
	killed = workers_wait(pids);
	say("workdone");
	wait_for_host("quiet");
	if (transport->check)
		transport->check();
	beside_stop();
	return killed;
}

static void result(unsigned int killed, unsigned long before, unsigned long after)
{
	unsigned long long pages = 0, bad = 0;
	char tainted[16] = "0";
	unsigned int i;
	int fd;

	for (i = 0; i < config.procs; i++) {
		pages += shared->pages[i];
		bad += shared->bad[i];
	}
	fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, tainted, sizeof(tainted) - 1) > 0)
		tainted[strcspn(tainted, "\n")] = '\0';
	say("result pages=%llu bad=%llu swapin=%lu swapout=%lu oom=%lu killed=%u "
	    "before=%lu after=%lu tainted=%s",
	    pages, bad, vmstat_get("pswpin"), vmstat_get("pswpout"), vmstat_get("oom_kill"),
	    killed, before, after, tainted);
}

static void client(void)
{
	struct nodes nodes = { 0 };
	unsigned long before;
	unsigned int killed;
	int unread, listening;
	char *setup[] = { "/bin/busybox", "sh", SETUP, NULL };

	if (net_up("eth0", config.addr))
		die("eth0 could not be brought up");
	if (config.addr2[0] && net_up("eth1", config.addr2))
		die("eth1 could not be brought up");
	if (!access(SETUP, F_OK) && run(setup))
		die(SETUP);
	transport = transport_find(config.transport);
	if (transport->start)
		transport->start();
	/* Once for nothing: what a first use allocates for good is not a leak. */
	connect_swap();
	disconnect_swap();
	if (config.sweep)
		sweep_run(transport->swap);
	if (config.fuzz)
		fuzz_run(transport->swap);
	before = pages_free();
	say("connecting");
	connect_swap();
	nodes_scan(&nodes);
	nodes_read(&nodes);
	say_nodes("connected", &nodes);
	swap_start();
	if (transport->by_swapon)
		nodes_scan(&nodes);
	say("swap");
	unread = net_open_unread(DISCARD_PORT);
	listening = net_listen(LISTEN_PORT, LISTEN_BACKLOG);
	keep_start();
	monitor_start();
	survive();
	killed = work();
	nodes_read(&nodes);
	say_nodes("worked", &nodes);
	if (config.force[0] != 'o' && swapoff(transport->swap))
		die("swapoff");
	say("swapoff");
	close(unread);
	close(listening);
	if (transport->by_swapon)
		nodes_scan(&nodes);
	if (transport->has_daemon)
		turn_over();
	else if (!config.local)
		drain(&nodes);
	disconnect_swap();
	say("disconnected");
	nodes_scan(&nodes);
	if (config.local || transport->has_daemon)
		drain_daemon(&nodes);
	nodes_read(&nodes);
	say_nodes("disconnected", &nodes);
	result(killed, before, pages_settle(before));
}

/* Does what the host says, line by line: the other end of a two-guest run. */
static void server(void)
{
	char text[1024];
	size_t len = 0;

	if (net_up("eth0", config.addr))
		die("eth0 could not be brought up");
	say("serving");
	while (read(signal_fd, text + len, 1) == 1) {
		char *argv[] = { "/bin/busybox", "sh", "-c", text, NULL };

		if (text[len] != '\n') {
			len += len < sizeof(text) - 1;
			continue;
		}
		text[len] = '\0';
		len = 0;
		if (!strcmp(text, "bye"))
			return;
		say("rc=%d", run(argv));
	}
}

int main(int argc, char **argv)
{
	/* As the program of stress.c that only has to run. */
	if (argc == 2 && !strcmp(argv[1], "beat"))
		return 0;
	if (argc == 4 && !strcmp(argv[1], "ktls"))
		ktls_relay(argv[2], argv[3]);
	if (getpid() != 1) {
		fprintf(stderr, "init: this is process 1 of a guest of the rig\n");
		return 1;
	}
	mounts();
	console();
	options_read();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	signal_fd = port_open("org.reserve.signal");
	say("up");
	sysctls_apply();
	if (!strcmp(config.role, "client"))
		client();
	else if (!strcmp(config.role, "server"))
		server();
	else if (!strcmp(config.role, "module"))
		module_run();
	gcov_save();
	say("bye");
	power_off();
	return 0;
}
