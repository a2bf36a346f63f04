/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory reserves: pages that are set aside beforehand for those who need
 * memory to free memory, and accounted for to the last one.
 *
 * See Documentation/mm/reserve.rst for the shape and the reasons.
 */
#ifndef _LINUX_RESERVE_H
#define _LINUX_RESERVE_H

#include <linux/gfp_types.h>
#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/mmzone.h>
#include <linux/types.h>
#include <linux/wait.h>

struct kmem_cache;
struct mem_reserve_dir;
struct page;

/* Runs of pages are drawn up to PAGE_ALLOC_COSTLY_ORDER. */
#define MEM_RESERVE_ORDERS	(PAGE_ALLOC_COSTLY_ORDER + 1)

/**
 * struct mem_reserve_count - what a node may use of one unit, and uses
 * @limit: the most that may be in use at any moment
 * @usage: what is in use now, never above @limit
 * @peak: the highest @usage since the node was connected
 * @failcnt: charges that were refused for want of room
 */
struct mem_reserve_count {
	unsigned long limit;
	unsigned long usage;
	unsigned long peak;
	unsigned long failcnt;
};

/**
 * enum mem_reserve_unit - what a node's own count counts
 * @MEM_RESERVE_PAGES: pages, there is no other count
 * @MEM_RESERVE_OBJECTS: objects of the caches it names
 * @MEM_RESERVE_BYTES: bytes in objects of sizes not known beforehand
 */
enum mem_reserve_unit {
	MEM_RESERVE_PAGES,
	MEM_RESERVE_OBJECTS,
	MEM_RESERVE_BYTES,
};

/**
 * struct mem_reserve - a node of the reserve tree
 * @name: its directory in sysfs; not copied, must outlive the node
 * @parent: the node that this one's pages add up into, or %NULL
 * @children: the nodes below
 * @sibling: link in the parent's @children
 * @pages: pages drawn, against the pages that this node and all below demand
 * @by_order: that demand by the order in which the pages are drawn
 * @unit: what @own counts
 * @own: objects or bytes charged, if that is what is demanded
 * @items: the demand, line by line
 * @any: link in the list of nodes whose demand covers any cache
 * @pool: its pages serve as single pages and as slabs of any cache
 * @has_caches: frees look for reserve slabs because of this node
 * @leaving: it is being disconnected, and nothing more is charged
 * @knob: the sysctl that makes the demand smaller, for the log, or %NULL: that of
 * the node above. Set it after mem_reserve_init()
 * @wait: those who wait for room at this node
 * @dir: its sysfs directory while it is connected to the root
 *
 * Embed it in whatever makes the promise. All other fields belong to mm/reserve.c:
 * the shape (@parent, @children, demands) changes under a mutex, the counts
 * under a spinlock of the tree.
 */
struct mem_reserve {
	const char *name;
	struct mem_reserve *parent;
	struct list_head children;
	struct list_head sibling;
	struct mem_reserve_count pages;
	unsigned long by_order[MEM_RESERVE_ORDERS];
	enum mem_reserve_unit unit;
	struct mem_reserve_count own;
	struct list_head items;
	struct list_head any;
	bool pool;
	bool has_caches;
	bool leaving;
	const char *knob;
	wait_queue_head_t wait;
	struct mem_reserve_dir *dir;
};

/**
 * struct mem_reserve_part - one part of a demand made of several
 * @cache: objects of this cache, or
 * @size: if @cache is %NULL, kmalloc()ed objects of so many bytes, or
 * @order: if @size is 0 too, runs of 1 << @order pages
 * @count: how many may be in use at once
 */
struct mem_reserve_part {
	struct kmem_cache *cache;
	size_t size;
	unsigned int order;
	unsigned long count;
};

#ifdef CONFIG_MEM_RESERVE

extern struct mem_reserve mem_reserve_root;

/* mm/tests/reserve_kunit.c: as who changes the tree, and is in reclaim for that */
void mem_reserve_test_hold(bool hold);

void mem_reserve_init(struct mem_reserve *res, const char *name);
int mem_reserve_connect(struct mem_reserve *res, struct mem_reserve *parent);
void mem_reserve_disconnect(struct mem_reserve *res);

int mem_reserve_pages_set(struct mem_reserve *res, unsigned long pages);
int mem_reserve_kmalloc_set(struct mem_reserve *res, size_t size,
			    unsigned long count);
int mem_reserve_kmem_cache_set(struct mem_reserve *res, struct kmem_cache *s,
			       unsigned long count);
int mem_reserve_parts_set(struct mem_reserve *res,
			  const struct mem_reserve_part *parts,
			  unsigned int nr);
int mem_reserve_bytes_set(struct mem_reserve *res, unsigned long bytes);
int mem_reserve_bytes_any_set(struct mem_reserve *res, unsigned long bytes);
int mem_reserve_pool_set(struct mem_reserve *res, unsigned long pages);

int mem_reserve_charge(struct mem_reserve *res, unsigned long count, gfp_t gfp);
void mem_reserve_uncharge(struct mem_reserve *res, unsigned long count);

struct page *alloc_pages_reserve(struct mem_reserve *res, gfp_t gfp,
				 unsigned int order);
void free_pages_reserve(struct page *page, unsigned int order);
struct page *mem_reserve_draw_page(struct mem_reserve *res, gfp_t gfp);
int mem_reserve_move_page(struct page *page, struct mem_reserve *to);

void *kmem_cache_alloc_reserve(struct mem_reserve *res, struct kmem_cache *s,
			       gfp_t gfp);
void kmem_cache_free_reserve(struct kmem_cache *s, void *object);
void *kmalloc_reserve(struct mem_reserve *res, size_t size, gfp_t gfp);
void kfree_reserve(const void *object);

bool mem_reserve_reclaiming(void);
int mem_reserve_knob_refused(int err, const char *knob, unsigned long value,
			     unsigned long min, unsigned long max);

/* What storage daemons draw on: see mm/reserve_daemon.c */
DECLARE_STATIC_KEY_FALSE(mem_reserve_daemon_key);
extern struct mem_reserve mem_reserve_daemons;
bool mem_reserve_task_is_daemon(void);

DECLARE_STATIC_KEY_MAYBE(CONFIG_SLUB_DEBUG_ON, slab_reserve_key);
bool __slab_reserve_object(const void *object);

/**
 * slab_reserve_object - does an object belong to a reserve slab?
 * @object: an object of any cache
 *
 * Then it is not to be kept for reuse.
 *
 * Context: Any.
 * Return: true if it does.
 */
static inline bool slab_reserve_object(const void *object)
{
	return static_branch_unlikely(&slab_reserve_key) &&
	       __slab_reserve_object(object);
}

#else

static inline bool slab_reserve_object(const void *object)
{
	return false;
}

#endif /* CONFIG_MEM_RESERVE */
#endif /* _LINUX_RESERVE_H */
