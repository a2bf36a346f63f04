/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page side of mm/reserve.c, for spin: blocks are claimed and given back
 * under a mutex that is held over many steps, while pages are charged, drawn and
 * freed under a spinlock, one step each, at any time in between.
 *
 * Two nodes below the root, of which one draws single pages and one runs of two;
 * blocks of four pages, and a memory of BLOCKS of them. A block serves runs of one
 * order, so that it is enough to count whose they are: wherever one is free it can
 * be drawn. Each part has the name of the function that it stands for. What is
 * asserted are the invariants Strict, Balanced and Filled: Documentation/mm/reserve.rst.
 *
 * 'make model' runs it, and once more for each BREAK_*, which must fail.
 */

#define PB	4	/* pageblock_nr_pages */
#ifndef BLOCKS
#define BLOCKS	3
#endif
#ifndef DEMAND
#define DEMAND	6	/* the most that a node demands, in pages */
#endif

#define NODES	2	/* by the order that they draw */
#define ROOT	2

#define PAGES_OF(o)	(1 << (o))
#define USED(b)		(drawn[b] + orphaned[b])
#define TO_BLOCKS(n)	(((n) + PB - 1) / PB)

byte usage[3], limit[3];	/* of the nodes and the root */
byte demand[NODES];		/* stays while it is not connected */
bool connected[NODES], leaving[NODES];
byte orphans[NODES];		/* by order: usage, and limit as well */
byte by_order[NODES];		/* of the root */

bool ours[BLOCKS], listed[BLOCKS];	/* in the hash; its pages on the free lists */
byte order[BLOCKS];
byte drawn[BLOCKS];		/* pages of it that the node of that order has, */
byte orphaned[BLOCKS];		/* that are nobody's, */
byte gone[BLOCKS];		/* and that were in use when it was given back */
byte blocks_of[NODES];
short unused;			/* mem_reserve_unused */
bool held[BLOCKS];		/* allocated, and not yet claimed */

bool mutex, trim_work;

#define lock_mutex()	atomic { !mutex -> mutex = true }
#define unlock_mutex()	mutex = false

/* Blocks that a demand of @a single pages and of runs with @b pages may still take */
#define LACK(n, o)	(TO_BLOCKS(n) > blocks_of[o] -> TO_BLOCKS(n) - blocks_of[o] : 0)
#define TO_COME(a, b)	(LACK(a, 0) + LACK(b, 1))

#define SURPLUS		(unused > TO_COME(by_order[0], by_order[1]))

/* limit_add() */
inline limit_add(n, nr)
{
	limit[n] = limit[n] + (nr);
	limit[ROOT] = limit[ROOT] + (nr);
	by_order[n] = by_order[n] + (nr)
}

inline limit_sub(n, nr)
{
	limit[n] = limit[n] - (nr);
	limit[ROOT] = limit[ROOT] - (nr);
	by_order[n] = by_order[n] - (nr)
}

/* Strict: at every level, after every step that counts */
inline strict()
{
	assert(usage[0] <= limit[0] && usage[1] <= limit[1] && usage[ROOT] <= limit[ROOT])
}

/* may_start_block() */
#define MAY_START(n)	(blocks_of[n] < TO_BLOCKS(by_order[n]))

/* take_pages(): from a block of that order, or else from one that is unused */
inline take(n)
{
	b = 0;
	do
	:: b == BLOCKS || (listed[b] && USED(b) && order[b] == n && USED(b) < PB) -> break
	:: else -> b++
	od;
	if
	:: b == BLOCKS && MAY_START(n) ->
		b = 0;
		do
		:: b == BLOCKS || (listed[b] && !USED(b)) -> break
		:: else -> b++
		od
	:: else
	fi
}

