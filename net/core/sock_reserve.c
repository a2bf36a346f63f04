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
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
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

/* Is the subtree connected? */
DEFINE_STATIC_KEY_FALSE(sk_reserve_key);
EXPORT_SYMBOL_GPL(sk_reserve_key);

/*
 * The list is under the spinlock, and so a socket can be taken off it whoever
 * is waiting for memory. The mutex orders changes to the demands; its holder
 * may wait for I/O, and so nobody waits for it who may not.
 */
static DEFINE_SPINLOCK(sk_reserve_lock);
static DEFINE_MUTEX(sk_reserve_mutex);
static LIST_HEAD(sk_reserves);

static void sk_reserve_shrink_fn(struct work_struct *work);
static DECLARE_WORK(sk_reserve_shrink_work, sk_reserve_shrink_fn);

/* Drawing */

struct page *__sk_reserve_rx_page(gfp_t gfp)
{
	return mem_reserve_draw_page(&ring_reserve, GFP_ATOMIC | __GFP_NOWARN |
						    (gfp & GFP_ZONEMASK));
}
EXPORT_SYMBOL_GPL(__sk_reserve_rx_page);

void *__sk_reserve_rx_frag(unsigned int size)
{
	struct page *page;

	if (size > PAGE_SIZE)
		return NULL;
	page = __sk_reserve_rx_page(0);
	return page ? page_address(page) : NULL;
}
EXPORT_SYMBOL_GPL(__sk_reserve_rx_frag);

