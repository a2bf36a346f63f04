// SPDX-License-Identifier: GPL-2.0
/*
 * Balance: a million random operations on memory reserves, by several threads,
 * while allocations of all kinds are made to fail. What is drawn comes back,
 * what is charged is uncharged, and every page that was set aside is free
 * again. scripts/reserve-faults.sh turns failslab and fail_page_alloc on.
 */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/reserve.h>
#include <linux/sched.h>
#include <linux/slab.h>

#define ROUNDS	10
#define SLOTS	96	/* that the threads share, for each kind */

static unsigned long ops = 1000000;
module_param(ops, ulong, 0444);
MODULE_PARM_DESC(ops, "operations, all rounds together");

/* Of each of these so many are promised, and fewer than are asked for */
enum sort { PAGE, RUN, SMALL, LARGE, HUGE, OBJECT, CHECKED, BYTES, NR_KINDS };

#define PROMISED	32UL

static struct mem_reserve top, all, bytes;
static struct kmem_cache *object_cache, *checked_cache;
static void *slots[NR_KINDS][SLOTS];

struct tally {
	unsigned long done;
	unsigned long got;
	unsigned long of_reserve;
	unsigned long refused;
	unsigned long over;
};

struct worker {
	struct task_struct *task;
	struct rnd_state rnd;
	struct tally tally;
};

static unsigned long share;

static size_t size_of(struct worker *w, enum sort kind)
{
	static const size_t sizes[] = { [SMALL] = 192, [LARGE] = 8192, [HUGE] = 12288 };

	if (kind != BYTES)
		return sizes[kind];
	/* The bytes cover them all, however they are mixed. */
	return 1 + prandom_u32_state(&w->rnd) % 2000;
}

static void *take(struct worker *w, enum sort kind, gfp_t gfp)
{
	switch (kind) {
	case PAGE:
		return alloc_pages_reserve(&all, gfp, 0);
	case RUN:
		return alloc_pages_reserve(&all, gfp, 1);
	case OBJECT:
		return kmem_cache_alloc_reserve(&all, object_cache, gfp);
	case CHECKED:
		return kmem_cache_alloc_reserve(&all, checked_cache, gfp);
	default:
		return kmalloc_reserve(kind == BYTES ? &bytes : &all,
				       size_of(w, kind), gfp);
	}
}

static bool of_reserve(enum sort kind, void *p)
{
	if (kind <= RUN)
		return page_is_pfmemalloc(p);
	return kind != HUGE && slab_reserve_object(p);
}

static void give(enum sort kind, void *p)
{
	if (!p)
		return;
	if (kind <= RUN)
		free_pages_reserve(p, kind == RUN);
	else if (kind == OBJECT)
		kmem_cache_free_reserve(object_cache, p);
	else if (kind == CHECKED)
		kmem_cache_free_reserve(checked_cache, p);
	else
		kfree_reserve(p);
}

/* A look without a lock: never above, not for an instant. */
static bool over_limit(const struct mem_reserve *res)
{
	return READ_ONCE(res->pages.usage) > READ_ONCE(res->pages.limit) ||
	       READ_ONCE(res->own.usage) > READ_ONCE(res->own.limit);
}

static void one(struct worker *w)
{
	enum sort kind = prandom_u32_state(&w->rnd) % NR_KINDS;
	unsigned int slot = prandom_u32_state(&w->rnd) % SLOTS;
	void *p = NULL;

	w->tally.done++;
	/* In turns rather more is taken than given, and the other way round. */
	if (prandom_u32_state(&w->rnd) % 8 < 2 + (w->tally.done >> 12) % 5) {
		p = take(w, kind, GFP_NOWAIT | __GFP_NOWARN);
		if (p) {
			w->tally.got++;
			w->tally.of_reserve += of_reserve(kind, p);
		} else {
			w->tally.refused++;
		}
	}
	give(kind, xchg(&slots[kind][slot], p));
	w->tally.over += over_limit(&all) + over_limit(&bytes);
}

static int worker_fn(void *data)
{
	struct worker *w = data;

	while (!kthread_should_stop()) {
		if (w->tally.done < share)
			one(w);
		else
			msleep(20);
		if (!(w->tally.done & 63))
			cond_resched();
	}
	return 0;
}

/* Demands change, caches come and go, nodes connect, with faults as well. */
static void unrest(struct kunit *test)
{
	struct mem_reserve other;
	struct kmem_cache *s;
	void *object = NULL;

	mem_reserve_init(&other, "other");
	s = kmem_cache_create("reserve_faults_unrest", 320, 0, SLAB_NO_MERGE, NULL);
	if (!s)
		return;
	if (!mem_reserve_kmem_cache_set(&other, s, 100) &&
	    !mem_reserve_connect(&other, &top))
		object = kmem_cache_alloc_reserve(&other, s, GFP_NOWAIT);
	if (object)
		kmem_cache_free_reserve(s, object);
	/* The demand goes with the cache, or before. */
	if (get_random_u32_below(2))
		mem_reserve_disconnect(&other);
	kmem_cache_destroy(s);
	mem_reserve_disconnect(&other);
	KUNIT_EXPECT_EQ(test, other.pages.limit, 0UL);
	KUNIT_EXPECT_EQ(test, 0, mem_reserve_pages_set(&other, 0));
}

