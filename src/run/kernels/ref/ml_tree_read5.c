/* ml_tree_read5.c - the attributes of TreeEnsemble (ai.onnx.ml 5): branches and leaves apart, links by position. Leaf l
 * becomes node n + l of the flat arrays, with its one weight. */
#include "run/kernels/ref/ml_tree.h"
#include <math.h>

typedef struct tensor_list {
    const wt_tensor *t;
    size_t n;
} tensor_list;

static wt_status read_tensor(const wt_prep *p, const char *name, bool needed, tensor_list *out, wt_err *err)
{
    const wt_attr *a = wt_attr_find(p->attrs, name);
    int64_t count = 0;
    *out = (tensor_list){ NULL, 0 };
    if (!a && !needed)
        return WT_OK;
    if (!a || a->type != WT_ATTR_TENSOR || !a->v.tensor->data || !wt_shape_count(&a->v.tensor->shape, &count))
        return wt_fail(err, WT_EFORMAT, "%s: attribute %s must be a tensor", p->op_type, name);
    *out = (tensor_list){ a->v.tensor, (size_t)count };
    return WT_OK;
}

static wt_status get(const wt_prep *p, const tensor_list *l, size_t i, double *out, wt_err *err)
{
    if (wt_tensor_double(l->t, (int64_t)i, out))
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: an attribute is a tensor of the wrong element type", p->op_type);
}

static wt_status ints(const wt_prep *p, const char *name, size_t n, const int64_t **out, wt_err *err)
{
    size_t have;
    *out = wt_ml_ints(p->attrs, name, &have);
    if (have == n)
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: %s has %zu values, expected %zu", p->op_type, name, have, n);
}

static wt_status link(const wt_prep *p, const wt_trees *t, int64_t is_leaf, int64_t at, size_t branches, uint32_t *out,
                      wt_err *err)
{
    const size_t limit = is_leaf ? t->n_weights : branches;
    if (at < 0 || at >= (int64_t)limit)
        return wt_fail(err, WT_EFORMAT, "%s: a branch leads to %s %lld of %zu", p->op_type, is_leaf ? "leaf" : "node",
                       (long long)at, limit);
    *out = (uint32_t)(is_leaf ? branches + (size_t)at : (size_t)at);
    return WT_OK;
}

static wt_status read_leaves(const wt_prep *p, size_t targets, size_t branches, wt_trees *t, wt_err *err)
{
    tensor_list weights;
    const int64_t *ids;
    WT_TRY(read_tensor(p, "leaf_weights", true, &weights, err));
    WT_TRY(ints(p, "leaf_targetids", weights.n, &ids, err));
    for (size_t i = 0; i < weights.n; i++) {
        if (ids[i] < 0 || ids[i] >= (int64_t)targets)
            return wt_fail(err, WT_EFORMAT, "%s: a leaf is for target %lld of %zu", p->op_type, (long long)ids[i],
                           targets);
        t->weights[i].target = (uint32_t)ids[i];
        WT_TRY(get(p, &weights, i, &t->weights[i].value, err));
        t->nodes[branches + i] = (wt_tree_node){ .mode = WT_TREE_LEAF, .yes = (uint32_t)i, .no = 1 };
    }
    return WT_OK;
}

/* Sets of membership_values, divided by NaN, belong to the BRANCH_MEMBER nodes in order. */
static wt_status read_members(const wt_prep *p, size_t branches, wt_trees *t, wt_err *err)
{
    tensor_list list;
    double *members;
    size_t at = 0;
    WT_TRY(read_tensor(p, "membership_values", false, &list, err));
    if (!(members = wt_arena_alloc(p->arena, list.n + 1, sizeof *members, err)))
        return WT_ENOMEM;
    for (size_t i = 0; i < list.n; i++)
        WT_TRY(get(p, &list, i, &members[i], err));
    t->members = members;
    for (size_t i = 0; i < branches; i++) {
        wt_tree_node *n = &t->nodes[i];
        if (n->mode != WT_TREE_MEMBER)
            continue;
        n->members = (uint32_t)at;
        while (at < list.n && !isnan(members[at]))
            at++;
        n->n_members = (uint32_t)at - n->members;
        if (n->n_members == 0)
            return wt_fail(err, WT_EFORMAT, "%s: membership_values has no set for node %zu", p->op_type, i);
        at += at < list.n;
    }
    return WT_OK;
}

