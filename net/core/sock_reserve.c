// SPDX-License-Identifier: GPL-2.0
/*
 * The network's share of the memory reserves.
 *
 *	network
 *	`- receive
 *	   |- ring	pages for receive rings, when no other page is to be had
 *	   `- heads	a struct sk_buff for each buffer that arrives
 *
 * A SOCK_MEMALLOC socket is one over which memory is freed: swap on NBD, iSCSI,
 * NVMe/TCP or NFS. The first one connects the subtree, each adds what it needs,
 * and when the last one goes it is all given back. What cannot be set aside is
 * refused here, before anybody relies on it.
 *
 * A ring knows nothing of sockets: when memory is gone it takes what arrives,
 * and the packet is dropped as soon as it turns out to be for somebody else.
 * So the demand is a ring's worth of pages for each receive queue of each
 * device that such a socket uses, and the socket's receive buffer on top.
 */

#define pr_fmt(fmt) "sock_reserve: " fmt

#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/reserve.h>
#include <linux/slab.h>
#include <net/dst.h>
#include <net/hotdata.h>
#include <net/sock.h>
#include <net/sock_reserve.h>

/* Pages for one receive queue: a buffer each, in rings as drivers set them up */
#define SK_RESERVE_RING_PAGES	256

/**
 * struct sk_reserve - what one SOCK_MEMALLOC socket has asked for
 * @list: link in sk_reserves
 * @sk: the socket, which outlives this: it is cleared before it is freed
 * @dev: the device it sends by, to tell devices apart; no reference is held
 * @dev_pages: pages for the rings of @dev
 * @sk_pages: pages for the socket's own receive buffer
 */
struct sk_reserve {
	struct list_head list;
	const struct sock *sk;
	const struct net_device *dev;
	unsigned long dev_pages;
	unsigned long sk_pages;
};

static struct mem_reserve network_reserve;
static struct mem_reserve receive_reserve;
static struct mem_reserve ring_reserve;
static struct mem_reserve heads_reserve;

/* Protects the list, and orders changes to the demands */
static DEFINE_MUTEX(sk_reserve_mutex);
static LIST_HEAD(sk_reserves);

/* Drawing */

struct page *__sk_reserve_rx_page(void)
{
	return mem_reserve_draw_page(&ring_reserve, GFP_ATOMIC | __GFP_NOWARN);
}
EXPORT_SYMBOL_GPL(__sk_reserve_rx_page);

void *__sk_reserve_rx_frag(unsigned int size)
{
	struct page *page;

	if (size > PAGE_SIZE)
		return NULL;
	page = __sk_reserve_rx_page();
	return page ? page_address(page) : NULL;
}
EXPORT_SYMBOL_GPL(__sk_reserve_rx_frag);

bool __sk_reserve_rx_refill(struct page_frag *pfrag)
{
	struct page *page = __sk_reserve_rx_page();

	if (!page)
		return false;
	pfrag->page = page;
	pfrag->offset = 0;
	pfrag->size = PAGE_SIZE;
	return true;
}
EXPORT_SYMBOL_GPL(__sk_reserve_rx_refill);

struct sk_buff *__sk_reserve_rx_head(void)
{
	return kmem_cache_alloc_reserve(&heads_reserve,
					net_hotdata.skbuff_cache,
					GFP_ATOMIC | __GFP_NOWARN);
}
EXPORT_SYMBOL_GPL(__sk_reserve_rx_head);

/**
 * sk_reserve_keeps - does a packet's head belong to the reserve?
 * @skb: the head, about to be put aside for reuse
 *
 * Context: Any.
 * Return: true if @skb must be freed instead.
 */
bool sk_reserve_keeps(const struct sk_buff *skb)
{
	return slab_reserve_object(skb);
}

/* Demands */

static struct sk_reserve *sk_reserve_find(const struct sock *sk)
{
	struct sk_reserve *pos;

	list_for_each_entry(pos, &sk_reserves, list)
		if (pos->sk == sk)
			return pos;
	return NULL;
}

/* Is @res the first on the list that uses its device? Only that one counts. */
static bool sk_reserve_counts_dev(const struct sk_reserve *res)
{
	const struct sk_reserve *pos;

	list_for_each_entry(pos, &sk_reserves, list)
		if (pos->dev == res->dev)
			return pos == res;
	return false;
}

