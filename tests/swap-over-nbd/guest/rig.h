/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the guest's init share.
 *
 * Whatever must go on while memory is exhausted (init itself and the monitor)
 * is locked in memory, exempt from the OOM killer, and allocates nothing once
 * the work has begun.
 */
#ifndef RIG_H
#define RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIG_MAX_PROCS	64
#define RIG_PAGE	4096UL

struct rig_config {
	char role[16];		/* client, server, module or probe */
	char addr[64];		/* our IPv4 address; the prefix is 24 bits */
	char server[64];
	char port[16];
	char force[16];		/* hang, panic, oom, corrupt: tests of the rig */
	unsigned int procs;
	unsigned int mb;
	unsigned int passes;
	uint64_t seed;
};

/* Mapped by all processes and kept in memory by the lock of init. */
struct rig_shared {
	volatile uint64_t pages[RIG_MAX_PROCS];
	volatile uint64_t bad[RIG_MAX_PROCS];
	volatile uint32_t rescan;	/* look for reserve nodes again */
};

extern struct rig_config config;
extern struct rig_shared *shared;

/* init.c */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void survive(void);
int put_file(const char *path, const char *text);
unsigned long now_ms(void);

/* ports.c */
int port_open(const char *name);

/* net.c */
int net_up(const char *ifname, const char *addr);
int net_open_unread(int port);

/* nbd.c */
int nbd_genl_open(void);
int nbd_disconnect(int fd, unsigned int index);

/* work.c */
int work_run(unsigned int proc);

/* module.c */
void module_run(void);

/* monitor.c */
void monitor_run(int fd) __attribute__((noreturn));
unsigned long vmstat_get(const char *name);
unsigned long meminfo_get(const char *name);

/* nodes.c */
#define NODE_MAX	64

enum node_file { NODE_USAGE, NODE_LIMIT, NODE_PAGES, NODE_PEAK, NODE_FAILCNT, NODE_FILES };

struct node {
	char path[128];		/* below /sys/kernel/mm/reserve; "/" is the root */
	int fd[NODE_FILES];
	unsigned long value[NODE_FILES];
};

struct nodes {
	unsigned int count;
	struct node node[NODE_MAX];
};

void nodes_scan(struct nodes *nodes);
void nodes_read(struct nodes *nodes);
void nodes_close(struct nodes *nodes);

#endif