static wt_status read_branches(const wt_prep *p, size_t features, size_t n, const tensor_list *modes, wt_trees *t,
                               wt_err *err)
{
    tensor_list splits;
    const int64_t *feature, *yes, *no, *yes_leaf, *no_leaf, *missing;
    size_t n_missing;
    WT_TRY(read_tensor(p, "nodes_splits", true, &splits, err));
    WT_TRY(ints(p, "nodes_featureids", n, &feature, err));
    WT_TRY(ints(p, "nodes_truenodeids", n, &yes, err));
    WT_TRY(ints(p, "nodes_falsenodeids", n, &no, err));
    WT_TRY(ints(p, "nodes_trueleafs", n, &yes_leaf, err));
    WT_TRY(ints(p, "nodes_falseleafs", n, &no_leaf, err));
    missing = wt_ml_ints(p->attrs, "nodes_missing_value_tracks_true", &n_missing);
    if (splits.n != n || (n_missing && n_missing != n))
        return wt_fail(err, WT_EFORMAT, "%s: the nodes_ attributes differ in length", p->op_type);
    for (size_t i = 0; i < n; i++) {
        wt_tree_node *to = &t->nodes[i];
        double mode;
        WT_TRY(get(p, modes, i, &mode, err));
        if (!(mode >= 0 && mode < WT_TREE_LEAF) || feature[i] < 0 || feature[i] >= (int64_t)features)
            return wt_fail(err, WT_EFORMAT, "%s: node %zu has mode %g and feature %lld of %zu", p->op_type, i, mode,
                           (long long)feature[i], features);
        to->mode = (wt_tree_mode)mode;
        to->feature = (uint32_t)feature[i];
        to->missing_true = n_missing && missing[i] == 1;
        WT_TRY(get(p, &splits, i, &to->value, err));
        WT_TRY(link(p, t, yes_leaf[i], yes[i], n, &to->yes, err));
        WT_TRY(link(p, t, no_leaf[i], no[i], n, &to->no, err));
    }
    return WT_OK;
}

wt_status wt_trees_read5(const wt_prep *p, size_t features, size_t targets, wt_trees *t, wt_err *err)
{
    tensor_list modes, weights;
    size_t n_roots;
    const int64_t *roots = wt_ml_ints(p->attrs, "tree_roots", &n_roots);
    memset(t, 0, sizeof *t);
    WT_TRY(read_tensor(p, "nodes_modes", true, &modes, err));
    WT_TRY(read_tensor(p, "leaf_weights", true, &weights, err));
    const size_t n = modes.n;
    if (n > INT32_MAX || weights.n > INT32_MAX || n_roots > INT32_MAX || n == 0)
        return wt_fail(err, WT_EFORMAT, "%s: %zu nodes and %zu leaves", p->op_type, n, weights.n);
    t->n_nodes = n + weights.n;
    t->n_weights = weights.n;
    t->n_roots = n_roots;
    t->nodes = wt_arena_alloc(p->arena, t->n_nodes, sizeof *t->nodes, err);
    t->weights = wt_arena_alloc(p->arena, weights.n + 1, sizeof *t->weights, err);
    t->roots = wt_arena_alloc(p->arena, n_roots + 1, sizeof *t->roots, err);
    if (!t->nodes || !t->weights || !t->roots)
        return WT_ENOMEM;
    for (size_t i = 0; i < n_roots; i++)
        WT_TRY(link(p, t, 0, roots[i], n, &t->roots[i], err));
    WT_TRY(read_branches(p, features, n, &modes, t, err));
    WT_TRY(read_leaves(p, targets, n, t, err));
    WT_TRY(read_members(p, n, t, err));
    return wt_trees_check(p, t, err);
}
