/* ml_tree.h - decision trees as flat arrays, checked once so that walking them needs no checks. */
#ifndef WT_ML_TREE_H
#define WT_ML_TREE_H
#include "run/kernels/ref/ml_common.h"

typedef enum wt_tree_mode {
    WT_TREE_LEQ,
    WT_TREE_LT,
    WT_TREE_GTE,
    WT_TREE_GT,
    WT_TREE_EQ,
    WT_TREE_NEQ,
    WT_TREE_MEMBER,
    WT_TREE_LEAF
} wt_tree_mode;
typedef struct wt_tree_node {
    wt_tree_mode mode;
    bool missing_true; /* NaN goes to the true branch */
    uint32_t feature;
    uint32_t yes, no;            /* nodes; of a leaf: first weight and count */
    double value;                /* threshold */
    uint32_t members, n_members; /* of WT_TREE_MEMBER: range in `members` */
} wt_tree_node;
typedef struct wt_tree_weight {
    uint32_t target;
    double value;
} wt_tree_weight;
typedef struct wt_trees {
    wt_tree_node *nodes;
    size_t n_nodes;
    uint32_t *roots;
    size_t n_roots;
    wt_tree_weight *weights;
    size_t n_weights;
    const double *members;
} wt_trees;

/* nodes_* and class_* or target_* attributes (prefix "class" or "target") of TreeEnsembleClassifier and -Regressor. */
wt_status wt_trees_read(const wt_prep *p, const char *prefix, size_t features, size_t targets, wt_trees *out,
                        wt_err *err);
/* The attributes of TreeEnsemble (ai.onnx.ml 5). */
wt_status wt_trees_read5(const wt_prep *p, size_t features, size_t targets, wt_trees *out, wt_err *err);
/* Every walk from a root ends in a leaf: WT_EFORMAT for a cycle. */
wt_status wt_trees_check(const wt_prep *p, const wt_trees *t, wt_err *err);
/* The leaf for one row of features. */
const wt_tree_node *wt_tree_walk(const wt_trees *t, uint32_t root, const double *x);
#endif
