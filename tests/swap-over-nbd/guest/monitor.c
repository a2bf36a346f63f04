// SPDX-License-Identifier: GPL-2.0
/*
 * One line a second about the guest, from buffers and files that were there
 * before memory ran out.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

static char text[32768];
static char line[16384];
static size_t used;
static struct nodes nodes;

static void put(const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line + used, sizeof(line) - used, fmt, args);
	va_end(args);
	if (len > 0 && used + len < sizeof(line))
		used += len;
}

static const char *slurp(int fd)
{
	size_t pos = 0;
	ssize_t len;

	while (pos < sizeof(text) - 1) {
		len = pread(fd, text + pos, sizeof(text) - 1 - pos, pos);
		if (len <= 0)
			break;
		pos += len;
	}
	text[pos] = '\0';
	return text;
}

/* The number behind @name at the start of a line, 0 if there is none. */
static unsigned long field(const char *from, const char *name)
{
	size_t len = strlen(name);

	while (from && *from) {
		if (!strncmp(from, name, len) && strchr(" :\t", from[len])) {
			from += len;
			return strtoul(from + strspn(from, " :\t"), NULL, 10);
		}
		from = strchr(from, '\n');
		if (from)
			from++;
	}
	return 0;
}

static unsigned long file_field(const char *path, const char *name)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned long value;

	if (fd < 0)
		return 0;
	value = field(slurp(fd), name);
	close(fd);
	return value;
}

unsigned long vmstat_get(const char *name)
{
	return file_field("/proc/vmstat", name);
}

unsigned long meminfo_get(const char *name)
{
	return file_field("/proc/meminfo", name);
}

/* /proc/net/snmp has a line of names and a line of numbers per protocol. */
static unsigned long snmp(const char *from, const char *proto, const char *name)
{
	const char *names = strstr(from, proto), *values;
	unsigned int column = 0;
	size_t len = strlen(name);

	if (!names)
		return 0;
	values = strstr(names + 1, proto);
	while (values && *names && *names != '\n') {
		if (!strncmp(names, name, len) && (names[len] == ' ' || names[len] == '\n'))
			break;
		names += strcspn(names, " \n");
		names += *names == ' ';
		column++;
	}
	while (values && column--) {
		values += strcspn(values, " \n");
		values += *values == ' ';
	}
	return values ? strtoul(values, NULL, 10) : 0;
}

static void put_memory(unsigned long min)
{
	struct sysinfo info;

	if (sysinfo(&info))
		return;
	put(" min=%lu free=%lu swapfree=%lu swaptotal=%lu", min, info.freeram * info.mem_unit / 1024,
	    info.freeswap * info.mem_unit / 1024, info.totalswap * info.mem_unit / 1024);
}

static void put_progress(void)
{
	uint64_t pages = 0, bad = 0;
	unsigned int i;

	for (i = 0; i < config.procs; i++) {
		pages += shared->pages[i];
		bad += shared->bad[i];
	}
	put(" pages=%llu bad=%llu", (unsigned long long)pages, (unsigned long long)bad);
	if (config.stress[0])
		put(" began=%llu beat=%llu", (unsigned long long)shared->began,
		    (unsigned long long)shared->beat);
}

static void put_vmstat(int fd)
{
	const char *from = slurp(fd);

	put(" swapin=%lu swapout=%lu oom=%lu slab=%lu", field(from, "pswpin"),
	    field(from, "pswpout"), field(from, "oom_kill"), field(from, "nr_slab_unreclaimable"));
}

/* Segments: does TCP send, again and again, and does anything come back? */
static void put_tcp(const char *from, int tx_fd)
{
	put(" segin=%lu segout=%lu again=%lu", snmp(from, "Tcp:", "InSegs"),
	    snmp(from, "Tcp:", "OutSegs"), snmp(from, "Tcp:", "RetransSegs"));
	put(" tx=%lu", strtoul(slurp(tx_fd), NULL, 10));
}

static void put_net(int snmp_fd, int rx_fd, int drop_fd, int tx_fd)
{
	const char *from = slurp(snmp_fd);

	put(" udpin=%lu udpnoport=%lu udperr=%lu frags=%lu fragfail=%lu",
	    snmp(from, "Udp:", "InDatagrams"), snmp(from, "Udp:", "NoPorts"),
	    snmp(from, "Udp:", "InErrors"), snmp(from, "Ip:", "ReasmReqds"),
	    snmp(from, "Ip:", "ReasmFails"));
	put_tcp(from, tx_fd);
	put(" rx=%lu", strtoul(slurp(rx_fd), NULL, 10));
	put(" rxdrop=%lu", strtoul(slurp(drop_fd), NULL, 10));
}

static void put_nodes(void)
{
	static uint32_t seen = ~0u;
	unsigned int i;

	if (seen != shared->rescan) {
		seen = shared->rescan;
		nodes_scan(&nodes);
	}
	nodes_read(&nodes);
	for (i = 0; i < nodes.count; i++) {
		const unsigned long *v = nodes.node[i].value;

		put(" node:%s=%lu,%lu,%lu,%lu,%lu", nodes.node[i].path, v[NODE_USAGE],
		    v[NODE_LIMIT], v[NODE_PAGES], v[NODE_PEAK], v[NODE_FAILCNT]);
	}
}

void monitor_run(int fd)
{
	struct timespec next;
	int vmstat_fd = open("/proc/vmstat", O_RDONLY);
	int snmp_fd = open("/proc/net/snmp", O_RDONLY);
	int rx_fd = open("/sys/class/net/eth0/statistics/rx_packets", O_RDONLY);
	int drop_fd = open("/sys/class/net/eth0/statistics/rx_dropped", O_RDONLY);
	int tx_fd = open("/sys/class/net/eth0/statistics/tx_packets", O_RDONLY);
	int min_fd = open("/proc/sys/vm/min_free_kbytes", O_RDONLY);
	unsigned long min = strtoul(slurp(min_fd), NULL, 10);

	survive();
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		used = 0;
		put("t=%lu", now_ms());
		put_memory(min);
		put_progress();
		put_vmstat(vmstat_fd);
		put_net(snmp_fd, rx_fd, drop_fd, tx_fd);
		put_nodes();
		put("\n");
		if (write(fd, line, used) < 0)
			_exit(1);
		next.tv_sec++;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}
