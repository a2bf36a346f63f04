# SPDX-License-Identifier: GPL-2.0
"""The table of mutants: code broken on purpose, and a test that must see it.

	mutants.py list [PATTERN...]	the names, all or those with * and ? that match
	mutants.py apply TREE NAME	break it in TREE
	mutants.py restore TREE NAME	mend it
	mutants.py check TREE		does each of them still apply?
"""
import fnmatch
import os
import sys

RESERVE = "mm/reserve.c"
ALLOC = "mm/page_alloc.c"
SLUB = "mm/reserve_slub.c"
DAEMON = "mm/reserve_daemon.c"
NET = "net/core/sock_reserve.c"
NET_SIZE = "net/core/sock_reserve_size.c"
NET_API = "include/net/sock_reserve.h"
SKBUFF = "net/core/skbuff.c"
SOCK = "net/core/sock.c"
INET = "net/ipv4/af_inet.c"
NEIGH = "net/core/neighbour.c"
DST = "net/core/dst.c"
ARP = "net/ipv4/arp.c"
TCP = "net/ipv4/tcp.c"
ETHTOOL = "net/ethtool/netlink.c"
LINK = "net/core/link_watch.c"
TCP_API = "include/net/tcp.h"
NETLINK = "net/netlink/af_netlink.c"
DEV = "net/core/dev.c"
IP = "net/ipv4/ip_input.c"
IP6 = "net/ipv6/ip6_input.c"
PACKET = "net/packet/af_packet.c"
POOL = "net/core/page_pool.c"
MACVLAN = "drivers/net/macvlan.c"
IPVLAN = "drivers/net/ipvlan/ipvlan_core.c"
L2TP = "net/l2tp/l2tp_core.c"