/* item_draw(), one hold of mem_reserve_lock. Filled: what is charged is there. */
inline draw(n)
{
	d_step {
		if
#ifdef BREAK_LEAVING_DRAWS
		:: connected[n] && usage[n] + PAGES_OF(n) <= limit[n] &&
		   usage[ROOT] + PAGES_OF(n) <= limit[ROOT] ->
#else
		:: connected[n] && !leaving[n] && usage[n] + PAGES_OF(n) <= limit[n] &&
		   usage[ROOT] + PAGES_OF(n) <= limit[ROOT] ->
#endif
			usage[n] = usage[n] + PAGES_OF(n);
			usage[ROOT] = usage[ROOT] + PAGES_OF(n);
			take(n);
			assert(b < BLOCKS);
			if
			:: !USED(b) ->
				order[b] = n;
				blocks_of[n]++;
				unused--
			:: else
			fi;
			drawn[b] = drawn[b] + PAGES_OF(n);
			strict()
		:: else
		fi;
		b = 0
	}
}

/* mem_reserve_put() of a run of block @b, one hold as well */
inline put(b)
{
	if
	:: gone[b] -> gone[b]--
	:: drawn[b] ->
		drawn[b] = drawn[b] - PAGES_OF(order[b]);
		usage[order[b]] = usage[order[b]] - PAGES_OF(order[b]);
		put_back(b)
	:: orphaned[b] ->
		orphaned[b] = orphaned[b] - PAGES_OF(order[b]);
		orphans[order[b]] = orphans[order[b]] - PAGES_OF(order[b]);
		limit[ROOT] = limit[ROOT] - PAGES_OF(order[b]);
		by_order[order[b]] = by_order[order[b]] - PAGES_OF(order[b]);
		put_back(b)
	fi
}

inline put_back(b)
{
	usage[ROOT] = usage[ROOT] - PAGES_OF(order[b]);
	if
	:: !USED(b) ->
		blocks_of[order[b]]--;
		unused++;
		order[b] = 0
	:: else
	fi;
	strict();
	if
	:: SURPLUS -> trim_work = true
	:: else
	fi
}

/* Who draws and frees, in any order: each is one step, so that one is as good as many. */
active proctype user()
{
	byte b;

	do
	:: draw(0)
	:: draw(1)
	:: atomic { gone[0] || USED(0) -> put(0) }
	:: atomic { gone[1] || USED(1) -> put(1) }
#if BLOCKS > 2
	:: atomic { gone[2] || USED(2) -> put(2) }
#endif
	od
}

/* blocks_trim(), one hold */
inline trim()
{
	d_step {
		/* orphans_release() and blocks with pages out: only when nobody demands anything */
		last = limit[ROOT] == orphans[0] + orphans[1];
		if
		:: last ->
			usage[ROOT] = usage[ROOT] - orphans[0] - orphans[1];
			limit[ROOT] = limit[ROOT] - orphans[0] - orphans[1];
			by_order[0] = by_order[0] - orphans[0];
			by_order[1] = by_order[1] - orphans[1];
			orphans[0] = 0;
			orphans[1] = 0
		:: else
		fi;
		b = 0;
		do
		:: b >= BLOCKS -> break
		:: else ->
			if
#ifdef BREAK_TRIM_TOO_MUCH
			:: ours[b] && !USED(b) ->
#else
			:: ours[b] && (last || (!USED(b) && SURPLUS)) ->
#endif
				ours[b] = false;
				listed[b] = false;
				if
				:: USED(b) ->
					blocks_of[order[b]]--;
					gone[b] = USED(b);
					drawn[b] = 0;
					orphaned[b] = 0;
					order[b] = 0
				:: else -> unused--
				fi
			:: else
			fi;
			b++
		od;
		strict();
		/* Balanced: with nothing demanded nothing is kept, and nothing counted. */
		assert(!last || (unused == 0 && !blocks_of[0] && !blocks_of[1] &&
				 !usage[0] && !usage[1] && !usage[ROOT] && !limit[ROOT]));
		b = 0; last = false
	}
}

