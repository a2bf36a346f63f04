// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the network's share of the memory reserves, included by
 * net/core/sock_reserve.c. There is one SOCK_MEMALLOC socket in each, and no
 * memory but the reserve where a test takes the rest.
 */

#include <kunit/test.h>
#include <linux/ethtool.h>
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include <linux/swap.h>
#include <net/arp.h>

#define TEST_PEER	0xc0000201	/* 192.0.2.1 */
#define TEST_HERE	0xc0000202
#define TEST_PORT	9999

struct sk_reserve_test {
	struct list_head hog;
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

static const struct net_device_ops test_dev_ops = {
	.ndo_start_xmit = test_xmit,
};

static void test_dev_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &test_dev_ops;
	dev->ethtool_ops = &test_ethtool_ops;
	dev->max_mtu = ETH_MAX_MTU;
	eth_hw_addr_random(dev);
}

static void dev_up(struct kunit *test, u32 rx_pending)
{
	struct sk_reserve_test *t = test->priv;
	struct test_dev *priv;
	int err;

	t->dev = alloc_netdev(sizeof(*priv), "rsv%d", NET_NAME_UNKNOWN, test_dev_setup);
	KUNIT_ASSERT_NOT_NULL(test, t->dev);
	priv = netdev_priv(t->dev);
	priv->rx_pending = rx_pending;
	rtnl_lock();
	err = register_netdevice(t->dev) ?: dev_open(t->dev, NULL);
	rtnl_unlock();
	KUNIT_ASSERT_EQ(test, err, 0);
	flush_delayed_work(&sk_reserve_resize_work);
}

static void dev_gone(struct sk_reserve_test *t)
{
	if (!t->dev)
		return;
	unregister_netdev(t->dev);
	free_netdev(t->dev);
	t->dev = NULL;
	flush_delayed_work(&sk_reserve_resize_work);
}

/* Memory */

static void hog_all(struct sk_reserve_test *t)
{
	struct page *page;

	while ((page = alloc_page(GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN)))
		list_add(&page->lru, &t->hog);
}

static void hog_slabs(void **objects, unsigned int nr, struct kmem_cache *s)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		objects[i] = kmem_cache_alloc(s, GFP_ATOMIC | __GFP_NOMEMALLOC | __GFP_NOWARN);
		if (!objects[i])
			break;
	}
}

static void hog_free(struct sk_reserve_test *t)
{
	struct page *page, *next;

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
	flush_delayed_work(&sk_reserve_resize_work);
}

