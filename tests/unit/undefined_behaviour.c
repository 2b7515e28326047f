/* Undefined behaviour, on purpose: a build with UBSan does not get to the end of it. */
#include <limits.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	int n = INT_MAX;

	(void)argv;
	n += argc;
	printf("%d: not noticed\n", n);
	return 0;
}
