/* ml_shape.c - shape rules of ai.onnx.ml. Maps are not values of the IR: ZipMap hands on the tensor of probabilities
 * whose columns are its keys. */
#include "model/shape/ml_shape.h"

#define NUMERIC                                                                                                        \
    (WT_DTYPES_FLOAT | WT_DTYPES_BYTE | WT_DTYPE_BIT(WT_I64) | WT_DTYPE_BIT(WT_I32) | WT_DTYPE_BIT(WT_I16) |           \
     WT_DTYPE_BIT(WT_U16) | WT_DTYPE_BIT(WT_BOOL))

wt_status wt_ml_rows(const wt_shape *x, const char *op_type, int64_t *n, int64_t *c, wt_err *err)
{
    *n = *c = WT_DIM_ANY;
    if (x->rank < 0)
        return WT_OK;
    if (x->rank < 1 || x->rank > 2)
        return wt_fail(err, WT_EFORMAT, "%s: data has %d dimensions, expected 1 or 2", op_type, x->rank);
    *n = x->rank == 2 ? x->dim[0] : 1;
    *c = x->dim[x->rank - 1];
    return WT_OK;
}

wt_status wt_ml_labels_read(const wt_attrs *attrs, const char *op_type, wt_ml_labels *out, wt_err *err)
{
    const char *int_name = strncmp(op_type, "Tree", 4) == 0 ? "classlabels_int64s" : "classlabels_ints";
    const wt_attr *ints = wt_attr_find(attrs, int_name), *strings = wt_attr_find(attrs, "classlabels_strings");
    memset(out, 0, sizeof *out);
    if (strings && strings->count && strings->type == WT_ATTR_STRINGS) {
        out->count = strings->count;
        out->strings = strings->v.strings;
    } else if (ints && ints->count && ints->type == WT_ATTR_INTS) {
        out->count = ints->count;
        out->ints = ints->v.ints;
    }
    if (out->count == 0)
        return wt_fail(err, WT_EFORMAT, "%s: neither %s nor classlabels_strings names a class", op_type, int_name);
    if (out->count > INT32_MAX)
        return wt_fail(err, WT_EFORMAT, "%s: too many classes", op_type);
    return WT_OK;
}

wt_status wt_ml_scores(const wt_attrs *attrs, const char *op_type, const wt_ml_labels *labels, int64_t *out,
                       wt_err *err)
{
    const int64_t n = (int64_t)labels->count;
    *out = n;
    if (strcmp(op_type, "LinearClassifier") == 0) {
        const size_t rows = wt_attr_count(attrs, "intercepts");
        if (rows > 0 && !(rows == 1 && n == 2))
            *out = (int64_t)rows;
        return WT_OK;
    }
    if (strcmp(op_type, "SVMClassifier") == 0 && wt_attr_count(attrs, "prob_a") == 0 &&
        wt_attr_count(attrs, "vectors_per_class") && n > 2) {
        if (n > 65536)
            return wt_fail(err, WT_EFORMAT, "%s: too many classes", op_type);
        *out = n * (n - 1) / 2;
    }
    return WT_OK;
}

wt_status wt_infer_classifier(wt_infer *c, wt_err *err)
{
    wt_ml_labels labels;
    int64_t n, features, scores;
    WT_TRY(wt_rule_need_dtype(c, 0, NUMERIC, err));
    WT_TRY(wt_ml_rows(wt_rule_shape(c, 0), c->op_type, &n, &features, err));
    WT_TRY(wt_ml_labels_read(c->attrs, c->op_type, &labels, err));
    WT_TRY(wt_ml_scores(c->attrs, c->op_type, &labels, &scores, err));
    const wt_shape label = { .rank = 1, .dim = { n } }, score = { .rank = 2, .dim = { n, scores } };
    WT_TRY(wt_infer_set(c, 0, labels.ints ? WT_I64 : WT_STRING, &label, err));
    return wt_infer_set(c, 1, WT_F32, &score, err);
}

wt_status wt_infer_regressor(wt_infer *c, wt_err *err)
{
    int64_t n, features, targets = 1;
    const bool tree = strncmp(c->op_type, "Tree", 4) == 0, svm = strncmp(c->op_type, "SVM", 3) == 0;
    WT_TRY(wt_rule_need_dtype(c, 0, NUMERIC, err));
    WT_TRY(wt_ml_rows(wt_rule_shape(c, 0), c->op_type, &n, &features, err));
    if (!svm)
        targets = wt_attr_int(c->attrs, tree ? "n_targets" : "targets", 1);
    if (targets < 1 || targets > INT32_MAX)
        return wt_infer_bad(c, err, "%lld targets, expected 1 or more", (long long)targets);
    const wt_shape out = { .rank = 2, .dim = { n, targets } };
    return wt_infer_set(c, 0, WT_F32, &out, err);
}

