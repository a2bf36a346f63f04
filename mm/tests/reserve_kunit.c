// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of mm/reserve.c, included there. Each names the invariant of
 * Documentation/mm/reserve.rst that it holds up.
 *
 * Nothing else may be connected while they run: they look at the root.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/oom.h>
#include <linux/pagevec.h>
#include <linux/random.h>

#define LEAF_PAGES 8UL

/* A tree of two leaves under one node, connected by the tests themselves */
struct reserve_test {
	struct mem_reserve top;
	struct mem_reserve a;
	struct mem_reserve b;
	struct list_head hog;
};

static unsigned long free_reserve_pages(void)
{
	unsigned long nr = 0, flags;
	struct list_head *pos;
	struct zone *zone;
	int order;

	for_each_populated_zone(zone) {
		spin_lock_irqsave(&zone->lock, flags);
		for (order = 0; order < NR_PAGE_ORDERS; order++)
			list_for_each(pos, &zone->free_area[order].free_list[MIGRATE_RESERVE])
				nr += 1UL << order;
		spin_unlock_irqrestore(&zone->lock, flags);
	}
	return nr;
}

/* With what is not folded yet */
static unsigned long zones_sum(enum zone_stat_item item)
{
	unsigned long nr = 0;
	struct zone *zone;

	for_each_populated_zone(zone)
		nr += zone_page_state_snapshot(zone, item);
	return nr;
}

static bool page_of_reserve(struct page *page)
{
	return get_pageblock_migratetype(page) == MIGRATE_RESERVE;
}

/* Take every page that can be had without a charge, below all watermarks. */
static unsigned long hog_all(struct kunit *test, struct list_head *hog)
{
	const gfp_t gfp = GFP_NOWAIT | __GFP_HIGH | __GFP_MEMALLOC |
			  __GFP_NOWARN;
	unsigned long nr, of_reserve = 0;
	struct page *page;

	for (nr = 0; (page = alloc_page(gfp)); nr++) {
		of_reserve += page_of_reserve(page);
		list_add(&page->lru, hog);
	}
	return of_reserve;
}

static void hog_free(struct list_head *hog)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, hog, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

static int reserve_test_init(struct kunit *test)
{
	struct reserve_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	/* With all memory taken, there must be none on another CPU's lists. */
	set_cpus_allowed_ptr(current, cpumask_of(0));
	INIT_LIST_HEAD(&t->hog);
	mem_reserve_init(&t->top, "kunit");
	mem_reserve_init(&t->a, "a");
	mem_reserve_init(&t->b, "b");
	test->priv = t;
	return mem_reserve_pages_set(&t->a, LEAF_PAGES) ?:
	       mem_reserve_pages_set(&t->b, LEAF_PAGES) ?:
	       mem_reserve_connect(&t->a, &t->top) ?:
	       mem_reserve_connect(&t->b, &t->top);
}

/* Balanced: whatever a test did, nothing is left of it. */
static void reserve_test_exit(struct kunit *test)
{
	struct reserve_test *t = test->priv;

	if (!t)
		return;
	hog_free(&t->hog);
	mem_reserve_disconnect(&t->top);
	mem_reserve_disconnect(&t->a);
	mem_reserve_disconnect(&t->b);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 0));
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->b, 0));
	flush_work(&mem_reserve_trim_work);
	KUNIT_EXPECT_TRUE(test, list_empty(&mem_reserve_items));
	KUNIT_EXPECT_EQ(test, mem_reserve_unused, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.limit, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 0UL);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), 0UL);
}

/* Demand @count runs of @order, beside single pages. */
static int set_runs(struct mem_reserve *res, unsigned int order,
		    unsigned long count)
{
	struct mem_reserve_part parts[] = {
		{ .count = LEAF_PAGES },
		{ .order = order, .count = count },
	};

	return mem_reserve_parts_set(res, parts, ARRAY_SIZE(parts));
}

static struct page *draw(struct mem_reserve *res, gfp_t gfp, unsigned int order)
{
	struct page *page = mem_reserve_draw(res, gfp, order);

	return IS_ERR(page) ? NULL : page;
}

static void connect_top(struct kunit *test)
{
	struct reserve_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_connect(&t->top, &mem_reserve_root));
}

/* Demands add up, and only leaves have them. */
static void reserve_test_tree(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct mem_reserve other;

	KUNIT_EXPECT_EQ(test, t->top.pages.limit, 2 * LEAF_PAGES);
	connect_top(test);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.limit, 2 * LEAF_PAGES);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 3));
	KUNIT_EXPECT_EQ(test, t->top.pages.limit, LEAF_PAGES + 3);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.limit, LEAF_PAGES + 3);

	mem_reserve_init(&other, "a");
	KUNIT_EXPECT_EQ(test, -EBUSY, mem_reserve_connect(&t->a, &t->b));
	KUNIT_EXPECT_EQ(test, -EBUSY, mem_reserve_connect(&t->top, &mem_reserve_root));
	KUNIT_EXPECT_EQ(test, -EEXIST, mem_reserve_connect(&other, &t->top));
	KUNIT_EXPECT_EQ(test, -EINVAL, mem_reserve_connect(&other, &t->b));
	KUNIT_EXPECT_EQ(test, -EINVAL, mem_reserve_pages_set(&t->top, 1));
	KUNIT_EXPECT_EQ(test, -EINVAL, mem_reserve_pages_set(&mem_reserve_root, 1));
	mem_reserve_disconnect(&t->top);
	KUNIT_EXPECT_EQ(test, -ELOOP, mem_reserve_connect(&t->top, &t->top));
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.limit, 0UL);
	KUNIT_EXPECT_EQ(test, t->top.pages.limit, LEAF_PAGES + 3);
}

