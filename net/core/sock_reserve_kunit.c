// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the network's share of the memory reserves, included by
 * net/core/sock_reserve.c. There is one SOCK_MEMALLOC socket in each, and no
 * memory but the reserve where a test takes the rest.
 */

#include <kunit/test.h>
#include <linux/ethtool.h>
#include <linux/etherdevice.h>
#include <linux/ethtool_netlink.h>
#include <linux/if_packet.h>
#include <linux/if_tap.h>
#include <linux/inetdevice.h>
#include <linux/l2tp.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/oom.h>
#include <linux/rtnetlink.h>
#include <linux/swap.h>
#include <linux/tipc_netlink.h>
#include <net/addrconf.h>
#include <net/arp.h>
#include <net/genetlink.h>
#include <net/ipv6_stubs.h>
#include <net/netfilter/nf_queue.h>
#include <net/page_pool/helpers.h>
#include <net/tcp.h>

#include "../l2tp/l2tp_core.h"
#include "../tipc/netlink.h"

/* Of fragments of one kind, without tuning */
#define TEST_FRAG_PAGES	16
#define TEST_PEER	0xc0000201	/* 192.0.2.1 */
#define TEST_HERE	0xc0000202
#define TEST_PORT	9999

/* Packets that may wait in emergency memory, where few may */
#define TEST_FEW	8U

#define TEST_OBJECTS	4096

struct sk_reserve_test {
	struct list_head hog;
	void **objects;
	unsigned int nr_objects;
	struct socket *sock;
	struct net_device *dev;
};

/* A device with rings */

struct test_dev {
	u32 rx_pending;
};

static void test_get_ringparam(struct net_device *dev,
			       struct ethtool_ringparam *ring,
			       struct kernel_ethtool_ringparam *kernel_ring,
			       struct netlink_ext_ack *extack)
{
	ring->rx_pending = ((struct test_dev *)netdev_priv(dev))->rx_pending;
}

static const struct ethtool_ops test_ethtool_ops = {
	.get_ringparam = test_get_ringparam,
};

static netdev_tx_t test_xmit(struct sk_buff *skb, struct net_device *dev)
{
	consume_skb(skb);
	return NETDEV_TX_OK;
}

/* How often the device was changed, and how often by who may write to swap */
static unsigned int test_dev_changes, test_dev_swaps;

static int test_dev_change(struct net_device *dev)
{
	test_dev_changes++;
	test_dev_swaps += !(current->flags & PF_MEMALLOC_NOIO);
	return 0;
}

static int test_change_mtu(struct net_device *dev, int mtu)
{
	WRITE_ONCE(dev->mtu, mtu);
	return test_dev_change(dev);
}

static int test_set_features(struct net_device *dev, netdev_features_t features)
{
	return test_dev_change(dev);
}

static const struct net_device_ops test_dev_ops = {
	.ndo_open = test_dev_change,
	.ndo_start_xmit = test_xmit,
	.ndo_change_mtu = test_change_mtu,
	.ndo_set_features = test_set_features,
};

static void test_dev_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &test_dev_ops;
	dev->ethtool_ops = &test_ethtool_ops;
	dev->max_mtu = ETH_MAX_MTU;
	dev->hw_features = NETIF_F_RXCSUM;
	eth_hw_addr_random(dev);
}

/* As if time had passed */
static void settle(void)
{
	spin_lock(&sk_reserve_lock);
	sk_reserve_gone = 0;
	spin_unlock(&sk_reserve_lock);
	flush_delayed_work(&sk_reserve_resize_work);
}

static struct net_device *dev_new(struct kunit *test, u32 rx_pending, unsigned int queues)
{
	struct test_dev *priv;
	struct net_device *dev;
	int err;

	dev = alloc_netdev_mqs(sizeof(*priv), "rsv%d", NET_NAME_UNKNOWN, test_dev_setup,
			       1, queues);
	KUNIT_ASSERT_NOT_NULL(test, dev);
	priv = netdev_priv(dev);
	priv->rx_pending = rx_pending;
	rtnl_lock();
	err = register_netdevice(dev) ?: dev_open(dev, NULL);
	rtnl_unlock();
	KUNIT_ASSERT_EQ(test, err, 0);
	settle();
	return dev;
}

static void dev_free(struct net_device *dev)
{
	unregister_netdev(dev);
	free_netdev(dev);
	settle();
}

static void dev_up(struct kunit *test, u32 rx_pending)
{
	struct sk_reserve_test *t = test->priv;

	t->dev = dev_new(test, rx_pending, 1);
}

static void dev_gone(struct sk_reserve_test *t)
{
	if (t->dev)
		dev_free(t->dev);
	t->dev = NULL;
}

/* Memory */

static void hog_all(struct sk_reserve_test *t)
{
	struct page *page;

	/* What is on its way back would be there in the middle of a test. */
	rcu_barrier();
	while ((page = alloc_page(GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN)))
		list_add(&page->lru, &t->hog);
}

/* Some of what is below the watermarks is left, far from them. */
static void hog_ordinary(struct sk_reserve_test *t)
{
	struct page *page, *next;
	unsigned int nr = 0;

	hog_all(t);
	list_for_each_entry_safe(page, next, &t->hog, lru) {
		list_del(&page->lru);
		__free_page(page);
		if (++nr == 64)
			break;
	}
}

/* With the pages gone, the objects of a cache, or of the size if that is NULL */
static void hog_objects(struct sk_reserve_test *t, struct kmem_cache *s, size_t size)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOMEMALLOC | __GFP_NOWARN;
	void *object;

	while (t->nr_objects < TEST_OBJECTS) {
		object = s ? kmem_cache_alloc(s, gfp) : kmalloc(size, gfp);
		if (!object)
			break;
		t->objects[t->nr_objects++] = object;
	}
}

static void hog_heads(struct sk_reserve_test *t)
{
	hog_objects(t, net_hotdata.skbuff_cache, 0);
}

static void hog_free(struct sk_reserve_test *t)
{
	struct page *page, *next;

	while (t->nr_objects)
		kfree(t->objects[--t->nr_objects]);
	list_for_each_entry_safe(page, next, &t->hog, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

/* Above the watermarks again, without a pageblock: every other page goes. */
static void hog_thin(struct sk_reserve_test *t)
{
	struct page *page, *next;
	unsigned long nr = 0;

	list_for_each_entry_safe(page, next, &t->hog, lru) {
		if (!(page_to_pfn(page) & 1))
			continue;
		list_del(&page->lru);
		__free_page(page);
		if (++nr == 4 * totalreserve_pages)
			break;
	}
}

static unsigned long all_usage(void)
{
	return sk_reserve_node(NETWORK)->pages.usage;
}

static void socket_up(struct kunit *test, int type, int protocol)
{
	struct sk_reserve_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, type, protocol,
					       &t->sock), 0);
	KUNIT_ASSERT_EQ(test, sk_set_memalloc(t->sock->sk), 0);
}

static void socket_down(struct sk_reserve_test *t)
{
	if (!t->sock)
		return;
	sk_clear_memalloc(t->sock->sk);
	sock_release(t->sock);
	t->sock = NULL;
	settle();
}

static int sk_reserve_test_init(struct kunit *test)
{
	struct sk_reserve_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	/* With all memory taken, there must be none on another CPU's lists. */
	set_cpus_allowed_ptr(current, cpumask_of(0));
	INIT_LIST_HEAD(&t->hog);
	t->objects = kunit_kcalloc(test, TEST_OBJECTS, sizeof(*t->objects), GFP_KERNEL);
	if (!t->objects)
		return -ENOMEM;
	test->priv = t;
	return 0;
}

static void sk_reserve_test_exit(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;

	hog_free(t);
	socket_down(t);
	dev_gone(t);
}

/* Each kind of demand is there while there is a socket, and then is not. */
static void sk_reserve_test_connect(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	enum sk_reserve_node node;

	KUNIT_EXPECT_FALSE(test, sk_reserve_active());
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	KUNIT_EXPECT_TRUE(test, sk_reserve_active());
	KUNIT_EXPECT_GT(test, sk_reserve_node(RING)->pages.limit, 0UL);
	KUNIT_EXPECT_GT(test, sk_reserve_node(HEADS)->pages.limit, 0UL);
	KUNIT_EXPECT_GT(test, sk_reserve_node(FRAG4)->pages.limit, 0UL);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(FRAG6)->pages.limit, 0UL);
	KUNIT_EXPECT_GT(test, sk_reserve_node(SOCKETS)->pages.limit, 0UL);
	KUNIT_EXPECT_GT(test, sk_reserve_node(CONTROL)->pages.limit, 0UL);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(HEADS)->own.limit,
			3 * sk_reserve_node(RING)->pages.limit);
	KUNIT_EXPECT_EQ(test, sk_set_memalloc(t->sock->sk), 0);

	socket_down(t);
	KUNIT_EXPECT_FALSE(test, sk_reserve_active());
	for (node = 0; node < SK_RESERVE_NODES; node++)
		KUNIT_EXPECT_EQ(test, sk_reserve_nodes[node].pages.limit, 0UL);
}

static unsigned long network_limit(void)
{
	return sk_reserve_node(NETWORK)->pages.limit;
}

/* A socket counts once, whoever connects it again. */
static void sk_reserve_test_connect_twice(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	unsigned long limit;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	limit = network_limit();
	KUNIT_EXPECT_EQ(test, sk_reserve_connect(t->sock->sk), 0);
	KUNIT_EXPECT_EQ(test, network_limit(), limit);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&sk_reserves));
}

/* The share of a socket that was cleared stays for a while. */
static void sk_reserve_test_linger(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct timer_list *timer = &sk_reserve_resize_work.timer;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	settle();
	sk_clear_memalloc(t->sock->sk);
	KUNIT_EXPECT_TRUE(test, list_empty(&sk_reserves));
	KUNIT_EXPECT_TRUE(test, sk_reserve_active());
	KUNIT_EXPECT_TRUE(test, timer_pending(timer));
	KUNIT_EXPECT_TRUE(test, time_after(timer->expires, jiffies + SK_RESERVE_LINGER / 2));
	/* Something else has it look at the sizes meanwhile. */
	flush_delayed_work(&sk_reserve_resize_work);
	KUNIT_EXPECT_TRUE(test, sk_reserve_active());
	KUNIT_EXPECT_TRUE(test, timer_pending(timer));
	settle();
	KUNIT_EXPECT_FALSE(test, sk_reserve_active());
}

/* Nothing is left of a first socket that is refused. */
static void sk_reserve_test_first_refused(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &t->sock), 0);
	hog_all(t);
	hog_thin(t);
	KUNIT_EXPECT_EQ(test, sk_set_memalloc(t->sock->sk), -ENOMEM);
	KUNIT_EXPECT_TRUE(test, list_empty(&sk_reserves));
	KUNIT_EXPECT_NULL(test, sk_reserve_node(NETWORK)->parent);
	KUNIT_EXPECT_FALSE(test, sk_reserve_active());
	KUNIT_EXPECT_EQ(test, network_limit(), 0UL);
	hog_free(t);
}

struct test_reconnect {
	struct work_struct work;
	struct completion done;
	struct sock *sk;
};

static void test_reconnect_fn(struct work_struct *work)
{
	struct test_reconnect *r = container_of(work, struct test_reconnect, work);
	unsigned int noio = memalloc_noio_save();

	sk_set_memalloc(r->sk);
	memalloc_noio_restore(noio);
	complete(&r->done);
}

static void reconnect_while(struct kunit *test, void (*hold)(bool))
{
	struct sk_reserve_test *t = test->priv;
	struct test_reconnect r;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &t->sock), 0);
	r.sk = t->sock->sk;
	init_completion(&r.done);
	INIT_WORK_ONSTACK(&r.work, test_reconnect_fn);
	hold(true);
	schedule_work(&r.work);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&r.done, 2 * HZ), 0UL);
	KUNIT_EXPECT_FALSE(test, sk_reserve_active());
	hold(false);
	flush_work(&r.work);
	destroy_work_on_stack(&r.work);
	settle();
	KUNIT_EXPECT_TRUE(test, sk_reserve_active());
	socket_down(t);
	KUNIT_EXPECT_FALSE(test, sk_reserve_active());
}

static void sizes_hold(bool hold)
{
	if (hold)
		mutex_lock(&sk_reserve_mutex);
	else
		mutex_unlock(&sk_reserve_mutex);
}

/* Who mends what reclaim waits for does not wait; the share follows. */
static void sk_reserve_test_reconnect(struct kunit *test)
{
	reconnect_while(test, sizes_hold);
	reconnect_while(test, mem_reserve_test_hold);
}

/* What is there is not taken back by who asks for less. */
static void sk_reserve_test_grow(struct kunit *test)
{
	static const struct sk_reserve_size nothing;
	unsigned long limit[SK_RESERVE_NODES];
	enum sk_reserve_node node;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	for (node = 0; node < SK_RESERVE_NODES; node++)
		limit[node] = sk_reserve_nodes[node].pages.limit;
	mutex_lock(&sk_reserve_mutex);
	KUNIT_EXPECT_EQ(test, sk_reserve_grow(&nothing), 0);
	mutex_unlock(&sk_reserve_mutex);
	for (node = 0; node < SK_RESERVE_NODES; node++)
		KUNIT_EXPECT_EQ(test, sk_reserve_nodes[node].pages.limit, limit[node]);
}

/* Sums: what @nr sockets need */

static struct sk_reserve_size sum_of(struct sk_reserve *res, unsigned int nr)
{
	struct sk_reserve_size size;
	LIST_HEAD(sockets);
	unsigned int i;

	for (i = 0; i < nr; i++)
		list_add_tail(&res[i].list, &sockets);
	sk_reserve_sum(&size, &sockets);
	return size;
}

#define TEST_TCP(_family) { .net = &init_net, .family = (_family), \
			    .protocol = IPPROTO_TCP, .mss = 536 }

static void sk_reserve_test_sum_sockets(struct kunit *test)
{
	struct sk_reserve res[2] = { TEST_TCP(AF_INET), TEST_TCP(AF_INET) };
	struct sk_reserve_size one = sum_of(res, 1), two = sum_of(res, 2);

	KUNIT_EXPECT_EQ(test, two.ring, 2 * one.ring);
	KUNIT_EXPECT_EQ(test, two.clones, 2 * one.clones);
	KUNIT_EXPECT_EQ(test, two.segments, 2 * one.segments);
	KUNIT_EXPECT_EQ(test, two.copies, 2 * one.copies);
	KUNIT_EXPECT_EQ(test, two.control, one.control + 1);
	KUNIT_EXPECT_EQ(test, two.frag[0], one.frag[0]);
	KUNIT_EXPECT_PTR_EQ(test, two.dst_caches[0], NULL);
}

