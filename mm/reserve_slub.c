// SPDX-License-Identifier: GPL-2.0
/*
 * Slabs that are not everybody's: the part of memory reserves that has to be
 * inside SLUB, included by mm/slub.c.
 *
 * Reserve slabs: their pages were drawn from a memory reserve, mm/reserve.c.
 * No CPU ever owns one and no node lists it, so that nobody but a charged
 * caller gets an object of it: each is on a list of the item it was drawn for,
 * and every object comes and goes under slab_reserve_lock. A new one is drawn
 * only when all of the item are full, and given back when it is empty.
 *
 * Slabs from below the watermarks: they belong to whoever may allocate there.
 * No CPU ever owns one either. They are on the lists of their nodes, and a
 * caller who is entitled takes one object at a time from there, under the
 * node's list_lock. When the zone has recovered they are like any other slab.
 *
 * Nests: slab_reserve_lock, list_lock of a node, mem_reserve_lock.
 */

static DEFINE_SPINLOCK(slab_reserve_lock);

/*
 * Does a free have to look twice? Nodes with a demand in objects hold it on,
 * and so do debug caches: one branch in __slab_free() serves both.
 */
#ifdef CONFIG_SLUB_DEBUG_ON
DEFINE_STATIC_KEY_TRUE(slab_reserve_key);
#else
DEFINE_STATIC_KEY_FALSE(slab_reserve_key);
#endif
EXPORT_SYMBOL_GPL(slab_reserve_key);

/**
 * slab_reserve_debug - there is a debug cache, or will be
 *
 * The key stays on from here on.
 *
 * Context: Process, or early boot; not under slab_mutex.
 */
void slab_reserve_debug(void)
{
	static_branch_inc(&slab_reserve_key);
}

/* Reserve slabs */

/* What marks a reserve slab; nobody else uses the flag on a slab. */
static bool slab_is_reserve(struct slab *slab)
{
	return folio_test_owner_2(slab_folio(slab));
}

bool __slab_reserve_object(const void *object)
{
	struct slab *slab = virt_to_slab(object);

	return slab && slab_is_reserve(slab);
}
EXPORT_SYMBOL_GPL(__slab_reserve_object);

/*
 * Slabs that RCU frees are not back when they are empty; those of a DMA zone
 * cannot be promised from blocks that may be anywhere; a draw is of a small
 * order.
 */
bool slab_reserve_supports(struct kmem_cache *s)
{
	return !(s->flags & (SLAB_TYPESAFE_BY_RCU | SLAB_CACHE_DMA |
			     SLAB_CACHE_DMA32)) &&
	       oo_order(s->min) < MEM_RESERVE_ORDERS;
}

/*
 * May slabs of the cache be drawn from a pool? It promises pages and not
 * objects, so that slabs that come back late, by RCU, do no harm.
 */
bool slab_reserve_pools(struct kmem_cache *s)
{
	return !(s->flags & (SLAB_CACHE_DMA | SLAB_CACHE_DMA32)) &&
	       !oo_order(s->min);
}

unsigned int slab_reserve_order(struct kmem_cache *s)
{
	return oo_order(s->min);
}

/* Pages that @count objects take, in slabs of the minimum order */
unsigned long slab_reserve_pages(struct kmem_cache *s, unsigned long count)
{
	unsigned int objects = oo_objects(s->min);
	unsigned long pages;

	/* Not DIV_ROUND_UP(), which overflows for a large @count */
	if (check_shl_overflow(count / objects + !!(count % objects),
			       oo_order(s->min), &pages))
		return ULONG_MAX;
	return pages;
}

static unsigned long __maybe_unused
slab_nr_reserve(const struct kmem_cache_node *n)
{
	return n->nr_reserve;
}

/* The books of a node, for slabinfo, validation and destruction */
static void slab_reserve_count(struct kmem_cache *s, struct slab *slab, int nr)
{
	struct kmem_cache_node *n = get_node(s, slab_nid(slab));

	lockdep_assert_held(&slab_reserve_lock);

	spin_lock(&n->list_lock);
	n->nr_reserve += nr;
	if (nr > 0)
		inc_slabs_node(s, slab_nid(slab), slab->objects);
	else
		dec_slabs_node(s, slab_nid(slab), slab->objects);
	spin_unlock(&n->list_lock);
}

static struct slab *slab_reserve_draw(struct kmem_cache *s,
				      struct mem_reserve_item *item, gfp_t gfp)
{
	struct folio *folio;
	struct slab *slab;
	struct page *page;

