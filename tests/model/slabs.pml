/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of mm/reserve_slub.c and the daemons of mm/reserve_daemon.c, for
 * spin. There is one node that demands
 *
 *	(nothing defined)	objects of a cache: mem_reserve_kmem_cache_set()
 *	POOL			pages for whatever a daemon does: mem_reserve_pool_set()
 *
 * Beside it are one that draws a single page, which is never refused, and the
 * orphans. A slab is one page, and so is a block: reserve.pml has blocks, runs, and
 * what is given back when nobody demands anything, which does not happen here.
 *
 * One step is one hold of mem_reserve_lock, or one look without it. What needs
 * slab_reserve_lock or mem_reserve_mutex is many. Who waits for a lock has nothing,
 * other than a free that saw the mark, which seen[] counts: so one process that
 * allocates and frees under slab_reserve_lock is as good as many.
 *
 * Only a task with the flags of a daemon has the steps of __mem_reserve_daemon().
 * They charge by themselves, in item_draw(). Any alloc_pages() of such a task may
 * come to draw, at any time.
 *
 * Asserted are the invariants Strict, Exact, Apart, Balanced and Filled of
 * Documentation/mm/reserve.rst, and that no item is freed while somebody uses it.
 *
 * 'make model' runs it, and once more for each BREAK_*, which must fail: those that
 * are called BREAK_POOL_* with POOL. Two of these the code did, before there was the
 * model:
 *
 *	POOL_KEY_AFTER_DEMAND	A daemon that saw no key in slab_daemon_new() sees it on in
 *		the slow path, and is preempted; the demand is taken away and set again; the
 *		page is drawn, and becomes a slab of everybody's, since the key is not on yet.
 *	POOL_ENDS_IN_ORPHANS	item_end() makes orphans of pages that RCU has not given
 *		back. Those of a pool do not leave its limit, and are promised twice.
 */

#ifndef BLOCKS
#define BLOCKS	2
#endif

#ifdef POOL
#define K	1		/* objects of a slab: oo_objects(s->min) */
#define SLOTS	2		/* slabs at most, those included that were adopted */
#define MOST	2		/* the most that is demanded, in pages */
#else
#define K	2
#define SLOTS	BLOCKS
#define MOST	3		/* in objects */
#endif
#define ASIDE	(BLOCKS + 2)	/* memory, in pages: some more, for orphans */

#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))

/* slab_reserve_pages(), plan_pooled() */
#ifdef POOL
#define PAGES(n)	(n)
#elif defined(BREAK_ONE_SLAB_LESS)
#define PAGES(n)	(DIV_ROUND_UP(n, K) - ((n) > K))
#else
#define PAGES(n)	DIV_ROUND_UP(n, K)
#endif

/* A slab is on a list of its item, or on one of its cache, or waits for RCU. */
#define NOWHERE	0
#define SLABS	1
#define FULL	2
#define PARTIAL	3
#define RCU	4

bool there[SLOTS], mark[SLOTS];	/* slab_is_reserve() */
bool orphan[SLOTS];		/* the owner of its page is nobody, and not the item */
byte inuse[SLOTS], on[SLOTS];
byte seen[SLOTS];		/* objects of it whose free has seen the mark */

byte demand;			/* item->objects.limit, or res->pool */
byte objects;			/* item->objects.usage */
byte charged;			/* of which without an object: mem_reserve_charge() */
byte slab_pages;		/* item->pages.usage of the cache's item */
byte res_usage, res_limit;	/* res->pages */
byte root_usage, root_limit = 1;
byte other;			/* usage of the other node, whose limit is 1 */
byte orphans;			/* usage and limit of mem_reserve_orphans */
byte aside = 1;			/* pages of claimed blocks, free or not */
bool leaving;
#ifdef POOL
bool connected = true;
#else
bool connected;
#endif

#ifdef POOL
byte pages;			/* item->pages.usage of the item of single pages: */
byte fresh;			/* of which new_slab() has for a task that saw no key */
byte old, stale;		/* likewise, of the orphans */
bool gone, ending;		/* the cache */
bool daemon_key;		/* mem_reserve_daemon_key */
bool asked;			/* a daemon in the slow path has seen it on */
#else
#define pages	0
#define old	0
#define stale	0
#define gone	false
#define ending	false
#endif

byte slab_key;			/* slab_reserve_key */
bool has_caches;

bool mutex;			/* mem_reserve_mutex */
bool slab_lock;			/* slab_reserve_lock */
bool list_lock;			/* of the node of the cache */
bool using;			/* who holds slab_lock has the item in hand */

