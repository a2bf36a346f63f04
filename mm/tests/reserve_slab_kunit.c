// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of demands in objects: conversion, mm/reserve_slub.c, and the functions
 * that allocate. Included by reserve_kunit.c, whose tree and helpers they use.
 */

#define NR_OBJECTS 37

/* What a cache is made of, as far as a test must know it */
static unsigned long objects_per_slab(struct kmem_cache *s)
{
	unsigned long nr = 1;

	while (slab_reserve_pages(s, nr + 1) == slab_reserve_pages(s, 1))
		nr++;
	return nr;
}

static struct kmem_cache *make_cache(struct kunit *test, unsigned int size,
				     slab_flags_t flags)
{
	struct kmem_cache *s = kmem_cache_create("reserve_kunit", size, 0,
						 SLAB_NO_MERGE | flags, NULL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	return s;
}

static unsigned long objects_of_reserve(void **objects, unsigned long nr)
{
	unsigned long i, of_reserve = 0;

	for (i = 0; i < nr; i++)
		of_reserve += objects[i] &&
			      page_of_reserve(virt_to_page(objects[i]));
	return of_reserve;
}

/* No page is to be had from elsewhere until hog_free(). */
static void *alloc_object(struct mem_reserve *res, struct kmem_cache *s)
{
	void *object = object_draw(&(struct reserve_request) {
		.res = res,
		.cache = s,
		.size = s->object_size,
	}, GFP_ATOMIC | __GFP_MEMALLOC);

	return IS_ERR(object) ? NULL : object;
}

static void *alloc_kmalloc(struct mem_reserve *res, size_t size)
{
	void *object = kmalloc_draw(&(struct reserve_request) {
		.res = res,
		.size = size,
	}, GFP_ATOMIC | __GFP_MEMALLOC);

	return IS_ERR(object) ? NULL : object;
}

/* Conversion */

struct conversion {
	unsigned int size;
	unsigned long count;
};

static const struct conversion conversions[] = {
	{ 8, 1 }, { 8, 513 }, { 24, 1000 }, { 64, 64 }, { 64, 65 },
	{ 96, 100 }, { 130, 100 }, { 192, 500 }, { 232, 576 }, { 256, 288 },
	{ 320, 64 }, { 640, 128 }, { 1000, 9 }, { 1100, 40 }, { 1536, 256 },
	{ 2048, 3 }, { 4096, 5 }, { 6000, 10 }, { 8192, 2 }, { 3 * 4096, 4 },
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
	struct mem_reserve_item *item;
	unsigned long slab_pages;
	struct kmem_cache *s;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmalloc_set(&t->a, c->size, c->count));
	item = only_item(&t->a);
	KUNIT_ASSERT_NOT_NULL(test, item);
	if (c->size > KMALLOC_MAX_CACHE_SIZE) {
		KUNIT_EXPECT_EQ(test, t->a.unit, MEM_RESERVE_PAGES);
		KUNIT_EXPECT_EQ(test, t->a.pages.limit, c->count << get_order(c->size));
		return;
	}
	s = item->cache;
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_EQ(test, t->a.own.limit, c->count);
	KUNIT_EXPECT_GE(test, s->object_size, c->size);
	/* As many slabs as it takes when each is full, and no more. */
	slab_pages = slab_reserve_pages(s, 1);
	KUNIT_EXPECT_EQ(test, t->a.pages.limit,
			DIV_ROUND_UP(c->count, slab_pages * PAGE_SIZE / s->size) *
			slab_pages);
	KUNIT_EXPECT_EQ(test, t->a.by_order[ilog2(slab_pages)], t->a.pages.limit);
}

/*
 * Beside what others have proposed: in 2007, twice the bytes and the slabs'
 * own bookkeeping, of 32 bytes a page and 4 an object; and the rule of thumb
 * to round a size up to a power of two.
 */
static void reserve_test_conversion_table(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	unsigned long ours, was, pow2, bytes, i;

	kunit_info(test, "demand: pages, 2007 estimate, power of two\n");
	for (i = 0; i < ARRAY_SIZE(conversions); i++) {
		const struct conversion *c = &conversions[i];

		KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmalloc_set(&t->a, c->size, c->count));
		ours = t->a.pages.limit;
		bytes = c->count * c->size;
		was = DIV_ROUND_UP(2 * bytes, PAGE_SIZE);
		was += DIV_ROUND_UP(was * 32 + 4 * c->count, PAGE_SIZE);
		pow2 = DIV_ROUND_UP(c->count * roundup_pow_of_two(c->size), PAGE_SIZE);
		kunit_info(test, "%5lu x %5u: %4lu %4lu %4lu\n", c->count, c->size,
			   ours, was, pow2);
		KUNIT_EXPECT_GE(test, ours, DIV_ROUND_UP(bytes, PAGE_SIZE));
		/* Between the slabs' pages there may be a remainder, no more. */
		if (!IS_ENABLED(CONFIG_KASAN))
			KUNIT_EXPECT_LT(test, ours, pow2 + 4);
	}
}