	/*
	 * All slabs are full, and yet an object was charged: there is room for
	 * one more. If there is not, after corruption say, waiting cannot help.
	 */
	page = mem_reserve_draw_slab(item, gfp | s->allocflags);
	if (IS_ERR(page))
		return ERR_PTR(-EIO);

	folio = page_folio(page);
	slab = folio_slab(folio);
	__folio_set_slab(folio);
	/* As in alloc_slab_page(): visible before changes to folio->mapping */
	smp_wmb();
	slab_set_pfmemalloc(slab);
	folio_set_owner_2(folio);

	slab->objects = oo_objects(s->min);
	slab->inuse = 0;
	slab->frozen = 0;
	init_slab_obj_exts(slab);
	/* account_slab() without a vector for memcgs, which have no part in it */
	mod_node_page_state(slab_pgdat(slab), cache_vmstat_idx(s),
			    PAGE_SIZE << oo_order(s->min));
	init_slab(s, slab);

	slab_reserve_count(s, slab, 1);
	list_add(&slab->slab_list, &item->slabs);
	return slab;
}

static void *slab_reserve_take(struct kmem_cache *s,
			       struct mem_reserve_item *item, struct slab *slab,
			       size_t size)
{
	void *object = slab->freelist;
	unsigned int inuse = slab->inuse;

	slab->freelist = get_freepointer(s, object);
	slab->inuse++;
	/*
	 * If it finds the slab corrupted, it leaves nothing on the freelist, and
	 * says that all is in use: what is charged is not more than before.
	 */
	if (kmem_cache_debug(s) &&
	    !alloc_debug_processing(s, slab, object, size)) {
		object = ERR_PTR(-EIO);
		slab->inuse = inuse;
	}
	if (!slab->freelist)
		list_move(&slab->slab_list, &item->full);
	return object;
}

static void *__slab_reserve_alloc(struct mem_reserve *res, struct kmem_cache *s,
				  gfp_t gfp, size_t size)
{
	struct mem_reserve_item *item = mem_reserve_charge_object(res, s);
	struct slab *slab;
	void *object;

	lockdep_assert_held(&slab_reserve_lock);

	if (IS_ERR(item))
		return item;
	slab = list_first_entry_or_null(&item->slabs, struct slab, slab_list);
	if (!slab)
		slab = slab_reserve_draw(s, item, gfp);
	object = IS_ERR(slab) ? ERR_CAST(slab) :
				slab_reserve_take(s, item, slab, size);
	if (IS_ERR(object))
		mem_reserve_uncharge_object(item);
	return object;
}

/* A memcg that is never charged */
static struct mem_cgroup *slab_reserve_memcg(void)
{
#ifdef CONFIG_MEMCG
	return root_mem_cgroup;
#else
	return NULL;
#endif
}

/* What slab_alloc_node() does with an object, except that no memcg is charged */
static void *slab_reserve_post_alloc(struct kmem_cache *s, void *object,
				     gfp_t gfp, size_t size)
{
	struct mem_cgroup *memcg = set_active_memcg(slab_reserve_memcg());

	maybe_wipe_obj_freeptr(s, object);
	/* Nothing that goes with it comes from below the watermarks. */
	slab_post_alloc_hook(s, NULL,
			     (gfp & ~__GFP_MEMALLOC) | __GFP_NO_OBJ_EXT, 1,
			     &object, slab_want_init_on_alloc(gfp, s), size);
	set_active_memcg(memcg);
	return s->flags & SLAB_KMALLOC ? kasan_kmalloc(s, object, size, gfp) :
					 object;
}

/* The caller may be preempted, and what it notes has the number of its CPU. */
static __always_inline void
slab_reserve_track(struct kmem_cache *s, void *object, gfp_t gfp)
{
	if (!kmem_cache_debug_flags(s, SLAB_STORE_USER))
		return;
	migrate_disable();
	set_track(s, object, TRACK_ALLOC, _RET_IP_, gfp);
	migrate_enable();
}

/**
 * slab_reserve_alloc - an object of a reserve slab
 * @res: the node that is charged
 * @s: the cache
 * @gfp: must include %__GFP_MEMALLOC
 * @size: of what the object is for, at most the size of the cache's objects
 *
 * Context: Any but NMI. Takes slab_reserve_lock; does not sleep.
 * Return: the object; -ENOMEM without room, or another error.
 */
