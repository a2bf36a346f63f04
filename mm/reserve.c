// SPDX-License-Identifier: GPL-2.0
/*
 * Memory reserves: pages set aside for those who need memory to free memory.
 *
 * A tree of nodes states demands; they add up to the root, and as many whole
 * pageblocks as that takes are claimed and marked MIGRATE_RESERVE. No fallback
 * list leads there, their free pages are not in NR_FREE_PAGES, and the only
 * way to one of them is mem_reserve_draw(), which charges it first.
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
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/hashtable.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page-isolation.h>
#include <linux/reserve.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "internal.h"
#include "slab.h"

#define CREATE_TRACE_POINTS
#include <trace/events/reserve.h>

/**
 * struct mem_reserve_block - a claimed pageblock
 * @list: link in mem_reserve_blocks, or in a list of blocks in transit
 * @hash: link in mem_reserve_hash, by pageblock number
 * @page: its first page
 * @used: pages of it that are drawn
 * @owner: for each page the node it was drawn for, or %NULL
 *
 * All but @list of a block in transit is under mem_reserve_lock.
 */
struct mem_reserve_block {
	struct list_head list;
	struct hlist_node hash;
	struct page *page;
	unsigned int used;
	struct mem_reserve *owner[];
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

static void mem_reserve_trim_fn(struct work_struct *work);
static DECLARE_WORK(mem_reserve_trim_work, mem_reserve_trim_fn);

#define MEM_RESERVE_INIT(_node, _name) {			\
	.name = _name,						\
	.children = LIST_HEAD_INIT(_node.children),		\
	.sibling = LIST_HEAD_INIT(_node.sibling),		\
	.wait = __WAIT_QUEUE_HEAD_INITIALIZER(_node.wait),	\
}

/* The node whose pages are those set aside */
struct mem_reserve mem_reserve_root = MEM_RESERVE_INIT(mem_reserve_root,
						       "reserve");
EXPORT_SYMBOL_GPL(mem_reserve_root);

/*
 * Pages that are still in use when their node is disconnected are charged
 * here, so that they do not shorten what the others were promised. The limit
 * follows the usage.
 */
static struct mem_reserve mem_reserve_orphans =
	MEM_RESERVE_INIT(mem_reserve_orphans, "orphans");

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

static bool mem_reserve_connected(const struct mem_reserve *res)
{
	return mem_reserve_below(res, &mem_reserve_root);
}

/* Does the demand of @res count objects, rather than pages? */
static bool mem_reserve_has_objects(const struct mem_reserve *res)
{
	return res->objects.limit;
}

/* Does any node from @top down demand objects of a cache? */
static bool wants_objects(struct mem_reserve *top)
{
	struct mem_reserve *pos;

	for_each_mem_reserve(pos, top)
		if (pos->cache)
			return true;
	return false;
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
	 * that we hold to look for room, see mem_reserve_room().
	 */
	if (waitqueue_active(&res->wait))
		wake_up_all(&res->wait);
}

static int count_refuse(struct mem_reserve *res,
			struct mem_reserve_count *count, unsigned long nr)
{
	count->failcnt++;
	trace_mem_reserve_fail(res, count, nr);
	return nr > count->limit ? -EINVAL : -ENOMEM;
}

/* Take @nr pages at @res and at every node above it, or at none. */
static int charge_pages(struct mem_reserve *res, unsigned long nr)
{
	struct mem_reserve *pos;

	lockdep_assert_held(&mem_reserve_lock);

	if (!mem_reserve_connected(res))
		return -ENODEV;
	for (pos = res; pos; pos = pos->parent)
		if (!count_has_room(&pos->pages, nr))
			return count_refuse(pos, &pos->pages, nr);
	for (pos = res; pos; pos = pos->parent)
		count_add(pos, &pos->pages, nr);
	return 0;
}

static void uncharge_pages(struct mem_reserve *res, unsigned long nr)
{
	struct mem_reserve *pos;

	lockdep_assert_held(&mem_reserve_lock);

	for (pos = res; pos; pos = pos->parent)
		count_sub(pos, &pos->pages, nr);
}

static int charge_objects(struct mem_reserve *res, unsigned long nr)
{
	lockdep_assert_held(&mem_reserve_lock);

	if (!mem_reserve_connected(res))
		return -ENODEV;
	if (!count_has_room(&res->objects, nr))
		return count_refuse(res, &res->objects, nr);
	count_add(res, &res->objects, nr);
	return 0;
}

