/* test_graph_random.c - random graphs under random edits: after each one the verifier must agree, and the printed text
 * of a clone must be that of its source. */
#include <stdio.h>
#include <stdlib.h>
#include "base/hash.h"
#include "base/str.h"
#include "build.h"

enum { GRAPHS = 60, EDITS = 100 };

typedef struct world {
    builder *b;
    wt_graph *g;
    uint64_t seed;
} world;

static size_t below(world *w, size_t n) { return (size_t)(wt_random(&w->seed) % n); }

/* --- picking -------------------------------------------------------------------------------------------------- */
static wt_node *any_node(world *w, const wt_graph *g)
{
    wt_node *node = g->first;
    for (size_t k = g->n_nodes ? below(w, g->n_nodes) : 0; k && node; k--)
        node = node->next;
    return node;
}

/* A value that may be used by nodes behind `before` (NULL: at the end): an input, a constant, or made in front of it.
 */
static wt_value *any_value(world *w, const wt_node *before)
{
    const wt_graph *g = w->g;
    wt_value *list[512];
    size_t n = 0;
    for (size_t i = 0; i < g->n_inputs; i++)
        list[n++] = g->inputs[i];
    for (size_t i = 0; i < g->n_constants && n < 100; i++)
        list[n++] = g->constants[i];
    for (wt_node *node = g->first; node && node != before && n < WT_ARRAY_LEN(list); node = node->next)
        if (node->out[0])
            list[n++] = node->out[0];
    return list[below(w, n)];
}

/* --- edits ----------------------------------------------------------------------------------------------------------
 */
static void add_node(world *w)
{
    wt_node *before = below(w, 3) ? NULL : any_node(w, w->g);
    wt_value *in[3], *out;
    const size_t n = 1 + below(w, 3);
    for (size_t i = 0; i < n; i++)
        in[i] = any_value(w, before);
    wt_test_ok(wt_graph_add_value(&out, w->g, NULL, &w->b->err), &w->b->err);
    wt_test_ok(wt_graph_add_node(NULL, w->g, before, "", "Sum", "", in, n, &out, 1, NULL, &w->b->err), &w->b->err);
    if (below(w, 6) == 0)
        build_output(w->b, w->g, out);
}

static void add_branches(world *w)
{
    wt_value *c = any_value(w, NULL);
    wt_node *node = build_node(w->b, w->g, "If", NULL, c, END);
    for (int k = 0; k < 2; k++) {
        wt_graph *sub = build_sub(w->b, w->g);
        wt_value *v = any_value(w, node);
        for (size_t i = 0; i <= below(w, 3); i++)
            v = build_op(w->b, sub, "Sum", i ? NULL : "shared_name", v, any_value(w, node), END);
        build_output(w->b, sub, v);
        build_attr_graph(w->b, node, k ? "else_branch" : "then_branch", sub);
    }
}

static void change_input(world *w)
{
    wt_node *node = any_node(w, w->g);
    if (node && node->n_in)
        wt_test_ok(wt_node_set_input(node, below(w, node->n_in), any_value(w, node), &w->b->err), &w->b->err);
}

static void replace(world *w)
{
    wt_node *node = any_node(w, w->g);
    if (node && node->out[0])
        wt_test_ok(wt_value_replace(node->out[0], any_value(w, node), &w->b->err), &w->b->err);
}

static void splice(world *w)
{
    wt_node *node = any_node(w, w->g);
    if (!wt_node_is(node, WT_OP_IF))
        return;
    wt_graph *body = wt_node_subgraph(node, below(w, 2) ? "then_branch" : "else_branch");
    wt_test_ok(wt_graph_splice(body, node, &w->b->err), &w->b->err);
    wt_test_ok(wt_value_replace(node->out[0], body->outputs[0], &w->b->err), &w->b->err);
    if (node->out[0]->is_output) { /* its name could not go: an Identity takes the node's place */
        wt_value *v = body->outputs[0];
        wt_test_ok(wt_node_set_op(node, "", "Identity", &w->b->err), &w->b->err);
        wt_test_ok(wt_node_set_input(node, 0, v, &w->b->err), &w->b->err);
        node->attrs.count = 0;
        return;
    }
    wt_node_remove(node);
}

static void remove_node(world *w)
{
    wt_node *node = any_node(w, w->g);
    if (node)
        wt_node_remove(node);
}

static void sweep(world *w)
{
    if (below(w, 8) == 0)
        wt_graph_sweep(w->g);
}

static void clone_is_equal(world *w)
{
    wt_graph *clone;
    wt_buf a, b;
    if (below(w, 10))
        return;
    wt_test_ok(wt_graph_clone(&clone, w->g, &w->b->err), &w->b->err);
    wt_test_ok(wt_graph_verify(clone, WT_EINTERNAL, &w->b->err), &w->b->err);
    wt_buf_init(&a, w->b->ctx);
    wt_buf_init(&b, w->b->ctx);
    wt_test_ok(wt_graph_print_text(w->g, &a, &w->b->err), &w->b->err);
    wt_test_ok(wt_graph_print_text(clone, &b, &w->b->err), &w->b->err);
    assert_string_equal(a.data, b.data);
    wt_test_ok(wt_graph_sort(clone, &w->b->err), &w->b->err); /* sorted already: nothing moves */
    b.len = 0;
    wt_test_ok(wt_graph_print_text(clone, &b, &w->b->err), &w->b->err);
    assert_string_equal(a.data, b.data);
    wt_buf_free(&a);
    wt_buf_free(&b);
    wt_graph_close(clone);
}

/* Takes all nodes out of order, and sorts. */
static void shuffle(world *w)
{
    if (below(w, 12))
        return;
    for (int i = 0; i < 30; i++) {
        wt_node *node = any_node(w, w->g);
        if (node)
            wt_node_move_before(node, below(w, 4) ? any_node(w, w->g) : NULL);
    }
    wt_test_ok(wt_graph_sort(w->g, &w->b->err), &w->b->err);
}

typedef void edit_fn(world *w);
static edit_fn *const edits[] = { add_node, add_node, add_node,    add_branches, change_input,   replace,
                                  replace,  splice,   remove_node, sweep,        clone_is_equal, shuffle };

static void edits_keep_graphs_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        world w = { .b = build_open(), .seed = seed };
        w.g = w.b->root;
        build_input(w.b, w.g, "x", WT_F32, "4");
        build_input(w.b, w.g, "y", WT_F32, "4");
        build_const(w.b, w.g, "c", "4");
        for (int i = 0; i < EDITS; i++) {
            const size_t k = below(&w, WT_ARRAY_LEN(edits));
            edits[k](&w);
            if (wt_graph_verify(w.g, WT_EINTERNAL, &w.b->err) != WT_OK)
                fail_msg("seed %u, edit %d (kind %zu): %s %s", (unsigned)seed, i, k, w.b->err.where, w.b->err.message);
        }
        build_close(w.b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(edits_keep_graphs_whole) };
    return wt_test_run("graph_random", tests, WT_ARRAY_LEN(tests));
}