static void reserve_test_kmalloc_refused(struct kunit *test)
{
	struct reserve_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, -EINVAL, mem_reserve_kmalloc_set(&t->a, 0, 1));
	KUNIT_EXPECT_EQ(test, -EINVAL, mem_reserve_kmalloc_set(&t->a, KMALLOC_MAX_SIZE + 1, 1));
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, LEAF_PAGES);
}

/* Parts that one cache serves are one line; a part that fails, fails them all. */
static void reserve_test_parts(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct mem_reserve_part parts[] = {
		{ .count = 3 }, { .size = 60, .count = 30 }, { .size = 64, .count = 34 },
		{ .size = 100, .count = 1 }, { .order = 1, .count = 2 },
		{ .size = 3 * PAGE_SIZE, .count = 2 },
	};
	unsigned long small, pages;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmalloc_set(&t->a, 64, 64));
	small = t->a.pages.limit;
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmalloc_set(&t->a, 100, 1));
	pages = 3 + small + t->a.pages.limit + 4 + 8;
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_parts_set(&t->a, parts, ARRAY_SIZE(parts)));
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, pages);
	KUNIT_EXPECT_EQ(test, t->a.own.limit, 65UL);
	KUNIT_EXPECT_EQ(test, t->a.by_order[1], 4UL);
	KUNIT_EXPECT_EQ(test, t->a.by_order[2], 8UL);
	KUNIT_EXPECT_EQ(test, t->top.pages.limit, pages + LEAF_PAGES);

	parts[5].order = MEM_RESERVE_ORDERS;
	parts[5].size = 0;
	KUNIT_EXPECT_EQ(test, -EINVAL, mem_reserve_parts_set(&t->a, parts, ARRAY_SIZE(parts)));
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, pages);
	KUNIT_EXPECT_EQ(test, t->a.own.limit, 65UL);
	connect_top(test);
	KUNIT_EXPECT_EQ(test, -EINVAL, mem_reserve_charge(&t->a, 1, GFP_NOWAIT));
}

/* One part of a demand does not spend what another was promised. */
static void reserve_test_parts_apart(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct kmem_cache *s = make_cache(test, 256, 0);
	struct mem_reserve_part parts[] = {
		{ .count = 3 }, { .cache = s, .count = NR_OBJECTS },
	};
	void *objects[NR_OBJECTS];
	unsigned long i, got = 0;
	struct page *page;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_parts_set(&t->a, parts, ARRAY_SIZE(parts)));
	connect_top(test);
	while ((page = mem_reserve_draw_page(&t->a, GFP_ATOMIC)))
		list_add(&page->lru, &t->hog);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 3UL);
	for (i = 0; i < NR_OBJECTS; i++) {
		objects[i] = alloc_object(&t->a, s);
		got += !!objects[i];
	}
	KUNIT_EXPECT_EQ(test, got, (unsigned long)NR_OBJECTS);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, t->a.pages.limit);
	for (i = 0; i < NR_OBJECTS; i++)
		kmem_cache_free_reserve(s, objects[i]);
	hog_free(&t->hog);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 0));
	kmem_cache_destroy(s);
}

/* Reserve slabs */

struct cache_kind {
	const char *name;
	slab_flags_t flags;
};

static const struct cache_kind cache_kinds[] = {
	{ "plain", 0 },
	{ "accounted", SLAB_ACCOUNT },
	{ "reclaimable", SLAB_RECLAIM_ACCOUNT },
	{ "aligned", SLAB_HWCACHE_ALIGN },
/* User-mode Linux has a memset() that KASAN checks in SLUB's own code, too. */
#if defined(CONFIG_SLUB_DEBUG) && !(defined(CONFIG_UML) && defined(CONFIG_KASAN))
	{ "redzone", SLAB_RED_ZONE },
	{ "poison", SLAB_POISON },
	{ "checked, redzone, poison, store_user",
	  SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER },
#endif
};