/* blocks_claim() for @more pages of order @n: all or none; leaves the answer in @ok */
inline claim(n, more)
{
	d_step {
		/* blocks_missing() */
#ifdef BREAK_PAGES_NOT_BLOCKS
		want = TO_COME(by_order[0], by_order[1]);
		want = ((limit[ROOT] + (more)) > PB * (unused + blocks_of[0] + blocks_of[1]) ->
			TO_BLOCKS(limit[ROOT] + (more) - PB * (unused + blocks_of[0] + blocks_of[1])) : 0);
#else
		want = TO_COME(by_order[0] + (n -> 0 : (more)), by_order[1] + (n -> (more) : 0));
		want = (want > unused -> want - unused : 0);
#endif
		got = 0; b = 0
	}
	do
	:: got == want -> ok = true; break
	:: got < want ->
		d_step {
			b = 0;
			do
			:: b < BLOCKS && (ours[b] || held[b] || gone[b]) -> b++
			:: else -> break
			od
		}
		if
		:: b < BLOCKS -> held[b] = true; got++
		:: b == BLOCKS -> ok = false; break
		:: ok = false -> break	/* the allocator may refuse at any time */
		fi
	od;
	b = 0;
	do
	:: b == BLOCKS -> break
	:: b < BLOCKS && held[b] && !ok -> held[b] = false; b++
	:: b < BLOCKS && held[b] && ok ->
		/* block_claim(): two holds, and its pages come to the lists in between */
		d_step { held[b] = false; ours[b] = true }
		listed[b] = true;
		unused++;
		b++
	:: b < BLOCKS && !held[b] -> b++
	od;
	skip;
	d_step { b = 0; want = 0; got = 0 }
}

/* Some demand, and the mutex */
inline choose(new)
{
	atomic {
		!mutex -> mutex = true;
		if
		:: new = 0
		:: new = PAGES_OF(n)
		:: new = PB
		:: new = DEMAND - DEMAND % PAGES_OF(n)
		fi
	}
}

/* mem_reserve_connect(), a change of a demand, mem_reserve_disconnect() of one node */
proctype admin(byte n)
{
	byte b, want, got, new;
	bool ok, last;

	do
	:: !connected[n] ->
		choose(new);
#ifdef BREAK_PROMISED_BEFORE_CLAIMED
		d_step { demand[n] = new; connected[n] = true; limit_add(n, new); new = 0 }
#endif
		claim(n, new);
		if
		:: ok ->
			d_step {
#ifndef BREAK_PROMISED_BEFORE_CLAIMED
				demand[n] = new;
				connected[n] = true;
				limit_add(n, new);
#endif
				strict();
				/* Filled: as soon as the limit says so */
				assert(unused >= TO_COME(by_order[0], by_order[1]))
			}
		:: !ok -> trim()
		fi;
		d_step { ok = false; new = 0 }
		unlock_mutex()

	:: connected[n] ->	/* demand_set() */
		choose(new);
		if
		:: new >= demand[n] -> claim(n, new - demand[n])
		:: new < demand[n] -> ok = true
		fi;
		d_step {
			if
			:: ok && new >= demand[n] ->
				limit_add(n, new - demand[n]);
				demand[n] = new
#ifdef BREAK_SHRINK_BELOW_USAGE
			:: ok && new < demand[n] ->
#else
			:: ok && new < demand[n] && usage[n] <= new ->
#endif
				limit_sub(n, demand[n] - new);
				demand[n] = new
			:: else	/* -EBUSY, or no memory */
			fi;
			strict();
			assert(unused >= TO_COME(by_order[0], by_order[1]));
			ok = false; new = 0
		}
		trim();
		unlock_mutex()

	:: connected[n] ->
		lock_mutex();
		leaving[n] = true;
		/* items_orphan() */
		d_step {
			orphans[n] = orphans[n] + usage[n];
			limit[ROOT] = limit[ROOT] + usage[n];
			by_order[n] = by_order[n] + usage[n];
			do
			:: b == BLOCKS -> break
			:: else ->
				if
				:: order[b] == n ->
					orphaned[b] = orphaned[b] + drawn[b];
					drawn[b] = 0
				:: else
				fi;
				b++
			od;
			usage[n] = 0; b = 0
		}
		d_step {
			limit_sub(n, demand[n]);
			connected[n] = false;
			leaving[n] = false;
			demand[n] = 0;
			strict()
		}
		trim();
		unlock_mutex()
	od
}

/* mem_reserve_trim_fn() */
active proctype worker()
{
	byte b;
	bool last;

	do
	:: atomic { trim_work -> trim_work = false };
	   lock_mutex();
	   trim();
	   unlock_mutex()
	od
}

init
{
	atomic { run admin(0); run admin(1) }
}
