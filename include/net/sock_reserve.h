/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network's share of the memory reserves, see net/core/sock_reserve.c and
 * Documentation/networking/reserve.rst.
 */
#ifndef _NET_SOCK_RESERVE_H
#define _NET_SOCK_RESERVE_H

#include <linux/reserve.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <net/sock.h>

struct fqdir;
struct kmem_cache;
struct net;
struct net_device;

/* Bytes of a socket's send queue that come from the reserve if need be */
#define SK_RESERVE_SNDBUF	SZ_64K

/* Bytes of a socket's receive queue with which it may wait for what is missing */
#define SK_RESERVE_OFO		SZ_32K

/* Packets that ask for a neighbour, in a queue of broadcasts */
#define SK_RESERVE_BROADCASTS	8

/* Bytes of one object that a socket needs for a record of TLS */
#define SK_RESERVE_RECORD_SIZE	SZ_4K

/* Where fragments wait for others */
enum sk_reserve_frag {
	SK_RESERVE_IPV4,
	SK_RESERVE_IPV6,
	SK_RESERVE_IPV6_NF,
};

#ifdef CONFIG_MEM_RESERVE

DECLARE_STATIC_KEY_FALSE(sk_reserve_key);

int sk_reserve_connect(struct sock *sk);
void sk_reserve_join(struct sock *sk);
void sk_reserve_mark_daemon(struct sock *sk);
void __sk_reserve_daemon_connect(struct sock *sk);
bool __sk_reserve_daemon_takes(struct sock *sk, struct sk_buff *skb,
			       unsigned int cap);
void sk_reserve_disconnect(struct sock *sk);
void sk_reserve_drop(struct sock *sk);
void sk_reserve_resize(void);
void __sk_reserve_refresh(struct sock *sk);
void sk_reserve_dev_changed(struct net_device *dev);

struct page *sk_reserve_dev_pages(gfp_t gfp, unsigned int order);
struct page *__sk_reserve_rx_page(gfp_t gfp);
void *__sk_reserve_rx_frag(unsigned int size);
struct sk_buff *__sk_reserve_rx_head(void);
struct sk_buff *__sk_reserve_rx_skb(struct net_device *dev, unsigned int len,
				    unsigned int headroom) __cold;
bool __sk_reserve_rx_refill(struct page_frag *pfrag, gfp_t gfp);

struct sk_buff *__sk_reserve_head(struct kmem_cache *cache, gfp_t gfp,
				  int flags);
void *__sk_reserve_data(unsigned int size, bool small, gfp_t gfp, int flags);
void __sk_reserve_tx_renew(const struct sock *sk, struct page_frag *pfrag);
bool __sk_reserve_tx_refill(const struct sock *sk, struct page_frag *pfrag);
struct page *__sk_reserve_alloc_page(gfp_t gfp);
void *__sk_reserve_kmalloc(size_t size, gfp_t gfp);
void *__sk_reserve_dst(struct kmem_cache *cache);
void *__sk_reserve_neigh(size_t size);
unsigned int __sk_reserve_enter_queue(const struct sk_buff_head *queue);
unsigned int __sk_reserve_neigh_limit(const struct sk_buff_head *queue,
				      const struct sk_buff *skb,
				      unsigned int limit);

bool __sk_reserve_may_send(const struct net_device *dev,
			   const struct sk_buff *skb);
bool __sk_reserve_wanted(struct net *net, struct sk_buff *skb);
bool __sk_reserve_park_drop(struct net *net);
bool __sk_reserve_may_queue_broadcast(struct net *net,
				      const struct sk_buff *skb,
				      unsigned int waiting);
bool __sk_reserve_may_queue_frag(const struct fqdir *fqdir, struct sk_buff *skb,
				 enum sk_reserve_frag kind);

/* Does the network have a reserve, so that receive buffers come from it? */
static inline bool sk_reserve_active(void)
{
	return static_branch_unlikely(&sk_reserve_key);
}

/* The same where there are SOCK_MEMALLOC sockets: no jump if it has one. */
static inline bool sk_reserve_likely(void)
{
	return static_branch_likely(&sk_reserve_key);
}