void *slab_reserve_alloc(struct mem_reserve *res, struct kmem_cache *s,
			 gfp_t gfp, size_t size)
{
	unsigned long flags;
	void *object;

	if (WARN_ON_ONCE(!(gfp & __GFP_MEMALLOC) || in_nmi()))
		return ERR_PTR(-EINVAL);
	/* No zone is promised, and what is here is of any. */
	if (gfp & (__GFP_DMA | __GFP_DMA32))
		return ERR_PTR(-EOPNOTSUPP);
	/* The lock is held: neither sleep nor charge a memcg. */
	gfp &= (GFP_RECLAIM_MASK & ~__GFP_DIRECT_RECLAIM) | __GFP_ZERO;

	spin_lock_irqsave(&slab_reserve_lock, flags);
	object = __slab_reserve_alloc(res, s, gfp & ~__GFP_ZERO, size);
	spin_unlock_irqrestore(&slab_reserve_lock, flags);
	if (IS_ERR(object))
		return object;
	slab_reserve_track(s, object, gfp);
	return slab_reserve_post_alloc(s, object, gfp, size);
}

#ifndef CONFIG_SLUB_TINY
/* An object as new_slab()'s first would be: the caller has it initialised. */
static void *slab_daemon_alloc(struct kmem_cache *s, gfp_t gfp, size_t size)
{
	unsigned long flags;
	void *object;

	gfp &= GFP_RECLAIM_MASK & ~(__GFP_DIRECT_RECLAIM | __GFP_NOMEMALLOC);
	spin_lock_irqsave(&slab_reserve_lock, flags);
	object = __slab_reserve_alloc(&mem_reserve_daemons, s,
				      gfp | __GFP_MEMALLOC, size);
	spin_unlock_irqrestore(&slab_reserve_lock, flags);
	if (IS_ERR(object))
		return NULL;
	slab_reserve_track(s, object, gfp);
	return object;
}

/*
 * What new_slab() returned, but never of a page that the page allocator has drawn
 * for the daemon: it would be everybody's. That is rare, for what the reserve has
 * for slabs has been asked for before.
 */
static noinline struct slab *slab_not_drawn(struct kmem_cache *s,
					    struct slab *slab, gfp_t gfp,
					    int node)
{
	struct page *page;

	if (!slab)
		return NULL;
	page = folio_page(slab_folio(slab), 0);
	if (!is_migrate_reserve(get_pageblock_migratetype(page)))
		return slab;
	free_slab(s, slab);
	return new_slab(s, gfp | __GFP_NOMEMALLOC, node);
}

/* As __slab_daemon_new(), if it is for a daemon */
static struct slab *slab_daemon_try(struct kmem_cache *s, gfp_t gfp, int node,
				    size_t size, void **object)
{
	gfp_t soon = gfp & ~(__GFP_DIRECT_RECLAIM | __GFP_NOFAIL);
	struct slab *slab;

	slab = new_slab(s, soon | __GFP_NORETRY | __GFP_NOWARN, node);
	if (!slab)
		*object = slab_daemon_alloc(s, gfp, size);
	return slab;
}

/**
 * __slab_daemon_new - new_slab(), or an object of a storage daemon's reserve
 * @s: the cache
 * @gfp: as the object was asked for
 * @now: as the slab is to be: maybe of a node, if that is easy
 * @node: of the request
 * @size: of what the object is for
 * @object: one of a reserve slab if there is no slab, or %NULL
 *
 * For a daemon: a slab that can be had without reclaim, then the reserve, and
 * only then what everybody does.
 *
 * Context: As new_slab().
 * Return: the slab, or %NULL.
 */
static struct slab *__slab_daemon_new(struct kmem_cache *s, gfp_t gfp, gfp_t now,
				      int node, size_t size, void **object)
{
	struct slab *slab;

	if (now == gfp && !(gfp & __GFP_THISNODE) && slab_reserve_pools(s) &&
	    __mem_reserve_daemon(gfp & ~__GFP_NOMEMALLOC)) {
		slab = slab_daemon_try(s, gfp, node, size, object);
		if (slab || *object)
			return slab;
	}
	return slab_not_drawn(s, new_slab(s, now, node), now, node);
}
#endif /* !CONFIG_SLUB_TINY */

/**
 * slab_reserve_alloc_large - make a kmalloc() object of drawn pages
 * @page: the pages, compound
 * @gfp: as for kmalloc()
 * @size: in bytes
 *
 * Context: Any but NMI.
 * Return: the object, for kfree().
 */