static int sk_reserve_test_init(struct kunit *test)
{
	struct sk_reserve_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	INIT_LIST_HEAD(&t->hog);
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
	KUNIT_EXPECT_EQ(test, sk_set_memalloc(t->sock->sk), 0);

	socket_down(t);
	KUNIT_EXPECT_FALSE(test, sk_reserve_active());
	for (node = 0; node < SK_RESERVE_NODES; node++)
		KUNIT_EXPECT_EQ(test, sk_reserve_nodes[node].pages.limit, 0UL);
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
	sk_reserve_dev_changed(t->dev);
	rtnl_unlock();
	flush_delayed_work(&sk_reserve_resize_work);
	KUNIT_EXPECT_EQ(test, ring->pages.limit, none + 128);
	small = ring->pages.limit;

	rtnl_lock();
	KUNIT_EXPECT_EQ(test, dev_set_mtu(t->dev, 9000), 0);
	rtnl_unlock();
	flush_delayed_work(&sk_reserve_resize_work);
	KUNIT_EXPECT_GT(test, ring->pages.limit, small);

	/* More than a queue is promised */
	((struct test_dev *)netdev_priv(t->dev))->rx_pending = 8192;
	rtnl_lock();
	KUNIT_EXPECT_EQ(test, dev_set_mtu(t->dev, 1500), 0);
	sk_reserve_dev_changed(t->dev);
	rtnl_unlock();
	flush_delayed_work(&sk_reserve_resize_work);
	KUNIT_EXPECT_EQ(test, ring->pages.limit, none + 256);

	dev_gone(t);
	KUNIT_EXPECT_EQ(test, ring->pages.limit, none);
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
	KUNIT_EXPECT_EQ(test, sk_reserve_set_scale(1000), -ENOMEM);
	KUNIT_EXPECT_EQ(test, sk_reserve_scale, 100U);
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
	flush_delayed_work(&sk_reserve_resize_work);
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

/*
 * What arrives is charged, small and large, and so are its clones and copies;
 * when the reserve is spent there is nothing, and in the end all is back.
 */
static void rx_test(struct kunit *test, unsigned int size)
{
	const unsigned int max = 4096;
	struct sk_reserve_test *t = test->priv;
	struct sk_buff **skbs, *copy[3];
	unsigned int i, n, marked = 0;

	skbs = kunit_kcalloc(test, max, sizeof(*skbs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skbs);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_all(t);
	n = rx_many(skbs, max, size);
	KUNIT_EXPECT_LT(test, n, max);
	for (i = 0; i < n; i++)
		marked += skb_pfmemalloc(skbs[i]);
	KUNIT_EXPECT_GT(test, marked, 0U);
	KUNIT_EXPECT_GT(test, all_usage(), 0UL);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(SOCKETS)->pages.usage, 0UL);

	/* Room for a few: what they are made from was the last. */
	for (i = 0; i < 4 && i < n; i++)
		kfree_skb(skbs[--n]);
	copy[0] = skb_clone(skbs[n - 1], GFP_ATOMIC);
	copy[1] = skb_copy(skbs[n - 1], GFP_ATOMIC);
	copy[2] = __pskb_copy(skbs[n - 1], 0, GFP_ATOMIC);
	for (i = 0; i < ARRAY_SIZE(copy); i++) {
		KUNIT_EXPECT_NOT_NULL(test, copy[i]);
		if (copy[i])
			KUNIT_EXPECT_TRUE(test, skb_pfmemalloc(copy[i]));
		kfree_skb(copy[i]);
	}

	/* As drivers free them: heads of the reserve are not kept for reuse. */
	local_bh_disable();
	while (n--)
		napi_consume_skb(skbs[n], 64);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, all_usage(), 0UL);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(HEADS)->own.usage, 0UL);
}

static void sk_reserve_test_rx_small(struct kunit *test)
{
	rx_test(test, 128);
}

static void sk_reserve_test_rx_page(struct kunit *test)
{
	rx_test(test, 1600);
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
}

/* What a SOCK_MEMALLOC socket sends is charged to transmit. */
static void sk_reserve_test_tx(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct mem_reserve *sockets = sk_reserve_node(SOCKETS);
	struct sk_buff *skb, *clone, *many[32] = {};
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

/* Neighbours and small packets may be had in a scope, and not outside of one. */
static void sk_reserve_test_control(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct sk_reserve_test *t = test->priv;
	struct mem_reserve *control = sk_reserve_node(CONTROL);
	struct sk_buff *skb, *in_scope;
	unsigned int flags;
	void **heads;
	void *neigh;

	heads = kunit_kcalloc(test, 4096, sizeof(*heads), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, heads);
	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	hog_all(t);
	hog_slabs(heads, 4096, net_hotdata.skbuff_cache);

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

	for (flags = 0; flags < 4096 && heads[flags]; flags++)
		kmem_cache_free(net_hotdata.skbuff_cache, heads[flags]);
}

/* Packets as they come to ip_rcv_finish() */

static struct sk_buff *test_packet(struct kunit *test, u8 proto, u16 dest, u8 type,
				   u16 frag_off)
{
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);
	struct iphdr *iph;
	u8 *data;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, 64);
	iph = skb_put_zero(skb, sizeof(*iph));
	iph->version = 4;
	iph->ihl = 5;
	iph->protocol = proto;
	iph->saddr = htonl(TEST_PEER);
	iph->daddr = htonl(INADDR_LOOPBACK);
	iph->frag_off = htons(frag_off);
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

static bool wanted(struct kunit *test, u8 proto, u16 dest, u8 type, u16 frag_off)
{
	struct sk_buff *skb = test_packet(test, proto, dest, type, frag_off);
	bool ret;

	rcu_read_lock();
	local_bh_disable();
	ret = sk_reserve_wanted(&init_net, skb);
	local_bh_enable();
	rcu_read_unlock();
	kfree_skb(skb);
	return ret;
}

