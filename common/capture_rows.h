/* Options of captures. */
#ifndef KEYHOP_CAPTURE_ROWS_H
#define KEYHOP_CAPTURE_ROWS_H

#include "node_options.h"

#define CAPTURE_OPTION_ROWS \
	{.key = "capture", \
	 .type = CONFIG_FILE, \
	 .access = CONFIG_WRITES, \
	 .offset = NODE_OPT(capture), \
	 .help = "pcapng file that gets every message of this node's links"}, \
		{.key = "capture_dir", \
		 .type = CONFIG_FILE, \
		 .access = CONFIG_WRITES | CONFIG_TREE, \
		 .offset = NODE_OPT(capture_dir), \
		 .help = "folder of the captures of capture.start; without it, that " \
			 "of the configuration"}, \
		{.key = "capture_max_size", \
		 .type = CONFIG_SIZE, \
		 .offset = NODE_OPT(capture_max_size), \
		 .def = "0", \
		 .max = UINT32_MAX, \
		 .help = "size after which the next file begins; 0 is no limit"}, \
		{.key = "capture_max_age", \
		 .type = CONFIG_DURATION, \
		 .offset = NODE_OPT(capture_max_age_ms), \
		 .def = "0", \
		 .max = UINT32_MAX, \
		 .help = "age after which the next file begins; 0 is no limit"}, \
	{ \
		.key = "capture_files", .type = CONFIG_U32, .offset = NODE_OPT(capture_files), \
		.def = "1", .max = 1000, .help = "older files kept: FILE.1 is the newest of them" \
	}

#endif