/* Change what @res and every node above it may use. */
static void limit_add(struct mem_reserve *res, long nr)
{
	lockdep_assert_held(&mem_reserve_lock);

	for (; res; res = res->parent)
		res->pages.limit += nr;
}

/* Blocks */

/* Blocks that hold @pages */
static unsigned long pages_to_blocks(unsigned long pages)
{
	return DIV_ROUND_UP(pages, pageblock_nr_pages);
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
static struct mem_reserve **block_owner(struct mem_reserve_block *block,
					unsigned long pfn)
{
	return &block->owner[pfn - page_to_pfn(block->page)];
}

/*
 * A demand may be refused, so this neither invokes the OOM killer nor takes
 * what is below the watermarks. alloc_contig_pages() cannot be told so, and it
 * waits for writeback whatever the flags say: not where I/O is not allowed.
 */
static struct page *block_alloc_pages(void)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	struct page *page;

	page = alloc_pages(gfp | __GFP_NOMEMALLOC | __GFP_RETRY_MAYFAIL,
			   pageblock_order);
#ifdef CONFIG_CONTIG_ALLOC
	if (!page && !(current->flags & PF_MEMALLOC) &&
	    current_gfp_context(gfp) & __GFP_IO)
		page = alloc_contig_pages(pageblock_nr_pages, gfp,
					  numa_mem_id(), NULL);
#endif
	return page;
}

static struct mem_reserve_block *block_alloc(void)
{
	struct mem_reserve_block *block;

	block = kvzalloc(struct_size(block, owner, pageblock_nr_pages),
			 GFP_KERNEL | __GFP_NOMEMALLOC | __GFP_RETRY_MAYFAIL |
			 __GFP_NOWARN);
	if (!block)
		return NULL;
	block->page = block_alloc_pages();
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

/* Make the pages of a block reserve pages: from here on they are ours. */
static void block_claim(struct mem_reserve_block *block)
{
	set_pageblock_migratetype(block->page, MIGRATE_RESERVE);

	spin_lock_irq(&mem_reserve_lock);
	hash_add(mem_reserve_hash, &block->hash,
		 page_to_pfn(block->page) >> pageblock_order);
	list_add_tail(&block->list, &mem_reserve_blocks);
	mem_reserve_nr_blocks++;
	spin_unlock_irq(&mem_reserve_lock);

	block_free_pages(block);
}

/*
 * Claim blocks until they hold @pages. All or none: the pages are allocated
 * first, and become a reserve only when the last of them is there.
 */
static int blocks_claim(unsigned long pages)
{
	struct mem_reserve_block *block, *next;
	unsigned long want = pages_to_blocks(pages);
	unsigned long i;
	LIST_HEAD(blocks);

	lockdep_assert_held(&mem_reserve_mutex);

	for (i = mem_reserve_nr_blocks; i < want; i++) {
		block = block_alloc();
		if (!block) {
			pr_warn("cannot set aside %lu pages: %lu of %lu pageblocks of %lu KB to be had; free some memory or ask for less\n",
				pages, i, want,
				pageblock_nr_pages << (PAGE_SHIFT - 10));
			blocks_free(&blocks);
			return -ENOMEM;
		}
		list_add(&block->list, &blocks);
	}
	list_for_each_entry_safe(block, next, &blocks, list)
		block_claim(block);
	return 0;
}

/* Pages demanded, those of nodes that are gone left out */
static unsigned long mem_reserve_demand(void)
{
	return mem_reserve_root.pages.limit - mem_reserve_orphans.pages.limit;
}

static bool blocks_in_surplus(void)
{
	lockdep_assert_held(&mem_reserve_lock);

	return mem_reserve_nr_blocks >
	       pages_to_blocks(mem_reserve_root.pages.limit);
}

/*
 * Nobody demands anything any more: the pages still out belong to whoever has
 * them, like any other page.
 */
static void orphans_adopt(void)
{
	unsigned long nr = mem_reserve_orphans.pages.usage;

	lockdep_assert_held(&mem_reserve_lock);

	uncharge_pages(&mem_reserve_orphans, nr);
	limit_add(&mem_reserve_orphans, -nr);
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
		orphans_adopt();
	while (blocks_in_surplus()) {
		block = block_spare(last);
		if (!block)
			break;	/* mem_reserve_put() will call us again */
		reserve_release_block(block->page);
		hash_del(&block->hash);
		list_move(&block->list, &spare);
		mem_reserve_nr_blocks--;
	}
	spin_unlock_irq(&mem_reserve_lock);

	list_for_each_entry_safe(block, next, &spare, list)
		kvfree(block);
	if (!wants_objects(&mem_reserve_root))
		slab_reserve_disable();
}

static void mem_reserve_trim_fn(struct work_struct *work)
{
	guard(mutex)(&mem_reserve_mutex);
	blocks_trim();
}

/* Drawing pages and getting them back */

static void owners_set(struct page *page, unsigned int order,
		       struct mem_reserve *res)
{
	unsigned long pfn = page_to_pfn(page);
	struct mem_reserve_block *block = block_find(pfn);
	unsigned long i;

