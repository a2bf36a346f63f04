/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM sock_reserve

#if !defined(_TRACE_SOCK_RESERVE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_SOCK_RESERVE_H

#include <linux/tracepoint.h>

struct sk_reserve_size;

/* The network's demand was set, or could not be. */
TRACE_EVENT(sk_reserve_size,

	TP_PROTO(const struct sk_reserve_size *size, int err),

	TP_ARGS(size, err),

	TP_STRUCT__entry(
		__field(unsigned long, ring)
		__field(unsigned long, jumbo)
		__field(unsigned long, clones)
		__field(unsigned long, segments)
		__field(unsigned long, copies)
		__field(unsigned long, records)
		__field(unsigned long, control)
		__field(int, err)
	),

	TP_fast_assign(
		__entry->ring = size->ring;
		__entry->jumbo = size->jumbo;
		__entry->clones = size->clones;
		__entry->segments = size->segments;
		__entry->copies = size->copies;
		__entry->records = size->records;
		__entry->control = size->control;
		__entry->err = err;
	),

	TP_printk("ring=%lu jumbo=%lu clones=%lu segments=%lu copies=%lu records=%lu control=%lu err=%d",
		  __entry->ring, __entry->jumbo, __entry->clones,
		  __entry->segments, __entry->copies, __entry->records,
		  __entry->control, __entry->err)
);

#endif /* _TRACE_SOCK_RESERVE_H */

#include <trace/define_trace.h>