/* A page that was taken off the lists, since it is bad, costs itself and not its block. */
static void reserve_test_bad_page(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct mem_reserve_item *item;
	struct page *bad, *page;

	connect_top(test);
	bad = draw(&t->a, GFP_ATOMIC | __GFP_MEMALLOC, 0);
	KUNIT_ASSERT_NOT_NULL(test, bad);
	/* What take_page_off_buddy() leaves: it is nobody's, and not on a list. */
	spin_lock_irq(&mem_reserve_lock);
	item = owners_clear(bad, 0);
	uncharge_pages(item, 1);
	spin_unlock_irq(&mem_reserve_lock);

	page = draw(&t->a, GFP_ATOMIC | __GFP_MEMALLOC, 0);
	KUNIT_EXPECT_NOT_NULL(test, page);
	if (page)
		__free_page(page);
	__free_page(bad);
}

/* Strict: to the last unit, and not one more, at each level. */
static void reserve_test_limit(struct kunit *test)
{
	struct reserve_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, -ENODEV, mem_reserve_charge(&t->a, 1, GFP_NOWAIT));
	connect_top(test);
	t->top.leaving = true;
	KUNIT_EXPECT_EQ(test, -ENODEV, mem_reserve_charge(&t->a, 1, GFP_NOWAIT));
	t->top.leaving = false;
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_charge(&t->a, LEAF_PAGES - 1, GFP_NOWAIT));
	KUNIT_EXPECT_EQ(test, -ENOMEM, mem_reserve_charge(&t->a, 2, GFP_NOWAIT));
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_charge(&t->a, 1, GFP_NOWAIT));
	KUNIT_EXPECT_EQ(test, -ENOMEM, mem_reserve_charge(&t->a, 1, GFP_NOWAIT));
	KUNIT_EXPECT_EQ(test, -EINVAL, mem_reserve_charge(&t->a, LEAF_PAGES + 1, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_charge(&t->b, 1, GFP_NOWAIT));
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, LEAF_PAGES);
	KUNIT_EXPECT_EQ(test, t->top.pages.usage, LEAF_PAGES + 1);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.usage, LEAF_PAGES + 1);
	KUNIT_EXPECT_EQ(test, t->a.pages.failcnt, 3UL);
	KUNIT_EXPECT_EQ(test, -EBUSY, mem_reserve_pages_set(&t->a, LEAF_PAGES - 1));

	mem_reserve_uncharge(&t->a, LEAF_PAGES);
	mem_reserve_uncharge(&t->b, 1);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.pages.peak, LEAF_PAGES);
	KUNIT_EXPECT_EQ(test, t->top.pages.peak, LEAF_PAGES + 1);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.usage, 0UL);
}

/* Strict at the upper levels too, should a limit there ever be the smaller. */
static void reserve_test_limit_above(struct kunit *test)
{
	struct reserve_test *t = test->priv;

	connect_top(test);
	t->top.pages.limit -= LEAF_PAGES;
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_charge(&t->a, LEAF_PAGES, GFP_NOWAIT));
	KUNIT_EXPECT_EQ(test, -ENOMEM, mem_reserve_charge(&t->b, 1, GFP_NOWAIT));
	KUNIT_EXPECT_EQ(test, t->b.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.usage, LEAF_PAGES);
	KUNIT_EXPECT_EQ(test, t->top.pages.failcnt, 1UL);
	mem_reserve_uncharge(&t->a, LEAF_PAGES);
	t->top.pages.limit += LEAF_PAGES;
}

/* Filled: what connect and a larger demand promise is on the lists. */
static void reserve_test_filled(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	unsigned long blocks = pages_to_blocks(pageblock_nr_pages + LEAF_PAGES + 1);

	connect_top(test);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), pageblock_nr_pages);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, pageblock_nr_pages + 1));
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, blocks);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), blocks * pageblock_nr_pages);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 1));
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 1UL);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), pageblock_nr_pages);
}

/* Reserve pages are not free pages, and are again when they are given back. */
static void reserve_test_free_pages(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct zone *zone;
	long counted = 0, listed = 0;
	int order, type;
	unsigned long flags, i;
	struct list_head *pos;

	connect_top(test);
	mem_reserve_disconnect(&t->top);
	connect_top(test);
	for_each_populated_zone(zone) {
		spin_lock_irqsave(&zone->lock, flags);
		counted += zone_page_state_snapshot(zone, NR_FREE_PAGES);
		for (order = 0; order < NR_PAGE_ORDERS; order++)
			for (type = 0; type < MIGRATE_RESERVE; type++) {
				i = 0;
				list_for_each(pos, &zone->free_area[order].free_list[type])
					i++;
				listed += i << order;
			}
		spin_unlock_irqrestore(&zone->lock, flags);
	}
	KUNIT_EXPECT_EQ(test, counted, listed);
}

