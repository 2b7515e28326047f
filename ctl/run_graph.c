/* The neighbour graph: a UE can only be handed over to a configured neighbour of its cell. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "mem.h"
#include "run_internal.h"

struct asked {
	struct run *r;
	size_t at; /* of the node that was asked */
	size_t *left;
};

static void add(struct run *r, struct neighbours *list, const json_t *item)
{
	uint32_t id = (uint32_t)json_integer_value(json_object_get(item, "enb"));
	struct fleet_node *node = fleet_enb(&r->fleet, id);

	if (!node || !json_is_true(json_object_get(item, "configured")))
		return;
	list->to = x_realloc(list->to, (list->n + 1) * sizeof(struct fleet_node *));
	list->to[list->n++] = node;
}

static int by_id(const void *a, const void *b)
{
	const struct fleet_node *const *x = a, *const *y = b;

	return ((*x)->enb_id > (*y)->enb_id) - ((*x)->enb_id < (*y)->enb_id);
}

static void on_neighbours(void *arg, const json_t *answer)
{
	struct asked *a = arg;
	struct neighbours *list = &a->r->graph[a->at];
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(answer, "result"), "items"), i, item)
		add(a->r, list, item);
	/* The same seed takes the same walk, in whatever order a node lists its neighbours. */
	if (list->n)
		qsort(list->to, list->n, sizeof(struct fleet_node *), by_id);
	if (--*a->left == 0)
		fleet_stop(&a->r->fleet);
}

int run_graph_open(struct run *r)
{
	size_t n = r->fleet.n_nodes, left = 0;
	struct asked *asked = x_calloc(n, sizeof *asked);

	r->graph = x_calloc(n, sizeof *r->graph);
	for (size_t i = 0; i < n; i++) {
		if (!r->fleet.nodes[i]->enb_id)
			continue;
		asked[i] = (struct asked){r, i, &left};
		left++;
		fleet_call(r->fleet.nodes[i], "neighbour.list", json_object(), on_neighbours,
			   &asked[i]);
	}
	int code = left ? fleet_run_patiently(&r->fleet) : EXIT_DONE;
	free(asked);
	return code;
}

const struct neighbours *run_graph_of(const struct run *r, const struct fleet_node *node)
{
	for (size_t i = 0; i < r->fleet.n_nodes; i++)
		if (r->fleet.nodes[i] == node)
			return &r->graph[i];
	return NULL;
}

void run_graph_close(struct run *r)
{
	for (size_t i = 0; r->graph && i < r->fleet.n_nodes; i++)
		free(r->graph[i].to);
	free(r->graph);
}
