/* Options of what a node writes of itself: log, events, keys. */
#ifndef KEYHOP_LOG_ROWS_H
#define KEYHOP_LOG_ROWS_H

#include "node_options.h"

#define RECORD_OPTION_ROWS \
	{.key = "keylog", \
	 .type = CONFIG_FILE, \
	 .access = CONFIG_OPENED, \
	 .offset = NODE_OPT(keylog), \
	 .help = "file that gets every key this node comes to hold; only for labs"}, \
		{.key = "events", \
		 .type = CONFIG_FILE, \
		 .access = CONFIG_OPENED, \
		 .offset = NODE_OPT(events), \
		 .help = "file that gets every event as a line of JSON"}, \
	{ \
		.key = "events_messages", .type = CONFIG_BOOL, \
		.offset = NODE_OPT(events_messages), .def = "false", \
		.help = "every message is an event, too, from the start: a trace, as of " \
			"trace.start" \
	}

#define NODE_LOG_ROW(id, name) \
	{.key = "log.categories." name, \
	 .type = CONFIG_ENUM, \
	 .offset = NODE_OPT(log_categories[LOG_##id]), \
	 .def = "default", \
	 .words = node_log_category_words, \
	 .reloadable = true, \
	 .help = "level of this category; default: that of log.level"},

#define LOG_OPTION_ROWS \
	{.key = "log.level", \
	 .type = CONFIG_ENUM, \
	 .offset = NODE_OPT(log_level), \
	 .def = "info", \
	 .words = node_log_level_words, \
	 .reloadable = true, \
	 .help = "error, warn, info, debug or trace"}, \
		LOG_CATEGORIES(NODE_LOG_ROW){.key = "log.format", \
					     .type = CONFIG_ENUM, \
					     .offset = NODE_OPT(log_format), \
					     .def = "text", \
					     .words = node_log_format_words, \
					     .help = "text, or json: one object a line"}, \
	{ \
		.key = "log.file", .type = CONFIG_FILE, .access = CONFIG_OPENED, \
		.offset = NODE_OPT(log_file), .help = "log file; standard error without it" \
	}

#endif