#define lock(l)		atomic { !l -> l = true }

/* mem_reserve_connected(), and item_find(): without a demand there is no item. */
#define CHARGEABLE	(connected && !leaving && demand)

/* Strict: at every level, after every step that counts */
inline strict()
{
	assert(res_usage <= res_limit && root_usage <= root_limit && other <= 1);
	assert(slab_pages + pages == res_usage);
	assert(res_usage + other + orphans == root_usage);
	/* Exact: of what is demanded, and not of what a limit says */
#ifdef POOL
	assert(res_usage <= demand)
#else
	assert(objects <= demand && slab_pages <= DIV_ROUND_UP(demand, K))
#endif
}

/* Filled: who is charged finds a page. Then it is counted at the root. */
inline take_page()
{
	assert(root_usage < aside);
	root_usage++
}

/* charge_pages() of item_draw(): is there room at the item, the node and the root? */
#ifdef BREAK_POOL_BY_ITEM
#define ROOM(item)	(item < PAGES(demand) && root_usage < root_limit)
#else
#define ROOM(item)	(item < PAGES(demand) && res_usage < res_limit && \
			 root_usage < root_limit)
#endif

/* page_orphan(): the limit of the orphans follows. */
inline orphan_page()
{
	assert(res_usage > 0);
	res_usage--;
	orphans++;
	root_limit++
}

/* mem_reserve_put(): one hold, of the page of slab @p */
inline put_slab(p)
{
	if
	:: orphan[p] -> orphans--; root_limit--
	:: else ->
		assert(slab_pages > 0 && res_usage > 0);
		slab_pages--;
		res_usage--
	fi;
	root_usage--;
	there[p] = false;
	orphan[p] = false;
	on[p] = NOWHERE;
	strict()
}

/*
 * Balanced: whenever nobody holds slab_reserve_lock, each object that is out is
 * charged, and each page drawn for slabs has one.
 */
inline balanced()
{
	q = 0; sum = 0; nr = 0;
	do
	:: q == SLOTS -> break
	:: else ->
		if
		:: there[q] && mark[q] ->
			sum = sum + inuse[q];
			assert(!orphan[q] && inuse[q] && on[q] == (inuse[q] == K -> FULL : SLABS))
		:: else
		fi;
		if
		:: there[q] && !orphan[q] -> nr++
		:: else
		fi;
		q++
	od;
	assert(objects == sum + charged && slab_pages == nr);
	q = 0; sum = 0; nr = 0
}

/* __slab_reserve_alloc(), under slab_reserve_lock; with a slot, should it need one */
inline slab_alloc()
{
	/* mem_reserve_charge_object(), charge_objects(): a pool has no limit of objects */
	d_step {
#ifdef POOL
		ok = CHARGEABLE && !gone && !ending;
#else
		ok = CHARGEABLE && objects < demand;
#endif
		if
		:: ok -> objects++; using = true
		:: else
		fi
	}
	if
	:: !ok
	:: ok ->
		d_step {
			p = 0;
			do
#ifdef BREAK_NEW_SLAB_FIRST
			:: p == SLOTS -> break
			:: else -> p++
#else
			:: p == SLOTS || on[p] == SLABS -> break
			:: else -> p++
#endif
			od
		}
		if
		:: p < SLOTS
		:: p == SLOTS ->
			/* mem_reserve_draw_slab(), item_draw() */
			d_step {
				if
				:: CHARGEABLE && !ending && ROOM(slab_pages) ->
					take_page();
					slab_pages++;
					res_usage++;
					p = 0;
					do
					:: !there[p] -> break
					:: else -> p++
					od;
					there[p] = true;
					strict()
				:: else ->
#ifndef POOL
					/*
					 * Exact: who is charged finds all slabs full and room
					 * for one more, as long as the node is connected.
					 */
					assert(!CHARGEABLE);
#endif
					ok = false
				fi
			}
			/* slab_reserve_draw() */
			if
			:: ok -> d_step { mark[p] = true; on[p] = SLABS }
			:: !ok
			fi
		fi;
		if
		:: ok ->
			/* slab_reserve_take() */
			d_step {
				inuse[p]++;
				on[p] = (inuse[p] == K -> FULL : SLABS)
			}
		:: !ok ->
			/* mem_reserve_uncharge_object() */
			d_step { assert(objects > 0); objects--; using = false }
		fi
	fi;
	d_step { p = 0; ok = false }
}