static void cache_kind_desc(const struct cache_kind *k, char *desc)
{
	strscpy(desc, k->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cache_kind, cache_kinds, cache_kind_desc);

/* What validation finds wrong it counts in this resource. */
static void expect_valid(struct kunit *test, struct kmem_cache *s)
{
#ifdef CONFIG_SLUB_DEBUG
	struct kunit_resource resource;
	int errors = 0;

	kunit_add_named_resource(test, NULL, NULL, &resource, "slab_errors", &errors);
	KUNIT_EXPECT_GE(test, validate_slab_cache(s), 0L);
	kunit_remove_resource(test, &resource);
	KUNIT_EXPECT_EQ(test, errors, 0);
#endif
}

/*
 * Exact and apart: the demand in objects is met to the last one out of the
 * pages it was converted to, none of them left over, and nobody else ever gets
 * an object of those pages.
 */
static void reserve_test_objects(struct kunit *test)
{
	const struct cache_kind *kind = test->param_value;
	struct reserve_test *t = test->priv;
	struct kmem_cache *s;
	void **objects, **others;
	unsigned long i, drawn;

	s = make_cache(test, 256, kind->flags);
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
	KUNIT_EXPECT_EQ(test, t->a.own.usage, (unsigned long)NR_OBJECTS);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, t->a.pages.limit);
	hog_free(&t->hog);
	expect_valid(test, s);

	/* Holes in the reserve slabs are for charged callers only. */
	for (i = 0; i < NR_OBJECTS; i += 2) {
		kmem_cache_free_reserve(s, objects[i]);
		objects[i] = NULL;
	}
	for (i = 0; i < 2 * NR_OBJECTS; i++)
		others[i] = kmem_cache_alloc(s, i & 1 ? GFP_KERNEL :
					     GFP_ATOMIC | __GFP_MEMALLOC);
	KUNIT_EXPECT_NE(test, 0, kmem_cache_alloc_bulk(s, GFP_KERNEL, 2 * NR_OBJECTS,
						       others + 2 * NR_OBJECTS));
	KUNIT_EXPECT_EQ(test, objects_of_reserve(others, 4 * NR_OBJECTS), 0UL);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, NR_OBJECTS / 2UL);
	expect_valid(test, s);

	/* All in one array: each goes back to where it came from. */
	for (i = 0; i < NR_OBJECTS; i += 2)
		swap(objects[i], others[i]);
	kmem_cache_free_bulk(s, NR_OBJECTS, objects);
	for (i = 0; i < 4 * NR_OBJECTS; i++)
		if (others[i])
			kmem_cache_free(s, others[i]);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	/* What took long enough to become an ordinary slab may be kept by SLUB. */
	KUNIT_EXPECT_EQ(test, free_reserve_pages() + mem_reserve_orphans.pages.usage,
			mem_reserve_nr_blocks * pageblock_nr_pages);
	expect_valid(test, s);
	KUNIT_EXPECT_EQ(test, 0, kmem_cache_shrink(s));
	mem_reserve_disconnect(&t->top);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 0));
	kmem_cache_destroy(s);
}

/*
 * Exact, against an adversary: objects come and go at random, those that stay
 * are the last ones of their slabs, and then all that is promised is asked for.
 */
static void reserve_test_adversary(struct kunit *test)
{
	const struct conversion *c = test->param_value;
	struct reserve_test *t = test->priv;
	unsigned long i, j, last, k, slabs, worst = 0, refused = 0;
	struct kmem_cache *s;
	void **objects;

	if (c->size > KMALLOC_MAX_CACHE_SIZE)
		return;
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmalloc_set(&t->a, c->size, c->count));
	s = only_item(&t->a)->cache;
	k = objects_per_slab(s);
	objects = kvcalloc(c->count, sizeof(void *), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objects);
	connect_top(test);

	for (j = 0; j < 4; j++) {
		for (i = 0; i < c->count; i++)
			if (!objects[i]) {
				objects[i] = alloc_kmalloc(&t->a, c->size);
				refused += !objects[i];
				worst = max(worst, t->a.pages.usage);
			}
		/* One more is refused, and never takes a page. */
		KUNIT_EXPECT_NULL(test, alloc_kmalloc(&t->a, c->size));
		KUNIT_EXPECT_EQ(test, t->a.own.usage, c->count);
		/* Keep one object of each slab, in the odd rounds some more. */
		last = 0;
		slabs = 0;
		for (i = 0; i < c->count; i++) {
			unsigned long pfn = page_to_pfn(virt_to_head_page(objects[i]));
			bool keep = pfn != last || ((j & 1) && !get_random_u32_below(8));

			slabs += pfn != last;
			last = pfn;
			if (keep)
				continue;
			kfree_reserve(objects[i]);
			objects[i] = NULL;
		}
		if (!j) {
			/* In the order of allocation: each slab is kept once. */
			KUNIT_EXPECT_EQ(test, slabs, DIV_ROUND_UP(c->count, k));
			KUNIT_EXPECT_EQ(test, t->a.own.usage, slabs);
			KUNIT_EXPECT_EQ(test, t->a.pages.usage, t->a.pages.limit);
		}
	}
	for (i = 0; i < c->count; i++)
		kfree_reserve(objects[i]);
	KUNIT_EXPECT_EQ(test, refused, 0UL);
	KUNIT_EXPECT_EQ(test, worst, t->a.pages.limit);
	KUNIT_EXPECT_EQ(test, t->a.pages.failcnt, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	kunit_info(test, "%lu pages drawn of %lu demanded, ratio %lu.%02lu\n", worst,
		   t->a.pages.limit, worst / t->a.pages.limit,
		   100 * worst / t->a.pages.limit % 100);
	kvfree(objects);
}

