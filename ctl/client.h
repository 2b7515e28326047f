/* One blocking control connection. */
#ifndef KEYHOP_CTL_CLIENT_H
#define KEYHOP_CTL_CLIENT_H

#include <stdbool.h>

#include <jansson.h>

/* X(constant, number, help) */
/* clang-format off */
#define EXIT_CODES(X) \
	X(DONE, 0, "done") \
	X(FAILED, 1, "the operation failed; its cause is on standard error") \
	X(USAGE, 2, "wrong command line, parameters or scenario") \
	X(UNREACHABLE, 3, "the node cannot be reached") \
	X(NOT_FOUND, 4, "no such UE, eNodeB or neighbour") \
	X(TIMEOUT, 5, "not in time") \
	X(REFUSED, 6, "refused: not allowed, or not now") \
	X(FINDINGS, 7, "done, and something was found")
/* clang-format on */

enum exit_code {
#define EXIT_CODE_ENUM(id, number, help) EXIT_##id = (number),
	EXIT_CODES(EXIT_CODE_ENUM)
#undef EXIT_CODE_ENUM
};

struct client {
	int fd;
	bool quiet; /* says nothing about what goes wrong */
	char role[16], node[64]; /* as it greets: "enbd", "enb1" */
	char *buf;
	size_t len, cap;
	int next_id;
};

/* Connects and reads the greeting. 0 or an exit code; what is wrong is printed. */
int client_open(struct client *c, const char *path, int timeout_ms);
int client_open_quiet(struct client *c, const char *path, int timeout_ms);
void client_close(struct client *c);
/* Next message, whatever it is; NULL after a printed error, *code says which. timeout_ms -1 waits for ever. */
json_t *client_read(struct client *c, int timeout_ms, int *code);
/* Calls a method; the answer (with result or error) or NULL, as above. Takes over `params`. */
json_t *client_call(struct client *c, const char *method, json_t *params, int timeout_ms,
		    int *code);
/* What schema.list of the node at `path` says, new; NULL when nobody answers there, which is not printed. */
json_t *client_schema(const char *path);
/* Exit code of a JSON-RPC error code. */
int client_exit_code(json_int_t code);
/* Name, text and hint of an error answer on standard error; its exit code. */
int client_print_error(const json_t *error);

#endif
