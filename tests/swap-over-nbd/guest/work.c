// SPDX-License-Identifier: GPL-2.0
/*
 * The workload: write every page with a pattern that no other page, pass,
 * process or seed has, and check it when the next pass comes by.
 */
#include <stdio.h>
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
 * of two, skipping what lies beyond. Even passes go through memory in order.
 */
struct order {
	uint64_t mask, state, step;
	bool linear;
};

static void order_init(struct order *order, unsigned long npages, unsigned int pass, uint64_t key)
{
	order->mask = 1;
	while (order->mask < npages)
		order->mask <<= 1;
	order->mask--;
	order->linear = !(pass & 1);
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

static void work_pass(char *mem, unsigned long npages, unsigned int proc, unsigned int pass)
{
	struct order order;
	unsigned long i;

	order_init(&order, npages, pass, page_key(proc, pass, ~0UL));
	for (i = 0; i < npages; i++) {
		unsigned long page = order_next(&order, npages);
		uint64_t *words = (uint64_t *)(mem + page * RIG_PAGE);

		if (pass && !page_good(words, page_key(proc, pass - 1, page)))
			shared->bad[proc]++;
		if (pass < config.passes)
			page_write(words, page_key(proc, pass, page));
		if (i == npages / 2)
			work_force(proc, pass, words);
		shared->pages[proc]++;
	}
}

/* One more pass than asked for: the last only checks. */
int work_run(unsigned int proc)
{
	unsigned long size = config.mb * 1024UL * 1024;
	unsigned int pass;
	char *mem;

	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return 2;
	for (pass = 0; pass <= config.passes; pass++)
		work_pass(mem, size / RIG_PAGE, proc, pass);
	return shared->bad[proc] ? 1 : 0;
}