/* The same with several caches at once: an order of 1 is among them. */
static void reserve_test_adversary_mix(struct kunit *test)
{
	static const unsigned int sizes[] = { 64, 192, 1024, 4096, 8192 };
	struct mem_reserve_part parts[ARRAY_SIZE(sizes)];
	struct reserve_test *t = test->priv;
	unsigned long i, n, refused = 0, most = 0;
	void *(*objects)[40];

	objects = kunit_kcalloc(test, ARRAY_SIZE(sizes), sizeof(*objects), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objects);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		parts[i] = (struct mem_reserve_part){ .size = sizes[i], .count = 40 };
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_parts_set(&t->a, parts, ARRAY_SIZE(parts)));
	connect_top(test);
	for (n = 0; n < 200000; n++) {
		unsigned int p = get_random_u32_below(ARRAY_SIZE(sizes));
		void **object = &objects[p][get_random_u32_below(40)];

		/* Now and then nearly all goes, or nearly all comes. */
		if (*object && (n >> 11) & 1 ? get_random_u32_below(8) : 0) {
			kfree_reserve(*object);
			*object = NULL;
		} else if (!*object) {
			*object = alloc_kmalloc(&t->a, sizes[p]);
			refused += !*object;
		}
		most = max(most, t->a.pages.usage);
	}
	KUNIT_EXPECT_EQ(test, refused, 0UL);
	KUNIT_EXPECT_EQ(test, most, t->a.pages.limit);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (n = 0; n < 40; n++)
			kfree_reserve(objects[i][n]);
	KUNIT_EXPECT_EQ(test, t->a.pages.failcnt, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
}

/*
 * Bytes of unknown sizes: an adversary fills slabs of one cache, keeps an
 * object of each, and goes on to the next, from the smallest on. Nothing that
 * the bytes cover is refused, and the pages suffice.
 */
static void reserve_test_bytes(struct kunit *test)
{
	const unsigned long bytes = 16 * PAGE_SIZE;
	struct reserve_test *t = test->priv;
	unsigned long n = 0, i, first, last, refused = 0;
	struct mem_reserve_item *item;
	void **objects;

	/* Each cache may be filled once with objects of the least size. */
	objects = kvcalloc(2 * bytes, sizeof(void *), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objects);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_bytes_set(&t->a, bytes));
	KUNIT_EXPECT_EQ(test, t->a.unit, MEM_RESERVE_BYTES);
	KUNIT_EXPECT_EQ(test, t->a.own.limit, bytes);
	connect_top(test);

	list_for_each_entry(item, &t->a.items, list) {
		first = n;
		while (n < 2 * bytes && count_has_room(&t->a.own, item->weight)) {
			objects[n] = alloc_kmalloc(&t->a, item->weight);
			refused += !objects[n];
			if (!objects[n++])
				break;
		}
		/* The bytes are gone, whatever room the cache's own line has. */
		KUNIT_EXPECT_NULL(test, alloc_kmalloc(&t->a, item->weight));
		KUNIT_EXPECT_LE(test, t->a.own.usage, bytes);
		last = 0;
		for (i = first; i < n; i++) {
			unsigned long pfn = objects[i] ?
				page_to_pfn(virt_to_head_page(objects[i])) : last;

			if (pfn == last) {
				kfree_reserve(objects[i]);
				objects[i] = NULL;
			}
			last = pfn;
		}
	}
	KUNIT_EXPECT_EQ(test, refused, 0UL);
	KUNIT_EXPECT_LE(test, t->a.pages.peak, t->a.pages.limit);
	/* A bound that is far from being reached would be a poor one. */
	KUNIT_EXPECT_GE(test, t->a.pages.peak * 4, t->a.pages.limit * 3);
	kunit_info(test, "%lu bytes: %lu pages drawn of %lu demanded\n", bytes,
		   t->a.pages.peak, t->a.pages.limit);
	for (i = 0; i < n; i++)
		kfree_reserve(objects[i]);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	kvfree(objects);
}

/* A demand that is refused leaves the old one as it was, weights and all. */
static void reserve_test_bytes_kept(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	void *object;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_bytes_set(&t->a, PAGE_SIZE));
	connect_top(test);
	object = alloc_kmalloc(&t->a, 64);
	KUNIT_ASSERT_NOT_NULL(test, object);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 33UL);
	KUNIT_EXPECT_EQ(test, -EBUSY, mem_reserve_kmalloc_set(&t->a, 64, 64));
	KUNIT_EXPECT_EQ(test, t->a.unit, MEM_RESERVE_BYTES);
	kfree_reserve(object);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_kmalloc_set(&t->a, 64, 64));
}