	if (WARN_ON_ONCE(!block))
		return;
	for (i = 0; i < 1UL << order; i++)
		*block_owner(block, pfn + i) = res;
	block->used += 1 << order;
}

/* Whose page is it? Clears the entries, and returns NULL for nobody's. */
static struct mem_reserve *owners_clear(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);
	struct mem_reserve_block *block = block_find(pfn);
	struct mem_reserve *res;
	unsigned long i;

	if (!block)
		return NULL;
	res = *block_owner(block, pfn);
	if (!res)
		return NULL;
	for (i = 0; i < 1UL << order; i++)
		*block_owner(block, pfn + i) = NULL;
	block->used -= 1 << order;
	return res;
}

/**
 * mem_reserve_draw - take pages from the reserve, charged
 * @res: the node they are for
 * @gfp: must include %__GFP_MEMALLOC; zone and %__GFP_COMP, %__GFP_ZERO are
 *	heeded, reclaim flags are not: this neither reclaims nor waits
 * @order: at most %PAGE_ALLOC_COSTLY_ORDER
 *
 * The last step of alloc_pages_reserve() and of a reserve slab, and all there
 * is that takes a page of type %MIGRATE_RESERVE. The pages are marked
 * pfmemalloc; freeing them, in whatever way, uncharges them.
 *
 * Context: Any but NMI. Takes mem_reserve_lock and zone locks.
 * Return: the pages, or %NULL if @res has no room or no block has a free run
 * of that order.
 */
struct page *mem_reserve_draw(struct mem_reserve *res, gfp_t gfp,
			      unsigned int order)
{
	struct page *page = NULL;
	unsigned long flags;

	if (WARN_ON_ONCE(!(gfp & __GFP_MEMALLOC) || in_nmi() ||
			 order > PAGE_ALLOC_COSTLY_ORDER))
		return NULL;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	if (!charge_pages(res, 1UL << order)) {
		page = reserve_take_pages(gfp, order);
		if (page) {
			owners_set(page, order, res);
			trace_mem_reserve_draw(res, page_to_pfn(page), order,
					       gfp);
		} else {
			uncharge_pages(res, 1UL << order);
		}
	}
	spin_unlock_irqrestore(&mem_reserve_lock, flags);

	if (page)
		reserve_prep_pages(page, order, gfp);
	return page;
}

/**
 * mem_reserve_draw_page - take one page from the reserve, charged
 * @res: the node it is for
 * @gfp: %__GFP_MEMALLOC is implied
 *
 * For a caller whose ordinary allocation has failed already, like the refill
 * of a receive ring; others use alloc_pages_reserve().
 *
 * Context: Any but NMI. Does not sleep.
 * Return: the page, or %NULL.
 */
struct page *mem_reserve_draw_page(struct mem_reserve *res, gfp_t gfp)
{
	return mem_reserve_draw(res, gfp | __GFP_MEMALLOC, 0);
}
EXPORT_SYMBOL_GPL(mem_reserve_draw_page);

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
	struct mem_reserve *res;
	unsigned long flags;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	res = owners_clear(page, order);
	reserve_return_pages(page, order);
	if (res) {
		uncharge_pages(res, 1UL << order);
		if (res == &mem_reserve_orphans)
			limit_add(res, -(1L << order));
		if (blocks_in_surplus())
			schedule_work(&mem_reserve_trim_work);
	}
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
}

