// SPDX-License-Identifier: GPL-2.0
/*
 * Memory reserves: pages set aside for those who need memory to free memory.
 *
 * A tree of nodes states demands; they add up to the root, and as many whole
 * pageblocks as that takes are claimed and marked MIGRATE_RESERVE. No fallback
 * list leads there, their free pages are not in NR_FREE_PAGES, and the only
 * way to one of them is item_draw(), which charges it first.
 *
 * Two locks. mem_reserve_mutex orders what sleeps: the shape of the tree, the
 * demands, claiming and giving back blocks, sysfs. mem_reserve_lock orders
 * what counts: a charge checks every level and then takes from every level,
 * and a draw or a return moves page and charge together, under one hold of it.
 * So usage is never above a limit, not even for an instant, and no charge is
 * refused because of another one that is about to be rolled back; that, and
 * not speed, is why this is not a page_counter. zone->lock nests inside.
 *
 * Documentation/mm/reserve.rst has the whole argument.
 */

#define pr_fmt(fmt) "reserve: " fmt

#include <linux/cleanup.h>
#include <linux/cpuset.h>
#include <linux/error-injection.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/hashtable.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/oom.h>
#include <linux/page-isolation.h>
#include <linux/reserve.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sysctl.h>
#include <linux/sysfs.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>

#include "internal.h"
#include "reserve.h"
#include "slab.h"

#define CREATE_TRACE_POINTS
#include <trace/events/reserve.h>

/**
 * struct mem_reserve_block - a claimed pageblock
 * @list: link in mem_reserve_blocks, or in a list of blocks in transit
 * @hash: link in mem_reserve_hash, by pageblock number
 * @page: its first page
 * @used: pages of it that are drawn
 * @order: they were drawn in runs of this order, all of them
 * @owner: for each page the item it was drawn for, or %NULL
 *
 * All but @list of a block in transit is under mem_reserve_lock.
 */
struct mem_reserve_block {
	struct list_head list;
	struct hlist_node hash;
	struct page *page;
	unsigned int used;
	unsigned int order;
	struct mem_reserve_item *owner[];
};

/**
 * struct mem_reserve_dir - a node's directory in sysfs
 * @kobj: the directory; it may outlive the node for as long as a file is open
 * @res: the node, or %NULL once it is disconnected; under mem_reserve_lock
 */
struct mem_reserve_dir {
	struct kobject kobj;
	struct mem_reserve *res;
};

static DEFINE_MUTEX(mem_reserve_mutex);
static DEFINE_SPINLOCK(mem_reserve_lock);

static LIST_HEAD(mem_reserve_blocks);
static DEFINE_HASHTABLE(mem_reserve_hash, 8);
static unsigned long mem_reserve_nr_blocks;

/* Blocks in use, by the order of the runs drawn from them; the rest is unused */
static unsigned long mem_reserve_blocks_of[MEM_RESERVE_ORDERS];
static unsigned long mem_reserve_unused;

/* Every item, and every node whose demand covers caches yet to be created */
static LIST_HEAD(mem_reserve_items);
static LIST_HEAD(mem_reserve_anys);

static void mem_reserve_trim_fn(struct work_struct *work);
static DECLARE_WORK(mem_reserve_trim_work, mem_reserve_trim_fn);

static void mem_reserve_adopt_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(mem_reserve_adopt_work, mem_reserve_adopt_fn);

/* How long an object may stay in a reserve slab while memory is plentiful */
#define MEM_RESERVE_ADOPT_DELAY	HZ

#define MEM_RESERVE_INIT(_node, _name) {			\
	.name = _name,						\
	.children = LIST_HEAD_INIT(_node.children),		\
	.sibling = LIST_HEAD_INIT(_node.sibling),		\
	.items = LIST_HEAD_INIT(_node.items),			\
	.any = LIST_HEAD_INIT(_node.any),			\
	.wait = __WAIT_QUEUE_HEAD_INITIALIZER(_node.wait),	\
}

/* The node whose pages are those set aside */
struct mem_reserve mem_reserve_root = MEM_RESERVE_INIT(mem_reserve_root,
						       "reserve");
EXPORT_SYMBOL_GPL(mem_reserve_root);

/*
 * Pages that nobody's demand covers any more are charged here: those still in
 * use when their node is disconnected, and slabs that were adopted. So they
 * shorten nobody else's promise. The limit follows the usage.
 */
static struct mem_reserve mem_reserve_orphans =
	MEM_RESERVE_INIT(mem_reserve_orphans, "orphans");

static struct mem_reserve_item mem_reserve_orphan_items[MEM_RESERVE_ORDERS];

/*
 * For what may fail. Who mends what reclaim waits for does not wait for the mutex:
 * its holder may be in reclaim himself.
 */
static int shape_lock(void)
{
	if (mutex_trylock(&mem_reserve_mutex))
		return 0;
	if (current->flags & (PF_MEMALLOC | PF_MEMALLOC_NOIO))
		return -EAGAIN;
	mutex_lock(&mem_reserve_mutex);
	return 0;
}

/* Walking the tree */

/* The node after @pos in pre-order in the tree below @top, or NULL. */
static struct mem_reserve *mem_reserve_next(struct mem_reserve *pos,
					    struct mem_reserve *top)
{
	if (!list_empty(&pos->children))
		return list_first_entry(&pos->children, struct mem_reserve,
					sibling);
	while (pos != top) {
		if (!list_is_last(&pos->sibling, &pos->parent->children))
			return list_next_entry(pos, sibling);
		pos = pos->parent;
	}
	return NULL;
}

#define for_each_mem_reserve(pos, top) \
	for (pos = (top); pos; pos = mem_reserve_next(pos, top))

/* Is @res @top, or below it? */
static bool mem_reserve_below(const struct mem_reserve *res,
			      const struct mem_reserve *top)
{
	while (res && res != top)
		res = res->parent;
	return res;
}

/* Is @res part of the tree, all the way up? */
static bool mem_reserve_connected(const struct mem_reserve *res)
{
	while (res && res != &mem_reserve_root && !res->leaving)
		res = res->parent;
	return res == &mem_reserve_root;
}

/* The count in the node's own unit */
static struct mem_reserve_count *own_count(struct mem_reserve *res)
{
	return res->unit == MEM_RESERVE_PAGES ? &res->pages : &res->own;
}

/* Items */

static struct mem_reserve_item *item_find(struct list_head *items,
					  struct kmem_cache *s,
					  unsigned int order)
{
	struct mem_reserve_item *item;

	list_for_each_entry(item, items, list)
		if (item->cache == s && (s || item->order == order))
			return item;
	return NULL;
}

static void item_init(struct mem_reserve_item *item, struct mem_reserve *res,
		      struct kmem_cache *s, unsigned int order)
{
	item->res = res;
	item->cache = s;
	item->order = order;
	INIT_LIST_HEAD(&item->all);
	INIT_LIST_HEAD(&item->slabs);
	INIT_LIST_HEAD(&item->full);
}

/* Counting, under mem_reserve_lock */

static bool count_has_room(const struct mem_reserve_count *count,
			   unsigned long nr)
{
	return count->limit - count->usage >= nr;
}

static void count_add(struct mem_reserve *res, struct mem_reserve_count *count,
		      unsigned long nr)
{
	count->usage += nr;
	count->peak = max(count->peak, count->usage);
	trace_mem_reserve_charge(res, count, nr);
}

static void count_sub(struct mem_reserve *res, struct mem_reserve_count *count,
		      unsigned long nr)
{
	/* More given back than was taken: say so, and stay at zero. */
	if (WARN_ON_ONCE(nr > count->usage))
		nr = count->usage;
	count->usage -= nr;
	trace_mem_reserve_uncharge(res, count, nr);

	/*
	 * Seen for certain: a waiter is on the queue before it takes the lock
	 * that we hold to look for room, see request_room().
	 */
	if (waitqueue_active(&res->wait))
		wake_up_all(&res->wait);
}

static int count_refuse(struct mem_reserve *res,
			struct mem_reserve_count *count, unsigned long nr)
{
	count->failcnt++;
	count_vm_event(RESERVE_FAIL);
	/* A line of the demand has no file: the node's own count tells. */
	if (count != &res->pages && count != own_count(res))
		own_count(res)->failcnt++;
	trace_mem_reserve_fail(res, count, nr);
	return nr > count->limit ? -EINVAL : -ENOMEM;
}

/* Take @nr pages for @item, at its node and at every node above, or none. */
static int charge_pages(struct mem_reserve_item *item, unsigned long nr)
{
	struct mem_reserve *pos;

	lockdep_assert_held(&mem_reserve_lock);

	if (item->ending || !mem_reserve_connected(item->res))
		return -ENODEV;
	if (!count_has_room(&item->pages, nr))
		return count_refuse(item->res, &item->pages, nr);
	for (pos = item->res; pos; pos = pos->parent)
		if (!count_has_room(&pos->pages, nr))
			return count_refuse(pos, &pos->pages, nr);
	item->pages.usage += nr;
	for (pos = item->res; pos; pos = pos->parent)
		count_add(pos, &pos->pages, nr);
	return 0;
}

static void uncharge_pages(struct mem_reserve_item *item, unsigned long nr)
{
	struct mem_reserve *pos;

	lockdep_assert_held(&mem_reserve_lock);

	if (WARN_ON_ONCE(nr > item->pages.usage))
		nr = item->pages.usage;
	item->pages.usage -= nr;
	for (pos = item->res; pos; pos = pos->parent)
		count_sub(pos, &pos->pages, nr);
}

/* The count that objects of @item are part of, or NULL: in a pool pages count. */
static struct mem_reserve_count *objects_count(struct mem_reserve_item *item)
{
	return item->pooled ? NULL : &item->res->own;
}

/* Take @nr objects of @item, at the item and in the node's own count. */
static int charge_objects(struct mem_reserve_item *item, unsigned long nr)
{
	struct mem_reserve_count *own = objects_count(item);
	struct mem_reserve *res = item->res;

	lockdep_assert_held(&mem_reserve_lock);

	if (item->ending || !mem_reserve_connected(res))
		return -ENODEV;
	if (!count_has_room(&item->objects, nr))
		return count_refuse(res, &item->objects, nr);
	/* Does not overflow: the item's limit keeps it below that of @own. */
	if (own && !count_has_room(own, nr * item->weight))
		return count_refuse(res, own, nr * item->weight);
	item->objects.usage += nr;
	if (own)
		count_add(res, own, nr * item->weight);
	return 0;
}

static void uncharge_objects(struct mem_reserve_item *item, unsigned long nr)
{
	struct mem_reserve_count *own = objects_count(item);

	lockdep_assert_held(&mem_reserve_lock);

	if (WARN_ON_ONCE(nr > item->objects.usage))
		nr = item->objects.usage;
	item->objects.usage -= nr;
	if (own)
		count_sub(item->res, own, nr * item->weight);
}

/* Change what @res and every node above it may draw, in runs of @order. */
static void limit_add(struct mem_reserve *res, unsigned int order, long nr)
{
	lockdep_assert_held(&mem_reserve_lock);

	for (; res; res = res->parent) {
		res->pages.limit += nr;
		res->by_order[order] += nr;
	}
}

static void limits_add(struct mem_reserve *res, const struct mem_reserve *what,
		       int sign)
{
	unsigned int order;

	for (order = 0; order < MEM_RESERVE_ORDERS; order++)
		limit_add(res, order, sign * (long)what->by_order[order]);
}

/* Blocks */

/* Blocks that hold @pages */
static unsigned long pages_to_blocks(unsigned long pages)
{
	return DIV_ROUND_UP(pages, pageblock_nr_pages);
}

/*
 * Unused blocks that it may take to draw @by_order. Runs of one order never
 * share a block with those of another, so that a run that is charged is there:
 * if every block of an order is full then there are fewer than its demand
 * fills. Documentation/mm/reserve.rst has the proof.
 */
