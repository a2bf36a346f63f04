/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM reserve

#if !defined(_TRACE_RESERVE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_RESERVE_H

#include <linux/reserve.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(mem_reserve_count,

	TP_PROTO(const struct mem_reserve *res,
		 const struct mem_reserve_count *count, unsigned long nr),

	TP_ARGS(res, count, nr),

	TP_STRUCT__entry(
		__string(name, res->name)
		__field(unsigned long, nr)
		__field(unsigned long, usage)
		__field(unsigned long, limit)
		__field(bool, own)
	),

	TP_fast_assign(
		__assign_str(name);
		__entry->nr = nr;
		__entry->usage = count->usage;
		__entry->limit = count->limit;
		__entry->own = count != &res->pages;
	),

	TP_printk("node=%s unit=%s nr=%lu usage=%lu limit=%lu",
		  __get_str(name), __entry->own ? "own" : "pages",
		  __entry->nr, __entry->usage, __entry->limit)
);

/* After a charge: usage includes it. */
DEFINE_EVENT(mem_reserve_count, mem_reserve_charge,
	TP_PROTO(const struct mem_reserve *res,
		 const struct mem_reserve_count *count, unsigned long nr),
	TP_ARGS(res, count, nr));

/* After a charge was given back. */
DEFINE_EVENT(mem_reserve_count, mem_reserve_uncharge,
	TP_PROTO(const struct mem_reserve *res,
		 const struct mem_reserve_count *count, unsigned long nr),
	TP_ARGS(res, count, nr));

/* The node named is the one that had no room: the charged one or one above. */
DEFINE_EVENT(mem_reserve_count, mem_reserve_fail,
	TP_PROTO(const struct mem_reserve *res,
		 const struct mem_reserve_count *count, unsigned long nr),
	TP_ARGS(res, count, nr));

/* A page left the reserve's free lists, or came back to them. */
TRACE_EVENT(mem_reserve_draw,

	TP_PROTO(const struct mem_reserve *res, unsigned long pfn,
		 unsigned int order, gfp_t gfp),

	TP_ARGS(res, pfn, order, gfp),

	TP_STRUCT__entry(
		__string(name, res->name)
		__field(unsigned long, pfn)
		__field(unsigned int, order)
		__field(unsigned long, gfp)
	),

	TP_fast_assign(
		__assign_str(name);
		__entry->pfn = pfn;
		__entry->order = order;
		__entry->gfp = (__force unsigned long)gfp;
	),

	TP_printk("node=%s pfn=0x%lx order=%u gfp=0x%lx",
		  __get_str(name), __entry->pfn, __entry->order, __entry->gfp)
);

/* A reserve slab became an ordinary one, its pages nobody's. */
TRACE_EVENT(mem_reserve_adopt,

	TP_PROTO(const struct mem_reserve *res, unsigned long pfn,
		 unsigned int order),

	TP_ARGS(res, pfn, order),

	TP_STRUCT__entry(
		__string(name, res->name)
		__field(unsigned long, pfn)
		__field(unsigned int, order)
	),

	TP_fast_assign(
		__assign_str(name);
		__entry->pfn = pfn;
		__entry->order = order;
	),

	TP_printk("node=%s pfn=0x%lx order=%u", __get_str(name),
		  __entry->pfn, __entry->order)
);

#endif /* _TRACE_RESERVE_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
