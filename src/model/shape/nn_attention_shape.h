/* nn_attention_shape.h - the dimensions of Attention, read and checked once for rule and kernel. */
#ifndef WT_NN_ATTENTION_SHAPE_H
#define WT_NN_ATTENTION_SHAPE_H
#include "model/shape/shape.h"
typedef struct wt_attention_dims {
    int rank; /* of the data: 3 or 4; -1: not known */
    int64_t batch, q_heads, kv_heads;
    int64_t q_len, kv_len, past_len; /* new queries, new keys, keys of the cache */
    int64_t head, v_head;            /* elements of a query or key, of a value */
} wt_attention_dims;
/* Unknown dims are WT_DIM_ANY. */
wt_status wt_attention_read(const wt_infer *c, wt_attention_dims *out, wt_err *err);
#endif
