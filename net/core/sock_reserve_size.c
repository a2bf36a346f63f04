// SPDX-License-Identifier: GPL-2.0
/*
 * How much the network's share of the memory reserves is to hold: computed from
 * the sockets that ask for it and the devices they use, see
 * Documentation/networking/reserve.rst for the table.
 *
 * A device's figures are taken when it comes up and when it changes, with RTNL
 * held as its driver expects, and kept: who connects a socket cannot take RTNL,
 * since he may hold it.
 */

#define pr_fmt(fmt) "sock_reserve: " fmt

#include <linux/cleanup.h>
#include <linux/error-injection.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/reserve.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sysctl.h>
#include <linux/tcp.h>
#include <net/dst.h>
#include <net/hotdata.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>
#include <net/sock_reserve.h>
#include <net/tcp.h>

#include "sock_reserve.h"

#define CREATE_TRACE_POINTS
#include <trace/events/sock_reserve.h>

/* The most that is promised to one receive queue: more only makes it faster. */
#define SK_RESERVE_RING_MAX	256
/* A device whose driver does not say: it has one buffer, and a backlog. */
#define SK_RESERVE_RING_UNKNOWN	64
/* Of buffers that need more than a page each */
#define SK_RESERVE_JUMBO	32
/* What a socket has in flight beside its send queue: ACKs, probes */
#define SK_RESERVE_ACKS		16
/* Records of TLS at a time: one each that is filled, sent, arrives and is decrypted */
#define SK_RESERVE_RECORDS	4
/* Pages of one that is copied as it arrives, or in order to decrypt it */
#define SK_RESERVE_RECORD_PAGES	(DIV_ROUND_UP(SZ_16K, PAGE_SIZE) + 1)
/* Packets and entries of the control node: for all, and for each socket */
#define SK_RESERVE_CONTROL_MIN	16
/* Pages for packets that a device without scatter-gather wants in one piece */
#define SK_RESERVE_LINEAR	8
/* A segment's payload when nothing is known */
#define SK_RESERVE_MSS		536

/**
 * struct sk_reserve_dev - a device with a receive ring
 * @list: link in sk_reserve_devs
 * @dev: the device, forgotten when it is unregistered
 * @ring: buffers in all its rings, as far as they count
 * @buffer: bytes of one that holds a whole frame
 * @used: mark of sk_reserve_sum()
 */
struct sk_reserve_dev {
	struct list_head list;
	const struct net_device *dev;
	unsigned long ring;
	unsigned int buffer;
	bool used;
};

/* Inside sk_reserve_lock */
static DEFINE_SPINLOCK(sk_reserve_dev_lock);
static LIST_HEAD(sk_reserve_devs);

/*
 * Sysctls, changed under sk_reserve_mutex: per cent of what is computed, of all
 * of it and of its two parts; and how much fragments of each kind may keep, of
 * the reserve and, by truesize, of other emergency memory.
 */
unsigned int sk_reserve_scale = 100;
unsigned int sk_reserve_rx_scale = 100;
unsigned int sk_reserve_tx_scale = 100;
unsigned int sk_reserve_frag_kbytes = 16 * PAGE_SIZE / 1024;

/* What each node promises now, under sk_reserve_mutex */
static struct sk_reserve_size sk_reserve_now[SK_RESERVE_NODES];

struct mem_reserve sk_reserve_nodes[SK_RESERVE_NODES];

#define SCALE		"net.core.sock_reserve_scale"
#define RX_SCALE	"net.core.sock_reserve_rx_scale"
#define TX_SCALE	"net.core.sock_reserve_tx_scale"
#define FRAG_KBYTES	"net.core.sock_reserve_frag_kbytes"

static const struct {
	const char *name;
	const char *knob;
	enum sk_reserve_node parent;
} sk_reserve_tree[SK_RESERVE_NODES] = {
	[SK_RESERVE_NETWORK]	= { "network",	SCALE },
	[SK_RESERVE_RECEIVE]	= { "receive",	RX_SCALE,	SK_RESERVE_NETWORK },
	[SK_RESERVE_TRANSMIT]	= { "transmit",	TX_SCALE,	SK_RESERVE_NETWORK },
	[SK_RESERVE_RING]	= { "ring",	NULL,		SK_RESERVE_RECEIVE },
	[SK_RESERVE_HEADS]	= { "heads",	NULL,		SK_RESERVE_RECEIVE },
	[SK_RESERVE_FRAG4]	= { "frag4",	FRAG_KBYTES,	SK_RESERVE_RECEIVE },
	[SK_RESERVE_FRAG6]	= { "frag6",	FRAG_KBYTES,	SK_RESERVE_RECEIVE },
	[SK_RESERVE_FRAG6_NF]	= { "frag6_nf",	FRAG_KBYTES,	SK_RESERVE_RECEIVE },
	[SK_RESERVE_SOCKETS]	= { "sockets",	NULL,		SK_RESERVE_TRANSMIT },
	[SK_RESERVE_CONTROL]	= { "control",	NULL,		SK_RESERVE_TRANSMIT },
};