/*
 * Is there room for @nr more, or is it pointless to wait for any? A node's
 * limit is the sum of those below it, so if anybody is full then @res is.
 */
static bool mem_reserve_room(struct mem_reserve *res, unsigned long nr,
			     bool objects)
{
	struct mem_reserve_count *count = objects ? &res->objects : &res->pages;
	bool room;

	spin_lock_irq(&mem_reserve_lock);
	room = !mem_reserve_connected(res) || nr > count->limit ||
	       count_has_room(count, nr);
	spin_unlock_irq(&mem_reserve_lock);
	return room;
}

static int mem_reserve_wait(struct mem_reserve *res, unsigned long nr,
			    bool objects)
{
	return wait_event_killable(res->wait,
				   mem_reserve_room(res, nr, objects));
}

/* How to ask for memory before a reserve is touched */
static gfp_t gfp_before_reserve(gfp_t gfp)
{
	gfp &= ~(__GFP_MEMALLOC | __GFP_NOFAIL);
	gfp |= __GFP_NOMEMALLOC | __GFP_NOWARN;
	if (gfpflags_allow_blocking(gfp))
		gfp |= __GFP_NORETRY;
	return gfp;
}

/**
 * alloc_pages_reserve - allocate pages, from the reserve if need be
 * @res: the node to charge, connected for as long as the call lasts
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
	bool room, had_room = false;
	struct page *page;

	do {
		page = alloc_pages(gfp_before_reserve(gfp), order);
		if (!page)
			page = mem_reserve_draw(res, gfp | __GFP_MEMALLOC,
						order);
		if (page || !gfpflags_allow_blocking(gfp))
			return page;
		/* Room, but no run of pages: what comes back may not help. */
		room = mem_reserve_room(res, 1UL << order, false);
		if (room && had_room)
			return NULL;
		had_room = room;
	} while (room || !mem_reserve_wait(res, 1UL << order, false));
	return NULL;
}
EXPORT_SYMBOL_GPL(alloc_pages_reserve);

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

/**
 * kmem_cache_alloc_reserve - allocate an object, from the reserve if need be
 * @res: a node that mem_reserve_kmem_cache_set() gave a demand of @s
 * @s: the cache
 * @gfp: as for kmem_cache_alloc(); %__GFP_MEMALLOC is implied
 *
 * Tries an ordinary allocation first, then takes an object of a reserve slab,
 * charged to @res. If @gfp may block it waits for room. Free the object with
 * kmem_cache_free(): it knows by its slab that it is charged.
 *
 * Context: Any but NMI; sleeps if @gfp allows it.
 * Return: the object, or %NULL.
 */
void *kmem_cache_alloc_reserve(struct mem_reserve *res, struct kmem_cache *s,
			       gfp_t gfp)
{
	void *object;

	object = kmem_cache_alloc(s, gfp_before_reserve(gfp));
	if (object)
		return object;
	/* Not that of the node, or not any more */
	if (READ_ONCE(res->cache) != s)
		return NULL;
	if (mem_reserve_charge(res, 1, gfp))
		return NULL;
	object = slab_reserve_alloc(s, res, gfp | __GFP_MEMALLOC);
	if (!object)
		mem_reserve_uncharge(res, 1);
	return object;
}
EXPORT_SYMBOL_GPL(kmem_cache_alloc_reserve);

/* The node that a page was drawn for, or NULL */
static struct mem_reserve *page_owner_node(struct page *page)
{
	unsigned long pfn = page_to_pfn(page);
	struct mem_reserve_block *block = block_find(pfn);

	return block ? *block_owner(block, pfn) : NULL;
}

/**
 * mem_reserve_owns - was a page drawn for a node?
 * @res: the node
 * @page: a page drawn from the reserve, and not given back
 *
 * For mm/slub.c: only its own node's charge pays for an object of a slab.
 *
 * Context: Any but NMI. Takes mem_reserve_lock.
 * Return: true if it was, and @res has not been disconnected since.
 */
bool mem_reserve_owns(struct mem_reserve *res, struct page *page)
{
	unsigned long flags;
	bool owns;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	owns = page_owner_node(page) == res;
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
	return owns;
}