/* Bytes of any cache: converted anew when caches come and go. */
static void reserve_test_bytes_any(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	unsigned long before, with, slab;
	struct kmem_cache *s;
	void *object;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_bytes_set(&t->a, 2 * PAGE_SIZE));
	before = t->a.pages.limit;
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_bytes_any_set(&t->a, 2 * PAGE_SIZE));
	KUNIT_EXPECT_GT(test, t->a.pages.limit, before);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_bytes_any_set(&t->b, 2 * PAGE_SIZE));
	connect_top(test);
	before = t->a.pages.limit;
	s = make_cache(test, 256, 0);
	slab = slab_reserve_pages(s, 2 * PAGE_SIZE / 256);
	with = t->a.pages.limit;
	KUNIT_EXPECT_EQ(test, with, before + slab);
	/* Each of several nodes */
	KUNIT_EXPECT_EQ(test, t->b.pages.limit, with);
	KUNIT_EXPECT_EQ(test, t->top.pages.limit, 2 * with);
	object = alloc_object(&t->a, s);
	KUNIT_EXPECT_NOT_NULL(test, object);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 256UL);
	if (object)
		kmem_cache_free_reserve(s, object);
	kmem_cache_destroy(s);
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, before);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_bytes_any_set(&t->a, 0));
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_bytes_any_set(&t->b, 0));
	KUNIT_EXPECT_TRUE(test, list_empty(&mem_reserve_anys));
}

/* A cache that goes takes the demands for its objects with it. */
static void reserve_test_cache_gone(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct kmem_cache *s = make_cache(test, 256, 0);
	struct mem_reserve_part parts[] = {
		{ .count = 3 }, { .cache = s, .count = NR_OBJECTS },
		{ .size = 64, .count = 2 },
	};
	void *object;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_parts_set(&t->a, parts, ARRAY_SIZE(parts)));
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->b, s, 1));
	connect_top(test);
	object = alloc_kmalloc(&t->a, 64);
	KUNIT_ASSERT_NOT_NULL(test, object);
	kmem_cache_destroy(s);
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, 4UL);
	KUNIT_EXPECT_EQ(test, t->a.own.limit, 2UL);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 1UL);
	KUNIT_EXPECT_TRUE(test, slab_reserve_object(object));
	KUNIT_EXPECT_EQ(test, t->b.pages.limit, 0UL);
	KUNIT_EXPECT_EQ(test, t->top.pages.limit, 4UL);
	kfree_reserve(object);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->b, 1));
}

#ifdef CONFIG_SLUB_DEBUG
/*
 * With objects in use the destruction is refused, as ever, and the cache stays
 * behind. Its reserve slabs do not: the object is an ordinary one.
 */
static void reserve_test_cache_gone_alive(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct kmem_cache *s = make_cache(test, 256, 0);
	struct kunit_resource resource;
	int errors = 0;
	void *object;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->a, s, NR_OBJECTS));
	connect_top(test);
	object = alloc_object(&t->a, s);
	KUNIT_ASSERT_NOT_NULL(test, object);
	kunit_add_named_resource(test, NULL, NULL, &resource, "slab_errors", &errors);
	kmem_cache_destroy(s);
	kunit_remove_resource(test, &resource);
	KUNIT_EXPECT_GT(test, errors, 0);
	KUNIT_EXPECT_FALSE(test, slab_reserve_object(object));
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_orphans.pages.usage, slab_reserve_pages(s, 1));
	kmem_cache_free(s, object);
}
#endif

/* Allocating */

/* Take ordinary objects until one of the reserve comes. */
static unsigned long alloc_until_reserve(struct mem_reserve *res, size_t size,
					 void **objects, unsigned long max)
{
	unsigned long n;

	for (n = 0; n < max && !res->pages.usage; n++) {
		objects[n] = kmalloc_reserve(res, size, GFP_ATOMIC | __GFP_ZERO);
		if (!objects[n])
			break;
	}
	return n;
}

#define MANY_OBJECTS 65536

/* An ordinary object first; then from the reserve, of every size; then none. */
static void reserve_test_kmalloc(struct kunit *test)
{
	const struct conversion *c = test->param_value;
	struct reserve_test *t = test->priv;
	void *object, **objects;
	unsigned long n;

	objects = kvcalloc(MANY_OBJECTS, sizeof(void *), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objects);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmalloc_set(&t->a, c->size, 1));
	connect_top(test);
	object = kmalloc_reserve(&t->a, c->size, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, object);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	kfree_reserve(object);

	hog_all(test, &t->hog);
	n = alloc_until_reserve(&t->a, c->size, objects, MANY_OBJECTS);
	hog_free(&t->hog);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, t->a.pages.limit);
	if (t->a.pages.usage) {
		object = objects[n - 1];
		KUNIT_EXPECT_TRUE(test, page_of_reserve(virt_to_page(object)));
		KUNIT_EXPECT_NULL(test, memchr_inv(object, 0, c->size));
		KUNIT_EXPECT_GE(test, ksize(object), c->size);
	}
	while (n--)
		kfree_reserve(objects[n]);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	kvfree(objects);
}

static void reserve_test_kmalloc_undemanded(struct kunit *test)
{
	struct reserve_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmalloc_set(&t->a, 64, 8));
	KUNIT_EXPECT_NULL(test, alloc_kmalloc(&t->a, 64));
	connect_top(test);
	KUNIT_EXPECT_NULL(test, alloc_kmalloc(&t->a, 1024));
	KUNIT_EXPECT_NULL(test, alloc_kmalloc(&t->b, 64));
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-EOPNOTSUPP),
			    slab_reserve_alloc(&t->a, only_item(&t->a)->cache,
					       GFP_ATOMIC | __GFP_MEMALLOC | GFP_DMA, 64));
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_PTR_EQ(test, kmalloc_reserve(&t->a, 0, GFP_KERNEL), ZERO_SIZE_PTR);
}

