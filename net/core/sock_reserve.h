/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between who may have the network's reserve (sock_reserve.c) and how much
 * there is of it (sock_reserve_size.c).
 */
#ifndef _NET_CORE_SOCK_RESERVE_H
#define _NET_CORE_SOCK_RESERVE_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/reserve.h>
#include <linux/types.h>
#include <net/neighbour.h>

struct kmem_cache;
struct net;
struct net_device;
struct sock;

enum sk_reserve_node {
	SK_RESERVE_NETWORK,
	SK_RESERVE_RECEIVE,
	SK_RESERVE_TRANSMIT,
	/* These demand something */
	SK_RESERVE_RING,
	SK_RESERVE_HEADS,
	SK_RESERVE_FRAG4,
	SK_RESERVE_FRAG6,
	SK_RESERVE_FRAG6_NF,
	SK_RESERVE_SOCKETS,
	SK_RESERVE_CONTROL,
	SK_RESERVE_NODES,
};

#define SK_RESERVE_FIRST	SK_RESERVE_RING

extern struct mem_reserve sk_reserve_nodes[SK_RESERVE_NODES];

#define sk_reserve_node(_node) (&sk_reserve_nodes[SK_RESERVE_##_node])

/* Neighbour entries: the key of IPv4 or IPv6, and what a driver adds */
#define SK_RESERVE_NEIGH_SIZE	(sizeof(struct neighbour) + 128)

/* What a daemon's socket queues in emergency memory of nobody, by truesize */
#define SK_RESERVE_QUEUE_BYTES	(16 * PAGE_SIZE)

/* Kinds of routes that sockets can have: IPv4, IPv6, either through IPsec */
#define SK_RESERVE_DST_CACHES	4

/**
 * struct sk_reserve - what one SOCK_MEMALLOC socket has asked for
 * @list: link in the list of all
 * @rcu: for kfree_rcu()
 * @sk: the socket, which outlives this: it is cleared before it is freed, and
 * the memory of an internet socket is that of one until RCU readers are done
 * @net: its namespace
 * @ifindex: the device it sends by, 0 if that is not known
 * @dst_cache: what its routes are allocated from, %NULL if it has none
 * @family: AF_*
 * @protocol: IPPROTO_*
 * @mss: bytes of a segment
 * @records: it has a protocol above TCP that makes records of what it sends
 */
struct sk_reserve {
	struct list_head list;
	struct rcu_head rcu;
	const struct sock *sk;
	struct net *net;
	int ifindex;
	struct kmem_cache *dst_cache;
	unsigned short family;
	unsigned short protocol;
	unsigned int mss;
	bool records;
};

/**
 * struct sk_reserve_size - how much is needed in all
 * @ring: pages of receive rings, and of what sockets keep of it
 * @jumbo: receive buffers of more than a page
 * @jumbo_size: bytes of such a buffer
 * @frag: by kind of fragment queue: pages
 * @clones: heads with room for a clone, for what sockets send
 * @segments: single heads, for what is cut in segments, and ACKs
 * @copies: pages for what sockets copy to send it, or make of a record
 * @records: objects for records of TLS
 * @control: packets, neighbour entries, and routes of each kind
 * @dst_caches: the kinds of routes
 */
struct sk_reserve_size {
	unsigned long ring;
	unsigned long jumbo;
	unsigned int jumbo_size;
	unsigned long frag[SK_RESERVE_FRAG6_NF - SK_RESERVE_FRAG4 + 1];
	unsigned long clones;
	unsigned long segments;
	unsigned long copies;
	unsigned long records;
	unsigned long control;
	struct kmem_cache *dst_caches[SK_RESERVE_DST_CACHES];
};

void sk_reserve_describe(struct sk_reserve *res, struct sock *sk);
void sk_reserve_sum(struct sk_reserve_size *size, struct list_head *sockets);
int sk_reserve_grow(const struct sk_reserve_size *size);

/*
 * Does reclaim wait for what this task mends? Then it does not wait for locks
 * whose holders may reclaim.
 */
static inline bool sk_reserve_mending(void)
{
	return current->flags & (PF_MEMALLOC | PF_MEMALLOC_NOIO);
}

bool sk_reserve_shrink(const struct sk_reserve_size *size);

/* Sysctls: see sk_reserve_tune() */
extern unsigned int sk_reserve_scale;
extern unsigned int sk_reserve_rx_scale;
extern unsigned int sk_reserve_tx_scale;
extern unsigned int sk_reserve_frag_kbytes;

unsigned int sk_reserve_knob(const unsigned int *knob);
int sk_reserve_tune(unsigned int *knob, unsigned int value);

#endif /* _NET_CORE_SOCK_RESERVE_H */
