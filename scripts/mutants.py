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
SLUB = "mm/slub.c"

# name: (invariant, file, [(what stands there once, what shall stand there)])
MUTANTS = {
    "no-limit": ("Strict", RESERVE, [
        ("return count->limit - count->usage >= nr;", "return true;")]),
    "last-unit-refused": ("Strict", RESERVE, [
        ("return count->limit - count->usage >= nr;",
         "return count->limit - count->usage > nr;")]),
    "only-the-leaf-checked": ("Strict", RESERVE, [
        ("for (pos = res; pos; pos = pos->parent)\n\t\tif (!count_has_room",
         "for (pos = res; pos == res; pos = pos->parent)\n\t\tif (!count_has_room")]),
    "check-without-lock": ("Strict", RESERVE, [
        ("\tif (!mem_reserve_connected(res))\n\t\treturn -ENODEV;\n\tfor (pos",
         "\tif (!mem_reserve_connected(res))\n\t\treturn -ENODEV;\n"
         "\tres->pages.usage += nr;\n\tfor (pos"),
        ("count_add(pos, &pos->pages, nr);\n\treturn 0;",
         "count_add(pos, &pos->pages, nr);\n\tres->pages.usage -= nr;\n\treturn 0;")]),
    "ancestors-not-uncharged": ("Balanced", RESERVE, [
        ("for (pos = res; pos; pos = pos->parent)\n\t\tcount_sub",
         "for (pos = res; pos == res; pos = pos->parent)\n\t\tcount_sub")]),
    "freed-page-not-uncharged": ("Balanced", RESERVE, [
        ("\t\tuncharge_pages(res, 1UL << order);\n\t\tif (res == &mem_reserve_orphans)",
         "\t\tif (res == &mem_reserve_orphans)")]),
    "failed-draw-not-uncharged": ("Balanced", RESERVE, [
        ("\t\t} else {\n\t\t\tuncharge_pages(res, 1UL << order);\n\t\t}",
         "\t\t}")]),
    "wrong-owner": ("Balanced", RESERVE, [
        ("*block_owner(block, pfn + i) = res;\n\tblock->used",
         "*block_owner(block, pfn + i) = i ? res : res->parent;\n\tblock->used")]),
    "orphans-forgotten": ("Balanced", RESERVE, [
        ("\t\towners_orphan(res);", "\t\t(void)owners_orphan;")]),
    "nothing-claimed": ("Filled", RESERVE, [
        ("for (i = mem_reserve_nr_blocks; i < want; i++) {",
         "for (i = want; i < want; i++) {")]),
    "half-claimed": ("Filled", RESERVE, [
        ("\t\t\tblocks_free(&blocks);\n\t\t\treturn -ENOMEM;", "\t\t\tbreak;")]),
    "never-given-back": ("Balanced", RESERVE, [
        ("\twhile (blocks_in_surplus()) {", "\twhile (0 && blocks_in_surplus()) {")]),
    "waiters-not-woken": ("Progress", RESERVE, [
        ("\tif (waitqueue_active(&res->wait))\n\t\twake_up_all(&res->wait);", "")]),
    "waiters-of-a-gone-node": ("Progress", RESERVE, [
        ("\t\tpos->objects.usage = 0;\n\t\twake_up_all(&pos->wait);",
         "\t\tpos->objects.usage = 0;")]),
    "draw-before-ordinary": ("Floor", RESERVE, [
        ("page = alloc_pages(gfp_before_reserve(gfp), order);", "page = NULL;")]),
    "no-flag-needed": ("Floor", RESERVE, [
        ("WARN_ON_ONCE(!(gfp & __GFP_MEMALLOC) || in_nmi() ||\n\t\t\t "
         "order > PAGE_ALLOC_COSTLY_ORDER)", "WARN_ON_ONCE(in_nmi())")]),
    "anybody-falls-back": ("Floor", ALLOC, [
        ("[MIGRATE_UNMOVABLE]   = { MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE   },",
         "[MIGRATE_UNMOVABLE]   = { MIGRATE_RESERVE,     MIGRATE_MOVABLE   },")]),
    "isolated": ("Floor", ALLOC, [
        ("\tif (is_migrate_reserve(mt))\n\t\treturn 0;\n", "")]),
    "freed-past-the-reserve": ("Balanced", ALLOC, [
        ("\tif (is_migrate_reserve(migratetype))\n\t\tmem_reserve_put(page, order);",
         "\tif (0)\n\t\tmem_reserve_put(page, order);")]),
    "slab-for-each-object": ("Exact", SLUB, [
        ("if (slab->slab_cache == s && slab->freelist &&", "if (0 && slab->freelist &&")]),
    "slab-of-another-node": ("Balanced", SLUB, [
        ("slab->freelist &&\n\t\t    mem_reserve_owns(res, folio_page(slab_folio(slab), 0)))",
         "slab->freelist)")]),
    "slab-kept-when-empty": ("Balanced", SLUB, [
        ("\tif (!slab->inuse) {\n\t\tlist_del(&slab->slab_list);",
         "\tif (0) {\n\t\tlist_del(&slab->slab_list);")]),
    "slab-for-everybody": ("Apart", SLUB, [
        ("\tslab->frozen = 1;\n\tinc_slabs_node", "\tinc_slabs_node"),
        ("\tif (!static_branch_unlikely(&slab_reserve_key) ||\n\t    !slab_is_reserve(slab))",
         "\tif (1)")]),
    "rounded-down": ("Exact", SLUB, [
        ("count / objects + !!(count % objects)", "count / objects")]),
    "object-not-uncharged": ("Balanced", SLUB, [
        ("\tmem_reserve_put_objects(folio_page(slab_folio(slab), 0), cnt);\n", "")]),
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
