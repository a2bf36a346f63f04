// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the storage daemons' reserve, part of mm/reserve_daemon.c.
 */

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/oom.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "../slab.h"

#define TEST_PAGES	64

struct daemon_test {
	struct list_head pages;
	struct list_head objects;
	struct list_head drawn;
	struct kmem_cache *cache;
	unsigned int marked;
};

static void hog(struct daemon_test *t)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct list_head *object;
	struct page *page;

	rcu_barrier();
	while ((page = alloc_page(gfp | __GFP_MEMALLOC)))
		list_add(&page->lru, &t->pages);
	while (t->cache && (object = kmem_cache_alloc(t->cache, gfp | __GFP_NOMEMALLOC)))
		list_add(object, &t->objects);
}

static void objects_free(struct daemon_test *t, struct list_head *objects)
{
	struct list_head *pos, *next;

	list_for_each_safe(pos, next, objects) {
		list_del(pos);
		kmem_cache_free(t->cache, pos);
	}
}

static void pages_free(struct list_head *pages)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, pages, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

static void hog_end(struct daemon_test *t)
{
	objects_free(t, &t->objects);
	pages_free(&t->pages);
}

/* KUnit runs in a kernel thread, which is no daemon. */
static unsigned int daemon_begin(void)
{
	unsigned int flags = current->flags & (PF_KTHREAD | PF_IO_FLUSHER);

	current->flags = (current->flags & ~PF_KTHREAD) | PF_IO_FLUSHER;
	return flags;
}

static void daemon_end(unsigned int flags)
{
	current->flags = (current->flags & ~(PF_KTHREAD | PF_IO_FLUSHER)) | flags;
}

static struct page *page_as_daemon(gfp_t gfp, unsigned int order)
{
	unsigned int flags = daemon_begin();
	struct page *page = alloc_pages(gfp | __GFP_NOWARN, order);

	daemon_end(flags);
	return page;
}

static void *object_as_daemon(struct kmem_cache *s, gfp_t gfp)
{
	unsigned int flags = daemon_begin();
	void *object = kmem_cache_alloc(s, gfp | __GFP_NOWARN);

	daemon_end(flags);
	return object;
}

static unsigned int pages_as_daemon(struct daemon_test *t, gfp_t gfp, unsigned int max)
{
	unsigned int nr = 0;
	struct page *page;

	while (nr < max && (page = page_as_daemon(gfp, 0))) {
		t->marked += page_is_pfmemalloc(page);
		list_add(&page->lru, &t->drawn);
		nr++;
	}
	return nr;
}

static void make_cache(struct kunit *test, slab_flags_t flags)
{
	struct daemon_test *t = test->priv;

	t->cache = kmem_cache_create("reserve_daemon_kunit", 256, 0,
				     SLAB_NO_MERGE | flags, NULL);
	KUNIT_ASSERT_NOT_NULL(test, t->cache);
}

/* As many pages as are promised, to a daemon and to nobody else. */
static void daemon_test_pages(struct kunit *test)
{
	struct daemon_test *t = test->priv;

	hog(t);
	KUNIT_EXPECT_NULL(test, alloc_page(GFP_ATOMIC | __GFP_NOWARN));
	KUNIT_EXPECT_EQ(test, pages_as_daemon(t, GFP_ATOMIC, 4 * TEST_PAGES), TEST_PAGES);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, (unsigned long)TEST_PAGES);
	KUNIT_EXPECT_GT(test, mem_reserve_daemons.pages.failcnt, 0UL);
	pages_free(&t->drawn);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 0UL);

	/* What may wait does not wait. */
	KUNIT_EXPECT_EQ(test, pages_as_daemon(t, GFP_NOIO, TEST_PAGES), TEST_PAGES);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, (unsigned long)TEST_PAGES);
	KUNIT_EXPECT_EQ(test, t->marked, 0U);
	pages_free(&t->drawn);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 0UL);
	hog_end(t);
}

/* Not as long as there is other memory. */
static void daemon_test_ordinary_first(struct kunit *test)
{
	struct daemon_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, pages_as_daemon(t, GFP_NOIO, TEST_PAGES), TEST_PAGES);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.peak, 0UL);
	pages_free(&t->drawn);
}

