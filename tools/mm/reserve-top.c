// SPDX-License-Identifier: GPL-2.0
/*
 * reserve-top: the tree of memory reserves, as a live table
 *
 * It reads /sys/kernel/mm/reserve. See reserve-top.8, and
 * Documentation/admin-guide/mm/reserve.rst for what the figures mean.
 *
 * It needs nothing but libc.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define __printf(a, b)	__attribute__((		\
	__format__(__printf__, a, b)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define VERSION		"1.0"
#define SYSFS_RESERVE	"/sys/kernel/mm/reserve"

#define DELAY_MIN	0.1
#define DELAY_MAX	86400.0

/* Cells of the bar: what --once has, and what a terminal may make of it */
#define BAR_ONCE	20
#define BAR_MIN		5
#define BAR_MAX		60

/* The digits of 2^64 and a null */
#define NUMBER_SIZE	24

enum field {
	USAGE,
	LIMIT,
	PEAK,
	PAGES,
	DRAWN,
	FAILCNT,
	SET_ASIDE,
	NR_FIELDS
};

static const char * const field_names[NR_FIELDS] = {
	[USAGE] = "usage",
	[LIMIT] = "limit",
	[PEAK] = "peak",
	[PAGES] = "pages",
	[DRAWN] = "drawn",
	[FAILCNT] = "failcnt",
	[SET_ASIDE] = "set_aside",
};

struct node {
	char *path;		/* "/", or "/network/receive/ring" */
	const char *name;	/* the end of it */
	unsigned int depth;
	char unit[16];		/* empty if there is no such file */
	bool has[NR_FIELDS];
	unsigned long long value[NR_FIELDS];
	bool failed;		/* failcnt grew since the last time */
};

/* Parents before children, siblings by name */
struct tree {
	struct node *node;
	size_t count;
	size_t room;
};

static const char *root = SYSFS_RESERVE;
static bool colour;

/* The terminal */

static struct termios tty_saved;
static bool tty_keys;		/* standard input is a terminal */
static bool tty_on;

static void tty_write(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0) {
			/* Left non-blocking by another program */
			struct pollfd pfd = { STDOUT_FILENO, POLLOUT, 0 };

			if (errno != EAGAIN || poll(&pfd, 1, -1) < 0)
				return;
			continue;
		}
		text += n;
		len -= n;
	}
}

static void tty_puts(const char *text)
{
	tty_write(text, strlen(text));
}

/* The other screen, no cursor, and keys as they are pressed */
static void tty_enter(void)
{
	struct termios raw;

	if (tty_keys) {
		raw = tty_saved;
		raw.c_lflag &= ~(ICANON | ECHO);
		raw.c_cc[VMIN] = 1;
		raw.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	tty_puts("\033[?1049h\033[?25l\033[H\033[2J");
	tty_on = true;
}

static void tty_leave(void)
{
	if (!tty_on)
		return;
	tty_on = false;
	tty_puts("\033[0m\033[?25h\033[?1049l");
	if (tty_keys)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &tty_saved);
}

/* A name may hold anything; a terminal should not get it. */
static char *printable(char *text)
{
	char *c;

	for (c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return text;
}

static noreturn __printf(1, 2) void die(const char *fmt, ...)
{
	char text[PATH_MAX + 256];
	va_list ap;

	tty_leave();
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "reserve-top: %s\n", printable(text));
	exit(1);
}

/* Reading the tree */

static void *xrealloc(void *old, size_t size)
{
	void *new = realloc(old, size);

	if (!new)
		die("out of memory");
	return new;
}

static __printf(1, 2) char *format(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		die("out of memory");
	return text;
}

static void tree_free(struct tree *tree)
{
	size_t i;

	for (i = 0; i < tree->count; i++)
		free(tree->node[i].path);
	free(tree->node);
	*tree = (struct tree){};
}

/* The node itself is gone, or the file system says that it will be. */
static bool vanished(int err)
{
	return err == ENOENT || err == ENODEV;
}

/*
 * The first line of a file, without its end. 1 if it was read, 0 if there is
 * no such file, -1 if the node has vanished.
 */