/* A draw for which there is no page gives the object's charge back. */
static void reserve_test_object_no_page(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct mem_reserve_item *item;
	void *object;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmalloc_set(&t->a, 64, 8));
	connect_top(test);
	item = only_item(&t->a);
	/* As if an estimate had been wrong */
	item->pages.limit = 0;
	KUNIT_EXPECT_NULL(test, alloc_kmalloc(&t->a, 64));
	item->pages.limit = 1;
	/* Nor when its cache is about to go, even of a slab that is there */
	object = alloc_kmalloc(&t->a, 64);
	item->ending = true;
	KUNIT_EXPECT_NULL(test, alloc_kmalloc(&t->a, 64));
	item->ending = false;
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 1UL);
	kfree_reserve(object);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, item->objects.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.own.failcnt, 1UL);
}

struct object_waiter {
	struct mem_reserve *res;
	struct kmem_cache *s;
	struct completion done;
	void *object;
};

static int object_waiter_fn(void *data)
{
	struct object_waiter *w = data;

	w->object = kmem_cache_alloc_reserve(w->res, w->s, GFP_NOIO);
	complete(&w->done);
	return 0;
}

/* Who may block waits for an object to come back; who may not does not. */
static void reserve_test_object_wait(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct kmem_cache *s = make_cache(test, PAGE_SIZE / 2, 0);
	struct object_waiter w = { .res = &t->a, .s = s };
	struct task_struct *task;
	void *first, *second;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->a, s, 2));
	connect_top(test);
	/* A thread takes memory: while there is some */
	task = kthread_create(object_waiter_fn, &w, "waiter");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	first = alloc_object(&t->a, s);
	second = alloc_object(&t->a, s);
	KUNIT_EXPECT_NOT_NULL(test, first);
	KUNIT_EXPECT_NOT_NULL(test, second);
	init_completion(&w.done);
	hog_all(test, &t->hog);
	KUNIT_EXPECT_NULL(test, kmem_cache_alloc_reserve(&t->a, s, GFP_ATOMIC));
	wake_up_process(task);
	KUNIT_EXPECT_EQ(test, 0UL, wait_for_completion_timeout(&w.done, HZ / 2));
	kmem_cache_free_reserve(s, first);
	KUNIT_EXPECT_NE(test, 0UL, wait_for_completion_timeout(&w.done, 30 * HZ));
	hog_free(&t->hog);
	KUNIT_EXPECT_NOT_NULL(test, w.object);
	KUNIT_EXPECT_TRUE(test, slab_reserve_object(w.object));
	kmem_cache_free_reserve(s, second);
	kmem_cache_free_reserve(s, w.object);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 0));
	kmem_cache_destroy(s);
}

/* Adoption */

/*
 * Objects that stay do not keep the reserve short: once memory is plentiful
 * their slabs are everybody's, and all that was demanded can be had again.
 */
static void reserve_test_adopt(struct kunit *test)
{
	const struct cache_kind *kind = test->param_value;
	struct reserve_test *t = test->priv;
	struct kmem_cache *s = make_cache(test, 256, kind->flags);
	unsigned long i, k, slabs, got = 0, out;
	void *kept[4], *objects[64] = { }, *other;

	k = objects_per_slab(s);
	KUNIT_ASSERT_LE(test, 4 * k, ARRAY_SIZE(objects));
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->a, s, 4 * k));
	connect_top(test);
	for (i = 0; i < 4 * k; i++)
		objects[i] = alloc_object(&t->a, s);
	/* One of each slab, one whole slab, stay. */
	slabs = t->a.pages.usage;
	for (i = 0; i < 3 * k; i++)
		if (i % k)
			kmem_cache_free(s, objects[i]);
		else
			kept[i / k] = objects[i];
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, slabs);

	/* Not while memory is short */
	hog_all(test, &t->hog);
	flush_delayed_work(&mem_reserve_adopt_work);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, slabs);
	hog_free(&t->hog);
	KUNIT_EXPECT_TRUE(test, slab_reserve_object(kept[0]));
	mod_delayed_work(system_unbound_wq, &mem_reserve_adopt_work, 0);
	flush_delayed_work(&mem_reserve_adopt_work);

	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_orphans.pages.usage, slabs);
	KUNIT_EXPECT_FALSE(test, slab_reserve_object(kept[0]));
	expect_valid(test, s);
	other = kmem_cache_alloc(s, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, other);

	/* All that was demanded, on top of what stayed */
	for (i = 0; i < 4 * k; i++) {
		void *object = alloc_object(&t->a, s);

		got += !!object;
		if (i < 3 * k)
			objects[i] = object;
		else if (object)
			kmem_cache_free(s, object);
	}
	KUNIT_EXPECT_EQ(test, got, 4 * k);
	KUNIT_EXPECT_EQ(test, t->a.pages.peak, t->a.pages.limit);
	for (i = 0; i < 4 * k; i++)
		kmem_cache_free(s, objects[i]);
	for (i = 0; i < 3; i++)
		kmem_cache_free(s, kept[i]);
	kmem_cache_free(s, other);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->a.pages.usage, 0UL);
	/* Ordinary slabs that are empty may stay with the cache for a while. */
	kmem_cache_shrink(s);
	out = mem_reserve_orphans.pages.usage;
	KUNIT_EXPECT_EQ(test, out, 0UL);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 0));
	kmem_cache_destroy(s);
}

