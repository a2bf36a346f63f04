// SPDX-License-Identifier: GPL-2.0
/*
 * The workload: write every page with a pattern that no other page, pass,
 * process or seed has, and check it when the next pass comes by.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rig.h"

#define WORDS	(RIG_PAGE / sizeof(uint64_t))

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint64_t page_key(unsigned int proc, unsigned int pass, unsigned long page)
{
	return mix(config.seed ^ mix(((uint64_t)proc << 32 | pass) ^ mix(page)));
}

static void page_write(uint64_t *words, uint64_t key)
{
	for (size_t i = 0; i < WORDS; i++)
		words[i] = key + i * 0x2545f4914f6cdd1dULL;
}

static bool page_good(const uint64_t *words, uint64_t key)
{
	for (size_t i = 0; i < WORDS; i++)
		if (words[i] != key + i * 0x2545f4914f6cdd1dULL)
			return false;
	return true;
}

/*
 * Each page once, without a table: a full-period generator over the next power
 * of two, skipping what lies beyond.
 */
struct order {
	uint64_t mask, state, step;
	bool linear;
};

static void order_init(struct order *order, unsigned long npages, bool linear, uint64_t key)
{
	order->mask = 1;
	while (order->mask < npages)
		order->mask <<= 1;
	order->mask--;
	order->linear = linear;
	order->state = order->linear ? order->mask : key & order->mask;
	order->step = key >> 32 | 1;
}

static unsigned long order_next(struct order *order, unsigned long npages)
{
	do {
		if (order->linear)
			order->state++;
		else
			order->state = order->state * 1664525 + order->step;
		order->state &= order->mask;
	} while (order->state >= npages);
	return order->state;
}

static void work_force(unsigned int proc, unsigned int pass, uint64_t *words)
{
	if (config.force[0] == 'c' && proc == 0 && pass == 0)
		words[WORDS / 2] ^= 1;
	if (config.force[0] == 'h' && pass == 1)
		for (;;)
			pause();
}

struct work {
	char *mem;
	unsigned long npages;
	uint16_t *written;	/* of each page: the pass that wrote it and 1, or 0 */
	unsigned int proc, pass;
	bool linear, writes;
	bool cut;		/* when time is up */
};

static bool page_check(const struct work *work, unsigned long page)
{
	const uint64_t *words = (const uint64_t *)(work->mem + page * RIG_PAGE);
	uint16_t by = work->written[page];

	/* Each was written in the first pass: what says that it was not is wrong, too. */
	return by ? page_good(words, page_key(work->proc, by - 1, page)) : !work->pass;
}

/* It runs from when the last process has filled its memory. */
static void filled(void)
{
	if (__atomic_add_fetch(&shared->filled, 1, __ATOMIC_SEQ_CST) == config.procs)
		shared->end = now_ms() + config.seconds * 1000UL;
}

static bool time_is_up(void)
{
	return !config.seconds || (shared->end && now_ms() >= shared->end && !shared->busy);
}

/* One pass over all pages, or as much of it as there is time for. */
static void work_pass(struct work *work)
{
	struct order order;
	unsigned long i;

	order_init(&order, work->npages, work->linear, page_key(work->proc, work->pass, ~0UL));
	for (i = 0; i < work->npages; i++) {
		unsigned long page = order_next(&order, work->npages);
		uint64_t *words = (uint64_t *)(work->mem + page * RIG_PAGE);

		if (work->cut && time_is_up())
			return;
		if (!page_check(work, page))
			shared->bad[work->proc]++;
		if (work->writes) {
			page_write(words, page_key(work->proc, work->pass, page));
			work->written[page] = work->pass + 1;
		}
		if (i == work->npages / 2)
			work_force(work->proc, work->pass, words);
		shared->pages[work->proc]++;
	}
}

/*
 * The first pass is in order, as is the last where time decides. Between them:
 * mixed: at random and in order by turns; random: what it says; readwrite: half
 * of the processes each.
 */
static bool goes_in_order(unsigned int proc, unsigned int pass, bool last)
{
	if (!pass || (last && config.seconds))
		return true;
	switch (config.kind[0]) {
	case 'r':
		return config.kind[1] == 'e' && (proc & 1);
	default:
		return !(pass & 1);
	}
}

static bool only_reads(unsigned int proc)
{
	return !strcmp(config.kind, "readwrite") && (proc & 1);
}

static void *memory(unsigned long size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/*
 * As many passes as asked for, and for as long after the first, which fills the
 * memory; one more only checks.
 */
int work_run(unsigned int proc)
{
	unsigned long size = config.mb * 1024UL * 1024;
	struct work work = { .npages = size / RIG_PAGE, .proc = proc };
	bool last;

	work.mem = memory(size);
	work.written = memory(work.npages * sizeof(*work.written));
	if (!work.mem || !work.written)
		return 2;
	do {
		last = work.pass >= config.passes && time_is_up();
		work.linear = goes_in_order(proc, work.pass, last);
		work.writes = !last && (!work.pass || !only_reads(proc));
		work.cut = !last && work.pass && config.seconds;
		work_pass(&work);
		if (!work.pass++)
			filled();
	} while (!last);
	return shared->bad[proc] ? 1 : 0;
}