# name: (invariant, file, [(what stands there once, what shall stand there)])
MUTANTS = {
    "no-limit": ("Strict", RESERVE, [
        ("return count->limit - count->usage >= nr;", "return true;")]),
    "last-unit-refused": ("Strict", RESERVE, [
        ("return count->limit - count->usage >= nr;",
         "return count->limit - count->usage > nr;")]),
    "only-the-leaf-checked": ("Strict", RESERVE, [
        ("for (pos = item->res; pos; pos = pos->parent)\n\t\tif (!count_has_room",
         "for (pos = item->res; pos == item->res; pos = pos->parent)\n\t\tif (!count_has_room")]),
    "item-not-checked": ("Strict", RESERVE, [
        ("\tif (!count_has_room(&item->pages, nr))\n"
         "\t\treturn count_refuse(item->res, &item->pages, nr);\n", "")]),
    "check-without-lock": ("Strict", RESERVE, [
        ("\t\treturn -ENODEV;\n\tif (!count_has_room(&item->pages, nr))",
         "\t\treturn -ENODEV;\n\titem->res->pages.usage += nr;\n"
         "\tif (!count_has_room(&item->pages, nr))"),
        ("count_add(pos, &pos->pages, nr);\n\treturn 0;",
         "count_add(pos, &pos->pages, nr);\n\titem->res->pages.usage -= nr;\n\treturn 0;")]),
    "bytes-not-charged": ("Strict", RESERVE, [
        ("\tif (own && !count_has_room(own, nr * item->weight))\n"
         "\t\treturn count_refuse(res, own, nr * item->weight);\n", "")]),
    "free-pages-uncounted": ("Balanced", ALLOC, [
        ("\tif (is_migrate_reserve(migratetype))\n\t\t__mod_zone_page_state(zone, NR_FREE_RESERVE_PAGES",
         "\tif (0)\n\t\t__mod_zone_page_state(zone, NR_FREE_RESERVE_PAGES")]),
    "blocks-uncounted": ("Balanced", RESERVE, [
        ("\t\t\t    sign * (long)pageblock_nr_pages);", "\t\t\t    0);")]),
    "draws-uncounted": ("Balanced", RESERVE, [
        ("\tcount_vm_events(RESERVE_DRAW, 1UL << item->order);\n", "")]),
    "waits-without-reserve": ("Progress", RESERVE, [
        ("\tif (!mem_reserve_demand() || !(oc->gfp_mask & __GFP_FS) ||", "\tif (!(oc->gfp_mask & __GFP_FS) ||")]),
    "link-waits-for-memory": ("Progress", LINK, [
        ("\t\tflags = sk_reserve_enter_link();\n", "\t\tflags = sk_reserve_enter_dev();\n")]),
    "tcp-limit-of-others": ("Progress", SOCK, [
        ("\tif (sk_reserve_promised(sk)) {\n\t\tif (memcg", "\tif (0) {\n\t\tif (memcg")]),
    "tcp-pressure-of-others": ("Progress", TCP_API, [
        ("\tif (sk_reserve_promised(sk))\n\t\treturn false;\n\n", "")]),
    "listener-not-told": ("Progress", NETLINK, [
        ("\t\tif (!sk_reserve_may_park(p->skb2))\n\t\t\tnetlink_overrun(sk);\n", "")]),
    "waits-for-files": ("Progress", RESERVE, [
        ("\tunsigned long swapout = min(oom_node_pages(oc, NR_SWAPCACHE),\n\t\t\t\t    writeback - min(writeback, file));",
         "\tunsigned long swapout = writeback;")]),
    "waits-for-a-dead-server": ("Progress", RESERVE, [
        ("\treturn swapout_advances(stall);\n", "\treturn true;\n")]),
    "waits-for-a-trickle": ("Progress", RESERVE, [
        (" - mem_reserve_swapout.pages >= SWAP_CLUSTER_MAX ||", " != mem_reserve_swapout.pages ||")]),
    "kills-for-what-was": ("Progress", RESERVE, [
        (" >= SWAP_CLUSTER_MAX ||\n\t    time_after(jiffies, mem_reserve_swapout.asked + MEM_RESERVE_SWAPOUT_STALL)) {", " >= SWAP_CLUSTER_MAX) {")]),
    "waits-for-fragments": ("Progress", RESERVE, [
        ("\treturn !oc->order && anon", "\treturn anon")]),
    "waits-for-idle-swap": ("Progress", RESERVE, [
        ("\t\tstall = MEM_RESERVE_SWAPOUT_IDLE;", "\t\tstall = MEM_RESERVE_SWAPOUT_STALL;")]),
    "waits-for-full-swap": ("Progress", RESERVE, [
        ("\t       get_nr_swap_pages() > (long)anon;", "\t       true;")]),
    "waits-for-the-last-page": ("Progress", RESERVE, [
        ("\treturn !oc->order && anon > totalram_pages() / 16 &&\n", "\treturn !oc->order &&\n")]),
    "kills-with-swap-free": ("Progress", RESERVE, [
        ("\telse if (swap_takes_all(oc))\n", "\telse if (0)\n")]),
    "kills-before-swap-is-written": ("Progress", RESERVE, [
        ("\treturn 2 * swapout > anon + file;", "\treturn false;")]),
    "no-ceiling": ("Strict", RESERVE, [
        ("\tif (blocks_exceed(res, want, gfp))\n\t\treturn -ENOMEM;\n", "")]),
    "pool-shrunk-below-usage": ("Strict", RESERVE, [
        ("\tif (res->own.usage > plan->own ||\n"
         "\t    (plan->pool && res->pages.usage > plan->pool))\n",
         "\tif (res->own.usage > plan->own)\n")]),
    "pool-counted-for-each-cache": ("Exact", RESERVE, [
        ("\tunsigned long after = item->want_pooled ? 0 : item->want_pages;",
         "\tunsigned long after = item->want_pages;")]),
    "pool-pages-never-adopted": ("Filled", RESERVE, [
        ("\t\tpages_pass(item, nr, page_orphan);", "\t\t;")]),
    "ending-still-charged": ("Balanced", RESERVE, [
        ("\tif (item->ending || !mem_reserve_connected(res))",
         "\tif (!mem_reserve_connected(res))")]),
    "leaving-still-charged": ("Balanced", RESERVE, [
        ("while (res && res != &mem_reserve_root && !res->leaving)",
         "while (res && res != &mem_reserve_root)")]),
    "ancestors-not-uncharged": ("Balanced", RESERVE, [
        ("for (pos = item->res; pos; pos = pos->parent)\n\t\tcount_sub",
         "for (pos = item->res; pos == item->res; pos = pos->parent)\n\t\tcount_sub")]),
    "freed-page-not-uncharged": ("Balanced", RESERVE, [
        ("\t\telse\n\t\t\tuncharge_pages(item, 1UL << order);\n\t\tif (blocks_in_surplus())",
         "\t\tif (blocks_in_surplus())")]),
    "failed-draw-not-uncharged": ("Balanced", RESERVE, [
        ("\tif (!page) {\n\t\tuncharge_pages(item, 1UL << item->order);\n",
         "\tif (!page) {\n")]),
    "failed-object-not-uncharged": ("Balanced", SLUB, [
        ("\tif (IS_ERR(object))\n\t\tmem_reserve_uncharge_object(item);\n", "")]),
    "wrong-owner": ("Balanced", RESERVE, [
        ("\t\t*block_owner(block, pfn + i) = item;\n\tblock->used",
         "\t\t*block_owner(block, pfn + i) = i ? NULL : item;\n\tblock->used")]),
    "orphans-forgotten": ("Balanced", RESERVE, [
        ("\titems_orphan(res);\n", "\t(void)items_orphan;\n")]),
    "nothing-claimed": ("Filled", RESERVE, [
        ("\twant = blocks_missing(by_order);", "\twant = 0 * blocks_missing(by_order);")]),
    "half-claimed": ("Filled", RESERVE, [
        ("\t\t\treturn -ENOMEM;\n\t\t}\n\t\tlist_add(&block->list, &blocks);",
         "\t\t\tbreak;\n\t\t}\n\t\tlist_add(&block->list, &blocks);")]),
    "orders-share-blocks": ("Filled", RESERVE, [
        ("return block->used && block->order == order;", "return block->used;")]),
    "order-takes-any-block": ("Filled", RESERVE, [
        ("return mem_reserve_blocks_of[order] <\n\t       pages_to_blocks(", "return true ||\n\t       pages_to_blocks(")]),
    "orders-rounded-together": ("Filled", RESERVE, [
        ("\t\tnr += want - min(want, mem_reserve_blocks_of[order]);",
         "\t\tnr = max(nr, want - min(want, mem_reserve_blocks_of[order]));")]),
    "never-given-back": ("Balanced", RESERVE, [
        ("\twhile (last || blocks_in_surplus()) {",
         "\twhile (0 && (last || blocks_in_surplus())) {")]),
    "waiters-not-woken": ("Progress", RESERVE, [
        ("\tif (waitqueue_active(&res->wait))\n\t\twake_up_all(&res->wait);", "")]),
    "waiters-of-a-gone-node": ("Progress", RESERVE, [
        ("\t\t\titem->objects.usage = 0;\n\t\t}\n\t\twake_up_all(&pos->wait);",
         "\t\t\titem->objects.usage = 0;\n\t\t}")]),
    "draw-before-ordinary": ("Floor", RESERVE, [
        ("p = rq->kind->ordinary(rq, gfp_before_reserve(gfp));", "p = NULL;")]),
    "no-flag-needed": ("Floor", RESERVE, [
        ("return !WARN_ON_ONCE(!(gfp & __GFP_MEMALLOC) || in_nmi());",
         "return !WARN_ON_ONCE(in_nmi());")]),
    "anybody-falls-back": ("Floor", ALLOC, [
        ("[MIGRATE_UNMOVABLE]   = { MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE   },",
         "[MIGRATE_UNMOVABLE]   = { MIGRATE_RESERVE,     MIGRATE_MOVABLE   },")]),
    "isolated": ("Floor", ALLOC, [
        ("\tif (is_migrate_reserve(mt))\n\t\treturn 0;\n", "")]),
    "freed-past-the-reserve": ("Balanced", ALLOC, [
        ("\tif (is_migrate_reserve(migratetype))\n\t\tmem_reserve_put(page, order);",
         "\tif (0)\n\t\tmem_reserve_put(page, order);")]),
    "plan-half-applied": ("Filled", RESERVE, [
        ("int err = plan_fill(plan, wish) ?: plan_apply(plan);",
         "int err = plan_fill(plan, wish);\n\n\terr = plan_apply(plan) ?: err;")]),
    "weight-before-its-time": ("Balanced", RESERVE, [
        ("\titem->want_weight = weight;", "\titem->want_weight = weight;\n\titem->weight = weight;")]),
    "one-node-of-any": ("Filled", RESERVE, [
        ("\telse if (list_empty(&res->any))\n\t\tlist_add_tail(",
         "\telse\n\t\tlist_move_tail(")]),
    "parts-not-added": ("Exact", RESERVE, [
        ("\titem->want_pages = slab_reserve_pages(s, objects);",
         "\titem->want_pages += slab_reserve_pages(s, count);")]),
    "cache-gone-unnoticed": ("Balanced", RESERVE, [
        ("\t\tif (item->cache != s)\n\t\t\tcontinue;\n\t\titem_end(item);",
         "\t\tif (item->cache != s)\n\t\t\tcontinue;")]),
    "new-cache-unnoticed": ("Filled", RESERVE, [
        ("\tif (list_empty(&mem_reserve_anys))\n\t\treturn;", "\tif (s)\n\t\treturn;")]),
    "adopted-without-replacement": ("Filled", RESERVE, [
        ("\tif (blocks_claim(item->res, by_order, GFP_CLAIM_IDLE))\n\t\treturn false;",
         "\tblocks_claim(item->res, by_order, GFP_CLAIM_IDLE);")]),
    "adopted-in-need": ("Filled", RESERVE, [
        ("(!memory_is_plentiful() || !item_adopt(item))", "!item_adopt(item)")]),
    "never-adopted": ("Filled", RESERVE, [
        ("\t\tslab_reserve_adopt(item, nr);\n\telse", "\t\t;\n\telse")]),
    "net-dead-socket-keeps-page": ("Balanced", NET, [
        ("\tif (sk->sk_frag.page && page_is_pfmemalloc(", "\tif (0 && page_is_pfmemalloc(")]),
    "net-dead-socket-keeps-packets": ("Balanced", NET, [
        ("\tskb_rbtree_purge(&tp->out_of_order_queue);\n", "")]),
    "net-replaced-loses-share": ("Filled", SOCK, [("\tsk_reserve_join(sk);\n", "")]),
    "net-lacking-for-ever": ("Filled", NET, [
        ("\t\t\tsk_reserve_trim();\n\t\tsk_reserve_resize_later(SK_RESERVE_LINGER);\n",
         "\t\t\tsk_reserve_trim();\n")]),
    "reconnect-waits-for-tree": ("Progress", RESERVE, [
        ("\tif (current->flags & (PF_MEMALLOC | PF_MEMALLOC_NOIO))\n\t\treturn -EAGAIN;\n", "")]),
    "net-reconnect-refused": ("Progress", NET, [
        ("\tif (err == -EAGAIN)\n\t\treturn 0;\n", "")]),
    "net-daemon-not-charged": ("Strict", NET, [
        ("\treturn skb_move(skb, &mem_reserve_daemons, roomy);", "\treturn roomy;")]),
    "net-anybody-is-a-daemon": ("Floor", NET_API, [
        ("\tif (!IS_ENABLED(CONFIG_MEM_RESERVE) || !sock_flag(sk, SOCK_IO_FLUSHER))\n"
         "\t\treturn sock_flag(sk, SOCK_MEMALLOC);",
         "\tif (sock_flag(sk, SOCK_MEMALLOC) && !sock_flag(sk, SOCK_IO_FLUSHER))\n\t\treturn true;")]),
    "net-daemon-fills-ring": ("Progress", NET_API, [
        ("\tif (!IS_ENABLED(CONFIG_MEM_RESERVE) || !sock_flag(sk, SOCK_IO_FLUSHER))\n",
         "\tif (!sock_flag(sk, SOCK_IO_FLUSHER) || sock_flag(sk, SOCK_MEMALLOC))\n")]),
    "net-daemon-hears-no-ack": ("Progress", NET, [
        ("\tif (sk_is_tcp(sk) && skb->len <= cap)\n\t\treturn true;\n", "")]),
    "net-daemon-not-connected": ("Filled", INET, [("\t\tsk_reserve_daemon_connect(sk);\n", "")]),
    "net-daemon-keeps-share": ("Balanced", INET, [("\t\tsk_reserve_daemon_release(sk);\n", "")]),
    "net-daemon-takes-kernels": ("Progress", SOCK, [
        ("\tsock_reset_flag(sk, SOCK_IO_FLUSHER);\n", "")]),
    "net-daemon-passes-unfilled": ("Filled", SOCK, [
        ("\tif (sock_flag(sk, SOCK_MEMALLOC) && !sock_flag(sk, SOCK_IO_FLUSHER))\n",
         "\tif (sock_flag(sk, SOCK_MEMALLOC))\n")]),
    "net-daemon-unasked": ("Filled", NET_API, [
        ("if (static_branch_unlikely(&mem_reserve_daemon_key) &&\n\t    sock_flag",
         "if (sock_flag")]),
    "net-clone-is-counted": ("Balanced", SOCK, [("\tsk_reserve_cloned(newsk);\n", "")]),
    "net-daemon-not-marked": ("Progress", NET, [
        ("\t\tsock_set_flag(sk, SOCK_IO_FLUSHER);", "\t\t;")]),
    "net-daemon-dropped-early": ("Progress", NET, [
        ("return sk_fullsock(sk) && sk_pfmemalloc_allowed(sk);",
         "return sk_fullsock(sk) && sock_flag(sk, SOCK_MEMALLOC);")]),
    "daemon-kernel-thread": ("Floor", DAEMON, [
        ("&&\n\t       !(current->flags & PF_KTHREAD);", ";")]),
    "daemon-everybody": ("Floor", DAEMON, [
        ("(current->flags & PF_IO_FLUSHER) == PF_IO_FLUSHER &&", "")]),
    "daemon-interrupts": ("Floor", DAEMON, [("return in_task() && ", "return ")]),
    "daemon-any-flags": ("Floor", DAEMON, [
        ("\t       !(gfp & (__GFP_NORETRY", "\t       !(0 & (__GFP_NORETRY")]),
    "daemon-slab-of-drawn-page": ("Apart", SLUB, [
        ("slab = new_slab(s, soon | __GFP_NORETRY | __GFP_NOWARN, node);",
         "slab = new_slab(s, soon | __GFP_NOWARN, node);")]),
    "daemon-page-keeps-mark": ("Progress", DAEMON, [("\tclear_page_pfmemalloc(page);\n", "")]),
    "daemon-waits": ("Progress", ALLOC, [
        ("\tpage = mem_reserve_daemon_page(gfp_mask, order, ac->nodemask);\n", "")]),
    "adopted-still-charged": ("Balanced", RESERVE, [
        ("\t\tuncharge_objects(item, nr);\n\t\ttrace_mem_reserve_adopt(",
         "\t\ttrace_mem_reserve_adopt(")]),
    "slab-for-each-object": ("Exact", SLUB, [
        ("\tif (!slab)\n\t\tslab = slab_reserve_draw(s, item, gfp);",
         "\tslab = slab_reserve_draw(s, item, gfp);")]),
    "slab-kept-when-empty": ("Balanced", SLUB, [
        ("\tif (!slab->inuse) {\n\t\texts = slab_reserve_take_exts(slab);\n"
         "\t\tslab_reserve_discard(s, slab);\n\t} else if (item) {",
         "\tif (item) {")]),
    "slab-forgotten-when-full": ("Exact", SLUB, [
        ("\t\tlist_move(&slab->slab_list, &item->slabs);", "\t\t(void)item;")]),
    "slab-for-everybody": ("Apart", SLUB, [
        ("\treturn folio_test_owner_2(slab_folio(slab));", "\treturn false;")]),
    "rounded-down": ("Exact", SLUB, [
        ("count / objects + !!(count % objects)", "count / objects")]),
    "object-not-uncharged": ("Balanced", RESERVE, [
        ("\tif (!WARN_ON_ONCE(!item))\n\t\tuncharge_objects(item, nr);\n", "")]),
    "debug-unchecked": ("Balanced", SLUB, [
        ("\t    !alloc_debug_processing(s, slab, object, size)) {", "\t    0) {")]),
    "reserve-slabs-uncounted": ("Balanced", SLUB, [
        ("\tn->nr_reserve += nr;\n", "")]),
    "apart-for-everybody": ("Apart", SLUB, [
        ("\t\tkmem_cache_debug(slab->slab_cache)) &&\n\t       gfp_pfmemalloc_allowed(gfp);",
         "\t\tkmem_cache_debug(slab->slab_cache)) ||\n\t       gfp_pfmemalloc_allowed(gfp);")]),
    "apart-for-ever": ("Apart", SLUB, [
        ("\t\tslab_clear_pfmemalloc(slab);\n\t\treturn true;", "\t\treturn false;")]),
    "apart-never-shared": ("Exact", SLUB, [
        ("void *object = slab_apart_alloc(s, gfp, node);", "void *object = NULL;")]),
    "net-rx-head-not-charged": ("Floor", NET, [
        ("\treturn kmem_cache_alloc_reserve(sk_reserve_node(HEADS),\n"
         "\t\t\t\t\tnet_hotdata.skbuff_cache,\n\t\t\t\t\tSK_RESERVE_GFP);",
         "\treturn kmem_cache_alloc(net_hotdata.skbuff_cache,\n"
         "\t\t\t\tSK_RESERVE_GFP | __GFP_MEMALLOC);")]),
    "net-rx-head-below-watermarks": ("Floor", NET, [
        ("gfp & __GFP_MEMALLOC && !(flags & SKB_ALLOC_RX))", "gfp & __GFP_MEMALLOC)")]),
    "net-rx-data-below-watermarks": ("Floor", SKBUFF, [
        ("\tif (alloc_flags & SKB_ALLOC_RX)\n\t\treturn NULL;\n", "")]),
    "net-rx-buffers-below-watermarks": ("Floor", NET_API, [
        ("\tif (sk_reserve_likely())\n\t\treturn gfp | __GFP_NOMEMALLOC;\n", "")]),
    "net-rx-pages-below-watermarks": ("Floor", NET, [
        ("\tif (!sk_reserve_active())\n\t\treturn alloc_pages(", "\tif (1)\n\t\treturn alloc_pages(")]),
    "net-rx-pays-as-tx": ("Exact", NET, [
        ("\tif (flags & SKB_ALLOC_RX)\n\t\treturn sk_reserve_node(HEADS);\n", "")]),
    "net-anybody-pays-as-control": ("Floor", NET, [
        ("\tif (!gfp_pfmemalloc_allowed(gfp))\n\t\treturn NULL;\n", "")]),
    "net-tx-pays-as-control": ("Exact", NET, [
        ("\t\treturn sk_reserve_node(SOCKETS);\n\treturn flags", "\t\treturn sk_reserve_node(CONTROL);\n\treturn flags")]),
    "net-tx-head-plain": ("Exact", SKBUFF, [
        ("\tstruct kmem_cache *cache = net_hotdata.skbuff_fclone_cache;",
         "\tstruct kmem_cache *cache = net_hotdata.skbuff_cache;"),
        ("\tif (!(flags & SKB_ALLOC_RX))\n\t\tskb_set_fclone_orig(skb);\n", "")]),
    "net-clone-of-received-is-sent": ("Exact", SKBUFF, [
        ("\t\treturn SKB_ALLOC_TX;\n\treturn SKB_ALLOC_RX;", "\t\treturn SKB_ALLOC_TX;\n\treturn SKB_ALLOC_TX;")]),
    "net-clone-of-sent-is-received": ("Exact", SKBUFF, [
        ("\t\treturn SKB_ALLOC_TX;\n\treturn SKB_ALLOC_RX;", "\t\treturn SKB_ALLOC_RX;\n\treturn SKB_ALLOC_RX;")]),
    "net-clone-not-charged": ("Floor", SKBUFF, [
        ("\t\t\tif (sk_reserve_active()) {\n\t\t\t\tn = skb_clone_head(", "\t\t\tif (0) {\n\t\t\t\tn = skb_clone_head(")]),
    "net-clone-shares-data-uncounted": ("Balanced", SKBUFF, [
        ("clone:\n\treturn __skb_clone(n, skb);",
         "clone:\n\t__skb_clone(n, skb);\n\tif (skb_pfmemalloc(skb))\n"
         "\t\tatomic_dec(&skb_shinfo(skb)->dataref);\n\treturn n;")]),
    "net-head-kept-for-reuse": ("Balanced", SKBUFF, [
        ("\tif (slab_reserve_object(skb))\n\t\tkmem_cache_free(net_hotdata.skbuff_cache, skb);",
         "\tif (0)\n\t\tkmem_cache_free(net_hotdata.skbuff_cache, skb);")]),
    "net-head-lost-without-data": ("Balanced", SKBUFF, [
        ("\tdata = skb_kmalloc_charged(&size, gfp_mask, flags, &head_frag);\n\tif (!data) {\n"
         "\t\tkmem_cache_free(cache, skb);\n",
         "\tdata = skb_kmalloc_charged(&size, gfp_mask, flags, &head_frag);\n\tif (!data) {\n")]),
    "net-data-lost-without-head": ("Balanced", NET, [
        ("\t\tskb_free_frag(data);\n", "")]),
    "net-charged-unmarked": ("Progress", SKBUFF, [
        ("\tskb->head_frag = head_frag;\n\tskb->pfmemalloc = 1;", "\tskb->head_frag = head_frag;")]),
    "net-charged-head-unmarked": ("Progress", SKBUFF, [
        ("\t__build_skb_around(skb, data, frag_size);\n\tskb->pfmemalloc = 1;",
         "\t__build_skb_around(skb, data, frag_size);")]),
    "net-page-freed-as-object": ("Balanced", SKBUFF, [
        ("\tskb->head_frag = head_frag;\n\tskb->pfmemalloc = 1;", "\tskb->pfmemalloc = 1;")]),
    "net-expanded-page-freed-as-object": ("Balanced", SKBUFF, [
        ("\tskb->head_frag = head_frag;\n\tskb->data    += off;",
         "\tskb->head_frag = 0;\n\tskb->data    += off;")]),
    "net-expanded-not-charged": ("Floor", SKBUFF, [
        ("\tif (sk_reserve_active() && skb_emergency_flag(skb))\n\t\tdata =", "\tif (0)\n\t\tdata =")]),
    "net-copy-unmarked": ("Apart", SKBUFF, [
        ("\tn->pfmemalloc |= skb->pfmemalloc;\n", "")]),
    "net-segments-not-charged": ("Progress", SKBUFF, [
        ("\t\treturn SKB_ALLOC_TX;\n\treturn skb_alloc_rx_flag(skb);",
         "\t\treturn 0;\n\treturn skb_alloc_rx_flag(skb);")]),
    "net-unresolved-parked": ("Exact", NET, [
        ("\t    queue_is_promised(queue))\n\t\treturn limit;\n\treturn 0;\n", "\t    queue_is_promised(queue))\n\t\treturn limit;\n\treturn limit;\n")]),
    "net-unresolved-dropped": ("Progress", NET, [
        ("\tif (!mem_reserve_reclaiming() || skb_is_promised(skb) ||\n", "\tif (skb_is_promised(skb) ||\n")]),
    "net-unresolved-drops-ours": ("Progress", NET, [
        ("skb_is_promised(skb) ||\n\t    queue_is_promised(queue))\n", "skb_is_promised(skb))\n")]),
    "net-unresolved-is-ours": ("Progress", NET, [
        ("\tif (!mem_reserve_reclaiming() || skb_is_promised(skb) ||\n\t    queue_is_promised(queue))", "\tif (!mem_reserve_reclaiming() || queue_is_promised(queue))")]),
    "kswapd-given-up": ("Progress", RESERVE, [
        ("\t\treturn node_is_short(pgdat);\n", "\t\treturn false;\n")]),
    "kswapd-not-needed": ("Progress", RESERVE, [
        ("\t\treturn node_is_short(pgdat);\n", "\t\treturn true;\n")]),
    "net-errors-parked": ("Exact", SKBUFF, [
        ("READ_ONCE(sk->sk_rcvbuf) ||\n\t    sk_reserve_park_drop(sock_net(sk), skb))",
         "READ_ONCE(sk->sk_rcvbuf))")]),
    "proxy-keeps-packets": ("Progress", NEIGH, [
        ("\tif (sk_reserve_park_drop(dev_net(skb->dev), skb)) {", "\tif (0) {")]),
    "packet-socket-keeps-packets": ("Progress", PACKET, [
        ("\tif (!net_eq(dev_net(dev), sock_net(sk)))\n\t\tgoto drop;\n"
         "\tif (sk_reserve_park_drop(sock_net(sk), skb)) {\n"
         "\t\tdrop_reason = SKB_DROP_REASON_PFMEMALLOC;\n\t\tgoto drop;\n\t}\n\n\tskb->dev = dev;",
         "\tif (!net_eq(dev_net(dev), sock_net(sk)))\n\t\tgoto drop;\n\n\tskb->dev = dev;")]),
    "queue-keeps-packets": ("Progress", "net/netfilter/nf_queue.c", [
        ("\tif (!qh || !sk_reserve_may_park(skb))", "\tif (!qh)")]),
    "macvlan-keeps-packets": ("Progress", MACVLAN, [
        ("\tif (!sk_reserve_may_queue_broadcast(", "\tif (0 && !sk_reserve_may_queue_broadcast(")]),
    "ipvlan-keeps-packets": ("Progress", IPVLAN, [
        (" &&\n\t    sk_reserve_may_queue_broadcast(dev_net(skb->dev), skb,\n"
         "\t\t\t\t\t   skb_queue_len(&port->backlog))) {", ") {")]),
    "nobody-asks-for-us": ("Progress", NET, [
        ("\treturn (waiting < SK_RESERVE_BROADCASTS && seeks_neigh(skb)) ||\n", "\treturn\n")]),
    "nobody-asks-by-ipv6": ("Progress", NET, [
        ("\treturn hdr && ipv6_addr_is_solict_mult(&hdr->daddr);", "\treturn false;")]),
    "all-ask-for-us": ("Progress", NET, [
        ("\treturn (waiting < SK_RESERVE_BROADCASTS && seeks_neigh(skb)) ||\n",
         "\treturn seeks_neigh(skb) ||\n")]),
    "tap-keeps-packets": ("Progress", "drivers/net/tap.c", [
        ("\tif (sk_reserve_park_drop(dev_net(dev), skb)) {", "\tif (0) {")]),
    "l2tp-keeps-packets": ("Progress", L2TP, [
        ("\tif (!l2tp_may_hold_back(session, skb)) {", "\tif (0) {")]),
    "l2tp-drops-what-is-missing": ("Progress", L2TP, [
        ("\treturn (cb->has_seq && cb->ns == session->nr) ||\n", "\treturn\n")]),
    "l2tp-holds-nothing-back": ("Progress", L2TP, [
        ("\t       skb_queue_len_lockless(&session->reorder_q) < L2TP_REORDER_RESERVE ||\n", "")]),
    "tipc-keeps-packets": ("Progress", "net/tipc/udp_media.c", [
        ("\tif (sk_reserve_park_drop(sock_net(sk), skb)) {", "\tif (0) {")]),
    "forward-waits-for-neighbour": ("Progress", NEIGH, [
        ("\t\tif (skb && skb->skb_iif &&\n", "\t\tif (0 && skb->skb_iif &&\n")]),
    "users-namespaces-forward": ("Progress", NET, [
        (" != net &&\n\t       net->user_ns == &init_user_ns;", " != net;")]),
    "share-of-the-gone-is-cut": ("Filled", NET_SIZE, [
        ("\t\tif (node == SK_RESERVE_SOCKETS &&\n", "\t\tif (0 &&\n")]),
    "accounted-in-a-small-head": ("Strict", SKBUFF, [
        (" &&\n\t\t     !(flags & KMALLOC_NOT_NORMAL_BITS);\n\tvoid *obj;", ";\n\tvoid *obj;")]),
    "daemon-polls-heads": ("Apart", SKBUFF, [
        ("\t\t\t\t\t\t      GFP_ATOMIC | __GFP_NOWARN |\n\t\t\t\t\t\t      __GFP_NORETRY,",
         "\t\t\t\t\t\t      GFP_ATOMIC | __GFP_NOWARN,")]),
    "bad-page-loses-its-block": ("Filled", ALLOC, [
        ("\t\t\tif (mem_reserve_fits(page, order, fresh))",
         "\t\t\tif ((!fresh || *high == pageblock_order) &&\n"
         "\t\t\t    mem_reserve_fits(page, order, fresh))")]),
    "park-drops-uncounted": ("Balanced", NET, [
        ("\tif (IS_ENABLED(CONFIG_INET))\t/* which has the counters */\n"
         "\t\tNET_INC_STATS(net, LINUX_MIB_PFMEMALLOCPARKDROP);\n", "")]),
    "not-dropped-early": ("Progress", IP, [
        ("\tif (!sk_reserve_wanted(net, skb)) {", "\tif (0) {")]),
    "sent-in-one-piece-uncharged": ("Progress", SKBUFF, [
        ("\tif (sk_reserve_active() && skb_emergency_flag(skb))\n",
         "\tif (sk_reserve_active() && skb_pfmemalloc(skb))\n")]),
    "sent-in-one-piece-not-at-all": ("Progress", NET, [
        ("rx_data(size) : tx_data(payer, size);", "rx_data(size) : NULL;")]),
    "all-packets-are-precious": ("Strict", SKBUFF, [
        ("\tif (sk_reserve_active() && is_skb_wmem(skb) && sk_fullsock(skb->sk) &&\n"
         "\t    sock_flag(skb->sk, SOCK_MEMALLOC))\n\t\treturn SKB_ALLOC_TX;",
         "\tif (sk_reserve_active())\n\t\treturn SKB_ALLOC_TX;")]),
    "pool-ends-in-orphans": ("Filled", RESERVE, [
        ("item->pooled ? page_to_pool : page_orphan", "page_orphan")]),
    "not-dropped-early-ipv6": ("Progress", IP6, [
        ("\tif (!sk_reserve_wanted(net, skb)) {", "\tif (0) {")]),
    "not-dropped-early-alone": ("Progress", DEV, [
        ("\t\tret = sk_reserve_deliver(skb, pt_prev, orig_dev);",
         "\t\tret = pt_prev->func(skb, skb->dev, pt_prev, orig_dev);")]),
    "not-dropped-early-in-a-list": ("Progress", DEV, [
        ("\tif (IS_ENABLED(CONFIG_MEM_RESERVE) && pfmemalloc) {", "\tif (0) {")]),
    "not-dropped-early-with-a-tap": ("Progress", DEV, [
        ("\tif (sk_reserve_active() && skb_pfmemalloc(skb))\n\t\treturn sk_reserve_deliver",
         "\tif (0)\n\t\treturn sk_reserve_deliver")]),
    "opened-while-swapping": ("Progress", DEV, [
        ("\tnoio = sk_reserve_enter_dev();\n\tif (!ret && ops->ndo_open)", "\tnoio = 0;\n\tif (!ret && ops->ndo_open)")]),
    "features-while-swapping": ("Progress", DEV, [
        ("\tnoio = sk_reserve_enter_dev();\n\tif (dev->netdev_ops->ndo_set_features)",
         "\tnoio = 0;\n\tif (dev->netdev_ops->ndo_set_features)")]),
    "mtu-while-swapping": ("Progress", DEV, [
        ("\t\tnoio = sk_reserve_enter_dev();\n\t\terr = ops->ndo_change_mtu", "\t\tnoio = 0;\n\t\terr = ops->ndo_change_mtu")]),
    "pool-without-reserve": ("Progress", POOL, [
        ("page_to_netmem(sk_reserve_rx_page(gfp))", "0")]),
    "net-napi-frag-not-drawn": ("Progress", SKBUFF, [
        ("\treturn napi_alloc_frag_plain(fragsz, align_mask) ?:\n\t       sk_reserve_rx_frag(fragsz);",
         "\treturn napi_alloc_frag_plain(fragsz, align_mask);")]),
    "net-netdev-skb-not-drawn": ("Progress", SKBUFF, [
        ("\t\treturn sk_reserve_rx_skb(dev, len, NET_SKB_PAD);", "\t\treturn NULL;")]),
    "net-napi-skb-not-drawn": ("Progress", SKBUFF, [
        ("\t\treturn sk_reserve_rx_skb(napi->dev, len,\n\t\t\t\t\t NET_SKB_PAD + NET_IP_ALIGN);",
         "\t\treturn NULL;")]),
    "net-build-skb-not-drawn": ("Progress", SKBUFF, [
        ("\t\t\t       GFP_ATOMIC | __GFP_NOWARN);\n\tif (unlikely(!skb))\n"
         "\t\treturn IS_ENABLED(CONFIG_MEM_RESERVE) ?\n\t\t       build_skb_reserve(data, frag_size) : NULL;",
         "\t\t\t       GFP_ATOMIC | __GFP_NOWARN);\n\tif (unlikely(!skb))\n\t\treturn NULL;")]),
    "net-rx-refill-not-drawn": ("Progress", NET_API, [
        ("(sk_reserve_active() && __sk_reserve_rx_refill(pfrag, gfp))", "false")]),
    "net-rx-refill-kept": ("Balanced", NET_API, [
        ("\t    page_ref_count(pfrag->page) == 1) {", "\t    false) {")]),
    "net-tx-share-ignored": ("Exact", NET_API, [
        ("\t    READ_ONCE(sk->sk_wmem_queued) > SK_RESERVE_SNDBUF)", "\t    false)")]),
    "net-tx-share-ignored-by-pages": ("Exact", NET, [
        ("\tif (sk_reserve_tx_gfp(sk, sk->sk_allocation) & __GFP_MEMALLOC)\n\t\tpage =", "\tpage =")]),
    "net-tx-share-ignored-by-tcp": ("Exact", TCP, [
        ("\tif (!force_schedule)\n\t\tgfp = sk_reserve_tx_gfp(sk, gfp);\n", "")]),
    "net-record-not-drawn": ("Progress", NET, [
        ("\tif (!object && size <= SK_RESERVE_RECORD_SIZE)", "\tif (0)")]),
    "net-record-too-large": ("Strict", NET, [
        ("\tif (!object && size <= SK_RESERVE_RECORD_SIZE)", "\tif (!object)")]),
    "net-record-page-not-drawn": ("Progress", NET, [
        ("\tif (!page)\n\t\tpage = mem_reserve_draw_page(sk_reserve_node(SOCKETS),\n"
         "\t\t\t\t\t     SK_RESERVE_GFP);\n\treturn page", "\treturn page")]),
    "net-record-not-told": ("Filled", NET_SIZE, [
        ("\tres->records = inet_csk_has_ulp(sk);\n", "")]),
    "net-record-not-refreshed": ("Filled", "net/ipv4/tcp_ulp.c", [
        ("\tsk_reserve_refresh(sk);\n", "")]),
    "net-records-without-scale": ("Filled", NET_SIZE, [
        (" &size->records,\n", "\n")]),
    "net-tx-page-in-task-frag": ("Apart", NET, [
        (" || sk->sk_use_task_frag)", ")")]),
    "net-tx-page-kept": ("Balanced", SOCK, [
        ("\tsk_reserve_tx_renew(sk, pfrag);\n", "")]),
    "net-tx-page-renewed-and-kept": ("Balanced", NET, [
        ("\tput_page(pfrag->page);\n", "")]),
    "net-frag-of-stranger": ("Exact", NET, [
        ("\tif (bound && from_peer(fqdir->net, skb) &&", "\tif (bound &&")]),
    "net-frag-of-other-namespace": ("Exact", NET, [
        ("found = res->net == net && sk_has_peer(res, skb);", "found = sk_has_peer(res, skb);")]),
    "net-frag-of-ours-dropped": ("Progress", NET, [
        ("\tif (res->protocol == IPPROTO_UDP && sk->sk_state != TCP_ESTABLISHED)\n\t\treturn true;\n", "")]),
    "net-frag-limit-ignored": ("Strict", NET, [
        ("return err == -ENOENT ? 0 : err;", "return 0;")]),
    "net-frag-queue-unbounded": ("Exact", NET, [
        ("\tbool roomy = frag_mem_limit(fqdir) + skb->truesize <= bound;",
         "\tbool roomy = true;")]),
    "net-frag-bound-ignored": ("Exact", NET_SIZE, [
        ("DIV_ROUND_UP(READ_ONCE(sk_reserve_frag_kbytes),\n\t\t\t\t\t   PAGE_SIZE / 1024)", "16")]),
    "net-frag-head-not-moved": ("Exact", NET, [
        ("\tif (skb->head_frag)\n\t\terr = page_move(", "\tif (0)\n\t\terr = page_move(")]),
    "net-frag6-charged-to-frag4": ("Exact", NET, [
        ("&sk_reserve_nodes[SK_RESERVE_FRAG4 + kind]", "&sk_reserve_nodes[SK_RESERVE_FRAG4]")]),
    "net-frag-drop-not-counted": ("Exact", NET, [
        ("\t__NET_INC_STATS(fqdir->net, LINUX_MIB_PFMEMALLOCFRAGDROP);\n", "")]),
    "net-early-any-socket": ("Exact", NET, [
        ("\treturn sk_fullsock(sk) && sk_pfmemalloc_allowed(sk);", "\treturn sk_fullsock(sk);")]),
    "net-early-udp-of-ours-dropped": ("Progress", NET, [
        ("\treturn sk_is_ours(sk) || (encap", "\treturn (encap")]),
    "net-early-tcp-of-ours-dropped": ("Progress", NET, [
        ("\t\treturn tcp4_is_ours(net, skb, iph, ports);", "\t\treturn false;")]),
    "net-early-udp-tunnel-dropped": ("Progress", NET, [
        (" || (encap && encap != UDP_ENCAP_RXRPC);", ";")]),
    "net-early-tunnel-dropped": ("Progress", NET, [
        ("\tif (proto_is_tunnel(iph->protocol))\n\t\treturn true;\n", "")]),
    "net-early-fragment-dropped": ("Progress", NET, [
        ("\tif (ip_is_fragment(iph))\n\t\treturn true;", "\tif (0)\n\t\treturn true;")]),
    "net-early-mtu-dropped": ("Progress", NET, [
        ("->type == ICMP_DEST_UNREACH;", "->type == ICMP_REDIRECT;")]),
    "net-early-nd-dropped": ("Progress", NET, [
        ("(type >= NDISC_ROUTER_SOLICITATION && type <= NDISC_REDIRECT)", "false")]),
    "net-early-udp-without-socket": ("Exact", NET, [
        ("\tif (!sk)\n\t\treturn false;\n\treturn sk_is_ours(sk) ||", "\tif (!sk)\n\t\treturn true;\n\treturn sk_is_ours(sk) ||")]),
    "net-early-drop-not-counted": ("Exact", NET, [
        ("\t\t__NET_INC_STATS(net, LINUX_MIB_PFMEMALLOCEARLYDROP);", "\t\treturn false;")]),
    "net-forwarder-drops": ("Progress", NET, [
        ("\tif (may_forward(net))\n\t\treturn true;\n", "")]),
    "net-anybody-sends-on": ("Exact", NET, [
        ("\treturn may_forward(dev_net(dev)) ||\n", "\treturn true ||\n")]),
    "net-forwarder-sends-nothing-on": ("Progress", NET, [
        ("\treturn may_forward(dev_net(dev)) ||\n\t       ", "\treturn ")]),
    "net-namespaces-mixed-up": ("Progress", NET, [
        ("\t\tif (net && net != pos->net) {", "\t\tif (0) {")]),
    "net-namespace-gone-unnoticed": ("Exact", NET, [
        ("\tlist_del_rcu(&res->list);\n\tsk_reserve_set_net();", "\tlist_del_rcu(&res->list);")]),
    "net-share-left-behind": ("Balanced", NET, [
        ("\t\tsk_reserve_list_del(res);\n\t\tsk_reserve_gone", "\t\tsk_reserve_gone")]),
    "net-refused-stays-on-list": ("Balanced", NET, [
        ("\tres = sk_reserve_find(sk);\n\tif (res)\n\t\tsk_reserve_list_del(res);\n\tspin_unlock",
         "\tres = NULL;\n\tspin_unlock")]),
    "net-refused-stays-connected": ("Balanced", NET, [
        ("->parent && !sk_reserve_mending())\n\t\tsk_reserve_down();\n\treturn err;",
         "->parent)\n\t\t(void)0;\n\treturn err;")]),
    "net-socket-counts-twice": ("Exact", NET, [
        ("known = sk_reserve_find(res->sk);", "known = NULL;")]),
    "net-reconnect-waits": ("Progress", NET, [
        ("\t\tif (sk_reserve_mending()) {", "\t\tif (0) {")]),
    "net-reconnect-without-share": ("Filled", NET, [
        ("\tif (sk_reserve_list_add(res))\n\t\tsk_reserve_resize();", "\tsk_reserve_list_add(res);")]),
    "net-scope-not-left": ("Floor", NET_API, [
        ("\tif (unlikely(flags))\n\t\tmemalloc_flags_restore(flags);", "")]),
    "net-scope-for-anybody": ("Floor", NET_API, [
        (" || !sk || !sock_flag(sk, SOCK_MEMALLOC))", " || !sk)")]),
    "net-scope-of-queue-forgotten": ("Progress", NET, [
        ("return queue_is_promised(queue) ? memalloc_noreclaim_save() : 0;", "return 0;")]),
    "net-scope-of-device-forgotten": ("Progress", NET_API, [
        ("sk_reserve_active() ? memalloc_noio_save() : 0", "0")]),
    "net-control-outside-scope": ("Floor", NET, [
        ("\tif (!reserve_scope() || size >", "\tif (size >")]),
    "net-neigh-not-drawn": ("Progress", NEIGH, [
        ("\t\tn = sk_reserve_neigh(tbl->entry_size + dev->neigh_priv_len);", "\t\tn = NULL;")]),
    "net-route-not-drawn": ("Progress", DST, [
        ("\t\tdst = sk_reserve_dst(ops->kmem_cachep);", "\t\tdst = NULL;")]),
    "net-route-outside-scope": ("Floor", NET, [
        ("\tif (!reserve_scope())\n\t\treturn NULL;\n", "")]),
    "net-arp-of-stranger": ("Exact", ARP, [
        ("\t\tneigh_release(n);\n\treturn !n;", "\t\tneigh_release(n);\n\treturn false;")]),
    "net-scale-ignored": ("Filled", NET_SIZE, [
        ("(u64)percent * READ_ONCE(sk_reserve_scale);", "(u64)percent * 100;")]),
    "net-scale-of-other-part": ("Filled", NET_SIZE, [
        ("parts_scale(tx, ARRAY_SIZE(tx), READ_ONCE(sk_reserve_tx_scale));",
         "parts_scale(tx, ARRAY_SIZE(tx), READ_ONCE(sk_reserve_rx_scale));")]),
    "net-scale-lowered-and-refused": ("Progress", NET, [
        ("\tif (value > old && sk_reserve_node(NETWORK)->parent)\n\t\terr = sk_reserve_up();",
         "\tif (sk_reserve_node(NETWORK)->parent)\n\t\terr = value > old ? sk_reserve_up() : -ENOMEM;")]),
    "net-knob-shown-before-it-holds": ("Exact", NET, [
        ("value = knob == sk_reserve_tried ? sk_reserve_in_force : *knob;", "value = *knob;")]),
    "max-percent-below-what-is-there": ("Strict", RESERVE, [
        ("\tif (value < mem_reserve_max_percent &&", "\tif (0 &&")]),
    "net-scale-not-of-all": ("Filled", NET_SIZE, [
        ("\t\t&size->control,\n", "")]),
    "net-scale-refused-and-kept": ("Filled", NET, [
        ("sk_reserve_knob_set(knob, err ? old : value, NULL);",
         "sk_reserve_knob_set(knob, value, NULL);")]),
    "net-ring-of-one-queue": ("Filled", NET_SIZE, [
        ("dev_ring(dev) * dev->real_num_rx_queues", "dev_ring(dev)")]),
    "net-ring-without-bound": ("Exact", NET_SIZE, [
        ("min_t(u32, ring.rx_pending, SK_RESERVE_RING_MAX)", "ring.rx_pending")]),
    "net-ring-ignores-mtu": ("Filled", NET_SIZE, [
        ("READ_ONCE(dev->mtu)", "ETH_DATA_LEN")]),
    "net-ring-without-jumbo": ("Filled", NET_SIZE, [
        ("\t\t\tsize->jumbo = SK_RESERVE_JUMBO;\n", "")]),
    "net-ring-of-any-device": ("Exact", NET_SIZE, [
        ("\t\tif (!known && (dev_net(", "\t\tif ((dev_net(")]),
    "net-ring-below-forgotten": ("Filled", NET_SIZE, [
        ("\t\tnetdev_walk_all_lower_dev_rcu(dev, dev_mark, &priv);\n", "")]),
    "net-heads-one-per-page": ("Filled", NET_SIZE, [
        (".count = 2 * buffers", ".count = buffers")]),
    "net-second-socket-adds-nothing": ("Filled", NET_SIZE, [
        ("\tsize->control++;\n\tif (!is_tcp(res))", "\tsize->control++;\n\tif (!is_tcp(res) || size->clones)")]),
    "net-routes-forgotten": ("Filled", NET_SIZE, [
        ("\t\tsum_dst_cache(size, res->dst_cache);", "")]),
    "net-ipv6-fragments-forgotten": ("Filled", NET_SIZE, [
        ("\t\tsize->frag[2] = pages;\n", "")]),
    "net-grow-takes-back": ("Filled", NET_SIZE, [
        ("\tsize->clones = max(size->clones, than->clones);\n", "")]),
    "net-refused-keeps-half": ("Exact", NET_SIZE, [
        ("\twhile (node-- > SK_RESERVE_FIRST)\n\t\tdemand_set(node, &sk_reserve_now[node]);\n", "")]),
    "net-never-shrinks": ("Exact", NET, [
        ("\tsk_reserve_wish(&size);\n\treturn sk_reserve_shrink(&size);",
         "\t(void)size;\n\treturn true;")]),
    "net-goes-too-soon": ("Filled", NET, [
        ("\tif (time_after_eq64(now, end))\n\t\treturn false;\n", "\treturn false;\n")]),
    "net-shrinks-once": ("Exact", NET, [
        ("!sk_reserve_lingers() && !sk_reserve_trim())\n", "!sk_reserve_lingers() && !sk_reserve_trim() && 0)\n")]),
    "net-mtu-unnoticed": ("Filled", NET_SIZE, [
        ("\tcase NETDEV_CHANGEMTU:\n", "")]),
    "net-ethtool-unnoticed": ("Filled", ETHTOOL, [
        ("\tsk_reserve_dev_changed(dev);\n", "")]),
    "net-unregister-unnoticed": ("Balanced", NET_SIZE, [
        ("\t\tdev_replace(dev, NULL);\n", "")]),
    "net-upper-unnoticed": ("Filled", NET_SIZE, [
        ("\tcase NETDEV_CHANGEUPPER:\n\t\tsk_reserve_resize();\n\t\tbreak;\n", "")]),
    "net-cleared-and-kept": ("Balanced", SOCK, [
        ("\tif (was_set)\n\t\tsk_reserve_disconnect(sk);\n", "")]),
}


