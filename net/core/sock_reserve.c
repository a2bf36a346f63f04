// SPDX-License-Identifier: GPL-2.0
/*
 * The network's share of the memory reserves.
 *
 *	network
 *	|- receive
 *	|  |- ring	pages for receive rings, when no other page is to be had
 *	|  |- heads	struct sk_buff and small heads for what arrives
 *	|  |- frag4	pages of IPv4 fragments that wait for others
 *	|  |- frag6	likewise IPv6
 *	|  `- frag6_nf	likewise IPv6 in conntrack
 *	`- transmit
 *	   |- sockets	what SOCK_MEMALLOC sockets send, and their records of TLS
 *	   `- control	ARP, ND, neighbour entries and routes they need for it
 *
 * A SOCK_MEMALLOC socket is one over which memory is freed: swap on NBD, iSCSI,
 * NVMe/TCP or NFS. The first one connects the subtree, each adds what it needs,
 * and when the last one goes it is all given back. What cannot be set aside is
 * refused here, before anybody relies on it.
 *
 * A ring knows nothing of sockets: when memory is gone it takes what arrives,
 * and the packet is dropped as soon as it turns out to be for somebody else.
 * How much is needed is for net/core/sock_reserve_size.c to say; who may have
 * it is said here.
 */

#define pr_fmt(fmt) "sock_reserve: " fmt

#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/error-injection.h>
#include <linux/export.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/init.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/rculist.h>
#include <linux/reserve.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/udp.h>
#include <linux/workqueue.h>
#include <net/addrconf.h>
#include <net/dst.h>
#include <net/hotdata.h>
#include <net/inet6_hashtables.h>
#include <net/inet_frag.h>
#include <net/inet_hashtables.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/ipv6_stubs.h>
#include <net/neighbour.h>
#include <net/ndisc.h>
#include <net/sock.h>
#include <net/sock_reserve.h>
#include <net/tcp.h>
#include <net/udp.h>

#include "sock_reserve.h"

#define SK_RESERVE_GFP	(GFP_ATOMIC | __GFP_NOWARN)

/* Is the subtree connected? */
DEFINE_STATIC_KEY_FALSE(sk_reserve_key);
EXPORT_SYMBOL_GPL(sk_reserve_key);

/*
 * The list is read under RCU and changed under the spinlock, and so a socket
 * can be taken off it whoever is waiting for memory. The mutex orders changes
 * to the demands; its holder may wait for I/O, and so nobody waits for it who
 * may not.
 */
static DEFINE_SPINLOCK(sk_reserve_lock);
static DEFINE_MUTEX(sk_reserve_mutex);
static LIST_HEAD(sk_reserves);

/* Where all the sockets on the list are, or NULL if that is not one place */
static struct net *sk_reserve_net;

static void sk_reserve_resize_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(sk_reserve_resize_work, sk_reserve_resize_fn);

/*
 * A connection that breaks lets go of its share, and is made again. Longer than
 * NVMe/TCP waits before it tries.
 */
#define SK_RESERVE_LINGER	(15 * HZ)

/* When a socket last let go, in jiffies; under sk_reserve_lock */
static u64 sk_reserve_gone;

static void sk_reserve_resize_later(unsigned long delay)
{
	queue_delayed_work(system_unbound_wq, &sk_reserve_resize_work, delay);
}

/* Receive buffers */