static unsigned long blocks_to_come(const unsigned long *by_order)
{
	unsigned long nr = 0, want;
	unsigned int order;

	for (order = 0; order < MEM_RESERVE_ORDERS; order++) {
		want = pages_to_blocks(by_order[order]);
		nr += want - min(want, mem_reserve_blocks_of[order]);
	}
	return nr;
}

static bool blocks_in_surplus(void)
{
	lockdep_assert_held(&mem_reserve_lock);

	return mem_reserve_unused > blocks_to_come(mem_reserve_root.by_order);
}

static struct mem_reserve_block *block_find(unsigned long pfn)
{
	struct mem_reserve_block *block;
	unsigned long nr = pfn >> pageblock_order;

	lockdep_assert_held(&mem_reserve_lock);

	hash_for_each_possible(mem_reserve_hash, block, hash, nr)
		if (page_to_pfn(block->page) >> pageblock_order == nr)
			return block;
	return NULL;
}

/* The owner entry of a page of @block */
static struct mem_reserve_item **block_owner(struct mem_reserve_block *block,
					     unsigned long pfn)
{
	return &block->owner[pfn - page_to_pfn(block->page)];
}

/*
 * A demand may be refused, so this neither invokes the OOM killer nor takes
 * what is below the watermarks. alloc_contig_pages() cannot be told so, and it
 * waits for writeback whatever the flags say: not where I/O is not allowed.
 */
static struct page *block_alloc_pages(gfp_t gfp)
{
	struct page *page = alloc_pages(gfp, pageblock_order);

#ifdef CONFIG_CONTIG_ALLOC
	if (!page && gfpflags_allow_blocking(gfp) &&
	    !(current->flags & PF_MEMALLOC) &&
	    current_gfp_context(gfp) & __GFP_IO)
		page = alloc_contig_pages(pageblock_nr_pages,
					  GFP_KERNEL | __GFP_NOWARN,
					  numa_mem_id(), NULL);
#endif
	return page;
}

static struct mem_reserve_block *block_alloc(gfp_t gfp)
{
	struct mem_reserve_block *block;

	block = kvzalloc(struct_size(block, owner, pageblock_nr_pages), gfp);
	if (!block)
		return NULL;
	block->page = block_alloc_pages(gfp);
	if (!block->page) {
		kvfree(block);
		return NULL;
	}
	return block;
}

/*
 * Give the pages of a block that we own to the buddy allocator, as one run or,
 * if alloc_contig_pages() made them single pages, one by one.
 */
static void block_free_pages(struct mem_reserve_block *block)
{
	unsigned long i;

	if (!page_ref_count(block->page + 1)) {
		__free_pages(block->page, pageblock_order);
		return;
	}
	for (i = 0; i < pageblock_nr_pages; i++)
		__free_page(block->page + i);
}

static void blocks_free(struct list_head *blocks)
{
	struct mem_reserve_block *block, *next;

	list_for_each_entry_safe(block, next, blocks, list) {
		block_free_pages(block);
		kvfree(block);
	}
}

static void block_count(const struct mem_reserve_block *block, int sign)
{
	lockdep_assert_held(&mem_reserve_lock);

	mem_reserve_nr_blocks += sign;
	mod_zone_page_state(page_zone(block->page), NR_RESERVE_PAGES,
			    sign * (long)pageblock_nr_pages);
}

/* Make the pages of a block reserve pages: from here on they are ours. */
static void block_claim(struct mem_reserve_block *block)
{
	set_pageblock_migratetype(block->page, MIGRATE_RESERVE);

	spin_lock_irq(&mem_reserve_lock);
	hash_add(mem_reserve_hash, &block->hash,
		 page_to_pfn(block->page) >> pageblock_order);
	list_add_tail(&block->list, &mem_reserve_blocks);
	block_count(block, 1);
	spin_unlock_irq(&mem_reserve_lock);

	block_free_pages(block);

	/* Not before its pages are on the lists: a draw may count on it. */
	spin_lock_irq(&mem_reserve_lock);
	mem_reserve_unused++;
	spin_unlock_irq(&mem_reserve_lock);
}

/* Blocks to claim before the root may promise @by_order on top */
static unsigned long blocks_missing(const unsigned long *by_order)
{
	unsigned long sum[MEM_RESERVE_ORDERS], want;
	unsigned int order;

	lockdep_assert_held(&mem_reserve_lock);

	for (order = 0; order < MEM_RESERVE_ORDERS; order++)
		sum[order] = mem_reserve_root.by_order[order] + by_order[order];
	want = blocks_to_come(sum);
	return want - min(want, mem_reserve_unused);
}

/* vm.reserve.max_percent: of RAM, that is set aside at most */
static unsigned int mem_reserve_max_percent = 50;

static unsigned long blocks_to_kb(unsigned long blocks)
{
	return K(blocks * pageblock_nr_pages);
}

/* What to turn so that @res demands less */
static const char *knob_of(const struct mem_reserve *res)
{
	for (; res; res = res->parent)
		if (res->knob)
			return res->knob;
	return "the demand";
}

/* Would @want more blocks be more than the administrator allows? */
static bool blocks_exceed(const struct mem_reserve *res, unsigned long want,
			  gfp_t gfp)
{
	unsigned int percent = READ_ONCE(mem_reserve_max_percent);
	unsigned long max = mult_frac(totalram_pages(), percent, 100);

	if (!want || (mem_reserve_nr_blocks + want) * pageblock_nr_pages <= max)
		return false;
	if (gfpflags_allow_blocking(gfp))
		pr_warn("%s needs %lu KB more, with %lu KB set aside of the %lu KB that vm.reserve.max_percent (%u) allows; raise it, or lower %s\n",
			res->name, blocks_to_kb(want),
			blocks_to_kb(mem_reserve_nr_blocks), K(max),
			percent, knob_of(res));
	return true;
}

static void blocks_lack(const struct mem_reserve *res, unsigned long want,
			unsigned long got)
{
	pr_warn("%s needs %lu KB more, and only %lu KB can be set aside in blocks of %lu KB, with %lu KB free; free some memory, or lower %s\n",
		res->name, blocks_to_kb(want), blocks_to_kb(got),
		blocks_to_kb(1), K(global_zone_page_state(NR_FREE_PAGES)),
		knob_of(res));
}

/*
 * Claim blocks for @by_order more pages of @res. All or none: the pages are
 * allocated first, and become a reserve only when the last of them is there.
 */
static int blocks_claim(const struct mem_reserve *res,
			const unsigned long *by_order, gfp_t gfp)
{
	struct mem_reserve_block *block, *next;
	unsigned long want, i;
	LIST_HEAD(blocks);

	lockdep_assert_held(&mem_reserve_mutex);

	spin_lock_irq(&mem_reserve_lock);
	want = blocks_missing(by_order);
	spin_unlock_irq(&mem_reserve_lock);
	if (blocks_exceed(res, want, gfp))
		return -ENOMEM;
	for (i = 0; i < want; i++) {
		block = block_alloc(gfp);
		if (!block) {
			blocks_free(&blocks);
			if (gfpflags_allow_blocking(gfp))
				blocks_lack(res, want, i);
			return -ENOMEM;
		}
		list_add(&block->list, &blocks);
	}
	list_for_each_entry_safe(block, next, &blocks, list)
		block_claim(block);
	return 0;
}

/* For a demand, which may wait and be refused */
#define GFP_CLAIM	(GFP_KERNEL | __GFP_NOWARN | __GFP_NOMEMALLOC | \
			 __GFP_RETRY_MAYFAIL)

/*
 * For what can be tried again later: waits for nobody, since a connection that
 * is being mended may wait for mem_reserve_mutex.
 */
#define GFP_CLAIM_IDLE	((GFP_KERNEL & ~__GFP_RECLAIM) | __GFP_NOWARN | \
			 __GFP_NOMEMALLOC)

/* Pages demanded, those of nobody left out */
static unsigned long mem_reserve_demand(void)
{
	return mem_reserve_root.pages.limit - mem_reserve_orphans.pages.limit;
}

/* Move a page from the item that owns it to nobody. */
static void page_orphan(struct mem_reserve_item **owner)
{
	struct mem_reserve_item *orphans;

	lockdep_assert_held(&mem_reserve_lock);

	orphans = &mem_reserve_orphan_items[(*owner)->order];
	uncharge_pages(*owner, 1);
	orphans->pages.limit++;
	limit_add(&mem_reserve_orphans, orphans->order, 1);
	charge_pages(orphans, 1);
	*owner = orphans;
}

/* Move a page to an item that has room for it. */
static void page_recharge(struct mem_reserve_item **owner,
			  struct mem_reserve_item *to)
{
	lockdep_assert_held(&mem_reserve_lock);

	uncharge_pages(*owner, 1);
	WARN_ON_ONCE(charge_pages(to, 1));
	*owner = to;
}

/* To the pool's single pages: it is of the pool's limit, which remains. */
static void page_to_pool(struct mem_reserve_item **owner)
{
	page_recharge(owner, item_find(&(*owner)->res->items, NULL, 0));
}

static void orphans_leave(struct mem_reserve_item *item, unsigned long nr)
{
	lockdep_assert_held(&mem_reserve_lock);

	uncharge_pages(item, nr);
	item->pages.limit -= nr;
	limit_add(&mem_reserve_orphans, item->order, -nr);
}

/*
 * Nobody demands anything any more: the pages still out belong to whoever has
 * them, like any other page.
 */
static void orphans_release(void)
{
	struct mem_reserve_item *item;

	lockdep_assert_held(&mem_reserve_lock);

	list_for_each_entry(item, &mem_reserve_orphans.items, list)
		orphans_leave(item, item->pages.usage);
}

/* A block that can be given back; one with pages out only if nobody minds. */
static struct mem_reserve_block *block_spare(bool used_too)
{
	struct mem_reserve_block *block;

	lockdep_assert_held(&mem_reserve_lock);

	list_for_each_entry(block, &mem_reserve_blocks, list)
		if (used_too || !block->used)
			return block;
	return NULL;
}

static void block_release(struct mem_reserve_block *block)
{
	reserve_release_block(block->page);
	hash_del(&block->hash);
	block_count(block, -1);
	if (block->used)
		mem_reserve_blocks_of[block->order]--;
	else
		mem_reserve_unused--;
}

/* Give back the blocks that no demand needs. */
static void blocks_trim(void)
{
	struct mem_reserve_block *block, *next;
	bool last;
	LIST_HEAD(spare);

	lockdep_assert_held(&mem_reserve_mutex);

	spin_lock_irq(&mem_reserve_lock);
	last = !mem_reserve_demand();
	if (last)
		orphans_release();
	while (last || blocks_in_surplus()) {
		block = block_spare(last);
		if (!block)
			break;
		block_release(block);
		list_move(&block->list, &spare);
	}
	spin_unlock_irq(&mem_reserve_lock);

	list_for_each_entry_safe(block, next, &spare, list)
		kvfree(block);
}

static void mem_reserve_trim_fn(struct work_struct *work)
{
	guard(mutex)(&mem_reserve_mutex);
	blocks_trim();
}

/* Drawing pages and getting them back */

static void owners_set(struct page *page, unsigned int order,
		       struct mem_reserve_item *item)
{
	unsigned long pfn = page_to_pfn(page);
	struct mem_reserve_block *block = block_find(pfn);
	unsigned long i;

	if (WARN_ON_ONCE(!block))
		return;
	if (!block->used) {
		block->order = order;
		mem_reserve_blocks_of[order]++;
		mem_reserve_unused--;
	}
	for (i = 0; i < 1UL << order; i++)
		*block_owner(block, pfn + i) = item;
	block->used += 1 << order;
}

/* Whose page is it? Clears the entries, and returns NULL for nobody's. */
static struct mem_reserve_item *owners_clear(struct page *page,
					     unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);
	struct mem_reserve_block *block = block_find(pfn);
	struct mem_reserve_item *item;
	unsigned long i;

	if (!block)
		return NULL;
	item = *block_owner(block, pfn);
	if (!item)
		return NULL;
	for (i = 0; i < 1UL << order; i++)
		*block_owner(block, pfn + i) = NULL;
	block->used -= 1 << order;
	if (!block->used) {
		mem_reserve_blocks_of[block->order]--;
		mem_reserve_unused++;
	}
	return item;
}