/**
 * mem_reserve_put_objects - uncharge objects of a reserve slab
 * @page: the slab's first page, not yet given back
 * @nr: how many
 *
 * For mm/slub.c. Objects of a node that was disconnected are nobody's.
 *
 * Context: Any but NMI. Takes mem_reserve_lock.
 */
void mem_reserve_put_objects(struct page *page, unsigned long nr)
{
	struct mem_reserve *res;
	unsigned long flags;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	res = page_owner_node(page);
	if (res && mem_reserve_has_objects(res))
		count_sub(res, &res->objects, nr);
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
}

/**
 * mem_reserve_charge - charge a node without drawing
 * @res: the node
 * @count: in the node's own unit: objects if its demand is one in objects,
 *	else pages, which are charged at every node up to the root
 * @gfp: whether to wait for room
 *
 * For what is promised but allocated elsewhere. The allocating functions
 * charge by themselves.
 *
 * Context: Any but NMI; sleeps if @gfp allows it and there is no room.
 * Return: 0; -ENOMEM without room; -EINVAL if @count is above the limit, so
 * that there can never be room; -ENODEV if @res is not connected; -ERESTARTSYS
 * if a fatal signal ended the wait. Nothing is charged then.
 */
int mem_reserve_charge(struct mem_reserve *res, unsigned long count, gfp_t gfp)
{
	unsigned long flags;
	bool objects;
	int err;

	might_sleep_if(gfpflags_allow_blocking(gfp));
	do {
		spin_lock_irqsave(&mem_reserve_lock, flags);
		objects = mem_reserve_has_objects(res);
		err = objects ? charge_objects(res, count) :
				charge_pages(res, count);
		spin_unlock_irqrestore(&mem_reserve_lock, flags);
		if (err != -ENOMEM || !gfpflags_allow_blocking(gfp))
			return err;
		err = mem_reserve_wait(res, count, objects);
	} while (!err);
	return err;
}
EXPORT_SYMBOL_GPL(mem_reserve_charge);

/**
 * mem_reserve_uncharge - give back what mem_reserve_charge() took
 * @res: the node
 * @count: in the node's own unit
 *
 * To be called when the memory is back, not before. Disconnecting a node ends
 * its charges: for one that is not connected this does nothing.
 *
 * Context: Any but NMI. Takes mem_reserve_lock.
 */
void mem_reserve_uncharge(struct mem_reserve *res, unsigned long count)
{
	unsigned long flags;

	spin_lock_irqsave(&mem_reserve_lock, flags);
	if (mem_reserve_connected(res)) {
		if (mem_reserve_has_objects(res))
			count_sub(res, &res->objects, count);
		else
			uncharge_pages(res, count);
	}
	spin_unlock_irqrestore(&mem_reserve_lock, flags);
}
EXPORT_SYMBOL_GPL(mem_reserve_uncharge);

/* sysfs */

#define to_dir(_kobj) container_of(_kobj, struct mem_reserve_dir, kobj)

/* The count in the node's own unit */
static struct mem_reserve_count *own_count(struct mem_reserve *res)
{
	return mem_reserve_has_objects(res) ? &res->objects : &res->pages;
}

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

static ssize_t unit_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	struct mem_reserve *res;
	bool objects;

	spin_lock_irq(&mem_reserve_lock);
	res = to_dir(kobj)->res;
	objects = res && mem_reserve_has_objects(res);
	spin_unlock_irq(&mem_reserve_lock);
	return sysfs_emit(buf, "%s\n", objects ? "objects" : "pages");
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
 * It demands nothing and is connected to nothing.
 */
void mem_reserve_init(struct mem_reserve *res, const char *name)
{
	memset(res, 0, sizeof(*res));
	res->name = name;
	INIT_LIST_HEAD(&res->children);
	INIT_LIST_HEAD(&res->sibling);
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
		pos->objects.peak = 0;
		pos->objects.failcnt = 0;
	}
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
 * Return: 0; -ENOMEM if the pages cannot be had; -EBUSY if @res has a parent
 * already; -EEXIST if @parent has a child of that name; -ELOOP if @parent is
 * below @res; -EINVAL if @parent has a demand of its own, which only leaves
 * may have. Nothing has changed then.
 */