static int read_line(int dir, const char *path, const char *file, char *line,
		     size_t size)
{
	ssize_t n;
	int fd;

	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		if (errno == ENOENT)
			return 0;
		if (vanished(errno))
			return -1;
		die("cannot read %s%s/%s: %s", root, path, file,
		    strerror(errno));
	}
	n = read(fd, line, size - 1);
	if (n < 0) {
		int err = errno;

		close(fd);
		if (vanished(err))
			return -1;
		die("cannot read %s%s/%s: %s", root, path, file, strerror(err));
	}
	close(fd);
	line[n] = 0;
	line[strcspn(line, "\n")] = 0;
	printable(line);
	return 1;
}

/* How many files it has: 0 if it is no node yet, or no longer. */
static unsigned int read_node(int dir, struct node *node, const char *path)
{
	char line[64], *end;
	unsigned int files = 0;
	int i, ret;

	ret = read_line(dir, path, "unit", line, sizeof(line));
	if (ret < 0)
		return 0;
	if (ret) {
		files++;
		snprintf(node->unit, sizeof(node->unit), "%.*s",
			 (int)sizeof(node->unit) - 1, line);
	}
	for (i = 0; i < NR_FIELDS; i++) {
		ret = read_line(dir, path, field_names[i], line, sizeof(line));
		if (ret < 0)
			return 0;
		if (!ret)
			continue;
		files++;
		errno = 0;
		node->value[i] = strtoull(line, &end, 10);
		if (*line < '0' || *line > '9' || *end || errno)
			die("%s%s/%s holds '%s', which is not a number",
			    root, path, field_names[i], line);
		node->has[i] = true;
	}
	return files;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char * const *)a, *(char * const *)b);
}

/* The names of what may be directories in @dir, sorted */
static size_t list_dir(int fd, const char *path, char ***names)
{
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;
	int copy;

	*names = NULL;
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		if (vanished(errno))
			return 0;
		die("cannot read %s%s: %s", root, path, strerror(errno));
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
			continue;
		*names = xrealloc(*names, (count + 1) * sizeof(**names));
		(*names)[count++] = format("%s", entry->d_name);
	}
	closedir(dir);
	if (count)
		qsort(*names, count, sizeof(**names), by_name);
	return count;
}

/* @up is the path of @dir with no slash at its end; @dir is closed. */
static bool scan(struct tree *tree, int dir, const char *up, const char *name,
		 unsigned int depth)
{
	struct node node = { .depth = depth };
	char **names, *path;
	unsigned int files;
	size_t count, i;

	path = depth ? format("%s/%s", up, name) : format("%s", "");
	files = read_node(dir, &node, path);
	/* What is just coming or going has some of them: look again. */
	if (files && files < NR_FIELDS) {
		node = (struct node){ .depth = depth };
		files = read_node(dir, &node, path);
	}
	if (!files) {
		close(dir);
		free(path);
		return false;
	}
	node.path = depth ? format("%s", path) : format("/");
	node.name = depth ? strrchr(node.path, '/') + 1 : "reserve";
	if (tree->count == tree->room) {
		tree->room = tree->room ? 2 * tree->room : 16;
		tree->node = xrealloc(tree->node,
				      tree->room * sizeof(*tree->node));
	}
	tree->node[tree->count++] = node;

	count = list_dir(dir, path, &names);
	for (i = 0; i < count; i++) {
		int fd = openat(dir, names[i], O_RDONLY | O_DIRECTORY |
				O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0)
			scan(tree, fd, path, names[i], depth + 1);
		else if (!vanished(errno) && errno != ENOTDIR && errno != ELOOP)
			die("cannot read %s%s/%s: %s", root, path, names[i],
			    strerror(errno));
		free(names[i]);
	}
	free(names);
	free(path);
	close(dir);
	return true;
}

static void read_tree(struct tree *tree)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		if (errno == ENOENT && !strcmp(root, SYSFS_RESERVE))
			die("there is no %s: the kernel has no CONFIG_MEM_RESERVE",
			    root);
		if (errno == ENOENT)
			die("there is no %s: has the kernel no CONFIG_MEM_RESERVE?",
			    root);
		die("cannot read %s: %s", root, strerror(errno));
	}
	if (!scan(tree, fd, "", "", 0))
		die("%s is no reserve: it has none of the files of one", root);
}

/* What failed since @old was read; a node that is new has nothing to compare. */
static void compare(struct tree *tree, const struct tree *old)
{
	size_t i, j = 0, k;

	for (i = 0; i < tree->count; i++) {
		struct node *node = &tree->node[i];

		/* Both are in the same order, so it is most often the next. */
		for (k = 0; k < old->count; k++, j++) {
			const struct node *was = &old->node[j % old->count];

			if (strcmp(node->path, was->path))
				continue;
			node->failed = node->has[FAILCNT] && was->has[FAILCNT] &&
				       node->value[FAILCNT] > was->value[FAILCNT];
			j++;
			break;
		}
	}
}