/* A socket with TLS needs more to send, and a scale applies to it. */
static void sk_reserve_test_sum_records(struct kunit *test)
{
	struct sk_reserve res[2] = { TEST_TCP(AF_INET), TEST_TCP(AF_INET) };
	struct sk_reserve_size plain = sum_of(res, 1), one, two, scaled;

	res[0].records = true;
	one = sum_of(res, 1);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_tx_scale, 200), 0);
	scaled = sum_of(res, 1);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_tx_scale, 100), 0);
	res[1].records = true;
	two = sum_of(res, 2);
	KUNIT_EXPECT_EQ(test, plain.records, 0UL);
	KUNIT_EXPECT_GT(test, one.records, 0UL);
	KUNIT_EXPECT_EQ(test, one.segments, plain.segments + one.records);
	KUNIT_EXPECT_GE(test, one.copies,
			plain.copies + DIV_ROUND_UP(SK_RESERVE_SNDBUF + 2 * SZ_16K, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, two.records, 2 * one.records);
	KUNIT_EXPECT_EQ(test, scaled.records, 2 * one.records);
}

static void sk_reserve_test_sum_kinds(struct kunit *test)
{
	struct sk_reserve res[2] = { TEST_TCP(AF_INET), TEST_TCP(AF_INET6) };
	struct sk_reserve_size size;

	res[1].dst_cache = net_hotdata.skbuff_cache;
	size = sum_of(&res[0], 1);
	KUNIT_EXPECT_EQ(test, size.frag[0], (unsigned long)TEST_FRAG_PAGES);
	KUNIT_EXPECT_EQ(test, size.frag[1], 0UL);
	KUNIT_EXPECT_EQ(test, size.frag[2], 0UL);
	size = sum_of(res, 2);
	KUNIT_EXPECT_EQ(test, size.frag[0], (unsigned long)TEST_FRAG_PAGES);
	KUNIT_EXPECT_EQ(test, size.frag[1], (unsigned long)TEST_FRAG_PAGES);
	KUNIT_EXPECT_EQ(test, size.frag[2], (unsigned long)TEST_FRAG_PAGES);
	KUNIT_EXPECT_PTR_EQ(test, size.dst_caches[0], net_hotdata.skbuff_cache);
}

static void sk_reserve_test_sum_scale(struct kunit *test)
{
	struct sk_reserve res = TEST_TCP(AF_INET6);
	struct sk_reserve_size one, two;
	struct net_device *dev = dev_new(test, 64, 1);

	rtnl_lock();
	KUNIT_EXPECT_EQ(test, dev_set_mtu(dev, 9000), 0);
	rtnl_unlock();
	one = sum_of(&res, 1);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_scale, 200), 0);
	two = sum_of(&res, 1);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_scale, 100), 0);
	dev_free(dev);
	KUNIT_EXPECT_EQ(test, two.ring, 2 * one.ring);
	KUNIT_EXPECT_GT(test, one.jumbo, 0UL);
	KUNIT_EXPECT_EQ(test, two.jumbo, 2 * one.jumbo);
	KUNIT_EXPECT_EQ(test, two.frag[0], one.frag[0]);
	KUNIT_EXPECT_EQ(test, two.clones, 2 * one.clones);
	KUNIT_EXPECT_EQ(test, two.segments, 2 * one.segments);
	KUNIT_EXPECT_EQ(test, two.copies, 2 * one.copies);
	KUNIT_EXPECT_EQ(test, two.control, 2 * one.control);
}

/* Of the parts only, and one scale on top of the other */
static void sk_reserve_test_sum_parts(struct kunit *test)
{
	struct sk_reserve res = TEST_TCP(AF_INET6);
	struct sk_reserve_size one, rx, tx, both;

	one = sum_of(&res, 1);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_rx_scale, 200), 0);
	rx = sum_of(&res, 1);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_scale, 300), 0);
	both = sum_of(&res, 1);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_scale, 100), 0);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_rx_scale, 100), 0);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_tx_scale, 200), 0);
	tx = sum_of(&res, 1);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_tx_scale, 100), 0);

	KUNIT_EXPECT_EQ(test, rx.ring, 2 * one.ring);
	KUNIT_EXPECT_EQ(test, rx.clones, one.clones);
	KUNIT_EXPECT_EQ(test, rx.control, one.control);
	KUNIT_EXPECT_EQ(test, both.ring, 6 * one.ring);
	KUNIT_EXPECT_EQ(test, tx.ring, one.ring);
	KUNIT_EXPECT_EQ(test, tx.clones, 2 * one.clones);
	KUNIT_EXPECT_EQ(test, tx.segments, 2 * one.segments);
	KUNIT_EXPECT_EQ(test, tx.copies, 2 * one.copies);
	KUNIT_EXPECT_EQ(test, tx.control, 2 * one.control);
}

/* All queues of the device that a socket uses, or of any if that is not known */
static void sk_reserve_test_sum_devices(struct kunit *test)
{
	struct sk_reserve res = TEST_TCP(AF_INET);
	unsigned long none = sum_of(&res, 1).ring;
	struct net_device *dev[2];

	dev[0] = dev_new(test, 64, 2);
	dev[1] = dev_new(test, 10, 1);
	KUNIT_EXPECT_EQ(test, sum_of(&res, 1).ring, none + 2 * 64 + 10);
	res.ifindex = dev[0]->ifindex;
	KUNIT_EXPECT_EQ(test, sum_of(&res, 1).ring, none + 2 * 64);
	res.ifindex = dev[1]->ifindex;
	KUNIT_EXPECT_EQ(test, sum_of(&res, 1).ring, none + 10);
	dev_free(dev[0]);
	dev_free(dev[1]);
}

/* What is below a device counts, and is noticed when it gets there. */
static void sk_reserve_test_sum_lower(struct kunit *test)
{
	struct sk_reserve res = TEST_TCP(AF_INET);
	unsigned long none = sum_of(&res, 1).ring;
	struct net_device *upper, *lower[2];

	upper = dev_new(test, 0, 1);
	lower[0] = dev_new(test, 64, 1);
	lower[1] = dev_new(test, 10, 1);
	rtnl_lock();
	mutex_lock(&sk_reserve_mutex);
	KUNIT_EXPECT_FALSE(test, work_busy(&sk_reserve_resize_work.work));
	KUNIT_EXPECT_EQ(test, netdev_upper_dev_link(lower[0], upper, NULL), 0);
	KUNIT_EXPECT_TRUE(test, work_busy(&sk_reserve_resize_work.work));
	mutex_unlock(&sk_reserve_mutex);
	rtnl_unlock();
	res.ifindex = upper->ifindex;
	KUNIT_EXPECT_EQ(test, sum_of(&res, 1).ring, none + 64);
	rtnl_lock();
	netdev_upper_dev_unlink(lower[0], upper);
	rtnl_unlock();
	dev_free(upper);
	dev_free(lower[0]);
	dev_free(lower[1]);
}

/* The demand follows the rings: their size, the MTU, and that they go. */
static void sk_reserve_test_rings(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct mem_reserve *ring = sk_reserve_node(RING);
	unsigned long none, small;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	none = ring->pages.limit;

	dev_up(test, 64);
	KUNIT_EXPECT_EQ(test, ring->pages.limit, none + 64);

	((struct test_dev *)netdev_priv(t->dev))->rx_pending = 128;
	rtnl_lock();
	ethtool_notify(t->dev, ETHTOOL_MSG_RINGS_NTF, NULL);
	rtnl_unlock();
	settle();
	KUNIT_EXPECT_EQ(test, ring->pages.limit, none + 128);
	small = ring->pages.limit;

	rtnl_lock();
	KUNIT_EXPECT_EQ(test, dev_set_mtu(t->dev, 9000), 0);
	rtnl_unlock();
	settle();
	KUNIT_EXPECT_GT(test, ring->pages.limit, small);

	/* More than a queue is promised */
	((struct test_dev *)netdev_priv(t->dev))->rx_pending = 8192;
	rtnl_lock();
	KUNIT_EXPECT_EQ(test, dev_set_mtu(t->dev, 1500), 0);
	sk_reserve_dev_changed(t->dev);
	rtnl_unlock();
	settle();
	KUNIT_EXPECT_EQ(test, ring->pages.limit, none + 256);

	dev_gone(t);
	KUNIT_EXPECT_EQ(test, ring->pages.limit, none);
}

/* Who takes the place of another has its share, without asking for one more. */
static void sk_reserve_test_replace(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct socket *sock;
	unsigned long limit;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &sock), 0);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	limit = network_limit();
	hog_all(t);
	hog_thin(t);
	sk_force_memalloc(sock->sk);
	sk_clear_memalloc(t->sock->sk);
	settle();
	KUNIT_EXPECT_TRUE(test, sk_reserve_active());
	KUNIT_EXPECT_EQ(test, network_limit(), limit);
	sk_clear_memalloc(sock->sk);
	sock_release(sock);
	hog_free(t);
}

/* Where there is no share any more it is asked for until it can be had. */
static void sk_reserve_test_retry(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &t->sock), 0);
	hog_all(t);
	hog_thin(t);
	sk_force_memalloc(t->sock->sk);
	settle();
	KUNIT_EXPECT_FALSE(test, sk_reserve_active());
	KUNIT_EXPECT_TRUE(test, timer_pending(&sk_reserve_resize_work.timer));
	hog_free(t);
	settle();
	KUNIT_EXPECT_TRUE(test, sk_reserve_active());
	KUNIT_EXPECT_GT(test, network_limit(), 0UL);
}

/* What a socket that is gone still has is not of what another was promised. */
static void sk_reserve_test_gone_keeps(struct kunit *test)
{
	struct mem_reserve *sockets = sk_reserve_node(SOCKETS);
	unsigned long one, two;
	struct socket *sock;
	struct page *page;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	one = sockets->pages.limit;
	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &sock), 0);
	KUNIT_EXPECT_EQ(test, sk_set_memalloc(sock->sk), 0);
	two = sockets->pages.limit;
	KUNIT_EXPECT_GT(test, two, one);
	page = mem_reserve_draw_page(sockets, SK_RESERVE_GFP);
	KUNIT_EXPECT_NOT_NULL(test, page);
	sk_clear_memalloc(sock->sk);
	settle();
	KUNIT_EXPECT_EQ(test, sockets->pages.limit, two);
	if (page)
		__free_page(page);
	/* It is tried again by itself. */
	KUNIT_EXPECT_TRUE(test, timer_pending(&sk_reserve_resize_work.timer));
	settle();
	KUNIT_EXPECT_EQ(test, sockets->pages.limit, one);
	sock_release(sock);
}

/* What cannot be had is refused, and changes nothing for who was there first. */
static void sk_reserve_test_refused(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct mem_reserve *network = sk_reserve_node(NETWORK);
	struct socket *sock[64] = {};
	unsigned long limit;
	unsigned int i;
	int err = 0;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	limit = network->pages.limit;
	for (i = 0; i < ARRAY_SIZE(sock); i++)
		KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM,
						       IPPROTO_TCP, &sock[i]), 0);
	hog_all(t);
	hog_thin(t);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_scale, 1000), -ENOMEM);
	KUNIT_EXPECT_EQ(test, sk_reserve_scale, 100U);
	KUNIT_EXPECT_EQ(test, network->pages.limit, limit);
	/* Less is never refused, and a part of it is given back at once. */
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_tx_scale, 50), 0);
	KUNIT_EXPECT_LT(test, network->pages.limit, limit);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_tx_scale, 100), 0);
	KUNIT_EXPECT_EQ(test, network->pages.limit, limit);
	/* The blocks that there are may have room for some. */
	for (i = 0; i < ARRAY_SIZE(sock) && !err; i++) {
		limit = network->pages.limit;
		err = sk_set_memalloc(sock[i]->sk);
	}
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_EQ(test, network->pages.limit, limit);
	KUNIT_EXPECT_FALSE(test, sock_flag(sock[i - 1]->sk, SOCK_MEMALLOC));
	hog_free(t);
	for (i = 0; i < ARRAY_SIZE(sock); i++) {
		sk_clear_memalloc(sock[i]->sk);
		sock_release(sock[i]);
	}
	settle();
	KUNIT_EXPECT_TRUE(test, sk_reserve_active());
}

/* Takes @n received packets with room for @size; returns how many there were. */
static unsigned int rx_many(struct sk_buff **skbs, unsigned int n, unsigned int size)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		skbs[i] = __alloc_skb(size, GFP_ATOMIC | __GFP_NOWARN, SKB_ALLOC_RX,
				      NUMA_NO_NODE);
		if (!skbs[i])
			break;
	}
	return i;
}

/* Is a page freed as a page, and an object as an object? */
static bool head_frag_is_right(const struct sk_buff *skb)
{
	return skb->head_frag == !folio_test_slab(virt_to_folio(skb->head));
}

/* Clones and copies of what arrives are charged likewise. */
static void rx_copies(struct kunit *test, struct sk_buff *skb)
{
	struct sk_buff *copy[3];
	unsigned int i;

	copy[0] = skb_clone(skb, GFP_ATOMIC);
	copy[1] = skb_copy(skb, GFP_ATOMIC);
	copy[2] = __pskb_copy(skb, 0, GFP_ATOMIC);
	for (i = 0; i < ARRAY_SIZE(copy); i++) {
		KUNIT_EXPECT_NOT_NULL(test, copy[i]);
		if (copy[i])
			KUNIT_EXPECT_TRUE(test, skb_pfmemalloc(copy[i]));
	}
	KUNIT_EXPECT_EQ(test, sk_reserve_node(SOCKETS)->own.usage, 0UL);
	for (i = 0; i < ARRAY_SIZE(copy); i++)
		kfree_skb(copy[i]);

	hog_objects(test->priv, NULL, 2048);
	hog_objects(test->priv, NULL, 4096);
	KUNIT_EXPECT_EQ(test, pskb_expand_head(skb, 0, 1500, GFP_ATOMIC), 0);
	KUNIT_EXPECT_TRUE(test, head_frag_is_right(skb));
	KUNIT_EXPECT_GT(test, sk_reserve_node(RING)->pages.usage, 0UL);
}

/*
 * What arrives is charged, small and large, and so are its clones and copies;
 * when the reserve is spent there is nothing, and in the end all is back.
 */