int mem_reserve_connect(struct mem_reserve *res, struct mem_reserve *parent)
{
	bool real;
	int err;

	guard(mutex)(&mem_reserve_mutex);

	if (res->parent || res == &mem_reserve_root)
		return -EBUSY;
	if (mem_reserve_below(parent, res))
		return -ELOOP;
	if (list_empty(&parent->children) && parent->pages.limit)
		return -EINVAL;
	if (name_taken(parent, res->name))
		return -EEXIST;

	real = mem_reserve_connected(parent);
	if (real) {
		err = blocks_claim(mem_reserve_root.pages.limit +
				   res->pages.limit);
		if (err)
			return err;
		err = dirs_add(res, parent);
		if (err) {
			blocks_trim();
			return err;
		}
		if (wants_objects(res))
			slab_reserve_enable();
	}

	spin_lock_irq(&mem_reserve_lock);
	counts_reset(res);
	list_add_tail(&res->sibling, &parent->children);
	res->parent = parent;
	limit_add(parent, res->pages.limit);
	spin_unlock_irq(&mem_reserve_lock);
	return 0;
}
EXPORT_SYMBOL_GPL(mem_reserve_connect);

/* The pages that nodes from @top down have out become orphans. */
static void owners_orphan(struct mem_reserve *top)
{
	struct mem_reserve_block *block;
	struct mem_reserve **owner;
	unsigned long i;

	lockdep_assert_held(&mem_reserve_lock);

	list_for_each_entry(block, &mem_reserve_blocks, list) {
		for (i = 0; block->used && i < pageblock_nr_pages; i++) {
			owner = &block->owner[i];
			if (!*owner || !mem_reserve_below(*owner, top))
				continue;
			uncharge_pages(*owner, 1);
			limit_add(&mem_reserve_orphans, 1);
			charge_pages(&mem_reserve_orphans, 1);
			*owner = &mem_reserve_orphans;
		}
	}
}

/* All charges of @top and the nodes below it end. */
static void charges_end(struct mem_reserve *top)
{
	unsigned long nr = top->pages.usage;
	struct mem_reserve *pos;

	lockdep_assert_held(&mem_reserve_lock);

	if (nr)
		uncharge_pages(top->parent, nr);
	for_each_mem_reserve(pos, top) {
		pos->pages.usage = 0;
		pos->objects.usage = 0;
		wake_up_all(&pos->wait);
	}
}

/**
 * mem_reserve_disconnect - take a node and all below it out of the tree
 * @res: the node; nothing happens if it has no parent
 *
 * The pages set aside for it are given back. Those still in use are given back
 * when they are freed, and until then do not count against anybody else;
 * objects likewise. Charges end, and whoever waits for room is woken and gets
 * -ENODEV. The caller sees to it that no draw for the node is under way.
 *
 * Context: Process. Sleeps, does not allocate.
 */
void mem_reserve_disconnect(struct mem_reserve *res)
{
	guard(mutex)(&mem_reserve_mutex);

	if (!res->parent)
		return;
	dirs_del(res);

	spin_lock_irq(&mem_reserve_lock);
	if (mem_reserve_connected(res) && res->pages.usage)
		owners_orphan(res);
	charges_end(res);
	limit_add(res->parent, -res->pages.limit);
	list_del_init(&res->sibling);
	res->parent = NULL;
	spin_unlock_irq(&mem_reserve_lock);

	blocks_trim();
}
EXPORT_SYMBOL_GPL(mem_reserve_disconnect);

/* Demands */

static int demand_check(struct mem_reserve *res, unsigned long pages,
			unsigned long objects, struct kmem_cache *s)
{
	if (res == &mem_reserve_root || !list_empty(&res->children))
		return -EINVAL;
	if (pages > totalram_pages())
		return -ENOMEM;
	if (res->pages.usage > pages || res->objects.usage > objects)
		return -EBUSY;
	/* What is out must come back to the count it was taken from. */
	if ((res->pages.usage || res->objects.usage) &&
	    (res->cache != s || !objects != !res->objects.limit))
		return -EBUSY;
	return 0;
}

static int demand_set(struct mem_reserve *res, unsigned long pages,
		      unsigned long objects, struct kmem_cache *s)
{
	long delta;
	int err = 0;

	guard(mutex)(&mem_reserve_mutex);

	delta = pages - res->pages.limit;
	if (delta > 0 && pages <= totalram_pages() &&
	    mem_reserve_connected(res))
		err = blocks_claim(mem_reserve_root.pages.limit + delta);
	if (err)
		return err;
	if (s)
		slab_reserve_enable();

	spin_lock_irq(&mem_reserve_lock);
	err = demand_check(res, pages, objects, s);
	if (!err) {
		limit_add(res, delta);
		res->objects.limit = objects;
		WRITE_ONCE(res->cache, s);
		/* More room than before: let those who wait for it look. */
		wake_up_all(&res->wait);
	}
	spin_unlock_irq(&mem_reserve_lock);

	blocks_trim();
	return err;
}

