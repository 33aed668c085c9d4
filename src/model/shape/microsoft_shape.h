/* microsoft_shape.h - operators of ONNX Runtime's domain com.microsoft, read and checked once for rules, kernels and
 * passes. */
#ifndef WT_MICROSOFT_SHAPE_H
#define WT_MICROSOFT_SHAPE_H
#include "model/blocks/nbits.h"
#include "model/shape/shape.h"

enum { WT_NBITS_A, WT_NBITS_B, WT_NBITS_SCALES, WT_NBITS_ZPS, WT_NBITS_G_IDX, WT_NBITS_BIAS };
/* The weights of MatMulNBits: sizes from the attributes, checked against the shapes of its inputs as far as these are
 * known; data where they are. */
wt_status wt_matmul_nbits_read(const wt_infer *c, wt_nbits *out, wt_err *err);
/* The table of GatherBlockQuantized, whose dims must be known. */
wt_status wt_gather_nbits_read(const wt_infer *c, wt_nbits *out, wt_err *err);

enum {
    WT_GQA_Q,
    WT_GQA_K,
    WT_GQA_V,
    WT_GQA_PAST_K,
    WT_GQA_PAST_V,
    WT_GQA_SEQLENS,
    WT_GQA_TOTAL,
    WT_GQA_COS,
    WT_GQA_SIN,
    WT_GQA_POSITIONS,
    WT_GQA_BIAS,
    WT_GQA_SINK
};
typedef struct wt_gqa_dims {
    int64_t batch, length; /* new tokens of each sequence */
    int64_t heads, kv_heads, head;
    int64_t past, total;        /* rows of the caches that come in; keys of the longest sequence, -1: not known */
    int64_t half, rows, window; /* pairs that turn and rows of their table (0: none turn); 0: all of the past */
    bool packed, interleaved;   /* packed: query holds q, k and v */
    float scale, softcap;
} wt_gqa_dims;
wt_status wt_gqa_read(const wt_infer *c, wt_gqa_dims *out, wt_err *err);
#endif