/* slab_reserve_free(), under slab_reserve_lock, of an object whose slab had the mark */
inline slab_free()
{
	if
#ifndef BREAK_LOOK_ONCE
	:: !mark[p] -> seen[p]--	/* the ordinary way: see others() */
	:: mark[p] ->
#else
	:: true ->
#endif
		d_step { seen[p]--; inuse[p]-- }
		/* mem_reserve_put_objects() */
		d_step {
			assert(!orphan[p]);
#ifndef BREAK_UNCHARGED_FIRST
			assert(objects > 0);
			objects--;
#endif
			using = true
		}
		if
		:: inuse[p] -> on[p] = SLABS
		:: !inuse[p] ->
			/* slab_reserve_discard(), free_slab() */
			d_step { on[p] = NOWHERE; mark[p] = false; using = false }
			if
#ifndef BREAK_BACK_LATE
			:: d_step { put_slab(p) }
#endif
#if defined(POOL) || defined(BREAK_BACK_LATE)
			:: on[p] = RCU
#endif
			fi
		fi
	fi;
	p = 0
}

#define SEEN(n)		atomic { seen[n] && !slab_lock -> slab_lock = true; p = n }

active proctype slabs()
{
	byte p, q, sum, nr;
	bool ok;

	do
	:: atomic {
		!slab_lock && demand && (!there[0] || !there[1]
#if SLOTS > 2
					 || !there[2]
#endif
		) -> slab_lock = true
	   };
	   slab_alloc();
	   d_step { using = false; balanced(); slab_lock = false }
	:: if
	   :: SEEN(0)
	   :: SEEN(1)
#if SLOTS > 2
	   :: SEEN(2)
#endif
	   fi;
	   slab_free();
	   d_step { using = false; balanced(); slab_lock = false }
	od
}

/* __slab_free(): does it look twice, and what does it see? Then the lock, see slab_free(). */
inline look(p)
{
	/* Apart: without the key an object of a reserve slab would go the ordinary way. */
	assert(slab_key > 0);
	seen[p]++;
#ifdef BREAK_UNCHARGED_FIRST
	assert(objects > 0);
	objects--
#endif
}

/* __slab_free() of an adopted slab. To a full one: put_cpu_partial(), without a lock. */
inline free_ordinary(p)
{
	if
	:: inuse[p] == K ->
		assert(on[p] == NOWHERE);
		on[p] = PARTIAL
	:: else -> assert(on[p] == PARTIAL)
	fi;
	inuse[p]--;
	if
	:: !inuse[p] -> put_slab(p)
	:: else
	fi
}

/* get_partial_node(), under the list's lock: anybody gets it. */
inline alloc_ordinary(p)
{
	assert(!mark[p]);
	inuse[p]++;
	on[p] = (inuse[p] == K -> NOWHERE : PARTIAL)
}

#define OUT(p)	(there[p] && inuse[p] > seen[p])

/* With two objects to a slab, the last one that is freed takes the list's lock first. */
#define SLAB_STEPS(p)								\
	:: d_step { OUT(p) && mark[p] -> look(p) }				\
	:: d_step { OUT(p) && !mark[p] && (inuse[p] > 1 || !list_lock) ->	\
		free_ordinary(p) }						\
	:: d_step { there[p] && on[p] == PARTIAL && !list_lock -> alloc_ordinary(p) } \
	:: d_step { there[p] && on[p] == RCU -> put_slab(p) }

/* What is one step, by anybody on any CPU */
active proctype others()
{
	do
	/* The other node, whose promise is kept whatever this one does */
	:: d_step { other == 0 -> take_page(); other++; strict() }
	:: d_step { other > 0 -> other--; root_usage--; strict() }
	SLAB_STEPS(0)
	SLAB_STEPS(1)
#if SLOTS > 2
	SLAB_STEPS(2)
#endif
#ifndef POOL
	/* mem_reserve_charge(), mem_reserve_uncharge() */
	:: d_step { !charged && CHARGEABLE && objects < demand -> objects++; charged++ }
	:: d_step { charged && CHARGEABLE -> objects--; charged-- }
#else
	/* __mem_reserve_daemon_page(): one hold of mem_reserve_draw(), and the page's free */
	:: d_step { CHARGEABLE && ROOM(pages) ->
		take_page(); pages++; res_usage++; strict() }
	:: d_step { pages > fresh -> pages--; res_usage--; root_usage--; strict() }
	:: d_step { old -> old--; orphans--; root_limit--; root_usage--; strict() }
	/*
	 * slab_daemon_new() by a daemon that saw no key. In the slow path it sees one,
	 * mem_reserve_daemon_page(), and draws a page as new_slab() wants one.
	 */
	:: d_step { daemon_key && !asked -> asked = true }
	:: d_step { asked && CHARGEABLE && ROOM(pages) ->
		take_page(); pages++; fresh++; res_usage++; strict() }
	/* Then it looks once more: slab_not_drawn() gives the page back, if there is a key. */
#ifndef BREAK_POOL_KEY_SEEN_ONCE
	:: d_step { fresh && daemon_key ->
		fresh--; pages--; res_usage--; root_usage--; strict() }
	:: d_step { stale && daemon_key ->
		stale--; orphans--; root_limit--; root_usage--; strict() }
	/* Apart: what was drawn for a daemon never becomes a slab of everybody's. */
	:: d_step { fresh && !daemon_key -> assert(false) }
#else
	:: d_step { fresh -> assert(false) }
#endif
	/* It may have been adopted meanwhile, and is as any slab that was. */
	:: d_step { stale && !daemon_key -> stale--; old++ }
#endif
	od
}

