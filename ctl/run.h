/* keyhop run: scenarios. */
#ifndef KEYHOP_CTL_RUN_H
#define KEYHOP_CTL_RUN_H

#include <stdbool.h>

/* The words after `run`. The exit code. */
int run_verb(int argc, char **argv, bool json);

#endif