/* A demand beyond all memory is refused, and nothing has changed. */
static void reserve_test_no_memory(struct kunit *test)
{
	struct reserve_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, -ENOMEM, mem_reserve_pages_set(&t->a, totalram_pages() + 1));
	KUNIT_EXPECT_EQ(test, -ENOMEM, mem_reserve_pages_set(&t->a, ULONG_MAX));
	KUNIT_EXPECT_EQ(test, -ENOMEM, mem_reserve_kmalloc_set(&t->a, 64, ULONG_MAX));
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, LEAF_PAGES);

	/* Within RAM, but there is no block left. */
	hog_all(test, &t->hog);
	KUNIT_EXPECT_EQ(test, -ENOMEM, mem_reserve_connect(&t->top, &mem_reserve_root));
	hog_free(&t->hog);
	KUNIT_EXPECT_PTR_EQ(test, t->top.parent, NULL);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 0UL);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), 0UL);

	connect_top(test);
	hog_all(test, &t->hog);
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			mem_reserve_pages_set(&t->a, 3 * pageblock_nr_pages));
	hog_free(&t->hog);
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, LEAF_PAGES);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 1UL);
}

/* Writes to vm.reserve.max_percent as an administrator does. */
static int max_percent_write(const char *value)
{
	size_t len = strlen(value);
	char buffer[16];
	loff_t pos = 0;

	strscpy(buffer, value);
	return max_percent_handler(&mem_reserve_sysctls[0], 1, buffer, &len, &pos);
}

/* A value is in its range, and not below what is set aside, or the old one stays. */
static void reserve_test_max_percent_sysctl(struct kunit *test)
{
	const unsigned long room = mult_frac(totalram_pages(), 2, 100);
	const unsigned int old = mem_reserve_max_percent;
	struct reserve_test *t = test->priv;

	KUNIT_EXPECT_NE(test, max_percent_write("0"), 0);
	KUNIT_EXPECT_NE(test, max_percent_write("101"), 0);
	KUNIT_EXPECT_NE(test, max_percent_write("some"), 0);
	KUNIT_EXPECT_EQ(test, mem_reserve_max_percent, old);
	KUNIT_EXPECT_EQ(test, max_percent_write("1"), 0);
	KUNIT_EXPECT_EQ(test, max_percent_write("50"), 0);

	connect_top(test);
	KUNIT_EXPECT_EQ(test, mem_reserve_pages_set(&t->a, room), 0);
	KUNIT_EXPECT_EQ(test, max_percent_write("1"), -EBUSY);
	KUNIT_EXPECT_EQ(test, mem_reserve_max_percent, 50U);
	KUNIT_EXPECT_EQ(test, max_percent_write("100"), 0);
	KUNIT_EXPECT_EQ(test, mem_reserve_max_percent, 100U);
	KUNIT_EXPECT_EQ(test, mem_reserve_pages_set(&t->a, LEAF_PAGES), 0);
	mem_reserve_max_percent = old;
}

/* Not more than the administrator allows, and what is there stays. */
static void reserve_test_max_percent(struct kunit *test)
{
	const unsigned long room = mult_frac(totalram_pages(), 1, 100);
	const unsigned int old = mem_reserve_max_percent;
	struct reserve_test *t = test->priv;

	connect_top(test);
	mem_reserve_max_percent = 1;
	KUNIT_EXPECT_EQ(test, mem_reserve_pages_set(&t->a, room + pageblock_nr_pages), -ENOMEM);
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, (unsigned long)LEAF_PAGES);
	mem_reserve_max_percent = old;
	KUNIT_EXPECT_EQ(test, mem_reserve_pages_set(&t->a, room + pageblock_nr_pages), 0);
	KUNIT_EXPECT_EQ(test, mem_reserve_pages_set(&t->a, LEAF_PAGES), 0);
}

/* What is set aside shows in the zones, and less what is drawn, as do events. */
static void reserve_test_vmstat(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	unsigned long *events, drawn, failed, unused;
	struct page *page;

	events = kunit_kcalloc(test, NR_VM_EVENT_ITEMS, sizeof(*events), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, events);
	connect_top(test);
	KUNIT_ASSERT_EQ(test, set_runs(&t->a, 1, 1), 0);
	unused = zones_sum(NR_FREE_RESERVE_PAGES);
	KUNIT_EXPECT_EQ(test, unused, free_reserve_pages());
	KUNIT_EXPECT_EQ(test, zones_sum(NR_RESERVE_PAGES),
			mem_reserve_nr_blocks * pageblock_nr_pages);

	all_vm_events(events);
	drawn = events[RESERVE_DRAW];
	failed = events[RESERVE_FAIL];
	page = draw(&t->a, GFP_ATOMIC | __GFP_MEMALLOC, 1);
	KUNIT_EXPECT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, zones_sum(NR_FREE_RESERVE_PAGES), unused - 2);
	KUNIT_EXPECT_NULL(test, draw(&t->a, GFP_ATOMIC | __GFP_MEMALLOC, 1));
	all_vm_events(events);
	if (IS_ENABLED(CONFIG_VM_EVENT_COUNTERS)) {
		KUNIT_EXPECT_EQ(test, events[RESERVE_DRAW] - drawn, 2UL);
		KUNIT_EXPECT_EQ(test, events[RESERVE_FAIL] - failed, 1UL);
	}
	if (page)
		__free_pages(page, 1);
	KUNIT_EXPECT_EQ(test, zones_sum(NR_FREE_RESERVE_PAGES), unused);

	mem_reserve_disconnect(&t->top);
	KUNIT_EXPECT_EQ(test, zones_sum(NR_RESERVE_PAGES),
			mem_reserve_nr_blocks * pageblock_nr_pages);
}

#ifdef CONFIG_SWAP

/* Pages that look as if they were being written, to swap or to files */
static void writeback_add(long swapcache, long writeback)
{
	struct pglist_data *pgdat = NODE_DATA(first_online_node);

	mod_node_page_state(pgdat, NR_SWAPCACHE, swapcache);
	mod_node_page_state(pgdat, NR_WRITEBACK, writeback);
}

