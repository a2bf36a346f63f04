/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_RESERVE_H
#define _LINUX_RESERVE_H

#include <linux/types.h>

static inline bool slab_reserve_object(const void *object)
{
	return false;
}

#endif /* _LINUX_RESERVE_H */
