/* ml_shape.h - what the rules and the kernels of ai.onnx.ml both read from attributes. */
#ifndef WT_ML_SHAPE_H
#define WT_ML_SHAPE_H
#include "model/shape/shape.h"

/* The class labels of a classifier: ints or strings. count 0: the attribute is missing. */
typedef struct wt_ml_labels {
    size_t count;
    const int64_t *ints; /* NULL: strings */
    const wt_string *strings;
} wt_ml_labels;
wt_status wt_ml_labels_read(const wt_attrs *attrs, const char *op_type, wt_ml_labels *out, wt_err *err);
/* Scores per row of a classifier. */
wt_status wt_ml_scores(const wt_attrs *attrs, const char *op_type, const wt_ml_labels *labels, int64_t *out,
                       wt_err *err);
/* Elements of a list attribute; 0 when absent. */
static inline size_t wt_attr_count(const wt_attrs *attrs, const char *name)
{
    const wt_attr *a = wt_attr_find(attrs, name);
    return a ? a->count : 0;
}
/* Rows and columns of data that is [n, c] or [c]. */
wt_status wt_ml_rows(const wt_shape *x, const char *op_type, int64_t *n, int64_t *c, wt_err *err);
#endif