/* Memory that swap could take */
static void anon_add(long anon, long swap)
{
	struct zone *zone = NODE_DATA(first_online_node)->node_zones;

	while (!populated_zone(zone))
		zone++;
	mod_zone_page_state(zone, NR_ZONE_ACTIVE_ANON, anon);
	atomic_long_add(swap, &nr_swap_pages);
}

static bool swapout_seen_order(gfp_t gfp, int order)
{
	const struct oom_control oc = { .gfp_mask = gfp, .order = order };

	guard(mutex)(&oom_lock);
	return mem_reserve_swapout_under_way(&oc);
}

static bool swapout_seen(gfp_t gfp)
{
	return swapout_seen_order(gfp, 0);
}

/* Nothing more has been reclaimed for so long. */
static void swapout_idle(unsigned long ticks)
{
	mem_reserve_swapout.pages = anon_reclaimed();
	mem_reserve_swapout.since = jiffies - ticks;
	mem_reserve_swapout.asked = jiffies;
}

/* What is reclaimed where an allocation cannot have it is of no use to it. */
static void reserve_test_swapout_elsewhere(struct kunit *test)
{
	nodemask_t nodes = nodemask_of_node(first_online_node);
	const struct oom_control oc = { .gfp_mask = GFP_KERNEL, .nodemask = &nodes };
	const long many = totalram_pages();
	struct zone *zone;

	if (num_node_state(N_MEMORY) < 2)
		kunit_skip(test, "there is one node");
	connect_top(test);
	zone = NODE_DATA(next_node(first_online_node, node_states[N_MEMORY]))->node_zones;
	while (!populated_zone(zone))
		zone++;
	writeback_add(many, many);
	mutex_lock(&oom_lock);
	KUNIT_EXPECT_TRUE(test, mem_reserve_swapout_under_way(&oc));
	mod_zone_page_state(zone, NR_ZONE_ACTIVE_ANON, many);
	KUNIT_EXPECT_FALSE(test, mem_reserve_swapout_under_way(&oc));
	mod_zone_page_state(zone, NR_ZONE_ACTIVE_ANON, -many);
	mutex_unlock(&oom_lock);
	writeback_add(-many, -many);
}

/* Nobody is killed for what goes to swap, arrives there, and is most of all. */
static void reserve_test_swapout(struct kunit *test)
{
	const long many = totalram_pages();
	struct reserve_test *t = test->priv;

	connect_top(test);
	KUNIT_EXPECT_FALSE(test, swapout_seen(GFP_KERNEL));
	writeback_add(many, many);
	KUNIT_EXPECT_TRUE(test, swapout_seen(GFP_KERNEL));
	KUNIT_EXPECT_FALSE(test, swapout_seen(GFP_NOFS));
	KUNIT_EXPECT_FALSE(test, swapout_seen(GFP_KERNEL | __GFP_NOFAIL));
	/* The server does not answer any more. */
	swapout_idle(MEM_RESERVE_SWAPOUT_STALL);
	KUNIT_EXPECT_FALSE(test, swapout_seen(GFP_KERNEL));
	count_vm_events(PGSTEAL_ANON, SWAP_CLUSTER_MAX);
	KUNIT_EXPECT_TRUE(test, swapout_seen(GFP_KERNEL));
	/* What is written is in files, or what is in the swap cache is not written. */
	writeback_add(-many, 0);
	KUNIT_EXPECT_FALSE(test, swapout_seen(GFP_KERNEL));
	writeback_add(many, -many);
	KUNIT_EXPECT_FALSE(test, swapout_seen(GFP_KERNEL));
	writeback_add(0, many);
	mem_reserve_disconnect(&t->top);
	KUNIT_EXPECT_FALSE(test, swapout_seen(GFP_KERNEL));
	writeback_add(-many, -many);
}

/* Nor where all that there is has room in swap, while something arrives there. */
static void reserve_test_swap_room(struct kunit *test)
{
	const long many = totalram_pages() / 4;
	struct reserve_test *t = test->priv;

	connect_top(test);
	anon_add(many, 2 * many);
	count_vm_events(PGSTEAL_ANON, SWAP_CLUSTER_MAX);
	KUNIT_EXPECT_TRUE(test, swapout_seen(GFP_KERNEL));
	KUNIT_EXPECT_FALSE(test, swapout_seen_order(GFP_KERNEL, 1));
	swapout_idle(MEM_RESERVE_SWAPOUT_IDLE);
	KUNIT_EXPECT_FALSE(test, swapout_seen(GFP_KERNEL));
	count_vm_events(PGSTEAL_ANON, 1);
	KUNIT_EXPECT_FALSE(test, swapout_seen(GFP_KERNEL));
	count_vm_events(PGSTEAL_ANON, SWAP_CLUSTER_MAX);
	KUNIT_EXPECT_TRUE(test, swapout_seen(GFP_KERNEL));
	/* It was asked long ago: what was then says nothing. */
	swapout_idle(2 * MEM_RESERVE_SWAPOUT_STALL);
	mem_reserve_swapout.asked -= 2 * MEM_RESERVE_SWAPOUT_STALL;
	KUNIT_EXPECT_TRUE(test, swapout_seen(GFP_KERNEL));
	/* Swap is too small for it. */
	anon_add(0, -many - many / 2);
	KUNIT_EXPECT_FALSE(test, swapout_seen(GFP_KERNEL));
	/* There is next to nothing. */
	anon_add(-many, many);
	KUNIT_EXPECT_FALSE(test, swapout_seen(GFP_KERNEL));
	anon_add(0, many / 2 - 2 * many);
	mem_reserve_disconnect(&t->top);
}