/* The item that a page was drawn for, or NULL */
static struct mem_reserve_item *page_owner_item(struct page *page)
{
	unsigned long pfn = page_to_pfn(page);
	struct mem_reserve_block *block = block_find(pfn);

	return block ? *block_owner(block, pfn) : NULL;
}

/**
 * mem_reserve_fits - may a run be drawn from the block of this page?
 * @page: a free page of MIGRATE_RESERVE
 * @order: of the run
 * @fresh: from an unused block, and not from one in use
 *
 * For reserve_take_pages(). A block serves one order, see blocks_to_come().
 *
 * Context: mem_reserve_lock and a zone's lock are held.
 * Return: true if it may.
 */
bool mem_reserve_fits(struct page *page, unsigned int order, bool fresh)
{
	struct mem_reserve_block *block = block_find(page_to_pfn(page));

	if (!block)
		return false;
	if (fresh)
		return !block->used;
	return block->used && block->order == order;
}

/* May an unused block become one for @order, with all promises kept? */
static bool may_start_block(unsigned int order)
{
	return mem_reserve_blocks_of[order] <
	       pages_to_blocks(mem_reserve_root.by_order[order]);
}

static struct page *take_pages(gfp_t gfp, unsigned int order)
{
	struct page *page = reserve_take_pages(gfp, order, false);

	if (!page && may_start_block(order))
		page = reserve_take_pages(gfp, order, true);
	return page;
}

/*
 * Charge a run to @item and take it: the last step of every allocation from
 * the reserve, and all there is that takes a page of type MIGRATE_RESERVE.
 * -ENOMEM if there may be room later; anything else is for good.
 */
static struct page *item_draw(struct mem_reserve_item *item, gfp_t gfp)
{
	struct page *page;
	int err;

	lockdep_assert_held(&mem_reserve_lock);

	err = charge_pages(item, 1UL << item->order);
	if (err)
		return ERR_PTR(err);
	page = take_pages(gfp, item->order);
	if (!page) {
		uncharge_pages(item, 1UL << item->order);
		return ERR_PTR(-EOPNOTSUPP);
	}
	owners_set(page, item->order, item);
	count_vm_events(RESERVE_DRAW, 1UL << item->order);
	trace_mem_reserve_draw(item->res, page_to_pfn(page), item->order, gfp);
	return page;
}

/* Should what is drawn stay for long, see mem_reserve_adopt_fn(). */
static void adopt_later(void)
{
	queue_delayed_work(system_unbound_wq, &mem_reserve_adopt_work,
			   MEM_RESERVE_ADOPT_DELAY);
}

static bool may_draw(gfp_t gfp)
{
	return !WARN_ON_ONCE(!(gfp & __GFP_MEMALLOC) || in_nmi());
}

/*
 * Take a run for @res, which has a demand for runs of that order. Zone flags,
 * __GFP_COMP and __GFP_ZERO are heeded, reclaim flags are not: this neither
 * reclaims nor waits. The pages are marked pfmemalloc; freeing them, in
 * whatever way, uncharges them. Any context but NMI.
 */
static struct page *mem_reserve_draw(struct mem_reserve *res, gfp_t gfp,
				     unsigned int order)
{
	struct page *page = ERR_PTR(-ENOENT);
	struct mem_reserve_item *item;
	unsigned long flags;

	if (!may_draw(gfp))
		return ERR_PTR(-EINVAL);

	spin_lock_irqsave(&mem_reserve_lock, flags);
	item = item_find(&res->items, NULL, order);
	if (item)
		page = item_draw(item, gfp);
	spin_unlock_irqrestore(&mem_reserve_lock, flags);

	if (IS_ERR(page))
		return page;
	reserve_prep_pages(page, order, gfp);
	if (res->pool)
		adopt_later();
	return page;
}

/**
 * mem_reserve_draw_page - take one page from the reserve, charged
 * @res: the node it is for
 * @gfp: as for alloc_page(); %__GFP_MEMALLOC is implied
 *
 * For who has tried an ordinary allocation already, as the receive path has
 * when it refills a ring; others use alloc_pages_reserve().
 *
 * Context: Any but NMI. Does not sleep.
 * Return: the page, or %NULL.
 */
struct page *mem_reserve_draw_page(struct mem_reserve *res, gfp_t gfp)
{
	struct page *page = mem_reserve_draw(res, gfp | __GFP_MEMALLOC, 0);

	return IS_ERR(page) ? NULL : page;
}
EXPORT_SYMBOL_GPL(mem_reserve_draw_page);
ALLOW_ERROR_INJECTION(mem_reserve_draw_page, NULL);

/*
 * Where both add up a page is counted already, and there may be no room for it
 * twice: so look at the nodes below that, before anything is uncharged.
 */
static int move_refused(struct mem_reserve_item *from,
			struct mem_reserve_item *to)
{
	struct mem_reserve *pos;

	if (to->ending || !mem_reserve_connected(to->res))
		return -ENODEV;
	if (!count_has_room(&to->pages, 1))
		return count_refuse(to->res, &to->pages, 1);
	for (pos = to->res; pos && !mem_reserve_below(from->res, pos); pos = pos->parent)
		if (!count_has_room(&pos->pages, 1))
			return count_refuse(pos, &pos->pages, 1);
	return 0;
}

/**
 * mem_reserve_move_page - charge a page of the reserve to somebody else
 * @page: a page in use, as mem_reserve_draw_page() returned it
 * @to: a node with a demand for single pages
 *
 * For memory that outstays what it was drawn for: whoever keeps it pays.
 *
 * Context: Any but NMI. Takes mem_reserve_lock.
 * Return: 0; -ENOENT if @page is not charged to anybody, since it is not of the
 * reserve or was given up with its node; -EINVAL if it belongs to a slab or a
 * larger run, or @to has no such demand; -ENOMEM if @to has no room. After an
 * error it is charged as before.
 */
int mem_reserve_move_page(struct page *page, struct mem_reserve *to)
{
	struct mem_reserve_item *from, *item;
	unsigned long flags;
	int err;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	from = page_owner_item(page);
	item = item_find(&to->items, NULL, 0);
	if (!from || from->res == &mem_reserve_orphans) {
		err = -ENOENT;
	} else if (from == item) {
		err = 0;
	} else if (!item || from->order || from->cache) {
		err = -EINVAL;
	} else {
		err = move_refused(from, item);
		if (!err)
			page_recharge(block_owner(block_find(page_to_pfn(page)),
						  page_to_pfn(page)), item);
	}
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
	return err;
}
EXPORT_SYMBOL_GPL(mem_reserve_move_page);

/**
 * mem_reserve_draw_slab - take the pages of a slab
 * @item: objects of a cache, one of which is charged
 * @gfp: must include %__GFP_MEMALLOC
 *
 * Context: Any but NMI. Takes mem_reserve_lock and zone locks.
 * Return: the pages, compound if they are several, or an error as item_draw().
 */
struct page *mem_reserve_draw_slab(struct mem_reserve_item *item, gfp_t gfp)
{
	struct page *page;
	unsigned long flags;

	gfp |= __GFP_COMP;
	if (!may_draw(gfp))
		return ERR_PTR(-EINVAL);

	spin_lock_irqsave(&mem_reserve_lock, flags);
	page = item_draw(item, gfp);
	spin_unlock_irqrestore(&mem_reserve_lock, flags);

	if (IS_ERR(page))
		return page;
	reserve_prep_pages(page, item->order, gfp);
	adopt_later();
	return page;
}

/**
 * mem_reserve_put - take back pages of a %MIGRATE_RESERVE block
 * @page: the first of them, prepared for freeing
 * @order: how many
 *
 * Called by the allocator's free path when it meets the type. Pages of a
 * higher order may come back in parts.
 *
 * Context: Any but NMI. Takes mem_reserve_lock and a zone lock.
 */
void mem_reserve_put(struct page *page, unsigned int order)
{
	struct mem_reserve_item *item;
	unsigned long flags;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	item = owners_clear(page, order);
	reserve_return_pages(page, order);
	if (item) {
		if (item->res == &mem_reserve_orphans)
			orphans_leave(item, 1UL << order);
		else
			uncharge_pages(item, 1UL << order);
		if (blocks_in_surplus())
			schedule_work(&mem_reserve_trim_work);
	}
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
}

/* Objects of reserve slabs: for mm/reserve_slub.c, under slab_reserve_lock */

/**
 * mem_reserve_charge_object - charge an object before it is taken
 * @res: the node
 * @s: the cache
 *
 * Context: Any but NMI. Takes mem_reserve_lock.
 * Return: the item that is charged; -ENOMEM without room, -ENOENT if objects
 * of @s are not demanded, or another error.
 */
struct mem_reserve_item *mem_reserve_charge_object(struct mem_reserve *res,
						   struct kmem_cache *s)
{
	struct mem_reserve_item *item;
	unsigned long flags;
	int err;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	item = item_find(&res->items, s, 0);
	err = item ? charge_objects(item, 1) : -ENOENT;
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
	return err ? ERR_PTR(err) : item;
}

/**
 * mem_reserve_uncharge_object - release a charge for which nothing was to be had
 * @item: what mem_reserve_charge_object() returned
 *
 * Context: Any but NMI. Takes mem_reserve_lock.
 */
void mem_reserve_uncharge_object(struct mem_reserve_item *item)
{
	unsigned long flags;

	/* No need to ask whether it is connected: see items_orphan(). */
	spin_lock_irqsave(&mem_reserve_lock, flags);
	uncharge_objects(item, 1);
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
}

/**
 * mem_reserve_put_objects - uncharge objects of a reserve slab
 * @page: the slab's first page, not yet given back
 * @nr: how many
 *
 * Context: Any but NMI. Takes mem_reserve_lock.
 * Return: the item that the slab was drawn for.
 */
struct mem_reserve_item *mem_reserve_put_objects(struct page *page,
						 unsigned long nr)
{
	struct mem_reserve_item *item;
	unsigned long flags;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	item = page_owner_item(page);
	if (!WARN_ON_ONCE(!item))
		uncharge_objects(item, nr);
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
	return item;
}

/**
 * mem_reserve_orphan_slab - a reserve slab becomes an ordinary one
 * @page: its first page
 * @nr: objects of it that are in use
 *
 * They are charged no more, and its pages, which belong to a block of the
 * reserve, come on top of what the block is there for.
 *
 * Context: Any but NMI. Takes mem_reserve_lock.
 */
void mem_reserve_orphan_slab(struct page *page, unsigned long nr)
{
	unsigned long pfn = page_to_pfn(page);
	struct mem_reserve_block *block;
	struct mem_reserve_item *item;
	unsigned long flags, i;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	block = block_find(pfn);
	item = block ? *block_owner(block, pfn) : NULL;
	if (!WARN_ON_ONCE(!item)) {
		uncharge_objects(item, nr);
		trace_mem_reserve_adopt(item->res, pfn, item->order);
		for (i = 0; i < 1UL << item->order; i++)
			page_orphan(block_owner(block, pfn + i));
	}
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
}

/* Adoption */

/* Would an ordinary allocation of a slab succeed, and wake nobody? */
static bool memory_is_plentiful(void)
{
	struct zone *zone;

	for_each_populated_zone(zone)
		if (zone_idx(zone) <= ZONE_NORMAL &&
		    zone_watermark_ok(zone, 0, high_wmark_pages(zone),
				      ZONE_NORMAL, 0))
			return true;
	return false;
}

/* At most @nr of the pages drawn for @item are somebody else's from here on, or nobody's. */
static void pages_pass(struct mem_reserve_item *item, unsigned long nr,
		       void (*pass)(struct mem_reserve_item **owner))
{
	struct mem_reserve_block *block;
	unsigned long i;

	lockdep_assert_held(&mem_reserve_mutex);

	/* The mutex keeps the list; a block at a time, for interrupts are off. */
	list_for_each_entry(block, &mem_reserve_blocks, list) {
		spin_lock_irq(&mem_reserve_lock);
		for (i = 0; nr && block->used && i < pageblock_nr_pages; i++) {
			if (block->owner[i] != item)
				continue;
			pass(&block->owner[i]);
			nr--;
		}
		spin_unlock_irq(&mem_reserve_lock);
	}
}

