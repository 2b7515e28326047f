#include "scenario.h"

#define OPT(member) offsetof(struct scenario, member)
#define STEP(member) offsetof(struct step, member)

static const struct config_word step_words[] = {
#define STEP_WORD(id, word, help) {word, STEP_##id},
	STEP_KINDS(STEP_WORD)
#undef STEP_WORD
		{0}};

const char *step_word(enum step_kind kind)
{
	return step_words[kind].word;
}

#define TEXT(name, member, text) \
	{ \
		.key = name, .type = CONFIG_STRING, .offset = STEP(member), .help = text \
	}
#define NUMBER(name, member, preset, most, text) \
	{ \
		.key = name, .type = CONFIG_U32, .offset = STEP(member), .def = preset, \
		.max = most, .help = text \
	}

static const struct config_row step_rows[] = {
	{.key = "do",
	 .type = CONFIG_ENUM,
	 .offset = STEP(kind),
	 .required = true,
	 .words = step_words,
	 .help = "what happens in this step"},
	TEXT("cell", cell, "attach, state: a cell"),
	TEXT("path", path, "move, ping-pong: cells, enb2 enb3 enb1"),
	TEXT("to", to, "measure: the cell that is heard best"),
	{.key = "file",
	 .type = CONFIG_FILE,
	 .offset = STEP(file),
	 .help = "trace: a CSV file, beside this one"},
	TEXT("node", node, "rotate, fault, call, expect: a node"),
	TEXT("topic", topic, "expect: of the event"),
	TEXT("cause", cause, "expect: of the event; call: of its error"),
	TEXT("fault", fault,
	     "fault: drop, delay, duplicate, reorder, corrupt, truncate, replay, close or stall"),
	TEXT("message", message, "fault: a step (7) or a name (x2.handover_request)"),
	TEXT("direction", direction, "fault: tx or rx"),
	TEXT("method", method, "call: of keyhop-control(7)"),
	TEXT("params", params, "call: a JSON object, in quotes"),
	TEXT("state", state, "state: attached, detached or another that ue.list shows"),
	NUMBER("moves", moves, "0", 1000000,
	       "move, ping-pong, walk: handovers of each UE; 0 is once along the path, or one"),
	NUMBER("count", count, "1", 1000000000, "fault: how often; 0 is always"),
	NUMBER("probability", probability, "100", 100, "fault: percent of the messages"),
	{.key = "delay",
	 .type = CONFIG_DURATION,
	 .offset = STEP(delay_ms),
	 .def = "100ms",
	 .max = 3600000,
	 .help = "fault: of delay, replay and stall; wait: how long; trace: for what its last line "
		 "sets off"},
	{.key = "timeout",
	 .type = CONFIG_DURATION,
	 .offset = STEP(timeout_ms),
	 .def = "10s",
	 .min = 1,
	 .max = 3600000,
	 .help = "expect, state, ready, measure: how long; with `may_fail` and `settle` for the "
		 "next H_key, too"},
	{.key = "loss",
	 .type = CONFIG_CDB,
	 .offset = STEP(loss),
	 .def = "0",
	 .max = 10000,
	 .help = "air: per cent of the messages, up and down"},
	{.key = "latency",
	 .type = CONFIG_DURATION,
	 .offset = STEP(latency_ms),
	 .def = "0ms",
	 .max = 10000,
	 .help = "air: all are late by this"},
	{.key = "jitter",
	 .type = CONFIG_DURATION,
	 .offset = STEP(jitter_ms),
	 .def = "0ms",
	 .max = 10000,
	 .help = "air: and each at random by up to this more"},
	{.key = "may_fail",
	 .type = CONFIG_BOOL,
	 .offset = STEP(failures),
	 .def = "false",
	 .help = "handovers and pings of this step may fail, and a UE may be lost and attach anew"},
	{.key = "never",
	 .type = CONFIG_BOOL,
	 .offset = STEP(never),
	 .def = "false",
	 .help = "expect: no such event may come within `timeout`"},
	{0},
};

const struct config_row scenario_rows[] = {
	{.key = "name", .type = CONFIG_STRING, .offset = OPT(name), .help = "for the summary"},
	{.key = "ues",
	 .type = CONFIG_U32,
	 .offset = OPT(ues),
	 .def = "0",
	 .max = 1000000,
	 .help = "UEs that take part; 0: all of the ued. Those that it lacks are added, at the "
		 "MME, too"},
	{.key = "rate",
	 .type = CONFIG_U32,
	 .offset = OPT(rate),
	 .def = "0",
	 .max = 1000000,
	 .help = "most handovers begun in a second; 0: no limit"},
	{.key = "in_flight",
	 .type = CONFIG_U32,
	 .offset = OPT(in_flight),
	 .def = "64",
	 .min = 1,
	 .max = 100000,
	 .help = "UEs that are busy at once"},
	{.key = "seed",
	 .type = CONFIG_U32,
	 .offset = OPT(seed),
	 .def = "1",
	 .max = UINT32_MAX,
	 .help = "of random walks"},
	{.key = "repeat",
	 .type = CONFIG_U32,
	 .offset = OPT(repeat),
	 .def = "1",
	 .min = 1,
	 .max = 1000000,
	 .help = "times that all steps are done"},
	{.key = "settle",
	 .type = CONFIG_BOOL,
	 .offset = OPT(settle),
	 .def = "false",
	 .help = "a UE goes on when it has its next H_key: every run takes the same steps in the "
		 "same order"},
	{.key = "steps",
	 .type = CONFIG_LIST,
	 .offset = OPT(steps),
	 .required = true,
	 .rows = step_rows,
	 .item_size = sizeof(struct step),
	 .max_items = 10000,
	 .help = "one after the other"},
	{0},
};
