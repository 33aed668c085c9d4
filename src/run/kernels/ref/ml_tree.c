/* ml_tree.c - TreeEnsembleClassifier, TreeEnsembleRegressor, TreeEnsemble: rows through trees, sums, labels.
 *
 * Comparisons and sums are in double, of the float32 values that float32 (and integer) data have; threads split the
 * rows. */
#include "run/kernels/ref/ml_tree.h"

typedef enum aggregate { AGG_AVERAGE, AGG_SUM, AGG_MIN, AGG_MAX } aggregate;
typedef struct tree_params {
    wt_trees trees;
    size_t rows, features, targets, scores;
    aggregate agg;
    wt_ml_post post;
    wt_ml_list base;
    wt_ml_labels labels;
    bool one_class, all_positive; /* weights name one class only; none is negative */
    size_t scratch;               /* per thread: one row, scores, their flags */
} tree_params;

static bool accepts_data(const wt_prep *p) { return wt_has_in(p, 0) && wt_ml_is_number(p->in[0]) && wt_all_plain(p); }
static bool accepts_classifier(const wt_prep *p)
{
    return accepts_data(p) && wt_out_is(p, 1, WT_F32) && (wt_out_is(p, 0, WT_I64) || wt_out_is(p, 0, WT_STRING));
}
static bool accepts_regressor(const wt_prep *p)
{
    return accepts_data(p) && (wt_out_is(p, 0, WT_F32) || wt_out_is(p, 0, WT_F64));
}

static wt_status new_params(wt_prep *p, size_t targets, tree_params **out, wt_err *err)
{
    tree_params *q = *out = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    int64_t n, c;
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_ml_rows(&p->in[0]->shape, p->op_type, &n, &c, err));
    q->rows = (size_t)n, q->features = (size_t)c, q->targets = targets;
    q->agg = AGG_SUM;
    if (q->features > SIZE_MAX / 64 || targets > SIZE_MAX / 64)
        return wt_fail(err, WT_ENOMEM, "%s: too many features", p->op_type);
    WT_TRY(wt_plan_scratch(p, q->features + 1 + 2 * targets + 2, sizeof(double), &q->scratch, err));
    p->params = q;
    p->max_threads = q->rows > 16 ? p->threads : 1;
    return WT_OK;
}

static wt_status read_base(const wt_prep *p, tree_params *q, wt_err *err)
{
    WT_TRY(wt_ml_list_read(p, "base_values", &q->base, err));
    if (q->base.n <= 1 || q->base.n == q->targets)
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: %zu base_values for %zu targets", p->op_type, q->base.n, q->targets);
}

/* --- walking
 * --------------------------------------------------------------------------------------------------------------------------
 */
typedef struct tree_row {
    double *x, *score;
    double *has; /* 1 where a leaf has spoken */
} tree_row;

static void load_row(const wt_run *r, const tree_params *q, size_t n, tree_row *row)
{
    const bool wide = r->in[0]->dtype == WT_F64;
    for (size_t i = 0; i < q->features; i++) {
        const double v = wt_ml_get(r->in[0], n * q->features + i);
        row->x[i] = wide ? v : (double)(float)v;
    }
    memset(row->score, 0, 2 * q->targets * sizeof *row->score);
}

static void add_leaf(const tree_params *q, const wt_tree_node *leaf, tree_row *row)
{
    for (uint32_t k = 0; k < leaf->no; k++) {
        const wt_tree_weight *w = &q->trees.weights[leaf->yes + k];
        double *s = &row->score[w->target];
        const bool first = row->has[w->target] == 0;
        if (q->agg == AGG_MIN || q->agg == AGG_MAX)
            *s = first || (q->agg == AGG_MIN ? w->value < *s : w->value > *s) ? w->value : *s;
        else
            *s += w->value;
        row->has[w->target] = 1;
    }
}

static void walk_trees(const wt_run *r, const tree_params *q, size_t n, tree_row *row)
{
    load_row(r, q, n, row);
    for (size_t t = 0; t < q->trees.n_roots; t++)
        add_leaf(q, wt_tree_walk(&q->trees, q->trees.roots[t], row->x), row);
}