static void rx_test(struct kunit *test, unsigned int size)
{
	const unsigned int max = 4096;
	struct sk_reserve_test *t = test->priv;
	struct sk_buff **skbs;
	unsigned int i, n, marked = 0, wrong = 0;

	skbs = kunit_kcalloc(test, max, sizeof(*skbs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skbs);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_all(t);
	n = rx_many(skbs, max, size);
	KUNIT_EXPECT_LT(test, n, max);
	for (i = 0; i < n; i++) {
		marked += skb_pfmemalloc(skbs[i]);
		wrong += !head_frag_is_right(skbs[i]);
	}
	KUNIT_EXPECT_GT(test, marked, 0U);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_TRUE(test, skb_pfmemalloc(skbs[n - 1]));
	KUNIT_EXPECT_GT(test, all_usage(), 0UL);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(SOCKETS)->pages.usage, 0UL);

	/* Room for a few: what they are made from was the last. */
	for (i = 0; i < 4 && i < n; i++)
		kfree_skb(skbs[--n]);
	rx_copies(test, skbs[n - 1]);

	/* As drivers free them: heads of the reserve are not kept for reuse. */
	local_bh_disable();
	while (n--)
		napi_consume_skb(skbs[n], 64);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, all_usage(), 0UL);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(HEADS)->own.usage, 0UL);
	hog_free(t);
}

static void sk_reserve_test_rx_small(struct kunit *test)
{
	rx_test(test, 128);
}

static void sk_reserve_test_rx_page(struct kunit *test)
{
	rx_test(test, 1600);
}

/* What is below the watermarks is for reclaim, and not for what arrives. */
static void sk_reserve_test_rx_watermark(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct sk_reserve_test *t = test->priv;
	struct page *page;
	struct sk_buff *skb;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_ordinary(t);
	hog_objects(t, NULL, 2048);
	skb = __alloc_skb(1600, gfp, SKB_ALLOC_RX, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(RING)->pages.usage, 1UL);
	kfree_skb(skb);
	while ((page = __sk_reserve_rx_page(0)))
		list_add(&page->lru, &t->hog);
	skb = __alloc_skb(1600, gfp, SKB_ALLOC_RX, NUMA_NO_NODE);
	KUNIT_EXPECT_NULL(test, skb);
	kfree_skb(skb);
	hog_free(t);
}

/* Buffers as drivers ask for them */

static struct sk_buff *rx_netdev_skb(void)
{
	return __netdev_alloc_skb(NULL, 1500, GFP_ATOMIC | __GFP_NOWARN);
}

static struct sk_buff *rx_napi_skb(void)
{
	static struct napi_struct napi;

	return napi_alloc_skb(&napi, 1500);
}

static struct sk_buff *rx_build(void *data, unsigned int size)
{
	struct sk_buff *skb = data ? build_skb(data, size) : NULL;

	if (data && !skb)
		skb_free_frag(data);
	return skb;
}

static struct sk_buff *rx_napi_frag(void)
{
	return rx_build(napi_alloc_frag(2048), 2048);
}

static struct sk_buff *rx_netdev_frag(void)
{
	return rx_build(netdev_alloc_frag(2048), 2048);
}

/* How many of them are in emergency memory, and not in somebody's reserve? */
static void rx_buffers(struct kunit *test, struct sk_buff *(*rx)(void))
{
	struct mem_reserve *ring = sk_reserve_node(RING);
	struct sk_reserve_test *t = test->priv;
	unsigned long pages = 0;
	struct sk_buff_head list;
	struct sk_buff *skb;

	__skb_queue_head_init(&list);
	local_bh_disable();
	while (skb_queue_len(&list) < TEST_OBJECTS && (skb = rx())) {
		pages += page_is_pfmemalloc(virt_to_head_page(skb->head));
		__skb_queue_tail(&list, skb);
	}
	local_bh_enable();
	KUNIT_EXPECT_LT(test, skb_queue_len(&list), TEST_OBJECTS);
	KUNIT_EXPECT_GT(test, pages, 0UL);
	KUNIT_EXPECT_EQ(test, ring->pages.usage, pages);
	hog_heads(t);
	__skb_queue_purge(&list);
	KUNIT_EXPECT_EQ(test, all_usage(), 0UL);
}

static void sk_reserve_test_rx_buffers(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_ordinary(t);
	rx_buffers(test, rx_netdev_skb);
	rx_buffers(test, rx_napi_skb);
	rx_buffers(test, rx_napi_frag);
	rx_buffers(test, rx_netdev_frag);
}

/* A head is charged and bears the mark; without one the page is not lost. */
static void sk_reserve_test_rx_heads(struct kunit *test)
{
	struct mem_reserve *heads = sk_reserve_node(HEADS);
	struct kmem_cache *cache = net_hotdata.skbuff_cache;
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct sk_reserve_test *t = test->priv;
	struct sk_buff *skb = NULL, *head;
	void *data;

	data = netdev_alloc_frag(2048);
	KUNIT_ASSERT_NOT_NULL(test, data);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_ordinary(t);
	hog_heads(t);
	head = rx_build(data, 2048);
	KUNIT_ASSERT_NOT_NULL(test, head);
	KUNIT_EXPECT_EQ(test, heads->own.usage, 1UL);
	KUNIT_EXPECT_TRUE(test, skb_pfmemalloc(head));
	kfree_skb(head);
	KUNIT_EXPECT_EQ(test, heads->own.usage, 0UL);
	KUNIT_EXPECT_NULL(test, __sk_reserve_head(cache, gfp | __GFP_NOMEMALLOC, SKB_ALLOC_RX));

	while ((head = sk_reserve_rx_head())) {
		head->next = skb;
		skb = head;
	}
	KUNIT_EXPECT_GT(test, heads->own.usage, 0UL);
	KUNIT_EXPECT_NULL(test, __sk_reserve_head(cache, gfp | __GFP_MEMALLOC, SKB_ALLOC_RX));
	KUNIT_EXPECT_NULL(test, sk_reserve_rx_skb(NULL, 2048, 0));
	KUNIT_EXPECT_EQ(test, sk_reserve_node(RING)->pages.usage, 0UL);
	for (; skb; skb = head) {
		head = skb->next;
		kmem_cache_free(cache, skb);
	}
	KUNIT_EXPECT_EQ(test, heads->own.usage, 0UL);
}

/* A ring's page fragment goes back to the reserve once there is other memory. */
static void sk_reserve_test_rx_refill(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct mem_reserve *ring = sk_reserve_node(RING);
	struct sk_reserve_test *t = test->priv;
	struct page_frag frag = {};

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_all(t);
	KUNIT_ASSERT_TRUE(test, skb_page_frag_refill_rx(1000, &frag, gfp));
	KUNIT_EXPECT_EQ(test, ring->pages.usage, 1UL);
	hog_free(t);
	KUNIT_ASSERT_TRUE(test, skb_page_frag_refill_rx(1000, &frag, gfp));
	KUNIT_EXPECT_EQ(test, ring->pages.usage, 0UL);
	put_page(frag.page);
}

/* What shares pages of the reserve bears the mark, and is not kept. */
static void sk_reserve_test_mark(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct sk_buff *skb, *copy;
	struct page *page;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	skb = alloc_skb(256, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	page = __sk_reserve_rx_page(0);
	KUNIT_ASSERT_NOT_NULL(test, page);
	skb_add_rx_frag(skb, 0, page, 0, 100, 100);
	KUNIT_EXPECT_TRUE(test, skb_pfmemalloc(skb));
	copy = __pskb_copy(skb, 0, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_TRUE(test, skb_pfmemalloc(copy));
	KUNIT_EXPECT_EQ(test, sock_queue_err_skb(t->sock->sk, skb), -ENOMEM);
	kfree_skb(copy);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(RING)->pages.usage, 1UL);
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, all_usage(), 0UL);
}

/* A page for a ring of pages, and only while there are such sockets */
static void sk_reserve_test_rx_pages(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct page *page;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_all(t);
	page = dev_alloc_page();
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_TRUE(test, page_is_pfmemalloc(page));
	KUNIT_EXPECT_EQ(test, sk_reserve_node(RING)->pages.usage, 1UL);
	__free_page(page);
	KUNIT_EXPECT_EQ(test, all_usage(), 0UL);

	hog_free(t);
	socket_down(t);
	hog_all(t);
	KUNIT_EXPECT_NULL(test, dev_alloc_page());
	hog_free(t);
}

/* A pool does not keep a page of the reserve for its next packet. */
static void sk_reserve_test_page_pool(struct kunit *test)
{
	struct page_pool_params params = { .pool_size = 16, .nid = NUMA_NO_NODE };
	struct sk_reserve_test *t = test->priv;
	struct page_pool *pool;
	struct page *page;

	if (!IS_ENABLED(CONFIG_PAGE_POOL))
		kunit_skip(test, "there are no page pools");
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	pool = page_pool_create(&params);
	KUNIT_ASSERT_FALSE(test, IS_ERR(pool));
	hog_all(t);
	local_bh_disable();
	page = page_pool_dev_alloc_pages(pool);
	KUNIT_EXPECT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(RING)->pages.usage, 1UL);
	if (page) {
		KUNIT_EXPECT_TRUE(test, page_is_pfmemalloc(page));
		page_pool_recycle_direct(pool, page);
	}
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, all_usage(), 0UL);
	hog_free(t);
	page_pool_destroy(pool);
}

/* What a SOCK_MEMALLOC socket sends is charged to transmit. */
static void sk_reserve_test_tx(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct mem_reserve *sockets = sk_reserve_node(SOCKETS);
	struct sk_buff *skb, *clone, *second, *many[32] = {};
	struct page_frag frag = {};
	unsigned int i;
	struct sock *sk;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	sk = t->sock->sk;
	sk->sk_use_task_frag = false;
	hog_all(t);
	for (i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = alloc_skb_fclone(MAX_TCP_HEADER, sk_gfp_mask(sk, GFP_ATOMIC));
	skb = many[ARRAY_SIZE(many) - 1];
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_GT(test, sockets->own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(HEADS)->own.usage, 0UL);
	clone = skb_clone(skb, sk_gfp_mask(sk, GFP_ATOMIC));
	KUNIT_EXPECT_NOT_NULL(test, clone);
	/* The one beside it is taken: from then on they are charged. */
	hog_heads(t);
	second = skb_clone(skb, sk_gfp_mask(sk, GFP_ATOMIC));
	KUNIT_EXPECT_NOT_NULL(test, second);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(HEADS)->own.usage, 0UL);
	kfree_skb(second);
	kfree_skb(clone);
	for (i = 0; i < ARRAY_SIZE(many); i++)
		kfree_skb(many[i]);
	KUNIT_EXPECT_EQ(test, sockets->own.usage, 0UL);

	KUNIT_EXPECT_TRUE(test, sk_page_frag_refill(sk, &frag));
	KUNIT_EXPECT_EQ(test, sockets->pages.usage, 1UL);
	hog_free(t);
	/* With other memory to be had it is given back. */
	KUNIT_EXPECT_TRUE(test, sk_page_frag_refill(sk, &frag));
	KUNIT_EXPECT_EQ(test, sockets->pages.usage, 0UL);
	put_page(frag.page);

	/* Beyond its share a socket draws no more. */
	KUNIT_EXPECT_TRUE(test, sk_reserve_tx_gfp(sk, __GFP_MEMALLOC) & __GFP_MEMALLOC);
	sk->sk_wmem_queued += SK_RESERVE_SNDBUF + 1;
	KUNIT_EXPECT_FALSE(test, sk_reserve_tx_gfp(sk, __GFP_MEMALLOC) & __GFP_MEMALLOC);
	sk->sk_wmem_queued -= SK_RESERVE_SNDBUF + 1;
}

/* Beyond its share it gets nothing, whatever asks for it. */
static void sk_reserve_test_tx_share(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct mem_reserve *sockets = sk_reserve_node(SOCKETS);
	struct page_frag frag = {};
	struct sk_buff *skb;
	struct sock *sk;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	sk = t->sock->sk;
	hog_all(t);
	hog_objects(t, net_hotdata.skbuff_fclone_cache, 0);
	sk->sk_use_task_frag = true;
	KUNIT_EXPECT_FALSE(test, sk_reserve_tx_refill(sk, &frag));
	sk->sk_use_task_frag = false;
	sk->sk_wmem_queued += SK_RESERVE_SNDBUF + 1;
	KUNIT_EXPECT_FALSE(test, sk_reserve_tx_refill(sk, &frag));
	KUNIT_EXPECT_NULL(test, tcp_stream_alloc_skb(sk, sk_gfp_mask(sk, GFP_ATOMIC), false));
	KUNIT_EXPECT_EQ(test, sockets->pages.usage, 0UL);
	skb = tcp_stream_alloc_skb(sk, sk_gfp_mask(sk, GFP_ATOMIC), true);
	KUNIT_EXPECT_NOT_NULL(test, skb);
	KUNIT_EXPECT_GT(test, sockets->own.usage, 0UL);
	sk->sk_wmem_queued -= SK_RESERVE_SNDBUF + 1;
	if (skb)
		tcp_skb_tsorted_anchor_cleanup(skb);
	kfree_skb(skb);
	hog_free(t);
}

/* What is of another kind than most, as what is accounted, has no small head. */
static void sk_reserve_test_other_kind(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN | __GFP_RECLAIMABLE;
	struct sk_reserve_test *t = test->priv;
	struct sk_buff *skb;
	void *object;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_all(t);
	while (t->nr_objects < TEST_OBJECTS && (object = kmalloc(1024, gfp | __GFP_NOMEMALLOC)))
		t->objects[t->nr_objects++] = object;
	skb = alloc_skb(SKB_WITH_OVERHEAD(640), gfp | __GFP_MEMALLOC);
	if (skb)
		KUNIT_EXPECT_GE(test, skb->head_frag ? PAGE_SIZE : ksize(skb->head),
				skb_end_offset(skb) + sizeof(struct skb_shared_info));
	kfree_skb(skb);
	hog_free(t);
}

static int test_ulp_init(struct sock *sk)
{
	return 0;
}

/* As if TLS were set up on the socket: that is gone with it. */
static void records_up(struct kunit *test)
{
	static struct tcp_ulp_ops ops = { .name = "test", .init = test_ulp_init };
	struct sk_reserve_test *t = test->priv;
	struct sock *sk = t->sock->sk;
	int err;

	KUNIT_ASSERT_EQ(test, tcp_register_ulp(&ops), 0);
	lock_sock(sk);
	err = tcp_set_ulp(sk, ops.name);
	release_sock(sk);
	KUNIT_EXPECT_EQ(test, err, 0);
	settle();
	tcp_unregister_ulp(&ops);
}

