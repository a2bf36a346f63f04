// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for storage daemons: tasks that serve or mend what pages are written
 * to, and have said so with prctl(PR_SET_IO_FLUSHER). An iSCSI initiator that
 * logs in again and a swap server on the same machine are such.
 *
 * They draw on a node of their own, /daemons, when memory is exhausted: pages in
 * the allocator's slow path instead of waiting, and objects of any cache in
 * SLUB's. vm.reserve.daemon_kbytes says how much, and 0, the default, is none.
 *
 * Only the task's own allocations count, not those of an interrupt that it was
 * hit by. Threads and children of a daemon are daemons, as the flags of prctl()
 * are inherited; kernel threads are not, whatever their flags.
 */

#define pr_fmt(fmt) "reserve: " fmt

#include <linux/cpuset.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/jump_label.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/preempt.h>
#include <linux/reserve.h>
#include <linux/sched.h>
#include <linux/sysctl.h>

#include "reserve.h"

/* What prctl(PR_SET_IO_FLUSHER) sets: see kernel/sys.c */
#define PF_IO_FLUSHER	(PF_MEMALLOC_NOIO | PF_LOCAL_THROTTLE)

/* Has the node a demand? */
DEFINE_STATIC_KEY_FALSE(mem_reserve_daemon_key);

struct mem_reserve mem_reserve_daemons;

static DEFINE_MUTEX(mem_reserve_daemon_mutex);
static unsigned long mem_reserve_daemon_kbytes;

/**
 * mem_reserve_task_is_daemon - has the task said that VM depends on it?
 *
 * Context: Any. What an interrupt does is not the task's.
 * Return: true if it has, by prctl(PR_SET_IO_FLUSHER).
 */
bool mem_reserve_task_is_daemon(void)
{
	/* Its slabs are everybody's, and so a page might become one. */
	if (IS_ENABLED(CONFIG_SLUB_TINY))
		return false;
	return in_task() && (current->flags & PF_IO_FLUSHER) == PF_IO_FLUSHER &&
	       !(current->flags & PF_KTHREAD);
}

/**
 * __mem_reserve_daemon - may this allocation draw on the daemons' reserve?
 * @gfp: its flags
 *
 * Not what would rather fail than try hard, not what may use emergency memory of
 * another kind, or none, and not what must wake nobody.
 *
 * Context: Any.
 * Return: true if it may, when there is no other memory.
 */
bool __mem_reserve_daemon(gfp_t gfp)
{
	return gfp & __GFP_KSWAPD_RECLAIM &&
	       !(gfp & (__GFP_NORETRY | __GFP_RETRY_MAYFAIL | __GFP_MEMALLOC |
			__GFP_NOMEMALLOC | __GFP_DMA | __GFP_DMA32)) &&
	       !(current->flags & PF_MEMALLOC) && mem_reserve_task_is_daemon();
}

/* Who is confined to some nodes would be given the others' memory by and by. */
static bool page_allowed(struct page *page, gfp_t gfp, const nodemask_t *nodes)
{
	return (!nodes || node_isset(page_to_nid(page), *nodes)) &&
	       cpuset_zone_allowed(page_zone(page), gfp);
}

/**
 * __mem_reserve_daemon_page - a page of the daemons' reserve
 * @gfp: as for alloc_pages(), which is about to fail or to wait
 * @order: as for alloc_pages(); there is one page at a time
 * @nodes: where it may be, or %NULL
 *
 * It bears no mark: what the daemon sends is not for emergencies elsewhere.
 *
 * Context: Any but NMI. Does not sleep.
 * Return: the page, or %NULL if it is not for a daemon or there is no room.
 */
struct page *__mem_reserve_daemon_page(gfp_t gfp, unsigned int order,
				       const nodemask_t *nodes)
{
	struct page *page;

	if (order || gfp & __GFP_THISNODE || !__mem_reserve_daemon(gfp))
		return NULL;
	page = mem_reserve_draw_page(&mem_reserve_daemons, gfp);
	if (!page)
		return NULL;
	clear_page_pfmemalloc(page);
	if (page_allowed(page, gfp, nodes))
		return page;
	__free_page(page);
	return NULL;
}

/*
 * The old demand is in force if this fails. The key is on before there is one, and
 * off after it is gone: who sees it off, see slab_daemon_new(), has no page of it.
 */
static int daemons_set(unsigned long pages)
{
	bool was = static_key_enabled(&mem_reserve_daemon_key);
	int err;

	if (!was)
		static_branch_enable(&mem_reserve_daemon_key);
	err = mem_reserve_pool_set(&mem_reserve_daemons, pages);
	if (err ? !was : !pages)
		static_branch_disable(&mem_reserve_daemon_key);
	return err;
}

static int daemon_kbytes_handler(const struct ctl_table *table, int write,
				 void *buffer, size_t *lenp, loff_t *ppos)
{
	struct ctl_table copy = *table;
	unsigned long value;
	int err;

	guard(mutex)(&mem_reserve_daemon_mutex);

	value = mem_reserve_daemon_kbytes;
	copy.data = &value;
	err = proc_doulongvec_minmax(&copy, write, buffer, lenp, ppos);
	if (!write)
		return err;
	if (err)
		return mem_reserve_knob_refused(err, "vm.reserve.daemon_kbytes",
						mem_reserve_daemon_kbytes,
						*(unsigned long *)table->extra1,
						*(unsigned long *)table->extra2);
	if (value == mem_reserve_daemon_kbytes)
		return 0;
	err = daemons_set(DIV_ROUND_UP(value, PAGE_SIZE / 1024));
	if (err)
		pr_warn("vm.reserve.daemon_kbytes stays %lu: %lu cannot be had (%pe)\n",
			mem_reserve_daemon_kbytes, value, ERR_PTR(err));
	else
		mem_reserve_daemon_kbytes = value;
	return err;
}

static unsigned long daemon_kbytes_min;
static unsigned long daemon_kbytes_max = 1UL << 20;

static struct ctl_table mem_reserve_daemon_sysctls[] = {
	{
		.procname	= "daemon_kbytes",
		.data		= &mem_reserve_daemon_kbytes,
		.maxlen		= sizeof(mem_reserve_daemon_kbytes),
		.mode		= 0644,
		.proc_handler	= daemon_kbytes_handler,
		.extra1		= &daemon_kbytes_min,
		.extra2		= &daemon_kbytes_max,
	},
};

static int __init mem_reserve_daemons_init(void)
{
	mem_reserve_init(&mem_reserve_daemons, "daemons");
	mem_reserve_daemons.knob = "vm.reserve.daemon_kbytes";
	register_sysctl("vm/reserve", mem_reserve_daemon_sysctls);
	return mem_reserve_connect(&mem_reserve_daemons, &mem_reserve_root);
}

/* After the root has its directory */
fs_initcall(mem_reserve_daemons_init);

#if IS_ENABLED(CONFIG_MEM_RESERVE_KUNIT_TEST)
#include "tests/reserve_daemon_kunit.c"
#endif