/* Drawing it */

/* What is to be shown: lines of at most @width characters, 0 for any */
struct page {
	FILE *out;
	unsigned int width;
	unsigned int lines;	/* the same for how many there may be */
	unsigned int column;
	unsigned int line;
	bool escapes;		/* for a terminal, not for a file */
};

static bool page_full(const struct page *page)
{
	return page->lines && page->line == page->lines;
}

static void put(struct page *page, const char *style, const char *text)
{
	unsigned int len = strlen(text), room = UINT_MAX;

	if (page->width)
		room = page->width > page->column ?
		       page->width - page->column : 0;
	if (len > room)
		len = room;
	if (!len || page_full(page))
		return;
	if (style && colour)
		fprintf(page->out, "\033[%sm%.*s\033[0m", style, (int)len, text);
	else
		fprintf(page->out, "%.*s", (int)len, text);
	page->column += len;
}

static void put_right(struct page *page, const char *style, const char *text,
		      unsigned int width)
{
	unsigned int len = strlen(text);

	for (put(page, NULL, "  "); len < width; len++)
		put(page, NULL, " ");
	put(page, style, text);
}

static void put_left(struct page *page, const char *style, const char *text,
		     unsigned int width)
{
	unsigned int len = strlen(text);

	put(page, style, text);
	for (; len < width; len++)
		put(page, NULL, " ");
}

/* Nothing of what was there before stays, and the last line does not scroll. */
static void end_line(struct page *page)
{
	if (page_full(page))
		return;
	page->line++;
	if (page->escapes && page->column < page->width)
		fputs("\033[K", page->out);
	if (!page_full(page))
		fputc('\n', page->out);
	page->column = 0;
}

static const char *number(char *text, const struct node *node, enum field field)
{
	if (node->has[field])
		snprintf(text, NUMBER_SIZE, "%llu", node->value[field]);
	else
		snprintf(text, NUMBER_SIZE, "-");
	return text;
}

static unsigned long long in_kb(unsigned long long pages)
{
	unsigned long long kb = sysconf(_SC_PAGESIZE) / 1024;

	return pages > ULLONG_MAX / kb ? ULLONG_MAX : pages * kb;
}

/* 90 % of it, and no rounding */
static bool nearly_full(const struct node *node)
{
	unsigned long long usage = node->value[USAGE];
	unsigned long long limit = node->value[LIMIT];

	if (!node->has[USAGE] || !node->has[LIMIT] || !limit)
		return false;
	return usage >= limit || limit - usage <= limit / 10;
}

/* Something is seen as soon as there is something, and all only if it is all. */
static unsigned int cells(const struct node *node, enum field field,
			  unsigned int width)
{
	unsigned long long limit = node->value[LIMIT];
	unsigned int n;

	if (!node->has[field] || !node->has[LIMIT] || !limit ||
	    !node->value[field])
		return 0;
	if (node->value[field] >= limit)
		return width;
	n = (double)node->value[field] / limit * width;
	if (!n)
		return 1;
	return n < width ? n : width - 1;
}

static void put_bar(struct page *page, const struct node *node,
		    unsigned int width)
{
	unsigned int used = cells(node, USAGE, width);
	unsigned int peak = cells(node, PEAK, width);
	char bar[BAR_MAX + 1];
	unsigned int i;

	for (i = 0; i < width; i++)
		bar[i] = i < used ? '#' : i < peak ? ':' : ' ';
	bar[width] = 0;
	put(page, NULL, "  [");
	put(page, nearly_full(node) ? "1;31" : "32", bar);
	put(page, NULL, "]");
	if (nearly_full(node))
		put(page, "1;31", "!");
	else
		put(page, NULL, " ");
}

/* The columns that are numbers, in their order, and how wide they are */
struct columns {
	unsigned int name;
	unsigned int unit;
	unsigned int number[NR_FIELDS];
	unsigned int bar;
};

static const char * const headings[NR_FIELDS] = {
	[USAGE] = "USAGE",
	[LIMIT] = "LIMIT",
	[PEAK] = "PEAK",
	[PAGES] = "PAGES",
	[FAILCNT] = "FAILCNT",
};

