#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "err.h"

#define LINE_MAX_LEN 2048 /* a longer line is cut */

static const char *const level_names[LOG_LEVELS] = {"error", "warn", "info", "debug", "trace"};
static const char *const level_marks[LOG_LEVELS] = {"ERROR", "WARN ", "INFO ", "DEBUG", "TRACE"};

static const int journal_priorities[LOG_LEVELS] = {3, 4, 6, 7, 7}; /* of syslog */

static const char *const cat_names[LOG_CATS] = {
#define CAT_NAME(id, name) [LOG_##id] = name,
	LOG_CATEGORIES(CAT_NAME)
#undef CAT_NAME
};

static struct {
	const char *node;
	int fd;
	bool to_journal; /* lines begin with the mark of their priority, which the journal takes off */
	enum log_format format;
	enum log_level level[LOG_CATS];
} state = {
	.node = "-",
	.fd = STDERR_FILENO,
	.level =
		{
#define CAT_LEVEL(id, name) [LOG_##id] = LOG_INFO,
			LOG_CATEGORIES(CAT_LEVEL)
#undef CAT_LEVEL
		},
};

/* $JOURNAL_STREAM names device and inode of what the service manager made standard error: it may be another one by now
 * (sd-daemon(3)). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	snprintf(own, sizeof own, "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	return strcmp(own, stream) == 0;
}

void log_init(const char *node)
{
	state.node = node ? node : "-";
	state.to_journal = state.fd == STDERR_FILENO && stderr_is_journal();
	log_set_level(LOG_INFO);
}

int log_to_file(const char *path)
{
	/* O_NONBLOCK: a pipe whose reader is slow loses lines, and holds nobody. */
	int fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

	if (fd < 0)
		return KH_E_CONFIG;
	log_close();
	state.fd = fd;
	state.to_journal = false;
	return KH_OK;
}

void log_close(void)
{
	if (state.fd != STDERR_FILENO)
		close(state.fd);
	state.fd = STDERR_FILENO;
	state.to_journal = stderr_is_journal();
}

static bool cat_is_known(enum log_cat cat)
{
	return (unsigned)cat < LOG_CATS;
}

void log_set_format(enum log_format format)
{
	state.format = format;
}

void log_set_level(enum log_level level)
{
	for (unsigned cat = 0; cat < LOG_CATS; cat++)
		log_set_category((enum log_cat)cat, level);
}

void log_set_category(enum log_cat cat, enum log_level level)
{
	if (cat_is_known(cat) && (unsigned)level < LOG_LEVELS)
		state.level[cat] = level;
}

enum log_level log_get_category(enum log_cat cat)
{
	return cat_is_known(cat) ? state.level[cat] : LOG_ERROR;
}

bool log_enabled(enum log_cat cat, enum log_level level)
{
	return cat_is_known(cat) && (unsigned)level <= (unsigned)state.level[cat];
}

const char *log_level_name(enum log_level level)
{
	return (unsigned)level < LOG_LEVELS ? level_names[level] : "unknown";
}

const char *log_cat_name(enum log_cat cat)
{
	return cat_is_known(cat) ? cat_names[cat] : "unknown";
}

static int find(const char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

int log_level_parse(const char *name)
{
	return find(level_names, LOG_LEVELS, name);
}

int log_cat_parse(const char *name)
{
	return find(cat_names, LOG_CATS, name);
}

/* A text may quote what a peer sent: no control character may start a line of its own or steer a
 * terminal. */
static void tame(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
}

/* Length of what snprintf() left in a buffer of `size`. */
static size_t kept(int n, size_t size)
{
	if (n < 0)
		return 0;
	return (size_t)n < size ? (size_t)n : size - 1;
}

/* "<6>" at the start of a line, for the journal alone; its length. */
static size_t priority(enum log_level level, char *line, size_t size)
{
	if (!state.to_journal)
		return 0;
	return kept(snprintf(line, size, "<%d>", journal_priorities[level]), size);
}

/* One write a line, so that lines of several processes in one file do not mix. A log that cannot be written must
 * not stop the daemon. */
static void write_line(char *line, size_t len)
{
	line[len++] = '\n';
	while (write(state.fd, line, len) < 0 && errno == EINTR)
		;
}

/* Appends `"name":"value"`, with what JSON wants escaped; octets above 126 become '?'. */
static size_t member(char *out, size_t len, size_t room, const char *name, size_t name_len,
		     const char *value, size_t value_len)
{
	len += kept(snprintf(out + len, room - len, ",\"%.*s\":\"", (int)name_len, name),
		    room - len);
	for (size_t i = 0; i < value_len && len + 4 < room; i++) {
		if (value[i] == '"' || value[i] == '\\')
			out[len++] = '\\';
		out[len++] = (unsigned char)value[i] > 126 ? '?' : value[i];
	}
	out[len++] = '"';
	out[len] = '\0';
	return len;
}

/* step=7a ue=001010000000001 become members of their own. */
static size_t members(char *out, size_t len, size_t room, const char *text)
{
	static const char *const known[] = {"step", "ue",   "mme_ue_id", "enb",	 "gen", "fp",
					    "kid",  "peer", "cause",	 "cell", NULL};
	unsigned seen = 0;

	for (const char *p = text; p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL)
		for (size_t i = 0; known[i]; i++) {
			size_t n = strlen(known[i]);
			if (strncmp(p, known[i], n) != 0 || p[n] != '=')
				continue;
			/* Our own comes first; what a peer is quoted with does not come again as a member. */
			if (!(seen & 1U << i))
				len = member(out, len, room, known[i], n, p + n + 1,
					     strcspn(p + n + 1, " "));
			seen |= 1U << i;
			break;
		}
	return len;
}

static void write_json(const char *time, enum log_cat cat, enum log_level level, const char *text)
{
	char line[2 * LINE_MAX_LEN];
	size_t room = sizeof line - 2;
	size_t len = priority(level, line, room);

	len += kept(snprintf(line + len, room - len,
			     "{\"ts\":\"%s\",\"lvl\":\"%s\",\"cat\":\"%s\",\"node\":\"%s\"", time,
			     level_names[level], cat_names[cat], state.node),
		    room - len);
	len = members(line, len, room, text);
	len = member(line, len, room, "msg", 3, text, strlen(text));
	line[len++] = '}';
	write_line(line, len);
}

static void write_text(const char *time, enum log_cat cat, enum log_level level, const char *text)
{
	char line[LINE_MAX_LEN + 100];
	size_t room = sizeof line - 1, len = priority(level, line, room);

	len += kept(snprintf(line + len, room - len, "%s %s %s %s %s", time, level_marks[level],
			     state.node, cat_names[cat], text),
		    room - len);
	write_line(line, len);
}

void log_write(enum log_cat cat, enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	char time[CLOCK_TEXT_LEN], text[LINE_MAX_LEN - 100];
	va_list ap;

	if (!cat_is_known(cat) || (unsigned)level >= LOG_LEVELS)
		return;
	clock_text(clock_wall_us(), time);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	tame(text);
	if (state.format == LOG_JSON)
		write_json(time, cat, level, text);
	else
		write_text(time, cat, level, text);
	errno = saved;
}