/* Devices */

static struct sk_reserve_dev *dev_find(const struct net_device *dev)
{
	struct sk_reserve_dev *pos;

	lockdep_assert_held(&sk_reserve_dev_lock);

	list_for_each_entry(pos, &sk_reserve_devs, list)
		if (pos->dev == dev)
			return pos;
	return NULL;
}

/* Buffers in one receive queue of @dev, 0 for a device that has none */
static unsigned int dev_ring(struct net_device *dev)
{
	struct kernel_ethtool_ringparam kernel_ring = {};
	struct ethtool_ringparam ring = {};
	const struct ethtool_ops *ops = dev->ethtool_ops;

	if (ops && ops->get_ringparam) {
		ops->get_ringparam(dev, &ring, &kernel_ring, NULL);
		ring.rx_pending += ring.rx_mini_pending + ring.rx_jumbo_pending;
		return min_t(u32, ring.rx_pending, SK_RESERVE_RING_MAX);
	}
	return dev->dev.parent ? SK_RESERVE_RING_UNKNOWN : 0;
}

/* Bytes of a linear buffer for one frame, as drivers ask for it */
static unsigned int dev_buffer(const struct net_device *dev)
{
	return SKB_HEAD_ALIGN(NET_SKB_PAD + NET_IP_ALIGN + dev->hard_header_len +
			      VLAN_HLEN + READ_ONCE(dev->mtu) + ETH_FCS_LEN);
}

/* Forget the figures of @dev, for @new ones or for good. */
static void dev_replace(const struct net_device *dev, struct sk_reserve_dev *new)
{
	struct sk_reserve_dev *old;
	bool changed = new;

	spin_lock(&sk_reserve_dev_lock);
	old = dev_find(dev);
	if (old) {
		changed = !new || old->ring != new->ring ||
			  old->buffer != new->buffer;
		list_del(&old->list);
	}
	if (new)
		list_add(&new->list, &sk_reserve_devs);
	spin_unlock(&sk_reserve_dev_lock);

	kfree(old);
	if (changed)
		sk_reserve_resize();
}

/* Take the figures of @dev again. */
static void dev_update(struct net_device *dev)
{
	unsigned long ring = dev_ring(dev) * dev->real_num_rx_queues;
	struct sk_reserve_dev *new = NULL;

	ASSERT_RTNL();

	if (ring) {
		new = kzalloc(sizeof(*new), GFP_NOIO);
		if (!new)
			return;		/* it counts as before */
		new->dev = dev;
		new->ring = ring;
		new->buffer = dev_buffer(dev);
	}
	dev_replace(dev, new);
}

/**
 * sk_reserve_dev_changed - the rings of a device have another size
 * @dev: the device
 *
 * For changes that no notifier tells of.
 *
 * Context: Process, RTNL is held.
 */
void sk_reserve_dev_changed(struct net_device *dev)
{
	if (netif_running(dev))
		dev_update(dev);
}

