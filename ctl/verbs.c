#include "verbs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "scenario.h"
#include "schema.h"
#include "topology.h"
#include "words.h"

/* clang-format off */
const struct verb verbs[] = {
	{"run", "FILE.yaml [--run DIR] [--ues N] [--repeat N] [--rate PER_SECOND] [--in-flight N] [--moves N] [--seed S] "
		"[--out DIR] [--junit FILE]",
	 "plays a scenario on all nodes of a run directory", run_verb,
	 {"keyhop run conf/scenarios/ping-pong.yaml --ues 200 --moves 5",
	  "keyhop run conf/scenarios/walk.yaml --rate 100 --out walk --junit walk.xml"}},
	{"lab", "up|down|status|exec|logs|capture|partition|heal|restart|seed [-t FILE.yaml] "
		"[--backend loopback|netns|vm] [--out DIR]",
	 "the nodes of a topology: on loopback, in network namespaces or in virtual machines", lab_verb,
	 {"keyhop lab up -t conf/topologies/4-nodes.yaml --backend netns",
	  "keyhop lab partition enb1 mme"}, true},
	{"demo", "[--enbs N] [--ues N] [--moves N] [--stay] [--out DIR] [--stop DIR]",
	 "three handovers on loopback, every key compared; --help lists all options", demo_verb,
	 {"keyhop demo --enbs 4 --ues 10",
	  "keyhop demo --stay"}, true},
	{"pki", "[DIR] init|issue|renew|revoke|crl|list|show [WORD]...",
	 "a CA and certificates of nodes, in DIR (./pki); without words it says more", pki_verb,
	 {"keyhop pki issue enb enb1 00101 1",
	  "keyhop pki revoke enb1 keyCompromise"}, true},
	{"wait", "NODE|all ready | ue IMSI attached|detached|at ENB [--timeout DURATION]",
	 "ends when it is so, by events; a node need not be started yet. DURATION is 5, 5s, 200ms or 2m (10s)", wait_verb,
	 {"keyhop wait all ready --timeout 90s",
	  "keyhop wait ue 001010000000001 at enb2 --timeout 5s"}},
	{"watch", "[NODE]... [--topic PREFIX,...] [--ue IMSI] [--since SEQ] [--count N] [--timeout DURATION] [--exec COMMAND]",
	 "events of these nodes, or of all, as they come; COMMAND gets each on its standard input", watch_verb,
	 {"keyhop watch enb1 enb2 --topic handover. -o json",
	  "keyhop watch --topic handover.failed --exec 'echo \"$KEYHOP_UE\" >>failures'"}},
	{"seq", "[RUN|EVENTS|CAPTURE] [--ue IMSI] [--all] [--format text|mermaid|plantuml|html] [-o FILE] [--follow]",
	 "a sequence diagram of a run directory, of a file of events or of a capture; live with --follow. --all draws every "
	 "message: of a capture, or as traces tell; with --follow it begins a trace where none runs, and ends it", seq_verb,
	 {"keyhop seq run --ue 001010000000001 -o ladder.html",
	  "keyhop seq run --follow"}},
	{"decrypt", "IN.pcapng [--keylog FILE]... [--tls-keylog FILE]... -o OUT.pcapng",
	 "opens what the keylogs of some nodes open, in the packets' comments; embeds TLS secrets", decrypt_verb,
	 {"keyhop decrypt run/capture.pcapng --keylog run/ue.keylog -o ue.pcapng",
	  "keyhop decrypt lan.pcap --keylog run/enb1.keylog --tls-keylog run/enb1.tlskeys -o enb1.pcapng"}},
	{"merge", "IN.pcapng... [--tls-keylog FILE]... -o OUT.pcapng",
	 "the captures of several nodes as one; what both ends have is there once", merge_verb,
	 {"keyhop merge run/mme.pcapng run/enb1.pcapng run/ue.pcapng -o all.pcapng",
	  "keyhop merge a.pcapng b.pcapng --tls-keylog a.tlskeys -o ab.pcapng"}},
	{"wireshark", "--user", "puts plugin and .proto files where this user's Wireshark finds them", wireshark_verb,
	 {"keyhop wireshark --user",
	  "XDG_CONFIG_HOME=/tmp/try HOME=/tmp/try keyhop wireshark --user"}},
	{"schema", "[NODE]", "methods, notifications, options, events, causes and metrics of a node, or of every daemon, as JSON", schema_verb,
	 {"keyhop schema enb1",
	  "keyhop schema mme | jq -r '.events[].topic'"}},
	{"completion", "bash|zsh|fish", "a script that completes the words of this tool", completion_verb,
	 {"eval \"$(keyhop completion bash)\"",
	  "keyhop completion fish | source"}},
	{"help", "[VERB]", "a summary, or what a verb takes", help_verb,
	 {"keyhop help run",
	  "keyhop enb1 help handover"}},
	{"complete", "WORD...", "what may come next; for the scripts of completion", complete_verb,
	 {"keyhop complete enb1 handover ''",
	  "keyhop complete wait ue ''"}, true},
	{0},
};
/* clang-format on */

const struct verb *verb_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

static void print_steps(FILE *out)
{
	fputs("\nsteps of a scenario:\n", out);
#define STEP_HELP(id, word, help) fprintf(out, "  %-8s %s\n", word, help);
	STEP_KINDS(STEP_HELP)
#undef STEP_HELP
}

void verb_help(const struct verb *v, FILE *out)
{
	fprintf(out, "usage: keyhop %s %s\n\n%s\n\n  %s\n  %s\n", v->name, v->usage, v->help,
		v->examples[0], v->examples[1]);
	if (v->run == run_verb)
		print_steps(out);
	if (v->run == lab_verb)
		lab_print_actions(out);
}

int verb_misuse(const char *name, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "keyhop: %s: ", name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\n\n", stderr);
	verb_help(verb_find(name), stderr);
	return EXIT_USAGE;
}

static json_t *verbs_json(void)
{
	json_t *out = json_array();

	for (const struct verb *v = verbs; v->name; v++)
		json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:[s, s]}", "verb", v->name,
						     "usage", v->usage, "help", v->help, "examples",
						     v->examples[0], v->examples[1]));
	return out;
}

static json_t *flags_json(void)
{
	json_t *out = json_array();

	for (const struct option_row *o = tool_options; o->help; o++) {
		char name[40];
		option_name(o, name, sizeof name);
		if (o->help[0])
			json_array_append_new(out, json_pack("{s:s, s:s, s:s}", "flag", name,
							     "value", o->value, "help", o->help));
	}
	return out;
}

static json_t *steps_json(void)
{
	json_t *out = json_array();

#define STEP_JSON(id, word, help) \
	json_array_append_new(out, json_pack("{s:s, s:s}", "step", word, "help", help));
	STEP_KINDS(STEP_JSON)
#undef STEP_JSON
	return out;
}

static json_t *exit_codes_json(void)
{
	json_t *out = json_array();

#define EXIT_JSON(id, number, help) \
	json_array_append_new(out, json_pack("{s:i, s:s}", "code", number, "help", help));
	EXIT_CODES(EXIT_JSON)
#undef EXIT_JSON
	return out;
}

void verbs_dump(void)
{
	json_t *all =
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "topology",
			  schema_options(topology_rows), "lab", lab_json(), "flags", flags_json(),
			  "verbs", verbs_json(), "scenario", schema_options(scenario_rows), "steps",
			  steps_json(), "exit_codes", exit_codes_json());

	output_result(all, OUTPUT_JSON);
	json_decref(all);
}