void *slab_reserve_alloc_large(struct page *page, gfp_t gfp, size_t size)
{
	struct folio *folio = page_folio(page);
	void *object = folio_address(folio);

	lruvec_stat_mod_folio(folio, NR_SLAB_UNRECLAIMABLE_B,
			      folio_size(folio));
	object = kasan_kmalloc_large(object, size, gfp);
	kmemleak_alloc(object, size, 1, gfp);
	kmsan_kmalloc_large(object, size, gfp);
	return object;
}

static void slab_reserve_discard(struct kmem_cache *s, struct slab *slab)
{
	list_del(&slab->slab_list);
	slab_reserve_count(s, slab, -1);
	folio_clear_owner_2(slab_folio(slab));
	free_slab(s, slab);
}

/*
 * What goes with a slab, objects of memory cgroups say, may lie in a reserve
 * slab itself, and so is not freed under the lock.
 */
static void *slab_reserve_take_exts(struct slab *slab)
{
	void *exts = slab_obj_exts(slab);

	init_slab_obj_exts(slab);
	return exts;
}

/*
 * The object is back before its charge is, and an empty slab's pages are back
 * before anybody can charge the object and look for them. Returns what is to be
 * freed without the lock.
 */
static void *__slab_reserve_free(struct kmem_cache *s, struct slab *slab,
				 void *head, void *tail, int cnt)
{
	struct mem_reserve_item *item;
	void *exts = NULL;

	lockdep_assert_held(&slab_reserve_lock);

	set_freepointer(s, tail, slab->freelist);
	slab->freelist = head;
	slab->inuse -= cnt;
	item = mem_reserve_put_objects(folio_page(slab_folio(slab), 0), cnt);
	if (!slab->inuse) {
		exts = slab_reserve_take_exts(slab);
		slab_reserve_discard(s, slab);
	} else if (item) {
		list_move(&slab->slab_list, &item->slabs);
	}
	return exts;
}

/* For __slab_free(): false if the slab is not, or no longer, a reserve slab. */
static bool slab_reserve_free(struct kmem_cache *s, struct slab *slab,
			      void *head, void *tail, int cnt,
			      unsigned long addr)
{
	depot_stack_handle_t handle = 0;
	void *exts = NULL;
	unsigned long flags;
	bool reserve;

	if (!slab_is_reserve(slab))
		return false;
	/* As in free_to_partial_list(): waking kswapd could deadlock */
	if (kmem_cache_debug_flags(s, SLAB_STORE_USER))
		handle = set_track_prepare(__GFP_NOWARN);

	spin_lock_irqsave(&slab_reserve_lock, flags);
	/* Pairs with slab_adopt_list(), which clears the mark under the lock. */
	reserve = slab_is_reserve(slab);
	if (reserve && (!kmem_cache_debug(s) ||
			free_debug_processing(s, slab, head, tail, &cnt, addr,
					      handle)))
		exts = __slab_reserve_free(s, slab, head, tail, cnt);
	spin_unlock_irqrestore(&slab_reserve_lock, flags);
	kfree(exts);
	return reserve;
}

/*
 * To where a slab belongs that no CPU owns and everybody may use. The mark goes
 * last, but before anybody can get at the slab from the list: a free that sees
 * it gone goes the ordinary way, and finds the slab as such. Pairs with
 * slab_is_reserve() in slab_reserve_free() and the cmpxchg after it.
 */
static void slab_adopt_list(struct kmem_cache *s, struct slab *slab)
{
	struct kmem_cache_node *n = get_node(s, slab_nid(slab));

	spin_lock(&n->list_lock);
	n->nr_reserve--;
	if (slab->freelist)
		add_partial(n, slab, DEACTIVATE_TO_TAIL);
	else
		add_full(s, n, slab);
	/* Pairs with the cmpxchg of a free, see above. */
	smp_mb__before_atomic();
	folio_clear_owner_2(slab_folio(slab));
	spin_unlock(&n->list_lock);
}

/* Its objects have no tags, see slab_reserve_post_alloc(): others will. */
static void slab_adopt_untagged(struct slab *slab)
{
#ifdef CONFIG_SLAB_OBJ_EXT
	mark_failed_objexts_alloc(slab);
#endif
}

static void slab_adopt(struct kmem_cache *s, struct slab *slab)
{
	lockdep_assert_held(&slab_reserve_lock);

	list_del(&slab->slab_list);
	slab_adopt_untagged(slab);
	mem_reserve_orphan_slab(folio_page(slab_folio(slab), 0), slab->inuse);
	slab_clear_pfmemalloc(slab);
	slab_adopt_list(s, slab);
}