struct page *__sk_reserve_rx_page(gfp_t gfp)
{
	return mem_reserve_draw_page(sk_reserve_node(RING), SK_RESERVE_GFP |
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

static void page_frag_start(struct page_frag *pfrag, struct page *page)
{
	pfrag->page = page;
	pfrag->offset = 0;
	pfrag->size = PAGE_SIZE;
}

bool __sk_reserve_rx_refill(struct page_frag *pfrag, gfp_t gfp)
{
	struct page *page = __sk_reserve_rx_page(gfp);

	if (!page)
		return false;
	page_frag_start(pfrag, page);
	return true;
}
EXPORT_SYMBOL_GPL(__sk_reserve_rx_refill);

struct sk_buff *__sk_reserve_rx_head(void)
{
	return kmem_cache_alloc_reserve(sk_reserve_node(HEADS),
					net_hotdata.skbuff_cache,
					SK_RESERVE_GFP);
}
EXPORT_SYMBOL_GPL(__sk_reserve_rx_head);

/**
 * __sk_reserve_rx_skb - a packet to receive into, in a page of the reserve
 * @dev: the device
 * @len: bytes, with what skb_shared_info takes
 * @headroom: of these, in front
 *
 * Context: Any but NMI.
 * Return: the packet, marked pfmemalloc, or %NULL.
 */
struct sk_buff *__sk_reserve_rx_skb(struct net_device *dev, unsigned int len,
				    unsigned int headroom)
{
	void *data = __sk_reserve_rx_frag(len);
	struct sk_buff *skb;

	if (!data)
		return NULL;
	skb = build_skb(data, len);
	if (!skb) {
		skb_free_frag(data);
		return NULL;
	}
	skb_reserve(skb, headroom);
	skb->dev = dev;
	return skb;
}

/* Heads and data of any packet */

/*
 * Who pays: what arrives, what a SOCK_MEMALLOC socket sends or, in reclaim and
 * while a packet in emergency memory is looked at, what such a socket needs to
 * be reached. Data that is sent is cloned; what is not is small.
 */
static struct mem_reserve *skb_payer(gfp_t gfp, int flags)
{
	if (!gfp_pfmemalloc_allowed(gfp))
		return NULL;
	if (flags & SKB_ALLOC_RX)
		return sk_reserve_node(HEADS);
	if (gfp & __GFP_MEMALLOC)
		return sk_reserve_node(SOCKETS);
	return flags & SKB_ALLOC_FCLONE ? NULL : sk_reserve_node(CONTROL);
}

/**
 * __sk_reserve_head - a struct sk_buff, when there is no ordinary one
 * @cache: the cache to take it from
 * @gfp: of the request, before sk_reserve_gfp()
 * @flags: SKB_ALLOC_*
 *
 * Context: Any but NMI.
 * Return: the head, not initialised, or %NULL. One that is sent may come from
 * below the watermarks in the end, one that is received may not.
 */
struct sk_buff *__sk_reserve_head(struct kmem_cache *cache, gfp_t gfp, int flags)
{
	struct mem_reserve *payer = skb_payer(gfp, flags);
	struct sk_buff *skb = NULL;

	if (payer)
		skb = kmem_cache_alloc_reserve(payer, cache, SK_RESERVE_GFP);
	if (!skb && gfp & __GFP_MEMALLOC && !(flags & SKB_ALLOC_RX))
		skb = kmem_cache_alloc(cache, gfp & ~GFP_DMA);
	return skb;
}

/*
 * A page is cheaper than an object as large, and goes back at once; the ring
 * promises some that are larger if a device may ask for them.
 */
static void *rx_data(unsigned int size)
{
	if (size <= PAGE_SIZE)
		return __sk_reserve_rx_frag(size);
	return kmalloc_reserve(sk_reserve_node(RING), size, SK_RESERVE_GFP);
}

/*
 * For a device that wants all of a packet in one piece; that it is soon gone makes
 * a page good enough.
 */
static void *tx_data(struct mem_reserve *payer, unsigned int size)
{
	struct page *page;

	if (payer != sk_reserve_node(SOCKETS) || size > PAGE_SIZE)
		return NULL;
	page = mem_reserve_draw_page(payer, SK_RESERVE_GFP);
	return page ? page_address(page) : NULL;
}

/**
 * __sk_reserve_data - the data of a packet, from the reserve
 * @size: bytes, as kmalloc() would round them up
 * @small: take a small head, which is large enough
 * @gfp: of the request
 * @flags: SKB_ALLOC_*
 *
 * It may be a page of its own: see sk_reserve_head_frag().
 *
 * Context: Any but NMI.
 * Return: the data, or %NULL.
 */
void *__sk_reserve_data(unsigned int size, bool small, gfp_t gfp, int flags)
{
	struct mem_reserve *payer = skb_payer(gfp, flags);

	if (!payer || gfp & GFP_ZONEMASK)
		return NULL;
	if (small)
		return kmem_cache_alloc_reserve(payer,
						net_hotdata.skb_small_head_cache,
						SK_RESERVE_GFP);
	return flags & SKB_ALLOC_RX ? rx_data(size) : tx_data(payer, size);
}

/**
 * sk_reserve_dev_pages - pages for who fills a ring with pages
 * @gfp: as for alloc_pages(), which has failed
 * @order: as for alloc_pages(); there is one page at a time
 *
 * Context: Any but NMI; does not reclaim.
 * Return: the page, or %NULL.
 */
struct page *sk_reserve_dev_pages(gfp_t gfp, unsigned int order)
{
	if (!sk_memalloc_socks() || gfp & __GFP_NOMEMALLOC)
		return NULL;
	if (!sk_reserve_active())
		return alloc_pages((gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_MEMALLOC,
				   order);
	return order ? NULL : __sk_reserve_rx_page(gfp);
}
EXPORT_SYMBOL_GPL(sk_reserve_dev_pages);

/* What is sent */

/**
 * __sk_reserve_tx_renew - give a page of the reserve back, if there is another
 * @sk: the socket
 * @pfrag: its page fragment
 *
 * Context: Any but NMI; the socket's lock is held.
 */
void __sk_reserve_tx_renew(const struct sock *sk, struct page_frag *pfrag)
{
	struct page *page = alloc_page(sk_reserve_gfp(sk->sk_allocation));

	if (!page)
		return;
	put_page(pfrag->page);
	page_frag_start(pfrag, page);
}

/**
 * __sk_reserve_tx_refill - a page for what a socket copies in order to send it
 * @sk: the socket
 * @pfrag: its page fragment, which has no page
 *
 * Context: Any but NMI; the socket's lock is held.
 * Return: true if @pfrag has one now.
 */
bool __sk_reserve_tx_refill(const struct sock *sk, struct page_frag *pfrag)
{
	struct page *page = NULL;

	/* The task's own fragment may serve other sockets next. */
	if (!(sk->sk_allocation & __GFP_MEMALLOC) || sk->sk_use_task_frag)
		return false;
	if (sk_reserve_tx_gfp(sk, sk->sk_allocation) & __GFP_MEMALLOC)
		page = mem_reserve_draw_page(sk_reserve_node(SOCKETS),
					     SK_RESERVE_GFP);
	if (!page)
		page = alloc_page((sk->sk_allocation & ~__GFP_DIRECT_RECLAIM) |
				  __GFP_NOWARN);
	if (!page)
		return false;
	page_frag_start(pfrag, page);
	return true;
}

/* See sk_reserve_alloc_page(). */
struct page *__sk_reserve_alloc_page(gfp_t gfp)
{
	struct page *page = alloc_page(sk_reserve_gfp(gfp));

	if (!page)
		page = mem_reserve_draw_page(sk_reserve_node(SOCKETS),
					     SK_RESERVE_GFP);
	return page ?: alloc_page((gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN);
}
EXPORT_SYMBOL_GPL(__sk_reserve_alloc_page);

/* See sk_reserve_kmalloc(). */
void *__sk_reserve_kmalloc(size_t size, gfp_t gfp)
{
	void *object = kmalloc(size, sk_reserve_gfp(gfp));

	if (!object && size <= SK_RESERVE_RECORD_SIZE)
		object = kmalloc_reserve(sk_reserve_node(SOCKETS),
					 SK_RESERVE_RECORD_SIZE,
					 SK_RESERVE_GFP | (gfp & __GFP_ZERO));
	return object ?: kmalloc(size, (gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN);
}
EXPORT_SYMBOL_GPL(__sk_reserve_kmalloc);

/* In reclaim, or on the way of a packet of ours: see sk_reserve_enter() */
static bool reserve_scope(void)
{
	return current->flags & PF_MEMALLOC &&
	       gfp_pfmemalloc_allowed(GFP_ATOMIC);	/* not in hardirq */
}

/**
 * __sk_reserve_dst - a route, when there is no memory for an ordinary one
 * @cache: of the kind of route
 *
 * Context: Any but NMI.
 * Return: the object, not initialised, or %NULL.
 */
void *__sk_reserve_dst(struct kmem_cache *cache)
{
	if (!reserve_scope())
		return NULL;
	return kmem_cache_alloc_reserve(sk_reserve_node(CONTROL), cache,
					SK_RESERVE_GFP);
}

/**
 * __sk_reserve_neigh - a neighbour entry, likewise
 * @size: bytes
 *
 * Context: Any but NMI.
 * Return: the entry, zeroed, or %NULL.
 */
void *__sk_reserve_neigh(size_t size)
{
	if (!reserve_scope() || size > SK_RESERVE_NEIGH_SIZE)
		return NULL;
	return kmalloc_reserve(sk_reserve_node(CONTROL), SK_RESERVE_NEIGH_SIZE,
			       SK_RESERVE_GFP | __GFP_ZERO);
}

static bool skb_is_promised(const struct sk_buff *skb)
{
	const struct sock *sk = skb_to_full_sk(skb);

	return sk && sk_fullsock(sk) && sock_flag(sk, SOCK_MEMALLOC);
}

static bool queue_is_promised(const struct sk_buff_head *queue)
{
	const struct sk_buff *skb;

	skb_queue_walk(queue, skb)
		if (skb_is_promised(skb))
			return true;
	return false;
}

/**
 * __sk_reserve_enter_queue - enter the scope of a packet on a queue, if one is
 * ours
 * @queue: packets that wait for a neighbour, under its lock
 *
 * Context: Any.
 * Return: for sk_reserve_leave().
 */
unsigned int __sk_reserve_enter_queue(const struct sk_buff_head *queue)
{
	return queue_is_promised(queue) ? memalloc_noreclaim_save() : 0;
}

/**
 * __sk_reserve_neigh_limit - how much may wait for a neighbour?
 * @queue: packets that wait for it, under its lock
 * @skb: one more
 * @limit: bytes that may, otherwise
 *
 * For seconds, if it does not answer, and a hundred of them are enough to take
 * a third of a small machine. While memory is reclaimed only the latest packet
 * waits, which is what RFC 1122, 2.3.2.2, asks for; but not in place of one of
 * ours.
 *
 * Context: Any.
 * Return: bytes.
 */
unsigned int __sk_reserve_neigh_limit(const struct sk_buff_head *queue,
				      const struct sk_buff *skb,
				      unsigned int limit)
{
	if (!mem_reserve_reclaiming() || skb_is_promised(skb) ||
	    queue_is_promised(queue))
		return limit;
	return 0;
}

/* What is received: is it for us? */

static bool sk_is_ours(struct sock *sk)
{
	return sk_fullsock(sk) && sk_pfmemalloc_allowed(sk);
}

/*
 * Are there SOCK_MEMALLOC sockets in another namespace? Users may keep packets as
 * long as they like in one that is theirs, and nothing of ours goes through it.
 */
static bool may_forward(const struct net *net)
{
	return READ_ONCE(sk_reserve_net) != net &&
	       net->user_ns == &init_user_ns;
}

/* An ifb gives back what it gets. */
static bool dev_is_ifb(const struct net_device *dev)
{
	return dev->rtnl_link_ops && !strcmp(dev->rtnl_link_ops->kind, "ifb");
}

/* See sk_reserve_park_drop(). */
bool __sk_reserve_park_drop(struct net *net)
{
	if (IS_ENABLED(CONFIG_INET))	/* which has the counters */
		NET_INC_STATS(net, LINUX_MIB_PFMEMALLOCPARKDROP);
	return true;
}
EXPORT_SYMBOL_GPL(__sk_reserve_park_drop);

/* ARP, and IPv6's to the group of an address */
static bool seeks_neigh(const struct sk_buff *skb)
{
	const struct ipv6hdr *hdr;
	struct ipv6hdr buf;

	if (skb->protocol == htons(ETH_P_ARP))
		return true;
	if (skb->protocol != htons(ETH_P_IPV6))
		return false;
	hdr = skb_header_pointer(skb, skb_network_offset(skb), sizeof(buf), &buf);
	return hdr && ipv6_addr_is_solict_mult(&hdr->daddr);
}

/* See sk_reserve_may_queue_broadcast(). */
bool __sk_reserve_may_queue_broadcast(struct net *net,
				      const struct sk_buff *skb,
				      unsigned int waiting)
{
	return (waiting < SK_RESERVE_BROADCASTS && seeks_neigh(skb)) ||
	       !__sk_reserve_park_drop(net);
}
EXPORT_SYMBOL_GPL(__sk_reserve_may_queue_broadcast);

/**
 * __sk_reserve_may_send - may a packet in emergency memory be sent on?
 * @dev: the device
 * @skb: the packet, which was received
 *
 * Context: Any.
 * Return: true if a SOCK_MEMALLOC socket of another namespace may be behind
 * @dev, or the packet comes back from there; false if it is to be dropped, which
 * has been counted.
 */
bool __sk_reserve_may_send(const struct net_device *dev,
			   const struct sk_buff *skb)
{
	return may_forward(dev_net(dev)) ||
	       (skb_is_redirected(skb) && dev_is_ifb(dev)) ||
	       !__sk_reserve_park_drop(dev_net(dev));
}

/* Charges a page to @to, if it is of the reserve, and counts that. */
static int page_move(struct page *page, struct mem_reserve *to, unsigned int *moved)
{
	int err = mem_reserve_move_page(page, to);

	*moved += !err;
	return err == -ENOENT ? 0 : err;
}

/*
 * The pages that a packet keeps are charged to @to from now on. What has none is
 * bounded by the size of the queue, so that its head is.
 */
static bool skb_move(struct sk_buff *skb, struct mem_reserve *to, bool roomy)
{
	const struct skb_shared_info *info = skb_shinfo(skb);
	unsigned int moved = 0;
	int i, err = 0;

	if (skb->head_frag)
		err = page_move(virt_to_head_page(skb->head), to, &moved);
	for (i = 0; i < info->nr_frags && !err; i++)
		err = page_move(skb_frag_page(&info->frags[i]), to, &moved);
	return !err && (moved || roomy);
}

#ifdef CONFIG_INET

struct skb_ports {
	__be16 source;
	__be16 dest;
};

static bool tcp4_is_ours(struct net *net, const struct sk_buff *skb,
			 const struct iphdr *iph, const struct skb_ports *ports)
{
	struct sock *sk;
	bool ours;

	sk = __inet_lookup_established(net, net->ipv4.tcp_death_row.hashinfo,
				       iph->saddr, ports->source, iph->daddr,
				       ntohs(ports->dest), skb->skb_iif,
				       inet_sdif(skb));
	if (!sk)
		return false;
	ours = sk_is_ours(sk);
	sock_gen_put(sk);
	return ours;
}

/* A tunnel's packets are looked at again when they are out of it. */
static bool udp_is_ours(struct sock *sk)
{
	int encap = sk ? READ_ONCE(udp_sk(sk)->encap_type) : 0;

	if (!sk)
		return false;
	return sk_is_ours(sk) || (encap && encap != UDP_ENCAP_RXRPC);
}

static bool udp4_is_ours(struct net *net, struct sk_buff *skb,
			 const struct iphdr *iph, const struct skb_ports *ports)
{
	return udp_is_ours(__udp4_lib_lookup(net, iph->saddr, ports->source,
					     iph->daddr, ports->dest,
					     skb->skb_iif, inet_sdif(skb),
					     net->ipv4.udp_table, NULL));
}

/* Tunnels and IPsec, as above */
static bool proto_is_tunnel(u8 proto)
{
	switch (proto) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
	case IPPROTO_GRE:
	case IPPROTO_ESP:
	case IPPROTO_AH:
	case IPPROTO_COMP:
	case IPPROTO_L2TP:
	case IPPROTO_MPLS:
		return true;
	}
	return false;
}

static bool ipv4_is_ours(struct net *net, struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	const struct skb_ports *ports;
	struct skb_ports buf;

	if (ip_is_fragment(iph))
		return true;	/* see __sk_reserve_may_queue_frag() */
	if (proto_is_tunnel(iph->protocol))
		return true;
	/* As large as the part of an ICMP header that is looked at */
	ports = skb_header_pointer(skb, skb_transport_offset(skb), sizeof(buf),
				   &buf);
	if (!ports)
		return false;
	switch (iph->protocol) {
	case IPPROTO_TCP:
		return tcp4_is_ours(net, skb, iph, ports);
	case IPPROTO_UDP:
		return udp4_is_ours(net, skb, iph, ports);
	case IPPROTO_ICMP:	/* the path's MTU */
		return ((const struct icmphdr *)ports)->type == ICMP_DEST_UNREACH;
	}
	return false;
}

#if IS_ENABLED(CONFIG_IPV6)

static bool tcp6_is_ours(struct net *net, const struct sk_buff *skb,
			 const struct ipv6hdr *hdr,
			 const struct skb_ports *ports)
{
	struct sock *sk;
	bool ours;

	sk = __inet6_lookup_established(net, net->ipv4.tcp_death_row.hashinfo,
					&hdr->saddr, ports->source, &hdr->daddr,
					ntohs(ports->dest), inet6_iif(skb),
					inet6_sdif(skb));
	if (!sk)
		return false;
	ours = sk_is_ours(sk);
	sock_gen_put(sk);
	return ours;
}

static bool udp6_is_ours(struct net *net, const struct sk_buff *skb,
			 const struct ipv6hdr *hdr,
			 const struct skb_ports *ports)
{
	const struct ipv6_bpf_stub *stub = READ_ONCE(ipv6_bpf_stub);

	/* Packets come before the module's init is done. */
	if (!stub)
		return false;
	return udp_is_ours(stub->udp6_lib_lookup(net, &hdr->saddr, ports->source,
						 &hdr->daddr, ports->dest,
						 inet6_iif(skb), inet6_sdif(skb),
						 net->ipv4.udp_table, NULL));
}

static bool icmp6_is_ours(u8 type)
{
	return type == ICMPV6_DEST_UNREACH || type == ICMPV6_PKT_TOOBIG ||
	       type == ICMPV6_MGM_QUERY ||	/* switches forget otherwise */
	       (type >= NDISC_ROUTER_SOLICITATION && type <= NDISC_REDIRECT);
}

static bool ipv6_is_ours(struct net *net, struct sk_buff *skb)
{
	const struct ipv6hdr *hdr = ipv6_hdr(skb);
	const struct skb_ports *ports;
	u8 proto = hdr->nexthdr;
	struct skb_ports buf;
	__be16 frag_off;
	int offset;

	offset = ipv6_skip_exthdr(skb, skb_network_offset(skb) + sizeof(*hdr),
				  &proto, &frag_off);
	if (offset < 0)
		return false;
	/* A fragment that is not the first has its header before the offset. */
	if (frag_off || proto_is_tunnel(proto))
		return true;
	ports = skb_header_pointer(skb, offset, sizeof(buf), &buf);
	if (!ports)
		return false;
	switch (proto) {
	case IPPROTO_TCP:
		return tcp6_is_ours(net, skb, hdr, ports);
	case IPPROTO_UDP:
		return udp6_is_ours(net, skb, hdr, ports);
	case IPPROTO_ICMPV6:
		return icmp6_is_ours(((const struct icmp6hdr *)ports)->icmp6_type);
	}
	return false;
}

#else

static bool ipv6_is_ours(struct net *net, struct sk_buff *skb)
{
	return false;
}

#endif /* CONFIG_IPV6 */

/**
 * __sk_reserve_wanted - may a packet in emergency memory go on?
 * @net: where it is
 * @skb: the packet at its network header, about to be routed
 *
 * Yes if a SOCK_MEMALLOC socket or what it rests upon will have it. Where such
 * sockets are in other namespaces it may be on its way there.
 *
 * Context: Softirq, under RCU.
 * Return: false if it is to be dropped; that has been counted.
 */
bool __sk_reserve_wanted(struct net *net, struct sk_buff *skb)
{
	bool ours;

	if (may_forward(net))
		return true;
	ours = ip_hdr(skb)->version == 4 ? ipv4_is_ours(net, skb) :
					   ipv6_is_ours(net, skb);
	if (!ours)
		__NET_INC_STATS(net, LINUX_MIB_PFMEMALLOCEARLYDROP);
	return ours;
}
EXPORT_SYMBOL_GPL(__sk_reserve_wanted);

/* Fragments */

/* Is it the address of who a socket of ours talks to? */
static bool sk_has_peer(const struct sk_reserve *res, const struct sk_buff *skb)
{
	const struct sock *sk = res->sk;

	if (res->family != AF_INET && res->family != AF_INET6)
		return false;
	/* A tunnel's, say: it hears everybody. */
	if (res->protocol == IPPROTO_UDP && sk->sk_state != TCP_ESTABLISHED)
		return true;
	if (ip_hdr(skb)->version == 4)
		return sk->sk_daddr == ip_hdr(skb)->saddr;
#if IS_ENABLED(CONFIG_IPV6)
	return ipv6_addr_equal(&sk->sk_v6_daddr, &ipv6_hdr(skb)->saddr);
#else
	return false;
#endif
}

static bool from_peer(const struct net *net, const struct sk_buff *skb)
{
	const struct sk_reserve *res;
	bool found = false;

	rcu_read_lock();
	list_for_each_entry_rcu(res, &sk_reserves, list) {
		found = res->net == net && sk_has_peer(res, skb);
		if (found)
			break;
	}
	rcu_read_unlock();
	return found;
}

/**
 * __sk_reserve_may_queue_frag - may a fragment in emergency memory wait?
 * @fqdir: where it would wait
 * @skb: the fragment
 * @kind: which queue that is
 *
 * If it comes from who a SOCK_MEMALLOC socket talks to, and there is room: the
 * node of this kind can have its pages or, where it has none that are of the
 * reserve, the queue as a whole is small.
 *
 * Context: Softirq.
 * Return: false if it is to be dropped; that has been counted.
 */
bool __sk_reserve_may_queue_frag(const struct fqdir *fqdir, struct sk_buff *skb,
				 enum sk_reserve_frag kind)
{
	unsigned long bound = READ_ONCE(sk_reserve_frag_kbytes) * 1024UL;
	bool roomy = frag_mem_limit(fqdir) + skb->truesize <= bound;

	if (bound && from_peer(fqdir->net, skb) &&
	    skb_move(skb, &sk_reserve_nodes[SK_RESERVE_FRAG4 + kind], roomy))
		return true;
	__NET_INC_STATS(fqdir->net, LINUX_MIB_PFMEMALLOCFRAGDROP);
	return false;
}
EXPORT_SYMBOL_GPL(__sk_reserve_may_queue_frag);

#endif /* CONFIG_INET */

/* Storage daemons */

/**
 * sk_reserve_mark_daemon - mark the socket of a storage daemon
 * @sk: a new socket
 *
 * What connects to a listening one inherits it.
 *
 * Context: Any.
 */
void sk_reserve_mark_daemon(struct sock *sk)
{
	if (mem_reserve_task_is_daemon())
		sock_set_flag(sk, SOCK_IO_FLUSHER);
}

/**
 * __sk_reserve_daemon_connect - count a storage daemon's connection in
 * @sk: a daemon's socket that has a route, and sends its SYN
 *
 * It has what the kernel's own SOCK_MEMALLOC sockets have, but that what it
 * receives is charged to the daemons' reserve: nobody knows when it will be read.
 * Not for what an ordinary user runs, though it was a daemon that started it.
 *
 * Context: Process, with the socket locked. May sleep and reclaim.
 */
void __sk_reserve_daemon_connect(struct sock *sk)
{
	if (!sk_is_tcp(sk) || sock_net(sk)->user_ns != &init_user_ns ||
	    !has_capability_noaudit(current, CAP_SYS_RESOURCE))
		return;
	if (!sock_flag(sk, SOCK_MEMALLOC))
		sk_reserve_join(sk);
	__sk_mark_memalloc(sk);
	/* Which has made it the kernel's */
	sock_set_flag(sk, SOCK_IO_FLUSHER);
	/* A page of the task's own may belong to any of its sockets. */
	sk->sk_use_task_frag = false;
}

/**
 * __sk_reserve_daemon_takes - may a daemon's socket have a packet?
 * @sk: the socket of a storage daemon
 * @skb: the packet, in emergency memory
 * @cap: bytes of its headers
 *
 * If the daemons' reserve has room for its pages. Packets that have none are
 * bounded by what the socket has already. An ACK of what the daemon has sent is
 * not queued: it is taken even while the daemon does not read.
 *
 * Context: Softirq, or the socket's owner.
 * Return: false if it is to be dropped.
 */
bool __sk_reserve_daemon_takes(struct sock *sk, struct sk_buff *skb,
			       unsigned int cap)
{
	bool roomy = atomic_read(&sk->sk_rmem_alloc) + skb->truesize <=
		     SK_RESERVE_QUEUE_BYTES;

	if (sk_is_tcp(sk) && skb->len <= cap)
		return true;
	return skb_move(skb, &mem_reserve_daemons, roomy);
}

/* Connecting */

static struct sk_reserve *sk_reserve_find(const struct sock *sk)
{
	struct sk_reserve *pos;

	lockdep_assert_held(&sk_reserve_lock);

	list_for_each_entry(pos, &sk_reserves, list)
		if (pos->sk == sk)
			return pos;
	return NULL;
}

static void sk_reserve_set_net(void)
{
	const struct sk_reserve *pos;
	struct net *net = NULL;

	lockdep_assert_held(&sk_reserve_lock);

	list_for_each_entry(pos, &sk_reserves, list) {
		if (net && net != pos->net) {
			net = NULL;
			break;
		}
		net = pos->net;
	}
	WRITE_ONCE(sk_reserve_net, net);
}

static void sk_reserve_list_del(struct sk_reserve *res)
{
	list_del_rcu(&res->list);
	sk_reserve_set_net();
}

static void sk_reserve_wish(struct sk_reserve_size *size)
{
	spin_lock(&sk_reserve_lock);
	sk_reserve_sum(size, &sk_reserves);
	spin_unlock(&sk_reserve_lock);
}

/* Promise no more than all on the list need; false if more of it is in use. */
static bool sk_reserve_trim(void)
{
	struct sk_reserve_size size;

	sk_reserve_wish(&size);
	return sk_reserve_shrink(&size);
}

static void sk_reserve_down(void)
{
	static const struct sk_reserve_size nothing;

	static_branch_disable(&sk_reserve_key);
	mem_reserve_disconnect(sk_reserve_node(NETWORK));
	/* Until nobody has a head in hand that was charged before */
	synchronize_net();
	sk_reserve_shrink(&nothing);
}

/* What stands on the list for the same socket, and is to be freed, if that is so */
static struct sk_reserve *sk_reserve_list_replace(struct sk_reserve *res)
{
	struct sk_reserve *known = sk_reserve_find(res->sk);

	if (known)
		list_replace_rcu(&known->list, &res->list);
	return known;
}

/* False if the socket was there already: then it has a route now, perhaps. */
static bool sk_reserve_list_add(struct sk_reserve *res)
{
	struct sk_reserve *known;

	spin_lock(&sk_reserve_lock);
	known = sk_reserve_list_replace(res);
	if (!known) {
		list_add_rcu(&res->list, &sk_reserves);
		sk_reserve_set_net();
	}
	spin_unlock(&sk_reserve_lock);
	if (known)
		kfree_rcu(known, rcu);
	return !known;
}

/* Promise what all on the list need. With the first the subtree is connected. */
static int sk_reserve_up(void)
{
	struct sk_reserve_size size;
	int err;

	lockdep_assert_held(&sk_reserve_mutex);

	err = sk_reserve_node(NETWORK)->parent ? 0 :
	      mem_reserve_connect(sk_reserve_node(NETWORK), &mem_reserve_root);
	if (!err) {
		sk_reserve_wish(&size);
		err = sk_reserve_grow(&size);
	}
	if (!err && !sk_reserve_active())
		static_branch_enable(&sk_reserve_key);
	/* Who holds the tree may wait for what is to be mended here. */
	if (err && sk_reserve_mending())
		sk_reserve_resize();
	return err;
}

/* Takes @res over. A socket that was counted before is so if this fails, too. */
static int sk_reserve_add(struct sk_reserve *res)
{
	const struct sock *sk = res->sk;
	bool added = sk_reserve_list_add(res);
	int err = sk_reserve_up();

	/* It follows. */
	if (err == -EAGAIN)
		return 0;
	if (!err || !added)
		return err;

	/* Another may stand in its place by now, see __sk_reserve_refresh(). */
	spin_lock(&sk_reserve_lock);
	res = sk_reserve_find(sk);
	if (res)
		sk_reserve_list_del(res);
	spin_unlock(&sk_reserve_lock);
	if (res)
		kfree_rcu(res, rcu);
	/* What the last one left lingers; in a mender's scope a worker will see. */
	if (list_empty(&sk_reserves) && !sk_reserve_active() &&
	    sk_reserve_node(NETWORK)->parent && !sk_reserve_mending())
		sk_reserve_down();
	return err;
}

/* NULL if @sk gets no share */
static struct sk_reserve *sk_reserve_new(struct sock *sk)
{
	struct sk_reserve *res;

	if (sock_net(sk)->user_ns != &init_user_ns)
		return NULL;
	res = kzalloc(sizeof(*res), GFP_KERNEL);
	if (!res)
		return ERR_PTR(-ENOMEM);
	sk_reserve_describe(res, sk);
	return res;
}

/*
 * Who mends what reclaim waits for does not wait for the mutex, whose holder
 * may wait for that: the share follows, then, as when a device grows.
 */
static void sk_reserve_add_later(struct sk_reserve *res)
{
	if (sk_reserve_list_add(res))
		sk_reserve_resize();
}

/**
 * sk_reserve_connect - set aside what a SOCK_MEMALLOC socket needs
 * @sk: the socket, not freed before sk_reserve_disconnect()
 *
 * For sk_set_memalloc(), and for those who set the flag before they have a
 * route, which tells the device.
 *
 * A socket in a namespace that users make for themselves gets no share: what
 * they could set aside would be charged to nobody.
 *
 * Context: Process. Sleeps, and reclaims as far as the task's memalloc scope
 * allows. The reconnect of what pages are written to needs a scope of
 * memalloc_noio_save(); while another socket is being connected its share
 * follows in a moment.
 * Return: 0, also if that was done before, or a negative error after saying in
 * the log how much was missing; what was set aside before is as it was.
 */
int sk_reserve_connect(struct sock *sk)
{
	struct sk_reserve *res = sk_reserve_new(sk);
	int err;

	if (IS_ERR_OR_NULL(res))
		return PTR_ERR_OR_ZERO(res);

	if (!mutex_trylock(&sk_reserve_mutex)) {
		if (sk_reserve_mending()) {
			sk_reserve_add_later(res);
			return 0;
		}
		mutex_lock(&sk_reserve_mutex);
	}
	err = sk_reserve_add(res);
	mutex_unlock(&sk_reserve_mutex);
	if (err)
		pr_warn("the memory a connection needs cannot be set aside (%pe): free some, or lower net.core.sock_reserve_scale, and connect again\n",
			ERR_PTR(err));
	return err;
}
EXPORT_SYMBOL_GPL(sk_reserve_connect);
ALLOW_ERROR_INJECTION(sk_reserve_connect, ERRNO);

/**
 * sk_reserve_join - count a socket in, whatever can be set aside for it
 * @sk: the socket, not freed before sk_reserve_disconnect()
 *
 * For sk_force_memalloc(), and after sk_reserve_connect() failed for who has set
 * the flag before. Such a socket takes the place of another, whose share stays
 * where it is, then. Where there is none any more, it is asked for again until
 * it can be had.
 *
 * Context: Process. May sleep and reclaim, as far as the memalloc scope allows.
 */
void sk_reserve_join(struct sock *sk)
{
	struct sk_reserve *res = sk_reserve_new(sk);
	bool alone;

	if (IS_ERR_OR_NULL(res) || !sk_reserve_list_add(res))
		return;
	spin_lock(&sk_reserve_lock);
	alone = list_is_singular(&sk_reserves);
	spin_unlock(&sk_reserve_lock);
	/* If the other one is still there, both cannot be had, and need not be. */
	if (alone)
		sk_reserve_resize();
	else
		sk_reserve_resize_later(SK_RESERVE_LINGER);
}
EXPORT_SYMBOL_GPL(sk_reserve_join);

/**
 * __sk_reserve_refresh - a socket has become one that needs more
 * @sk: the socket
 *
 * With TLS, which NVMe/TCP sets up when the connection has its share. The rest
 * follows in a moment; what it lacks is said in the log.
 *
 * Context: Process, with the socket locked. Sleeps, and does not write to swap.
 */
void __sk_reserve_refresh(struct sock *sk)
{
	unsigned int noio = memalloc_noio_save();
	struct sk_reserve *res = sk_reserve_new(sk), *known;

	memalloc_noio_restore(noio);
	if (IS_ERR_OR_NULL(res))
		return;		/* it counts as before */
	spin_lock(&sk_reserve_lock);
	known = sk_reserve_list_replace(res);
	spin_unlock(&sk_reserve_lock);
	/* One that has no share gets none by this. */
	kfree_rcu(known ?: res, rcu);
	if (known)
		sk_reserve_resize();
}

/* A connection that broke has a while to come back, whatever else is to be done. */
static bool sk_reserve_lingers(void)
{
	u64 end, now = get_jiffies_64();

	spin_lock(&sk_reserve_lock);
	end = sk_reserve_gone + SK_RESERVE_LINGER;
	spin_unlock(&sk_reserve_lock);
	if (time_after_eq64(now, end))
		return false;
	sk_reserve_resize_later(end - now);
	return true;
}

/*
 * What cannot be had is said in the log, and asked for again: the connections
 * stand, with what they were promised before.
 */
static void sk_reserve_resize_fn(struct work_struct *work)
{
	static bool lacking;
	int err;

	guard(mutex)(&sk_reserve_mutex);

	if (list_empty(&sk_reserves)) {
		if (sk_reserve_node(NETWORK)->parent && !sk_reserve_lingers())
			sk_reserve_down();
		return;
	}
	err = sk_reserve_up();
	if (err) {
		if (!lacking)
			pr_warn("a connection or device needs more than can be set aside (%pe): free some memory, or lower net.core.sock_reserve_scale\n",
				ERR_PTR(err));
		lacking = true;
		/* What others have too much of may be what is lacking. */
		if (!sk_reserve_lingers())
			sk_reserve_trim();
		sk_reserve_resize_later(SK_RESERVE_LINGER);
		return;
	}
	lacking = false;
	if (!sk_reserve_lingers() && !sk_reserve_trim())
		sk_reserve_resize_later(SK_RESERVE_LINGER);
}

/**
 * sk_reserve_resize - devices are not what they were
 *
 * The promise follows in a moment. What it lacks is said in the log, and what
 * was promised before stays.
 *
 * Context: Any but hardirq and NMI.
 */
void sk_reserve_resize(void)
{
	mod_delayed_work(system_unbound_wq, &sk_reserve_resize_work, 0);
}

/* What is being tried, and what is in force meanwhile; under sk_reserve_lock */
static const unsigned int *sk_reserve_tried;
static unsigned int sk_reserve_in_force;

/**
 * sk_reserve_knob - what is in force of what the demands are computed with
 * @knob: one of the variables behind the sysctls
 *
 * Context: Process.
 * Return: its value, or the old one while the memory for another is asked for.
 */
unsigned int sk_reserve_knob(const unsigned int *knob)
{
	unsigned int value;

	spin_lock(&sk_reserve_lock);
	value = knob == sk_reserve_tried ? sk_reserve_in_force : *knob;
	spin_unlock(&sk_reserve_lock);
	return value;
}

/* @tried is @knob as long as the value may still be taken back. */
static void sk_reserve_knob_set(unsigned int *knob, unsigned int value,
				const unsigned int *tried)
{
	spin_lock(&sk_reserve_lock);
	sk_reserve_in_force = *knob;
	sk_reserve_tried = tried;
	WRITE_ONCE(*knob, value);
	spin_unlock(&sk_reserve_lock);
}

/**
 * sk_reserve_tune - change what the demands are computed with
 * @knob: one of the variables behind the sysctls
 * @value: for it, in its range
 *
 * A lower value is never refused: it may be what makes room for a node that
 * lacks something, which is asked for again at once.
 *
 * Context: Process. Sleeps and reclaims.
 * Return: 0, or a negative error: the old value is in force then.
 */
int sk_reserve_tune(unsigned int *knob, unsigned int value)
{
	unsigned int old;
	int err = 0;

	guard(mutex)(&sk_reserve_mutex);

	old = *knob;
	if (value == old)
		return 0;
	sk_reserve_knob_set(knob, value, knob);
	if (value > old && sk_reserve_node(NETWORK)->parent)
		err = sk_reserve_up();
	sk_reserve_knob_set(knob, err ? old : value, NULL);
	if (err || !sk_reserve_node(NETWORK)->parent)
		return err;
	sk_reserve_trim();
	sk_reserve_resize();
	return 0;
}
ALLOW_ERROR_INJECTION(sk_reserve_tune, ERRNO);

/**
 * sk_reserve_disconnect - give back what was set aside for a socket
 * @sk: the socket; nothing happens if nothing was
 *
 * The memory follows after a while, from a workqueue: this is called where a
 * connection is being mended, and it will want its share again.
 *
 * Context: Process. Does not sleep.
 */
void sk_reserve_disconnect(struct sock *sk)
{
	struct sk_reserve *res;

	spin_lock(&sk_reserve_lock);
	res = sk_reserve_find(sk);
	if (res) {
		sk_reserve_list_del(res);
		sk_reserve_gone = get_jiffies_64();
	}
	spin_unlock(&sk_reserve_lock);

	if (res) {
		sk_reserve_resize_later(SK_RESERVE_LINGER);
		kfree_rcu(res, rcu);
	}
}

static bool ofo_in_emergency(const struct tcp_sock *tp)
{
	struct rb_node *node;

	for (node = rb_first(&tp->out_of_order_queue); node; node = rb_next(node))
		if (skb_pfmemalloc(rb_to_skb(node)))
			return true;
	return false;
}

/**
 * sk_reserve_drop - give back what a socket keeps that is no longer ours
 * @sk: the socket, locked
 *
 * A connection that died under load has packets in emergency memory that wait
 * for others, and keeps them for minutes after it was closed. The peer sends
 * them again, if there is one: they may be dropped from this queue at any time.
 * The socket has the page that was to be sent from next, too, and keeps it for as
 * long as somebody has the socket open.
 *
 * Context: Process, with the socket locked.
 */
void sk_reserve_drop(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (sk->sk_frag.page && page_is_pfmemalloc(sk->sk_frag.page)) {
		put_page(sk->sk_frag.page);
		sk->sk_frag.page = NULL;
		sk->sk_frag.offset = 0;
	}
	if (!IS_ENABLED(CONFIG_INET) || !sk_is_tcp(sk) || !ofo_in_emergency(tp))
		return;
	skb_rbtree_purge(&tp->out_of_order_queue);
	if (tp->rx_opt.sack_ok)
		tcp_sack_reset(&tp->rx_opt);
}

#if defined(CONFIG_MEM_RESERVE_KUNIT_TEST) && defined(CONFIG_INET)
#include "sock_reserve_kunit.c"
#endif
