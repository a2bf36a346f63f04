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
#include <sys/types.h>

/* Of <sys/prctl.h>, where that does not know it yet */
#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER	57
#endif

#define RIG_MAX_PROCS	64
#define RIG_PAGE	4096UL

struct rig_config {
	char role[16];		/* client, server, module or probe */
	char addr[64];		/* our IPv4 address; the prefix is 24 bits */
	char addr6[64];		/* our IPv6 address, if there is one; the prefix is 64 bits */
	char server[64];	/* its address, or the path of its socket */
	char addr2[64];		/* of the second interface, if there is one */
	char server2[64];	/* the same server, by way of that */
	char port[16];
	char force[16];		/* hang, panic, early, oom, corrupt: tests of the rig */
	char kind[16];		/* of the passes: mixed, random or readwrite */
	char pressure[64];	/* cache, tmpfs, slab, memcg, high: beside the work */
	char stress[128];	/* pulse, hog, ...: rows of the table in stress.c */
	char transport[16];	/* a row of the table in swap.c */
	char disturb[64];	/* neigh, mtu, plug: what happens to the interface meanwhile */
	unsigned int procs;
	unsigned int mb;
	unsigned int passes;
	unsigned int seconds;	/* go on with passes until then */
	unsigned int mtu;	/* of the interface; 0: as it is */
	unsigned int readers;	/* connections whose reader is swapped out */
	unsigned int reconnect;	/* be the NBD client ourselves, and connect again */
	unsigned int persist;	/* nbd-client stays, and is to connect again */
	unsigned int sweep;	/* before the work: each allocation of each operation fails once */
	unsigned int fuzz;	/* before the work: so many seconds of what user space can do */
	unsigned int local;	/* the server is in this guest, and we are the NBD client */
	unsigned int ktls;	/* these are by TLS in the kernel */
	unsigned int connections;	/* by the rig's own NBD client; the ports of NVMe */
	uint64_t seed;
};

/* Mapped by all processes and kept in memory by the lock of init. */
struct rig_shared {
	volatile uint64_t pages[RIG_MAX_PROCS];
	volatile uint64_t bad[RIG_MAX_PROCS];
	volatile uint32_t rescan;	/* look for reserve nodes again */
	uint32_t filled;		/* processes that have been through their memory once */
	volatile uint64_t end;		/* ms, when their time is up */
	volatile uint32_t busy;		/* kinds of stress that have an end: the work goes on */
	volatile uint64_t beat, began;	/* ms: the last answer, and the question before it */
};

extern struct rig_config config;
extern struct rig_shared *shared;

/* init.c */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void survive(void);
int put_file(const char *path, const char *text);
unsigned long now_ms(void);
int run(char *const argv[]);
void make_swap(const char *path);
const char *kernel_says(const char *words);

/* ports.c */
int port_open(const char *name);

/* gcov.c */
void gcov_save(void);

/* net.c */
int net_up(const char *ifname, const char *addr);
int net_addr(const char *ifname, const char *addr);
int net_mtu(const char *ifname, unsigned int mtu);
int net_down(const char *ifname);
int net_ring(const char *ifname, unsigned int pending);
int net_forget(const char *ifname, const char *addr);
int net_open_unread(int port);
int net_listen(int port, int backlog);
int net_connect(const char *addr, const char *port);

/* swap.c */
struct transport {
	const char *name;
	const char *swap;		/* what is swapped to, once it is connected */
	void (*start)(void);		/* once, before all else */
	void (*connect)(void);		/* these two come back, or die() */
	void (*disconnect)(void);
	void (*keep)(void);		/* in a process of its own that looks after it */
	void (*forget)(void);		/* what that process has, and no other should */
	void (*check)(void);		/* after the work, is what should be there still there? */
	bool by_swapon;			/* it is swapon that connects the reserve */
	bool has_daemon;		/* in this guest, until disconnected */
};

extern const struct transport transport_nvme, transport_iscsi, transport_nfs,
			      transport_raid, transport_paths, transport_tls;
const struct transport *transport_find(const char *name);
int wait_for_path(const char *path, bool there);

/* nbd.c */
int nbd_genl_open(void);
int nbd_disconnect(int fd, unsigned int index);
int nbd_connect(int fd, unsigned int index, unsigned int patience);
void nbd_keep(int fd, unsigned int index) __attribute__((noreturn));
void nbd_forget(void);
int nbd_message(int fd, const unsigned char *bytes, unsigned int len, int sock);
bool kernel_said(int kmsg, const char *words, const char *others);

/* ktls.c */
int ktls_start(int fd, bool server);
void ktls_relay(const char *port, const char *target) __attribute__((noreturn));

/* local.c */
void local_start(void);
void local_stop(void);

/* beside.c */
void beside_start(void);
void beside_stop(void);
void beside_join(void);
pid_t beside_fork(const char *name, bool locked);
void beside_chance(const char *name);
bool listed(const char *list, const char *name);
void cgroup_make(const char *name, const char *file, const char *value);
void cgroup_join(const char *name);

/* stress.c */
void stress_start(void);
void stress_stop(void);

/* work.c */
int work_run(unsigned int proc);

/* module.c */
void module_run(void);

/* sweep.c */
void sweep_run(const char *swap);

/* fuzz.c */
void fuzz_run(const char *swap);

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

#define ANY_LIMIT	(~0UL)

unsigned long nodes_limit(unsigned long *used);
bool nodes_settle(unsigned long limit, unsigned long left, unsigned int seconds);

#endif
