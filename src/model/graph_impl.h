/* graph_impl.h - what the files of the graph share among themselves; nobody else includes it.
 *
 * Everything that can fail here is done before anything is linked, so that a graph is whole after a failed call. */
#ifndef WT_GRAPH_IMPL_H
#define WT_GRAPH_IMPL_H
#include "model/graph.h"

/* --- names: a hash of all values of a root and its subgraphs, several per name (siblings may share one) -------------
 */
wt_status wt_names_reserve(wt_graph *root, size_t more, wt_err *err); /* room for `more` insertions that cannot fail */
void wt_names_insert(wt_value *value);                                /* room was reserved; value->name is final */
void wt_names_remove(wt_value *value);                                /* fine when it is not there */
/* graph == NULL: the first of any graph. */
wt_value *wt_names_find(const wt_graph *root, const wt_graph *graph, const char *name);
bool wt_names_has_other(const wt_value *value); /* another value, of any graph, has the same name */
/* Finds or adds the symbol's index. */
wt_status wt_names_symbol(wt_graph *root, const char *name, size_t *index, wt_err *err);
/* A name that no value has; NULL: out of memory. */
const char *wt_names_fresh(wt_graph *root, uint32_t id, wt_err *err);

/* --- uses --------------------------------------------------------------------------------------------------------- */
wt_status wt_uses_reserve(wt_value *value, size_t more, wt_err *err);
void wt_uses_add(wt_value *value, wt_node *node, size_t index);
void wt_uses_remove(wt_value *value, const wt_node *node, size_t index);

/* Makes room for n + 1 elements in an arena array whose capacity is n rounded up to a power of two. */
wt_status wt_arena_push(wt_arena *arena, void *array_of_pointers, size_t n, size_t size, wt_err *err);

/* Nodes as the writer of a list sees them. before == NULL: at the end. */
void wt_node_link(wt_graph *graph, wt_node *node, wt_node *before);
void wt_node_unlink(wt_node *node); /* node->next stays readable, for those who walk */

/* fn for every subgraph among the attributes of a node; false from fn stops. */
typedef bool wt_subgraph_fn(void *arg, wt_graph *sub);
bool wt_node_subgraphs(const wt_node *node, wt_subgraph_fn *fn, void *arg);
#endif