/* What records of TLS are made of is charged, when there is no other memory. */
static void sk_reserve_test_records(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN;
	struct sk_reserve_test *t = test->priv;
	struct mem_reserve *sockets = sk_reserve_node(SOCKETS);
	void *object, *zeroed, *large, *foreign;
	unsigned long limit, used;
	struct sk_buff *skb;
	int err;

	if (IS_ENABLED(CONFIG_RANDOM_KMALLOC_CACHES))
		kunit_skip(test, "each caller of kmalloc() may have a cache of its own");
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	limit = sockets->pages.limit;
	records_up(test);
	KUNIT_EXPECT_GT(test, sockets->pages.limit, limit);
	hog_all(t);
	hog_objects(t, NULL, SK_RESERVE_RECORD_SIZE);

	foreign = sk_reserve_kmalloc(3000, GFP_ATOMIC | __GFP_NOWARN);
	object = sk_reserve_kmalloc(3000, gfp);
	if (object)
		memset(object, 0xff, 3000);
	used = sockets->own.usage;
	KUNIT_EXPECT_NULL(test, foreign);
	KUNIT_EXPECT_NOT_NULL(test, object);
	KUNIT_EXPECT_GT(test, used, 0UL);
	/* Not of the reserve, wherever it comes from */
	large = sk_reserve_kmalloc(2 * KMALLOC_MAX_CACHE_SIZE, gfp);
	KUNIT_EXPECT_EQ(test, sockets->own.usage, used);
	kfree(object);
	zeroed = sk_reserve_kmalloc(3000, gfp | __GFP_ZERO);
	KUNIT_EXPECT_NOT_NULL(test, zeroed);
	if (zeroed)
		KUNIT_EXPECT_NULL(test, memchr_inv(zeroed, 0, 3000));
	kfree(zeroed);
	kfree(large);
	kfree(foreign);
	KUNIT_EXPECT_EQ(test, sockets->own.usage, 0UL);

	skb = alloc_skb_with_frags(0, SZ_16K, PAGE_ALLOC_COSTLY_ORDER, &err, gfp);
	KUNIT_EXPECT_NOT_NULL(test, skb);
	KUNIT_EXPECT_GE(test, sockets->pages.usage, (unsigned long)SZ_16K / PAGE_SIZE);
	if (skb)
		KUNIT_EXPECT_TRUE(test, skb_pfmemalloc(skb));
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, all_usage(), 0UL);
	skb = alloc_skb_with_frags(0, SZ_16K, 0, &err, GFP_ATOMIC | __GFP_NOWARN);
	KUNIT_EXPECT_NULL(test, skb);
	kfree_skb(skb);
	hog_free(t);
}

/* A packet of a socket's, to be cut in three */
static struct sk_buff *gso_packet(struct kunit *test)
{
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_ASSERT_NOT_NULL(test, page);
	skb_reserve(skb, 64);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb_put_zero(skb, 40);
	skb_set_transport_header(skb, 20);
	skb->protocol = htons(ETH_P_IP);
	skb_add_rx_frag(skb, 0, page, 0, 3000, 3000);
	skb_shinfo(skb)->gso_size = 1000;
	skb_shinfo(skb)->gso_segs = 3;
	__skb_pull(skb, 40);
	return skb;
}

/* On its way, without a mark, and what is there for others is gone */
static struct sk_buff *sent_packet(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct sk_buff *skb;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	skb = gso_packet(test);
	hog_all(t);
	hog_heads(t);
	hog_objects(t, NULL, 2048);
	hog_objects(t, NULL, 4096);
	skb->sk = t->sock->sk;
	skb->destructor = tcp_wfree;
	return skb;
}

static void packet_disown(struct sk_buff *skb)
{
	skb->sk = NULL;
	skb->destructor = NULL;
}

static void sent_packet_end(struct kunit *test, struct sk_buff *skb)
{
	packet_disown(skb);
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, all_usage(), 0UL);
	hog_free(test->priv);
}

/* As a device without scatter-gather wants it: with what the socket has in a page */
static void sk_reserve_test_linear(struct kunit *test)
{
	struct sk_buff *skb = sent_packet(test);

	KUNIT_EXPECT_EQ(test, skb_linearize(skb), 0);
	KUNIT_EXPECT_TRUE(test, head_frag_is_right(skb));
	KUNIT_EXPECT_EQ(test, sk_reserve_node(SOCKETS)->pages.usage, 1UL);
	sent_packet_end(test, skb);
}

/* Nobody else's is */
static void sk_reserve_test_linear_other(struct kunit *test)
{
	struct sk_buff *skb = sent_packet(test);

	packet_disown(skb);
	KUNIT_EXPECT_EQ(test, skb_linearize(skb), -ENOMEM);
	sent_packet_end(test, skb);
}

static void sk_reserve_test_segments(struct kunit *test)
{
	struct sk_buff *skb = sent_packet(test);
	struct sk_buff *segs = skb_segment(skb, NETIF_F_SG | NETIF_F_HW_CSUM);

	KUNIT_EXPECT_FALSE(test, IS_ERR(segs));
	KUNIT_EXPECT_GT(test, sk_reserve_node(SOCKETS)->own.usage, 0UL);
	if (!IS_ERR(segs))
		kfree_skb_list(segs);
	sent_packet_end(test, skb);
}

/* The scope is for what such a socket sends, and for its device. */
static void sk_reserve_test_scope(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct sk_buff_head queue;
	struct sk_buff *skb[2];
	struct socket *other;
	unsigned int flags;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &other), 0);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	KUNIT_EXPECT_EQ(test, sk_reserve_enter(NULL), 0U);
	KUNIT_EXPECT_EQ(test, sk_reserve_enter(other->sk), 0U);
	flags = sk_reserve_enter_dev();
	KUNIT_EXPECT_TRUE(test, current->flags & PF_MEMALLOC_NOIO);
	sk_reserve_leave(flags);
	KUNIT_EXPECT_FALSE(test, current->flags & PF_MEMALLOC_NOIO);
	flags = sk_reserve_enter_link();
	KUNIT_EXPECT_TRUE(test, current->flags & PF_MEMALLOC);
	sk_reserve_leave(flags);
	KUNIT_EXPECT_FALSE(test, current->flags & PF_MEMALLOC);

	__skb_queue_head_init(&queue);
	skb[0] = alloc_skb(64, GFP_KERNEL);
	skb[1] = alloc_skb(64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb[0]);
	KUNIT_ASSERT_NOT_NULL(test, skb[1]);
	skb[0]->sk = other->sk;
	__skb_queue_tail(&queue, skb[0]);
	KUNIT_EXPECT_EQ(test, sk_reserve_enter_queue(&queue), 0U);
	skb[1]->sk = t->sock->sk;
	__skb_queue_tail(&queue, skb[1]);
	flags = sk_reserve_enter_queue(&queue);
	KUNIT_EXPECT_TRUE(test, current->flags & PF_MEMALLOC);
	sk_reserve_leave(flags);
	KUNIT_EXPECT_FALSE(test, current->flags & PF_MEMALLOC);
	skb[0]->sk = NULL;
	skb[1]->sk = NULL;
	__skb_queue_purge(&queue);
	sock_release(other);
}

/* TCP's common limit is for those to whom nothing was promised. */
static void sk_reserve_test_common_limit(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	long limits[3];
	struct socket *other;
	struct sock *sk;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &other), 0);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	sk = t->sock->sk;
	memcpy(limits, sysctl_tcp_mem, sizeof(limits));
	memset(sysctl_tcp_mem, 0, sizeof(limits));
	KUNIT_EXPECT_FALSE(test, __sk_mem_schedule(other->sk, SZ_4M, SK_MEM_RECV));
	KUNIT_EXPECT_TRUE(test, tcp_under_memory_pressure(other->sk));
	KUNIT_EXPECT_TRUE(test, __sk_mem_schedule(sk, SZ_4M, SK_MEM_RECV));
	KUNIT_EXPECT_TRUE(test, __sk_mem_schedule(sk, SZ_4M, SK_MEM_SEND));
	KUNIT_EXPECT_FALSE(test, tcp_under_memory_pressure(sk));
	sk_mem_reclaim(sk);
	memcpy(sysctl_tcp_mem, limits, sizeof(limits));
	tcp_leave_memory_pressure(other->sk);
	sock_release(other);
}

/* In which scope the test's device is told of */
static struct net_device *link_dev;
static unsigned int link_told, link_told_waiting;

static int link_event(struct notifier_block *nb, unsigned long event, void *info)
{
	if (event == NETDEV_CHANGE && netdev_notifier_info_to_dev(info) == link_dev) {
		link_told++;
		link_told_waiting += !(current->flags & PF_MEMALLOC);
	}
	return NOTIFY_DONE;
}

static struct notifier_block link_notifier = { .notifier_call = link_event };

static bool link_becomes(unsigned char state)
{
	unsigned long end = jiffies + 5 * HZ;

	while (READ_ONCE(link_dev->operstate) != state && time_before(jiffies, end))
		msleep(20);
	/* Until all have been told */
	rtnl_lock();
	rtnl_unlock();
	return READ_ONCE(link_dev->operstate) == state;
}

/* Who tells that a link went down does not wait for memory, and so for the link. */
static void sk_reserve_test_link(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;

	dev_up(test, 1);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	link_dev = t->dev;
	link_told = 0;
	link_told_waiting = 0;
	KUNIT_ASSERT_EQ(test, register_netdevice_notifier(&link_notifier), 0);
	netif_carrier_off(t->dev);
	KUNIT_EXPECT_TRUE(test, link_becomes(IF_OPER_DOWN));
	netif_carrier_on(t->dev);
	KUNIT_EXPECT_TRUE(test, link_becomes(IF_OPER_UP));
	unregister_netdevice_notifier(&link_notifier);
	KUNIT_EXPECT_GE(test, link_told, 2U);
	KUNIT_EXPECT_EQ(test, link_told_waiting, 0U);
}

static void change_dev(struct kunit *test, unsigned int swaps)
{
	struct sk_reserve_test *t = test->priv;

	test_dev_changes = 0;
	test_dev_swaps = 0;
	rtnl_lock();
	dev_close(t->dev);
	KUNIT_EXPECT_EQ(test, dev_open(t->dev, NULL), 0);
	KUNIT_EXPECT_EQ(test, dev_set_mtu(t->dev, t->dev->mtu - 1), 0);
	t->dev->wanted_features ^= NETIF_F_RXCSUM;
	netdev_update_features(t->dev);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, test_dev_changes, 3U);
	KUNIT_EXPECT_EQ(test, test_dev_swaps, swaps);
}

/* A device that is down for a change must not wait for what is behind it. */
static void sk_reserve_test_change(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;

	dev_up(test, 1);
	change_dev(test, 3);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	change_dev(test, 0);
	socket_down(t);
}

/* Who listens to a message that is dropped with its emergency memory is told so. */
static void sk_reserve_test_listener(struct kunit *test)
{
	struct sockaddr_nl group = {
		.nl_family = AF_NETLINK,
		.nl_groups = 1 << (RTNLGRP_LINK - 1),
	};
	struct socket *listener;
	struct sk_buff *skb;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE,
					       &listener), 0);
	KUNIT_EXPECT_EQ(test, kernel_bind(listener, (struct sockaddr *)&group, sizeof(group)), 0);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	skb = alloc_skb(64, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, skb);
	if (skb) {
		skb->pfmemalloc = 1;
		netlink_broadcast(init_net.rtnl, skb, 0, RTNLGRP_LINK, GFP_KERNEL);
		KUNIT_EXPECT_EQ(test, listener->sk->sk_err, ENOBUFS);
		KUNIT_EXPECT_TRUE(test, skb_queue_empty(&listener->sk->sk_receive_queue));
	}
	sock_release(listener);
}

/* Neighbours and small packets may be had in a scope, and not outside of one. */
static void sk_reserve_test_control(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct sk_reserve_test *t = test->priv;
	struct mem_reserve *control = sk_reserve_node(CONTROL);
	struct sk_buff *skb, *in_scope;
	unsigned int flags;
	void *neigh;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_all(t);
	hog_heads(t);

	skb = alloc_skb(64, gfp);
	neigh = sk_reserve_neigh(400);
	KUNIT_EXPECT_NULL(test, skb);
	KUNIT_EXPECT_NULL(test, neigh);
	kfree(neigh);
	kfree_skb(skb);

	flags = sk_reserve_enter(t->sock->sk);
	KUNIT_EXPECT_NE(test, flags, 0U);
	in_scope = alloc_skb(64, gfp);
	neigh = sk_reserve_neigh(400);
	sk_reserve_leave(flags);
	KUNIT_EXPECT_NOT_NULL(test, in_scope);
	KUNIT_EXPECT_NOT_NULL(test, neigh);
	KUNIT_EXPECT_FALSE(test, current->flags & PF_MEMALLOC);
	KUNIT_EXPECT_GT(test, control->own.usage, 0UL);
	kfree(neigh);
	kfree_skb(in_scope);
	KUNIT_EXPECT_EQ(test, control->own.usage, 0UL);
	hog_free(t);
}

static void set_address(struct kunit *test, struct net_device *dev)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(TEST_HERE) };
	struct ifreq ifr = {};

	strscpy(ifr.ifr_name, dev->name);
	memcpy(&ifr.ifr_addr, &addr, sizeof(addr));
	KUNIT_ASSERT_EQ(test, devinet_ioctl(&init_net, SIOCSIFADDR, &ifr), 0);
}

static bool peer_is_known(struct net_device *dev)
{
	__be32 peer = htonl(TEST_PEER);
	struct neighbour *n = neigh_lookup(&arp_tbl, &peer, dev);

	if (n)
		neigh_release(n);
	return n;
}