#else

static void reserve_test_swap_room(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_SWAP");
}

static void reserve_test_swapout(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_SWAP");
}

#endif /* CONFIG_SWAP */

/*
 * Floor: with every other page gone, not one of the reserve was taken. Exact:
 * each node can still draw all that it was promised, and no more.
 */
static void reserve_test_draw(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct page *pages[LEAF_PAGES];
	unsigned long i, of_reserve, drawn = 0;

	connect_top(test);
	of_reserve = hog_all(test, &t->hog);
	for (i = 0; i < LEAF_PAGES; i++) {
		pages[i] = alloc_pages_reserve(&t->a, GFP_ATOMIC, 0);
		drawn += pages[i] && page_of_reserve(pages[i]) &&
			 page_is_pfmemalloc(pages[i]);
	}
	KUNIT_EXPECT_EQ(test, drawn, LEAF_PAGES);
	KUNIT_EXPECT_NULL(test, alloc_pages_reserve(&t->a, GFP_ATOMIC, 0));
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, LEAF_PAGES);
	KUNIT_EXPECT_EQ(test, t->top.pages.usage, LEAF_PAGES);
	for (i = 0; i < LEAF_PAGES; i++)
		if (pages[i])
			free_pages_reserve(pages[i], 0);
	hog_free(&t->hog);
	KUNIT_EXPECT_EQ(test, of_reserve, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), pageblock_nr_pages);
}

/* An ordinary page first: it is neither charged nor of the reserve. */
static void reserve_test_ordinary_first(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct page *page;

	connect_top(test);
	page = alloc_pages_reserve(&t->a, GFP_KERNEL, 0);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_FALSE(test, page_of_reserve(page));
	KUNIT_EXPECT_FALSE(test, page_is_pfmemalloc(page));
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	free_pages_reserve(page, 0);
}

/* No draw without the flag that says so, nor of an order that is not promised. */
static void reserve_test_draw_refused(struct kunit *test)
{
	struct reserve_test *t = test->priv;

	KUNIT_EXPECT_NULL(test, mem_reserve_draw_page(&t->a, GFP_ATOMIC));
	connect_top(test);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_pages_set(&t->a, 64));
	KUNIT_EXPECT_NULL(test, draw(&t->a, GFP_ATOMIC, 0));
	KUNIT_EXPECT_NULL(test, draw(&t->a, GFP_ATOMIC | __GFP_MEMALLOC, 1));
	KUNIT_EXPECT_NULL(test, draw(&t->a, GFP_ATOMIC | __GFP_MEMALLOC, 4));
	KUNIT_EXPECT_EQ(test, -EINVAL, set_runs(&t->a, 4, 1));
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
}

/* Balanced: by whatever path a page is freed, in one piece or in parts. */
static void reserve_test_free_paths(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_MEMALLOC;
	struct reserve_test *t = test->priv;
	struct folio_batch batch;
	struct page *page;

	connect_top(test);

	page = draw(&t->a, gfp, 0);
	KUNIT_ASSERT_NOT_NULL(test, page);
	get_page(page);
	put_page(page);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 1UL);
	put_page(page);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);

	page = draw(&t->a, gfp, 0);
	KUNIT_ASSERT_NOT_NULL(test, page);
	page_frag_free(page_address(page));
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);

	folio_batch_init(&batch);
	while (folio_batch_count(&batch) < 4) {
		page = draw(&t->b, gfp, 0);
		KUNIT_ASSERT_NOT_NULL(test, page);
		folio_batch_add(&batch, page_folio(page));
	}
	KUNIT_EXPECT_EQ(test, t->b.pages.usage, 4UL);
	folios_put(&batch);
	KUNIT_EXPECT_EQ(test, t->b.pages.usage, 0UL);

	KUNIT_ASSERT_EQ(test, 0, set_runs(&t->a, 3, 1));
	page = draw(&t->a, gfp, 3);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 8UL);
	split_page(page, 3);
	__free_page(page + 5);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 7UL);
	__free_pages(page + 6, 0);
	__free_pages(page + 7, 0);
	__free_page(page + 4);
	__free_page(page + 3);
	__free_page(page + 2);
	__free_page(page + 1);
	__free_page(page);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);

	KUNIT_ASSERT_EQ(test, 0, set_runs(&t->a, 2, 1));
	page = draw(&t->a, gfp | __GFP_COMP, 2);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, t->top.pages.usage, 4UL);
	put_page(page);
	KUNIT_EXPECT_EQ(test, t->top.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), 2 * pageblock_nr_pages);
}

/* Draw all that may be drawn in single pages, then free every other page. */
static void scatter(struct kunit *test, struct reserve_test *t,
		    struct list_head *kept)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_MEMALLOC;
	struct page *page, *next;
	unsigned long i = 0;

	while ((page = draw(&t->b, gfp, 0)))
		list_add(&page->lru, kept);
	list_for_each_entry_safe(page, next, kept, lru) {
		if (i++ & 1)
			continue;
		list_del(&page->lru);
		__free_page(page);
	}
}

/*
 * Filled: runs of pages that were promised are there, however scattered the
 * single pages are that others hold, and whoever draws first.
 */