/* blocks_claim() for @more pages: all or none; leaves the answer in @ok */
inline claim(more)
{
	d_step {
		want = (root_limit + (more) > aside -> root_limit + (more) - aside : 0);
		ok = aside + want <= ASIDE
	}
	if
	:: !ok || !want
	:: ok && want -> ok = false	/* the allocator may refuse at any time */
	:: ok && want -> aside = aside + want
	fi;
	want = 0
}

/* blocks_trim(): the surplus is unused, since usage is below the limit. */
inline trim()
{
	d_step {
		aside = (aside > root_limit -> root_limit : aside);
		strict()
	}
}

/* slab_adopt() */
inline adopt_slab(p)
{
	on[p] = NOWHERE;
	/* mem_reserve_orphan_slab() */
	d_step {
		assert(objects >= inuse[p] && slab_pages > 0);
		objects = objects - inuse[p];
		slab_pages--;
		orphan[p] = true;
		orphan_page();
		strict()
	}
	/* slab_adopt_list(): an ordinary free to a full slab does not ask for this lock. */
	lock(list_lock);
#ifdef BREAK_MARK_GOES_FIRST
	mark[p] = false;
#endif
	if
	:: inuse[p] < K ->
		d_step { assert(on[p] == NOWHERE); on[p] = PARTIAL }
	:: inuse[p] == K
	fi;
#ifdef BREAK_MARK_GOES_LATE
	list_lock = false;
	mark[p] = false
#else
	mark[p] = false;
	list_lock = false
#endif
}

/* slab_reserve_adopt() of at most @max pages: first what is full */
inline adopt(max)
{
	lock(slab_lock);
	do
	:: max == 0 -> break
	:: max > 0 ->
		d_step {
			p = 0;
			do
			:: p == SLOTS || on[p] == FULL -> break
			:: else -> p++
			od;
			if
			:: p == SLOTS ->
				p = 0;
				do
				:: p == SLOTS || on[p] == SLABS -> break
				:: else -> p++
				od
			:: else
			fi
		}
		if
		:: p == SLOTS -> break
		:: p < SLOTS -> adopt_slab(p)
		fi;
		max--
	od;
	skip;
	d_step { p = 0; balanced(); slab_lock = false }
}

/* plan_check(): does what is in use fit? */
#ifdef POOL
#define FITS(n)	(res_usage <= PAGES(n) && slab_pages <= PAGES(n) && \
		 pages <= PAGES(n) && (n || !objects))
#elif defined(BREAK_OBJECTS_IN_FLIGHT)
#define FITS(n)	(slab_pages <= PAGES(n))
#elif defined(BREAK_SLABS_NOT_COUNTED)
#define FITS(n)	(objects <= n)
#else
#define FITS(n)	(slab_pages <= PAGES(n) && objects <= n)
#endif

/* demand_set(), of what the node demands at all, in either unit */
inline set_demand()
{
	atomic {
		if
		:: new = 0
		:: new = 1	/* of a pool, MOST - 1 as well */
		:: MOST > 2 -> new = MOST - 1
		:: new = MOST
		fi
	}
#ifndef BREAK_KEY_AFTER_DEMAND
	slab_key++;
#endif
	lock(mutex);
	if
	:: connected -> claim(PAGES(new) - res_limit)
	:: !connected -> ok = true
	fi;
	/* plan_try(), plan_commit(): one hold */
	d_step {
		had = has_caches;
		if
		:: ok && FITS(new) ->
			/* An item without a demand is freed: nobody has it, no slab is on its lists. */
			assert(new || (!using && !slab_pages && !objects));
			if
			:: connected -> root_limit = root_limit + PAGES(new) - res_limit
			:: else
			fi;
			res_limit = PAGES(new);
			demand = new;
			has_caches = new > 0;
			ok = true
		:: else -> ok = false
		fi;
		new = 0;
		/* Filled: as soon as the limit says so */
		assert(aside >= root_limit);
		strict()
	}
	trim();
	mutex = false;
#ifdef BREAK_KEY_AFTER_DEMAND
	slab_key++;
#endif
	d_step {
		slab_key = slab_key - (had || !has_caches) - (had && !has_caches);
		had = false
	}
}

