/* ml_tree_read.c - from the attributes of tree ensembles to flat arrays. See ml_tree.h.
 *
 * Nodes are named by (tree, node) pairs in any order; a sorted index finds them. Features, links and targets are
 * checked here, and cycles, which would make a walk endless, are found by a walk with three colours. */
#include "run/kernels/ref/ml_tree.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct node_key {
    int64_t tree, node;
    uint32_t index;
} node_key;

static int key_order(const void *a, const void *b)
{
    const node_key *x = a, *y = b;
    if (x->tree != y->tree)
        return x->tree < y->tree ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

static const node_key *key_find(const node_key *keys, size_t n, int64_t tree, int64_t node)
{
    const node_key want = { tree, node, 0 };
    return n ? bsearch(&want, keys, n, sizeof *keys, key_order) : NULL;
}

static bool mode_of(const wt_string *s, wt_tree_mode *out)
{
    static const char *const names[] = { "BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE", "BRANCH_GT",
                                         "BRANCH_EQ",  "BRANCH_NEQ", "",           "LEAF" };
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        if (i != WT_TREE_MEMBER && strlen(names[i]) == s->len && memcmp(names[i], s->data, s->len) == 0) {
            *out = (wt_tree_mode)i;
            return true;
        }
    return false;
}

static wt_status need_ints(const wt_prep *p, const char *name, size_t n, const int64_t **out, wt_err *err)
{
    size_t have;
    *out = wt_ml_ints(p->attrs, name, &have);
    if (have == n)
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: %s has %zu values, expected %zu", p->op_type, name, have, n);
}

static wt_status check_feature(const wt_prep *p, int64_t f, size_t features, wt_err *err)
{
    if (f >= 0 && f < (int64_t)features)
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: a node asks for feature %lld of %zu", p->op_type, (long long)f, features);
}

static wt_status find_child(const wt_prep *p, const node_key *keys, size_t n, int64_t tree, int64_t node, uint32_t *out,
                            wt_err *err)
{
    const node_key *k = key_find(keys, n, tree, node);
    if (!k)
        return wt_fail(err, WT_EFORMAT, "%s: tree %lld has no node %lld, to which a branch leads", p->op_type,
                       (long long)tree, (long long)node);
    *out = k->index;
    return WT_OK;
}

static wt_status read_nodes(const wt_prep *p, size_t features, wt_trees *t, node_key *keys, wt_err *err)
{
    const int64_t *tree, *node, *feature, *yes, *no, *missing;
    const size_t n = t->n_nodes;
    wt_ml_list values;
    size_t n_missing, n_modes;
    const wt_string *modes = wt_ml_strings(p->attrs, "nodes_modes", &n_modes);
    WT_TRY(need_ints(p, "nodes_treeids", n, &tree, err));
    WT_TRY(need_ints(p, "nodes_nodeids", n, &node, err));
    WT_TRY(need_ints(p, "nodes_featureids", n, &feature, err));
    WT_TRY(need_ints(p, "nodes_truenodeids", n, &yes, err));
    WT_TRY(need_ints(p, "nodes_falsenodeids", n, &no, err));
    WT_TRY(wt_ml_list_read(p, "nodes_values", &values, err));
    missing = wt_ml_ints(p->attrs, "nodes_missing_value_tracks_true", &n_missing);
    if (n_modes != n || values.n != n || (n_missing && n_missing != n))
        return wt_fail(err, WT_EFORMAT, "%s: the nodes_ attributes differ in length", p->op_type);
    for (size_t i = 0; i < n; i++)
        keys[i] = (node_key){ tree[i], node[i], (uint32_t)i };
    qsort(keys, n, sizeof *keys, key_order);
    for (size_t i = 1; i < n; i++)
        if (key_order(&keys[i - 1], &keys[i]) == 0)
            return wt_fail(err, WT_EFORMAT, "%s: tree %lld has two nodes %lld", p->op_type, (long long)keys[i].tree,
                           (long long)keys[i].node);
    for (size_t i = 0; i < n; i++) {
        wt_tree_node *to = &t->nodes[i];
        if (!mode_of(&modes[i], &to->mode))
            return wt_fail(err, WT_EFORMAT, "%s: nodes_modes[%zu] is no known mode", p->op_type, i);
        if (i == 0 || tree[i] != tree[i - 1])
            t->roots[t->n_roots++] = (uint32_t)i;
        to->value = wt_ml_list_get(&values, i);
        to->missing_true = n_missing && missing[i] == 1;
        if (to->mode == WT_TREE_LEAF)
            continue;
        WT_TRY(check_feature(p, feature[i], features, err));
        to->feature = (uint32_t)feature[i];
        WT_TRY(find_child(p, keys, n, tree[i], yes[i], &to->yes, err));
        WT_TRY(find_child(p, keys, n, tree[i], no[i], &to->no, err));
    }
    return WT_OK;
}

/* Weights sorted by leaf, in the order of the attribute within a leaf. */
static wt_status read_weights(const wt_prep *p, const char *prefix, size_t targets, wt_trees *t, const node_key *keys,
                              wt_err *err)
{
    char name[40];
    const int64_t *tree, *node, *id;
    wt_ml_list values;
    snprintf(name, sizeof name, "%s_weights", prefix);
    WT_TRY(wt_ml_list_read(p, name, &values, err));
    t->n_weights = values.n;
    snprintf(name, sizeof name, "%s_treeids", prefix);
    WT_TRY(need_ints(p, name, values.n, &tree, err));
    snprintf(name, sizeof name, "%s_nodeids", prefix);
    WT_TRY(need_ints(p, name, values.n, &node, err));
    snprintf(name, sizeof name, "%s_ids", prefix);
    WT_TRY(need_ints(p, name, values.n, &id, err));
    t->weights = wt_arena_alloc(p->arena, values.n + 1, sizeof *t->weights, err);
    uint32_t *leaf = wt_arena_alloc(p->arena, values.n + 1, sizeof *leaf, err);
    if (!t->weights || !leaf)
        return WT_ENOMEM;
    for (size_t i = 0; i < values.n; i++) {
        WT_TRY(find_child(p, keys, t->n_nodes, tree[i], node[i], &leaf[i], err));
        if (id[i] < 0 || id[i] >= (int64_t)targets)
            return wt_fail(err, WT_EFORMAT, "%s: a weight is for target %lld of %zu", p->op_type, (long long)id[i],
                           targets);
        if (t->nodes[leaf[i]].mode != WT_TREE_LEAF)
            return wt_fail(err, WT_EFORMAT, "%s: a weight belongs to node %lld of tree %lld, which is no leaf",
                           p->op_type, (long long)node[i], (long long)tree[i]);
        t->nodes[leaf[i]].no++;
    }
    uint32_t at = 0;
    for (size_t i = 0; i < t->n_nodes; i++)
        if (t->nodes[i].mode == WT_TREE_LEAF) {
            t->nodes[i].yes = at;
            at += t->nodes[i].no;
            t->nodes[i].no = 0;
        }
    for (size_t i = 0; i < values.n; i++) {
        wt_tree_node *to = &t->nodes[leaf[i]];
        t->weights[to->yes + to->no++] = (wt_tree_weight){ (uint32_t)id[i], wt_ml_list_get(&values, i) };
    }
    return WT_OK;
}

wt_status wt_trees_read(const wt_prep *p, const char *prefix, size_t features, size_t targets, wt_trees *t, wt_err *err)
{
    memset(t, 0, sizeof *t);
    wt_ml_ints(p->attrs, "nodes_treeids", &t->n_nodes);
    if (t->n_nodes == 0 || t->n_nodes > INT32_MAX)
        return wt_fail(err, WT_EFORMAT, "%s: %zu nodes", p->op_type, t->n_nodes);
    node_key *keys = wt_alloc(p->ctx, t->n_nodes, sizeof *keys, err);
    t->nodes = wt_arena_alloc(p->arena, t->n_nodes, sizeof *t->nodes, err);
    t->roots = wt_arena_alloc(p->arena, t->n_nodes, sizeof *t->roots, err);
    wt_status st = keys && t->nodes && t->roots ? WT_OK : WT_ENOMEM;
    if (st == WT_OK)
        st = read_nodes(p, features, t, keys, err);
    if (st == WT_OK)
        st = read_weights(p, prefix, targets, t, keys, err);
    wt_free(p->ctx, keys);
    return st == WT_OK ? wt_trees_check(p, t, err) : st;
}

/* Depth first with an explicit stack: grey nodes are on the path, and meeting one again is a cycle. */
wt_status wt_trees_check(const wt_prep *p, const wt_trees *t, wt_err *err)
{
    enum { WHITE, GREY, BLACK };
    uint8_t *colour = wt_alloc(p->ctx, t->n_nodes, 1, err);
    uint32_t *stack = wt_alloc(p->ctx, t->n_nodes + 1, sizeof *stack, err);
    wt_status st = colour && stack ? WT_OK : WT_ENOMEM;
    for (size_t i = 0; st == WT_OK && i < t->n_roots; i++) {
        size_t depth = 0;
        if (colour[t->roots[i]] == WHITE)
            stack[depth++] = t->roots[i];
        while (depth && st == WT_OK) {
            const uint32_t at = stack[depth - 1];
            const wt_tree_node *n = &t->nodes[at];
            uint32_t next = UINT32_MAX;
            colour[at] = GREY;
            for (int k = 0; k < 2 && n->mode != WT_TREE_LEAF; k++) {
                const uint32_t child = k ? n->no : n->yes;
                if (colour[child] == GREY)
                    st = wt_fail(err, WT_EFORMAT, "%s: the nodes of a tree form a cycle", p->op_type);
                else if (colour[child] == WHITE && next == UINT32_MAX)
                    next = child;
            }
            if (next != UINT32_MAX) {
                stack[depth++] = next;
            } else {
                colour[at] = BLACK;
                depth--;
            }
        }
    }
    wt_free(p->ctx, colour);
    wt_free(p->ctx, stack);
    return st;
}

static bool is_member(const wt_trees *t, const wt_tree_node *n, double v)
{
    for (uint32_t i = 0; i < n->n_members; i++)
        if (t->members[n->members + i] == v)
            return true;
    return false;
}

const wt_tree_node *wt_tree_walk(const wt_trees *t, uint32_t root, const double *x)
{
    const wt_tree_node *n = &t->nodes[root];
    for (;;) {
        const double v = x[n->feature];
        bool yes;
        switch (n->mode) {
        case WT_TREE_LEQ: yes = v <= n->value; break;
        case WT_TREE_LT: yes = v < n->value; break;
        case WT_TREE_GTE: yes = v >= n->value; break;
        case WT_TREE_GT: yes = v > n->value; break;
        case WT_TREE_EQ: yes = v == n->value; break;
        case WT_TREE_NEQ: yes = v != n->value; break;
        case WT_TREE_MEMBER: yes = is_member(t, n, v); break;
        default: return n;
        }
        n = &t->nodes[yes || (n->missing_true && isnan(v)) ? n->yes : n->no];
    }
}
