/* decoder_shape.c - shape rules of the operators of language models; their meaning is in run/internal_ops.h. */
#include "model/shape/shape.h"

wt_status wt_infer_embedding(wt_infer *c, wt_err *err)
{
    WT_TRY(wt_rule_need_rank(c, 0, 1, 1, err));
    WT_TRY(wt_rule_need_rank(c, 1, 2, 2, err));
    const int64_t dims[2] = { wt_rule_dim(wt_rule_in(c, 0), 0), wt_rule_dim(wt_rule_in(c, 1), 1) };
    const wt_shape out = wt_shape_make(2, dims);
    return wt_infer_set(c, 0, WT_F32, &out, err);
}

/* [T, heads * width of a value head]: the values' own width, spread over the query heads. */
wt_status wt_infer_kv_attention(wt_infer *c, wt_err *err)
{
    const int64_t heads = wt_attr_int(c->attrs, "heads", 0), kv_heads = wt_attr_int(c->attrs, "kv_heads", 0);
    if (heads < 1 || kv_heads < 1 || heads % kv_heads)
        return wt_infer_bad(c, err, "%lld heads cannot share %lld key heads", (long long)heads, (long long)kv_heads);
    WT_TRY(wt_rule_need_rank(c, 0, 2, 2, err));
    WT_TRY(wt_rule_need_rank(c, 2, 2, 2, err));
    const int64_t width = wt_rule_dim(wt_rule_in(c, 2), 1);
    const int64_t dims[2] = { wt_rule_dim(wt_rule_in(c, 0), 0), width < 0 ? WT_DIM_ANY : width / kv_heads * heads };
    const wt_shape out = wt_shape_make(2, dims);
    return wt_infer_set(c, 0, WT_F32, &out, err);
}

wt_status wt_infer_glu(wt_infer *c, wt_err *err)
{
    wt_shape out = *wt_rule_shape(c, 0);
    if (out.rank > 0 && !wt_rule_in(c, 1)) {
        int64_t *last = &out.dim[out.rank - 1];
        if (*last > 0 && *last % 2)
            return wt_infer_bad(c, err, "the last axis has %lld elements, expected an even number", (long long)*last);
        *last = *last < 0 ? WT_DIM_ANY : *last / 2;
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &out, err);
}