/* Can there be heads in the reserve at all? No jump if there can. */
static inline bool sk_reserve_has_heads(void)
{
	return static_branch_likely(&slab_reserve_key);
}

/* See __sk_reserve_daemon_connect(). */
static inline void sk_reserve_daemon_connect(struct sock *sk)
{
	if (static_branch_unlikely(&mem_reserve_daemon_key) &&
	    sock_flag(sk, SOCK_IO_FLUSHER))
		__sk_reserve_daemon_connect(sk);
}

/**
 * sk_reserve_daemon_release - a socket is about to be closed
 * @sk: the socket; if it is still a storage daemon's, its share goes
 *
 * What the kernel has taken over the kernel gives back.
 *
 * Context: Process, @sk is not locked.
 */
static inline void sk_reserve_daemon_release(struct sock *sk)
{
	if (sock_flag(sk, SOCK_IO_FLUSHER))
		sk_clear_memalloc(sk);
}

/**
 * sk_reserve_cloned - a listening socket has made another one
 * @newsk: the new one, a copy that nobody else knows
 *
 * It has no share, whatever the other one had as long as it was connected.
 *
 * Context: Any.
 */
static inline void sk_reserve_cloned(struct sock *newsk)
{
	sock_reset_flag(newsk, SOCK_MEMALLOC);
	newsk->sk_allocation &= ~__GFP_MEMALLOC;
}

/**
 * sk_reserve_may_own - may a packet's head belong to the reserve?
 * @skb: the head, about to be put aside for reuse
 *
 * One that is received bears the mark. TCP takes it off what it sends: the
 * heads of that are of the kind that is never put aside. What a storage daemon
 * sends never bore it. slab_reserve_object() has the last word.
 *
 * Context: Any.
 * Return: false if it does not, and @skb may be put aside.
 */
static inline bool sk_reserve_may_own(const struct sk_buff *skb)
{
	return sk_reserve_has_heads() &&
	       (skb_pfmemalloc(skb) ||
		static_branch_unlikely(&mem_reserve_daemon_key));
}

#else

static inline int sk_reserve_connect(struct sock *sk)
{
	return 0;
}

static inline void sk_reserve_join(struct sock *sk) { }
static inline void sk_reserve_mark_daemon(struct sock *sk) { }
static inline void sk_reserve_daemon_connect(struct sock *sk) { }
static inline void sk_reserve_daemon_release(struct sock *sk) { }
static inline void sk_reserve_cloned(struct sock *newsk) { }

static inline bool __sk_reserve_daemon_takes(struct sock *sk,
					     struct sk_buff *skb,
					     unsigned int cap)
{
	return false;
}

static inline void sk_reserve_disconnect(struct sock *sk) { }
static inline void sk_reserve_drop(struct sock *sk) { }
static inline void sk_reserve_dev_changed(struct net_device *dev) { }
static inline void __sk_reserve_refresh(struct sock *sk) { }

static inline struct page *__sk_reserve_rx_page(gfp_t gfp)
{
	return NULL;
}

static inline void *__sk_reserve_rx_frag(unsigned int size)
{
	return NULL;
}

static inline struct sk_buff *__sk_reserve_rx_head(void)
{
	return NULL;
}

static inline struct sk_buff *__sk_reserve_rx_skb(struct net_device *dev,
						  unsigned int len,
						  unsigned int headroom)
{
	return NULL;
}

static inline bool __sk_reserve_rx_refill(struct page_frag *pfrag, gfp_t gfp)
{
	return false;
}

static inline struct sk_buff *__sk_reserve_head(struct kmem_cache *cache,
						gfp_t gfp, int flags)
{
	return NULL;
}

static inline void *__sk_reserve_data(unsigned int size, bool small, gfp_t gfp,
				      int flags)
{
	return NULL;
}

static inline void __sk_reserve_tx_renew(const struct sock *sk,
					 struct page_frag *pfrag) { }

static inline bool __sk_reserve_tx_refill(const struct sock *sk,
					  struct page_frag *pfrag)
{
	return false;
}

static inline struct page *__sk_reserve_alloc_page(gfp_t gfp)
{
	return NULL;
}

static inline void *__sk_reserve_kmalloc(size_t size, gfp_t gfp)
{
	return NULL;
}