static int set_demands(void)
{
	const struct mem_reserve_part parts[] = {
		{ .count = PROMISED },
		{ .order = 1, .count = PROMISED },
		{ .size = 192, .count = PROMISED },
		{ .size = 8192, .count = PROMISED },
		{ .size = 12288, .count = PROMISED },
		{ .cache = object_cache, .count = PROMISED },
		{ .cache = checked_cache, .count = PROMISED },
	};

	return mem_reserve_parts_set(&all, parts, ARRAY_SIZE(parts)) ?:
	       mem_reserve_bytes_set(&bytes, PROMISED * 2000) ?:
	       mem_reserve_connect(&all, &top) ?:
	       mem_reserve_connect(&bytes, &top);
}

/* Failures are injected here, too: what fails is tried again. */
static void connect_all(struct kunit *test)
{
	int i, err = -ENOMEM;

	for (i = 0; i < 100 && err; i++)
		err = mem_reserve_connect(&top, &mem_reserve_root);
	KUNIT_ASSERT_EQ(test, err, 0);
}

static bool work_left(const struct worker *workers, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (READ_ONCE(workers[i].tally.done) < share)
			return true;
	return false;
}

static void add(struct tally *sum, const struct tally *t)
{
	sum->done += t->done;
	sum->got += t->got;
	sum->of_reserve += t->of_reserve;
	sum->refused += t->refused;
	sum->over += t->over;
}

