// SPDX-License-Identifier: GPL-2.0
/*
 * Slabs whose pages came from below the watermarks, or from a memory reserve,
 * are for those who may go there. Does anybody else ever get an object of one?
 *
 * It compiles on Linux without reserves as well, and shows the hole there: the
 * slab that a privileged caller had to get becomes the CPU's own, and the fast
 * path hands it out to everybody.
 */
#include <kunit/test.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/module.h>
#include <linux/oom.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmstat.h>
#ifdef CONFIG_MEM_RESERVE
#include <linux/reserve.h>
#endif

#include "slab.h"

#define UNPRIVILEGED	(GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC)
#define PRIVILEGED	(GFP_NOWAIT | __GFP_NOWARN | __GFP_MEMALLOC)

#define HOG_ORDER	3
#define HOG_FLOOR	64	/* pages that nobody takes, for the kernel itself */
#define ROUNDS		10	/* of hole_churn, since KUnit limits a case's time */
#define SLOTS		64	/* objects of one source that are alive at a time */
#define BULK		8
#define SMALL_OBJECTS	4096	/* that hole_small takes of one source, at most */

static unsigned long ops = 10000000;
module_param(ops, ulong, 0444);
MODULE_PARM_DESC(ops, "operations of hole_churn, all rounds together");

static unsigned int leave = 768;
module_param(leave, uint, 0444);
MODULE_PARM_DESC(leave, "pages left free below the watermarks");

static bool hotplug = true;
module_param(hotplug, bool, 0444);
MODULE_PARM_DESC(hotplug, "take a CPU down and up while hole_churn runs");

/* -- where objects come from ---------------------------------------------- */

static const unsigned int sizes[] = {
	8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192,
};

#define NR_SIZES	ARRAY_SIZE(sizes)
#define NR_SOURCES	(2 * NR_SIZES)

/* A cache of our own, which both kinds of callers meet for certain, or kmalloc */
struct source {
	struct kmem_cache *cache;
	unsigned int size;
	char name[32];
#ifdef CONFIG_MEM_RESERVE
	struct mem_reserve res;
#endif
	void *slots[SLOTS];
};

static struct source sources[NR_SOURCES];

/* Random kmalloc caches go by the caller's address: let there be one. */
static noinline void *source_alloc(const struct source *src, gfp_t gfp)
{
	if (src->cache)
		return kmem_cache_alloc(src->cache, gfp);
	return kmalloc(src->size, gfp);
}

static void source_free(const struct source *src, void *object)
{
	if (src->cache)
		kmem_cache_free(src->cache, object);
	else
		kfree(object);
}

static bool below_watermarks(const void *object)
{
	return slab_test_pfmemalloc(virt_to_slab(object));
}

#ifdef CONFIG_MEM_RESERVE
static struct mem_reserve top;

static bool from_reserve(const void *object)
{
	return slab_reserve_object(object);
}

static void *source_alloc_reserve(struct source *src)
{
	if (!src->cache)
		return NULL;
	return kmem_cache_alloc_reserve(&src->res, src->cache, PRIVILEGED);
}

static int reserve_connect(void)
{
	unsigned int i;
	int err = 0;

	mem_reserve_init(&top, "slab_apart");
	for (i = 0; i < NR_SIZES && !err; i++) {
		struct source *src = &sources[i];

		mem_reserve_init(&src->res, src->name);
		err = mem_reserve_kmem_cache_set(&src->res, src->cache, SLOTS);
		if (!err)
			err = mem_reserve_connect(&src->res, &top);
	}
	return err ?: mem_reserve_connect(&top, &mem_reserve_root);
}

static void reserve_disconnect(void)
{
	unsigned int i;

	if (top.parent)
		mem_reserve_disconnect(&top);
	for (i = 0; i < NR_SIZES; i++)
		if (sources[i].res.parent)
			mem_reserve_disconnect(&sources[i].res);
}

static unsigned long reserve_usage(void)
{
	unsigned long usage = READ_ONCE(top.pages.usage);
	unsigned int i;

	for (i = 0; i < NR_SIZES; i++)
		usage += READ_ONCE(sources[i].res.pages.usage);
	return usage;
}
#else
static bool from_reserve(const void *object)
{
	return false;
}

static void *source_alloc_reserve(struct source *src)
{
	return NULL;
}

static int reserve_connect(void)
{
	return 0;
}

static void reserve_disconnect(void)
{
}

static unsigned long reserve_usage(void)
{
	return 0;
}
#endif

/* -- who holds the memory --------------------------------------------------- */

