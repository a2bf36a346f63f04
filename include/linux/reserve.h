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
#include <linux/types.h>
#include <linux/wait.h>

struct kmem_cache;
struct mem_reserve_dir;
struct page;

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
 * struct mem_reserve - a node of the reserve tree
 * @name: its directory in sysfs; not copied, must outlive the node
 * @parent: the node that this one's pages add up into, or %NULL
 * @children: the nodes below
 * @sibling: link in the parent's @children
 * @pages: pages drawn, against the pages that this node and all below demand
 * @objects: objects charged, where the demand is one in objects
 * @cache: the cache those objects come from, or %NULL
 * @wait: those who wait for room at this node
 * @dir: its sysfs directory while it is connected to the root
 *
 * Embed it in whatever makes the promise. All fields belong to mm/reserve.c:
 * the shape (@parent, @children, demands) changes under a mutex, the counts
 * under a spinlock of the tree.
 */
struct mem_reserve {
	const char *name;
	struct mem_reserve *parent;
	struct list_head children;
	struct list_head sibling;
	struct mem_reserve_count pages;
	struct mem_reserve_count objects;
	struct kmem_cache *cache;
	wait_queue_head_t wait;
	struct mem_reserve_dir *dir;
};

#ifdef CONFIG_MEM_RESERVE

extern struct mem_reserve mem_reserve_root;

void mem_reserve_init(struct mem_reserve *res, const char *name);
int mem_reserve_connect(struct mem_reserve *res, struct mem_reserve *parent);
void mem_reserve_disconnect(struct mem_reserve *res);

int mem_reserve_pages_set(struct mem_reserve *res, unsigned long pages);
int mem_reserve_kmalloc_set(struct mem_reserve *res, size_t size,
			    unsigned long count);
int mem_reserve_kmem_cache_set(struct mem_reserve *res, struct kmem_cache *s,
			       unsigned long count);

int mem_reserve_charge(struct mem_reserve *res, unsigned long count, gfp_t gfp);
void mem_reserve_uncharge(struct mem_reserve *res, unsigned long count);

struct page *alloc_pages_reserve(struct mem_reserve *res, gfp_t gfp,
				 unsigned int order);
void free_pages_reserve(struct page *page, unsigned int order);
struct page *mem_reserve_draw_page(struct mem_reserve *res, gfp_t gfp);

void *kmem_cache_alloc_reserve(struct mem_reserve *res, struct kmem_cache *s,
			       gfp_t gfp);

DECLARE_STATIC_KEY_FALSE(slab_reserve_key);
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

#endif /* CONFIG_MEM_RESERVE */
#endif /* _LINUX_RESERVE_H */