/* No memory to take their place: the slabs stay, and it is tried again. */
static void reserve_test_adopt_refused(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct kmem_cache *s = make_cache(test, PAGE_SIZE, 0);
	struct mem_reserve_item *item;
	unsigned long slabs;
	bool adopted;
	void *object;

	mem_reserve_disconnect(&t->b);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_pages_set(&t->b, 0));
	/* Not a page to spare in the blocks claimed */
	slabs = pageblock_nr_pages / slab_reserve_pages(s, 1);
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->a, s, slabs));
	connect_top(test);
	KUNIT_ASSERT_EQ(test, mem_reserve_nr_blocks, 1UL);
	object = alloc_object(&t->a, s);
	KUNIT_ASSERT_NOT_NULL(test, object);
	item = only_item(&t->a);
	hog_all(test, &t->hog);
	scoped_guard(mutex, &mem_reserve_mutex)
		adopted = item_adopt(item);
	hog_free(&t->hog);
	KUNIT_EXPECT_FALSE(test, adopted);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 1UL);
	KUNIT_EXPECT_TRUE(test, slab_reserve_object(object));
	scoped_guard(mutex, &mem_reserve_mutex)
		adopted = item_adopt(item);
	KUNIT_EXPECT_TRUE(test, adopted);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 2UL);
	kmem_cache_free(s, object);
	kmem_cache_shrink(s);
	flush_work(&mem_reserve_trim_work);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 1UL);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 0));
	kmem_cache_destroy(s);
}

/* An object that outlives its node is an ordinary one. */
static void reserve_test_object_orphan(struct kunit *test)
{
	const struct cache_kind *kind = test->param_value;
	struct reserve_test *t = test->priv;
	struct kmem_cache *s = make_cache(test, 256, kind->flags);
	void *object, *again;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->a, s, 3));
	connect_top(test);
	object = alloc_object(&t->a, s);
	KUNIT_ASSERT_NOT_NULL(test, object);
	KUNIT_EXPECT_TRUE(test, slab_reserve_object(object));
	KUNIT_EXPECT_EQ(test, -EBUSY, mem_reserve_pages_set(&t->a, 9));
	mem_reserve_disconnect(&t->top);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, mem_reserve_nr_blocks, 0UL);
	KUNIT_EXPECT_FALSE(test, slab_reserve_object(object));

	/* It serves nobody's charge, and is charged to nobody. */
	connect_top(test);
	again = alloc_object(&t->a, s);
	KUNIT_EXPECT_NOT_NULL(test, again);
	KUNIT_EXPECT_PTR_NE(test, virt_to_head_page(again), virt_to_head_page(object));
	kmem_cache_free(s, object);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 1UL);
	kmem_cache_free(s, again);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	expect_valid(test, s);
	mem_reserve_disconnect(&t->top);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 0));
	kmem_cache_destroy(s);
}

/* Two nodes with a demand of one cache do not share a slab. */
static void reserve_test_object_foreign(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct kmem_cache *s = make_cache(test, 256, 0);
	void *a, *b;

	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->a, s, 3));
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&t->b, s, 3));
	connect_top(test);
	a = alloc_object(&t->a, s);
	b = alloc_object(&t->b, s);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_PTR_NE(test, virt_to_head_page(a), virt_to_head_page(b));
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 1UL);
	KUNIT_EXPECT_EQ(test, t->b.own.usage, 1UL);
	kmem_cache_free(s, a);
	KUNIT_EXPECT_EQ(test, t->a.own.usage, 0UL);
	KUNIT_EXPECT_EQ(test, t->b.own.usage, 1UL);
	kmem_cache_free(s, b);
	KUNIT_EXPECT_EQ(test, t->top.pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->a, 0));
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&t->b, 0));
	kmem_cache_destroy(s);
}

/* A cache that cannot have reserve slabs is refused beforehand. */
static void reserve_test_cache_refused(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct kmem_cache *s = make_cache(test, 256, SLAB_TYPESAFE_BY_RCU);

	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, mem_reserve_kmem_cache_set(&t->a, s, 3));
	KUNIT_EXPECT_EQ(test, t->a.pages.limit, LEAF_PAGES);
	kmem_cache_destroy(s);
}

