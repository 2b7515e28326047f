#include "endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "ids.h"

int endpoint_parse(struct endpoint *out, const char *address, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
		memcpy(&out->addr, &v4, sizeof v4);
		out->len = sizeof v4;
		return 0;
	}
	if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
		memcpy(&out->addr, &v6, sizeof v6);
		out->len = sizeof v6;
		return 0;
	}
	return KH_E_BAD_FIELD;
}

int endpoint_from_text(struct endpoint *out, const char *text, uint16_t port)
{
	char address[INET6_ADDRSTRLEN + 1];
	bool bracketed = text[0] == '[';
	const char *end = bracketed ? strchr(text, ']') : strchr(text, ':');
	const char *start = text + bracketed;
	uint32_t number = port;

	/* An IPv6 address without brackets has colons of its own. */
	if (!bracketed && end && strchr(end + 1, ':'))
		return endpoint_parse(out, text, port);
	if (!end)
		return bracketed ? KH_E_BAD_FIELD : endpoint_parse(out, text, port);
	const char *rest = end + bracketed;
	if ((size_t)(end - start) >= sizeof address ||
	    (*rest && (*rest != ':' || id_parse(&number, rest + 1) || number > UINT16_MAX)))
		return KH_E_BAD_FIELD;
	memcpy(address, start, (size_t)(end - start));
	address[end - start] = '\0';
	/* "[127.0.0.1]" is none. */
	int err = endpoint_parse(out, address, (uint16_t)number);
	return err || (out->addr.ss_family == AF_INET6) == bracketed ? err : KH_E_BAD_FIELD;
}

void endpoint_text(const struct endpoint *ep, char out[ENDPOINT_TEXT_LEN])
{
	char address[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	switch (ep->addr.ss_family) {
	case AF_INET:
		memcpy(&v4, &ep->addr, sizeof v4);
		inet_ntop(AF_INET, &v4.sin_addr, address, sizeof address);
		snprintf(out, ENDPOINT_TEXT_LEN, "%s:%u", address, endpoint_port(ep));
		return;
	case AF_INET6:
		memcpy(&v6, &ep->addr, sizeof v6);
		inet_ntop(AF_INET6, &v6.sin6_addr, address, sizeof address);
		snprintf(out, ENDPOINT_TEXT_LEN, "[%s]:%u", address, endpoint_port(ep));
		return;
	default:
		snprintf(out, ENDPOINT_TEXT_LEN, "-");
	}
}

/* Where the port stands, in network order; NULL for other families. */
static void *port_of(struct endpoint *ep)
{
	if (ep->addr.ss_family == AF_INET)
		return (uint8_t *)&ep->addr + offsetof(struct sockaddr_in, sin_port);
	if (ep->addr.ss_family == AF_INET6)
		return (uint8_t *)&ep->addr + offsetof(struct sockaddr_in6, sin6_port);
	return NULL;
}

uint16_t endpoint_port(const struct endpoint *ep)
{
	struct endpoint copy = *ep;
	void *p = port_of(&copy);
	uint16_t port = 0;

	if (p)
		memcpy(&port, p, sizeof port);
	return ntohs(port);
}

bool endpoint_is_any(const struct endpoint *ep)
{
	struct sockaddr_in v4;

	memcpy(&v4, &ep->addr, sizeof v4);
	return v4.sin_family == AF_INET && v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

void endpoint_set_port(struct endpoint *ep, uint16_t port)
{
	uint16_t wire = htons(port);
	void *p = port_of(ep);

	if (p)
		memcpy(p, &wire, sizeof wire);
}

static int add(struct endpoints *out, const char *address, uint16_t port)
{
	struct endpoint *ep = &out->at[out->n];

	if (out->n == ENDPOINTS_MAX || endpoint_parse(ep, address, port))
		return KH_E_BAD_FIELD;
	if (ep->addr.ss_family != out->at[0].addr.ss_family)
		return KH_E_BAD_FIELD;
	out->n++;
	return 0;
}

int endpoints_parse(struct endpoints *out, const char *text, uint16_t port)
{
	char address[INET6_ADDRSTRLEN];
	int err = 0;

	memset(out, 0, sizeof *out);
	for (text += strspn(text, " ,"); *text && !err; text += strspn(text, " ,")) {
		size_t len = strcspn(text, " ,");

		if (len >= sizeof address)
			return KH_E_BAD_FIELD;
		memcpy(address, text, len);
		address[len] = '\0';
		err = add(out, address, port);
		text += len;
	}
	return out->n == 0 ? KH_E_BAD_FIELD : err;
}

void endpoints_set_port(struct endpoints *eps, uint16_t port)
{
	for (size_t i = 0; i < eps->n; i++)
		endpoint_set_port(&eps->at[i], port);
}
