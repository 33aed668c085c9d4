/* ml_common.h - what the rows of ai.onnx.ml share: reading data of any number type, post transforms, labels.
 *
 * The domain's texts leave much open; where they do, results are those of ONNX Runtime, which models were made against.
 */
#ifndef WT_ML_COMMON_H
#define WT_ML_COMMON_H
#include "model/shape/ml_shape.h"
#include "run/kernels/ref/nn_rows.h"

/* float32, float64 or an integer type. */
bool wt_ml_is_number(const wt_tensor *t);
double wt_ml_get(const wt_tensor *t, size_t i);
/* n elements from `first` on, as float32. */
void wt_ml_load(const wt_tensor *t, size_t first, size_t n, float *out);

/* A list of numbers: an attribute of floats, or the same as a tensor ("<name>_as_tensor", float32 or float64). */
typedef struct wt_ml_list {
    size_t n;
    const float *f;
    const wt_tensor *t;
} wt_ml_list;
wt_status wt_ml_list_read(const wt_prep *p, const char *name, wt_ml_list *out, wt_err *err);
double wt_ml_list_get(const wt_ml_list *list, size_t i);
/* Attribute of integers: NULL and 0 when absent. */
const int64_t *wt_ml_ints(const wt_attrs *attrs, const char *name, size_t *n);
const wt_string *wt_ml_strings(const wt_attrs *attrs, const char *name, size_t *n);

typedef enum wt_ml_post { WT_ML_NONE, WT_ML_LOGISTIC, WT_ML_SOFTMAX, WT_ML_SOFTMAX_ZERO, WT_ML_PROBIT } wt_ml_post;
wt_status wt_ml_post_read(const wt_prep *p, wt_ml_post *out, wt_err *err);
/* One row of scores, in place. second: a single score becomes two (there is room): -1 no; 0, 1: 1 - s and s; 2, 3: -s
 * and s, both through the logistic function when that is the transform. */
void wt_ml_post_apply(wt_ml_post post, float *scores, size_t n, int second);
float wt_ml_logistic(float v);

/* Writes label `index` as row n of output 0. */
void wt_ml_put_label(const wt_run *r, const wt_ml_labels *labels, size_t n, size_t index);
#endif