static void reserve_test_runs(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_MEMALLOC;
	struct reserve_test *t = test->priv;
	unsigned long i, order, drawn = 0;
	struct page *pages[3][4];

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_pages_set(&t->b, 2 * pageblock_nr_pages));
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_parts_set(&t->a, (struct mem_reserve_part []) {
		{ .order = 1, .count = 4 }, { .order = 2, .count = 4 },
		{ .order = 3, .count = 4 } }, 3));
	connect_top(test);
	/* Three orders in a block each, and single pages */
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 5UL);
	scatter(test, t, &t->hog);
	for (order = 1; order <= 3; order++)
		for (i = 0; i < 4; i++) {
			pages[order - 1][i] = draw(&t->a, gfp, order);
			drawn += !!pages[order - 1][i];
		}
	KUNIT_EXPECT_EQ(test, drawn, 12UL);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, t->a.pages.limit);
	hog_free(&t->hog);
	/* Nor do runs take what single pages were promised. */
	scatter(test, t, &t->hog);
	KUNIT_EXPECT_EQ(test, t->b.pages.usage, pageblock_nr_pages);
	KUNIT_EXPECT_EQ(test, t->b.pages.peak, 2 * pageblock_nr_pages);
	for (order = 1; order <= 3; order++)
		for (i = 0; i < 4; i++)
			if (pages[order - 1][i])
				__free_pages(pages[order - 1][i], order);
	hog_free(&t->hog);
	KUNIT_EXPECT_EQ(test, mem_reserve_unused, 5UL);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), 5 * pageblock_nr_pages);
}

/* A block that is in use serves one order. */
static unsigned long pages_of_another_order(void)
{
	struct mem_reserve_block *block;
	unsigned long i, nr = 0;

	list_for_each_entry(block, &mem_reserve_blocks, list)
		for (i = 0; i < pageblock_nr_pages; i++)
			nr += block->owner[i] && block->owner[i]->order != block->order;
	return nr;
}

/* The same to the last page: each order fills a block, single pages first. */
static void reserve_test_runs_tight(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_MEMALLOC;
	struct reserve_test *t = test->priv;
	unsigned long i, drawn = 0, nr = pageblock_nr_pages / 2;
	struct page **runs;

	runs = kunit_kcalloc(test, nr, sizeof(*runs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, runs);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_pages_set(&t->b, pageblock_nr_pages));
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_parts_set(&t->a, (struct mem_reserve_part []) {
		{ .order = 1, .count = nr } }, 1));
	connect_top(test);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 2UL);
	runs[0] = draw(&t->a, gfp, 1);
	scatter(test, t, &t->hog);
	for (i = 1; i < nr; i++)
		runs[i] = draw(&t->a, gfp, 1);
	KUNIT_EXPECT_EQ(test, pages_of_another_order(), 0UL);
	for (i = 0; i < nr; i++) {
		drawn += !!runs[i];
		if (runs[i])
			__free_pages(runs[i], 1);
	}
	KUNIT_EXPECT_EQ(test, drawn, nr);
	hog_free(&t->hog);
}

/* A block that is to serve another order is not started: charge released. */
static void reserve_test_draw_no_block(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_MEMALLOC;
	struct reserve_test *t = test->priv;
	struct mem_reserve_item *item;

	KUNIT_ASSERT_EQ(test, 0, set_runs(&t->a, 1, 1));
	connect_top(test);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 2UL);
	/* As if somebody was promised more runs than there are blocks for */
	item = item_find(&t->a.items, NULL, 1);
	KUNIT_ASSERT_NOT_NULL(test, item);
	spin_lock_irq(&mem_reserve_lock);
	swap(mem_reserve_root.by_order[1], mem_reserve_root.by_order[2]);
	spin_unlock_irq(&mem_reserve_lock);
	KUNIT_EXPECT_NULL(test, draw(&t->a, gfp, 1));
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, item->pages.usage, 0UL);
	spin_lock_irq(&mem_reserve_lock);
	swap(mem_reserve_root.by_order[1], mem_reserve_root.by_order[2]);
	spin_unlock_irq(&mem_reserve_lock);
}

/* Floor: compaction and page reporting do not take reserve pages either. */
static void reserve_test_isolate(struct kunit *test)
{
	struct mem_reserve_block *block;
	int isolated;

	connect_top(test);
	block = list_first_entry(&mem_reserve_blocks, struct mem_reserve_block,
				 list);
	spin_lock_irq(&page_zone(block->page)->lock);
	isolated = __isolate_free_page(block->page, pageblock_order);
	spin_unlock_irq(&page_zone(block->page)->lock);
	KUNIT_EXPECT_EQ(test, isolated, 0);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), pageblock_nr_pages);
}

/* Each page belongs to the node it was drawn for. */
static void reserve_test_owner(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_MEMALLOC;
	struct reserve_test *t = test->priv;
	struct page *a, *b;

	KUNIT_ASSERT_EQ(test, 0, set_runs(&t->b, 1, 1));
	connect_top(test);
	a = draw(&t->a, gfp, 0);
	b = draw(&t->b, gfp, 1);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 1UL);
	KUNIT_EXPECT_EQ(test, t->b.pages.usage, 2UL);
	__free_pages(b, 1);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 1UL);
	KUNIT_EXPECT_EQ(test, t->b.pages.usage, 0UL);
	__free_pages(a, 0);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
}

/*
 * A node that goes with pages out: they count against nobody else, come back
 * when they are freed, and what they were part of is given back then.
 */
