/* Options of whom a node trusts, and who it is. */
#ifndef KEYHOP_TRUST_ROWS_H
#define KEYHOP_TRUST_ROWS_H

#include "node_options.h"

#define TRUST_OPTION_ROWS \
	{.key = "tls.ca", \
	 .type = CONFIG_FILE, \
	 .offset = NODE_OPT(ca), \
	 .help = "PEM file with the certificates of the CA"}, \
		{.key = "tls.cert", \
		 .type = CONFIG_FILE, \
		 .offset = NODE_OPT(cert), \
		 .help = "PEM file with this node's certificate"}, \
		{.key = "tls.key", \
		 .type = CONFIG_FILE, \
		 .offset = NODE_OPT(key), \
		 .help = "PEM file with this node's private key"}, \
		{.key = "tls.crl", \
		 .type = CONFIG_FILE, \
		 .offset = NODE_OPT(crl), \
		 .help = "PEM file with revocation lists of the CA; a new one counts at once"}, \
		{.key = "tls.expiry_warning", \
		 .type = CONFIG_DURATION, \
		 .reloadable = true, \
		 .offset = NODE_OPT(expiry_warning_ms), \
		 .def = "30d", \
		 .max = 4233600000, \
		 .help = "how long before its end a certificate is warned of, once a day"}, \
	{ \
		.key = "tls_keylog", .type = CONFIG_FILE, .access = CONFIG_OPENED, \
		.offset = NODE_OPT(tls_keylog), \
		.help = "NSS key log of the TLS secrets; only for labs" \
	}

#endif