static tree_row row_of(const wt_run *r, const tree_params *q)
{
    double *room = (double *)(void *)((char *)r->scratch + (size_t)r->tid * q->scratch);
    tree_row row = { room, room + q->features + 1, NULL };
    row.has = row.score + q->targets;
    return row;
}

/* --- regression
 * ------------------------------------------------------------------------------------------------------------------------
 */
static wt_status read_aggregate(const wt_prep *p, tree_params *q, wt_err *err)
{
    static const char *const names[] = { "AVERAGE", "SUM", "MIN", "MAX" };
    const wt_attr *a = wt_attr_find(p->attrs, "aggregate_function");
    if (!a)
        return WT_OK;
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        if (a->type == WT_ATTR_INT ? a->v.i == (int64_t)i : wt_attr_is(p->attrs, "aggregate_function", names[i])) {
            q->agg = (aggregate)i;
            return WT_OK;
        }
    return wt_fail(err, WT_EFORMAT, "%s: aggregate_function is none of AVERAGE, SUM, MIN, MAX", p->op_type);
}

static wt_status regressor_prepare(wt_prep *p, wt_err *err)
{
    tree_params *q;
    WT_TRY(new_params(p, (size_t)p->out[0]->shape.dim[1], &q, err));
    WT_TRY(read_aggregate(p, q, err));
    WT_TRY(wt_ml_post_read(p, &q->post, err));
    WT_TRY(read_base(p, q, err));
    return wt_trees_read(p, "target", q->features, q->targets, &q->trees, err);
}

static wt_status ensemble_prepare(wt_prep *p, wt_err *err)
{
    static const wt_ml_post posts[] = { WT_ML_NONE, WT_ML_SOFTMAX, WT_ML_LOGISTIC, WT_ML_SOFTMAX_ZERO, WT_ML_PROBIT };
    tree_params *q;
    const int64_t post = wt_attr_int(p->attrs, "post_transform", 0);
    WT_TRY(new_params(p, (size_t)p->out[0]->shape.dim[1], &q, err));
    WT_TRY(read_aggregate(p, q, err));
    if (post < 0 || post >= (int64_t)WT_ARRAY_LEN(posts))
        return wt_fail(err, WT_EFORMAT, "%s: post_transform is %lld, expected 0 to 4", p->op_type, (long long)post);
    q->post = posts[post];
    return wt_trees_read5(p, q->features, q->targets, &q->trees, err);
}

static void finish_scores(const tree_params *q, tree_row *row)
{
    for (size_t t = 0; t < q->targets; t++) {
        if (q->agg == AGG_AVERAGE && q->trees.n_roots)
            row->score[t] /= (double)q->trees.n_roots;
        if (q->base.n == q->targets)
            row->score[t] += wt_ml_list_get(&q->base, t);
    }
}

static wt_status regressor_run(const wt_run *r, wt_err *err)
{
    const tree_params *q = r->params;
    tree_row row = row_of(r, q);
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->rows, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t n = begin; n < end; n++) {
        walk_trees(r, q, n, &row);
        finish_scores(q, &row);
        if (r->out[0]->dtype == WT_F64 && q->post == WT_ML_NONE) {
            memcpy((double *)wt_tensor_mut(r->out[0]) + n * q->targets, row.score, q->targets * sizeof(double));
            continue;
        }
        float *s = (float *)row.has; /* the flags are no longer needed */
        for (size_t t = 0; t < q->targets; t++)
            s[t] = (float)row.score[t];
        wt_ml_post_apply(q->post, s, q->targets, -1);
        for (size_t t = 0; t < q->targets; t++) {
            if (r->out[0]->dtype == WT_F64)
                ((double *)wt_tensor_mut(r->out[0]))[n * q->targets + t] = (double)s[t];
            else
                wt_out_f32(r, 0)[n * q->targets + t] = s[t];
        }
    }
    return WT_OK;
}

/* --- classification
 * ---------------------------------------------------------------------------------------------------------------------
 */