static void widen(unsigned int *width, size_t to)
{
	if (*width < to)
		*width = to;
}

static void measure(struct columns *columns, const struct tree *tree,
		    unsigned int width)
{
	unsigned int sum;
	char text[NUMBER_SIZE];
	size_t i;
	int f;

	*columns = (struct columns){ .name = strlen("PATH"), .unit = strlen("UNIT") };
	for (f = 0; f < NR_FIELDS; f++)
		if (headings[f])
			columns->number[f] = strlen(headings[f]);
	for (i = 0; i < tree->count; i++) {
		const struct node *node = &tree->node[i];

		widen(&columns->name, 2 * node->depth + strlen(node->name));
		widen(&columns->unit, strlen(node->unit));
		for (f = 0; f < NR_FIELDS; f++)
			if (headings[f])
				widen(&columns->number[f],
				      strlen(number(text, node, f)));
	}

	columns->bar = BAR_ONCE;
	if (!width)
		return;
	/* The bar gets what is left, or goes; its ends are 5 characters. */
	sum = columns->name + 2 + columns->unit + 5 + 1;
	for (f = 0; f < NR_FIELDS; f++)
		if (headings[f])
			sum += 2 + columns->number[f];
	columns->bar = width > sum ? width - sum : 0;
	if (columns->bar > BAR_MAX)
		columns->bar = BAR_MAX;
	if (columns->bar < BAR_MIN)
		columns->bar = 0;
}

static void put_totals(struct page *page, const struct node *top)
{
	char number_text[NUMBER_SIZE], *text;

	put(page, NULL, "set aside ");
	put(page, "1", number(number_text, top, SET_ASIDE));
	put(page, NULL, " pages");
	if (top->has[SET_ASIDE]) {
		text = format(" (%llu KB)", in_kb(top->value[SET_ASIDE]));
		put(page, NULL, text);
		free(text);
	}
	put(page, NULL, ", promised ");
	put(page, NULL, number(number_text, top, PAGES));
	put(page, NULL, ", in use ");
	put(page, NULL, number(number_text, top, DRAWN));
	end_line(page);
}

static void put_headings(struct page *page, const struct columns *columns)
{
	static const char style[] = "7";
	unsigned int i;
	int f;

	put_left(page, style, "PATH", columns->name);
	put(page, NULL, "  ");
	put_left(page, style, "UNIT", columns->unit);
	for (f = 0; f < NR_FIELDS; f++) {
		if (headings[f])
			put_right(page, style, headings[f], columns->number[f]);
		if (f == LIMIT && columns->bar)
			for (i = 0; i < columns->bar + 5; i++)
				put(page, NULL, " ");
	}
	end_line(page);
}

static void put_node(struct page *page, const struct columns *columns,
		     const struct node *node)
{
	char text[NUMBER_SIZE], *name;
	const char *style;
	int f;

	name = printable(format("%*s%s", 2 * (int)node->depth, "", node->name));
	put_left(page, NULL, name, columns->name);
	free(name);
	put(page, NULL, "  ");
	put_left(page, NULL, *node->unit ? node->unit : "-", columns->unit);
	for (f = 0; f < NR_FIELDS; f++) {
		if (!headings[f])
			continue;
		style = NULL;
		if (f == USAGE && nearly_full(node))
			style = "1;31";
		else if (f == FAILCNT && node->failed)
			style = "1;33";
		put_right(page, style, number(text, node, f), columns->number[f]);
		if (f == LIMIT && columns->bar)
			put_bar(page, node, columns->bar);
	}
	if (node->failed)
		put(page, "1;33", "+");
	end_line(page);
}

static void put_tree(struct page *page, const struct tree *tree)
{
	struct columns columns;
	size_t shown = tree->count, i;
	char *text;

	measure(&columns, tree, page->width);
	put_totals(page, &tree->node[0]);
	end_line(page);
	put_headings(page, &columns);
	/* Three lines are written, and one is to tell of what there is no room for. */
	if (page->lines && shown + 3 > page->lines)
		shown = page->lines > 4 ? page->lines - 4 : 0;
	for (i = 0; i < shown; i++)
		put_node(page, &columns, &tree->node[i]);
	if (shown < tree->count) {
		text = format("(%zu more: the window is too small)",
			      tree->count - shown);
		put(page, NULL, text);
		free(text);
		end_line(page);
	}
}

static void flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		die("cannot write: %s", strerror(errno));
}

