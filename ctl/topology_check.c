/* What the rows of a topology cannot say: names that mean something, ids that differ. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"
#include "topology.h"

#define PATH_LEN 64

struct check {
	const struct topology *t;
	const struct config_tree *tree;
	char *why;
};

/* "file:line:column: text" about `key` of item `i` of `list`, or without a key about the whole list. */
static int wrong(const struct check *c, const char *list, size_t i, const char *key,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static int wrong(const struct check *c, const char *list, size_t i, const char *key,
		 const char *fmt, ...)
{
	char path[PATH_LEN];
	va_list ap;

	if (key)
		snprintf(path, sizeof path, "%s.%zu.%s", list, i, key);
	else
		snprintf(path, sizeof path, "%s", list);
	va_start(ap, fmt);
	int err = config_wrong(topology_rows, c->tree, path, c->why, fmt, ap);
	va_end(ap);
	return err;
}

static struct topology_node *node_at(const struct topology *t, size_t i)
{
	return (struct topology_node *)t->nodes.items + i;
}

static const struct topology_node *node_named(const struct topology *t, const char *name,
					      size_t len)
{
	for (size_t i = 0; i < t->nodes.n; i++) {
		const struct topology_node *n = node_at(t, i);
		if (strlen(n->name) == len && strncmp(n->name, name, len) == 0)
			return n;
	}
	return NULL;
}

/* The words of `text` are nodes, of `role` unless that is -1; *n counts them. */
static int check_words(const struct check *c, const char *list, size_t i, const char *key,
		       const char *text, int role, size_t *n)
{
	static const char *const roles[] = {"MME", "eNodeB", "ued"};

	*n = 0;
	for (const char *p = text ? text + strspn(text, " ,") : ""; *p; p += strspn(p, " ,")) {
		size_t len = strcspn(p, " ,");
		const struct topology_node *node = node_named(c->t, p, len);
		if (!node) {
			char word[CONFIG_WHY_LEN / 4], hint[NEAREST_HINT_LEN];
			struct nearest near;
			snprintf(word, sizeof word, "%.*s", (int)len, p);
			nearest_init(&near, word);
			for (size_t k = 0; k < c->t->nodes.n; k++)
				nearest_try(&near, node_at(c->t, k)->name);
			return wrong(c, list, i, key, "no node \"%s\"%s", word,
				     nearest_hint(near.best, hint));
		}
		if (role >= 0 && node->role != role)
			return wrong(c, list, i, key, "\"%s\" is no %s", node->name, roles[role]);
		p += len;
		++*n;
	}
	return 0;
}

static bool is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return name[0] >= 'a' && name[0] <= 'z' && !name[len] && len <= TOPOLOGY_NAME_MAX;
}

/* The number a name ends with. */
static uint32_t number_of(const char *name)
{
	const char *p = name + strlen(name);

	while (p > name && p[-1] >= '0' && p[-1] <= '9')
		p--;
	return (uint32_t)strtoul(p, NULL, 10);
}

static int check_node(const struct check *c, size_t i)
{
	struct topology_node *n = node_at(c->t, i);

	if (!is_name(n->name))
		return wrong(c, "nodes", i, "name",
			     "a name is small letters, digits and -, up to "
			     "12, a letter first");
	if (n->role == TOPOLOGY_ENB && !n->id)
		n->id = number_of(n->name);
	if (n->role == TOPOLOGY_ENB && !n->id)
		return wrong(c, "nodes", i, "name", "\"%s\" needs an id", n->name);
	for (size_t k = 0; k < i; k++) {
		const struct topology_node *other = node_at(c->t, k);
		if (strcmp(other->name, n->name) == 0)
			return wrong(c, "nodes", i, "name", "duplicate name \"%s\"", n->name);
		if (n->role == TOPOLOGY_ENB && other->role == TOPOLOGY_ENB && other->id == n->id)
			return wrong(c, "nodes", i, "name", "\"%s\" and \"%s\" have the same id %u",
				     other->name, n->name, n->id);
		if (n->role == TOPOLOGY_MME && other->role == TOPOLOGY_MME)
			return wrong(c, "nodes", i, "role", "a second MME");
	}
	return 0;
}

static int check_nodes(const struct check *c)
{
	size_t of_role[3] = {0};
	int err = 0;

	for (size_t i = 0; !err && i < c->t->nodes.n; i++) {
		err = check_node(c, i);
		of_role[node_at(c->t, i)->role]++;
	}
	if (!err && !(of_role[TOPOLOGY_MME] && of_role[TOPOLOGY_ENB] && of_role[TOPOLOGY_UE]))
		err = wrong(c, "nodes", 0, NULL,
			    "a lab has one node with the role mme, and enb and ue at least one");
	return err;
}

static int check_ues(const struct check *c)
{
	const struct topology_ues *u = c->t->ues.items;
	size_t n;
	int err = 0;

	for (size_t i = 0; !err && i < c->t->ues.n; i++) {
		err = check_words(c, "ues", i, "node", u[i].node, TOPOLOGY_UE, &n);
		if (!err && n != 1)
			err = wrong(c, "ues", i, "node", "wants one node");
		for (size_t k = 0; !err && k < i; k++)
			if (strcmp(u[k].node, u[i].node) == 0)
				err = wrong(c, "ues", i, "node", "\"%s\" comes twice", u[i].node);
		if (!err)
			err = check_words(c, "ues", i, "cells", u[i].cells, TOPOLOGY_ENB, &n);
		if (!err && u[i].cells && n == 0)
			err = wrong(c, "ues", i, "cells", "wants one eNodeB at least");
		if (!err)
			err = check_words(c, "ues", i, "attach", u[i].attach, TOPOLOGY_ENB, &n);
	}
	return err;
}

static int check_neighbours(const struct check *c)
{
	const struct topology_neighbours *o = c->t->neighbours.items;
	size_t n;
	int err = 0;

	for (size_t i = 0; !err && i < c->t->neighbours.n; i++) {
		err = check_words(c, "neighbours", i, "enb", o[i].enb, TOPOLOGY_ENB, &n);
		if (!err && n != 1)
			err = wrong(c, "neighbours", i, "enb", "wants one eNodeB");
		if (!err)
			err = check_words(c, "neighbours", i, "of", o[i].of, TOPOLOGY_ENB, &n);
	}
	return err;
}

static int check_links(const struct check *c)
{
	const struct topology_link *l = c->t->links.items;
	size_t n;
	int err = 0;

	for (size_t i = 0; !err && i < c->t->links.n; i++) {
		err = check_words(c, "links", i, "between", l[i].between, -1, &n);
		if (!err && n != 2)
			err = wrong(c, "links", i, "between", "wants two nodes");
	}
	return err;
}

static int check_options(const struct check *c)
{
	static const char *const roles[] = {"mme", "enb", "ue"};
	const struct topology_option *o = c->t->options.items;
	size_t n;
	int err = 0;

	for (size_t i = 0; !err && i < c->t->options.n; i++) {
		bool role = false;
		for (size_t k = 0; k < 3; k++)
			role = role || strcmp(o[i].node, roles[k]) == 0;
		if (!role)
			err = check_words(c, "options", i, "node", o[i].node, -1, &n);
	}
	return err;
}

int topology_check(const struct topology *t, const struct config_tree *tree,
		   char why[CONFIG_WHY_LEN])
{
	static int (*const checks[])(const struct check *) = {
		check_nodes, check_ues, check_neighbours, check_links, check_options};
	const struct check c = {t, tree, why};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof checks / sizeof checks[0]; i++)
		err = checks[i](&c);
	return err;
}