static void daemon_test_refused(struct kunit *test)
{
	struct daemon_test *t = test->priv;
	unsigned int flags = current->flags & PF_IO_FLUSHER;

	make_cache(test, 0);
	hog(t);
	KUNIT_EXPECT_NULL(test, page_as_daemon(GFP_NOIO | __GFP_NORETRY, 0));
	KUNIT_EXPECT_NULL(test, page_as_daemon(GFP_ATOMIC | __GFP_NOMEMALLOC, 0));
	KUNIT_EXPECT_NULL(test, page_as_daemon(GFP_ATOMIC, 1));
	KUNIT_EXPECT_NULL(test, page_as_daemon(GFP_ATOMIC & ~__GFP_KSWAPD_RECLAIM, 0));
	KUNIT_EXPECT_NULL(test, page_as_daemon(GFP_ATOMIC | __GFP_THISNODE, 0));
	KUNIT_EXPECT_NULL(test, object_as_daemon(t->cache, GFP_NOIO | __GFP_NORETRY));
	/* A kernel thread in the same scope */
	current->flags |= PF_IO_FLUSHER;
	KUNIT_EXPECT_NULL(test, alloc_page(GFP_ATOMIC | __GFP_NOWARN));
	current->flags = (current->flags & ~PF_IO_FLUSHER) | flags;
	/* And a task that has not said that it is a daemon */
	flags = current->flags & (PF_KTHREAD | PF_IO_FLUSHER);
	current->flags &= ~(PF_KTHREAD | PF_IO_FLUSHER);
	KUNIT_EXPECT_NULL(test, alloc_page(GFP_ATOMIC | __GFP_NOWARN));
	current->flags |= flags;
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.peak, 0UL);
	hog_end(t);
}

/* Nor an interrupt that hits a daemon. */
static void daemon_test_softirq(struct kunit *test)
{
	struct daemon_test *t = test->priv;

	hog(t);
	local_bh_disable();
	__local_bh_disable_ip(_THIS_IP_, SOFTIRQ_OFFSET);
	KUNIT_EXPECT_NULL(test, page_as_daemon(GFP_ATOMIC, 0));
	__local_bh_enable_ip(_THIS_IP_, SOFTIRQ_OFFSET);
	/* That bottom halves are off is another matter. */
	KUNIT_EXPECT_EQ(test, pages_as_daemon(t, GFP_ATOMIC, 1), 1U);
	local_bh_enable();
	hog_end(t);
}

static void daemon_test_objects(struct kunit *test, slab_flags_t flags, gfp_t gfp)
{
	struct daemon_test *t = test->priv;
	struct list_head *object;
	unsigned int nr, wrong = 0;

	make_cache(test, flags);
	hog(t);
	for (nr = 0; nr < 100; nr++) {
		object = object_as_daemon(t->cache, gfp);
		if (!object)
			break;
		wrong += !slab_reserve_object(object);
		list_add(object, &t->drawn);
	}
	KUNIT_EXPECT_EQ(test, nr, 100U);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_GT(test, mem_reserve_daemons.pages.usage, 0UL);
	KUNIT_EXPECT_NULL(test, kmem_cache_alloc(t->cache, GFP_ATOMIC | __GFP_NOMEMALLOC |
						 __GFP_NOWARN));
	objects_free(t, &t->drawn);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 0UL);
	hog_end(t);
}

static void daemon_test_objects_atomic(struct kunit *test)
{
	daemon_test_objects(test, 0, GFP_ATOMIC);
}

static void daemon_test_objects_wait(struct kunit *test)
{
	daemon_test_objects(test, 0, GFP_NOIO);
}

/* As packets are asked for: see alloc_skb_plain() */
static void daemon_test_objects_nomemalloc(struct kunit *test)
{
	daemon_test_objects(test, 0, GFP_NOIO | __GFP_NOMEMALLOC);
}

/* Sockets and files are of this kind. */
static void daemon_test_objects_rcu(struct kunit *test)
{
	daemon_test_objects(test, SLAB_TYPESAFE_BY_RCU, GFP_NOIO);
}