static void print_table(const struct tree *tree)
{
	struct page page = { .out = stdout };

	put_tree(&page, tree);
	flush();
}

static void draw_screen(const struct tree *tree)
{
	struct page page = { .escapes = true, .width = 80, .lines = 24 };
	struct winsize size;
	char *text = NULL;
	size_t len = 0;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col &&
	    size.ws_row) {
		page.width = size.ws_col;
		page.lines = size.ws_row;
	}
	page.out = open_memstream(&text, &len);
	if (!page.out)
		die("out of memory");
	fputs("\033[H", page.out);
	put_tree(&page, tree);
	if (!page_full(&page))
		fputs("\033[J", page.out);
	if (fclose(page.out))
		die("out of memory");
	tty_write(text, len);
	free(text);
}

/* For scripts */

static void json_string(const char *text)
{
	const unsigned char *c;

	putchar('"');
	for (c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			printf("\\%c", *c);
		else if (*c < ' ' || *c > '~')
			printf("\\u%04x", *c);
		else
			putchar(*c);
	}
	putchar('"');
}

static void json_number(const struct node *node, enum field field)
{
	printf("\"%s\": ", field_names[field]);
	if (node->has[field])
		printf("%llu", node->value[field]);
	else
		printf("null");
}

static void print_json(const struct tree *tree)
{
	const struct node *top = &tree->node[0];
	size_t i;
	int f;

	printf("{\n  \"page_size\": %ld,\n  ", sysconf(_SC_PAGESIZE));
	json_number(top, SET_ASIDE);
	printf(",\n  \"set_aside_kb\": ");
	if (top->has[SET_ASIDE])
		printf("%llu", in_kb(top->value[SET_ASIDE]));
	else
		printf("null");
	printf(",\n  \"nodes\": [");
	for (i = 0; i < tree->count; i++) {
		const struct node *node = &tree->node[i];

		printf("%s\n    { \"path\": ", i ? "," : "");
		json_string(node->path);
		printf(", \"unit\": ");
		if (*node->unit)
			json_string(node->unit);
		else
			printf("null");
		for (f = 0; f < SET_ASIDE; f++) {
			printf(", ");
			json_number(node, f);
		}
		printf(" }");
	}
	printf("\n  ]\n}\n");
	flush();
}

/* Again and again */

/* A descriptor to read them from. They come at no other time. */
static int catch_signals(void)
{
	static const int signals[] = {
		SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT,
	};
	struct sigaction was;
	sigset_t caught;
	size_t i;
	int fd;

	sigemptyset(&caught);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		/* Somebody may want it ignored, nohup say, but not Ctrl-C. */
		if (signals[i] == SIGINT ||
		    (!sigaction(signals[i], NULL, &was) &&
		     was.sa_handler != SIG_IGN))
			sigaddset(&caught, signals[i]);
	sigprocmask(SIG_BLOCK, &caught, NULL);
	fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die("cannot wait for signals: %s", strerror(errno));
	return fd;
}

/* As if it had never been caught */
static noreturn void end_by(int sig)
{
	sigset_t set;

	tty_leave();
	signal(sig, SIG_DFL);
	raise(sig);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	exit(1);
}

static void take_signals(int fd, const struct tree *tree)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTSTP:
			tty_leave();
			raise(SIGSTOP);
			break;
		case SIGCONT:
			tty_leave();
			tty_enter();
			draw_screen(tree);
			break;
		case SIGWINCH:
			draw_screen(tree);
			break;
		default:
			end_by(info.ssi_signo);
		}
	}
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void pause_until(double until)
{
	double left = until - now();
	struct timespec ts;

	if (left <= 0)
		return;
	ts.tv_sec = left;
	ts.tv_nsec = (left - ts.tv_sec) * 1e9;
	nanosleep(&ts, NULL);
}

/* Whether a key says to end it; a terminal that is gone does. */
static bool wants_out(void)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n < 0)
		return errno != EAGAIN && errno != EINTR;
	return !n || memchr(keys, 'q', n) || memchr(keys, 'Q', n);
}

/* Until it is time to read the tree again; false at the end. */
static bool wait_in_terminal(const struct tree *tree, double until, int signals)
{
	struct pollfd fds[] = {
		{ signals, POLLIN, 0 },
		{ tty_keys ? STDIN_FILENO : -1, POLLIN, 0 },
	};

	for (;;) {
		double left = until - now();
		int n = poll(fds, ARRAY_SIZE(fds), left > 0 ? left * 1000 + 1 : 0);

		if (n > 0 && fds[0].revents)
			take_signals(signals, tree);
		if (n > 0 && fds[1].revents && wants_out())
			return false;
		if (!n || now() >= until)
			return true;
	}
}

