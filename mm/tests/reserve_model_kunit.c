// SPDX-License-Identifier: GPL-2.0
/*
 * Random sequences of what can be done to a tree of reserves, each compared after
 * every step with a model that adds up anew; part of mm/tests/reserve_kunit.c.
 * One that differs is made as short as it can be, and printed.
 */

#include <linux/prandom.h>

#define MODEL_NODES	6
#define MODEL_PAGES	40
#define MODEL_OPS	64
#define MODEL_SEQUENCES	300

/* In place of a node */
#define MODEL_ROOT	MODEL_NODES
#define MODEL_NONE	-1	/* no parent, or a page that is everybody's */
#define MODEL_ORPHAN	-2

enum model_kind {
	MODEL_CONNECT,
	MODEL_DISCONNECT,
	MODEL_DEMAND,
	MODEL_CHARGE,
	MODEL_UNCHARGE,
	MODEL_DRAW,
	MODEL_FREE,
	MODEL_MOVE,
	MODEL_KINDS,
};

struct model_op {
	enum model_kind kind;
	unsigned int node, other, nr;
};

struct model_node {
	struct mem_reserve res;
	int parent;
	unsigned long demand, charged, drawn;
};

struct model {
	struct model_node node[MODEL_NODES];
	struct { struct page *page; int owner; } page[MODEL_PAGES];
	unsigned int pages;
	unsigned long orphans;
};

static const char * const model_names[MODEL_NODES] = { "m0", "m1", "m2", "m3", "m4", "m5" };

static struct mem_reserve *model_res(struct model *m, int i)
{
	return i == MODEL_ROOT ? &mem_reserve_root : &m->node[i].res;
}

/* Is @i @top, or below it? */
static bool model_below(const struct model *m, int i, int top)
{
	while (i != top && i != MODEL_ROOT && i != MODEL_NONE)
		i = m->node[i].parent;
	return i == top;
}

static bool model_has_children(const struct model *m, int top)
{
	for (int i = 0; i < MODEL_NODES; i++)
		if (m->node[i].parent == top)
			return true;
	return false;
}

static unsigned long model_usage(const struct model *m, int top)
{
	unsigned long nr = top == MODEL_ROOT ? m->orphans : 0;

	for (int i = 0; i < MODEL_NODES; i++)
		if (model_below(m, i, top))
			nr += m->node[i].charged + m->node[i].drawn;
	return nr;
}

static unsigned long model_limit(const struct model *m, int top)
{
	unsigned long nr = top == MODEL_ROOT ? m->orphans : 0;

	for (int i = 0; i < MODEL_NODES; i++)
		if (model_below(m, i, top))
			nr += m->node[i].demand;
	return nr;
}

/* Nobody demands anything any more: what is out is everybody's. */
static void model_trim(struct model *m)
{
	if (model_limit(m, MODEL_ROOT) != m->orphans)
		return;
	m->orphans = 0;
	for (int i = 0; i < m->pages; i++)
		if (m->page[i].owner == MODEL_ORPHAN)
			m->page[i].owner = MODEL_NONE;
}

static int model_room(const struct model_node *n, unsigned long nr)
{
	if (n->demand - n->charged - n->drawn >= nr)
		return 0;
	return nr > n->demand ? -EINVAL : -ENOMEM;
}

/* What each operation is to return; if that is 0 the model has it done. */

static int model_connect(struct model *m, int i, int parent)
{
	if (m->node[i].parent != MODEL_NONE)
		return -EBUSY;
	if (model_below(m, parent, i))
		return -ELOOP;
	if (parent != MODEL_ROOT && m->node[parent].demand)
		return -EINVAL;
	m->node[i].parent = parent;
	return 0;
}

static void model_disconnect(struct model *m, int top)
{
	if (m->node[top].parent == MODEL_NONE)
		return;
	for (int i = 0; i < m->pages; i++)
		if (m->page[i].owner >= 0 && model_below(m, m->page[i].owner, top))
			m->page[i].owner = MODEL_ORPHAN;
	for (int i = 0; i < MODEL_NODES; i++) {
		if (!model_below(m, i, top))
			continue;
		m->orphans += m->node[i].drawn;
		m->node[i].drawn = 0;
		m->node[i].charged = 0;
	}
	m->node[top].parent = MODEL_NONE;
	model_trim(m);
}