static LIST_HEAD(hog_pages);
static DEFINE_SPINLOCK(hog_lock);

static bool hog_take(unsigned int order)
{
	struct page *page;

	page = alloc_pages(GFP_NOWAIT | __GFP_HIGH | __GFP_MEMALLOC |
			   __GFP_NOWARN, order);
	if (!page)
		return false;
	set_page_private(page, order);
	spin_lock(&hog_lock);
	list_add_tail(&page->lru, &hog_pages);
	spin_unlock(&hog_lock);
	return true;
}

/* The first ones that were taken, so not those of the DMA zone */
static unsigned long hog_release(unsigned long want)
{
	unsigned long released = 0;
	unsigned int order;
	struct page *page;

	while (released < want) {
		spin_lock(&hog_lock);
		page = list_first_entry_or_null(&hog_pages, struct page, lru);
		if (page)
			list_del(&page->lru);
		spin_unlock(&hog_lock);
		if (!page)
			break;
		order = page_private(page);
		set_page_private(page, 0);
		__free_pages(page, order);
		released += 1UL << order;
	}
	return released;
}

/* Takes all that there is, and gives some of it back. */
static void hog_squeeze(void)
{
	int order;

	for (order = HOG_ORDER; order >= 0; order--)
		while (global_zone_page_state(NR_FREE_PAGES) > HOG_FLOOR &&
		       hog_take(order))
			cond_resched();
	hog_release(leave);
}

/* The kernel's own needs come first: nothing is killed for the test. */
static int hog_oom(struct notifier_block *nb, unsigned long unused, void *freed)
{
	*(unsigned long *)freed += hog_release(leave / 2 + 1);
	return NOTIFY_OK;
}

static struct notifier_block hog_notifier = {
	.notifier_call = hog_oom,
};

/* -- what is counted -------------------------------------------------------- */

struct counts {
	unsigned long ops;
	unsigned long leaks;	/* unprivileged objects from where they must not be */
	unsigned long grave;	/* those of them that are from the reserve */
	unsigned long below;	/* privileged objects from below the watermarks */
	unsigned long reserve;	/* and from the reserve */
	unsigned long hotplugs;
};

static struct counts small, churned;

static void counts_add(struct counts *to, const struct counts *from)
{
	to->ops += from->ops;
	to->leaks += from->leaks;
	to->grave += from->grave;
	to->below += from->below;
	to->reserve += from->reserve;
	to->hotplugs += from->hotplugs;
}

static void count_unprivileged(struct counts *counts, const void *object)
{
	counts->ops++;
	if (!object)
		return;
	if (from_reserve(object))
		counts->grave++;
	if (below_watermarks(object) || from_reserve(object))
		counts->leaks++;
}

static void count_privileged(struct counts *counts, const void *object)
{
	counts->ops++;
	if (!object)
		return;
	if (from_reserve(object))
		counts->reserve++;
	else if (below_watermarks(object))
		counts->below++;
}

/* -- hole_small --------------------------------------------------------------- */

/* Chained by their first word, which the smallest of them have room for */
static void keep(void **head, void *object)
{
	*(void **)object = *head;
	*head = object;
}

static void free_kept(const struct source *src, void *object)
{
	void *next;

	for (; object; object = next) {
		next = *(void **)object;
		source_free(src, object);
	}
}

static bool until_below(const struct source *src, void **kept)
{
	void *object;
	int i;

	for (i = 0; i < SMALL_OBJECTS; i++) {
		object = source_alloc(src, PRIVILEGED);
		count_privileged(&small, object);
		if (!object)
			return false;
		keep(kept, object);
		if (below_watermarks(object))
			return true;
	}
	return false;
}

/* Reclaim may free what was squeezed out: then once more. */
#define SMALL_TRIES	4

static unsigned int small_missed;

static void hole_small_one(struct kunit *test, const struct source *src)
{
	void *kept = NULL, *object;
	bool below = false;
	int i;

	for (i = 0; i < SMALL_TRIES && !below; i++) {
		hog_squeeze();
		below = until_below(src, &kept);
	}
	if (!below) {
		kunit_info(test, "%s: no slab from below the watermarks\n",
			   src->name);
		small_missed++;
	}
	for (i = 0; i < SMALL_OBJECTS; i++) {
		object = source_alloc(src, UNPRIVILEGED);
		count_unprivileged(&small, object);
		if (object)
			keep(&kept, object);
	}
	free_kept(src, kept);
}

