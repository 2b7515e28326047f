#include "mem.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

_Noreturn void x_out_of_memory(void)
{
	static const char text[] = "keyhop: out of memory\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);

	(void)ignored;
	abort();
}

void *x_calloc(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

	if (!p)
		x_out_of_memory();
	return p;
}

void *x_realloc(void *p, size_t size)
{
	void *q = realloc(p, size > 0 ? size : 1);

	if (!q)
		x_out_of_memory();
	return q;
}

void x_free_wiped(void *p)
{
	if (p)
		OPENSSL_cleanse(p, malloc_usable_size(p));
	free(p);
}

char *x_strdup(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		x_out_of_memory();
	return copy;
}
