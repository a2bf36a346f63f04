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
	flush_work(&mem_reserve_trim_work);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.limit, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 0UL);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), 0UL);
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

/* Strict: to the last unit, and not one more, at each level. */
static void reserve_test_limit(struct kunit *test)
{
	struct reserve_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, -ENODEV, mem_reserve_charge(&t->a, 1, GFP_NOWAIT));
	connect_top(test);
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

/* No draw without the flag that says so, nor above the order that is served. */
static void reserve_test_draw_refused(struct kunit *test)
{
	struct reserve_test *t = test->priv;

	KUNIT_EXPECT_NULL(test, mem_reserve_draw_page(&t->a, GFP_ATOMIC));
	connect_top(test);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_pages_set(&t->a, 64));
	KUNIT_EXPECT_NULL(test, mem_reserve_draw(&t->a, GFP_ATOMIC, 0));
	KUNIT_EXPECT_NULL(test, mem_reserve_draw(&t->a, GFP_ATOMIC | __GFP_MEMALLOC, 4));
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

	page = mem_reserve_draw(&t->a, gfp, 0);
	KUNIT_ASSERT_NOT_NULL(test, page);
	get_page(page);
	put_page(page);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 1UL);
	put_page(page);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);

	page = mem_reserve_draw(&t->a, gfp, 0);
	KUNIT_ASSERT_NOT_NULL(test, page);
	page_frag_free(page_address(page));
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);

	folio_batch_init(&batch);
	while (folio_batch_count(&batch) < 4) {
		page = mem_reserve_draw(&t->b, gfp, 0);
		KUNIT_ASSERT_NOT_NULL(test, page);
		folio_batch_add(&batch, page_folio(page));
	}
	KUNIT_EXPECT_EQ(test, t->b.pages.usage, 4UL);
	folios_put(&batch);
	KUNIT_EXPECT_EQ(test, t->b.pages.usage, 0UL);

	page = mem_reserve_draw(&t->a, gfp, 3);
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

	page = mem_reserve_draw(&t->a, gfp | __GFP_COMP, 2);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, t->top.pages.usage, 4UL);
	put_page(page);
	KUNIT_EXPECT_EQ(test, t->top.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), pageblock_nr_pages);
}

/* Room, but no run of pages: the charge is released again. */
static void reserve_test_draw_fragmented(struct kunit *test)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_MEMALLOC;
	struct reserve_test *t = test->priv;
	struct page *page, *next;

	mem_reserve_disconnect(&t->b);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_pages_set(&t->a, pageblock_nr_pages));
	connect_top(test);
	while ((page = mem_reserve_draw(&t->a, gfp, 0)))
		list_add(&page->lru, &t->hog);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, pageblock_nr_pages);
	list_for_each_entry_safe(page, next, &t->hog, lru) {
		if (page_to_pfn(page) & 1)
			continue;
		list_del(&page->lru);
		__free_page(page);
	}
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, pageblock_nr_pages / 2);
	KUNIT_EXPECT_NULL(test, mem_reserve_draw(&t->a, gfp, 1));
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, pageblock_nr_pages / 2);
	hog_free(&t->hog);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
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

	connect_top(test);
	a = mem_reserve_draw(&t->a, gfp, 0);
	b = mem_reserve_draw(&t->b, gfp, 1);
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

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_pages_set(&t->a, pageblock_nr_pages));
	connect_top(test);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 2UL);

	page = mem_reserve_draw(&t->a, gfp, 1);
	KUNIT_ASSERT_NOT_NULL(test, page);
	mem_reserve_disconnect(&t->a);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->top.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->top.pages.limit, LEAF_PAGES);
	KUNIT_EXPECT_EQ(test, mem_reserve_orphans.pages.usage, 2UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.limit, LEAF_PAGES + 2);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 1UL);
	KUNIT_EXPECT_GE(test, free_reserve_pages(), LEAF_PAGES);

	__free_pages(page, 1);
	KUNIT_EXPECT_EQ(test, mem_reserve_orphans.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.limit, LEAF_PAGES);

	/* And with nobody left: the page becomes an ordinary one. */
	last = mem_reserve_draw(&t->b, gfp, 0);
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
	first = mem_reserve_draw(&t->a, gfp, 0);
	KUNIT_ASSERT_NOT_NULL(test, first);
	for (i = 0; i < pageblock_nr_pages - 1 && !other; i++) {
		struct page *page = mem_reserve_draw(&t->a, gfp, 0);

		if (page && page_to_pfn(page) >> pageblock_order !=
		    page_to_pfn(first) >> pageblock_order)
			other = page;
		else if (page)
			list_add(&page->lru, &t->hog);
	}
	if (!other)
		other = mem_reserve_draw(&t->b, gfp, 0);
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
		unsigned int order = get_random_u32_below(3);
		struct page *page = mem_reserve_draw(res, gfp, order);
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
			__free_pages(page, order);
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

