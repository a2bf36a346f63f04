/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network's share of the memory reserves, see net/core/sock_reserve.c and
 * Documentation/networking/sock_reserve.rst.
 */
#ifndef _NET_SOCK_RESERVE_H
#define _NET_SOCK_RESERVE_H

#include <linux/reserve.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#ifdef CONFIG_MEM_RESERVE

DECLARE_STATIC_KEY_FALSE(sk_reserve_key);

int sk_reserve_connect(struct sock *sk);
void sk_reserve_disconnect(struct sock *sk);

struct page *__sk_reserve_rx_page(gfp_t gfp);
void *__sk_reserve_rx_frag(unsigned int size);
struct sk_buff *__sk_reserve_rx_head(void);
bool __sk_reserve_rx_refill(struct page_frag *pfrag, gfp_t gfp);

/* Does the network have a reserve, so that receive buffers come from it? */
static inline bool sk_reserve_active(void)
{
	return static_branch_unlikely(&sk_reserve_key);
}

/**
 * sk_reserve_keeps - does a packet's head belong to the reserve?
 * @skb: the head, about to be put aside for reuse
 *
 * Every packet with such a head is marked pfmemalloc.
 *
 * Context: Any.
 * Return: true if @skb must be freed instead.
 */
static inline bool sk_reserve_keeps(const struct sk_buff *skb)
{
	return static_branch_unlikely(&slab_reserve_key) &&
	       skb_pfmemalloc(skb) && __slab_reserve_object(skb);
}

#else

static inline int sk_reserve_connect(struct sock *sk)
{
	return 0;
}

static inline void sk_reserve_disconnect(struct sock *sk) { }

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

static inline bool __sk_reserve_rx_refill(struct page_frag *pfrag, gfp_t gfp)
{
	return false;
}

static inline bool sk_reserve_active(void)
{
	return false;
}

static inline bool sk_reserve_keeps(const struct sk_buff *skb)
{
	return false;
}

#endif /* CONFIG_MEM_RESERVE */

/*
 * How receive buffers are asked for while there are SOCK_MEMALLOC sockets:
 * below the watermarks as ever or, with a reserve, not there: what is below
 * them is for reclaim, and what arrives is charged to the reserve.
 */
static inline gfp_t sk_reserve_rx_gfp(gfp_t gfp)
{
	if (!sk_memalloc_socks())
		return gfp;
	return gfp | (sk_reserve_active() ? __GFP_NOMEMALLOC : __GFP_MEMALLOC);
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
 * sk_reserve_keeps().
 *
 * Context: Any but NMI.
 * Return: the head, not initialised, or %NULL.
 */
static inline struct sk_buff *sk_reserve_rx_head(void)
{
	return sk_reserve_active() ? __sk_reserve_rx_head() : NULL;
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
 * Context: Any but NMI; sleeps if @gfp allows it.
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
	return likely(skb_page_frag_refill(sz, pfrag, gfp)) ||
	       (sk_reserve_active() && __sk_reserve_rx_refill(pfrag, gfp));
}

/**
 * sk_reserve_may_park - may a packet wait for others that may never come?
 * @skb: a packet about to be put on a queue where it can stay for long
 *
 * Not in emergency memory: it would keep it from those it was set aside for.
 *
 * Context: Any.
 * Return: false if @skb is to be dropped, %SKB_DROP_REASON_NOMEM.
 */
static inline bool sk_reserve_may_park(const struct sk_buff *skb)
{
	return !sk_reserve_active() || !skb_pfmemalloc(skb);
}

#endif /* _NET_SOCK_RESERVE_H */