/*
 * Replace what @item has out by free memory: as many pages as there are now,
 * and more that may be drawn meanwhile stay what they are.
 */
static bool item_adopt(struct mem_reserve_item *item)
{
	unsigned long by_order[MEM_RESERVE_ORDERS] = { };
	unsigned long nr;

	lockdep_assert_held(&mem_reserve_mutex);

	nr = READ_ONCE(item->pages.usage);
	if (!nr)
		return true;
	by_order[item->order] = nr;
	if (blocks_claim(item->res, by_order, GFP_CLAIM_IDLE))
		return false;
	if (item->cache)
		slab_reserve_adopt(item, nr);
	else
		pages_pass(item, nr, page_orphan);
	return true;
}

/*
 * An object may outlive the emergency by years, and its slab would keep the
 * reserve short for as long. Hand such slabs over to the ordinary lists once
 * there is memory to take their place, and so the pages of a pool. Those of
 * other nodes are for packets on their way.
 */
static void mem_reserve_adopt_fn(struct work_struct *work)
{
	struct mem_reserve_item *item;
	bool again = false;

	guard(mutex)(&mem_reserve_mutex);

	list_for_each_entry(item, &mem_reserve_items, all) {
		if (!(item->cache || item->res->pool) ||
		    !mem_reserve_connected(item->res))
			continue;
		again |= READ_ONCE(item->pages.usage) &&
			 (!memory_is_plentiful() || !item_adopt(item));
	}
	blocks_trim();
	if (again)
		adopt_later();
}

/* Allocating: ordinary memory first, then the reserve, then wait for room */

struct reserve_request;

/**
 * struct reserve_kind - a way to allocate
 * @ordinary: tries without the reserve, with the flags given; %NULL if it fails
 * @item: the item to charge, or %NULL; under mem_reserve_lock
 * @draw: charges and takes, or does neither; -ENOMEM if waiting may help
 */
struct reserve_kind {
	void *(*ordinary)(const struct reserve_request *rq, gfp_t gfp);
	struct mem_reserve_item *(*item)(const struct reserve_request *rq);
	void *(*draw)(const struct reserve_request *rq, gfp_t gfp);
};

struct reserve_request {
	const struct reserve_kind *kind;
	struct mem_reserve *res;
	struct kmem_cache *cache;
	size_t size;
	unsigned int order;
};

/* How to ask for memory before a reserve is touched */
static gfp_t gfp_before_reserve(gfp_t gfp)
{
	gfp &= ~(__GFP_MEMALLOC | __GFP_NOFAIL);
	gfp |= __GFP_NOMEMALLOC | __GFP_NOWARN;
	if (gfpflags_allow_blocking(gfp))
		gfp |= __GFP_NORETRY;
	return gfp;
}

static bool item_has_room(const struct mem_reserve_item *item)
{
	if (item->res->pool)
		return count_has_room(&item->res->pages, 1);
	if (!item->cache)
		return count_has_room(&item->pages, 1UL << item->order);
	/* Then there is an object, or room for a slab: slab_reserve_draw(). */
	return count_has_room(&item->objects, 1) &&
	       count_has_room(&item->res->own, item->weight);
}

/*
 * Is there room for one more, or is it pointless to wait for any? A node's
 * limit is the sum of those below it, so if anybody is full then the item is.
 */
static bool request_room(const struct reserve_request *rq)
{
	struct mem_reserve_item *item;
	bool room;

	spin_lock_irq(&mem_reserve_lock);
	item = rq->kind->item(rq);
	room = !item || item->ending || !mem_reserve_connected(rq->res) ||
	       item_has_room(item);
	spin_unlock_irq(&mem_reserve_lock);
	return room;
}

static void *reserve_alloc(const struct reserve_request *rq, gfp_t gfp)
{
	void *p;

	do {
		p = rq->kind->ordinary(rq, gfp_before_reserve(gfp));
		if (p)
			return p;
		p = rq->kind->draw(rq, gfp | __GFP_MEMALLOC);
		if (!IS_ERR(p))
			return p;
		if (PTR_ERR(p) != -ENOMEM || !gfpflags_allow_blocking(gfp))
			return NULL;
	} while (!wait_event_killable(rq->res->wait, request_room(rq)));
	return NULL;
}

static void *pages_ordinary(const struct reserve_request *rq, gfp_t gfp)
{
	return alloc_pages(gfp, rq->order);
}

static struct mem_reserve_item *pages_item(const struct reserve_request *rq)
{
	return item_find(&rq->res->items, NULL, rq->order);
}

static void *pages_draw(const struct reserve_request *rq, gfp_t gfp)
{
	return mem_reserve_draw(rq->res, gfp, rq->order);
}

static const struct reserve_kind reserve_pages = {
	.ordinary = pages_ordinary,
	.item = pages_item,
	.draw = pages_draw,
};

/**
 * alloc_pages_reserve - allocate pages, from the reserve if need be
 * @res: a node with a demand for such runs, connected while the call lasts
 * @gfp: as for alloc_pages(); %__GFP_MEMALLOC is implied
 * @order: at most %PAGE_ALLOC_COSTLY_ORDER
 *
 * Tries an ordinary allocation first, below no watermark that an ordinary
 * allocation respects; then draws from the reserve; then, if @gfp may block,
 * waits until something that @res has out comes back, and tries again.
 *
 * Free them with free_pages_reserve(), __free_pages(), put_page() or whatever
 * fits: a page knows whether it is charged, and to whom.
 *
 * Context: Any but NMI; sleeps if @gfp allows it.
 * Return: the pages, or %NULL: no room, @res not connected, or a fatal signal.
 */
struct page *alloc_pages_reserve(struct mem_reserve *res, gfp_t gfp,
				 unsigned int order)
{
	struct reserve_request rq = {
		.kind = &reserve_pages,
		.res = res,
		.order = order,
	};

	return reserve_alloc(&rq, gfp);
}
EXPORT_SYMBOL_GPL(alloc_pages_reserve);
ALLOW_ERROR_INJECTION(alloc_pages_reserve, NULL);

/**
 * free_pages_reserve - free what alloc_pages_reserve() returned
 * @page: the first page
 * @order: as allocated
 *
 * Context: Any but NMI.
 */
void free_pages_reserve(struct page *page, unsigned int order)
{
	__free_pages(page, order);
}
EXPORT_SYMBOL_GPL(free_pages_reserve);

static void *object_ordinary(const struct reserve_request *rq, gfp_t gfp)
{
	return kmem_cache_alloc(rq->cache, gfp);
}

static struct mem_reserve_item *object_item(const struct reserve_request *rq)
{
	return item_find(&rq->res->items, rq->cache, 0);
}

static void *object_draw(const struct reserve_request *rq, gfp_t gfp)
{
	return slab_reserve_alloc(rq->res, rq->cache, gfp, rq->size);
}

static const struct reserve_kind reserve_object = {
	.ordinary = object_ordinary,
	.item = object_item,
	.draw = object_draw,
};

/**
 * kmem_cache_alloc_reserve - allocate an object, from the reserve if need be
 * @res: a node with a demand for objects of @s, connected while the call lasts
 * @s: the cache
 * @gfp: as for kmem_cache_alloc(); %__GFP_MEMALLOC is implied
 *
 * Tries an ordinary allocation first, then takes an object of a reserve slab,
 * charged to @res and to no memory cgroup. If @gfp may block it waits for
 * room. Free the object with kmem_cache_free_reserve() or kmem_cache_free():
 * it knows by its slab whether it is charged.
 *
 * Context: Any but NMI; sleeps if @gfp allows it.
 * Return: the object, or %NULL: no room, @res not connected, or a fatal signal.
 */
void *kmem_cache_alloc_reserve(struct mem_reserve *res, struct kmem_cache *s,
			       gfp_t gfp)
{
	struct reserve_request rq = {
		.kind = &reserve_object,
		.res = res,
		.cache = s,
		.size = s->object_size,
	};

	return reserve_alloc(&rq, gfp);
}
EXPORT_SYMBOL_GPL(kmem_cache_alloc_reserve);
ALLOW_ERROR_INJECTION(kmem_cache_alloc_reserve, NULL);

/**
 * kmem_cache_free_reserve - free what kmem_cache_alloc_reserve() returned
 * @s: the cache
 * @object: the object
 *
 * Context: Any but NMI.
 */
void kmem_cache_free_reserve(struct kmem_cache *s, void *object)
{
	kmem_cache_free(s, object);
}
EXPORT_SYMBOL_GPL(kmem_cache_free_reserve);

static void *kmalloc_ordinary(const struct reserve_request *rq, gfp_t gfp)
{
	return kmalloc(rq->size, gfp);
}

/*
 * The caches of a demand were chosen when it was set. With random kmalloc
 * caches a caller elsewhere would be given another copy: size is what counts.
 */
static struct mem_reserve_item *kmalloc_item(const struct reserve_request *rq)
{
	struct mem_reserve_item *item;

	list_for_each_entry(item, &rq->res->items, list)
		if (item->cache && item->cache->flags & SLAB_KMALLOC &&
		    item->cache->object_size == kmalloc_size_roundup(rq->size))
			return item;
	return NULL;
}

static void *kmalloc_draw(const struct reserve_request *rq, gfp_t gfp)
{
	struct mem_reserve_item *item;
	struct kmem_cache *s = NULL;
	unsigned long flags;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	item = kmalloc_item(rq);
	if (item)
		s = item->cache;
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
	return s ? slab_reserve_alloc(rq->res, s, gfp, rq->size) :
		   ERR_PTR(-ENOENT);
}

static const struct reserve_kind reserve_kmalloc = {
	.ordinary = kmalloc_ordinary,
	.item = kmalloc_item,
	.draw = kmalloc_draw,
};

static void *large_draw(const struct reserve_request *rq, gfp_t gfp)
{
	struct page *page;

	page = mem_reserve_draw(rq->res, gfp | __GFP_COMP, rq->order);
	return IS_ERR(page) ? page :
	       slab_reserve_alloc_large(page, gfp, rq->size);
}

/* Beyond the caches kmalloc() takes pages. */
static const struct reserve_kind reserve_large = {
	.ordinary = kmalloc_ordinary,
	.item = pages_item,
	.draw = large_draw,
};

/**
 * kmalloc_reserve - kmalloc(), from the reserve if need be
 * @res: a node with a demand that covers @size, connected while the call lasts
 * @size: in bytes
 * @gfp: as for kmalloc(); %__GFP_MEMALLOC is implied
 *
 * As kmem_cache_alloc_reserve(). Free the object with kfree_reserve() or
 * kfree().
 *
 * Context: Any but NMI; sleeps if @gfp allows it.
 * Return: the object, %ZERO_SIZE_PTR for 0 bytes, or %NULL.
 */
void *kmalloc_reserve(struct mem_reserve *res, size_t size, gfp_t gfp)
{
	struct reserve_request rq = {
		.kind = &reserve_kmalloc,
		.res = res,
		.size = size,
	};

	if (!size)
		return ZERO_SIZE_PTR;
	if (size > KMALLOC_MAX_CACHE_SIZE) {
		rq.kind = &reserve_large;
		rq.order = get_order(size);
	}
	return reserve_alloc(&rq, gfp);
}
EXPORT_SYMBOL_GPL(kmalloc_reserve);
ALLOW_ERROR_INJECTION(kmalloc_reserve, NULL);

/**
 * kfree_reserve - free what kmalloc_reserve() returned
 * @object: the object, or %NULL
 *
 * Context: Any but NMI.
 */
void kfree_reserve(const void *object)
{
	kfree(object);
}
EXPORT_SYMBOL_GPL(kfree_reserve);

/* Charging without allocating */