/* The peer asks for our address. */
static void arp_request(struct kunit *test, struct net_device *dev, bool emergency)
{
	static const u8 peer[ETH_ALEN] = { 2, 0, 0, 0, 0, 1 };
	struct sk_buff *skb;

	skb = arp_create(ARPOP_REQUEST, ETH_P_ARP, htonl(TEST_HERE), dev, htonl(TEST_PEER),
			 dev->dev_addr, peer, NULL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb->protocol = eth_type_trans(skb, dev);
	skb_reset_network_header(skb);
	skb->pfmemalloc = emergency;
	local_bh_disable();
	netif_receive_skb(skb);
	local_bh_enable();
}

/* Who is heard of in emergency memory first gets no entry. */
static void sk_reserve_test_arp(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;

	dev_up(test, 1);
	set_address(test, t->dev);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	arp_request(test, t->dev, true);
	KUNIT_EXPECT_FALSE(test, peer_is_known(t->dev));
	arp_request(test, t->dev, false);
	KUNIT_EXPECT_TRUE(test, peer_is_known(t->dev));
}

/* An entry for the peer, when a packet of ours needs it */
static void test_neigh(struct kunit *test, struct neigh_table *tbl, const void *peer)
{
	struct sk_reserve_test *t = test->priv;
	struct neighbour *n;
	unsigned int flags;

	if (tbl->entry_size > SK_RESERVE_NEIGH_SIZE)
		kunit_skip(test, "entries are larger than what is set aside: lockdep");
	dev_up(test, 1);
	set_address(test, t->dev);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_all(t);
	hog_objects(t, NULL, tbl->entry_size + t->dev->neigh_priv_len);
	n = neigh_create(tbl, peer, t->dev);
	KUNIT_EXPECT_PTR_EQ(test, n, ERR_PTR(-ENOBUFS));
	flags = sk_reserve_enter(t->sock->sk);
	n = neigh_create(tbl, peer, t->dev);
	sk_reserve_leave(flags);
	KUNIT_EXPECT_FALSE(test, IS_ERR(n));
	KUNIT_EXPECT_EQ(test, sk_reserve_node(CONTROL)->own.usage, 1UL);
	if (!IS_ERR(n))
		neigh_release(n);
	hog_free(t);
}

static void sk_reserve_test_neigh(struct kunit *test)
{
	__be32 peer = htonl(TEST_PEER);

	test_neigh(test, &arp_tbl, &peer);
}

#if IS_ENABLED(CONFIG_IPV6)
static void sk_reserve_test_neigh_ipv6(struct kunit *test)
{
	struct in6_addr peer = { .s6_addr = { 0xfe, 0x80, [15] = 2 } };

	if (!ipv6_stub->nd_tbl)
		kunit_skip(test, "there is no IPv6");
	test_neigh(test, ipv6_stub->nd_tbl, &peer);
}
#endif

/* How many packets wait for the peer after so many more? */
static unsigned int wait_for_peer(struct kunit *test, struct sock *sk, unsigned int nr)
{
	struct sk_reserve_test *t = test->priv;
	__be32 peer = htonl(TEST_PEER);
	struct neighbour *n = __neigh_lookup_errno(&arp_tbl, &peer, t->dev);
	struct sk_buff *skb;
	unsigned int waiting;

	KUNIT_ASSERT_FALSE(test, IS_ERR(n));
	while (nr--) {
		skb = alloc_skb(128, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		memset(skb->head, 0, 128);
		skb->dev = t->dev;
		if (sk)
			skb_set_owner_w(skb, sk);
		KUNIT_EXPECT_EQ(test, neigh_event_send(n, skb), 1);
	}
	waiting = skb_queue_len_lockless(&n->arp_queue);
	neigh_release(n);
	return waiting;
}

/* A packet of another device, in emergency memory, is to be sent to the peer. */
static void forward_to_peer(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	__be32 peer = htonl(TEST_PEER);
	struct neighbour *n = __neigh_lookup_errno(&arp_tbl, &peer, t->dev);
	struct sk_buff *skb = alloc_skb(128, GFP_KERNEL);

	KUNIT_ASSERT_FALSE(test, IS_ERR(n));
	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb->dev = t->dev;
	skb->skb_iif = init_net.loopback_dev->ifindex;
	skb->pfmemalloc = true;
	KUNIT_EXPECT_EQ(test, neigh_event_send(n, skb), 1);
	neigh_release(n);
}

static void kswapd_gives_up(bool up)
{
	struct zone *zone = NODE_DATA(first_online_node)->node_zones;

	while (!populated_zone(zone))
		zone++;
	WRITE_ONCE(zone->zone_pgdat->kswapd_failures, up ? 16 : 0);
	zone->watermark_boost = up ? zone_managed_pages(zone) : 0;
}

static void kswapd_goes_on(void *unused)
{
	kswapd_gives_up(false);
}

/* The tests before this may have left kswapd something to do. */
static void wait_for_kswapd(struct kunit *test)
{
	unsigned int n;

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, kswapd_goes_on, NULL), 0);
	kswapd_gives_up(false);
	for (n = 0; n < 500 && mem_reserve_reclaiming(); n++)
		msleep(20);
	KUNIT_ASSERT_FALSE(test, mem_reserve_reclaiming());
	/* It has given up once, and there is memory again. */
	WRITE_ONCE(NODE_DATA(first_online_node)->kswapd_failures, 16);
	KUNIT_EXPECT_FALSE(test, mem_reserve_reclaiming());
	kswapd_gives_up(false);
}

/* While memory is reclaimed, only the latest of others' waits for a neighbour. */
static void sk_reserve_test_unresolved(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;

	dev_up(test, 1);
	set_address(test, t->dev);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	wait_for_kswapd(test);
	KUNIT_EXPECT_EQ(test, wait_for_peer(test, NULL, 4), 4U);

	kswapd_gives_up(true);
	KUNIT_EXPECT_EQ(test, wait_for_peer(test, NULL, 2), 1U);
	KUNIT_EXPECT_EQ(test, wait_for_peer(test, t->sock->sk, 3), 4U);
	/* Ours are not dropped for others. */
	KUNIT_EXPECT_EQ(test, wait_for_peer(test, NULL, 2), 6U);
	kswapd_gives_up(false);
	KUNIT_EXPECT_EQ(test, wait_for_peer(test, NULL, 2), 8U);
	/* What was received in emergency memory never waits. */
	forward_to_peer(test);
	KUNIT_EXPECT_EQ(test, wait_for_peer(test, NULL, 0), 8U);
}

/* A connection on the loopback device, whose client is the socket under test */

struct test_pair {
	struct socket *listener;
	struct socket *server;
};

static void loopback_up(struct kunit *test)
{
	rtnl_lock();
	KUNIT_ASSERT_EQ(test, dev_open(init_net.loopback_dev, NULL), 0);
	rtnl_unlock();
}

static void pair_up(struct kunit *test, struct test_pair *pair)
{
	struct sk_reserve_test *t = test->priv;
	struct sockaddr_in addr = { .sin_family = AF_INET };

	loopback_up(test);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &pair->listener), 0);
	KUNIT_ASSERT_EQ(test, kernel_bind(pair->listener, (struct sockaddr *)&addr,
					  sizeof(addr)), 0);
	KUNIT_ASSERT_EQ(test, kernel_listen(pair->listener, 1), 0);
	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &t->sock), 0);
	addr.sin_port = inet_sk(pair->listener->sk)->inet_sport;
	KUNIT_ASSERT_EQ(test, kernel_connect(t->sock, (struct sockaddr *)&addr,
					     sizeof(addr), 0), 0);
	KUNIT_ASSERT_EQ(test, kernel_accept(pair->listener, &pair->server, 0), 0);
	KUNIT_ASSERT_EQ(test, sk_set_memalloc(t->sock->sk), 0);
}

static void pair_down(struct sk_reserve_test *t, struct test_pair *pair)
{
	sock_release(pair->server);
	sock_release(pair->listener);
	socket_down(t);
}

/* A route as the socket's, when a packet of ours needs it */
static void sk_reserve_test_route(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct dst_ops ops = {};
	struct test_pair pair;
	struct dst_entry *dst;
	unsigned int flags;

	pair_up(test, &pair);
	dst = sk_dst_get(t->sock->sk);
	KUNIT_ASSERT_NOT_NULL(test, dst);
	ops.kmem_cachep = dst->ops->kmem_cachep;
	dst_release(dst);
	hog_all(t);
	hog_objects(t, ops.kmem_cachep, 0);
	KUNIT_EXPECT_NULL(test, sk_reserve_dst(ops.kmem_cachep));
	flags = sk_reserve_enter(t->sock->sk);
	dst = dst_alloc(&ops, init_net.loopback_dev, 0, DST_NOCOUNT);
	sk_reserve_leave(flags);
	KUNIT_EXPECT_NOT_NULL(test, dst);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(CONTROL)->own.usage, 1UL);
	if (dst)
		dst_release_immediate(dst);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(CONTROL)->own.usage, 0UL);
	hog_free(t);
	pair_down(t, &pair);
}

/* Packets as they come to ip_rcv_finish_pfmemalloc() */

static struct sk_buff *fill_packet(struct kunit *test, struct sk_buff *skb, u8 proto,
				   u16 dest, u8 type, u16 frag_off)
{
	struct iphdr *iph;
	u8 *data;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, 64);
	iph = skb_put_zero(skb, sizeof(*iph));
	iph->version = 4;
	iph->ihl = 5;
	iph->protocol = proto;
	iph->ttl = 64;
	iph->tot_len = htons(sizeof(*iph) + 16);
	iph->saddr = htonl(TEST_PEER);
	iph->daddr = htonl(INADDR_LOOPBACK);
	iph->frag_off = htons(frag_off);
	ip_send_check(iph);
	data = skb_put_zero(skb, 16);
	data[0] = type;
	((__be16 *)data)[1] = type ? 0 : htons(dest);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, sizeof(*iph));
	skb->protocol = htons(ETH_P_IP);
	skb->dev = init_net.loopback_dev;
	skb->skb_iif = skb->dev->ifindex;
	skb->pfmemalloc = 1;
	return skb;
}

static struct sk_buff *test_packet(struct kunit *test, u8 proto, u16 dest, u8 type,
				   u16 frag_off)
{
	return fill_packet(test, alloc_skb(256, GFP_KERNEL), proto, dest, type, frag_off);
}

static bool skb_wanted(struct sk_buff *skb)
{
	bool ret;

	rcu_read_lock();
	local_bh_disable();
	ret = sk_reserve_wanted(&init_net, skb);
	local_bh_enable();
	rcu_read_unlock();
	kfree_skb(skb);
	return ret;
}

static bool wanted(struct kunit *test, u8 proto, u16 dest, u8 type, u16 frag_off)
{
	return skb_wanted(test_packet(test, proto, dest, type, frag_off));
}

static unsigned long drops(int item)
{
	return snmp_fold_field(init_net.mib.net_statistics, item);
}

/* As a driver hands it over */
static void receive(struct kunit *test, u16 dest)
{
	struct sk_buff *skb = test_packet(test, IPPROTO_UDP, dest, 0, 0);

	skb_reset_mac_header(skb);
	local_bh_disable();
	netif_receive_skb(skb);
	local_bh_enable();
}

static void sk_reserve_test_wanted(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT) };
	unsigned long dropped = drops(LINUX_MIB_PFMEMALLOCEARLYDROP);
	struct sk_buff *skb;

	loopback_up(test);
	socket_up(test, SOCK_DGRAM, IPPROTO_UDP);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	KUNIT_ASSERT_EQ(test, kernel_bind(t->sock, (struct sockaddr *)&addr, sizeof(addr)), 0);

	KUNIT_EXPECT_TRUE(test, wanted(test, IPPROTO_UDP, TEST_PORT, 0, 0));
	KUNIT_EXPECT_FALSE(test, wanted(test, IPPROTO_UDP, TEST_PORT + 1, 0, 0));
	KUNIT_EXPECT_FALSE(test, wanted(test, IPPROTO_TCP, TEST_PORT, 0, 0));
	KUNIT_EXPECT_FALSE(test, wanted(test, IPPROTO_ICMP, 0, ICMP_ECHO, 0));
	KUNIT_EXPECT_TRUE(test, wanted(test, IPPROTO_ICMP, 0, ICMP_DEST_UNREACH, 0));
	KUNIT_EXPECT_FALSE(test, wanted(test, IPPROTO_IGMP, 0, 0, 0));
	KUNIT_EXPECT_TRUE(test, wanted(test, IPPROTO_GRE, 0, 0, 0));
	KUNIT_EXPECT_TRUE(test, wanted(test, IPPROTO_TCP, 0, 0, IP_MF));
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCEARLYDROP), dropped + 4);

	/* In ordinary memory, whatever it is. */
	skb = test_packet(test, IPPROTO_ICMP, 0, ICMP_ECHO, 0);
	skb->pfmemalloc = 0;
	KUNIT_EXPECT_TRUE(test, sk_reserve_wanted(&init_net, skb));
	KUNIT_EXPECT_TRUE(test, sk_reserve_may_send(skb->dev, skb));
	skb->pfmemalloc = 1;
	KUNIT_EXPECT_FALSE(test, sk_reserve_may_park(skb));
	KUNIT_EXPECT_FALSE(test, sk_reserve_may_send(skb->dev, skb));
	skb->skb_iif = 0;
	KUNIT_EXPECT_TRUE(test, sk_reserve_may_send(skb->dev, skb));
	kfree_skb(skb);
}

/* As a driver hands them over, one by one and as a list */
static void sk_reserve_test_wanted_received(struct kunit *test)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT) };
	struct sk_reserve_test *t = test->priv;
	unsigned long dropped;
	struct sk_buff *skb;
	LIST_HEAD(list);
	int i;

	loopback_up(test);
	socket_up(test, SOCK_DGRAM, IPPROTO_UDP);
	KUNIT_ASSERT_EQ(test, kernel_bind(t->sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	dropped = drops(LINUX_MIB_PFMEMALLOCEARLYDROP);
	for (i = 0; i < 3; i++) {
		skb = test_packet(test, IPPROTO_UDP, TEST_PORT + i, 0, 0);
		skb_reset_mac_header(skb);
		list_add_tail(&skb->list, &list);
	}
	local_bh_disable();
	netif_receive_skb_list(&list);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCEARLYDROP), dropped + 2);
	receive(test, TEST_PORT);
	receive(test, TEST_PORT + 1);
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCEARLYDROP), dropped + 3);
}

/* Where it would wait it is dropped, and that is counted. */
static void sk_reserve_test_park(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	unsigned long dropped = drops(LINUX_MIB_PFMEMALLOCPARKDROP);
	struct sk_buff *skb;

	socket_up(test, SOCK_DGRAM, IPPROTO_UDP);
	skb = test_packet(test, IPPROTO_UDP, TEST_PORT, 0, 0);
	KUNIT_EXPECT_TRUE(test, sk_reserve_park_drop(&init_net, skb));
	KUNIT_EXPECT_FALSE(test, sk_reserve_may_send(skb->dev, skb));
	KUNIT_EXPECT_EQ(test, sock_queue_err_skb(t->sock->sk, skb), -ENOMEM);
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCPARKDROP), dropped + 3);
	skb->pfmemalloc = 0;
	KUNIT_EXPECT_FALSE(test, sk_reserve_park_drop(&init_net, skb));
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCPARKDROP), dropped + 3);
	skb->pfmemalloc = 1;
	pneigh_enqueue(&arp_tbl, &arp_tbl.parms, skb);
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCPARKDROP), dropped + 4);
	socket_down(t);
	skb = test_packet(test, IPPROTO_UDP, TEST_PORT, 0, 0);
	KUNIT_EXPECT_FALSE(test, sk_reserve_park_drop(&init_net, skb));
	kfree_skb(skb);
}