static void sk_reserve_test_wanted(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT) };
	struct sk_buff *skb;

	rtnl_lock();
	KUNIT_ASSERT_EQ(test, dev_open(init_net.loopback_dev, NULL), 0);
	rtnl_unlock();
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

/* A fragment of ours waits, and pays for it; others do not. */
static void sk_reserve_test_frags(struct kunit *test)
{
	struct sk_reserve_test *t = test->priv;
	struct mem_reserve *frag4 = sk_reserve_node(FRAG4);
	struct fqdir *fqdir = init_net.ipv4.fqdir;
	struct sk_buff *skb[SK_RESERVE_FRAG_PAGES + 1];
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

	t->sock->sk->sk_daddr = htonl(TEST_PEER);
	for (i = 0; i < SK_RESERVE_FRAG_PAGES; i++)
		KUNIT_EXPECT_TRUE(test, sk_reserve_may_queue_frag(fqdir, skb[i],
								  SK_RESERVE_IPV4));
	KUNIT_EXPECT_EQ(test, frag4->pages.usage, (unsigned long)SK_RESERVE_FRAG_PAGES);
	KUNIT_EXPECT_EQ(test, sk_reserve_node(RING)->pages.usage, 1UL);
	KUNIT_EXPECT_FALSE(test, sk_reserve_may_queue_frag(fqdir, skb[i], SK_RESERVE_IPV4));
	KUNIT_EXPECT_EQ(test, sk_reserve_node(RING)->pages.usage, 1UL);

	/* What holds no page of the reserve waits in a queue that is nearly empty. */
	kfree_skb(skb[0]);
	skb[0] = test_packet(test, IPPROTO_TCP, 0, 0, IP_MF);
	KUNIT_EXPECT_TRUE(test, sk_reserve_may_queue_frag(fqdir, skb[0], SK_RESERVE_IPV4));
	add_frag_mem_limit(fqdir, SK_RESERVE_FRAG_BYTES);
	KUNIT_EXPECT_FALSE(test, sk_reserve_may_queue_frag(fqdir, skb[0], SK_RESERVE_IPV4));
	sub_frag_mem_limit(fqdir, SK_RESERVE_FRAG_BYTES);
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

/* A scale is applied at once. */
static void sk_reserve_test_scale(struct kunit *test)
{
	struct mem_reserve *ring = sk_reserve_node(RING);
	unsigned long limit;

	socket_up(test, SOCK_STREAM, IPPROTO_TCP);
	dev_up(test, 200);
	limit = ring->pages.limit;
	KUNIT_EXPECT_EQ(test, sk_reserve_set_scale(200), 0);
	flush_delayed_work(&sk_reserve_resize_work);
	KUNIT_EXPECT_EQ(test, ring->pages.limit, 2 * limit);
	KUNIT_EXPECT_EQ(test, sk_reserve_set_scale(100), 0);
	flush_delayed_work(&sk_reserve_resize_work);
	KUNIT_EXPECT_EQ(test, ring->pages.limit, limit);
}

static struct kunit_case sk_reserve_test_cases[] = {
	KUNIT_CASE(sk_reserve_test_connect),
	KUNIT_CASE(sk_reserve_test_rings),
	KUNIT_CASE(sk_reserve_test_refused),
	KUNIT_CASE(sk_reserve_test_rx_small),
	KUNIT_CASE(sk_reserve_test_rx_page),
	KUNIT_CASE(sk_reserve_test_rx_pages),
	KUNIT_CASE(sk_reserve_test_tx),
	KUNIT_CASE(sk_reserve_test_control),
	KUNIT_CASE(sk_reserve_test_wanted),
	KUNIT_CASE(sk_reserve_test_frags),
	KUNIT_CASE(sk_reserve_test_backlog),
	KUNIT_CASE(sk_reserve_test_scale),
	{}
};

static struct kunit_suite sk_reserve_test_suite = {
	.name = "sock_reserve",
	.init = sk_reserve_test_init,
	.exit = sk_reserve_test_exit,
	.test_cases = sk_reserve_test_cases,
};

kunit_test_suite(sk_reserve_test_suite);