static int sk_reserve_netdev_event(struct notifier_block *nb,
				   unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	switch (event) {
	case NETDEV_UP:
		dev_update(dev);
		break;
	case NETDEV_CHANGEMTU:
	case NETDEV_FEAT_CHANGE:
		sk_reserve_dev_changed(dev);
		break;
	case NETDEV_CHANGEUPPER:
		sk_reserve_resize();
		break;
	case NETDEV_UNREGISTER:
		dev_replace(dev, NULL);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block sk_reserve_netdev_nb = {
	.notifier_call = sk_reserve_netdev_event,
};

/* Sums */

/**
 * sk_reserve_describe - what a socket will need, as far as it can be told now
 * @res: to be filled in
 * @sk: the socket
 *
 * Context: Process.
 */
void sk_reserve_describe(struct sk_reserve *res, struct sock *sk)
{
	struct dst_entry *dst;

	res->sk = sk;
	res->net = sock_net(sk);
	res->family = sk->sk_family;
	res->protocol = sk->sk_protocol;
	rcu_read_lock();
	dst = rcu_dereference(sk->sk_dst_cache);
	if (dst) {
		res->ifindex = dst_dev_rcu(dst)->ifindex;
		res->dst_cache = dst->ops->kmem_cachep;
	}
	rcu_read_unlock();
	res->mss = SK_RESERVE_MSS;
	if (!sk_is_tcp(sk))
		return;
	res->mss = max_t(unsigned int, tcp_sk(sk)->mss_cache, res->mss);
	res->records = inet_csk_has_ulp(sk);
}

static bool is_tcp(const struct sk_reserve *res)
{
	return (res->family == AF_INET || res->family == AF_INET6) &&
	       res->protocol == IPPROTO_TCP;
}

/* Called for a device below: then the one above has no say. */
static int dev_mark(struct net_device *dev, struct netdev_nested_priv *priv)
{
	struct sk_reserve_dev *pos = dev_find(dev);
	bool *known = priv->data;

	*known = true;
	if (pos)
		pos->used = true;
	return 0;
}

/*
 * The device of @res and what is below it. What sends through a tunnel, or will
 * find its way when it connects, may use any device of its namespace, or of the
 * first one if there is none there. What hears everybody is a tunnel itself:
 * who uses it counts.
 */
static void devs_mark(const struct sk_reserve *res)
{
	struct sk_reserve_dev *pos;
	struct net_device *dev;
	bool known = false;
	struct netdev_nested_priv priv = { .data = &known };

	if (!is_tcp(res))
		return;
	dev = res->ifindex ? dev_get_by_index_rcu(res->net, res->ifindex) : NULL;
	if (dev) {
		netdev_walk_all_lower_dev_rcu(dev, dev_mark, &priv);
		if (dev_find(dev))
			dev_mark(dev, &priv);
		known |= !!(dev->flags & IFF_LOOPBACK);
	}
	list_for_each_entry(pos, &sk_reserve_devs, list)
		if (!known && (dev_net(pos->dev) == res->net ||
			       dev_net(pos->dev) == &init_net))
			pos->used = true;
}

static void sum_devs(struct sk_reserve_size *size)
{
	struct sk_reserve_dev *pos;

	list_for_each_entry(pos, &sk_reserve_devs, list) {
		if (!pos->used)
			continue;
		size->ring += pos->ring;
		/* Beyond that nobody can promise it, and drivers chain pages. */
		if (pos->buffer > PAGE_SIZE && get_order(pos->buffer) < MEM_RESERVE_ORDERS) {
			size->jumbo = SK_RESERVE_JUMBO;
			size->jumbo_size = max(size->jumbo_size, pos->buffer);
		}
	}
}

/*
 * All that is in the send queue was encrypted into other pages. Of what arrives
 * one record is copied, and another one decrypted; each is a packet of its own.
 */
static void sum_records(struct sk_reserve_size *size)
{
	size->records += SK_RESERVE_RECORDS;
	size->segments += SK_RESERVE_RECORDS;
	size->copies += DIV_ROUND_UP(SK_RESERVE_SNDBUF, PAGE_SIZE) +
			2 * SK_RESERVE_RECORD_PAGES;
}

/*
 * A clone for each packet that the send queue can hold, however small they are;
 * a head for each segment that one of its packets is cut into.
 */
static void sum_socket(struct sk_reserve_size *size, const struct sk_reserve *res)
{
	size->control++;
	if (!is_tcp(res))
		return;
	/* However small the packets are that wait for others: a page to each */
	size->ring += DIV_ROUND_UP(SK_RESERVE_OFO, SKB_TRUESIZE(1)) + 1;
	size->clones += DIV_ROUND_UP(SK_RESERVE_SNDBUF, SKB_TRUESIZE(MAX_TCP_HEADER)) +
			SK_RESERVE_ACKS / 2;
	size->segments += DIV_ROUND_UP(SK_RESERVE_SNDBUF, res->mss) + SK_RESERVE_ACKS;
	size->copies += DIV_ROUND_UP(SK_RESERVE_SNDBUF, PAGE_SIZE) + 1 +
			SK_RESERVE_LINEAR;
	if (res->records)
		sum_records(size);
}

static void sum_family(struct sk_reserve_size *size, const struct sk_reserve *res)
{
	unsigned long pages = DIV_ROUND_UP(READ_ONCE(sk_reserve_frag_kbytes),
					   PAGE_SIZE / 1024);

	if (res->family == AF_INET || res->family == AF_INET6)
		size->frag[0] = pages;
	if (res->family == AF_INET6) {
		size->frag[1] = pages;
		size->frag[2] = pages;
	}
}

static void sum_dst_cache(struct sk_reserve_size *size,
			  struct kmem_cache *cache)
{
	unsigned int i;

	for (i = 0; cache && i < SK_RESERVE_DST_CACHES; i++) {
		if (size->dst_caches[i] == cache)
			break;
		if (!size->dst_caches[i]) {
			size->dst_caches[i] = cache;
			break;
		}
	}
}

/* More than any machine has, and still far from an overflow in what follows */
#define SK_RESERVE_COUNT_MAX	(UINT_MAX / 8)

static void parts_scale(unsigned long *const *part, unsigned int nr,
			unsigned int percent)
{
	u64 factor = (u64)percent * READ_ONCE(sk_reserve_scale);

	for (; nr--; part++)
		**part = min_t(u64, DIV_ROUND_UP_ULL(**part * factor, 100 * 100),
			       SK_RESERVE_COUNT_MAX);
}

static void size_scale(struct sk_reserve_size *size)
{
	unsigned long *const rx[] = { &size->ring, &size->jumbo };
	unsigned long *const tx[] = {
		&size->clones, &size->segments, &size->copies, &size->records,
		&size->control,
	};

	parts_scale(rx, ARRAY_SIZE(rx), READ_ONCE(sk_reserve_rx_scale));
	parts_scale(tx, ARRAY_SIZE(tx), READ_ONCE(sk_reserve_tx_scale));
}

/**
 * sk_reserve_sum - what all sockets need together
 * @size: the result
 * @sockets: struct sk_reserve, which do not change meanwhile
 *
 * Context: Process. Does not sleep.
 */
void sk_reserve_sum(struct sk_reserve_size *size, struct list_head *sockets)
{
	const struct sk_reserve *res;
	struct sk_reserve_dev *pos;

	memset(size, 0, sizeof(*size));
	if (list_empty(sockets))
		return;
	size->control = SK_RESERVE_CONTROL_MIN;

	rcu_read_lock();
	spin_lock(&sk_reserve_dev_lock);
	list_for_each_entry(pos, &sk_reserve_devs, list)
		pos->used = false;
	list_for_each_entry(res, sockets, list) {
		devs_mark(res);
		sum_socket(size, res);
		sum_family(size, res);
		sum_dst_cache(size, res->dst_cache);
	}
	sum_devs(size);
	spin_unlock(&sk_reserve_dev_lock);
	rcu_read_unlock();

	size_scale(size);
}

/* Demands */

static unsigned int ring_parts(const struct sk_reserve_size *size,
			       struct mem_reserve_part *parts)
{
	parts[0] = (struct mem_reserve_part){ .count = size->ring };
	parts[1] = (struct mem_reserve_part){ .size = size->jumbo_size,
					      .count = size->jumbo };
	return size->jumbo ? 2 : 1;
}

/* Two buffers may share a page, and a buffer's headers may be in a small head. */
static unsigned int heads_parts(const struct sk_reserve_size *size,
				struct mem_reserve_part *parts)
{
	unsigned long buffers = size->ring + size->jumbo;

	parts[0] = (struct mem_reserve_part){ .cache = net_hotdata.skbuff_cache,
					      .count = 2 * buffers };
	parts[1] = (struct mem_reserve_part){ .cache = net_hotdata.skb_small_head_cache,
					      .count = buffers };
	return 2;
}

/* Heads are with room for a clone, all of them: see alloc_skb_charged() */
static unsigned int sockets_parts(const struct sk_reserve_size *size,
				  struct mem_reserve_part *parts)
{
	unsigned long heads = size->clones + size->segments;

	parts[0] = (struct mem_reserve_part){ .cache = net_hotdata.skbuff_fclone_cache,
					      .count = heads };
	parts[1] = (struct mem_reserve_part){ .cache = net_hotdata.skb_small_head_cache,
					      .count = heads };
	parts[2] = (struct mem_reserve_part){ .count = size->copies };
	parts[3] = (struct mem_reserve_part){ .size = SK_RESERVE_RECORD_SIZE,
					      .count = size->records };
	return 4;
}

static unsigned int control_parts(const struct sk_reserve_size *size,
				  struct mem_reserve_part *parts)
{
	unsigned int i, nr = 3;

	parts[0] = (struct mem_reserve_part){ .cache = net_hotdata.skbuff_fclone_cache,
					      .count = size->control };
	parts[1] = (struct mem_reserve_part){ .cache = net_hotdata.skb_small_head_cache,
					      .count = size->control };
	parts[2] = (struct mem_reserve_part){ .size = SK_RESERVE_NEIGH_SIZE,
					      .count = size->control };
	for (i = 0; i < SK_RESERVE_DST_CACHES && size->dst_caches[i]; i++)
		parts[nr++] = (struct mem_reserve_part){ .cache = size->dst_caches[i],
							 .count = size->control };
	return nr;
}

static unsigned int frag_parts(const struct sk_reserve_size *size,
			       struct mem_reserve_part *parts, unsigned int kind)
{
	parts[0] = (struct mem_reserve_part){ .count = size->frag[kind] };
	return 1;
}

#define SK_RESERVE_PARTS	(3 + SK_RESERVE_DST_CACHES)

static int demand_set(enum sk_reserve_node node, const struct sk_reserve_size *size)
{
	struct mem_reserve_part parts[SK_RESERVE_PARTS];
	unsigned int i, nr, used = 0;

	switch (node) {
	case SK_RESERVE_RING:
		nr = ring_parts(size, parts);
		break;
	case SK_RESERVE_HEADS:
		nr = heads_parts(size, parts);
		break;
	case SK_RESERVE_SOCKETS:
		nr = sockets_parts(size, parts);
		break;
	case SK_RESERVE_CONTROL:
		nr = control_parts(size, parts);
		break;
	default:
		nr = frag_parts(size, parts, node - SK_RESERVE_FRAG4);
	}
	for (i = 0; i < nr; i++)
		if (parts[i].count)
			parts[used++] = parts[i];
	return mem_reserve_parts_set(&sk_reserve_nodes[node], parts, used);
}

/* What is promised is not taken back while somebody waits for more. */
static void size_max(struct sk_reserve_size *size,
		     const struct sk_reserve_size *than)
{
	unsigned int i;

	size->ring = max(size->ring, than->ring);
	size->jumbo = max(size->jumbo, than->jumbo);
	size->jumbo_size = max(size->jumbo_size, than->jumbo_size);
	for (i = 0; i < ARRAY_SIZE(size->frag); i++)
		size->frag[i] = max(size->frag[i], than->frag[i]);
	size->clones = max(size->clones, than->clones);
	size->segments = max(size->segments, than->segments);
	size->copies = max(size->copies, than->copies);
	size->records = max(size->records, than->records);
	size->control = max(size->control, than->control);
	for (i = 0; i < SK_RESERVE_DST_CACHES; i++)
		sum_dst_cache(size, than->dst_caches[i]);
}

static int demand_grow(enum sk_reserve_node node, const struct sk_reserve_size *size)
{
	struct sk_reserve_size want = *size;

	size_max(&want, &sk_reserve_now[node]);
	return demand_set(node, &want);
}

/**
 * sk_reserve_grow - promise more
 * @size: what is needed; no part of what is promised already gets smaller
 *
 * Context: Process, under sk_reserve_mutex. Sleeps and reclaims as
 * mem_reserve_parts_set().
 * Return: 0, or a negative error: what was promised before is in force, or will be
 * in a moment, if whoever mends what reclaim waits for may not wait for that.
 */
int sk_reserve_grow(const struct sk_reserve_size *size)
{
	enum sk_reserve_node node;
	int err = 0;

	for (node = SK_RESERVE_FIRST; node < SK_RESERVE_NODES; node++) {
		err = demand_grow(node, size);
		if (err)
			break;
	}
	trace_sk_reserve_size(size, err);
	if (!err) {
		for (node = SK_RESERVE_FIRST; node < SK_RESERVE_NODES; node++)
			size_max(&sk_reserve_now[node], size);
		return 0;
	}
	/* A worker, which can wait for the tree, asks again or gives it back. */
	if (sk_reserve_mending()) {
		while (node-- > SK_RESERVE_FIRST)
			size_max(&sk_reserve_now[node], size);
		return err;
	}
	/* One that is in use by now keeps what it got: no harm in that. */
	while (node-- > SK_RESERVE_FIRST)
		demand_set(node, &sk_reserve_now[node]);
	return err;
}
ALLOW_ERROR_INJECTION(sk_reserve_grow, ERRNO);

/**
 * sk_reserve_shrink - promise no more than is needed
 * @size: what is needed
 *
 * Takes memory only for what has less than that. A node that cannot have it,
 * or of which more is in use, stays as it is. So does that of the sockets while
 * anything of it is: one that is gone may have it still, and not what another was
 * promised.
 *
 * Context: Process, under sk_reserve_mutex. Sleeps.
 * Return: true if no node stayed as it is.
 */
bool sk_reserve_shrink(const struct sk_reserve_size *size)
{
	enum sk_reserve_node node;
	bool done = true;

	for (node = SK_RESERVE_FIRST; node < SK_RESERVE_NODES; node++) {
		struct sk_reserve_size want = *size;

		if (node == SK_RESERVE_SOCKETS &&
		    READ_ONCE(sk_reserve_nodes[node].pages.usage)) {
			size_max(&want, &sk_reserve_now[node]);
			done &= !memcmp(&want, size, sizeof(want));
		}
		if (demand_set(node, &want))
			done = false;
		else
			sk_reserve_now[node] = want;
	}
	trace_sk_reserve_size(size, 0);
	return done;
}

/* net.core.sock_reserve_* */

static int scale_min = 10;
static int scale_max = 1000;
/* As much as IPv4 keeps for all that is not complete, see ipfrag_high_thresh */
static int frag_kbytes_max = 4096;

static int sk_reserve_sysctl_handler(const struct ctl_table *table, int write,
				     void *buffer, size_t *lenp, loff_t *ppos)
{
	unsigned int *knob = table->data;
	unsigned int value = sk_reserve_knob(knob);
	struct ctl_table copy = *table;
	char name[64];
	int err;

	copy.data = &value;
	err = proc_dointvec_minmax(&copy, write, buffer, lenp, ppos);
	if (!write)
		return err;
	if (err) {
		scnprintf(name, sizeof(name), "net.core.%s", table->procname);
		return mem_reserve_knob_refused(err, name, sk_reserve_knob(knob),
						*(int *)table->extra1,
						*(int *)table->extra2);
	}
	err = sk_reserve_tune(knob, value);
	if (err)
		pr_warn("net.core.%s stays %u: what %u takes cannot be set aside (%pe)\n",
			table->procname, sk_reserve_knob(knob), value, ERR_PTR(err));
	return err;
}

#define SK_RESERVE_SYSCTL(_name, _min, _max)			\
	{							\
		.procname	= "sock_reserve_" #_name,	\
		.data		= &sk_reserve_##_name,		\
		.maxlen		= sizeof(sk_reserve_##_name),	\
		.mode		= 0644,				\
		.proc_handler	= sk_reserve_sysctl_handler,	\
		.extra1		= _min,				\
		.extra2		= _max,				\
	}

static struct ctl_table sk_reserve_sysctls[] = {
	SK_RESERVE_SYSCTL(scale, &scale_min, &scale_max),
	SK_RESERVE_SYSCTL(rx_scale, &scale_min, &scale_max),
	SK_RESERVE_SYSCTL(tx_scale, &scale_min, &scale_max),
	SK_RESERVE_SYSCTL(frag_kbytes, SYSCTL_ZERO, &frag_kbytes_max),
};

static int __init sk_reserve_nodes_init(void)
{
	enum sk_reserve_node node;
	int err = 0;

	for (node = 0; node < SK_RESERVE_NODES; node++) {
		mem_reserve_init(&sk_reserve_nodes[node],
				 sk_reserve_tree[node].name);
		sk_reserve_nodes[node].knob = sk_reserve_tree[node].knob;
	}
	for (node = SK_RESERVE_NETWORK + 1; node < SK_RESERVE_NODES && !err; node++)
		err = mem_reserve_connect(&sk_reserve_nodes[node],
					  &sk_reserve_nodes[sk_reserve_tree[node].parent]);
	return err;
}
core_initcall(sk_reserve_nodes_init);

static int __init sk_reserve_devs_init(void)
{
	register_net_sysctl(&init_net, "net/core", sk_reserve_sysctls);
	return register_netdevice_notifier(&sk_reserve_netdev_nb);
}
late_initcall(sk_reserve_devs_init);