struct conversion {
	unsigned int size;
	unsigned long count;
};

static const struct conversion conversions[] = {
	{ 8, 1 }, { 64, 64 }, { 64, 65 }, { 256, 288 }, { 1000, 9 },
	{ 2048, 3 }, { 4096, 5 }, { 8192, 2 }, { 3 * 4096, 4 },
};

static void conversion_desc(const struct conversion *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%lu x %u bytes", c->count, c->size);
}

KUNIT_ARRAY_PARAM(conversion, conversions, conversion_desc);

/* The demand in pages, from what the cache really looks like */
static void reserve_test_conversion(struct kunit *test)
{
	const struct conversion *c = test->param_value;
	struct reserve_test *t = test->priv;
	unsigned long slab_pages;
	struct kmem_cache *s;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmalloc_set(&t->a, c->size, c->count));
	KUNIT_EXPECT_EQ(test, t->a.objects.limit, c->count);
	if (c->size > KMALLOC_MAX_CACHE_SIZE) {
		KUNIT_EXPECT_EQ(test, t->a.pages.limit, c->count << get_order(c->size));
		return;
	}
	s = t->a.cache;
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_GE(test, s->object_size, c->size);
	/* As many slabs as it takes when each is full, and no more. */
	slab_pages = slab_reserve_pages(s, 1);
	KUNIT_EXPECT_EQ(test, t->a.pages.limit,
			DIV_ROUND_UP(c->count, slab_pages * PAGE_SIZE / s->size) *
			slab_pages);
}

static void reserve_test_kmalloc_refused(struct kunit *test)
{
	struct reserve_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, -EINVAL, mem_reserve_kmalloc_set(&t->a, 0, 1));
	KUNIT_EXPECT_EQ(test, -EINVAL, mem_reserve_kmalloc_set(&t->a, KMALLOC_MAX_SIZE + 1, 1));
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, LEAF_PAGES);
}

#define NR_OBJECTS 37

static unsigned long objects_of_reserve(void **objects, unsigned long nr)
{
	unsigned long i, of_reserve = 0;

	for (i = 0; i < nr; i++)
		of_reserve += objects[i] &&
			      page_of_reserve(virt_to_page(objects[i]));
	return of_reserve;
}

/*
 * Exact and apart: the demand in objects is met to the last one out of the
 * pages it was converted to, none of them left over, and nobody else ever gets
 * an object of those pages.
 */
static void reserve_test_objects(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct kmem_cache *s;
	void **objects, **others;
	unsigned long i, drawn;

	s = kmem_cache_create("reserve_kunit", 256, 0, SLAB_NO_MERGE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	objects = kunit_kcalloc(test, NR_OBJECTS, sizeof(void *), GFP_KERNEL);
	others = kunit_kcalloc(test, 4 * NR_OBJECTS, sizeof(void *), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objects);
	KUNIT_ASSERT_NOT_NULL(test, others);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->a, s, NR_OBJECTS));
	connect_top(test);

	hog_all(test, &t->hog);
	for (i = 0; i < NR_OBJECTS; i++)
		objects[i] = kmem_cache_alloc_reserve(&t->a, s, GFP_ATOMIC);
	drawn = objects_of_reserve(objects, NR_OBJECTS);
	KUNIT_EXPECT_EQ(test, drawn, (unsigned long)NR_OBJECTS);
	KUNIT_EXPECT_NULL(test, kmem_cache_alloc_reserve(&t->a, s, GFP_ATOMIC));
	KUNIT_EXPECT_EQ(test, t->a.objects.usage, (unsigned long)NR_OBJECTS);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, t->a.pages.limit);
	hog_free(&t->hog);

	/* Holes in the reserve slabs are for charged callers only. */
	for (i = 0; i < NR_OBJECTS; i += 2) {
		kmem_cache_free(s, objects[i]);
		objects[i] = NULL;
	}
	for (i = 0; i < 4 * NR_OBJECTS; i++)
		others[i] = kmem_cache_alloc(s, i & 1 ? GFP_KERNEL :
					     GFP_ATOMIC | __GFP_MEMALLOC);
	KUNIT_EXPECT_EQ(test, objects_of_reserve(others, 4 * NR_OBJECTS), 0UL);
	KUNIT_EXPECT_EQ(test, t->a.objects.usage, NR_OBJECTS / 2UL);

	kmem_cache_free_bulk(s, 4 * NR_OBJECTS, others);
	for (i = 1; i < NR_OBJECTS; i += 2)
		kmem_cache_free(s, objects[i]);
	KUNIT_EXPECT_EQ(test, t->a.objects.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, free_reserve_pages(), pageblock_nr_pages);
	mem_reserve_disconnect(&t->top);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 0));
	kmem_cache_destroy(s);
}