/* Whoever cannot do without does not go round in circles. */
static void daemon_test_objects_nofail(struct kunit *test)
{
	daemon_test_objects(test, 0, GFP_NOIO | __GFP_NOFAIL);
}

/* The cache may be gone before RCU has its slabs back. */
static void daemon_test_cache_gone(struct kunit *test)
{
	struct daemon_test *t = test->priv;
	void *object;

	make_cache(test, SLAB_TYPESAFE_BY_RCU);
	hog(t);
	object = object_as_daemon(t->cache, GFP_ATOMIC);
	KUNIT_ASSERT_NOT_NULL(test, object);
	hog_end(t);
	kmem_cache_free(t->cache, object);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 1UL);
	/* As kmem_cache_destroy(), which waits before: the page is the pool's until then. */
	mutex_lock(&slab_mutex);
	mem_reserve_cache_gone(t->cache);
	mutex_unlock(&slab_mutex);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 1UL);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 0UL);
	kmem_cache_destroy(t->cache);
	t->cache = NULL;
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.limit, (unsigned long)TEST_PAGES);
}

static void daemon_test_objects_account(struct kunit *test)
{
	daemon_test_objects(test, SLAB_ACCOUNT, GFP_KERNEL_ACCOUNT);
}

/* Pages and slabs together: the pool is one. */
static void daemon_test_mix(struct kunit *test)
{
	struct daemon_test *t = test->priv;
	struct list_head *object;

	make_cache(test, 0);
	hog(t);
	object = object_as_daemon(t->cache, GFP_ATOMIC);
	KUNIT_ASSERT_NOT_NULL(test, object);
	KUNIT_EXPECT_EQ(test, pages_as_daemon(t, GFP_ATOMIC, 4 * TEST_PAGES), TEST_PAGES - 1);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, (unsigned long)TEST_PAGES);
	kmem_cache_free(t->cache, object);
	KUNIT_EXPECT_EQ(test, pages_as_daemon(t, GFP_ATOMIC, 4 * TEST_PAGES), 1U);
	KUNIT_EXPECT_NULL(test, object_as_daemon(t->cache, GFP_ATOMIC));
	KUNIT_EXPECT_EQ(test, daemons_set(TEST_PAGES / 2), -EBUSY);
	hog_end(t);
}

/* Less than is in use of all kinds together is refused, though of each it is not. */
static void daemon_test_shrink(struct kunit *test)
{
	struct daemon_test *t = test->priv;
	struct list_head *object, *next;
	LIST_HEAD(objects);

	make_cache(test, 0);
	hog(t);
	KUNIT_EXPECT_EQ(test, pages_as_daemon(t, GFP_ATOMIC, TEST_PAGES / 2), TEST_PAGES / 2);
	while ((object = object_as_daemon(t->cache, GFP_ATOMIC)))
		list_add(object, &objects);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, (unsigned long)TEST_PAGES);
	KUNIT_EXPECT_EQ(test, daemons_set(TEST_PAGES / 2 + 1), -EBUSY);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.limit, (unsigned long)TEST_PAGES);
	list_for_each_safe(object, next, &objects)
		kmem_cache_free(t->cache, object);
	KUNIT_EXPECT_EQ(test, daemons_set(TEST_PAGES / 2 + 1), 0);
	hog_end(t);
}

/* What a daemon keeps is replaced when there is memory for it. */
static void daemon_test_adopt(struct kunit *test)
{
	struct daemon_test *t = test->priv;
	struct list_head *object;
	unsigned int i;

	make_cache(test, 0);
	hog(t);
	object = object_as_daemon(t->cache, GFP_ATOMIC);
	KUNIT_EXPECT_EQ(test, pages_as_daemon(t, GFP_ATOMIC, TEST_PAGES / 2), TEST_PAGES / 2);
	hog_end(t);
	for (i = 0; i < 50 && READ_ONCE(mem_reserve_daemons.pages.usage); i++)
		msleep(100);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 0UL);
	KUNIT_ASSERT_NOT_NULL(test, object);
	KUNIT_EXPECT_FALSE(test, slab_reserve_object(object));
	kmem_cache_free(t->cache, object);
}