static void watch(double delay)
{
	const char *term = getenv("TERM");
	bool screen = isatty(STDOUT_FILENO) && term && *term &&
		      strcmp(term, "dumb");
	struct tree tree = {}, old = {};
	double next = now();
	int signals = -1;

	/* What can be wrong from the start is said before the screen changes. */
	read_tree(&tree);
	if (screen) {
		const char *no_colour = getenv("NO_COLOR");

		colour = !no_colour || !*no_colour;
		tty_keys = isatty(STDIN_FILENO) &&
			   !tcgetattr(STDIN_FILENO, &tty_saved);
		signals = catch_signals();
		tty_enter();
	}
	for (;;) {
		compare(&tree, &old);
		next += delay;
		if (next < now())
			next = now() + delay;
		if (screen) {
			draw_screen(&tree);
			if (!wait_in_terminal(&tree, next, signals))
				break;
		} else {
			if (old.count)
				putchar('\n');
			print_table(&tree);
			pause_until(next);
		}
		tree_free(&old);
		old = tree;
		tree = (struct tree){};
		read_tree(&tree);
	}
	tty_leave();
	tree_free(&tree);
	tree_free(&old);
}

/* The command line */

static void usage(FILE *out)
{
	fputs("Usage: reserve-top [OPTION]...\n"
	      "Show the kernel's memory reserves, and how much of each is in use.\n"
	      "\n"
	      "  -d, --delay SECONDS  refresh that often, 1 if not given (0.5 is half a second)\n"
	      "      --once           print the table once, without escapes\n"
	      "      --json           with --once: one JSON object, for scripts\n"
	      "      --root DIR       read DIR, not " SYSFS_RESERVE "\n"
	      "  -h, --help           print this\n"
	      "  -V, --version        print the version\n"
	      "\n"
	      "q or Ctrl-C leaves. A bar is # for what is in use and : up to the peak; ! follows\n"
	      "one that is 90 % full, + a failcnt that has grown. See reserve-top(8).\n",
	      out);
}

static noreturn __printf(1, 2) void bad_usage(const char *fmt, ...)
{
	va_list ap;

	fputs("reserve-top: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("; 'reserve-top --help' lists the options\n", stderr);
	exit(2);
}

static double parse_delay(const char *text)
{
	double delay;
	char *end;

	/* Neither inf nor nan nor 0x1p3 */
	delay = strtod(text, &end);
	if (!*text || *end || strspn(text, "-+.0123456789") != strlen(text))
		bad_usage("the delay is a number of seconds, not '%s'", text);
	if (delay < DELAY_MIN || delay > DELAY_MAX)
		bad_usage("the delay must be from %g to %g seconds, not '%s'",
			  DELAY_MIN, DELAY_MAX, text);
	return delay;
}

int main(int argc, char **argv)
{
	enum { ONCE = 256, JSON, ROOT };
	static const struct option options[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "once", no_argument, NULL, ONCE },
		{ "json", no_argument, NULL, JSON },
		{ "root", required_argument, NULL, ROOT },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{}
	};
	bool once = false, json = false;
	struct tree tree = {};
	double delay = 1;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":d:hV", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			delay = parse_delay(optarg);
			break;
		case ONCE:
			once = true;
			break;
		case JSON:
			json = true;
			break;
		case ROOT:
			root = optarg;
			break;
		case 'h':
			usage(stdout);
			flush();
			return 0;
		case 'V':
			puts("reserve-top " VERSION);
			flush();
			return 0;
		case ':':
			bad_usage("%s wants an argument", argv[optind - 1]);
		default:
			if (optopt >= ONCE)
				bad_usage("%s: it takes no argument", argv[optind - 1]);
			if (optopt)
				bad_usage("there is no option -%c", optopt);
			bad_usage("there is no option %s", argv[optind - 1]);
		}
	}
	if (optind < argc)
		bad_usage("'%s' is no option", argv[optind]);
	if (json && !once)
		bad_usage("--json needs --once");

	if (!once) {
		watch(delay);
		return 0;
	}
	read_tree(&tree);
	if (json)
		print_json(&tree);
	else
		print_table(&tree);
	tree_free(&tree);
	return 0;
}