/* Slabs from below the watermarks */

/*
 * The hole of 6.12: a slab that somebody was given from below the watermarks
 * became the cpu slab, and the fast path then served it to everybody.
 */
static void reserve_test_apart(struct kunit *test)
{
	struct reserve_test *t = test->priv;
	struct kmem_cache *s = make_cache(test, PAGE_SIZE / 8, 0);
	struct page *page, *second = NULL;
	void *first, *more[8], *other;
	unsigned long i;

	/* All but a page, and that one only for who may go so low */
	hog_all(test, &t->hog);
	page = list_first_entry(&t->hog, struct page, lru);
	for (i = 0; i < 16; i++) {
		page = list_first_entry(&t->hog, struct page, lru);
		list_del(&page->lru);
		__free_page(page);
	}
	other = kmem_cache_alloc(s, GFP_NOWAIT | __GFP_NOWARN);
	first = kmem_cache_alloc(s, GFP_NOWAIT | __GFP_MEMALLOC | __GFP_NOWARN);
	KUNIT_EXPECT_NULL(test, other);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_EXPECT_TRUE(test, slab_test_pfmemalloc(virt_to_slab(first)));
	other = kmem_cache_alloc(s, GFP_NOWAIT | __GFP_NOWARN);
	KUNIT_EXPECT_NULL(test, other);
	/* One slab serves all who may, before another is started. */
	for (i = 0; i < 8; i++) {
		more[i] = kmem_cache_alloc(s, GFP_NOWAIT | __GFP_MEMALLOC | __GFP_NOWARN);
		if (more[i])
			second = virt_to_head_page(more[i]);
		if (i < objects_per_slab(s) - 1)
			KUNIT_EXPECT_PTR_EQ(test, virt_to_head_page(more[i]),
					    virt_to_head_page(first));
	}
	other = kmem_cache_alloc(s, GFP_NOWAIT | __GFP_NOWARN);
	KUNIT_EXPECT_NULL(test, other);
	for (i = 0; i < 8; i++)
		if (more[i])
			kmem_cache_free(s, more[i]);
	KUNIT_EXPECT_TRUE(test, slab_test_pfmemalloc(virt_to_slab(first)));

	/* And when memory is there again it is a slab like any other. */
	hog_free(&t->hog);
	other = kmem_cache_alloc(s, GFP_NOWAIT | __GFP_NOWARN);
	KUNIT_EXPECT_NOT_NULL(test, other);
	if (other) {
		page = virt_to_head_page(other);
		KUNIT_EXPECT_TRUE(test, page == second || page == virt_to_head_page(first));
		KUNIT_EXPECT_FALSE(test, slab_test_pfmemalloc(virt_to_slab(other)));
		kmem_cache_free(s, other);
	}
	kmem_cache_free(s, first);
	expect_valid(test, s);
	kmem_cache_destroy(s);
}

static struct kunit_case reserve_slab_test_cases[] = {
	KUNIT_CASE_PARAM(reserve_test_conversion, conversion_gen_params),
	KUNIT_CASE(reserve_test_conversion_table),
	KUNIT_CASE(reserve_test_kmalloc_refused),
	KUNIT_CASE(reserve_test_parts),
	KUNIT_CASE(reserve_test_parts_apart),
	KUNIT_CASE_PARAM(reserve_test_objects, cache_kind_gen_params),
	KUNIT_CASE_PARAM(reserve_test_adversary, conversion_gen_params),
	KUNIT_CASE_SLOW(reserve_test_adversary_mix),
	KUNIT_CASE_SLOW(reserve_test_bytes),
	KUNIT_CASE(reserve_test_bytes_kept),
	KUNIT_CASE_SLOW(reserve_test_bytes_any),
	KUNIT_CASE(reserve_test_cache_gone),
#ifdef CONFIG_SLUB_DEBUG
	KUNIT_CASE(reserve_test_cache_gone_alive),
#endif
	KUNIT_CASE_PARAM(reserve_test_kmalloc, conversion_gen_params),
	KUNIT_CASE(reserve_test_kmalloc_undemanded),
	KUNIT_CASE(reserve_test_object_no_page),
	KUNIT_CASE_SLOW(reserve_test_object_wait),
	KUNIT_CASE_PARAM(reserve_test_adopt, cache_kind_gen_params),
	KUNIT_CASE(reserve_test_adopt_refused),
	KUNIT_CASE_PARAM(reserve_test_object_orphan, cache_kind_gen_params),
	KUNIT_CASE(reserve_test_object_foreign),
	KUNIT_CASE(reserve_test_cache_refused),
	KUNIT_CASE_SLOW(reserve_test_apart),
	{}
};

static struct kunit_suite reserve_slab_test_suite = {
	.name = "mem_reserve_slab",
	.suite_init = reserve_suite_init,
	.suite_exit = reserve_suite_exit,
	.init = reserve_test_init,
	.exit = reserve_test_exit,
	.test_cases = reserve_slab_test_cases,
};