/* A packet socket that asks for IP alone gets it ahead of IP, but for one of a device. */
static struct socket *tap_open(struct kunit *test, int ifindex)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = ifindex,
	};
	struct socket *tap;

	if (!IS_BUILTIN(CONFIG_PACKET))
		kunit_skip(test, "there are no packet sockets");
	loopback_up(test);
	socket_up(test, SOCK_DGRAM, IPPROTO_UDP);
	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, PF_PACKET, SOCK_RAW, htons(ETH_P_IP),
					       &tap), 0);
	if (ifindex)
		KUNIT_EXPECT_EQ(test, kernel_bind(tap, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return tap;
}

/* Then it is deliver_skb() that gives IPv4 a packet. */
static void sk_reserve_test_wanted_tap(struct kunit *test)
{
	struct socket *tap = tap_open(test, init_net.loopback_dev->ifindex);
	unsigned long dropped = drops(LINUX_MIB_PFMEMALLOCEARLYDROP);

	receive(test, TEST_PORT);
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCEARLYDROP), dropped + 1);
	sock_release(tap);
}

static void sk_reserve_test_park_packet(struct kunit *test)
{
	struct socket *tap = tap_open(test, 0);
	unsigned long dropped = drops(LINUX_MIB_PFMEMALLOCPARKDROP);

	receive(test, TEST_PORT);
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCPARKDROP), dropped + 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&tap->sk->sk_rmem_alloc), 0);
	sock_release(tap);
}

/* A message to the kernel, which answers none but one that it refuses */
static void ask(struct kunit *test, int protocol, struct sk_buff *skb)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr msg = { .msg_name = &kernel, .msg_namelen = sizeof(kernel) };
	struct kvec vec = { .iov_base = skb->data, .iov_len = skb->len };
	struct socket *sock;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_NETLINK, SOCK_RAW, protocol,
					       &sock), 0);
	KUNIT_EXPECT_EQ(test, kernel_sendmsg(sock, &msg, &vec, 1, skb->len), (int)skb->len);
	KUNIT_EXPECT_TRUE(test, skb_queue_empty(&sock->sk->sk_receive_queue));
	sock_release(sock);
	kfree_skb(skb);
}

/* A macvlan device above the test's, which takes it along, or one of ipvlan */
static void upper_new(struct kunit *test, bool ipvlan)
{
	struct sk_buff *skb = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	/* What one of ipvlan sends to all is queued as well: it stays down. */
	struct ifinfomsg ifm = {
		.ifi_flags = ipvlan ? 0 : IFF_UP,
		.ifi_change = ipvlan ? 0 : IFF_UP,
	};
	struct sk_reserve_test *t = test->priv;
	struct nlattr *info, *data;
	struct nlmsghdr *nlh;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	nlh = nlmsg_put(skb, 0, 0, RTM_NEWLINK, sizeof(ifm), NLM_F_REQUEST | NLM_F_CREATE);
	memcpy(nlmsg_data(nlh), &ifm, sizeof(ifm));
	nla_put_u32(skb, IFLA_LINK, t->dev->ifindex);
	info = nla_nest_start(skb, IFLA_LINKINFO);
	nla_put_string(skb, IFLA_INFO_KIND, ipvlan ? "ipvlan" : "macvlan");
	if (ipvlan) {
		data = nla_nest_start(skb, IFLA_INFO_DATA);
		nla_put_u16(skb, IFLA_IPVLAN_MODE, IPVLAN_MODE_L2);
		nla_nest_end(skb, data);
	}
	nla_nest_end(skb, info);
	nlmsg_end(skb, nlh);
	ask(test, NETLINK_ROUTE, skb);
}

static struct sk_buff *test_packet6(struct kunit *test, u8 type)
{
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);
	struct ipv6hdr *hdr;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, 64);
	hdr = skb_put_zero(skb, sizeof(*hdr));
	hdr->version = 6;
	hdr->nexthdr = IPPROTO_ICMPV6;
	hdr->payload_len = htons(16);
	hdr->hop_limit = 255;
	hdr->saddr = in6addr_loopback;
	hdr->daddr = in6addr_loopback;
	*(u8 *)skb_put_zero(skb, 16) = type;
	skb_reset_network_header(skb);
	skb->protocol = htons(ETH_P_IPV6);
	skb->dev = init_net.loopback_dev;
	skb->pfmemalloc = 1;
	return skb;
}

/* One that asks who has ::1 */
static struct sk_buff *solicitation(struct kunit *test)
{
	struct sk_buff *skb = test_packet6(test, NDISC_NEIGHBOUR_SOLICITATION);

	addrconf_addr_solict_mult(&in6addr_loopback, &ipv6_hdr(skb)->daddr);
	return skb;
}

/* The test's device receives so many that are for all. */
static void broadcast(struct kunit *test, u16 protocol, bool emergency, unsigned int nr)
{
	struct sk_reserve_test *t = test->priv;
	struct sk_buff *skb;
	LIST_HEAD(list);

	while (nr--) {
		skb = protocol == ETH_P_IPV6 ? solicitation(test) :
		      test_packet(test, IPPROTO_UDP, TEST_PORT, 0, 0);
		skb->pfmemalloc = emergency;
		dev_hard_header(skb, t->dev, protocol, t->dev->broadcast, NULL, skb->len);
		skb->protocol = eth_type_trans(skb, t->dev);
		list_add_tail(&skb->list, &list);
	}
	local_bh_disable();
	netif_receive_skb_list(&list);
	local_bh_enable();
}

/* What is for all devices above another waits for a worker: of these, a little ARP. */
static void test_park_upper(struct kunit *test, bool ipvlan)
{
	unsigned long dropped;

	dev_up(test, 1);
	upper_new(test, ipvlan);
	socket_up(test, SOCK_DGRAM, IPPROTO_UDP);
	dropped = drops(LINUX_MIB_PFMEMALLOCPARKDROP);
	broadcast(test, ETH_P_IP, true, 2);
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCPARKDROP), dropped + 2);
	/* The worker could be at it on another CPU. */
	if (num_online_cpus() > 1)
		return;
	broadcast(test, ETH_P_IPV6, true, 1);
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCPARKDROP), dropped + 2);
	broadcast(test, ETH_P_ARP, true, TEST_FEW);
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCPARKDROP), dropped + 3);
}

static void sk_reserve_test_park_macvlan(struct kunit *test)
{
	if (!IS_BUILTIN(CONFIG_MACVLAN))
		kunit_skip(test, "there is no macvlan");
	test_park_upper(test, false);
}

static void sk_reserve_test_park_ipvlan(struct kunit *test)
{
	if (!IS_BUILTIN(CONFIG_IPVLAN))
		kunit_skip(test, "there is no ipvlan");
	test_park_upper(test, true);
}

#if IS_BUILTIN(CONFIG_TAP)
/* Who reads from a macvtap device would find it there, some time. */
static void sk_reserve_test_park_tap(struct kunit *test)
{
	struct tap_queue *queue = kunit_kzalloc(test, sizeof(*queue), GFP_KERNEL);
	struct tap_dev *tap = kunit_kzalloc(test, sizeof(*tap), GFP_KERNEL);
	struct sk_reserve_test *t = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, queue);
	KUNIT_ASSERT_NOT_NULL(test, tap);
	KUNIT_ASSERT_EQ(test, ptr_ring_init(&queue->ring, 1, GFP_KERNEL), 0);
	init_waitqueue_head(&queue->sock.wq.wait);
	RCU_INIT_POINTER(queue->sk.sk_wq, &queue->sock.wq);
	RCU_INIT_POINTER(tap->taps[0], queue);
	tap->numvtaps = 1;
	dev_up(test, 1);
	socket_up(test, SOCK_DGRAM, IPPROTO_UDP);
	rtnl_lock();
	KUNIT_EXPECT_EQ(test, netdev_rx_handler_register(t->dev, tap_handle_frame, tap), 0);
	rtnl_unlock();
	broadcast(test, ETH_P_IP, true, 1);
	KUNIT_EXPECT_TRUE(test, ptr_ring_empty(&queue->ring));
	broadcast(test, ETH_P_IP, false, 1);
	KUNIT_EXPECT_FALSE(test, ptr_ring_empty(&queue->ring));
	rtnl_lock();
	netdev_rx_handler_unregister(t->dev);
	rtnl_unlock();
	ptr_ring_cleanup(&queue->ring, __skb_array_destroy_skb);
}
#endif

#if IS_BUILTIN(CONFIG_L2TP)
static void l2tp_packet(struct kunit *test, struct l2tp_session *session, u32 nr,
			bool emergency)
{
	struct sk_buff *skb = alloc_skb(64, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb->pfmemalloc = emergency;
	/* With a number, and the bit that says so */
	*(__be32 *)skb_put_zero(skb, 16) = htonl(0x40000000 | nr);
	l2tp_recv_common(session, skb, skb->data, skb->data, 0, skb->len);
}

/* What comes too early is held back, some of it, and goes on with what is missing. */
static void sk_reserve_test_park_l2tp(struct kunit *test)
{
	struct l2tp_session_cfg cfg = {
		.l2specific_type = L2TP_L2SPECTYPE_DEFAULT,
		.reorder_timeout = 60 * HZ,
	};
	struct l2tp_session *session;
	struct l2tp_tunnel *tunnel;
	u32 nr;

	socket_up(test, SOCK_DGRAM, IPPROTO_UDP);
	KUNIT_ASSERT_EQ(test, l2tp_tunnel_create(-1, 3, 1, 1, NULL, &tunnel), 0);
	tunnel->l2tp_net = &init_net;
	session = l2tp_session_create(0, tunnel, 1, 1, &cfg);
	KUNIT_ASSERT_FALSE(test, IS_ERR(session));
	session->tunnel = tunnel;
	l2tp_packet(test, session, 0, true);
	for (nr = 2; nr <= TEST_FEW + 2; nr++)
		l2tp_packet(test, session, nr, true);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&session->reorder_q), TEST_FEW);
	l2tp_packet(test, session, TEST_FEW + 2, false);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&session->reorder_q), TEST_FEW + 1);
	l2tp_packet(test, session, 1, true);
	KUNIT_EXPECT_TRUE(test, skb_queue_empty(&session->reorder_q));
	skb_queue_purge(&session->reorder_q);
	l2tp_session_put(session);
}
#endif

#if IS_BUILTIN(CONFIG_TIPC) && defined(CONFIG_TIPC_MEDIA_UDP)
static void tipc_bearer(struct kunit *test, u8 cmd)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT) };
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	struct nlattr *bearer, *udp;
	void *hdr;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	hdr = genlmsg_put(skb, 0, 0, &tipc_genl_family, NLM_F_REQUEST, cmd);
	bearer = nla_nest_start(skb, TIPC_NLA_BEARER);
	nla_put_string(skb, TIPC_NLA_BEARER_NAME, "udp:test");
	udp = nla_nest_start(skb, TIPC_NLA_BEARER_UDP_OPTS);
	nla_put(skb, TIPC_NLA_UDP_LOCAL, sizeof(addr), &addr);
	nla_put(skb, TIPC_NLA_UDP_REMOTE, sizeof(addr), &addr);
	nla_nest_end(skb, udp);
	nla_nest_end(skb, bearer);
	genlmsg_end(skb, hdr);
	ask(test, NETLINK_GENERIC, skb);
}

/* Nobody swaps over TIPC, and what is out of order would be deferred. */
static void sk_reserve_test_park_tipc(struct kunit *test)
{
	__be32 here = htonl(INADDR_LOOPBACK);
	unsigned long dropped;
	struct sk_buff *skb;
	struct sock *sk;

	loopback_up(test);
	socket_up(test, SOCK_DGRAM, IPPROTO_UDP);
	tipc_bearer(test, TIPC_NL_BEARER_ENABLE);
	skb = test_packet(test, IPPROTO_UDP, TEST_PORT, 0, 0);
	__skb_pull(skb, sizeof(struct iphdr));
	dropped = drops(LINUX_MIB_PFMEMALLOCPARKDROP);
	rcu_read_lock();
	sk = __udp4_lib_lookup(&init_net, here, 0, here, htons(TEST_PORT), 0, 0,
			       init_net.ipv4.udp_table, NULL);
	KUNIT_EXPECT_NOT_NULL(test, sk);
	if (sk)
		udp_sk(sk)->encap_rcv(sk, skb);
	else
		kfree_skb(skb);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCPARKDROP), dropped + 1);
	tipc_bearer(test, TIPC_NL_BEARER_DISABLE);
}
#endif

#ifdef CONFIG_NETFILTER

static unsigned int test_queued;

/* A program that decides about packets: it keeps none here, and so it is dropped. */
static int test_outfn(struct nf_queue_entry *entry, unsigned int queuenum)
{
	test_queued++;
	return -ENOBUFS;
}

static void test_hook_drop(struct net *net)
{
}

static int queue_packet(struct kunit *test, bool emergency, unsigned int flags)
{
	struct nf_hook_state state = {
		.hook = NF_INET_LOCAL_IN,
		.pf = NFPROTO_IPV4,
		.net = &init_net,
		.in = init_net.loopback_dev,
	};
	struct sk_buff *skb = test_packet(test, IPPROTO_UDP, TEST_PORT, 0, 0);
	int err;

	skb->pfmemalloc = emergency;
	rcu_read_lock();
	err = nf_queue(skb, &state, 0, NF_QUEUE_NR(0) | flags);
	rcu_read_unlock();
	if (err)
		kfree_skb(skb);
	return err;
}

/* Who decides about packets gets none in emergency memory: it would wait there. */
static void sk_reserve_test_park_queue(struct kunit *test)
{
	static const struct nf_queue_handler handler = {
		.outfn = test_outfn,
		.nf_hook_drop = test_hook_drop,
	};

	socket_up(test, SOCK_DGRAM, IPPROTO_UDP);
	nf_register_queue_handler(&handler);
	test_queued = 0;
	KUNIT_EXPECT_EQ(test, queue_packet(test, false, 0), 0);
	KUNIT_EXPECT_EQ(test, test_queued, 1U);
	KUNIT_EXPECT_EQ(test, queue_packet(test, true, 0), 0);
	KUNIT_EXPECT_EQ(test, test_queued, 1U);
	/* Where it may be passed by, the packet goes on. */
	KUNIT_EXPECT_EQ(test, queue_packet(test, true, NF_VERDICT_FLAG_QUEUE_BYPASS), 1);
	KUNIT_EXPECT_EQ(test, test_queued, 1U);
	nf_unregister_queue_handler();
}

#endif /* CONFIG_NETFILTER */