static wt_status classifier_prepare(wt_prep *p, wt_err *err)
{
    tree_params *q;
    wt_ml_labels labels;
    WT_TRY(wt_ml_labels_read(p->attrs, p->op_type, &labels, err));
    WT_TRY(new_params(p, labels.count, &q, err));
    q->labels = labels;
    WT_TRY(wt_ml_post_read(p, &q->post, err));
    WT_TRY(read_base(p, q, err));
    WT_TRY(wt_trees_read(p, "class", q->features, q->targets, &q->trees, err));
    q->scores = (size_t)p->out[1]->shape.dim[1];
    if (q->scores != labels.count)
        return wt_fail(err, WT_EFORMAT, "%s: %zu scores for %zu classes", p->op_type, q->scores, labels.count);
    q->all_positive = q->one_class = true;
    for (size_t i = 0; i < q->trees.n_weights; i++) {
        q->all_positive = q->all_positive && !(q->trees.weights[i].value < 0);
        q->one_class = q->one_class && q->trees.weights[i].target == q->trees.weights[0].target;
    }
    q->one_class = q->one_class && q->trees.n_weights > 0;
    return WT_OK;
}

static size_t best_class(const tree_params *q, tree_row *row)
{
    size_t best = q->targets;
    for (size_t t = 0; t < q->targets; t++) {
        if (q->base.n == q->targets) {
            row->score[t] += wt_ml_list_get(&q->base, t);
            row->has[t] = 1;
        }
        if (row->has[t] != 0 && (best == q->targets || row->score[t] > row->score[best]))
            best = t;
    }
    return best == q->targets ? 0 : best;
}

/* Two classes, where often only one has weights: its score decides, and the other's is made from it. */
static void two_classes(const wt_run *r, const tree_params *q, size_t n, tree_row *row, float *s)
{
    bool second = row->has[1] != 0; /* the second score is its own */
    int add = -1;
    if (q->base.n == 2) {
        row->score[0] += wt_ml_list_get(&q->base, 0);
        row->score[1] += wt_ml_list_get(&q->base, 1);
    } else if (q->base.n == 1 && !second) {
        row->score[0] += wt_ml_list_get(&q->base, 0);
    }
    const bool both = second || q->base.n == 2;
    const double deciding = second ? row->score[1] : row->score[0];
    bool positive;
    if (q->one_class) {
        positive = q->all_positive ? deciding > 0.5 : deciding > 0;
        add = q->all_positive ? !positive : positive ? 2 : 3;
    } else {
        positive = row->score[1] > row->score[0];
        add = 3;
    }
    s[0] = (float)row->score[0];
    if (both)
        s[1] = (float)row->score[1];
    wt_ml_put_label(r, &q->labels, n, positive);
    wt_ml_post_apply(q->post, s, both ? 2 : 1, add);
    if (!both && q->post == WT_ML_PROBIT)
        s[1] = 0;
}

static wt_status classifier_run(const wt_run *r, wt_err *err)
{
    const tree_params *q = r->params;
    tree_row row = row_of(r, q);
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->rows, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t n = begin; n < end; n++) {
        float *s = wt_out_f32(r, 1) + n * q->scores;
        walk_trees(r, q, n, &row);
        if (q->targets == 2) {
            two_classes(r, q, n, &row, s);
            continue;
        }
        wt_ml_put_label(r, &q->labels, n, best_class(q, &row));
        for (size_t t = 0; t < q->targets; t++)
            s[t] = (float)row.score[t];
        wt_ml_post_apply(q->post, s, q->targets, -1);
    }
    return WT_OK;
}

const wt_kernel wt_ml_tree_rows[] = {
    { .name = "treeensembleregressor_any_ref",
      .op = WT_OP_TREEENSEMBLEREGRESSOR,
      .accepts = accepts_regressor,
      .prepare = regressor_prepare,
      .run = regressor_run },
    { .name = "treeensemble_any_ref",
      .op = WT_OP_TREEENSEMBLE,
      .accepts = accepts_regressor,
      .prepare = ensemble_prepare,
      .run = regressor_run },
    { .name = "treeensembleclassifier_any_ref",
      .op = WT_OP_TREEENSEMBLECLASSIFIER,
      .accepts = accepts_classifier,
      .prepare = classifier_prepare,
      .run = classifier_run },
    { .name = NULL },
};
