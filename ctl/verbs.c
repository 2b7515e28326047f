#include "verbs.h"

#include <string.h>

const struct verb verbs[] = {
	{"run", "FILE.yaml [--ues N] ...", "plays a scenario on all nodes of a run directory",
	 run_verb},
	{"wait", "NODE ready | ue IMSI attached|detached|at ENB [--timeout S]",
	 "ends when it is so, by events", wait_verb},
	{"schema", "NODE", "methods, options, events, causes and metrics of a node, as JSON",
	 schema_verb},
	{"completion", "bash|zsh|fish", "a script that completes the words of this tool",
	 completion_verb},
	{"complete", "WORD...", "what may come next; for the scripts of completion", complete_verb},
	{0},
};

const struct verb *verb_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}