static void hole_small(struct kunit *test)
{
	unsigned int i;

	/* Both calls are for the slabs of one CPU. */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	for (i = 0; i < NR_SOURCES; i++)
		hole_small_one(test, &sources[i]);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	hog_release(ULONG_MAX);
	kunit_info(test, "leaks: %lu of %lu operations, %lu privileged objects from below the watermarks\n",
		   small.leaks, small.ops, small.below);
	KUNIT_EXPECT_EQ(test, small.leaks, 0);
	KUNIT_EXPECT_GT(test, small.below, 0);
	KUNIT_EXPECT_LT(test, small_missed, NR_SOURCES / 2);
}

/* -- hole_churn --------------------------------------------------------------- */

struct churner {
	struct task_struct *task;
	struct rnd_state rnd;
	unsigned long todo;
	struct counts counts;
};

static atomic_t churning;

static u32 pick(struct churner *me, u32 below)
{
	return reciprocal_scale(prandom_u32_state(&me->rnd), below);
}

/* Whoever comes next to the slot frees it, on whichever CPU. */
static void put_slot(struct churner *me, struct source *src, void *object)
{
	object = xchg(&src->slots[pick(me, SLOTS)], object);
	if (object)
		source_free(src, object);
}

static void churn_bulk(struct churner *me, struct source *src)
{
	void *objects[BULK];
	int i, n;

	n = kmem_cache_alloc_bulk(src->cache, UNPRIVILEGED, BULK, objects);
	if (!n)
		me->counts.ops++;
	for (i = 0; i < n; i++) {
		count_unprivileged(&me->counts, objects[i]);
		put_slot(me, src, objects[i]);
	}
}

static void churn_one(struct churner *me)
{
	struct source *src = &sources[pick(me, NR_SOURCES)];
	u32 what = pick(me, 100);
	void *object = NULL;

	if (what < 10 && src->cache) {
		churn_bulk(me, src);
		return;
	}
	if (what < 50) {
		object = source_alloc(src, UNPRIVILEGED);
		count_unprivileged(&me->counts, object);
	} else if (what < 75) {
		object = source_alloc(src, PRIVILEGED);
		count_privileged(&me->counts, object);
	} else if (what < 85) {
		object = source_alloc_reserve(src);
		count_privileged(&me->counts, object);
	} else {
		me->counts.ops++;
	}
	put_slot(me, src, object);
}

static void migrate(struct churner *me)
{
	unsigned int cpu = pick(me, nr_cpu_ids);

	/* It may be down, or go: then we stay, or are sent away. */
	if (cpu_online(cpu))
		set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

static int churn_thread(void *data)
{
	struct churner *me = data;
	unsigned long next = 0;

	while (me->counts.ops < me->todo) {
		if (me->counts.ops >= next) {
			migrate(me);
			next = me->counts.ops + 1000 + pick(me, 4000);
		}
		churn_one(me);
		cond_resched();
	}
	atomic_dec(&churning);
	/* For kthread_stop() */
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ / 10);
	return 0;
}

static int hog_thread(void *unused)
{
	unsigned int turn = 0;

	while (!kthread_should_stop()) {
		/* Now and then there is plenty for a while. */
		if (++turn % 64 == 0) {
			hog_release(ULONG_MAX);
			msleep(20);
		}
		hog_squeeze();
		usleep_range(2000, 4000);
	}
	hog_release(ULONG_MAX);
	return 0;
}

static int hotplug_thread(void *data)
{
	unsigned int cpu = cpumask_last(cpu_online_mask);
	struct counts *counts = data;

	while (cpu && !kthread_should_stop()) {
		if (remove_cpu(cpu)) {
			msleep(20);
			continue;
		}
		usleep_range(1000, 2000);
		while (add_cpu(cpu))
			msleep(20);
		counts->hotplugs++;
		usleep_range(1000, 2000);
	}
	return 0;
}

static unsigned int churners_start(struct churner *churners, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct churner *me = &churners[i];

		prandom_seed_state(&me->rnd, get_random_u64());
		me->todo = DIV_ROUND_UP(ops, ROUNDS * n);
		atomic_inc(&churning);
		me->task = kthread_run(churn_thread, me, "churn/%u", i);
		if (IS_ERR(me->task)) {
			atomic_dec(&churning);
			break;
		}
	}
	return i;
}

static void slots_free(void)
{
	unsigned int i, j;
	void *object;

	for (i = 0; i < NR_SOURCES; i++) {
		for (j = 0; j < SLOTS; j++) {
			object = xchg(&sources[i].slots[j], NULL);
			if (object)
				source_free(&sources[i], object);
		}
	}
}