static void run_workers(struct kunit *test, struct tally *sum)
{
	unsigned int nr = num_online_cpus(), i, started = 0;
	struct worker *workers;

	workers = kunit_kcalloc(test, nr, sizeof(*workers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);
	share = ops / ROUNDS / nr + 1;
	for (i = 0; i < nr; i++) {
		prandom_seed_state(&workers[i].rnd, get_random_u64());
		workers[i].task = kthread_run(worker_fn, &workers[i], "faults/%u", i);
		if (IS_ERR(workers[i].task))
			break;
		started++;
	}
	while (work_left(workers, started)) {
		unrest(test);
		msleep(50);
	}
	for (i = 0; i < started; i++) {
		kthread_stop(workers[i].task);
		add(sum, &workers[i].tally);
	}
	KUNIT_EXPECT_EQ(test, started, nr);
}

static void give_all(void)
{
	unsigned int kind, i;

	for (kind = 0; kind < NR_KINDS; kind++)
		for (i = 0; i < SLOTS; i++)
			give(kind, xchg(&slots[kind][i], NULL));
}

static void expect_idle(struct kunit *test, const struct mem_reserve *res)
{
	KUNIT_EXPECT_EQ(test, res->pages.usage, 0UL);
	KUNIT_EXPECT_EQ(test, res->own.usage, 0UL);
}

/* Every page is back: what was promised can be drawn again, to the last one. */
static void expect_all_there(struct kunit *test)
{
	LIST_HEAD(pages);
	struct page *page, *next;

	while ((page = mem_reserve_draw_page(&all, GFP_NOWAIT)))
		list_add(&page->lru, &pages);
	KUNIT_EXPECT_EQ(test, all.pages.usage, PROMISED);
	list_for_each_entry_safe(page, next, &pages, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
	expect_idle(test, &all);
}

static void balance(struct kunit *test)
{
	struct tally sum = { };

	connect_all(test);
	run_workers(test, &sum);
	give_all();
	expect_idle(test, &all);
	expect_idle(test, &bytes);
	expect_idle(test, &top);
	expect_all_there(test);
	KUNIT_EXPECT_EQ(test, sum.over, 0UL);
	/* Without draws and refusals this would prove nothing. */
	KUNIT_EXPECT_GT(test, sum.of_reserve, 0UL);
	KUNIT_EXPECT_GT(test, sum.refused, 0UL);
	kunit_info(test, "operations: %lu, allocated: %lu, of the reserve: %lu, refused: %lu\n",
		   sum.done, sum.got, sum.of_reserve, sum.refused);
	mem_reserve_disconnect(&top);
	KUNIT_EXPECT_EQ(test, mem_reserve_root.pages.usage, mem_reserve_root.pages.limit);
}

#define REACH	200	/* objects of the adversary */

/* Ordinary memory half of the time: only what the reserve gives counts. */
static void *alloc_of_reserve(struct mem_reserve *res, struct kmem_cache *s)
{
	void *object;
	int i;

	for (i = 0; i < 10000; i++) {
		object = kmem_cache_alloc_reserve(res, s, GFP_NOWAIT | __GFP_NOWARN);
		if (!object || slab_reserve_object(object))
			return object;
		kmem_cache_free(s, object);
	}
	return NULL;
}

static void hop(unsigned int i)
{
	unsigned int cpu = cpumask_nth(i % num_online_cpus(), cpu_online_mask);

	if (cpu < nr_cpu_ids)
		set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

/* All but the first object of each slab go, each on another CPU. */
static unsigned long keep_one_each(struct kmem_cache *s, void **objects)
{
	struct page *last = NULL, *page;
	unsigned long kept = 0;
	unsigned int i;

	for (i = 0; i < REACH; i++) {
		if (!objects[i])
			continue;
		page = virt_to_head_page(objects[i]);
		if (page == last) {
			if (!(i % 16))
				hop(i);
			kmem_cache_free_reserve(s, objects[i]);
			objects[i] = NULL;
		} else {
			kept++;
		}
		last = page;
	}
	return kept;
}

/* Pages of slabs that were adopted, and are in use still */
static unsigned long adopted_pages(void)
{
	return READ_ONCE(mem_reserve_root.pages.usage) - READ_ONCE(top.pages.usage);
}

static void free_objects(void **objects)
{
	unsigned int i;

	for (i = 0; i < REACH; i++) {
		if (objects[i])
			kmem_cache_free_reserve(object_cache, objects[i]);
		objects[i] = NULL;
	}
}

/*
 * Exact, wherever one allocates and frees: objects taken on all CPUs in turn
 * fill the slabs that were promised and no more, and one that is kept in each
 * keeps them all. False if slabs were adopted meanwhile, which happens after a
 * second: it says nothing then.
 */
static bool reach_once(struct kunit *test, struct mem_reserve *one, void **objects)
{
	unsigned long base = adopted_pages(), full, kept, got = 0;
	void *more;
	unsigned int i;
	bool valid;

	for (i = 0; i < REACH; i++) {
		if (!(i % 16))
			hop(i / 16);
		objects[i] = alloc_of_reserve(one, object_cache);
		got += !!objects[i];
	}
	more = alloc_of_reserve(one, object_cache);
	full = one->pages.usage;
	kept = keep_one_each(object_cache, objects);
	valid = adopted_pages() == base;
	if (valid) {
		KUNIT_EXPECT_EQ(test, got, (unsigned long)REACH);
		KUNIT_EXPECT_NULL(test, more);
		KUNIT_EXPECT_EQ(test, full, one->pages.limit);
		KUNIT_EXPECT_EQ(test, one->own.usage, kept);
		KUNIT_EXPECT_EQ(test, one->pages.usage, one->pages.limit);
	}
	if (more)
		kmem_cache_free_reserve(object_cache, more);
	free_objects(objects);
	return valid;
}

static void reach(struct kunit *test)
{
	unsigned int i, valid = 0;
	struct mem_reserve one;
	void **objects;

	objects = kunit_kcalloc(test, REACH, sizeof(*objects), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objects);
	connect_all(test);
	mem_reserve_init(&one, "one");
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_kmem_cache_set(&one, object_cache, REACH));
	KUNIT_ASSERT_EQ(test, 0, mem_reserve_connect(&one, &top));
	for (i = 0; i < 100 && valid < 5; i++)
		valid += reach_once(test, &one, objects);
	KUNIT_EXPECT_EQ(test, valid, 5U);
	KUNIT_EXPECT_EQ(test, one.pages.peak, one.pages.limit);
	expect_idle(test, &one);
	kunit_info(test, "adversary on %u CPUs, %u nodes: %lu pages drawn of %lu demanded\n",
		   num_online_cpus(), num_online_nodes(), one.pages.peak, one.pages.limit);
	mem_reserve_disconnect(&one);
	mem_reserve_pages_set(&one, 0);
	mem_reserve_disconnect(&top);
}

static const int rounds[ROUNDS];

static void round_desc(const int *round, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "round %zd", round - rounds + 1);
}

KUNIT_ARRAY_PARAM(round, rounds, round_desc);

static int faults_suite_init(struct kunit_suite *suite)
{
	mem_reserve_init(&top, "faults");
	mem_reserve_init(&all, "all");
	mem_reserve_init(&bytes, "bytes");
	object_cache = kmem_cache_create("reserve_faults", 232, 0,
					 SLAB_NO_MERGE | SLAB_ACCOUNT, NULL);
	checked_cache = kmem_cache_create("reserve_faults_checked", 232, 0, SLAB_NO_MERGE |
					  SLAB_RED_ZONE | SLAB_POISON, NULL);
	if (!object_cache || !checked_cache)
		return -ENOMEM;
	return set_demands();
}

static void faults_suite_exit(struct kunit_suite *suite)
{
	mem_reserve_disconnect(&top);
	mem_reserve_disconnect(&all);
	mem_reserve_disconnect(&bytes);
	mem_reserve_pages_set(&all, 0);
	mem_reserve_pages_set(&bytes, 0);
	kmem_cache_destroy(object_cache);
	kmem_cache_destroy(checked_cache);
}

static struct kunit_case faults_cases[] = {
	KUNIT_CASE_PARAM_ATTR(balance, round_gen_params, { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_SLOW(reach),
	{}
};

static struct kunit_suite faults_suite = {
	.name = "reserve_faults",
	.suite_init = faults_suite_init,
	.suite_exit = faults_suite_exit,
	.test_cases = faults_cases,
};

kunit_test_suite(faults_suite);

MODULE_DESCRIPTION("Memory reserves: balance while allocations fail");
MODULE_LICENSE("GPL");