/**
 * mem_reserve_pages_set - demand pages
 * @res: a node without children
 * @pages: how many single pages may be drawn at once
 *
 * Replaces an earlier demand of any kind. If @res is connected the pages are
 * set aside before this returns 0.
 *
 * Context: Process. Sleeps, and reclaims as far as the task's memalloc scope
 * allows.
 * Return: 0; -ENOMEM if the pages cannot be had; -EBUSY if more is in use than
 * the new demand allows; -EINVAL if @res has children. The old demand is in
 * force then.
 */
int mem_reserve_pages_set(struct mem_reserve *res, unsigned long pages)
{
	return demand_set(res, pages, 0, NULL);
}
EXPORT_SYMBOL_GPL(mem_reserve_pages_set);

/**
 * mem_reserve_kmem_cache_set - demand objects of a cache
 * @res: a node without children
 * @s: the cache
 * @count: how many objects may be in use at once
 *
 * @count objects take DIV_ROUND_UP(@count, objects per slab) slabs of the
 * cache's minimum order, and no more, since a new one is drawn only when all
 * that are there are full. Debug options that make objects larger are in the
 * cache's own numbers. Otherwise as mem_reserve_pages_set().
 *
 * Context: Process. Sleeps and reclaims like mem_reserve_pages_set().
 * Return: As mem_reserve_pages_set(), and -EOPNOTSUPP for a cache that cannot
 * have reserve slabs: one with debug options or memory cgroup accounting, one
 * whose slabs are freed by RCU or take more than an order of
 * %PAGE_ALLOC_COSTLY_ORDER, and any with CONFIG_SLUB_TINY.
 */
int mem_reserve_kmem_cache_set(struct mem_reserve *res, struct kmem_cache *s,
			       unsigned long count)
{
	if (!count)
		return demand_set(res, 0, 0, NULL);
	if (!slab_reserve_supports(s))
		return -EOPNOTSUPP;
	return demand_set(res, slab_reserve_pages(s, count), count, s);
}
EXPORT_SYMBOL_GPL(mem_reserve_kmem_cache_set);

/**
 * mem_reserve_kmalloc_set - demand kmalloc()ed objects of one size
 * @res: a node without children
 * @size: in bytes
 * @count: how many may be in use at once
 *
 * As mem_reserve_kmem_cache_set() for the cache that serves the size, or
 * @count times the order that kmalloc() takes for a size beyond the caches.
 *
 * Context: Process. Sleeps and reclaims like mem_reserve_pages_set().
 * Return: As mem_reserve_pages_set(), and -EINVAL for a @size that kmalloc()
 * does not serve.
 */
int mem_reserve_kmalloc_set(struct mem_reserve *res, size_t size,
			    unsigned long count)
{
	unsigned long pages;

	if (!size || size > KMALLOC_MAX_SIZE)
		return -EINVAL;
	if (size <= KMALLOC_MAX_CACHE_SIZE)
		return mem_reserve_kmem_cache_set(res,
				kmalloc_slab(size, NULL, GFP_KERNEL, _RET_IP_),
				count);
	if (check_shl_overflow(count, get_order(size), &pages))
		return -ENOMEM;
	return demand_set(res, pages, count, NULL);
}
EXPORT_SYMBOL_GPL(mem_reserve_kmalloc_set);

static int __init mem_reserve_sysfs_init(void)
{
	int err = dir_add(&mem_reserve_root, mm_kobj);

	if (!err)
		err = mem_reserve_connect(&mem_reserve_orphans,
					  &mem_reserve_root);
	if (err)
		pr_err("no directory in sysfs (%d): nothing can be reserved\n",
		       err);
	return err;
}
subsys_initcall(mem_reserve_sysfs_init);

#if IS_ENABLED(CONFIG_MEM_RESERVE_KUNIT_TEST)
#include "tests/reserve_kunit.c"
#endif