wt_status wt_infer_tree_ensemble(wt_infer *c, wt_err *err)
{
    int64_t n, features;
    const int64_t targets = wt_attr_int(c->attrs, "n_targets", 1);
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_FLOAT, err));
    WT_TRY(wt_ml_rows(wt_rule_shape(c, 0), c->op_type, &n, &features, err));
    if (targets < 1 || targets > INT32_MAX)
        return wt_infer_bad(c, err, "n_targets is %lld, expected 1 or more", (long long)targets);
    const wt_shape out = { .rank = 2, .dim = { n, targets } };
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &out, err);
}

wt_status wt_infer_float_same(wt_infer *c, wt_err *err)
{
    WT_TRY(wt_rule_need_dtype(c, 0, NUMERIC, err));
    return wt_infer_set(c, 0, WT_F32, wt_rule_shape(c, 0), err);
}

wt_status wt_infer_zipmap(wt_infer *c, wt_err *err)
{
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), wt_rule_shape(c, 0), err);
}

wt_status wt_infer_array_feature_extractor(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0), *y = wt_rule_shape(c, 1);
    wt_shape out = *x;
    int64_t count;
    WT_TRY(wt_rule_need_dtype(c, 1, WT_DTYPE_BIT(WT_I64), err));
    WT_TRY(wt_rule_need_rank(c, 0, 1, WT_MAX_RANK, err));
    if (x->rank == 1) {
        out.rank = 2;
        out.dim[0] = 1;
    }
    if (x->rank >= 0)
        out.dim[out.rank - 1] = wt_shape_known(y) && wt_shape_count(y, &count) ? count : WT_DIM_ANY;
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &out, err);
}

wt_status wt_infer_category_mapper(wt_infer *c, wt_err *err)
{
    const wt_dtype x = wt_rule_dtype(c, 0);
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPE_BIT(WT_I64) | WT_DTYPE_BIT(WT_STRING), err));
    return wt_infer_set(c, 0,
                        x == WT_I64      ? WT_STRING
                        : x == WT_STRING ? WT_I64
                                         : WT_DTYPE_NONE,
                        wt_rule_shape(c, 0), err);
}

wt_status wt_infer_feature_vectorizer(wt_infer *c, wt_err *err)
{
    wt_shape out = { .rank = 2, .dim = { WT_DIM_ANY, 0 } };
    const wt_attr *dims = wt_attr_find(c->attrs, "inputdimensions");
    if (dims && (dims->type != WT_ATTR_INTS || dims->count != c->n_in))
        return wt_infer_bad(c, err, "inputdimensions has %zu values for %zu inputs", dims->count, c->n_in);
    for (size_t i = 0; i < c->n_in; i++) {
        int64_t n, width;
        WT_TRY(wt_rule_need_dtype(c, i, NUMERIC, err));
        WT_TRY(wt_ml_rows(wt_rule_shape(c, i), c->op_type, &n, &width, err));
        if (!wt_rule_join(&out.dim[0], n))
            return wt_infer_bad(c, err, "inputs have %lld and %lld rows", (long long)out.dim[0], (long long)n);
        width = dims ? dims->v.ints[i] : width;
        if (dims && (width < 0 || width > INT32_MAX))
            return wt_infer_bad(c, err, "inputdimensions has the value %lld", (long long)width);
        WT_TRY(wt_dim_add(c, out.dim[1], width, &out.dim[1], err));
    }
    return wt_infer_set(c, 0, WT_F32, &out, err);
}

wt_status wt_infer_label_encoder(wt_infer *c, wt_err *err)
{
    static const struct {
        const char *name;
        wt_dtype type;
    } values[] = { { "values_strings", WT_STRING }, { "values_int64s", WT_I64 }, { "values_floats", WT_F32 } };
    const wt_attr *tensor = wt_attr_find(c->attrs, "values_tensor");
    wt_dtype type = tensor && tensor->type == WT_ATTR_TENSOR ? tensor->v.tensor->dtype : WT_DTYPE_NONE;
    for (size_t i = 0; !type && i < WT_ARRAY_LEN(values); i++)
        if (wt_attr_find(c->attrs, values[i].name))
            type = values[i].type;
    if (!type && wt_attr_find(c->attrs, "classes_strings")) /* opset 1 */
        type = wt_rule_dtype(c, 0) == WT_STRING ? WT_I64 : WT_STRING;
    if (!type)
        return wt_infer_bad(c, err, "no values_* attribute says what labels become");
    return wt_infer_set(c, 0, type, wt_rule_shape(c, 0), err);
}

wt_status wt_infer_one_hot_encoder(wt_infer *c, wt_err *err)
{
    const size_t ints = wt_attr_count(c->attrs, "cats_int64s"), strings = wt_attr_count(c->attrs, "cats_strings");
    wt_shape out = *wt_rule_shape(c, 0);
    WT_TRY(wt_rule_need_rank(c, 0, 0, WT_MAX_RANK - 1, err));
    if (!ints == !strings)
        return wt_infer_bad(c, err, "exactly one of cats_int64s and cats_strings must name the categories");
    if (out.rank >= 0)
        out.dim[out.rank++] = (int64_t)(ints ? ints : strings);
    return wt_infer_set(c, 0, WT_F32, &out, err);
}