static unsigned long sk_reserve_pages(void)
{
	const struct sk_reserve *pos;
	unsigned long pages = 0;

	list_for_each_entry(pos, &sk_reserves, list) {
		pages += pos->sk_pages;
		if (sk_reserve_counts_dev(pos))
			pages += pos->dev_pages;
	}
	return pages;
}

/* Set the demands to what the list asks for: all of them, or none. */
static int sk_reserve_update(void)
{
	unsigned long old = ring_reserve.pages.limit;
	unsigned long pages = sk_reserve_pages();
	int err;

	err = mem_reserve_pages_set(&ring_reserve, pages);
	if (err)
		return err;
	/* Each buffer that arrives needs one head. */
	err = mem_reserve_kmem_cache_set(&heads_reserve,
					 net_hotdata.skbuff_cache, pages);
	if (err && mem_reserve_pages_set(&ring_reserve, old))
		pr_warn("ring keeps %lu pages more than it needs\n",
			pages - old);
	return err;
}

static void sk_reserve_size(struct sk_reserve *res, struct sock *sk)
{
	struct dst_entry *dst = sk_dst_get(sk);
	unsigned int queues = 1;

	if (sk->sk_family == AF_UNIX) {
		queues = 0;
	} else if (dst) {
		res->dev = dst->dev;
		queues = dst->dev->real_num_rx_queues;
		dst_release(dst);
	}
	res->dev_pages = queues * SK_RESERVE_RING_PAGES;
	res->sk_pages = DIV_ROUND_UP(READ_ONCE(sk->sk_rcvbuf), PAGE_SIZE);
}

/* With the first socket the subtree is connected, empty; then it grows. */
static int sk_reserve_add(struct sk_reserve *res)
{
	int err;

	err = network_reserve.parent ? 0 :
	      mem_reserve_connect(&network_reserve, &mem_reserve_root);
	if (err)
		return err;
	list_add(&res->list, &sk_reserves);
	err = sk_reserve_update();
	if (err)
		list_del(&res->list);
	if (list_empty(&sk_reserves))
		mem_reserve_disconnect(&network_reserve);
	return err;
}

/**
 * sk_reserve_connect - set aside what a SOCK_MEMALLOC socket needs
 * @sk: the socket, held by the caller until sk_reserve_disconnect()
 *
 * Context: Process. Sleeps, and reclaims as far as the task's memalloc scope
 * allows.
 * Return: 0, or a negative error after saying in the log how much was missing;
 * what was set aside for others is as it was.
 */
int sk_reserve_connect(struct sock *sk)
{
	struct sk_reserve *res;
	int err;

	res = kzalloc(sizeof(*res), GFP_KERNEL);
	if (!res)
		return -ENOMEM;
	res->sk = sk;
	sk_reserve_size(res, sk);

	guard(mutex)(&sk_reserve_mutex);

	err = sk_reserve_add(res);
	if (err) {
		pr_warn("connection refused: %lu KB for its receive buffers cannot be set aside (%pe), free some memory and connect again\n",
			(res->dev_pages + res->sk_pages) << (PAGE_SHIFT - 10),
			ERR_PTR(err));
		kfree(res);
	}
	return err;
}

/**
 * sk_reserve_disconnect - give back what was set aside for a socket
 * @sk: the socket; nothing happens if nothing was
 *
 * Context: Process. Sleeps, does not allocate.
 */
void sk_reserve_disconnect(struct sock *sk)
{
	struct sk_reserve *res;

	guard(mutex)(&sk_reserve_mutex);

	res = sk_reserve_find(sk);
	if (!res)
		return;
	list_del(&res->list);
	kfree(res);

	if (list_empty(&sk_reserves)) {
		mem_reserve_disconnect(&network_reserve);
		/* Not connected, and so nothing that could fail */
		sk_reserve_update();
	} else if (sk_reserve_update()) {
		/* More is in use right now: the next change tries again. */
		pr_debug("still as large as before\n");
	}
}

static int __init sk_reserve_init(void)
{
	mem_reserve_init(&network_reserve, "network");
	mem_reserve_init(&receive_reserve, "receive");
	mem_reserve_init(&ring_reserve, "ring");
	mem_reserve_init(&heads_reserve, "heads");
	return mem_reserve_connect(&ring_reserve, &receive_reserve) ?:
	       mem_reserve_connect(&heads_reserve, &receive_reserve) ?:
	       mem_reserve_connect(&receive_reserve, &network_reserve);
}
core_initcall(sk_reserve_init);