/* The item of a node whose demand is of one kind only */
static struct mem_reserve_item *only_item(struct mem_reserve *res)
{
	return list_is_singular(&res->items) ?
	       list_first_entry(&res->items, struct mem_reserve_item, list) :
	       NULL;
}

static int charge_own(struct mem_reserve *res, unsigned long count)
{
	struct mem_reserve_item *item = only_item(res);

	lockdep_assert_held(&mem_reserve_lock);

	if (!mem_reserve_connected(res))
		return -ENODEV;
	if (!item)
		return -EINVAL;
	return item->cache ? charge_objects(item, count) :
			     charge_pages(item, count);
}

/* A node on which charge_own() waits for room has none, or is gone. */
static bool own_room(struct mem_reserve *res, unsigned long count)
{
	struct mem_reserve_count *own;
	struct mem_reserve_item *item;
	bool room;

	spin_lock_irq(&mem_reserve_lock);
	item = only_item(res);
	room = !item || item->ending || !mem_reserve_connected(res);
	if (!room) {
		own = item->cache ? &item->objects : &item->pages;
		room = count > own->limit || count_has_room(own, count);
	}
	spin_unlock_irq(&mem_reserve_lock);
	return room;
}

/**
 * mem_reserve_charge - charge a node without drawing
 * @res: the node, whose demand is of one kind: single pages or one cache
 * @count: in the node's own unit: objects if its demand is one in objects,
 *	else pages, which are charged at every node up to the root
 * @gfp: whether to wait for room
 *
 * For what is promised but allocated elsewhere. The allocating functions
 * charge by themselves.
 *
 * Context: Any but NMI; sleeps if @gfp allows it and there is no room.
 * Return: 0; -ENOMEM without room; -EINVAL if @count is above the limit, so
 * that there can never be room, or the demand is of several kinds or of none;
 * -ENODEV if @res is not connected; -ERESTARTSYS if a fatal signal ended the wait.
 * Nothing is charged then.
 */
int mem_reserve_charge(struct mem_reserve *res, unsigned long count, gfp_t gfp)
{
	unsigned long flags;
	int err;

	might_sleep_if(gfpflags_allow_blocking(gfp));
	do {
		spin_lock_irqsave(&mem_reserve_lock, flags);
		err = charge_own(res, count);
		spin_unlock_irqrestore(&mem_reserve_lock, flags);
		if (err != -ENOMEM || !gfpflags_allow_blocking(gfp))
			return err;
		err = wait_event_killable(res->wait, own_room(res, count));
	} while (!err);
	return err;
}
EXPORT_SYMBOL_GPL(mem_reserve_charge);
ALLOW_ERROR_INJECTION(mem_reserve_charge, ERRNO);

/**
 * mem_reserve_uncharge - give back what mem_reserve_charge() took
 * @res: the node
 * @count: in the node's own unit
 *
 * To be called when the memory is back, not before. Disconnecting a node ends
 * its charges, and so does a cache that goes: then this does nothing.
 *
 * Context: Any but NMI. Takes mem_reserve_lock.
 */
void mem_reserve_uncharge(struct mem_reserve *res, unsigned long count)
{
	struct mem_reserve_item *item;
	unsigned long flags;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	item = only_item(res);
	/* Its cache is gone, or somebody has changed the kind of the demand. */
	WARN_ON_ONCE(!item && !list_empty(&res->items));
	if (mem_reserve_connected(res) && item) {
		if (item->cache)
			uncharge_objects(item, count);
		else
			uncharge_pages(item, count);
	}
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
}
EXPORT_SYMBOL_GPL(mem_reserve_uncharge);

/* sysfs */

#define to_dir(_kobj) container_of(_kobj, struct mem_reserve_dir, kobj)

#define MEM_RESERVE_ATTR(_name, _value)					\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	unsigned long value = 0;					\
	struct mem_reserve *res;					\
									\
	spin_lock_irq(&mem_reserve_lock);				\
	res = to_dir(kobj)->res;					\
	if (res)							\
		value = (_value);					\
	spin_unlock_irq(&mem_reserve_lock);				\
	return res ? sysfs_emit(buf, "%lu\n", value) : -ENODEV;	\
}									\
static struct kobj_attribute _name##_attr = __ATTR_RO(_name)

MEM_RESERVE_ATTR(pages, res->pages.limit);
MEM_RESERVE_ATTR(drawn, res->pages.usage);
MEM_RESERVE_ATTR(limit, own_count(res)->limit);
MEM_RESERVE_ATTR(usage, own_count(res)->usage);
MEM_RESERVE_ATTR(peak, own_count(res)->peak);
MEM_RESERVE_ATTR(failcnt, own_count(res)->failcnt);
MEM_RESERVE_ATTR(set_aside, res == &mem_reserve_root ?
		 mem_reserve_nr_blocks * pageblock_nr_pages :
		 res->pages.limit);

static const char * const unit_names[] = {
	[MEM_RESERVE_PAGES] = "pages",
	[MEM_RESERVE_OBJECTS] = "objects",
	[MEM_RESERVE_BYTES] = "bytes",
};

static ssize_t unit_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	enum mem_reserve_unit unit = MEM_RESERVE_PAGES;
	struct mem_reserve *res;

	spin_lock_irq(&mem_reserve_lock);
	res = to_dir(kobj)->res;
	if (res)
		unit = res->unit;
	spin_unlock_irq(&mem_reserve_lock);
	return res ? sysfs_emit(buf, "%s\n", unit_names[unit]) : -ENODEV;
}

static struct kobj_attribute unit_attr = __ATTR_RO(unit);

static struct attribute *mem_reserve_attrs[] = {
	&pages_attr.attr,
	&drawn_attr.attr,
	&unit_attr.attr,
	&limit_attr.attr,
	&usage_attr.attr,
	&peak_attr.attr,
	&failcnt_attr.attr,
	&set_aside_attr.attr,
	NULL
};

/* What was rounded up to whole pageblocks shows at the root only. */
static umode_t mem_reserve_attr_visible(struct kobject *kobj,
					struct attribute *attr, int n)
{
	if (attr == &set_aside_attr.attr && kobj->parent != mm_kobj)
		return 0;
	return attr->mode;
}

static const struct attribute_group mem_reserve_group = {
	.attrs = mem_reserve_attrs,
	.is_visible = mem_reserve_attr_visible,
};
__ATTRIBUTE_GROUPS(mem_reserve);

static void mem_reserve_dir_release(struct kobject *kobj)
{
	kfree(to_dir(kobj));
}

static const struct kobj_type mem_reserve_ktype = {
	.release = mem_reserve_dir_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = mem_reserve_groups,
};

static int dir_add(struct mem_reserve *res, struct kobject *parent)
{
	struct mem_reserve_dir *dir = kzalloc(sizeof(*dir), GFP_KERNEL);
	int err;

	if (!dir)
		return -ENOMEM;
	dir->res = res;
	err = kobject_init_and_add(&dir->kobj, &mem_reserve_ktype, parent, "%s",
				   res->name);
	if (err) {
		kobject_put(&dir->kobj);
		return err;
	}
	res->dir = dir;
	return 0;
}

static void dir_del(struct mem_reserve *res)
{
	struct mem_reserve_dir *dir = res->dir;

	if (!dir)
		return;
	spin_lock_irq(&mem_reserve_lock);
	dir->res = NULL;
	spin_unlock_irq(&mem_reserve_lock);
	res->dir = NULL;
	kobject_del(&dir->kobj);
	kobject_put(&dir->kobj);
}

/* The directories of @res and all below go, the deepest first. */
static void dirs_del(struct mem_reserve *res)
{
	struct mem_reserve *child;

	list_for_each_entry(child, &res->children, sibling)
		dirs_del(child);
	dir_del(res);
}

static int dirs_add(struct mem_reserve *res, struct mem_reserve *parent)
{
	struct mem_reserve *pos;
	int err = 0;

	for_each_mem_reserve(pos, res) {
		struct mem_reserve *up = pos == res ? parent : pos->parent;

		err = dir_add(pos, &up->dir->kobj);
		if (err) {
			dirs_del(res);
			break;
		}
	}
	return err;
}

/* The shape of the tree */

/**
 * mem_reserve_init - prepare a node
 * @res: the node, embedded in whatever makes the promise
 * @name: its directory in sysfs, a string that outlives the node
 *
 * It demands nothing and is connected to nothing. A node that is given a
 * demand is to have it taken away, mem_reserve_pages_set(@res, 0), before it
 * is freed.
 */
void mem_reserve_init(struct mem_reserve *res, const char *name)
{
	memset(res, 0, sizeof(*res));
	res->name = name;
	INIT_LIST_HEAD(&res->children);
	INIT_LIST_HEAD(&res->sibling);
	INIT_LIST_HEAD(&res->items);
	INIT_LIST_HEAD(&res->any);
	init_waitqueue_head(&res->wait);
}
EXPORT_SYMBOL_GPL(mem_reserve_init);

static bool name_taken(const struct mem_reserve *parent, const char *name)
{
	const struct mem_reserve *pos;

	list_for_each_entry(pos, &parent->children, sibling)
		if (!strcmp(pos->name, name))
			return true;
	return false;
}

/* Peaks and failures count from the moment a node is connected. */
static void counts_reset(struct mem_reserve *res)
{
	struct mem_reserve *pos;

	for_each_mem_reserve(pos, res) {
		pos->pages.peak = 0;
		pos->pages.failcnt = 0;
		pos->own.peak = 0;
		pos->own.failcnt = 0;
	}
}

static int connect_locked(struct mem_reserve *res, struct mem_reserve *parent)
{
	int err;

	lockdep_assert_held(&mem_reserve_mutex);

	if (res->parent || res == &mem_reserve_root)
		return -EBUSY;
	if (mem_reserve_below(parent, res))
		return -ELOOP;
	if (!list_empty(&parent->items))
		return -EINVAL;
	if (name_taken(parent, res->name))
		return -EEXIST;

	if (mem_reserve_connected(parent)) {
		if (!mem_reserve_root.dir)
			return -ENODEV;
		err = blocks_claim(res, res->by_order, GFP_CLAIM);
		if (err)
			return err;
		err = dirs_add(res, parent);
		if (err) {
			blocks_trim();
			return err;
		}
	}

	spin_lock_irq(&mem_reserve_lock);
	counts_reset(res);
	list_add_tail(&res->sibling, &parent->children);
	res->parent = parent;
	limits_add(parent, res, 1);
	spin_unlock_irq(&mem_reserve_lock);
	return 0;
}

/**
 * mem_reserve_connect - put a node and all below it under another
 * @res: the node
 * @parent: where it goes; &mem_reserve_root, or below it, makes it real
 *
 * If @parent is connected to the root then the pages that @res and the nodes
 * below it demand are set aside before this returns 0. A parent outlives its
 * children, or they are disconnected first.
 *
 * Context: Process. Sleeps, and reclaims as far as the task's memalloc scope
 * allows.
 * Return: 0; -ENOMEM if the pages cannot be had; -EAGAIN within such a scope if
 * somebody else changes the tree; -EBUSY if @res has a parent already; -EEXIST if
 * @parent has a child of that name; -ELOOP if @parent is below @res; -EINVAL if
 * @parent has a demand of its own, which only leaves may have; -ENODEV before
 * subsys_initcall(), or if that failed. Nothing has changed then.
 */
int mem_reserve_connect(struct mem_reserve *res, struct mem_reserve *parent)
{
	int err = shape_lock();

	if (err)
		return err;
	err = connect_locked(res, parent);
	mutex_unlock(&mem_reserve_mutex);
	return err;
}
EXPORT_SYMBOL_GPL(mem_reserve_connect);
ALLOW_ERROR_INJECTION(mem_reserve_connect, ERRNO);

/*
 * What nodes from @top down have out is nobody's from here on. They are
 * leaving, so that nothing is charged any more, and whoever had charged an
 * object and was about to take it has held slab_reserve_lock, which is waited
 * for here: the charge is used, or given back.
 */
