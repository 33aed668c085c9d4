/* nn_pool_shape.c - shape rules of pooling, its inverse and pooling over regions. */
#include "model/shape/nn_window.h"
#include "model/shape/shape.h"

wt_status wt_infer_pool(wt_infer *c, wt_err *err)
{
    const wt_tensor *x = wt_rule_in(c, 0);
    wt_shape out = wt_rule_unknown(-1);
    wt_window w;
    WT_TRY(wt_rule_need_rank(c, 0, 3, WT_MAX_RANK, err));
    if (x && x->shape.rank >= 0) {
        out = x->shape;
        WT_TRY(wt_window_parse(&w, c->op_type, c->attrs, out.rank - 2, NULL, err));
        for (int i = 0; i < w.n; i++)
            w.in[i] = out.dim[i + 2];
        WT_TRY(wt_window_forward(&w, c->op_type, err));
        for (int i = 0; i < w.n; i++)
            out.dim[i + 2] = w.out[i];
    }
    WT_TRY(wt_infer_set(c, 0, x ? x->dtype : WT_DTYPE_NONE, &out, err));
    WT_TRY(wt_infer_set(c, 1, WT_I64, &out, err));
    return WT_OK;
}

wt_status wt_infer_global_pool(wt_infer *c, wt_err *err)
{
    const wt_tensor *x = wt_rule_in(c, 0);
    wt_shape out = wt_rule_unknown(-1);
    WT_TRY(wt_rule_need_rank(c, 0, 2, WT_MAX_RANK, err));
    if (x && x->shape.rank >= 0) {
        out = x->shape;
        for (int i = 2; i < out.rank; i++)
            out.dim[i] = 1;
    }
    WT_TRY(wt_infer_set(c, 0, x ? x->dtype : WT_DTYPE_NONE, &out, err));
    return WT_OK;
}

/* The size MaxPool had before it, from the pool's attributes. */
static wt_status unpooled(wt_infer *c, const wt_shape *in, wt_shape *out, wt_err *err)
{
    wt_window w;
    WT_TRY(wt_window_parse(&w, c->op_type, c->attrs, in->rank - 2, NULL, err));
    *out = *in;
    for (int i = 0; i < w.n; i++) {
        int64_t *d = &out->dim[i + 2];
        if (*d < 0)
            continue;
        if (__builtin_mul_overflow(*d - 1, w.stride[i], d) || *d > INT64_MAX / 4)
            return wt_fail(err, WT_EFORMAT, "%s: spatial dimension %d of the output is too large", c->op_type, i);
        *d += w.kernel[i] - w.begin[i] - w.end[i];
        if (in->dim[i + 2] == 0)
            *d = 0;
        if (*d < 0)
            return wt_fail(err, WT_EFORMAT, "%s: padding leaves nothing of spatial dimension %d", c->op_type, i);
    }
    return WT_OK;
}

wt_status wt_infer_unpool(wt_infer *c, wt_err *err)
{
    const wt_tensor *x = wt_rule_in(c, 0), *indices = wt_rule_in(c, 1), *size = wt_rule_in(c, 2);
    wt_shape out = wt_rule_unknown(-1);
    WT_TRY(wt_rule_need_rank(c, 0, 3, WT_MAX_RANK, err));
    WT_TRY(wt_rule_need_dtype(c, 1, WT_DTYPE_BIT(WT_I64), err));
    WT_TRY(wt_rule_need_dtype(c, 2, WT_DTYPE_BIT(WT_I64), err));
    const int rank = wt_rule_rank(x);
    if (rank >= 0 && wt_rule_rank(indices) >= 0) {
        WT_TRY(wt_rule_need_rank(c, 1, rank, rank, err));
        for (int i = 0; i < rank; i++)
            WT_TRY(wt_rule_need_dim(c, 1, i, x->shape.dim[i], err));
    }
    if (rank >= 0) {
        WT_TRY(unpooled(c, &x->shape, &out, err));
        WT_TRY(wt_rule_need_vector(c, 2, rank, err));
    }
    if (size && rank >= 0) {
        out = wt_rule_unknown(rank);
        for (int i = 0; size->data && i < rank; i++)
            if (!wt_tensor_int(size, i, &out.dim[i]) || out.dim[i] < 0)
                return wt_fail(err, WT_EFORMAT, "%s: output_shape[%d] is negative", c->op_type, i);
    }
    WT_TRY(wt_infer_set(c, 0, x ? x->dtype : WT_DTYPE_NONE, &out, err));
    return WT_OK;
}

wt_status wt_infer_roi_pool(wt_infer *c, wt_err *err)
{
    const wt_tensor *x = wt_rule_in(c, 0);
    wt_shape out = wt_rule_unknown(4);
    int64_t size[2];
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_FLOAT, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 1, err));
    WT_TRY(wt_rule_need_rank(c, 0, 4, 4, err));
    WT_TRY(wt_rule_need_rank(c, 1, 2, 2, err));
    WT_TRY(wt_rule_need_dim(c, 1, 1, 5, err));
    if (wt_attr_ints(c->attrs, "pooled_shape", size, 2) != 2 || size[0] < 1 || size[1] < 1)
        return wt_fail(err, WT_EFORMAT, "%s: pooled_shape must be two positive numbers", c->op_type);
    out.dim[0] = wt_rule_dim(wt_rule_in(c, 1), 0);
    out.dim[1] = wt_rule_dim(x, 1);
    out.dim[2] = size[0];
    out.dim[3] = size[1];
    WT_TRY(wt_infer_set(c, 0, x ? x->dtype : WT_DTYPE_NONE, &out, err));
    return WT_OK;
}

wt_status wt_infer_roi_align(wt_infer *c, wt_err *err)
{
    const wt_tensor *x = wt_rule_in(c, 0);
    wt_shape out = wt_rule_unknown(4);
    const int64_t h = wt_attr_int(c->attrs, "output_height", 1), w = wt_attr_int(c->attrs, "output_width", 1);
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_FLOAT, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 1, err));
    WT_TRY(wt_rule_need_dtype(c, 2, WT_DTYPE_BIT(WT_I64), err));
    WT_TRY(wt_rule_need_rank(c, 0, 4, 4, err));
    WT_TRY(wt_rule_need_rank(c, 1, 2, 2, err));
    WT_TRY(wt_rule_need_dim(c, 1, 1, 4, err));
    out.dim[0] = wt_rule_dim(wt_rule_in(c, 1), 0);
    WT_TRY(wt_rule_need_vector(c, 2, out.dim[0], err));
    wt_rule_join(&out.dim[0], wt_rule_dim(wt_rule_in(c, 2), 0));
    if (h < 1 || h > INT32_MAX || w < 1 || w > INT32_MAX)
        return wt_fail(err, WT_EFORMAT, "%s: output_height x output_width is %lldx%lld, expected positive numbers",
                       c->op_type, (long long)h, (long long)w);
    out.dim[1] = wt_rule_dim(x, 1);
    out.dim[2] = h;
    out.dim[3] = w;
    WT_TRY(wt_infer_set(c, 0, x ? x->dtype : WT_DTYPE_NONE, &out, err));
    return WT_OK;
}
