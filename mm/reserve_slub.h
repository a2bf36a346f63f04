/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What mm/slub.c calls in mm/reserve_slub.c, which it includes. Without
 * CONFIG_MEM_RESERVE: what stood there before.
 */
#ifndef _MM_RESERVE_SLUB_H
#define _MM_RESERVE_SLUB_H

#include "reserve.h"

/* The second half of allocate_slab() */
static __always_inline void init_slab(struct kmem_cache *s, struct slab *slab);

struct kmem_cache_node;

#ifdef CONFIG_MEM_RESERVE

static noinline bool slab_reserve_free(struct kmem_cache *s, struct slab *slab,
				       void *head, void *tail, int cnt,
				       unsigned long addr);
static noinline bool slab_apart_match(struct slab *slab, gfp_t gfp);

#ifndef CONFIG_SLUB_TINY
static noinline void *slab_apart_alloc(struct kmem_cache *s, gfp_t gfp,
				       int node);
static noinline void *slab_apart_instead(struct kmem_cache *s,
					 struct slab *slab, gfp_t gfp,
					 int node);
static struct slab *new_slab(struct kmem_cache *s, gfp_t flags, int node);
static noinline struct slab *slab_not_drawn(struct kmem_cache *s,
					    struct slab *slab, gfp_t gfp,
					    int node);
static noinline struct slab *__slab_daemon_new(struct kmem_cache *s, gfp_t gfp,
					       gfp_t now, int node, size_t size,
					       void **object);

/* See __slab_daemon_new(). */
static inline struct slab *slab_daemon_new(struct kmem_cache *s, gfp_t gfp,
					   gfp_t now, int node, size_t size,
					   void **object)
{
	struct slab *slab;

	*object = NULL;
	if (static_branch_unlikely(&mem_reserve_daemon_key))
		return __slab_daemon_new(s, gfp, now, node, size, object);
	slab = new_slab(s, now, node);
	/* It may have slept, and the reserve have come meanwhile. */
	if (static_branch_unlikely(&mem_reserve_daemon_key))
		slab = slab_not_drawn(s, slab, now, node);
	return slab;
}
#endif

/* Is it worth a look whether a slab being freed to is special in some way? */
static __always_inline bool slab_free_looks_twice(void)
{
	return IS_ENABLED(CONFIG_SLUB_TINY) ||
	       static_branch_unlikely(&slab_reserve_key);
}

static unsigned long __maybe_unused
slab_nr_reserve(const struct kmem_cache_node *n);

/*
 * For a slab that was a cpu slab a moment ago, and may be anything by now: look
 * and change nothing. If it is marked it is no cpu slab any more.
 */
static __always_inline bool slab_cpu_match(struct slab *slab, gfp_t gfp)
{
	return likely(!slab_test_pfmemalloc(slab));
}

#else

static inline bool slab_reserve_free(struct kmem_cache *s, struct slab *slab,
				     void *head, void *tail, int cnt,
				     unsigned long addr)
{
	return false;
}

static inline bool slab_apart_match(struct slab *slab, gfp_t gfp)
{
	return gfp_pfmemalloc_allowed(gfp);
}

static __always_inline bool slab_cpu_match(struct slab *slab, gfp_t gfp)
{
	if (unlikely(slab_test_pfmemalloc(slab)))
		return gfp_pfmemalloc_allowed(gfp);

	return true;
}

static inline void *slab_apart_alloc(struct kmem_cache *s, gfp_t gfp, int node)
{
	return NULL;
}

static inline void *slab_apart_instead(struct kmem_cache *s, struct slab *slab,
				       gfp_t gfp, int node)
{
	return NULL;
}

static struct slab *new_slab(struct kmem_cache *s, gfp_t flags, int node);

static inline struct slab *slab_daemon_new(struct kmem_cache *s, gfp_t gfp,
					   gfp_t now, int node, size_t size,
					   void **object)
{
	*object = NULL;
	return new_slab(s, now, node);
}

/* Whoever asks does the looking. */
static __always_inline bool slab_free_looks_twice(void)
{
	return true;
}

static inline unsigned long slab_nr_reserve(const struct kmem_cache_node *n)
{
	return 0;
}

#endif /* CONFIG_MEM_RESERVE */
#endif /* _MM_RESERVE_SLUB_H */