static void items_orphan(struct mem_reserve *top)
{
	struct mem_reserve_block *block;
	struct mem_reserve_item *item;
	struct mem_reserve *pos;
	unsigned long i;

	lockdep_assert_held(&mem_reserve_mutex);

	for_each_mem_reserve(pos, top)
		list_for_each_entry(item, &pos->items, list)
			if (item->cache)
				slab_reserve_adopt(item, ULONG_MAX);

	spin_lock_irq(&mem_reserve_lock);
	list_for_each_entry(block, &mem_reserve_blocks, list) {
		for (i = 0; block->used && i < pageblock_nr_pages; i++) {
			item = block->owner[i];
			if (!item || !mem_reserve_below(item->res, top))
				continue;
			page_orphan(&block->owner[i]);
		}
	}
	spin_unlock_irq(&mem_reserve_lock);
}

/* All charges of @top and the nodes below it end. */
static void charges_end(struct mem_reserve *top)
{
	unsigned long nr = top->pages.usage;
	struct mem_reserve_item *item;
	struct mem_reserve *pos;

	lockdep_assert_held(&mem_reserve_lock);

	for (pos = top->parent; nr && pos; pos = pos->parent)
		count_sub(pos, &pos->pages, nr);
	for_each_mem_reserve(pos, top) {
		pos->pages.usage = 0;
		pos->own.usage = 0;
		list_for_each_entry(item, &pos->items, list) {
			item->pages.usage = 0;
			item->objects.usage = 0;
		}
		wake_up_all(&pos->wait);
	}
}

/**
 * mem_reserve_disconnect - take a node and all below it out of the tree
 * @res: the node; nothing happens if it has no parent
 *
 * The pages set aside for it are given back. Those still in use are given back
 * when they are freed, and until then do not count against anybody else;
 * reserve slabs become ordinary ones. Charges end, and whoever waits for room
 * is woken and gets -ENODEV.
 *
 * Context: Process. Sleeps, does not allocate.
 */
void mem_reserve_disconnect(struct mem_reserve *res)
{
	guard(mutex)(&mem_reserve_mutex);

	if (!res->parent)
		return;
	dirs_del(res);

	/* Nothing is charged from here on, and so nothing drawn. */
	spin_lock_irq(&mem_reserve_lock);
	res->leaving = true;
	spin_unlock_irq(&mem_reserve_lock);
	items_orphan(res);

	spin_lock_irq(&mem_reserve_lock);
	charges_end(res);
	limits_add(res->parent, res, -1);
	list_del_init(&res->sibling);
	res->parent = NULL;
	res->leaving = false;
	spin_unlock_irq(&mem_reserve_lock);

	blocks_trim();
}
EXPORT_SYMBOL_GPL(mem_reserve_disconnect);

/* Demands */

/*
 * A demand being set, line by line: what the limits are to be is noted in the
 * node's items, those that are missing are made on the side, and then all of
 * it comes into force, or none.
 */
struct mem_reserve_plan {
	struct mem_reserve *res;
	struct list_head items;
	enum mem_reserve_unit unit;
	unsigned long own;
	unsigned long by_order[MEM_RESERVE_ORDERS];
	unsigned long pool;
	bool any;
	bool caches;
};

static void plan_start(struct mem_reserve_plan *plan)
{
	struct mem_reserve_item *item;

	lockdep_assert_held(&mem_reserve_mutex);

	INIT_LIST_HEAD(&plan->items);
	list_for_each_entry(item, &plan->res->items, list) {
		item->want_pooled = false;
		item->want_pages = 0;
		item->want_objects = 0;
	}
}

static struct mem_reserve_item *plan_item(struct mem_reserve_plan *plan,
					  struct kmem_cache *s,
					  unsigned int order)
{
	struct mem_reserve_item *item;

	item = item_find(&plan->res->items, s, order) ?:
	       item_find(&plan->items, s, order);
	if (item)
		return item;
	item = kzalloc(sizeof(*item), GFP_KERNEL | __GFP_NOWARN);
	if (!item)
		return NULL;
	item_init(item, plan->res, s, order);
	list_add_tail(&item->list, &plan->items);
	return item;
}

static int plan_runs(struct mem_reserve_plan *plan, unsigned int order,
		     unsigned long count)
{
	struct mem_reserve_item *item;
	unsigned long pages;

	if (order >= MEM_RESERVE_ORDERS)
		return -EINVAL;
	if (!count)
		return 0;
	if (check_shl_overflow(count, order, &pages))
		return -ENOMEM;
	item = plan_item(plan, NULL, order);
	if (!item)
		return -ENOMEM;
	if (check_add_overflow(item->want_pages, pages, &item->want_pages))
		return -ENOMEM;
	return 0;
}

static int plan_objects(struct mem_reserve_plan *plan, struct kmem_cache *s,
			unsigned long count, unsigned int weight)
{
	struct mem_reserve_item *item;
	unsigned long objects;

	if (!slab_reserve_supports(s))
		return -EOPNOTSUPP;
	if (!count)
		return 0;
	item = plan_item(plan, s, slab_reserve_order(s));
	if (!item)
		return -ENOMEM;
	if (check_add_overflow(item->want_objects, count, &objects))
		return -ENOMEM;
	plan->caches = true;
	if (plan->unit != MEM_RESERVE_BYTES) {
		plan->unit = MEM_RESERVE_OBJECTS;
		plan->own += count;
	}
	item->want_weight = weight;
	item->want_objects = objects;
	item->want_pages = slab_reserve_pages(s, objects);
	return 0;
}

/* With random kmalloc caches: the same copy for all sizes of a node */
static struct kmem_cache *plan_kmalloc_cache(const struct mem_reserve_plan *plan,
					     size_t size)
{
	return kmalloc_slab(size, NULL, GFP_KERNEL, (unsigned long)plan->res);
}

static int plan_kmalloc(struct mem_reserve_plan *plan, size_t size,
			unsigned long count)
{
	if (!size || size > KMALLOC_MAX_SIZE)
		return -EINVAL;
	if (size > KMALLOC_MAX_CACHE_SIZE)
		return plan_runs(plan, get_order(size), count);
	return plan_objects(plan, plan_kmalloc_cache(plan, size), count, 1);
}

static int plan_part(struct mem_reserve_plan *plan,
		     const struct mem_reserve_part *part)
{
	if (part->cache)
		return plan_objects(plan, part->cache, part->count, 1);
	if (part->size)
		return plan_kmalloc(plan, part->size, part->count);
	return plan_runs(plan, part->order, part->count);
}

/* Any cache may have all the pages, or some: the node's own limit bounds them. */
static int plan_pooled(struct mem_reserve_plan *plan, struct kmem_cache *s,
		       unsigned long pages)
{
	struct mem_reserve_item *item;

	if (!slab_reserve_pools(s))
		return 0;
	item = plan_item(plan, s, 0);
	if (!item)
		return -ENOMEM;
	item->want_pooled = true;
	item->want_weight = 1;
	item->want_objects = LONG_MAX;
	item->want_pages = pages;
	plan->caches = true;
	return 0;
}

static int plan_pool(struct mem_reserve_plan *plan, unsigned long pages)
{
	int err = plan_runs(plan, 0, pages);
	struct kmem_cache *s;

	lockdep_assert_held(&slab_mutex);

	list_for_each_entry(s, &slab_caches, list) {
		if (err)
			break;
		err = plan_pooled(plan, s, pages);
	}
	return err;
}

/*
 * Whatever sizes of kmalloc() the bytes go to: each cache may get all of them,
 * in objects of the least size that it serves.
 */
static int plan_bytes(struct mem_reserve_plan *plan, unsigned long bytes)
{
	struct kmem_cache *s;
	size_t size;
	int err = 0;

	for (size = 1; !err && size <= KMALLOC_MAX_CACHE_SIZE;
	     size = s->object_size + 1) {
		s = plan_kmalloc_cache(plan, size);
		err = plan_objects(plan, s, bytes / size, size);
	}
	return err;
}

/* The same for every other cache that there is, by the size of its objects */
static int plan_bytes_any(struct mem_reserve_plan *plan, unsigned long bytes)
{
	struct mem_reserve_item *item;
	struct kmem_cache *s;
	unsigned int weight;
	int err;

	lockdep_assert_held(&slab_mutex);

	err = plan_bytes(plan, bytes);
	list_for_each_entry(s, &slab_caches, list) {
		if (err)
			return err;
		if (s->flags & SLAB_KMALLOC || !slab_reserve_supports(s))
			continue;
		/* A cache that is merged with may grow: the least size counts. */
		item = item_find(&plan->res->items, s, 0);
		weight = item && plan->res->unit == MEM_RESERVE_BYTES ?
			 item->weight : s->object_size;
		err = plan_objects(plan, s, bytes / weight, weight);
	}
	return err;
}

/* May what is in use stay charged where it is? */
static int plan_check(const struct mem_reserve_plan *plan)
{
	struct mem_reserve *res = plan->res;
	struct mem_reserve_item *item;

	lockdep_assert_held(&mem_reserve_lock);

	if (own_count(res)->usage && res->unit != plan->unit)
		return -EBUSY;
	if (res->own.usage > plan->own ||
	    (plan->pool && res->pages.usage > plan->pool))
		return -EBUSY;
	list_for_each_entry(item, &res->items, list)
		if (item->pages.usage > item->want_pages ||
		    (item->pages.usage && item->pooled != item->want_pooled) ||
		    item->objects.usage > item->want_objects ||
		    (item->objects.usage && item->weight != item->want_weight))
			return -EBUSY;
	return 0;
}

/* The pages that the plan adds to what the node may draw: a pool is counted once */
static long item_growth(const struct mem_reserve_item *item)
{
	unsigned long before = item->pooled ? 0 : item->pages.limit;
	unsigned long after = item->want_pooled ? 0 : item->want_pages;

	return after - before;
}

/* Takes over the new items, and leaves those that are not wanted any more. */
static void plan_commit(struct mem_reserve_plan *plan)
{
	struct mem_reserve *res = plan->res;
	struct mem_reserve_item *item, *next;

	lockdep_assert_held(&mem_reserve_lock);

	res->unit = plan->unit;
	res->own.limit = plan->own;
	res->pool = plan->pool;
	if (!plan->any)
		list_del_init(&res->any);
	else if (list_empty(&res->any))
		list_add_tail(&res->any, &mem_reserve_anys);

	list_for_each_entry(item, &plan->items, list)
		list_add_tail(&item->all, &mem_reserve_items);
	list_splice_tail_init(&plan->items, &res->items);
	list_for_each_entry_safe(item, next, &res->items, list) {
		limit_add(res, item->order, item_growth(item));
		item->pooled = item->want_pooled;
		item->pages.limit = item->want_pages;
		item->objects.limit = item->want_objects;
		item->weight = item->want_weight;
		if (!item->want_pages) {
			list_move_tail(&item->list, &plan->items);
			list_del(&item->all);
		}
	}
	/* More room than before, or nothing to wait for: let them look. */
	wake_up_all(&res->wait);
}

static int plan_sum(struct list_head *items, unsigned long *pages,
		    unsigned long *by_order)
{
	struct mem_reserve_item *item;

	list_for_each_entry(item, items, list) {
		by_order[item->order] += item_growth(item);
		if (item->want_pooled)
			continue;
		if (check_add_overflow(*pages, item->want_pages, pages) ||
		    *pages > totalram_pages())
			return -ENOMEM;
	}
	return 0;
}

/* The pages that the plan takes on top of what is demanded now */
static int plan_count(struct mem_reserve_plan *plan)
{
	unsigned long pages = 0;

	memset(plan->by_order, 0, sizeof(plan->by_order));
	return plan_sum(&plan->res->items, &pages, plan->by_order) ?:
	       plan_sum(&plan->items, &pages, plan->by_order);
}

/* Items that nobody sees: not taken over, or not wanted any more */
static void plan_end(struct mem_reserve_plan *plan)
{
	struct mem_reserve_item *item, *next;

	list_for_each_entry_safe(item, next, &plan->items, list)
		kfree(item);
}

