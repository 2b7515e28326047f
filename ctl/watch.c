/* keyhop NODE watch: events as they come; printed, or each handed to a command. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "output.h"
#include "verbs.h"

static int usage(void)
{
	fputs("usage: keyhop NODE watch [--topic PREFIX]... [--ue IMSI] [--since SEQ] [--exec "
	      "COMMAND]\n\n"
	      "--exec runs COMMAND by sh for each event, one after the other, with the event as "
	      "JSON on its\n"
	      "standard input and KEYHOP_NODE, KEYHOP_TOPIC, KEYHOP_STEP, KEYHOP_UE in its "
	      "environment.\n",
	      stderr);
	return EXIT_USAGE;
}

static int parse(json_t *params, const char **command, int argc, char **argv)
{
	json_t *topics = json_array();

	json_object_set_new(params, "topics", topics);
	for (int i = 0; i < argc; i += 2) {
		if (i + 1 == argc)
			return usage();
		if (strcmp(argv[i], "--topic") == 0)
			json_array_append_new(topics, json_string(argv[i + 1]));
		else if (strcmp(argv[i], "--since") == 0)
			json_object_set_new(params, "since", json_integer(atoll(argv[i + 1])));
		else if (strcmp(argv[i], "--ue") == 0)
			json_object_set_new(params, "ue", json_string(argv[i + 1]));
		else if (strcmp(argv[i], "--exec") == 0)
			*command = argv[i + 1];
		else
			return usage();
	}
	return EXIT_DONE;
}

/* What a peer wrote comes by environment and standard input: the shell never reads it as words of its own. */
static void set_environment(const json_t *event)
{
	static const char *const names[][2] = {{"KEYHOP_NODE", "node"},
					       {"KEYHOP_TOPIC", "topic"},
					       {"KEYHOP_STEP", "step"},
					       {"KEYHOP_UE", "ue"}};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = json_string_value(json_object_get(event, names[i][1]));
		setenv(names[i][0], value ? value : "", 1);
	}
}

/* A command that does not read; a handler, as it ends with exec and does not become the command's own. */
static void on_pipe(int number)
{
	(void)number;
}

static int hand_over(const json_t *event, const char *command)
{
	FILE *f;

	set_environment(event);
	f = popen(command, "we");
	if (!f) {
		fprintf(stderr, "keyhop: %s: %s\n", command, strerror(errno));
		return EXIT_FAILED;
	}
	(void)json_dumpf(event, f, JSON_COMPACT); /* it need not be read */
	fputc('\n', f);
	int status = pclose(f);
	if (status)
		fprintf(stderr, "keyhop: %s: ended with status %d\n", command, status);
	return EXIT_DONE;
}

int watch(struct client *c, bool json, int timeout_ms, int argc, char **argv)
{
	json_t *params = json_object(), *msg;
	const char *command = NULL;
	int code = parse(params, &command, argc, argv);

	if (code) {
		json_decref(params);
		return code;
	}
	msg = client_call(c, "events.subscribe", params, timeout_ms, &code);
	if (!msg)
		return code;
	if (json_object_get(msg, "error")) {
		code = client_print_error(json_object_get(msg, "error"));
		json_decref(msg);
		return code;
	}
	json_decref(msg);
	if (command)
		signal(SIGPIPE, on_pipe);
	while (!code && (msg = client_read(c, -1, &code))) {
		const json_t *event = json_object_get(msg, "params");
		if (event && command)
			code = hand_over(event, command);
		else if (event)
			output_event(event, json);
		json_decref(msg);
	}
	return code;
}
