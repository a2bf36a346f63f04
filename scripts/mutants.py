# SPDX-License-Identifier: GPL-2.0
"""The table of mutants: code broken on purpose, and a test that must see it.

	mutants.py list			the names
	mutants.py apply TREE NAME	break it in TREE
	mutants.py restore TREE NAME	mend it
"""
import os
import sys

RESERVE = "mm/reserve.c"
ALLOC = "mm/page_alloc.c"
SLUB = "mm/reserve_slub.c"

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
        ("\tif (!count_has_room(&res->own, nr * item->weight))\n"
         "\t\treturn count_refuse(res, &res->own, nr * item->weight);\n", "")]),
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
        ("return block && block->used && block->order == order;",
         "return block && block->used;")]),
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
        ("\tif (blocks_claim(by_order, GFP_CLAIM_IDLE))\n\t\treturn false;",
         "\tblocks_claim(by_order, GFP_CLAIM_IDLE);")]),
    "adopted-in-need": ("Filled", RESERVE, [
        ("(!memory_is_plentiful() || !item_adopt(item))", "!item_adopt(item)")]),
    "never-adopted": ("Filled", RESERVE, [
        ("\tslab_reserve_adopt(item, nr);\n\treturn true;", "\treturn true;")]),
    "adopted-still-charged": ("Balanced", RESERVE, [
        ("\t\tuncharge_objects(item, nr);\n\t\ttrace_mem_reserve_adopt(",
         "\t\ttrace_mem_reserve_adopt(")]),
    "slab-for-each-object": ("Exact", SLUB, [
        ("\tif (!slab)\n\t\tslab = slab_reserve_draw(s, item, gfp);",
         "\tslab = slab_reserve_draw(s, item, gfp);")]),
    "slab-kept-when-empty": ("Balanced", SLUB, [
        ("\tif (!slab->inuse)\n\t\tslab_reserve_discard(s, slab);\n\telse if (item)",
         "\tif (item)")]),
    "slab-forgotten-when-full": ("Exact", SLUB, [
        ("\t\tlist_move(&slab->slab_list, &item->slabs);", "\t\t(void)item;")]),
    "slab-for-everybody": ("Apart", SLUB, [
        ("\treturn folio_test_owner_2(slab_folio(slab));", "\treturn false;")]),
    "rounded-down": ("Exact", SLUB, [
        ("count / objects + !!(count % objects)", "count / objects")]),
    "object-not-uncharged": ("Balanced", RESERVE, [
        ("\tif (!WARN_ON_ONCE(!item))\n\t\tuncharge_objects(item, nr);\n", "")]),
    "debug-unchecked": ("Balanced", SLUB, [
        ("\tif (kmem_cache_debug(s) &&\n\t    !alloc_debug_processing(s, slab, object, size))\n"
         "\t\tobject = ERR_PTR(-EIO);\n", "")]),
    "reserve-slabs-uncounted": ("Balanced", SLUB, [
        ("\tn->nr_reserve += nr;\n", "")]),
    "apart-for-everybody": ("Apart", SLUB, [
        ("\t\tkmem_cache_debug(slab->slab_cache)) &&\n\t       gfp_pfmemalloc_allowed(gfp);",
         "\t\tkmem_cache_debug(slab->slab_cache)) ||\n\t       gfp_pfmemalloc_allowed(gfp);")]),
    "apart-for-ever": ("Apart", SLUB, [
        ("\t\tslab_clear_pfmemalloc(slab);\n\t\treturn true;", "\t\treturn false;")]),
    "apart-never-shared": ("Exact", SLUB, [
        ("void *object = slab_apart_alloc(s, gfp, node);", "void *object = NULL;")]),
}


def main() -> int:
    if sys.argv[1:] == ["list"]:
        print("\n".join(MUTANTS))
        return 0
    if len(sys.argv) != 4 or sys.argv[3] not in MUTANTS:
        print(__doc__, file=sys.stderr)
        return 2
    verb, tree, name = sys.argv[1:]
    invariant, file, edits = MUTANTS[name]
    path = os.path.join(tree, file)
    saved = path + ".mutant-saved"
    if verb == "restore":
        if os.path.exists(saved):
            os.replace(saved, path)
            os.utime(path)
        return 0
    with open(path, encoding="utf-8") as f:
        old = new = f.read()
    for before, after in edits:
        if new.count(before) != 1:
            print(f"mutant {name}: {file} has changed, mend the table: "
                  f"{new.count(before)} times {before!r}", file=sys.stderr)
            return 1
        new = new.replace(before, after)
    with open(saved, "w", encoding="utf-8") as f:
        f.write(old)
    with open(path, "w", encoding="utf-8") as f:
        f.write(new)
    print(f"{invariant}: {file}")
    return 0


sys.exit(main())