/*
 * Until it is in force the old demand is, and where that is the larger one
 * draws may have started blocks that the new one counts on for another order.
 */
static int plan_try(struct mem_reserve_plan *plan, bool connected)
{
	int err = plan_check(plan);

	if (err)
		return err;
	if (connected && blocks_missing(plan->by_order))
		return -EAGAIN;
	plan_commit(plan);
	return 0;
}

static int plan_apply(struct mem_reserve_plan *plan)
{
	bool connected = mem_reserve_connected(plan->res);
	int err = plan_count(plan);

	while (!err) {
		if (connected)
			err = blocks_claim(plan->res, plan->by_order, GFP_CLAIM);
		if (err)
			break;
		spin_lock_irq(&mem_reserve_lock);
		err = plan_try(plan, connected);
		spin_unlock_irq(&mem_reserve_lock);
		if (err != -EAGAIN)
			break;
		err = 0;
	}
	return err;
}

/*
 * What is demanded: @nr parts or, if that is 0, bytes or the pages of a pool. An
 * empty demand is one of none of them.
 */
struct mem_reserve_wish {
	const struct mem_reserve_part *parts;
	unsigned int nr;
	unsigned long bytes;
	unsigned long pool;
	bool any;
};

static int plan_fill(struct mem_reserve_plan *plan,
		     const struct mem_reserve_wish *wish)
{
	unsigned int i;
	int err = 0;

	plan_start(plan);
	for (i = 0; !err && i < wish->nr; i++)
		err = plan_part(plan, &wish->parts[i]);
	if (wish->bytes) {
		plan->unit = MEM_RESERVE_BYTES;
		plan->own = wish->bytes;
		plan->any = wish->any;
		err = wish->any ? plan_bytes_any(plan, wish->bytes) :
				  plan_bytes(plan, wish->bytes);
	}
	if (wish->pool) {
		plan->any = true;
		plan->pool = wish->pool;
		err = plan_pool(plan, wish->pool);
	}
	return err;
}

static int plan_set(struct mem_reserve_plan *plan,
		    const struct mem_reserve_wish *wish)
{
	int err = plan_fill(plan, wish) ?: plan_apply(plan);

	plan_end(plan);
	return err;
}

/* What gives all back does not fail for that. */
static int wish_lock(const struct mem_reserve_wish *wish)
{
	unsigned long something = wish->bytes | wish->pool;

	for (unsigned int i = 0; i < wish->nr; i++)
		something |= wish->parts[i].count;
	if (something)
		return shape_lock();
	mutex_lock(&mem_reserve_mutex);
	return 0;
}

static int demand_set_locked(struct mem_reserve *res,
			     const struct mem_reserve_wish *wish, bool *had,
			     bool *has)
{
	struct mem_reserve_plan plan = { .res = res };
	int err;

	lockdep_assert_held(&mem_reserve_mutex);

	*had = res->has_caches;
	*has = *had;
	if (res == &mem_reserve_root || !list_empty(&res->children))
		return -EINVAL;
	err = plan_set(&plan, wish);
	if (!err) {
		*has = plan.caches;
		res->has_caches = plan.caches;
	}
	blocks_trim();
	return err;
}

/*
 * Frees look for reserve slabs from before there can be one until after the
 * last is gone: a node with objects in its demand holds the key. Not under
 * mem_reserve_mutex, since that is taken with cpu_hotplug_lock held when a
 * cache goes.
 */
static int demand_set(struct mem_reserve *res,
		      const struct mem_reserve_wish *wish)
{
	bool had = false, has = false;
	int err;

	static_branch_inc(&slab_reserve_key);
	if (wish->any)
		mutex_lock(&slab_mutex);
	err = wish_lock(wish);
	if (!err) {
		err = demand_set_locked(res, wish, &had, &has);
		mutex_unlock(&mem_reserve_mutex);
	}
	if (wish->any)
		mutex_unlock(&slab_mutex);
	/* One was taken here, and one before if it had; one stays if it has. */
	if (had || !has)
		static_branch_dec(&slab_reserve_key);
	if (had && !has)
		static_branch_dec(&slab_reserve_key);
	return err;
}

/**
 * mem_reserve_parts_set - demand pages and objects of several kinds
 * @res: a node without children
 * @parts: what is demanded; not kept
 * @nr: how many parts
 *
 * The parts are promised all at once, whatever is in use of the others. Parts
 * that the same cache serves are added up before they are converted to pages.
 *
 * Replaces an earlier demand of any kind. If @res is connected the pages are
 * set aside before this returns 0.
 *
 * Context: Process. Sleeps, and reclaims as far as the task's memalloc scope
 * allows. Takes cpu_hotplug_lock for reading.
 * Return: 0; -ENOMEM if the pages cannot be had; -EAGAIN within such a scope if
 * somebody else changes the tree, and not if nothing is demanded; -EBUSY if more
 * is in use than the new demand allows; -EINVAL if @res has children, or for a size that
 * kmalloc() or an order that a reserve does not serve; -EOPNOTSUPP for a cache
 * that cannot have reserve slabs: one whose slabs are freed by RCU, are of a
 * zone for DMA, or take more than an order of %PAGE_ALLOC_COSTLY_ORDER. The
 * old demand is in force then.
 */
int mem_reserve_parts_set(struct mem_reserve *res,
			  const struct mem_reserve_part *parts, unsigned int nr)
{
	struct mem_reserve_wish wish = { .parts = parts, .nr = nr };

	return demand_set(res, &wish);
}
EXPORT_SYMBOL_GPL(mem_reserve_parts_set);
ALLOW_ERROR_INJECTION(mem_reserve_parts_set, ERRNO);

/**
 * mem_reserve_pages_set - demand pages
 * @res: a node without children
 * @pages: how many single pages may be drawn at once; 0 for no demand at all
 *
 * Context: As mem_reserve_parts_set().
 * Return: As mem_reserve_parts_set().
 */
int mem_reserve_pages_set(struct mem_reserve *res, unsigned long pages)
{
	struct mem_reserve_part part = { .count = pages };

	return mem_reserve_parts_set(res, &part, 1);
}
EXPORT_SYMBOL_GPL(mem_reserve_pages_set);
ALLOW_ERROR_INJECTION(mem_reserve_pages_set, ERRNO);

/**
 * mem_reserve_kmem_cache_set - demand objects of a cache
 * @res: a node without children
 * @s: the cache
 * @count: how many objects may be in use at once
 *
 * @count objects take DIV_ROUND_UP(@count, objects per slab) slabs of the
 * cache's minimum order, and no more, since a new one is drawn only when all
 * that are there are full. Debug options that make objects larger are in the
 * cache's own numbers. If the cache is destroyed the demand goes with it.
 *
 * Context: As mem_reserve_parts_set().
 * Return: As mem_reserve_parts_set().
 */
int mem_reserve_kmem_cache_set(struct mem_reserve *res, struct kmem_cache *s,
			       unsigned long count)
{
	struct mem_reserve_part part = { .cache = s, .count = count };

	return mem_reserve_parts_set(res, &part, 1);
}
EXPORT_SYMBOL_GPL(mem_reserve_kmem_cache_set);

/**
 * mem_reserve_kmalloc_set - demand kmalloc()ed objects of one size
 * @res: a node without children
 * @size: in bytes
 * @count: how many may be in use at once
 *
 * As mem_reserve_kmem_cache_set() for the cache that serves the size, or
 * @count runs of the order that kmalloc() takes for a size beyond the caches.
 *
 * Context: As mem_reserve_parts_set().
 * Return: As mem_reserve_parts_set().
 */
int mem_reserve_kmalloc_set(struct mem_reserve *res, size_t size,
			    unsigned long count)
{
	struct mem_reserve_part part = { .size = size, .count = count };

	if (!size)
		return -EINVAL;
	return mem_reserve_parts_set(res, &part, 1);
}
EXPORT_SYMBOL_GPL(mem_reserve_kmalloc_set);

/**
 * mem_reserve_bytes_set - demand kmalloc()ed objects of unknown sizes
 * @res: a node without children
 * @bytes: the most that their sizes, as asked for, may add up to at once
 *
 * For any mix of sizes up to %KMALLOC_MAX_CACHE_SIZE, one after the other and
 * at once. Slabs that objects of one cache keep do not serve another, so this
 * takes about @bytes for each cache that kmalloc() has, and several times as
 * much for the smallest, which may serve one byte each: know the sizes, and
 * use mem_reserve_parts_set(), if you can.
 *
 * Context: As mem_reserve_parts_set().
 * Return: As mem_reserve_parts_set().
 */
int mem_reserve_bytes_set(struct mem_reserve *res, unsigned long bytes)
{
	struct mem_reserve_wish wish = { .bytes = bytes };

	return demand_set(res, &wish);
}
EXPORT_SYMBOL_GPL(mem_reserve_bytes_set);

/**
 * mem_reserve_bytes_any_set - demand objects of any size and any cache
 * @res: a node without children
 * @bytes: the most that their sizes may add up to at once
 *
 * As mem_reserve_bytes_set(), for kmalloc() and all caches that can have
 * reserve slabs, those yet to be created included: the demand is converted
 * anew when a cache comes or goes. If there is no memory for a new cache then
 * the log says so, and it is left out.
 *
 * Context: As mem_reserve_parts_set(). Takes slab_mutex.
 * Return: As mem_reserve_parts_set().
 */
int mem_reserve_bytes_any_set(struct mem_reserve *res, unsigned long bytes)
{
	struct mem_reserve_wish wish = { .bytes = bytes, .any = bytes };

	return demand_set(res, &wish);
}
EXPORT_SYMBOL_GPL(mem_reserve_bytes_any_set);

/**
 * mem_reserve_pool_set - demand pages for whatever they are used for
 * @res: a node without children
 * @pages: how many may be drawn at once; 0 for no demand at all
 *
 * As single pages and as slabs of any cache with slabs of one page, those yet to
 * be created included, in any mix. This is a bound on pages, and no promise of
 * objects: slabs of one cache do not serve another, and those that RCU frees
 * come back late. What is still out when memory is plentiful again is replaced.
 *
 * Context: As mem_reserve_parts_set(). Takes slab_mutex.
 * Return: As mem_reserve_parts_set().
 */
int mem_reserve_pool_set(struct mem_reserve *res, unsigned long pages)
{
	struct mem_reserve_wish wish = { .pool = pages, .any = true };

	return demand_set(res, &wish);
}
EXPORT_SYMBOL_GPL(mem_reserve_pool_set);
ALLOW_ERROR_INJECTION(mem_reserve_pool_set, ERRNO);

/* When memory is short */

static bool node_is_short(struct pglist_data *pgdat)
{
	unsigned int i;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = &pgdat->node_zones[i];

		if (managed_zone(zone) &&
		    zone_page_state(zone, NR_FREE_PAGES) < low_wmark_pages(zone))
			return true;
	}
	return false;
}

/**
 * mem_reserve_reclaiming - is memory being reclaimed?
 *
 * Near this CPU: kswapd is at work, or has given up and is needed. A moment
 * later that may have changed.
 *
 * Context: Any.
 * Return: true if so.
 */
bool mem_reserve_reclaiming(void)
{
	int nid = numa_mem_id();
	struct pglist_data *pgdat;

	if (!node_state(nid, N_MEMORY))
		nid = first_memory_node;
	pgdat = NODE_DATA(nid);
	if (READ_ONCE(pgdat->kswapd_failures) >= MAX_RECLAIM_RETRIES)
		return node_is_short(pgdat);
	/* No barrier: nobody waits here, and it may change at any time. */
	return !waitqueue_active(&pgdat->kswapd_wait);
}

/* Before the OOM killer */

#ifdef CONFIG_SWAP

/* A server that is away for longer may not come back: then somebody is killed. */
#define MEM_RESERVE_SWAPOUT_STALL	(120 * HZ)
/* What is not even on its way may never be: pinned, or no memory to send it. */
#define MEM_RESERVE_SWAPOUT_IDLE	(5 * HZ)
/* Pages, where the allocation cannot have them: less than what is progress */
#define MEM_RESERVE_ANON_ELSEWHERE	SWAP_CLUSTER_MAX

