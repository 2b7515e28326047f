/* Log: one line an event, `TIME LEVEL node category key=value... text`. The only process-wide state of a
 * daemon, as libevent and OpenSSL callbacks must reach it. Never give it key octets: fingerprints only. */
#ifndef KEYHOP_LOG_H
#define KEYHOP_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE, LOG_LEVELS };

/* Categories; each has a level of its own. */
/* clang-format off */
#define LOG_CATEGORIES(X) \
	X(TUNNEL, "tunnel") \
	X(MME, "mme") \
	X(X2, "x2") \
	X(AIR, "air") \
	X(NAS, "nas") \
	X(KEY, "key") \
	X(HO, "ho") \
	X(CTL, "ctl") \
	X(CFG, "cfg")
/* clang-format on */

enum log_cat {
#define LOG_CAT_ENUM(id, name) LOG_##id,
	LOG_CATEGORIES(LOG_CAT_ENUM)
#undef LOG_CAT_ENUM
		LOG_CATS
};

/* Writes to stderr until a file is set; when that is the journal ($JOURNAL_STREAM), lines begin with their priority.
 * `node` is borrowed and must outlive the log. */
void log_init(const char *node);
/* Appends to `path` (mode 0640) from now on. 0 or KH_E_CONFIG, with errno set. */
int log_to_file(const char *path);
/* Closes the file and goes back to stderr. */
void log_close(void);

/* Text for people; json: {ts, lvl, cat, node, msg}, and what stands in msg as key=value as members of its own. */
enum log_format { LOG_TEXT, LOG_JSON };
void log_set_format(enum log_format format);
void log_set_level(enum log_level level);
void log_set_category(enum log_cat cat, enum log_level level);
enum log_level log_get_category(enum log_cat cat);
bool log_enabled(enum log_cat cat, enum log_level level);

/* Names and back; the parsers give -1 for an unknown name. */
const char *log_level_name(enum log_level level);
const char *log_cat_name(enum log_cat cat);
int log_level_parse(const char *name);
int log_cat_parse(const char *name);

/* Use the macros: they cost one compare when the line is not wanted. */
void log_write(enum log_cat cat, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* clang-format off */
#define log_at(cat, level, ...) \
	do { \
		if (log_enabled(cat, level)) \
			log_write(cat, level, __VA_ARGS__); \
	} while (0)
/* clang-format on */
#define log_error(cat, ...) log_at(cat, LOG_ERROR, __VA_ARGS__)
#define log_warn(cat, ...) log_at(cat, LOG_WARN, __VA_ARGS__)
#define log_info(cat, ...) log_at(cat, LOG_INFO, __VA_ARGS__)
#define log_debug(cat, ...) log_at(cat, LOG_DEBUG, __VA_ARGS__)

#endif