static void reserve_test_orphans(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_MEMALLOC;
	struct reserve_test *t = test->priv;
	struct page *page, *last;

	KUNIT_ASSERT_EQ(test, 0, set_runs(&t->a, 1, pageblock_nr_pages));
	connect_top(test);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 3UL);

	page = draw(&t->a, gfp, 1);
	KUNIT_ASSERT_NOT_NULL(test, page);
	mem_reserve_disconnect(&t->a);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->top.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->top.pages.limit, LEAF_PAGES);
	KUNIT_EXPECT_EQ(test, mem_reserve_orphans.pages.usage, 2UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.limit, LEAF_PAGES + 2);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 2UL);
	KUNIT_EXPECT_GE(test, free_reserve_pages(), LEAF_PAGES);

	__free_pages(page, 1);
	KUNIT_EXPECT_EQ(test, mem_reserve_orphans.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.limit, LEAF_PAGES);
	flush_work(&mem_reserve_trim_work);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 1UL);

	/* And with nobody left: the page becomes an ordinary one. */
	last = draw(&t->b, gfp, 0);
	KUNIT_ASSERT_NOT_NULL(test, last);
	mem_reserve_disconnect(&t->top);
	KUNIT_EXPECT_EQ(test, mem_reserve_orphans.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 0UL);
	KUNIT_EXPECT_FALSE(test, page_of_reserve(last));
	__free_page(last);
}

/* A block kept for a page that is out goes when the page comes back. */
static void reserve_test_trim_later(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_MEMALLOC;
	struct reserve_test *t = test->priv;
	struct page *first = NULL, *other = NULL;
	unsigned long i;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_pages_set(&t->a, pageblock_nr_pages));
	connect_top(test);
	/* One page in each block: draw until the block changes. */
	first = draw(&t->a, gfp, 0);
	KUNIT_ASSERT_NOT_NULL(test, first);
	for (i = 0; i < pageblock_nr_pages - 1 && !other; i++) {
		struct page *page = draw(&t->a, gfp, 0);

		if (page && page_to_pfn(page) >> pageblock_order !=
		    page_to_pfn(first) >> pageblock_order)
			other = page;
		else if (page)
			list_add(&page->lru, &t->hog);
	}
	if (!other)
		other = draw(&t->b, gfp, 0);
	hog_free(&t->hog);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 2));
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 2UL);
	__free_page(first);
	flush_work(&mem_reserve_trim_work);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 1UL);
	__free_page(other);
}

struct waiter {
	struct mem_reserve *res;
	struct completion done;
	int err;
};

static int waiter_fn(void *data)
{
	struct waiter *w = data;

	w->err = mem_reserve_charge(w->res, 2, GFP_KERNEL);
	complete(&w->done);
	return 0;
}

static void start_waiter(struct kunit *test, struct waiter *w,
			 struct mem_reserve *res)
{
	w->res = res;
	w->err = 1;
	init_completion(&w->done);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(waiter_fn, w, "waiter")));
}

/* Who may block waits until there is room, and no longer. */
static void reserve_test_wait(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct waiter w;

	connect_top(test);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_charge(&t->a, LEAF_PAGES, GFP_NOWAIT));
	start_waiter(test, &w, &t->a);
	KUNIT_EXPECT_EQ(test, 0UL, wait_for_completion_timeout(&w.done, HZ / 10));
	mem_reserve_uncharge(&t->a, 1);
	KUNIT_EXPECT_EQ(test, 0UL, wait_for_completion_timeout(&w.done, HZ / 10));
	mem_reserve_uncharge(&t->a, 1);
	KUNIT_EXPECT_NE(test, 0UL, wait_for_completion_timeout(&w.done, 10 * HZ));
	KUNIT_EXPECT_EQ(test, 0, w.err);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, LEAF_PAGES);

	/* A larger demand is room, too. */
	start_waiter(test, &w, &t->a);
	KUNIT_EXPECT_EQ(test, 0UL, wait_for_completion_timeout(&w.done, HZ / 10));
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, LEAF_PAGES + 2));
	KUNIT_EXPECT_NE(test, 0UL, wait_for_completion_timeout(&w.done, 10 * HZ));
	KUNIT_EXPECT_EQ(test, 0, w.err);
	mem_reserve_uncharge(&t->a, LEAF_PAGES + 2);
}

/* Nobody waits for a node that is gone. */
static void reserve_test_wait_disconnect(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct waiter w;

	connect_top(test);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_charge(&t->a, LEAF_PAGES, GFP_NOWAIT));
	start_waiter(test, &w, &t->a);
	KUNIT_EXPECT_EQ(test, 0UL, wait_for_completion_timeout(&w.done, HZ / 10));
	mem_reserve_disconnect(&t->top);
	KUNIT_EXPECT_NE(test, 0UL, wait_for_completion_timeout(&w.done, 10 * HZ));
	KUNIT_EXPECT_EQ(test, -ENODEV, w.err);
	/* A charge ended with the node; giving it back does nothing. */
	mem_reserve_uncharge(&t->a, LEAF_PAGES);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.usage, 0UL);
}

struct racer {
	struct reserve_test *t;
	struct completion done;
	unsigned long over;
	unsigned long rounds;
};

/* Look at all three levels at once, as nobody but a lock holder can. */
static bool over_limit(struct mem_reserve *res)
{
	bool over = false;

	spin_lock_irq(&mem_reserve_lock);
	for (; res; res = res->parent)
		over |= res->pages.usage > res->pages.limit;
	spin_unlock_irq(&mem_reserve_lock);
	return over;
}