static int model_demand(struct model *m, int i, unsigned long nr)
{
	if (model_has_children(m, i))
		return -EINVAL;
	if (nr < m->node[i].charged + m->node[i].drawn)
		return -EBUSY;
	m->node[i].demand = nr;
	model_trim(m);
	return 0;
}

static int model_charge(struct model *m, int i, unsigned long nr)
{
	int err;

	if (!model_below(m, i, MODEL_ROOT))
		return -ENODEV;
	err = m->node[i].demand ? model_room(&m->node[i], nr) : -EINVAL;
	if (!err)
		m->node[i].charged += nr;
	return err;
}

static int model_draw(struct model *m, int i)
{
	int err;

	if (!m->node[i].demand)
		return -ENOENT;
	if (!model_below(m, i, MODEL_ROOT))
		return -ENODEV;
	err = model_room(&m->node[i], 1);
	if (!err)
		m->node[i].drawn++;
	return err;
}

static void model_free(struct model *m, unsigned int nr)
{
	int owner = m->page[nr].owner;

	if (owner >= 0)
		m->node[owner].drawn--;
	else if (owner == MODEL_ORPHAN)
		m->orphans--;
}

static int model_move(struct model *m, unsigned int nr, int to)
{
	int err, from = m->page[nr].owner;

	if (from < 0)
		return -ENOENT;
	if (from == to)
		return 0;
	if (!m->node[to].demand)
		return -EINVAL;
	if (!model_below(m, to, MODEL_ROOT))
		return -ENODEV;
	err = model_room(&m->node[to], 1);
	if (err)
		return err;
	m->node[from].drawn--;
	m->node[to].drawn++;
	m->page[nr].owner = to;
	return 0;
}

/* The same for real, too: true if both say the same. */

static bool model_do_draw(struct model *m, int i)
{
	struct page *page;
	int err;

	if (m->pages == MODEL_PAGES)
		return true;
	err = model_draw(m, i);
	page = mem_reserve_draw(&m->node[i].res, GFP_NOWAIT | __GFP_MEMALLOC, 0);
	if (IS_ERR(page))
		return err == PTR_ERR(page);
	m->page[m->pages].page = page;
	m->page[m->pages++].owner = i;
	return !err;
}

static bool model_do_free(struct model *m, unsigned int nr)
{
	if (nr >= m->pages)
		return true;
	model_free(m, nr);
	__free_page(m->page[nr].page);
	m->page[nr] = m->page[--m->pages];
	return true;
}

static bool model_do_uncharge(struct model *m, int i, unsigned long nr)
{
	nr = min(nr, m->node[i].charged);
	if (nr) {
		m->node[i].charged -= nr;
		mem_reserve_uncharge(&m->node[i].res, nr);
	}
	return true;
}

static bool model_do(struct model *m, const struct model_op *op)
{
	struct mem_reserve *res = &m->node[op->node].res;
	/* Some are of more than one block. */
	unsigned long demand = op->nr < 24 ? op->nr : 64 * op->nr;

	switch (op->kind) {
	case MODEL_CONNECT:
		return model_connect(m, op->node, op->other) ==
		       mem_reserve_connect(res, model_res(m, op->other));
	case MODEL_DISCONNECT:
		model_disconnect(m, op->node);
		mem_reserve_disconnect(res);
		return true;
	case MODEL_DEMAND:
		return model_demand(m, op->node, demand) == mem_reserve_pages_set(res, demand);
	case MODEL_CHARGE:
		return model_charge(m, op->node, op->nr + 1) ==
		       mem_reserve_charge(res, op->nr + 1, GFP_NOWAIT);
	case MODEL_UNCHARGE:
		return model_do_uncharge(m, op->node, op->nr + 1);
	case MODEL_DRAW:
		return model_do_draw(m, op->node);
	case MODEL_FREE:
		return model_do_free(m, op->nr);
	default:
		return op->nr >= m->pages || op->other == MODEL_ROOT ||
		       model_move(m, op->nr, op->other) ==
		       mem_reserve_move_page(m->page[op->nr].page, &m->node[op->other].res);
	}
}