static void churn(struct kunit *test, struct counts *counts)
{
	unsigned int n = num_online_cpus(), started, i;
	struct task_struct *hog, *plug = NULL;
	struct churner *churners;

	churners = kunit_kcalloc(test, n, sizeof(*churners), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, churners);

	hog = kthread_run(hog_thread, NULL, "hog");
	KUNIT_ASSERT_FALSE(test, IS_ERR(hog));
	if (hotplug)
		plug = kthread_run(hotplug_thread, counts, "hotplug");
	started = churners_start(churners, n);

	while (atomic_read(&churning))
		msleep(20);

	for (i = 0; i < started; i++) {
		kthread_stop(churners[i].task);
		counts_add(counts, &churners[i].counts);
	}
	if (!IS_ERR_OR_NULL(plug))
		kthread_stop(plug);
	kthread_stop(hog);
	slots_free();
	KUNIT_EXPECT_EQ(test, started, n);
	KUNIT_EXPECT_FALSE(test, IS_ERR(plug));
}

static void hole_churn(struct kunit *test)
{
	struct counts counts = { };

	churn(test, &counts);
	counts_add(&churned, &counts);
	kunit_info(test, "leaks: %lu of %lu operations, %lu of them reserve slabs; privileged objects: %lu from below the watermarks, %lu from the reserve; a CPU went and came %lu times\n",
		   counts.leaks, counts.ops, counts.grave, counts.below,
		   counts.reserve, counts.hotplugs);
	KUNIT_EXPECT_EQ(test, counts.leaks, 0);
	KUNIT_EXPECT_GE(test, counts.ops, ops / ROUNDS);
	KUNIT_EXPECT_GT(test, counts.below, 0);
	if (hotplug)
		KUNIT_EXPECT_GT(test, counts.hotplugs, 0);
	KUNIT_EXPECT_EQ(test, reserve_usage(), 0);
	if (IS_ENABLED(CONFIG_MEM_RESERVE))
		KUNIT_EXPECT_GT(test, counts.reserve, 0);
}

static const void *round_next(const void *prev, char *desc)
{
	unsigned long round = (unsigned long)prev + 1;

	if (round > ROUNDS)
		return NULL;
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "round %lu of %d", round, ROUNDS);
	return (void *)round;
}

/* -- the suite ---------------------------------------------------------------- */

static void tear_down(void)
{
	unsigned int i;

	reserve_disconnect();
	unregister_oom_notifier(&hog_notifier);
	hog_release(ULONG_MAX);
	for (i = 0; i < NR_SIZES; i++)
		kmem_cache_destroy(sources[i].cache);
}

static void slab_apart_exit(struct kunit_suite *suite)
{
	pr_info("slab_apart: hole_small leaks: %lu of %lu operations\n",
		small.leaks, small.ops);
	pr_info("slab_apart: hole_churn leaks: %lu of %lu operations\n",
		churned.leaks, churned.ops);
	tear_down();
}

static int sources_init(void)
{
	unsigned int i;

	for (i = 0; i < NR_SOURCES; i++) {
		struct source *src = &sources[i];
		bool own = i < NR_SIZES;

		src->size = sizes[i % NR_SIZES];
		snprintf(src->name, sizeof(src->name), "%s-%u",
			 own ? "slab_apart" : "kmalloc", src->size);
		if (!own)
			continue;
		src->cache = kmem_cache_create(src->name, src->size, 0,
					       SLAB_NO_MERGE, NULL);
		if (!src->cache)
			return -ENOMEM;
	}
	return 0;
}

/* Its exit is not called where this fails. */
static int slab_apart_init(struct kunit_suite *suite)
{
	int err;

	register_oom_notifier(&hog_notifier);
	err = sources_init() ?: reserve_connect();
	if (err)
		tear_down();
	return err;
}

static struct kunit_case slab_apart_cases[] = {
	KUNIT_CASE_SLOW(hole_small),
	KUNIT_CASE_PARAM_ATTR(hole_churn, round_next,
			      { .speed = KUNIT_SPEED_SLOW }),
	{ }
};

static struct kunit_suite slab_apart_suite = {
	.name = "slab_apart",
	.suite_init = slab_apart_init,
	.suite_exit = slab_apart_exit,
	.test_cases = slab_apart_cases,
};

kunit_test_suite(slab_apart_suite);

MODULE_DESCRIPTION("KUnit: slabs from below the watermarks are kept apart");
MODULE_LICENSE("GPL");