/* An object that outlives its node: freed later, nothing is lost. */
static void reserve_test_object_orphan(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct kmem_cache *s;
	void *object;

	s = kmem_cache_create("reserve_kunit", 256, 0, SLAB_NO_MERGE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->a, s, 3));
	connect_top(test);
	hog_all(test, &t->hog);
	object = kmem_cache_alloc_reserve(&t->a, s, GFP_ATOMIC);
	hog_free(&t->hog);
	KUNIT_ASSERT_NOT_NULL(test, object);
	KUNIT_EXPECT_TRUE(test, slab_reserve_object(object));
	KUNIT_EXPECT_EQ(test, -EBUSY, mem_reserve_pages_set(&t->a, 9));
	mem_reserve_disconnect(&t->top);
	KUNIT_EXPECT_EQ(test, t->a.objects.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 0UL);
	kmem_cache_free(s, object);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 0));
	kmem_cache_destroy(s);
}

/*
 * An object that outlives its node does not serve another: connected again,
 * what is charged and what is uncharged are the same.
 */
static void reserve_test_object_foreign(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	void *old, *a, *b;
	struct kmem_cache *s;

	s = kmem_cache_create("reserve_kunit", 256, 0, SLAB_NO_MERGE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->a, s, 3));
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->b, s, 3));
	connect_top(test);
	hog_all(test, &t->hog);
	old = kmem_cache_alloc_reserve(&t->a, s, GFP_ATOMIC);
	hog_free(&t->hog);
	mem_reserve_disconnect(&t->top);
	connect_top(test);

	hog_all(test, &t->hog);
	a = kmem_cache_alloc_reserve(&t->a, s, GFP_ATOMIC);
	b = kmem_cache_alloc_reserve(&t->b, s, GFP_ATOMIC);
	hog_free(&t->hog);
	KUNIT_ASSERT_NOT_NULL(test, old);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_EQ(test, t->a.objects.usage, 1UL);
	KUNIT_EXPECT_EQ(test, t->b.objects.usage, 1UL);
	kmem_cache_free(s, a);
	KUNIT_EXPECT_EQ(test, t->a.objects.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->b.objects.usage, 1UL);
	kmem_cache_free(s, b);
	kmem_cache_free(s, old);
	KUNIT_EXPECT_EQ(test, t->top.pages.usage, 0UL);
	mem_reserve_disconnect(&t->top);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 0));
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->b, 0));
	kmem_cache_destroy(s);
}

/* A cache that cannot have reserve slabs is refused beforehand. */
static void reserve_test_cache_refused(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct kmem_cache *s;

	s = kmem_cache_create("reserve_kunit", 256, 0,
			      SLAB_NO_MERGE | SLAB_TYPESAFE_BY_RCU, NULL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, mem_reserve_kmem_cache_set(&t->a, s, 3));
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, LEAF_PAGES);
	kmem_cache_destroy(s);
}

static struct kunit_case reserve_test_cases[] = {
	KUNIT_CASE(reserve_test_tree),
	KUNIT_CASE(reserve_test_limit),
	KUNIT_CASE(reserve_test_limit_above),
	KUNIT_CASE(reserve_test_filled),
	KUNIT_CASE(reserve_test_free_pages),
	KUNIT_CASE_SLOW(reserve_test_no_memory),
	KUNIT_CASE_SLOW(reserve_test_draw),
	KUNIT_CASE(reserve_test_ordinary_first),
	KUNIT_CASE(reserve_test_draw_refused),
	KUNIT_CASE(reserve_test_free_paths),
	KUNIT_CASE(reserve_test_draw_fragmented),
	KUNIT_CASE(reserve_test_isolate),
	KUNIT_CASE(reserve_test_owner),
	KUNIT_CASE(reserve_test_orphans),
	KUNIT_CASE(reserve_test_trim_later),
	KUNIT_CASE(reserve_test_wait),
	KUNIT_CASE(reserve_test_wait_disconnect),
	KUNIT_CASE_SLOW(reserve_test_race),
	KUNIT_CASE_PARAM(reserve_test_conversion, conversion_gen_params),
	KUNIT_CASE(reserve_test_kmalloc_refused),
	KUNIT_CASE_SLOW(reserve_test_objects),
	KUNIT_CASE_SLOW(reserve_test_object_orphan),
	KUNIT_CASE_SLOW(reserve_test_object_foreign),
	KUNIT_CASE(reserve_test_cache_refused),
	{}
};

static struct kunit_suite reserve_test_suite = {
	.name = "mem_reserve",
	.init = reserve_test_init,
	.exit = reserve_test_exit,
	.test_cases = reserve_test_cases,
};

kunit_test_suite(reserve_test_suite);