/* Are the counts those of the model, and is what is promised there? */
static bool model_agrees(struct model *m)
{
	unsigned long limit = model_limit(m, MODEL_ROOT);

	for (int i = 0; i <= MODEL_ROOT; i++)
		if (model_res(m, i)->pages.limit != model_limit(m, i) ||
		    model_res(m, i)->pages.usage != model_usage(m, i))
			return false;
	return mem_reserve_orphans.pages.usage == m->orphans &&
	       mem_reserve_orphans.pages.limit == m->orphans &&
	       mem_reserve_nr_blocks >= pages_to_blocks(limit) &&
	       (limit || !mem_reserve_nr_blocks);
}

/* Run @ops from the beginning: how many of them went well, @nr if all did */
static unsigned int model_run(struct model *m, const struct model_op *ops, unsigned int nr)
{
	unsigned int i, n;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < MODEL_NODES; i++) {
		mem_reserve_init(&m->node[i].res, model_names[i]);
		m->node[i].parent = MODEL_NONE;
	}
	for (n = 0; n < nr && model_do(m, &ops[n]) && model_agrees(m); n++)
		;
	while (m->pages)
		model_do_free(m, 0);
	for (i = 0; i < MODEL_NODES; i++)
		mem_reserve_disconnect(&m->node[i].res);
	for (i = 0; i < MODEL_NODES; i++)
		mem_reserve_pages_set(&m->node[i].res, 0);
	flush_work(&mem_reserve_trim_work);
	return n;
}

/* Leave out what is not needed for it to differ; what is left ends with the step that does. */
static unsigned int model_minimize(struct model *m, struct model_op *ops, unsigned int nr)
{
	struct model_op left;
	unsigned int i = 0;

	while (i < nr) {
		left = ops[i];
		memmove(&ops[i], &ops[i + 1], (nr - i - 1) * sizeof(*ops));
		if (model_run(m, ops, nr - 1) < nr - 1) {
			nr = model_run(m, ops, nr - 1) + 1;
			i = 0;
			continue;
		}
		memmove(&ops[i + 1], &ops[i], (nr - i - 1) * sizeof(*ops));
		ops[i++] = left;
	}
	return nr;
}

static void model_tell(struct kunit *test, const struct model_op *ops, unsigned int nr)
{
	static const char * const kinds[MODEL_KINDS] = {
		"connect", "disconnect", "demand", "charge", "uncharge", "draw", "free", "move",
	};

	for (unsigned int i = 0; i < nr; i++)
		kunit_err(test, "%u: %s node=%u other=%u nr=%u\n", i, kinds[ops[i].kind],
			  ops[i].node, ops[i].other, ops[i].nr);
}

/* Strict, Exact, Balanced, Filled: whatever is done in whatever order */
static void reserve_test_model(struct kunit *test)
{
	struct model_op *ops = kunit_kcalloc(test, MODEL_OPS, sizeof(*ops), GFP_KERNEL);
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct rnd_state rnd;
	unsigned int seed, i, n;

	KUNIT_ASSERT_NOT_NULL(test, ops);
	KUNIT_ASSERT_NOT_NULL(test, m);
	for (seed = 1; seed <= MODEL_SEQUENCES; seed++) {
		prandom_seed_state(&rnd, seed);
		for (i = 0; i < MODEL_OPS; i++) {
			ops[i].kind = prandom_u32_state(&rnd) % MODEL_KINDS;
			ops[i].node = prandom_u32_state(&rnd) % MODEL_NODES;
			ops[i].other = prandom_u32_state(&rnd) % (MODEL_ROOT + 1);
			ops[i].nr = prandom_u32_state(&rnd) % 32;
		}
		n = model_run(m, ops, MODEL_OPS);
		if (n == MODEL_OPS)
			continue;
		n = model_minimize(m, ops, n + 1);
		model_tell(test, ops, n);
		KUNIT_FAIL(test, "sequence %u differs from the model", seed);
		break;
	}
}