/* What reclaim had got when it last got more, and when; under oom_lock */
static struct {
	unsigned long pages;
	unsigned long since;
	unsigned long asked;
} mem_reserve_swapout;

/* Can the allocation have pages of a node? */
static bool oom_node_allowed(const struct oom_control *oc, int nid)
{
	return node_isset(nid, cpuset_current_mems_allowed) &&
	       (!oc->nodemask || node_isset(nid, *oc->nodemask));
}

/* Of the nodes that the allocation can have pages of */
static unsigned long oom_node_pages(const struct oom_control *oc,
				    enum node_stat_item item)
{
	unsigned long nr = 0;
	int nid;

	for_each_online_node(nid)
		if (oom_node_allowed(oc, nid))
			nr += node_page_state(NODE_DATA(nid), item);
	return nr;
}

/*
 * Is most of what could be reclaimed on its way to swap? What is in the swap
 * cache need not be under writeback, and what is under writeback may be of a
 * file: as many as there are of these on the lists do not count.
 */
static bool mostly_swapout(const struct oom_control *oc)
{
	unsigned long file = oom_node_pages(oc, NR_ACTIVE_FILE) +
			     oom_node_pages(oc, NR_INACTIVE_FILE);
	unsigned long anon = oom_node_pages(oc, NR_ACTIVE_ANON) +
			     oom_node_pages(oc, NR_INACTIVE_ANON);
	unsigned long writeback = oom_node_pages(oc, NR_WRITEBACK);
	unsigned long swapout = min(oom_node_pages(oc, NR_SWAPCACHE),
				    writeback - min(writeback, file));

	return 2 * swapout > anon + file;
}

static bool oom_zone_allowed(const struct oom_control *oc, struct zone *zone)
{
	return zone_idx(zone) <= gfp_zone(oc->gfp_mask) &&
	       oom_node_allowed(oc, zone_to_nid(zone));
}

/* In the zones that the allocation can have pages of, or in the others */
static unsigned long oom_zone_anon(const struct oom_control *oc, bool allowed)
{
	unsigned long nr = 0;
	struct zone *zone;

	for_each_populated_zone(zone)
		if (oom_zone_allowed(oc, zone) == allowed)
			nr += zone_page_state(zone, NR_ZONE_ACTIVE_ANON) +
			      zone_page_state(zone, NR_ZONE_INACTIVE_ANON);
	return nr;
}

/*
 * Can swap take all that is on the lists, and is it worth while? Where it is
 * slower than those who reclaim, each page that it has taken is for one of
 * them, and the others give up within milliseconds.
 */
static bool swap_takes_all(const struct oom_control *oc)
{
	unsigned long anon = oom_zone_anon(oc, true);

	return !oc->order && anon > totalram_pages() / 16 &&
	       get_nr_swap_pages() > (long)anon;
}

/* Pages of processes that reclaim got: what failed to be written is not. */
static unsigned long anon_reclaimed(void)
{
	unsigned long pages = 0;
#ifdef CONFIG_VM_EVENT_COUNTERS
	int cpu;

	/* Of those that are offline as well: no lock, which sleeps */
	for_each_possible_cpu(cpu)
		pages += READ_ONCE(per_cpu(vm_event_states, cpu).event[PGSTEAL_ANON]);
#endif
	return pages;
}

static bool swapout_advances(unsigned long stall)
{
	unsigned long pages = anon_reclaimed();

	if (pages - mem_reserve_swapout.pages >= SWAP_CLUSTER_MAX ||
	    time_after(jiffies, mem_reserve_swapout.asked + MEM_RESERVE_SWAPOUT_STALL)) {
		mem_reserve_swapout.pages = pages;
		mem_reserve_swapout.since = jiffies;
	}
	mem_reserve_swapout.asked = jiffies;
	return time_before(jiffies, mem_reserve_swapout.since + stall);
}

static bool task_dies(void)
{
	return tsk_is_oom_victim(current) || fatal_signal_pending(current) ||
	       current->flags & PF_EXITING;
}

/**
 * mem_reserve_swapout_under_way - will there be memory without a kill?
 * @oc: of the allocation for which reclaim has given up
 *
 * Where nothing bounds how much is written to swap at once, all that could be
 * reclaimed may be under writeback. A process that is killed then gives nothing
 * back before it is written. And where swap is slow, who reclaims may get
 * nothing of what it takes, and gives up, with most of swap free. Without a
 * reserve nobody knows if anything will ever be written; with one there is the
 * memory that it takes.
 *
 * Context: Process, under oom_lock. Does not sleep.
 * Return: true if reclaim is to be tried again, for as long as something is
 * being reclaimed.
 */
bool mem_reserve_swapout_under_way(const struct oom_control *oc)
{
	unsigned long stall;

	if (!mem_reserve_demand() || !(oc->gfp_mask & __GFP_FS) ||
	    oc->gfp_mask & __GFP_NOFAIL || task_dies())
		return false;
	/* What is reclaimed there would count, and be of no use here. */
	if (oom_zone_anon(oc, false) > MEM_RESERVE_ANON_ELSEWHERE)
		return false;
	if (mostly_swapout(oc))
		stall = MEM_RESERVE_SWAPOUT_STALL;
	else if (swap_takes_all(oc))
		stall = MEM_RESERVE_SWAPOUT_IDLE;
	else
		return false;
	return swapout_advances(stall);
}

#endif /* CONFIG_SWAP */

/* Caches that come and go */

static void any_add(struct mem_reserve *res, struct kmem_cache *s)
{
	struct mem_reserve_wish wish = {
		.bytes = res->pool ? 0 : res->own.limit,
		.pool = res->pool ? res->pages.limit : 0,
		.any = true,
	};
	struct mem_reserve_plan plan = { .res = res };
	int err = plan_set(&plan, &wish);

	if (err)
		pr_warn("%s does not cover objects of %s (%pe), free some memory and set it again\n",
			res->name, s->name, ERR_PTR(err));
}

/**
 * mem_reserve_cache_created - a cache was created
 * @s: the cache, now on the list of all caches
 *
 * Context: Process. Sleeps. Takes slab_mutex.
 */
void mem_reserve_cache_created(struct kmem_cache *s)
{
	struct mem_reserve *res;

	if (list_empty(&mem_reserve_anys))
		return;

	guard(mutex)(&slab_mutex);
	guard(mutex)(&mem_reserve_mutex);
	list_for_each_entry(res, &mem_reserve_anys, any)
		any_add(res, s);
	blocks_trim();
}

static bool wants_objects(const struct mem_reserve *res)
{
	const struct mem_reserve_item *item;

	list_for_each_entry(item, &res->items, list)
		if (item->cache)
			return true;
	return false;
}

/* The item goes, whatever is in use of it. Others of its node do not notice. */
static void item_end(struct mem_reserve_item *item)
{
	struct mem_reserve *res = item->res;

	lockdep_assert_held(&mem_reserve_mutex);

	/* As for a node in mem_reserve_disconnect() */
	spin_lock_irq(&mem_reserve_lock);
	item->ending = true;
	spin_unlock_irq(&mem_reserve_lock);
	slab_reserve_adopt(item, ULONG_MAX);
	/* Slabs that are empty, and that RCU has not freed yet */
	pages_pass(item, ULONG_MAX, item->pooled ? page_to_pool : page_orphan);

	spin_lock_irq(&mem_reserve_lock);
	/* What mem_reserve_charge() took is not to be had any more. */
	uncharge_objects(item, item->objects.usage);
	if (!item->pooled)
		limit_add(res, item->order, -item->pages.limit);
	if (res->unit == MEM_RESERVE_OBJECTS)
		res->own.limit -= item->objects.limit;
	list_del(&item->list);
	list_del(&item->all);
	if (!wants_objects(res))
		res->unit = MEM_RESERVE_PAGES;
	wake_up_all(&res->wait);
	spin_unlock_irq(&mem_reserve_lock);
	kfree(item);
}

/**
 * mem_reserve_cache_gone - a cache is being destroyed
 * @s: the cache
 *
 * The demands for its objects end, and slabs that still have some become
 * ordinary ones, about which the destruction will complain.
 *
 * Context: Process, under slab_mutex. Sleeps.
 */
void mem_reserve_cache_gone(struct kmem_cache *s)
{
	struct mem_reserve_item *item, *next;
	bool gone = false;

	guard(mutex)(&mem_reserve_mutex);
	list_for_each_entry_safe(item, next, &mem_reserve_items, all) {
		if (item->cache != s)
			continue;
		item_end(item);
		gone = true;
	}
	if (gone)
		schedule_work(&mem_reserve_trim_work);
}

/**
 * mem_reserve_knob_refused - say why a sysctl of the reserve keeps its value
 * @err: what its handler returned for a write
 * @knob: its name
 * @value: which it keeps
 * @min: the least it takes
 * @max: the most it takes
 *
 * Context: Process.
 * Return: @err.
 */
int mem_reserve_knob_refused(int err, const char *knob, unsigned long value,
			     unsigned long min, unsigned long max)
{
	if (err == -EINVAL || err == -ERANGE)
		pr_warn_ratelimited("%s stays %lu: it takes a number from %lu to %lu\n",
				    knob, value, min, max);
	return err;
}

/* A limit below what is set aside would be none: that has to go first. */
static int max_percent_set(unsigned int value)
{
	unsigned long max = mult_frac(totalram_pages(), value, 100);

	guard(mutex)(&mem_reserve_mutex);

	if (value < mem_reserve_max_percent &&
	    mem_reserve_nr_blocks * pageblock_nr_pages > max) {
		pr_warn("vm.reserve.max_percent stays %u: with %u no more than %lu KB may be set aside, and %lu KB are; lower a demand first\n",
			mem_reserve_max_percent, value, K(max),
			blocks_to_kb(mem_reserve_nr_blocks));
		return -EBUSY;
	}
	WRITE_ONCE(mem_reserve_max_percent, value);
	return 0;
}

static int max_percent_handler(const struct ctl_table *table, int write,
			       void *buffer, size_t *lenp, loff_t *ppos)
{
	unsigned int value = READ_ONCE(mem_reserve_max_percent);
	struct ctl_table copy = *table;
	int err;

	copy.data = &value;
	err = proc_douintvec_minmax(&copy, write, buffer, lenp, ppos);
	if (!write)
		return err;
	if (err)
		return mem_reserve_knob_refused(err, "vm.reserve.max_percent",
						mem_reserve_max_percent, 1, 100);
	return max_percent_set(value);
}

static struct ctl_table mem_reserve_sysctls[] = {
	{
		.procname	= "max_percent",
		.data		= &mem_reserve_max_percent,
		.maxlen		= sizeof(mem_reserve_max_percent),
		.mode		= 0644,
		.proc_handler	= max_percent_handler,
		.extra1		= SYSCTL_ONE,
		.extra2		= SYSCTL_ONE_HUNDRED,
	},
};

static int __init mem_reserve_sysfs_init(void)
{
	unsigned int order;
	int err;

	for (order = 0; order < MEM_RESERVE_ORDERS; order++) {
		item_init(&mem_reserve_orphan_items[order],
			  &mem_reserve_orphans, NULL, order);
		list_add_tail(&mem_reserve_orphan_items[order].list,
			      &mem_reserve_orphans.items);
	}
	register_sysctl("vm/reserve", mem_reserve_sysctls);
	err = dir_add(&mem_reserve_root, mm_kobj);
	if (!err)
		err = mem_reserve_connect(&mem_reserve_orphans,
					  &mem_reserve_root);
	if (err) {
		dir_del(&mem_reserve_root);
		pr_err("no directory in sysfs (%d): nothing can be reserved\n",
		       err);
	}
	return err;
}
subsys_initcall(mem_reserve_sysfs_init);

#if IS_ENABLED(CONFIG_MEM_RESERVE_KUNIT_TEST)
#include "tests/reserve_kunit.c"
#endif
