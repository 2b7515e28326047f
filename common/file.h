/* Files that an operator names: opening one never waits, whatever it is. */
#ifndef KEYHOP_FILE_H
#define KEYHOP_FILE_H

#include <stdint.h>
#include <stdio.h>

#define FILE_ANY_SIZE INT64_MAX

/* A regular file of at most `max` octets, to be read; the caller closes it. NULL with a reason for people, which is good
 * until the next call: a FIFO, a device, a folder or a longer file is refused, as reading it might never end. */
FILE *file_open(const char *path, int64_t max, const char **reason);
/* Would file_open() take it? NULL, or why not. For libraries that open a path themselves. */
const char *file_refusal(const char *path, int64_t max);
/* A folder and those that it is in; they may be there already. -1 with errno. `path` is the same afterwards. */
int file_make_folder(char *path);

#endif