/* As adopt(), and then what RCU has not given back: owners in items_orphan(), pages_adopt() */
inline orphan_all()
{
	all = SLOTS;
#ifdef BREAK_CHARGE_NOT_AWAITED
	if
	:: slab_pages -> adopt(all)
	:: !slab_pages
	fi;
#else
	adopt(all);
#endif
	d_step {
		all = 0;
		do
		:: p == SLOTS -> break
		:: else ->
			if
			:: there[p] && !orphan[p] ->
#if !defined(POOL) || defined(BREAK_POOL_ENDS_IN_ORPHANS)
				orphan[p] = true;
				assert(slab_pages > 0);
				slab_pages--;
				orphan_page()
#else
				/* page_to_pool(): of another item of the node */
				skip
#endif
			:: else
			fi;
			p++
		od;
		p = 0;
		strict()
	}
}

#ifndef POOL

/* Who demands objects: mem_reserve_kmem_cache_set(), _connect(), _disconnect() */
active proctype admin()
{
	byte p, q, sum, nr, want, new, all;
	bool ok, had;

	do
	:: set_demand();
	   ok = false
	:: !connected ->
		lock(mutex);
		claim(res_limit);
		d_step {
			if
			:: ok ->
				root_limit = root_limit + res_limit;
				connected = true
			:: else
			fi;
			assert(aside >= root_limit);
			ok = false
		}
		mutex = false
	:: connected ->
		lock(mutex);
		leaving = true;
		orphan_all();
		/* charges_end(), limits_add() */
		d_step {
			assert(!res_usage && !slab_pages && objects == charged);
			objects = 0;
			charged = 0;
			root_limit = root_limit - res_limit;
			connected = false;
			leaving = false;
			strict()
		}
		trim();
		mutex = false
	od
}

#else

/* daemons_set(): vm.reserve.daemon_kbytes. The node is never disconnected. */
active proctype admin()
{
	byte p, q, sum, nr, want, new, all;
	bool ok, had;

	do
#ifndef BREAK_POOL_KEY_AFTER_DEMAND
	:: daemon_key = true;
	   set_demand();
	   if
	   :: demand
	   :: !demand -> daemon_key = false
	   fi;
	   ok = false
#else
	:: set_demand();
	   if
	   :: ok && demand -> daemon_key = true
	   :: ok && !demand -> daemon_key = false
	   :: !ok
	   fi;
	   ok = false
#endif
	/* mem_reserve_cache_gone(), item_end(): nobody uses the cache, but RCU may. */
	:: atomic { demand && !gone && !objects && !mutex && !slab_lock -> mutex = true; gone = true };
	   ending = true;
	   orphan_all();
	   ending = false;
	   trim();
	   mutex = false
	/* mem_reserve_cache_created(), any_add() */
	:: atomic { gone && !mutex -> gone = false }
	od
}

#endif

/* mem_reserve_adopt_fn(), when memory is plentiful, and mem_reserve_trim_fn() */
active proctype worker()
{
	byte p, q, sum, nr, want, all;
	bool ok;

	do
	:: lock(mutex);
	   /* item_adopt(): as many pages as there are now, if they can be replaced */
	   if
	   :: CHARGEABLE && slab_pages && !gone ->
		all = slab_pages;
#ifdef BREAK_ADOPTED_NOT_REPLACED
		ok = true;
#else
		claim(all);
#endif
		if
		:: ok -> adopt(all)
		:: !ok
		fi
#ifdef POOL
	   :: CHARGEABLE && pages ->
		all = pages;
		claim(all);
		/* pages_adopt(): whichever it meets first */
		if
		:: ok -> atomic {
			do
			:: all && pages > fresh -> pages--; old++; orphan_page(); all--
			:: all && fresh -> pages--; fresh--; stale++; orphan_page(); all--
			:: !all || !pages -> break
			od }
		:: !ok
		fi
#endif
	   :: else
	   fi;
	   d_step { all = 0; ok = false; assert(aside >= root_limit); strict() }
	   trim();
	   mutex = false
	od
}