def broken(tree: str, name: str) -> str:
    """The text of the file with the mutant, or SystemExit with what has changed."""
    _, file, edits = MUTANTS[name]
    with open(os.path.join(tree, file), encoding="utf-8") as f:
        text = f.read()
    for before, after in edits:
        if text.count(before) != 1:
            raise SystemExit(f"mutant {name}: {file} has changed, mend the table: "
                             f"{text.count(before)} times {before!r}")
        text = text.replace(before, after)
    return text


def main() -> int:
    if sys.argv[1:2] == ["list"]:
        patterns = sys.argv[2:] or ["*"]
        print("\n".join(name for name in MUTANTS
                        if any(fnmatch.fnmatch(name, p) for p in patterns)))
        return 0
    if len(sys.argv) == 3 and sys.argv[1] == "check":
        for name in MUTANTS:
            broken(sys.argv[2], name)
        return 0
    if len(sys.argv) != 4 or sys.argv[3] not in MUTANTS:
        print(__doc__, file=sys.stderr)
        return 2
    verb, tree, name = sys.argv[1:]
    invariant, file, _ = MUTANTS[name]
    path = os.path.join(tree, file)
    saved = path + ".mutant-saved"
    if verb == "restore":
        if os.path.exists(saved):
            os.replace(saved, path)
            os.utime(path)
        return 0
    new = broken(tree, name)
    os.rename(path, saved)
    with open(path, "w", encoding="utf-8") as f:
        f.write(new)
    print(f"{invariant}: {file}")
    return 0


sys.exit(main())
