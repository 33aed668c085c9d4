/* nn_norm_shape.c - shape rules of the normalizations with more than one output, and of attention. */
#include "model/shape/shape.h"

wt_status wt_infer_batch_norm(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    int64_t channels = x->rank == 1 ? 1 : wt_rule_dim(wt_rule_in(c, 0), 1);
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_FLOAT, err));
    for (size_t i = 1; i < 5; i++) {
        WT_TRY(wt_rule_need_dtype(c, i, WT_DTYPES_FLOAT, err));
        WT_TRY(wt_rule_need_vector(c, i, channels, err));
        wt_rule_join(&channels, wt_rule_dim(wt_rule_in(c, i), 0));
    }
    const wt_shape stat = { .rank = 1, .dim = { channels } };
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), x, err));
    WT_TRY(wt_infer_set(c, 1, wt_rule_dtype(c, 3), &stat, err));
    return wt_infer_set(c, 2, wt_rule_dtype(c, 3), &stat, err);
}

wt_status wt_infer_layer_norm(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape stat = *x;
    const int64_t stash = wt_attr_int(c->attrs, "stash_type", 1);
    const wt_dtype stash_type = wt_dtype_from_onnx(stash);
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_FLOAT, err));
    if (!wt_dtype_is_float(stash_type))
        return wt_infer_bad(c, err, "stash_type is %lld, which is no float type", (long long)stash);
    if (x->rank >= 0) {
        int axis;
        WT_TRY(wt_infer_axis(c, "axis", -1, x->rank, false, &axis, err));
        for (int i = axis; i < x->rank; i++)
            stat.dim[i] = 1;
    }
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), x, err));
    WT_TRY(wt_infer_set(c, 1, stash_type, &stat, err));
    return wt_infer_set(c, 2, stash_type, &stat, err);
}