static unsigned long slabs_adopt(struct kmem_cache *s, struct list_head *slabs,
				 unsigned long pages)
{
	struct slab *slab, *next;

	list_for_each_entry_safe(slab, next, slabs, slab_list) {
		if (pages < 1UL << oo_order(s->min))
			break;
		pages -= 1UL << oo_order(s->min);
		slab_adopt(s, slab);
	}
	return pages;
}

/**
 * slab_reserve_adopt - make slabs of an item ordinary ones
 * @item: objects of a cache
 * @pages: how many pages of them at most
 *
 * Their objects are charged no more, and others may use what is free in them.
 * The caller has seen to it that so many pages are replaced, or not needed.
 *
 * Context: Process, under mem_reserve_mutex. Takes slab_reserve_lock.
 */
void slab_reserve_adopt(struct mem_reserve_item *item, unsigned long pages)
{
	spin_lock_irq(&slab_reserve_lock);
	pages = slabs_adopt(item->cache, &item->full, pages);
	slabs_adopt(item->cache, &item->slabs, pages);
	spin_unlock_irq(&slab_reserve_lock);
}

/* Slabs from below the watermarks */

/*
 * May @slab, which came from below the watermarks, be used like any other?
 * Its mark goes when its zone has recovered: the page is nobody's emergency
 * then. Where objects are taken one at a time anyway, whoever is entitled may.
 */
static bool slab_apart_match(struct slab *slab, gfp_t gfp)
{
	struct zone *zone = folio_zone(slab_folio(slab));

	if (zone_watermark_ok(zone, 0, high_wmark_pages(zone), ZONE_NORMAL,
			      0)) {
		slab_clear_pfmemalloc(slab);
		return true;
	}
	return (IS_ENABLED(CONFIG_SLUB_TINY) ||
		kmem_cache_debug(slab->slab_cache)) &&
	       gfp_pfmemalloc_allowed(gfp);
}

#ifndef CONFIG_SLUB_TINY
static struct slab *slab_apart_find(struct kmem_cache_node *n)
{
	struct slab *slab;

	lockdep_assert_held(&n->list_lock);

	list_for_each_entry(slab, &n->partial, slab_list)
		if (slab_test_pfmemalloc(slab))
			return slab;
	return NULL;
}

/*
 * Take one object. The slab is off the list while that may fill it: a free
 * into a full slab takes for granted that it is on no list.
 */
static void *slab_apart_take(struct kmem_cache *s, struct kmem_cache_node *n,
			     struct slab *slab)
{
	struct slab new;
	unsigned long counters;
	void *freelist;

	lockdep_assert_held(&n->list_lock);

	remove_partial(n, slab);
	do {
		freelist = slab->freelist;
		counters = slab->counters;
		new.counters = counters;
		new.inuse++;
	} while (!slab_update_freelist(s, slab, freelist, counters,
				       get_freepointer(s, freelist),
				       new.counters, "slab_apart_take"));
	if (new.inuse < new.objects)
		add_partial(n, slab, DEACTIVATE_TO_TAIL);
	return freelist;
}

/*
 * An object of a slab that is kept apart, for who may allocate below the
 * watermarks, when no ordinary slab is to be had.
 */
static void *slab_apart_alloc(struct kmem_cache *s, gfp_t gfp, int node)
{
	struct kmem_cache_node *n;
	void *object = NULL;
	unsigned long flags;
	struct slab *slab;
	int nid;

	if (kmem_cache_debug(s) || !gfp_pfmemalloc_allowed(gfp))
		return NULL;

	for_each_kmem_cache_node(s, nid, n) {
		if (object || !n->nr_partial ||
		    (node != NUMA_NO_NODE && node != nid &&
		     gfp & __GFP_THISNODE))
			continue;
		spin_lock_irqsave(&n->list_lock, flags);
		slab = slab_apart_find(n);
		if (slab)
			object = slab_apart_take(s, n, slab);
		spin_unlock_irqrestore(&n->list_lock, flags);
	}
	return object;
}

/* Rather than start @slab, new and from below the watermarks as well */
static void *slab_apart_instead(struct kmem_cache *s, struct slab *slab,
				gfp_t gfp, int node)
{
	void *object = slab_apart_alloc(s, gfp, node);

	if (object)
		discard_slab(s, slab);
	return object;
}
#endif /* !CONFIG_SLUB_TINY */
