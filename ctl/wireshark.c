/* keyhop wireshark: the plugin and the .proto files where this user's Wireshark finds them, with nothing to set. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "file.h"
#include "words.h"

/* Where the files are, from the folder of this program: a build, or an installation. */
static const char *const sources[] = {"../scripts/wireshark", "../share/keyhop/wireshark"};

static int find_source(char *out, size_t len)
{
	char exe[PATH_MAX], probe[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	if (n <= 0)
		return -1;
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
		if ((size_t)snprintf(out, len, "%s/%s", exe, sources[i]) >= len)
			continue;
		snprintf(probe, sizeof probe, "%s/keyhop.lua", out);
		if (access(probe, R_OK) == 0)
			return 0;
	}
	fprintf(stderr, "keyhop: no keyhop.lua beside %s\n", exe);
	return -1;
}

static int copy(const char *from, const char *to)
{
	char block[8192];
	size_t n;
	FILE *in = fopen(from, "re"), *out = in ? fopen(to, "we") : NULL;
	int failed = !out;

	while (!failed && (n = fread(block, 1, sizeof block, in)) > 0)
		failed = fwrite(block, 1, n, out) != n;
	if (in)
		fclose(in);
	if (out && fclose(out))
		failed = 1;
	if (failed)
		fprintf(stderr, "keyhop: %s to %s: %s\n", from, to, strerror(errno));
	else
		puts(to);
	return failed ? -1 : 0;
}

/* Every file of `from` that ends in `suffix`. */
static int copy_all(const char *from, const char *suffix, char *to)
{
	char a[2 * PATH_MAX], b[2 * PATH_MAX];
	DIR *d = file_make_folder(to) ? NULL : opendir(from);
	const struct dirent *e;
	int err = d ? 0 : -1;

	if (!d)
		fprintf(stderr, "keyhop: %s: %s\n", to, strerror(errno));
	while (d && !err && (e = readdir(d))) {
		size_t len = strlen(e->d_name), end = strlen(suffix);
		if (len <= end || strcmp(e->d_name + len - end, suffix) != 0)
			continue;
		snprintf(a, sizeof a, "%s/%s", from, e->d_name);
		snprintf(b, sizeof b, "%s/%s", to, e->d_name);
		err = copy(a, b);
	}
	if (d)
		closedir(d);
	return err;
}

int wireshark_verb(int argc, char **argv, enum output_format form)
{
	const char *home = getenv("HOME"), *config = getenv("XDG_CONFIG_HOME");
	bool own = config && *config, user = false;
	struct words w = {.verb = verb_find("wireshark"), .argc = argc, .argv = argv};
	char source[PATH_MAX], protos[PATH_MAX + 16], to[PATH_MAX];

	(void)form;
	for (const char *flag; (flag = words_next(&w));)
		user = user || *flag;
	if (w.code)
		return w.code;
	if (!user || !home || !*home)
		return verb_misuse("wireshark", user ? "HOME is not set" : "--user is missing");
	if (find_source(source, sizeof source))
		return EXIT_FAILED;
	snprintf(to, sizeof to, "%s/.local/lib/wireshark/plugins", home);
	if (copy_all(source, ".lua", to))
		return EXIT_FAILED;
	snprintf(protos, sizeof protos, "%s/keyhop", source);
	snprintf(to, sizeof to, "%s%s/wireshark/protobuf/keyhop", own ? config : home,
		 own ? "" : "/.config");
	return copy_all(protos, ".proto", to) ? EXIT_FAILED : EXIT_DONE;
}