/* What is for a tunnel goes on, and what is for another socket does not. */
static void sk_reserve_test_wanted_udp(struct kunit *test)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT) };
	struct socket *other;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
					       &other), 0);
	KUNIT_ASSERT_EQ(test, kernel_bind(other, (struct sockaddr *)&addr, sizeof(addr)), 0);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	KUNIT_EXPECT_FALSE(test, wanted(test, IPPROTO_UDP, TEST_PORT, 0, 0));
	WRITE_ONCE(udp_sk(other->sk)->encap_type, UDP_ENCAP_ESPINUDP);
	KUNIT_EXPECT_TRUE(test, wanted(test, IPPROTO_UDP, TEST_PORT, 0, 0));
	WRITE_ONCE(udp_sk(other->sk)->encap_type, 0);
	sock_release(other);
}

/* A segment as it comes to @sk */
static bool segment_wanted(struct kunit *test, const struct sock *sk)
{
	struct sk_buff *skb = test_packet(test, IPPROTO_TCP, inet_sk(sk)->inet_num, 0, 0);

	ip_hdr(skb)->saddr = sk->sk_daddr;
	tcp_hdr(skb)->source = sk->sk_dport;
	return skb_wanted(skb);
}

static void sk_reserve_test_wanted_tcp(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct test_pair pair;

	pair_up(test, &pair);
	KUNIT_EXPECT_TRUE(test, segment_wanted(test, t->sock->sk));
	KUNIT_EXPECT_FALSE(test, segment_wanted(test, pair.server->sk));
	pair_down(t, &pair);
}

static bool wanted6(struct kunit *test, u8 type)
{
	return skb_wanted(test_packet6(test, type));
}

static void sk_reserve_test_wanted_ipv6(struct kunit *test)
{
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	KUNIT_EXPECT_TRUE(test, wanted6(test, NDISC_NEIGHBOUR_ADVERTISEMENT));
	KUNIT_EXPECT_TRUE(test, wanted6(test, NDISC_ROUTER_SOLICITATION));
	KUNIT_EXPECT_TRUE(test, wanted6(test, NDISC_REDIRECT));
	KUNIT_EXPECT_TRUE(test, wanted6(test, ICMPV6_PKT_TOOBIG));
	KUNIT_EXPECT_FALSE(test, wanted6(test, ICMPV6_ECHO_REQUEST));
}

static void sk_reserve_test_received_ipv6(struct kunit *test)
{
	unsigned long dropped = drops(LINUX_MIB_PFMEMALLOCEARLYDROP);
	struct sk_buff *skb;
	LIST_HEAD(list);

	if (!IS_BUILTIN(CONFIG_IPV6))
		kunit_skip(test, "there is no IPv6");
	loopback_up(test);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	skb = test_packet6(test, ICMPV6_ECHO_REQUEST);
	skb_reset_mac_header(skb);
	list_add(&skb->list, &list);
	local_bh_disable();
	netif_receive_skb_list(&list);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCEARLYDROP), dropped + 1);
}

/* One that holds nothing of the reserve */
static bool frag_queued(struct kunit *test, enum sk_reserve_frag kind)
{
	struct sk_buff *skb = test_packet(test, IPPROTO_TCP, 0, 0, IP_MF);
	bool ret = sk_reserve_may_queue_frag(init_net.ipv4.fqdir, skb, kind);

	kfree_skb(skb);
	return ret;
}

static bool sent_on(struct kunit *test)
{
	struct sk_buff *skb = test_packet(test, IPPROTO_ICMP, 0, ICMP_ECHO, 0);
	bool ret = sk_reserve_may_send(skb->dev, skb);

	kfree_skb(skb);
	return ret;
}

/* With such sockets elsewhere a packet may be on its way there, until they go. */
static void sk_reserve_test_namespaces(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct net *net = copy_net_ns(CLONE_NEWNET, &init_user_ns, &init_net);
	static struct user_namespace users;
	struct socket *other;

	KUNIT_ASSERT_FALSE(test, IS_ERR(net));
	KUNIT_ASSERT_EQ(test, sock_create_kern(net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &other), 0);
	other->sk->sk_daddr = htonl(TEST_PEER);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	KUNIT_EXPECT_FALSE(test, wanted(test, IPPROTO_ICMP, 0, ICMP_ECHO, 0));
	KUNIT_EXPECT_FALSE(test, sent_on(test));

	KUNIT_EXPECT_EQ(test, sk_set_memalloc(other->sk), 0);
	KUNIT_EXPECT_TRUE(test, wanted(test, IPPROTO_ICMP, 0, ICMP_ECHO, 0));
	KUNIT_EXPECT_TRUE(test, sent_on(test));
	KUNIT_EXPECT_FALSE(test, frag_queued(test, SK_RESERVE_IPV4));
	/* But not by way of one that users have made. */
	KUNIT_EXPECT_TRUE(test, may_forward(net));
	net->user_ns = &users;
	KUNIT_EXPECT_FALSE(test, may_forward(net));
	net->user_ns = &init_user_ns;

	sk_clear_memalloc(other->sk);
	KUNIT_EXPECT_FALSE(test, wanted(test, IPPROTO_ICMP, 0, ICMP_ECHO, 0));
	KUNIT_EXPECT_FALSE(test, sent_on(test));
	other->sk->sk_daddr = 0;
	sock_release(other);
	socket_down(t);
	put_net(net);
}

/* A page of its own is moved too, to the node of its kind, for who has one. */
static void sk_reserve_test_frag_heads(struct kunit *test)
{
	struct mem_reserve *frag4 = sk_reserve_node(FRAG4);
	struct socket *udp;
	struct sk_buff *skb;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	KUNIT_EXPECT_FALSE(test, frag_queued(test, SK_RESERVE_IPV4));
	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
					       &udp), 0);
	KUNIT_EXPECT_EQ(test, sk_set_memalloc(udp->sk), 0);
	/* Not connected: it hears everybody. */
	KUNIT_EXPECT_TRUE(test, frag_queued(test, SK_RESERVE_IPV4));
	skb = fill_packet(test, sk_reserve_rx_skb(NULL, 1024, 0), IPPROTO_UDP, 0, 0, IP_MF);
	KUNIT_EXPECT_FALSE(test, __sk_reserve_may_queue_frag(init_net.ipv4.fqdir, skb,
							     SK_RESERVE_IPV6));
	KUNIT_EXPECT_EQ(test, frag4->pages.usage, 0UL);
	KUNIT_EXPECT_TRUE(test, __sk_reserve_may_queue_frag(init_net.ipv4.fqdir, skb,
							    SK_RESERVE_IPV4));
	KUNIT_EXPECT_EQ(test, frag4->pages.usage, 1UL);
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, all_usage(), 0UL);
	sk_clear_memalloc(udp->sk);
	sock_release(udp);
}

/* A fragment of ours waits, and pays for it; others do not. */
static void sk_reserve_test_frags(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct mem_reserve *frag4 = sk_reserve_node(FRAG4);
	struct fqdir *fqdir = init_net.ipv4.fqdir;
	struct sk_buff *skb[TEST_FRAG_PAGES + 1];
	unsigned long dropped = drops(LINUX_MIB_PFMEMALLOCFRAGDROP);
	struct page *page;
	unsigned int i;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	for (i = 0; i < ARRAY_SIZE(skb); i++) {
		skb[i] = test_packet(test, IPPROTO_TCP, 0, 0, IP_MF);
		page = __sk_reserve_rx_page(0);
		KUNIT_ASSERT_NOT_NULL(test, page);
		skb_add_rx_frag(skb[i], 0, page, 0, 100, 100);
	}
	KUNIT_EXPECT_FALSE(test, sk_reserve_may_queue_frag(fqdir, skb[0], SK_RESERVE_IPV4));
	KUNIT_EXPECT_EQ(test, frag4->pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, drops(LINUX_MIB_PFMEMALLOCFRAGDROP), dropped + 1);

	t->sock->sk->sk_daddr = htonl(TEST_PEER);
	for (i = 0; i < TEST_FRAG_PAGES; i++)
		KUNIT_EXPECT_TRUE(test, sk_reserve_may_queue_frag(fqdir, skb[i],
								  SK_RESERVE_IPV4));
	KUNIT_EXPECT_EQ(test, frag4->pages.usage, (unsigned long)TEST_FRAG_PAGES);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(RING)->pages.usage, 1UL);
	KUNIT_EXPECT_FALSE(test, sk_reserve_may_queue_frag(fqdir, skb[i], SK_RESERVE_IPV4));
	KUNIT_EXPECT_EQ(test, sk_reserve_node(RING)->pages.usage, 1UL);

	/* What holds no page of the reserve waits in a queue that is nearly empty. */
	kfree_skb(skb[0]);
	skb[0] = test_packet(test, IPPROTO_TCP, 0, 0, IP_MF);
	KUNIT_EXPECT_TRUE(test, sk_reserve_may_queue_frag(fqdir, skb[0], SK_RESERVE_IPV4));
	add_frag_mem_limit(fqdir, TEST_FRAG_PAGES * PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, sk_reserve_may_queue_frag(fqdir, skb[0], SK_RESERVE_IPV4));
	sub_frag_mem_limit(fqdir, TEST_FRAG_PAGES * PAGE_SIZE);
	kfree_skb(skb[0]);
	t->sock->sk->sk_daddr = 0;

	for (i = 1; i < ARRAY_SIZE(skb); i++)
		kfree_skb(skb[i]);
	KUNIT_EXPECT_EQ(test, all_usage(), 0UL);
}

/* A packet that was queued for a SOCK_MEMALLOC socket which is none any more */
static void sk_reserve_test_backlog(struct kunit *test)
{
	struct socket *sock;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_DGRAM,
					       IPPROTO_UDP, &sock), 0);
	KUNIT_EXPECT_EQ(test, __sk_backlog_rcv(sock->sk,
					       test_packet(test, IPPROTO_UDP, 1, 0, 0)), 0);
	sock_release(sock);
}

/* A socket that is ours no more keeps nothing that waits for others. */
static void sk_reserve_test_drop(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct rb_root *ofo;
	struct sk_buff *skb;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	ofo = &tcp_sk(t->sock->sk)->out_of_order_queue;
	hog_all(t);
	hog_objects(t, NULL, 2048);
	KUNIT_ASSERT_EQ(test, rx_many(&skb, 1, 1600), 1U);
	KUNIT_EXPECT_TRUE(test, skb_pfmemalloc(skb));
	KUNIT_EXPECT_GT(test, all_usage(), 0UL);
	rb_link_node(&skb->rbnode, NULL, &ofo->rb_node);
	rb_insert_color(&skb->rbnode, ofo);
	t->sock->sk->sk_use_task_frag = false;
	KUNIT_EXPECT_TRUE(test, sk_reserve_tx_refill(t->sock->sk, &t->sock->sk->sk_frag));
	sk_clear_memalloc(t->sock->sk);
	KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(ofo));
	KUNIT_EXPECT_NULL(test, t->sock->sk->sk_frag.page);
	KUNIT_EXPECT_EQ(test, all_usage(), 0UL);
	hog_free(t);
}

/* A storage daemon's socket has a packet if the daemons' reserve pays for it. */
static void sk_reserve_test_daemon(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct sk_buff *skb[3];
	struct socket *sock;
	unsigned int i, n;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &sock), 0);
	KUNIT_ASSERT_EQ(test, mem_reserve_pool_set(&mem_reserve_daemons, 2), 0);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_all(t);
	hog_objects(t, NULL, 2048);
	hog_heads(t);
	n = rx_many(skb, ARRAY_SIZE(skb), 1600);
	KUNIT_EXPECT_EQ(test, n, 3U);
	if (n == 3) {
		for (i = 0; i < n; i++)
			skb_put(skb[i], sizeof(struct tcphdr));
		KUNIT_EXPECT_EQ(test, sk_filter(sock->sk, skb[0]), -ENOMEM);
		KUNIT_EXPECT_FALSE(test, sk_is_ours(sock->sk));
		sock_set_flag(sock->sk, SOCK_IO_FLUSHER);
		KUNIT_EXPECT_TRUE(test, sk_is_ours(sock->sk));
		KUNIT_EXPECT_EQ(test, sk_filter(sock->sk, skb[0]), 0);
		KUNIT_EXPECT_EQ(test, sk_filter(sock->sk, skb[1]), 0);
		KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 2UL);
		KUNIT_EXPECT_EQ(test, sk_filter(sock->sk, skb[2]), -ENOMEM);
		/* Its own connections' too */
		sk_mark_memalloc(sock->sk);
		sock_set_flag(sock->sk, SOCK_IO_FLUSHER);
		KUNIT_EXPECT_EQ(test, sk_filter(sock->sk, skb[2]), -ENOMEM);
		/* What holds nothing but headers is not queued. */
		KUNIT_EXPECT_EQ(test, sk_filter_trim_cap(sock->sk, skb[2], skb[2]->len), 0);
		/* The kernel's have what they get. */
		sock_reset_flag(sock->sk, SOCK_IO_FLUSHER);
		KUNIT_EXPECT_EQ(test, sk_filter(sock->sk, skb[2]), 0);
		sk_clear_memalloc(sock->sk);
	}
	for (i = 0; i < n; i++)
		kfree_skb(skb[i]);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 0UL);
	hog_free(t);
	sock_release(sock);
	KUNIT_EXPECT_EQ(test, mem_reserve_pool_set(&mem_reserve_daemons, 0), 0);
}

/* What a daemon polls a device for is everybody's, and so are the heads for it. */
static void sk_reserve_test_daemon_poll(struct kunit *test)
{
	const unsigned int flusher = PF_MEMALLOC_NOIO | PF_LOCAL_THROTTLE;
	unsigned int flags = current->flags & (PF_KTHREAD | flusher);
	struct sk_reserve_test *t = test->priv;
	struct page *page = alloc_page(GFP_KERNEL);
	struct sk_buff *skb[128];
	unsigned int n;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_EQ(test, mem_reserve_pool_set(&mem_reserve_daemons, 4), 0);
	static_branch_inc(&mem_reserve_daemon_key);
	hog_all(t);
	hog_heads(t);
	current->flags = (current->flags & ~PF_KTHREAD) | flusher;
	local_bh_disable();
	for (n = 0; n < ARRAY_SIZE(skb); n++) {
		skb[n] = napi_build_skb(page_address(page), PAGE_SIZE);
		if (!skb[n])
			break;
		get_page(page);
	}
	local_bh_enable();
	current->flags = (current->flags & ~(PF_KTHREAD | flusher)) | flags;
	KUNIT_EXPECT_LT(test, n, (unsigned int)ARRAY_SIZE(skb));
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 0UL);
	while (n--)
		kfree_skb(skb[n]);
	__free_page(page);
	hog_free(t);
	static_branch_dec(&mem_reserve_daemon_key);
	KUNIT_EXPECT_EQ(test, mem_reserve_pool_set(&mem_reserve_daemons, 0), 0);
}

