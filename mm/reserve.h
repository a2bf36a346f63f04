/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the tree (mm/reserve.c), its slabs (mm/reserve_slub.c) and the page
 * allocator. What others may use is in include/linux/reserve.h.
 */
#ifndef _MM_RESERVE_H
#define _MM_RESERVE_H

#include <linux/list.h>
#include <linux/mmzone.h>
#include <linux/reserve.h>
#include <linux/types.h>

struct oom_control;

#ifdef CONFIG_MEM_RESERVE

/**
 * struct mem_reserve_item - one line of a node's demand
 * @list: link in the node's @items
 * @all: link in the list of all items
 * @res: the node
 * @cache: objects of this cache are promised, or %NULL: runs of pages
 * @order: pages are drawn in runs of this order
 * @weight: what one object takes of the node's own count
 * @pooled: its pages are part of a pool, and so bounded by the node's limit
 * @ending: the cache goes, and nothing more is charged
 * @pages: pages drawn for the item
 * @objects: objects of @cache
 * @slabs: reserve slabs with objects to be had, under slab_reserve_lock
 * @full: reserve slabs without, likewise
 * @want_pages: the limit of @pages to be, while a demand is being set
 * @want_objects: likewise of @objects
 * @want_weight: likewise @weight
 * @want_pooled: likewise @pooled
 *
 * What a page of the reserve was drawn for: its owner. Shape and limits change
 * under mem_reserve_mutex and mem_reserve_lock, usage under the latter.
 */
struct mem_reserve_item {
	struct list_head list;
	struct list_head all;
	struct mem_reserve *res;
	struct kmem_cache *cache;
	unsigned int order;
	unsigned int weight;
	bool pooled;
	bool ending;
	struct mem_reserve_count pages;
	struct mem_reserve_count objects;
	struct list_head slabs;
	struct list_head full;
	unsigned long want_pages;
	unsigned long want_objects;
	unsigned int want_weight;
	bool want_pooled;
};

/* mm/reserve.c, for slabs; all but the last two under slab_reserve_lock */
struct mem_reserve_item *mem_reserve_charge_object(struct mem_reserve *res,
						   struct kmem_cache *s);
void mem_reserve_uncharge_object(struct mem_reserve_item *item);
struct page *mem_reserve_draw_slab(struct mem_reserve_item *item, gfp_t gfp);
struct mem_reserve_item *mem_reserve_put_objects(struct page *page,
						 unsigned long nr);
void mem_reserve_orphan_slab(struct page *page, unsigned long nr);
void mem_reserve_cache_created(struct kmem_cache *s);
void mem_reserve_cache_gone(struct kmem_cache *s);

/* mm/reserve_slub.c, for the tree */
bool slab_reserve_supports(struct kmem_cache *s);
bool slab_reserve_pools(struct kmem_cache *s);
unsigned int slab_reserve_order(struct kmem_cache *s);
unsigned long slab_reserve_pages(struct kmem_cache *s, unsigned long count);
void *slab_reserve_alloc(struct mem_reserve *res, struct kmem_cache *s,
			 gfp_t gfp, size_t size);
void *slab_reserve_alloc_large(struct page *page, gfp_t gfp, size_t size);
void slab_reserve_adopt(struct mem_reserve_item *item, unsigned long pages);
void slab_reserve_debug(void);

/* mm/reserve_daemon.c, for the allocators */
bool __mem_reserve_daemon(gfp_t gfp);
struct page *__mem_reserve_daemon_page(gfp_t gfp, unsigned int order,
				       const nodemask_t *nodes);

/* A page for a storage daemon, when there is no other, or NULL */
static inline struct page *mem_reserve_daemon_page(gfp_t gfp, unsigned int order,
						   const nodemask_t *nodes)
{
	if (!static_branch_unlikely(&mem_reserve_daemon_key))
		return NULL;
	return __mem_reserve_daemon_page(gfp, order, nodes);
}

/* mm/page_alloc.c, for the tree, and back */
struct page *reserve_take_pages(gfp_t gfp, unsigned int order, bool fresh);
void reserve_prep_pages(struct page *page, unsigned int order, gfp_t gfp);
void reserve_return_pages(struct page *page, unsigned int order);
void reserve_release_block(struct page *page);
bool mem_reserve_fits(struct page *page, unsigned int order, bool fresh);
void mem_reserve_put(struct page *page, unsigned int order);

#else

static inline void mem_reserve_put(struct page *page, unsigned int order) { }
static inline void mem_reserve_cache_created(struct kmem_cache *s) { }
static inline void mem_reserve_cache_gone(struct kmem_cache *s) { }
static inline void slab_reserve_debug(void) { }

static inline struct page *mem_reserve_daemon_page(gfp_t gfp, unsigned int order,
						   const nodemask_t *nodes)
{
	return NULL;
}

#endif /* CONFIG_MEM_RESERVE */

#if defined(CONFIG_MEM_RESERVE) && defined(CONFIG_SWAP)
bool mem_reserve_swapout_under_way(const struct oom_control *oc);
#else
static inline bool mem_reserve_swapout_under_way(const struct oom_control *oc)
{
	return false;
}
#endif

#endif /* _MM_RESERVE_H */