static inline void *__sk_reserve_dst(struct kmem_cache *cache)
{
	return NULL;
}

static inline void *__sk_reserve_neigh(size_t size)
{
	return NULL;
}

static inline unsigned int __sk_reserve_enter_queue(const struct sk_buff_head *queue)
{
	return 0;
}

static inline unsigned int
__sk_reserve_neigh_limit(const struct sk_buff_head *queue,
			 const struct sk_buff *skb, unsigned int limit)
{
	return limit;
}

static inline bool __sk_reserve_may_send(const struct net_device *dev,
					 const struct sk_buff *skb)
{
	return true;
}

static inline bool __sk_reserve_wanted(struct net *net, struct sk_buff *skb)
{
	return true;
}

static inline bool __sk_reserve_park_drop(struct net *net)
{
	return true;
}

static inline bool __sk_reserve_may_queue_broadcast(struct net *net,
						    const struct sk_buff *skb,
						    unsigned int waiting)
{
	return true;
}

static inline bool __sk_reserve_may_queue_frag(const struct fqdir *fqdir,
					       struct sk_buff *skb,
					       enum sk_reserve_frag kind)
{
	return true;
}

static inline bool sk_reserve_active(void)
{
	return false;
}

static inline bool sk_reserve_likely(void)
{
	return false;
}

static inline bool sk_reserve_has_heads(void)
{
	return false;
}

static inline bool sk_reserve_may_own(const struct sk_buff *skb)
{
	return false;
}

#endif /* CONFIG_MEM_RESERVE */

/* sk_memalloc_socks(), without a jump where there are some */
static inline bool sk_reserve_memalloc_socks(void)
{
#if defined(CONFIG_MEM_RESERVE) && defined(CONFIG_NET)
	return static_branch_likely(&memalloc_socks_key);
#else
	return sk_memalloc_socks();
#endif
}

/*
 * How receive buffers are asked for while there are SOCK_MEMALLOC sockets:
 * below the watermarks as ever or, with a reserve, not there: what is below
 * them is for reclaim, and what arrives is charged to the reserve. Such a
 * socket without a reserve is rare (sk_force_memalloc()), hence "likely".
 */
static inline gfp_t sk_reserve_rx_gfp(gfp_t gfp)
{
	if (!sk_reserve_memalloc_socks())
		return gfp;
	if (sk_reserve_likely())
		return gfp | __GFP_NOMEMALLOC;
	return gfp | __GFP_MEMALLOC;
}

/**
 * sk_reserve_rx_page - a page for a receive ring, from the reserve
 * @gfp: of the ordinary allocation; which zones the device can reach
 *
 * For when an ordinary allocation has failed. Freeing it uncharges it.
 *
 * Context: Any but NMI.
 * Return: the page, marked pfmemalloc, or %NULL.
 */
static inline struct page *sk_reserve_rx_page(gfp_t gfp)
{
	return sk_reserve_active() ? __sk_reserve_rx_page(gfp) : NULL;
}

/**
 * sk_reserve_rx_frag - a receive buffer from the reserve, a page of its own
 * @size: bytes, refused above %PAGE_SIZE
 *
 * For when an ordinary fragment cannot be had. Nothing else shares the page,
 * so that it goes back with the packet. Free it with skb_free_frag().
 *
 * Context: Any but NMI.
 * Return: the buffer, or %NULL.
 */
static inline void *sk_reserve_rx_frag(unsigned int size)
{
	return sk_reserve_active() ? __sk_reserve_rx_frag(size) : NULL;
}

/**
 * sk_reserve_rx_head - a struct sk_buff from the reserve
 *
 * Free it with kmem_cache_free(); do not keep it for reuse, see
 * sk_reserve_may_own().
 *
 * Context: Any but NMI.
 * Return: the head, not initialised, or %NULL.
 */
static inline struct sk_buff *sk_reserve_rx_head(void)
{
	return sk_reserve_active() ? __sk_reserve_rx_head() : NULL;
}

/* See __sk_reserve_rx_skb(). */
static inline struct sk_buff *sk_reserve_rx_skb(struct net_device *dev,
						unsigned int len,
						unsigned int headroom)
{
	return sk_reserve_active() ? __sk_reserve_rx_skb(dev, len, headroom) :
				     NULL;
}