bool __sk_reserve_rx_refill(struct page_frag *pfrag, gfp_t gfp)
{
	struct page *page = __sk_reserve_rx_page(gfp);

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

/* Demands */

static struct sk_reserve *sk_reserve_find(const struct sock *sk)
{
	struct sk_reserve *pos;

	lockdep_assert_held(&sk_reserve_lock);

	list_for_each_entry(pos, &sk_reserves, list)
		if (pos->sk == sk)
			return pos;
	return NULL;
}

/*
 * What @res adds: its own part and, if it is the first on the list for its
 * device, the most that anybody asks for the rings of that device.
 */
static unsigned long sk_reserve_part(const struct sk_reserve *res)
{
	const struct sk_reserve *pos;
	unsigned long dev_pages = 0;
	bool first = true;

	list_for_each_entry(pos, &sk_reserves, list) {
		if (pos->dev != res->dev)
			continue;
		if (first && pos != res)
			return res->sk_pages;
		first = false;
		dev_pages = max(dev_pages, pos->dev_pages);
	}
	return res->sk_pages + dev_pages;
}

static unsigned long sk_reserve_pages(void)
{
	const struct sk_reserve *pos;
	unsigned long pages = 0;

	spin_lock(&sk_reserve_lock);
	list_for_each_entry(pos, &sk_reserves, list)
		pages += sk_reserve_part(pos);
	spin_unlock(&sk_reserve_lock);
	return pages;
}

/* Each buffer that arrives needs a head, and two may share a page. */
static int sk_reserve_set_heads(unsigned long pages)
{
	return mem_reserve_kmem_cache_set(&heads_reserve,
					  net_hotdata.skbuff_cache,
					  2 * pages);
}

/* Set both demands: what was set before is in force if this fails. */
static int sk_reserve_grow(unsigned long pages)
{
	unsigned long old = ring_reserve.pages.limit;
	int err;

	err = mem_reserve_pages_set(&ring_reserve, pages);
	if (err)
		return err;
	err = sk_reserve_set_heads(pages);
	if (err)
		mem_reserve_pages_set(&ring_reserve, old);
	return err;
}

/*
 * Never takes memory. If more is in use than will be promised, things stay as
 * they are, and the next socket that goes tries again.
 */
static void sk_reserve_shrink(unsigned long pages)
{
	if (!sk_reserve_set_heads(pages))
		mem_reserve_pages_set(&ring_reserve, pages);
}

static void sk_reserve_size(struct sk_reserve *res, struct sock *sk)
{
	unsigned int queues = sk->sk_family != AF_UNIX;
	struct dst_entry *dst;

	rcu_read_lock();
	dst = rcu_dereference(sk->sk_dst_cache);
	if (dst) {
		res->dev = dst_dev_rcu(dst);
		queues = res->dev->real_num_rx_queues;
	}
	rcu_read_unlock();
	res->dev_pages = queues * SK_RESERVE_RING_PAGES;
	res->sk_pages = DIV_ROUND_UP(READ_ONCE(sk->sk_rcvbuf), PAGE_SIZE);
}

static void sk_reserve_down(void)
{
	static_branch_disable(&sk_reserve_key);
	mem_reserve_disconnect(&network_reserve);
	/* Until nobody has a head in hand that was charged before */
	synchronize_net();
	sk_reserve_shrink(0);
}

/*
 * With the first socket the subtree is connected, empty; then it grows. Takes
 * @res over if it returns 0.
 */
static int sk_reserve_add(struct sk_reserve *res)
{
	unsigned long pages;
	bool known;
	int err;

	lockdep_assert_held(&sk_reserve_mutex);

	err = network_reserve.parent ? 0 :
	      mem_reserve_connect(&network_reserve, &mem_reserve_root);
	if (err)
		return err;

	spin_lock(&sk_reserve_lock);
	known = sk_reserve_find(res->sk);
	if (!known)
		list_add(&res->list, &sk_reserves);
	spin_unlock(&sk_reserve_lock);
	if (known) {
		kfree(res);
		return 0;
	}

	/* More than is needed may be in use still, see sk_reserve_shrink(). */
	pages = max(sk_reserve_pages(), ring_reserve.pages.limit);
	err = sk_reserve_grow(pages);
	if (!err) {
		static_branch_enable(&sk_reserve_key);
		return 0;
	}

	spin_lock(&sk_reserve_lock);
	list_del(&res->list);
	spin_unlock(&sk_reserve_lock);
	if (list_empty(&sk_reserves))
		sk_reserve_down();
	return err;
}

/* -EAGAIN if the mutex is busy and its holder may wait for what waits for us */
static int sk_reserve_mutex_lock(void)
{
	if (!(current->flags & (PF_MEMALLOC | PF_MEMALLOC_NOIO))) {
		mutex_lock(&sk_reserve_mutex);
		return 0;
	}
	return mutex_trylock(&sk_reserve_mutex) ? 0 : -EAGAIN;
}

/**
 * sk_reserve_connect - set aside what a SOCK_MEMALLOC socket needs
 * @sk: the socket, not freed before sk_reserve_disconnect()
 *
 * For sk_set_memalloc(), and for those who set the flag before they have a
 * route, which tells the device.
 *
 * Context: Process. Sleeps, and reclaims as far as the task's memalloc scope
 * allows. The reconnect of what pages are written to needs a scope of
 * memalloc_noio_save().
 * Return: 0, also if that was done before, or a negative error after saying in
 * the log how much was missing; what was set aside for others is as it was.
 */
int sk_reserve_connect(struct sock *sk)
{
	struct sk_reserve *res;
	unsigned long pages;
	int err;

	res = kzalloc(sizeof(*res), GFP_KERNEL);
	if (!res)
		return -ENOMEM;
	res->sk = sk;
	sk_reserve_size(res, sk);

	pages = res->dev_pages + res->sk_pages;
	err = sk_reserve_mutex_lock();
	if (!err) {
		err = sk_reserve_add(res);
		mutex_unlock(&sk_reserve_mutex);
	}
	if (err) {
		pr_warn("%lu KB for the receive buffers of a connection cannot be set aside (%pe), free some memory and connect again\n",
			pages << (PAGE_SHIFT - 10), ERR_PTR(err));
		kfree(res);
	}
	return err;
}
EXPORT_SYMBOL_GPL(sk_reserve_connect);

static void sk_reserve_shrink_fn(struct work_struct *work)
{
	guard(mutex)(&sk_reserve_mutex);

	if (!network_reserve.parent)
		return;
	if (list_empty(&sk_reserves))
		sk_reserve_down();
	else
		sk_reserve_shrink(sk_reserve_pages());
}

/**
 * sk_reserve_disconnect - give back what was set aside for a socket
 * @sk: the socket; nothing happens if nothing was
 *
 * The memory follows in a moment, from a workqueue: this is called where a
 * connection is being mended, and must not wait for those who make one.
 *
 * Context: Process. Does not sleep.
 */
void sk_reserve_disconnect(struct sock *sk)
{
	struct sk_reserve *res;

	spin_lock(&sk_reserve_lock);
	res = sk_reserve_find(sk);
	if (res)
		list_del(&res->list);
	spin_unlock(&sk_reserve_lock);

	if (res)
		queue_work(system_unbound_wq, &sk_reserve_shrink_work);
	kfree(res);
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
