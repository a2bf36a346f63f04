// SPDX-License-Identifier: GPL-2.0
/*
 * For the rig's tests of itself: ends in the way that it is told.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *how = "ok";
module_param(how, charp, 0444);
MODULE_PARM_DESC(how, "ok, fail, skip, warn, leak, panic, hang or refuse");

static bool told(const char *word)
{
	return !strcmp(how, word);
}

/* Only the inverse of the address is kept, which kmemleak does not know. */
static unsigned long lost;

static noinline void leak(void)
{
	int i;

	for (i = 0; i < 16; i++)
		lost += ~(unsigned long)kmalloc(1000, GFP_KERNEL);
}

static void always_ok(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 1, 1);
}

static void as_told(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, told("fail"));
	if (told("skip"))
		kunit_skip(test, "as told");
	WARN_ON(told("warn"));
	if (told("leak"))
		leak();
	if (told("panic"))
		panic("as told");
	while (told("hang"))
		msleep(1000);
}

static struct kunit_case rig_selftest_cases[] = {
	KUNIT_CASE(always_ok),
	KUNIT_CASE(as_told),
	{ }
};

static struct kunit_suite rig_selftest_suite = {
	.name = "rig_selftest",
	.test_cases = rig_selftest_cases,
};

kunit_test_suite(rig_selftest_suite);

static int __init rig_selftest_init(void)
{
	return told("refuse") ? -EINVAL : 0;
}
module_init(rig_selftest_init);

MODULE_DESCRIPTION("For the rig's tests of itself");
MODULE_LICENSE("GPL");