/**
 * skb_page_frag_refill_rx - skb_page_frag_refill() for a receive ring
 * @sz: bytes wanted, at most %PAGE_SIZE
 * @pfrag: the ring's page fragment
 * @gfp: as for skb_page_frag_refill()
 *
 * Falls back to a page of the reserve, and never starts one anew: a page that
 * has come back empty goes back to the reserve.
 *
 * Context: Any but NMI; sleeps if @gfp allows it and there is no reserve.
 * Return: true if @pfrag has room for @sz bytes.
 */
static inline bool skb_page_frag_refill_rx(unsigned int sz,
					   struct page_frag *pfrag, gfp_t gfp)
{
	if (sk_reserve_active() && pfrag->page &&
	    page_is_pfmemalloc(pfrag->page) &&
	    page_ref_count(pfrag->page) == 1) {
		put_page(pfrag->page);
		pfrag->page = NULL;
	}
	/* A ring is filled when nothing can be received: do not reclaim. */
	if (sk_reserve_active())
		gfp = (gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN;
	return likely(skb_page_frag_refill(sz, pfrag, gfp)) ||
	       (sk_reserve_active() && __sk_reserve_rx_refill(pfrag, gfp));
}

/**
 * sk_reserve_gfp - how emergency memory is asked for at first
 * @gfp: of the request
 *
 * Who may have it and is charged for it takes ordinary memory first, and does
 * not reclaim for it; see sk_reserve_head() and sk_reserve_data() for what
 * comes next.
 *
 * Context: Any.
 * Return: @gfp, changed if there is a reserve and %__GFP_MEMALLOC is set, but
 * not %__GFP_NOMEMALLOC.
 */
static inline gfp_t sk_reserve_gfp(gfp_t gfp)
{
	if (!sk_reserve_active() ||
	    (gfp & (__GFP_MEMALLOC | __GFP_NOMEMALLOC)) != __GFP_MEMALLOC)
		return gfp;
	return (gfp & ~(__GFP_MEMALLOC | __GFP_DIRECT_RECLAIM)) |
	       __GFP_NOMEMALLOC | __GFP_NOWARN;
}

/*
 * Can a request be one that is charged? Inline, since each packet asks while
 * there are SOCK_MEMALLOC sockets; gfp_pfmemalloc_allowed() has the last word.
 * The victims of the OOM killer have what is below the watermarks, and nothing
 * of this.
 */
static inline bool sk_reserve_may_charge(gfp_t gfp)
{
	return IS_ENABLED(CONFIG_MEM_RESERVE) &&
	       (gfp & __GFP_MEMALLOC || current->flags & PF_MEMALLOC);
}

/**
 * sk_reserve_promised - is a socket's memory promised to it?
 * @sk: a full socket
 *
 * Limits that others fill are not for it then: its own buffers bound it.
 *
 * Context: Any.
 * Return: true if it is a %SOCK_MEMALLOC socket, and there is a reserve.
 */
static inline bool sk_reserve_promised(const struct sock *sk)
{
	return sk_reserve_active() && sock_flag(sk, SOCK_MEMALLOC);
}

/**
 * sk_reserve_tx_gfp - may a socket draw on the reserve to send more?
 * @sk: the socket
 * @gfp: of the request
 *
 * Each is promised so much of a send queue. What is in it already will be
 * acknowledged, and there is room again. Beyond that it has what it had
 * without a reserve: in reclaim, what is below the watermarks.
 *
 * Context: Any; the socket's lock is held.
 * Return: @gfp, without %__GFP_MEMALLOC if the socket has its share.
 */
static inline gfp_t sk_reserve_tx_gfp(const struct sock *sk, gfp_t gfp)
{
	if (sk_reserve_active() && gfp & __GFP_MEMALLOC &&
	    READ_ONCE(sk->sk_wmem_queued) > SK_RESERVE_SNDBUF)
		return gfp & ~__GFP_MEMALLOC;
	return gfp;
}

/* See __sk_reserve_refresh(). */
static inline void sk_reserve_refresh(struct sock *sk)
{
	if (sock_flag(sk, SOCK_MEMALLOC))
		__sk_reserve_refresh(sk);
}

/* See __sk_reserve_head(). */
static inline struct sk_buff *sk_reserve_head(struct kmem_cache *cache,
					      gfp_t gfp, int flags)
{
	return sk_reserve_active() ? __sk_reserve_head(cache, gfp, flags) : NULL;
}

/* See __sk_reserve_data(). */
static inline void *sk_reserve_data(unsigned int size, bool small, gfp_t gfp,
				    int flags)
{
	return sk_reserve_active() ?
	       __sk_reserve_data(size, small, gfp, flags) : NULL;
}

/**
 * sk_reserve_head_frag - is a packet's data a page, and not of slab?
 * @data: what sk_reserve_data() returned
 *
 * Context: Any.
 * Return: the packet's @head_frag.
 */
static inline bool sk_reserve_head_frag(const void *data)
{
	return !folio_test_slab(virt_to_folio(data)) &&
	       !folio_test_large(virt_to_folio(data));
}

/* See __sk_reserve_tx_renew(). */
static inline void sk_reserve_tx_renew(const struct sock *sk,
				       struct page_frag *pfrag)
{
	if (sk_reserve_active() && pfrag->page && page_is_pfmemalloc(pfrag->page))
		__sk_reserve_tx_renew(sk, pfrag);
}

/* See __sk_reserve_tx_refill(). */
static inline bool sk_reserve_tx_refill(const struct sock *sk,
					struct page_frag *pfrag)
{
	return sk_reserve_active() && __sk_reserve_tx_refill(sk, pfrag);
}

/**
 * sk_reserve_alloc_page - a page for what a socket makes of its packets
 * @gfp: of the socket, see sk_gfp_mask()
 *
 * Ordinary memory comes first; a %SOCK_MEMALLOC socket has a page of the reserve
 * next, and one from below the watermarks in the end. Freeing it uncharges it.
 *
 * Context: Any but NMI; reclaims as @gfp says if it lacks %__GFP_MEMALLOC or there
 * is no reserve.
 * Return: the page, or %NULL.
 */
static inline struct page *sk_reserve_alloc_page(gfp_t gfp)
{
	if (sk_reserve_active() && gfp & __GFP_MEMALLOC)
		return __sk_reserve_alloc_page(gfp);
	return alloc_page(gfp);
}

/**
 * sk_reserve_kmalloc - likewise, an object
 * @size: bytes; no more than %SK_RESERVE_RECORD_SIZE comes from the reserve
 * @gfp: of the socket
 *
 * Free it with kfree().
 *
 * Context: Any but NMI; reclaims as @gfp says if it lacks %__GFP_MEMALLOC or there
 * is no reserve.
 * Return: the object, or %NULL.
 */
static inline void *sk_reserve_kmalloc(size_t size, gfp_t gfp)
{
	if (sk_reserve_active() && gfp & __GFP_MEMALLOC)
		return __sk_reserve_kmalloc(size, gfp);
	return kmalloc(size, gfp);
}

/* See __sk_reserve_dst(). */
static inline void *sk_reserve_dst(struct kmem_cache *cache)
{
	return sk_reserve_active() ? __sk_reserve_dst(cache) : NULL;
}

/* See __sk_reserve_neigh(). */
static inline void *sk_reserve_neigh(size_t size)
{
	return sk_reserve_active() ? __sk_reserve_neigh(size) : NULL;
}

/**
 * sk_reserve_enter - begin to send a packet
 * @sk: of this full socket, or %NULL
 *
 * What a packet of a %SOCK_MEMALLOC socket needs on its way (a route, a
 * neighbour, ARP) may come from below the watermarks, as what a packet in
 * emergency memory needs when it arrives, and from the reserve in the end.
 *
 * Context: Any.
 * Return: for sk_reserve_leave() in the same context.
 */
static inline unsigned int sk_reserve_enter(const struct sock *sk)
{
	if (!sk_reserve_active() || !sk || !sock_flag(sk, SOCK_MEMALLOC))
		return 0;
	return memalloc_noreclaim_save();
}

/**
 * sk_reserve_enter_dev - begin to stop and start a device
 *
 * Nothing is received meanwhile: reclaim that writes by way of the device
 * would wait for ever.
 *
 * Context: Process.
 * Return: for sk_reserve_leave().
 */
static inline unsigned int sk_reserve_enter_dev(void)
{
	return sk_reserve_active() ? memalloc_noio_save() : 0;
}

/**
 * sk_reserve_enter_link - begin what a way to swap waits for
 *
 * A link that comes up, a key of a tunnel, word of a dead connection: with memory
 * gone, what waits for memory waits for swap, and swap for this. Here an allocation
 * does not wait; it may have what is below the watermarks, and fails when that is
 * gone.
 *
 * Context: Process.
 * Return: for sk_reserve_leave().
 */
static inline unsigned int sk_reserve_enter_link(void)
{
	return sk_reserve_active() ? memalloc_noreclaim_save() : 0;
}

/* What sk_reserve_enter() returned tells: the static key may have changed. */
static inline void sk_reserve_leave(unsigned int flags)
{
	if (unlikely(flags))
		memalloc_flags_restore(flags);
}

/* See __sk_reserve_enter_queue(). */
static inline unsigned int sk_reserve_enter_queue(const struct sk_buff_head *queue)
{
	return sk_reserve_active() ? __sk_reserve_enter_queue(queue) : 0;
}

/* See __sk_reserve_neigh_limit(). */
static inline unsigned int
sk_reserve_neigh_limit(const struct sk_buff_head *queue,
		       const struct sk_buff *skb, unsigned int limit)
{
	return sk_reserve_active() ?
	       __sk_reserve_neigh_limit(queue, skb, limit) : limit;
}

/**
 * sk_reserve_may_receive - may a socket have a packet in emergency memory?
 * @sk: a full socket
 * @skb: the packet, from its transport header on
 * @cap: bytes of its headers
 *
 * Context: Softirq, or the socket's owner.
 * Return: false if it is to be dropped.
 */
static inline bool sk_reserve_may_receive(struct sock *sk, struct sk_buff *skb,
					  unsigned int cap)
{
	if (!IS_ENABLED(CONFIG_MEM_RESERVE) || !sock_flag(sk, SOCK_IO_FLUSHER))
		return sock_flag(sk, SOCK_MEMALLOC);
	return (sk_reserve_active() || sock_flag(sk, SOCK_MEMALLOC)) &&
	       __sk_reserve_daemon_takes(sk, skb, cap);
}

/**
 * sk_reserve_may_park - may a packet wait for others that may never come?
 * @skb: a packet about to be put on a queue where it can stay for long
 *
 * Not in emergency memory: it would keep it from those it was set aside for. See
 * sk_reserve_park_drop() for who drops it then.
 *
 * Context: Any.
 * Return: false if it may not.
 */
static inline bool sk_reserve_may_park(const struct sk_buff *skb)
{
	return !sk_reserve_active() || !skb_pfmemalloc(skb);
}

/**
 * sk_reserve_may_reuse - may a ring keep a buffer whose packet was copied?
 * @skb: the buffer
 *
 * Not one in emergency memory: a ring is filled in order, and what it keeps behind
 * an entry that has no buffer is of no use to the device. That memory goes on with
 * the packet, and comes back to where it is needed.
 *
 * Context: Any.
 * Return: false if the packet is to be passed on in @skb itself.
 */
static inline bool sk_reserve_may_reuse(const struct sk_buff *skb)
{
	return sk_reserve_may_park(skb);
}

/* The same of a buffer that is a page */
static inline bool sk_reserve_may_reuse_page(const struct page *page)
{
	return !sk_reserve_active() || !page_is_pfmemalloc(page);
}

/* And of one in the middle of a page */
static inline bool sk_reserve_may_reuse_data(const void *data)
{
	return !sk_reserve_active() ||
	       !page_is_pfmemalloc(virt_to_head_page(data));
}

/**
 * sk_reserve_park_drop - is a packet dropped rather than kept waiting?
 * @net: where that is counted, in PFMemallocParkDrop
 * @skb: a packet about to be put on a queue where it can stay for long
 *
 * What sk_reserve_may_park() refuses.
 *
 * Context: Any.
 * Return: true if @skb is to be dropped, %SKB_DROP_REASON_PFMEMALLOC where a
 * reason is told.
 */
static inline bool sk_reserve_park_drop(struct net *net,
					const struct sk_buff *skb)
{
	return !sk_reserve_may_park(skb) && __sk_reserve_park_drop(net);
}

/**
 * sk_reserve_may_queue_broadcast - may one to many wait for a worker?
 * @net: where it is counted if it may not, in PFMemallocParkDrop
 * @skb: the packet, received or to be sent
 * @waiting: how many wait already
 *
 * What sk_reserve_may_park() refuses is let wait if it asks who has an address,
 * which may be ours, and few wait.
 *
 * Context: Any.
 * Return: false if @skb is to be dropped.
 */
static inline bool sk_reserve_may_queue_broadcast(struct net *net,
						  const struct sk_buff *skb,
						  unsigned int waiting)
{
	return sk_reserve_may_park(skb) ||
	       __sk_reserve_may_queue_broadcast(net, skb, waiting);
}

/**
 * sk_reserve_may_send - may a packet be sent by a device?
 * @dev: the device
 * @skb: the packet
 *
 * Not one that was received in emergency memory and is now sent on, by a
 * bridge, a router or a redirection, unless a SOCK_MEMALLOC socket of another
 * namespace may be behind it.
 *
 * Context: Any.
 * Return: false if @skb is to be dropped, %SKB_DROP_REASON_PFMEMALLOC.
 */
static inline bool sk_reserve_may_send(const struct net_device *dev,
				       const struct sk_buff *skb)
{
	return sk_reserve_may_park(skb) || !skb->skb_iif ||
	       __sk_reserve_may_send(dev, skb);
}

/**
 * sk_reserve_may_queue_ofo - may a packet wait for what comes before it?
 * @sk: the TCP socket that got it
 * @skb: the packet
 *
 * What is missing must be received too: a socket does not fill the rings with
 * what it cannot read.
 *
 * Context: Softirq, or the socket is owned.
 * Return: false if @skb is to be dropped.
 */
static inline bool sk_reserve_may_queue_ofo(const struct sock *sk,
					    const struct sk_buff *skb)
{
	return sk_reserve_may_park(skb) ||
	       atomic_read(&sk->sk_rmem_alloc) < SK_RESERVE_OFO;
}

/* Why one that waits for another is dropped; counted in TCPOFODrop anyway */
static inline enum skb_drop_reason
sk_reserve_ofo_reason(const struct sk_buff *skb)
{
	return sk_reserve_may_park(skb) ? SKB_DROP_REASON_PROTO_MEM :
					  SKB_DROP_REASON_PFMEMALLOC;
}

/* See __sk_reserve_wanted(). */
static inline bool sk_reserve_wanted(struct net *net, struct sk_buff *skb)
{
	return sk_reserve_may_park(skb) || __sk_reserve_wanted(net, skb);
}

/**
 * sk_reserve_deliver - give a packet in emergency memory to a protocol
 * @skb: the packet
 * @pt: the protocol: by way of the function that asks sk_reserve_wanted(), if
 *	it has one, so that other packets are not asked for it
 * @orig_dev: the device that received it
 *
 * Context: Softirq, under RCU.
 * Return: what the protocol returns.
 */
static inline int sk_reserve_deliver(struct sk_buff *skb,
				     struct packet_type *pt,
				     struct net_device *orig_dev)
{
#ifdef CONFIG_MEM_RESERVE
	if (pt->pfmemalloc_func)
		return pt->pfmemalloc_func(skb, skb->dev, pt, orig_dev);
#endif
	return pt->func(skb, skb->dev, pt, orig_dev);
}

/* See __sk_reserve_may_queue_frag(). */
static inline bool sk_reserve_may_queue_frag(const struct fqdir *fqdir,
					     struct sk_buff *skb,
					     enum sk_reserve_frag kind)
{
	return sk_reserve_may_park(skb) ||
	       __sk_reserve_may_queue_frag(fqdir, skb, kind);
}

#endif /* _NET_SOCK_RESERVE_H */
