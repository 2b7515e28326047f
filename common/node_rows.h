/* The options that every daemon has, as rows: first in its table. */
#ifndef KEYHOP_NODE_ROWS_H
#define KEYHOP_NODE_ROWS_H

#include "capture_rows.h"
#include "log_rows.h"
#include "node_net.h"
#include "node_options.h"
#include "trust_rows.h"

#define NODE_IDENTITY_ROWS \
	{.key = "node.name", \
	 .type = CONFIG_STRING, \
	 .offset = NODE_OPT(name), \
	 .required = true, \
	 .help = "name of this node, as in its certificate and on the command line"}, \
		{.key = "node.plmn.mcc", \
		 .type = CONFIG_STRING, \
		 .offset = NODE_OPT(mcc), \
		 .def = "001", \
		 .help = "mobile country code, 3 digits"}, \
		{.key = "node.plmn.mnc", \
		 .type = CONFIG_STRING, \
		 .offset = NODE_OPT(mnc), \
		 .def = "01", \
		 .help = "mobile network code, 2 or 3 digits"}, \
	{ \
		.key = "security", .type = CONFIG_ENUM, .offset = NODE_OPT(security), \
		.def = "tls", .words = node_security_words, \
		.help = "tls, or none for labs with IPsec underneath or captures in clear" \
	}

#define NODE_SERVICE_ROWS \
	{.key = "metrics.listen", \
	 .type = CONFIG_STRING, \
	 .offset = NODE_OPT(metrics_listen), \
	 .help = "address, or address:port, for /metrics, /healthz and /readyz; none without " \
		 "it"}, \
		{.key = "metrics.port", \
		 .type = CONFIG_PORT, \
		 .offset = NODE_OPT(metrics_port), \
		 .def = "9651", \
		 .help = "port of metrics.listen, unless that has one; 0 picks one"}, \
		{.key = "control.socket", \
		 .type = CONFIG_FILE, \
		 .access = CONFIG_REMOVES, \
		 .offset = NODE_OPT(control_socket), \
		 .required = true, \
		 .help = "path of the control socket"}, \
		{.key = "control.group", \
		 .type = CONFIG_STRING, \
		 .offset = NODE_OPT(control_group), \
		 .help = "group that may use it, by name or number; that of the daemon without " \
			 "it"}, \
		{.key = "control.viewer_socket", \
		 .type = CONFIG_FILE, \
		 .access = CONFIG_REMOVES, \
		 .offset = NODE_OPT(viewer_socket), \
		 .help = "path of a second one, for those who look and change nothing; none " \
			 "without it"}, \
		{.key = "control.viewer_group", \
		 .type = CONFIG_STRING, \
		 .offset = NODE_OPT(viewer_group), \
		 .help = "group that may use the viewers' socket"}, \
		{.key = "user", \
		 .type = CONFIG_STRING, \
		 .offset = NODE_OPT(user), \
		 .help = "user to become before any file is opened, when started as root"}, \
		{.key = "sandbox", \
		 .type = CONFIG_ENUM, \
		 .offset = NODE_OPT(sandbox), \
		 .def = "auto", \
		 .words = node_sandbox_words, \
		 .help = "seccomp and Landlock: auto, off, or require: no start without both"}, \
		{.key = "control.event_ring", \
		 .type = CONFIG_U32, \
		 .offset = NODE_OPT(event_ring), \
		 .def = "4096", \
		 .min = 0, \
		 .max = 1048576, \
		 .help = "events kept for replay, and as many messages of a trace; 0 keeps none"}, \
		{.key = "lab.faults", \
		 .type = CONFIG_BOOL, \
		 .offset = NODE_OPT(faults), \
		 .def = "false", \
		 .help = "allow fault.set and air.set: messages lost, changed or late on " \
			 "purpose"}, \
		{.key = "limits.frames", \
		 .type = CONFIG_U32, \
		 .offset = NODE_OPT(max_frames), \
		 .def = "100000", \
		 .min = 10, \
		 .max = 100000000, \
		 .help = "most messages a second of one connection; the rest waits, others do " \
			 "not"}, \
	{ \
		.key = "limits.decode_budget", .type = CONFIG_SIZE, \
		.offset = NODE_OPT(decode_budget), .def = "256KiB", .min = 16384, .max = 16777216, \
		.help = "memory that unpacking one message may take" \
	}

/* In the order of the manual. */
#define NODE_OPTION_ROWS \
	NODE_IDENTITY_ROWS, NODE_NET_ROWS TRUST_OPTION_ROWS, RECORD_OPTION_ROWS, \
		CAPTURE_OPTION_ROWS, LOG_OPTION_ROWS, NODE_SERVICE_ROWS

#endif