/* Sockets that such a task makes are marked, those of the kernel are not. */
static void sk_reserve_test_daemon_mark(struct kunit *test)
{
	const unsigned int flusher = PF_MEMALLOC_NOIO | PF_LOCAL_THROTTLE;
	unsigned int flags = current->flags & (PF_KTHREAD | flusher);
	struct socket *sock[2] = { };

	current->flags = (current->flags & ~PF_KTHREAD) | flusher;
	sock_create(AF_INET, SOCK_STREAM, IPPROTO_TCP, &sock[0]);
	sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &sock[1]);
	current->flags = (current->flags & ~(PF_KTHREAD | flusher)) | flags;
	KUNIT_EXPECT_NOT_NULL(test, sock[0]);
	KUNIT_EXPECT_NOT_NULL(test, sock[1]);
	if (sock[0]) {
		KUNIT_EXPECT_TRUE(test, sock_flag(sock[0]->sk, SOCK_IO_FLUSHER));
		sock_release(sock[0]);
	}
	if (sock[1]) {
		KUNIT_EXPECT_FALSE(test, sock_flag(sock[1]->sk, SOCK_IO_FLUSHER));
		sock_release(sock[1]);
	}
}

/* What such a task connects is counted in, until it is closed or the kernel's. */
static void sk_reserve_test_daemon_connect(struct kunit *test)
{
	struct sockaddr_in nobody = { .sin_family = AF_INET };
	struct socket *sock;
	struct sock *sk;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &sock), 0);
	sk = sock->sk;
	sock_set_flag(sk, SOCK_IO_FLUSHER);

	/* There is nothing set aside for daemons. */
	sk_reserve_daemon_connect(sk);
	KUNIT_EXPECT_FALSE(test, sock_flag(sk, SOCK_MEMALLOC));

	KUNIT_EXPECT_EQ(test, mem_reserve_pool_set(&mem_reserve_daemons, 2), 0);
	static_branch_inc(&mem_reserve_daemon_key);
	kernel_connect(sock, (struct sockaddr *)&nobody, sizeof(nobody), O_NONBLOCK);
	settle();
	KUNIT_EXPECT_TRUE(test, sock_flag(sk, SOCK_MEMALLOC));
	KUNIT_EXPECT_TRUE(test, sock_flag(sk, SOCK_IO_FLUSHER));
	KUNIT_EXPECT_FALSE(test, sk->sk_use_task_frag);
	KUNIT_EXPECT_TRUE(test, sk_reserve_active());
	KUNIT_EXPECT_GT(test, sk_reserve_node(SOCKETS)->pages.limit, 0UL);

	/* As iSCSI does with what iscsid has connected. It has its share, or is refused. */
	static_branch_disable(&sk_reserve_key);
	sk_reserve_scale = 1000000;
	KUNIT_EXPECT_EQ(test, sk_set_memalloc(sk), -ENOMEM);
	sk_reserve_scale = 100;
	KUNIT_EXPECT_TRUE(test, sock_flag(sk, SOCK_IO_FLUSHER));
	KUNIT_EXPECT_TRUE(test, list_is_singular(&sk_reserves));
	KUNIT_EXPECT_EQ(test, sk_set_memalloc(sk), 0);
	KUNIT_EXPECT_TRUE(test, sk_reserve_active());
	KUNIT_EXPECT_TRUE(test, sock_flag(sk, SOCK_MEMALLOC));
	KUNIT_EXPECT_FALSE(test, sock_flag(sk, SOCK_IO_FLUSHER));
	KUNIT_EXPECT_TRUE(test, list_is_singular(&sk_reserves));
	sk_reserve_daemon_release(sk);
	KUNIT_EXPECT_TRUE(test, sock_flag(sk, SOCK_MEMALLOC));
	sk_clear_memalloc(sk);
	KUNIT_EXPECT_TRUE(test, list_empty(&sk_reserves));

	/* As NBD does when it is given another one in the middle of reclaim */
	sock_set_flag(sk, SOCK_IO_FLUSHER);
	__sk_reserve_daemon_connect(sk);
	sk_force_memalloc(sk);
	KUNIT_EXPECT_FALSE(test, sock_flag(sk, SOCK_IO_FLUSHER));
	KUNIT_EXPECT_TRUE(test, list_is_singular(&sk_reserves));
	sk_clear_memalloc(sk);
	KUNIT_EXPECT_FALSE(test, sk_memalloc_socks());

	sock_set_flag(sk, SOCK_IO_FLUSHER);
	__sk_reserve_daemon_connect(sk);
	KUNIT_EXPECT_FALSE(test, list_empty(&sk_reserves));
	sock_release(sock);
	KUNIT_EXPECT_TRUE(test, list_empty(&sk_reserves));
	KUNIT_EXPECT_FALSE(test, sk_memalloc_socks());
	settle();
	static_branch_dec(&mem_reserve_daemon_key);
	KUNIT_EXPECT_EQ(test, mem_reserve_pool_set(&mem_reserve_daemons, 0), 0);
}

/* What is accepted by a socket that was connected before is nobody's. */
static void sk_reserve_test_cloned(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct sock *newsk;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	/* As softirq would */
	local_bh_disable();
	newsk = sk_clone_lock(t->sock->sk, GFP_ATOMIC);
	KUNIT_EXPECT_NOT_NULL(test, newsk);
	if (newsk) {
		KUNIT_EXPECT_FALSE(test, sock_flag(newsk, SOCK_MEMALLOC));
		KUNIT_EXPECT_FALSE(test, newsk->sk_allocation & __GFP_MEMALLOC);
		sk_free_unlock_clone(newsk);
	}
	local_bh_enable();
}

/* A scale is applied at once. */
static void sk_reserve_test_scale(struct kunit *test)
{
	struct mem_reserve *ring = sk_reserve_node(RING);
	unsigned long limit;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	dev_up(test, 200);
	limit = ring->pages.limit;
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_scale, 200), 0);
	KUNIT_EXPECT_EQ(test, ring->pages.limit, 2 * limit);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_scale, 100), 0);
	KUNIT_EXPECT_EQ(test, ring->pages.limit, limit);
	/* Nobody sees a value that may be taken back. */
	sk_reserve_knob_set(&sk_reserve_scale, 200, &sk_reserve_scale);
	KUNIT_EXPECT_EQ(test, sk_reserve_knob(&sk_reserve_scale), 100U);
	KUNIT_EXPECT_EQ(test, sk_reserve_knob(&sk_reserve_rx_scale), 100U);
	sk_reserve_knob_set(&sk_reserve_scale, 100, NULL);
	KUNIT_EXPECT_EQ(test, sk_reserve_knob(&sk_reserve_scale), 100U);
}

/* With no bound for them no fragment waits, whatever its pages are. */
static void sk_reserve_test_no_frags(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct fqdir *fqdir = init_net.ipv4.fqdir;
	struct sk_buff *skb;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	t->sock->sk->sk_daddr = htonl(TEST_PEER);
	skb = test_packet(test, IPPROTO_TCP, 0, 0, IP_MF);
	KUNIT_EXPECT_TRUE(test, sk_reserve_may_queue_frag(fqdir, skb, SK_RESERVE_IPV4));
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_frag_kbytes, 0), 0);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(FRAG4)->pages.limit, 0UL);
	KUNIT_EXPECT_FALSE(test, sk_reserve_may_queue_frag(fqdir, skb, SK_RESERVE_IPV4));
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_frag_kbytes,
					      TEST_FRAG_PAGES * PAGE_SIZE / 1024), 0);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(FRAG4)->pages.limit,
			(unsigned long)TEST_FRAG_PAGES);
	kfree_skb(skb);
	t->sock->sk->sk_daddr = 0;
}

/* A node of which more is in use gets smaller once it is given back. */
static void sk_reserve_test_tune_in_use(struct kunit *test)
{
	struct mem_reserve *ring = sk_reserve_node(RING);
	struct sk_reserve_test *t = test->priv;
	unsigned long limit;
	struct page *page;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	limit = ring->pages.limit;
	while ((page = __sk_reserve_rx_page(0)))
		list_add(&page->lru, &t->hog);
	KUNIT_EXPECT_EQ(test, ring->pages.usage, limit);
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_rx_scale, 10), 0);
	settle();
	KUNIT_EXPECT_EQ(test, ring->pages.limit, limit);
	KUNIT_EXPECT_TRUE(test, timer_pending(&sk_reserve_resize_work.timer));
	hog_free(t);
	settle();
	KUNIT_EXPECT_LT(test, ring->pages.limit, limit);
	KUNIT_EXPECT_FALSE(test, timer_pending(&sk_reserve_resize_work.timer));
	KUNIT_EXPECT_EQ(test, sk_reserve_tune(&sk_reserve_rx_scale, 100), 0);
}

static struct kunit_case sk_reserve_test_cases[] = {
	KUNIT_CASE(sk_reserve_test_connect),
	KUNIT_CASE(sk_reserve_test_connect_twice),
	KUNIT_CASE(sk_reserve_test_linger),
	KUNIT_CASE(sk_reserve_test_first_refused),
	KUNIT_CASE(sk_reserve_test_reconnect),
	KUNIT_CASE(sk_reserve_test_replace),
	KUNIT_CASE(sk_reserve_test_retry),
	KUNIT_CASE(sk_reserve_test_grow),
	KUNIT_CASE(sk_reserve_test_sum_sockets),
	KUNIT_CASE(sk_reserve_test_sum_records),
	KUNIT_CASE(sk_reserve_test_sum_kinds),
	KUNIT_CASE(sk_reserve_test_sum_scale),
	KUNIT_CASE(sk_reserve_test_sum_parts),
	KUNIT_CASE(sk_reserve_test_sum_devices),
	KUNIT_CASE(sk_reserve_test_sum_lower),
	KUNIT_CASE(sk_reserve_test_rings),
	KUNIT_CASE(sk_reserve_test_gone_keeps),
	KUNIT_CASE(sk_reserve_test_refused),
	KUNIT_CASE(sk_reserve_test_rx_small),
	KUNIT_CASE(sk_reserve_test_rx_page),
	KUNIT_CASE(sk_reserve_test_rx_watermark),
	KUNIT_CASE(sk_reserve_test_rx_buffers),
	KUNIT_CASE(sk_reserve_test_rx_heads),
	KUNIT_CASE(sk_reserve_test_rx_refill),
	KUNIT_CASE(sk_reserve_test_mark),
	KUNIT_CASE(sk_reserve_test_rx_pages),
	KUNIT_CASE(sk_reserve_test_page_pool),
	KUNIT_CASE(sk_reserve_test_tx),
	KUNIT_CASE(sk_reserve_test_tx_share),
	KUNIT_CASE(sk_reserve_test_other_kind),
	KUNIT_CASE(sk_reserve_test_records),
	KUNIT_CASE(sk_reserve_test_linear),
	KUNIT_CASE(sk_reserve_test_linear_other),
	KUNIT_CASE(sk_reserve_test_segments),
	KUNIT_CASE(sk_reserve_test_scope),
	KUNIT_CASE(sk_reserve_test_common_limit),
	KUNIT_CASE_SLOW(sk_reserve_test_link),
	KUNIT_CASE(sk_reserve_test_change),
	KUNIT_CASE(sk_reserve_test_listener),
	KUNIT_CASE(sk_reserve_test_control),
	KUNIT_CASE(sk_reserve_test_arp),
	KUNIT_CASE(sk_reserve_test_neigh),
#if IS_ENABLED(CONFIG_IPV6)
	KUNIT_CASE(sk_reserve_test_neigh_ipv6),
#endif
	KUNIT_CASE(sk_reserve_test_unresolved),
	KUNIT_CASE(sk_reserve_test_route),
	KUNIT_CASE(sk_reserve_test_wanted),
	KUNIT_CASE(sk_reserve_test_wanted_received),
	KUNIT_CASE(sk_reserve_test_wanted_tap),
	KUNIT_CASE(sk_reserve_test_park),
	KUNIT_CASE(sk_reserve_test_park_packet),
	KUNIT_CASE(sk_reserve_test_park_macvlan),
	KUNIT_CASE(sk_reserve_test_park_ipvlan),
#if IS_BUILTIN(CONFIG_TAP)
	KUNIT_CASE(sk_reserve_test_park_tap),
#endif
#if IS_BUILTIN(CONFIG_L2TP)
	KUNIT_CASE(sk_reserve_test_park_l2tp),
#endif
#if IS_BUILTIN(CONFIG_TIPC) && defined(CONFIG_TIPC_MEDIA_UDP)
	KUNIT_CASE(sk_reserve_test_park_tipc),
#endif
#ifdef CONFIG_NETFILTER
	KUNIT_CASE(sk_reserve_test_park_queue),
#endif
	KUNIT_CASE(sk_reserve_test_wanted_udp),
	KUNIT_CASE(sk_reserve_test_wanted_tcp),
	KUNIT_CASE(sk_reserve_test_wanted_ipv6),
	KUNIT_CASE(sk_reserve_test_received_ipv6),
	KUNIT_CASE(sk_reserve_test_namespaces),
	KUNIT_CASE(sk_reserve_test_frag_heads),
	KUNIT_CASE(sk_reserve_test_frags),
	KUNIT_CASE(sk_reserve_test_backlog),
	KUNIT_CASE(sk_reserve_test_drop),
	KUNIT_CASE(sk_reserve_test_daemon),
	KUNIT_CASE(sk_reserve_test_daemon_poll),
	KUNIT_CASE(sk_reserve_test_daemon_mark),
	KUNIT_CASE(sk_reserve_test_daemon_connect),
	KUNIT_CASE(sk_reserve_test_cloned),
	KUNIT_CASE(sk_reserve_test_scale),
	KUNIT_CASE(sk_reserve_test_no_frags),
	KUNIT_CASE(sk_reserve_test_tune_in_use),
	{}
};

/* Whoever needs a page while a test has them all gets none, and no panic. */
static int sk_reserve_test_suite_init(struct kunit_suite *suite)
{
	return oom_killer_disable(HZ) ? 0 : -EBUSY;
}

static void sk_reserve_test_suite_exit(struct kunit_suite *suite)
{
	oom_killer_enable();
}

static struct kunit_suite sk_reserve_test_suite = {
	.name = "sock_reserve",
	.suite_init = sk_reserve_test_suite_init,
	.suite_exit = sk_reserve_test_suite_exit,
	.init = sk_reserve_test_init,
	.exit = sk_reserve_test_exit,
	.test_cases = sk_reserve_test_cases,
};

kunit_test_suite(sk_reserve_test_suite);