static int racer_fn(void *data)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_MEMALLOC;
	struct racer *r = data;
	unsigned long i;

	for (i = 0; i < r->rounds; i++) {
		struct mem_reserve *res = i & 1 ? &r->t->a : &r->t->b;
		struct page *page = draw(res, gfp, 0);
		unsigned long nr = 1 + get_random_u32_below(3);
		bool charged = !mem_reserve_charge(res, nr, GFP_NOWAIT);

		/* Lockless: at no instant may it be seen above. */
		r->over += READ_ONCE(res->pages.usage) > LEAF_PAGES;
		r->over += over_limit(res);
		if (!(i & 15))
			cond_resched();
		if (charged)
			mem_reserve_uncharge(res, nr);
		if (page)
			__free_page(page);
	}
	complete(&r->done);
	return 0;
}

/* Strict and balanced, whatever the interleaving. */
static void reserve_test_race(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct racer *r = kunit_kcalloc(test, 8, sizeof(*r), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	connect_top(test);
	for (i = 0; i < 8; i++) {
		r[i].t = t;
		r[i].rounds = 20000;
		init_completion(&r[i].done);
		KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(racer_fn, &r[i], "racer")));
	}
	for (i = 0; i < 8; i++) {
		wait_for_completion(&r[i].done);
		KUNIT_EXPECT_EQ(test, r[i].over, 0UL);
	}
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->b.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), pageblock_nr_pages);
}

struct test_mender {
	struct work_struct work;
	struct completion done;
	struct reserve_test *t;
	int connected, set, bytes;
};

static void test_mender_fn(struct work_struct *work)
{
	struct test_mender *m = container_of(work, struct test_mender, work);
	unsigned int noio = memalloc_noio_save();

	m->connected = mem_reserve_connect(&m->t->top, &mem_reserve_root);
	m->set = mem_reserve_pages_set(&m->t->a, LEAF_PAGES + 1);
	m->bytes = mem_reserve_bytes_set(&m->t->a, 1);
	memalloc_noio_restore(noio);
	complete(&m->done);
}

/* Who mends what reclaim waits for is not made to wait by who may be in reclaim. */
static void reserve_test_noio(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct test_mender m = { .t = t };

	INIT_WORK_ONSTACK(&m.work, test_mender_fn);
	init_completion(&m.done);
	mutex_lock(&mem_reserve_mutex);
	schedule_work(&m.work);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&m.done, 2 * HZ), 0UL);
	mutex_unlock(&mem_reserve_mutex);
	flush_work(&m.work);
	KUNIT_EXPECT_EQ(test, -EAGAIN, m.connected);
	KUNIT_EXPECT_EQ(test, -EAGAIN, m.set);
	KUNIT_EXPECT_EQ(test, -EAGAIN, m.bytes);
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, LEAF_PAGES);

	/* With nobody there it is done. */
	schedule_work(&m.work);
	flush_work(&m.work);
	destroy_work_on_stack(&m.work);
	KUNIT_EXPECT_EQ(test, 0, m.connected);
	KUNIT_EXPECT_EQ(test, 0, m.set);
}

/* For the network's tests */
void mem_reserve_test_hold(bool hold)
{
	if (hold)
		mutex_lock(&mem_reserve_mutex);
	else
		mutex_unlock(&mem_reserve_mutex);
}

#include "reserve_model_kunit.c"

static struct kunit_case reserve_test_cases[] = {
	KUNIT_CASE(reserve_test_tree),
	KUNIT_CASE(reserve_test_bad_page),
	KUNIT_CASE(reserve_test_limit),
	KUNIT_CASE(reserve_test_limit_above),
	KUNIT_CASE(reserve_test_filled),
	KUNIT_CASE(reserve_test_free_pages),
	KUNIT_CASE_SLOW(reserve_test_no_memory),
	KUNIT_CASE(reserve_test_max_percent),
	KUNIT_CASE(reserve_test_max_percent_sysctl),
	KUNIT_CASE(reserve_test_vmstat),
	KUNIT_CASE(reserve_test_swapout_elsewhere),
	KUNIT_CASE(reserve_test_swapout),
	KUNIT_CASE(reserve_test_swap_room),
	KUNIT_CASE_SLOW(reserve_test_draw),
	KUNIT_CASE(reserve_test_ordinary_first),
	KUNIT_CASE(reserve_test_draw_refused),
	KUNIT_CASE(reserve_test_free_paths),
	KUNIT_CASE(reserve_test_runs),
	KUNIT_CASE(reserve_test_runs_tight),
	KUNIT_CASE(reserve_test_draw_no_block),
	KUNIT_CASE(reserve_test_isolate),
	KUNIT_CASE(reserve_test_owner),
	KUNIT_CASE(reserve_test_orphans),
	KUNIT_CASE(reserve_test_trim_later),
	KUNIT_CASE(reserve_test_wait),
	KUNIT_CASE(reserve_test_wait_disconnect),
	KUNIT_CASE_SLOW(reserve_test_race),
	KUNIT_CASE(reserve_test_noio),
	KUNIT_CASE_SLOW(reserve_test_model),
	{}
};

/* Whoever needs a page while a test has them all gets none, and no panic. */
static int reserve_suite_init(struct kunit_suite *suite)
{
	return oom_killer_disable(HZ) ? 0 : -EBUSY;
}

static void reserve_suite_exit(struct kunit_suite *suite)
{
	oom_killer_enable();
}

static struct kunit_suite reserve_test_suite = {
	.name = "mem_reserve",
	.suite_init = reserve_suite_init,
	.suite_exit = reserve_suite_exit,
	.init = reserve_test_init,
	.exit = reserve_test_exit,
	.test_cases = reserve_test_cases,
};

#include "reserve_slab_kunit.c"

kunit_test_suites(&reserve_test_suite, &reserve_slab_test_suite);