/* Reading and writing as an administrator does */
static int sysctl_write(const char *value)
{
	size_t len = strlen(value);
	char buffer[32];
	loff_t pos = 0;

	strscpy(buffer, value);
	return daemon_kbytes_handler(&mem_reserve_daemon_sysctls[0], 1, buffer, &len, &pos);
}

static void daemon_test_sysctl(struct kunit *test)
{
	const unsigned long pages = mem_reserve_daemons.pages.limit;

	KUNIT_EXPECT_EQ(test, sysctl_write("1048577"), -EINVAL);
	KUNIT_EXPECT_EQ(test, sysctl_write("-1"), -EINVAL);
	KUNIT_EXPECT_EQ(test, sysctl_write("much"), -EINVAL);
	/* More than there is */
	KUNIT_EXPECT_EQ(test, sysctl_write("1048576"), -ENOMEM);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.limit, pages);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemon_kbytes, 0UL);
	KUNIT_EXPECT_EQ(test, sysctl_write("1000"), 0);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.limit,
			(unsigned long)DIV_ROUND_UP(1000, PAGE_SIZE / 1024));
	KUNIT_EXPECT_EQ(test, mem_reserve_daemon_kbytes, 1000UL);
	KUNIT_EXPECT_TRUE(test, static_key_enabled(&mem_reserve_daemon_key));
	KUNIT_EXPECT_EQ(test, sysctl_write("0"), 0);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.limit, 0UL);
	KUNIT_EXPECT_FALSE(test, static_key_enabled(&mem_reserve_daemon_key));
	KUNIT_EXPECT_TRUE(test, list_empty(&mem_reserve_daemons.items));
}

static int daemon_test_init(struct kunit *test)
{
	struct daemon_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	/* With all memory taken, there must be none on another CPU's lists. */
	set_cpus_allowed_ptr(current, cpumask_of(0));
	INIT_LIST_HEAD(&t->pages);
	INIT_LIST_HEAD(&t->objects);
	INIT_LIST_HEAD(&t->drawn);
	test->priv = t;
	mem_reserve_daemons.pages.peak = 0;
	return daemons_set(TEST_PAGES);
}

static void daemon_test_exit(struct kunit *test)
{
	struct daemon_test *t = test->priv;

	if (!t)
		return;
	hog_end(t);
	pages_free(&t->drawn);
	kmem_cache_destroy(t->cache);
	KUNIT_EXPECT_EQ(test, mem_reserve_daemons.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, daemons_set(0), 0);
}

static struct kunit_case daemon_test_cases[] = {
	KUNIT_CASE(daemon_test_pages),
	KUNIT_CASE(daemon_test_ordinary_first),
	KUNIT_CASE(daemon_test_refused),
	KUNIT_CASE(daemon_test_softirq),
	KUNIT_CASE(daemon_test_objects_atomic),
	KUNIT_CASE(daemon_test_objects_wait),
	KUNIT_CASE(daemon_test_objects_nomemalloc),
	KUNIT_CASE(daemon_test_objects_rcu),
	KUNIT_CASE(daemon_test_objects_nofail),
	KUNIT_CASE(daemon_test_cache_gone),
	KUNIT_CASE(daemon_test_objects_account),
	KUNIT_CASE(daemon_test_mix),
	KUNIT_CASE(daemon_test_shrink),
	KUNIT_CASE(daemon_test_adopt),
	KUNIT_CASE(daemon_test_sysctl),
	{}
};

/* Whoever needs a page while a test has them all gets none, and no panic. */
static int daemon_test_suite_init(struct kunit_suite *suite)
{
	return oom_killer_disable(HZ) ? 0 : -EBUSY;
}

static void daemon_test_suite_exit(struct kunit_suite *suite)
{
	oom_killer_enable();
}

static struct kunit_suite daemon_test_suite = {
	.name = "mem_reserve_daemon",
	.suite_init = daemon_test_suite_init,
	.suite_exit = daemon_test_suite_exit,
	.init = daemon_test_init,
	.exit = daemon_test_exit,
	.test_cases = daemon_test_cases,
};

kunit_test_suites(&daemon_test_suite);
