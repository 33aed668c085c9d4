/* rope.h - what Rope (run/internal_ops.h) turns by, for its kernels and for writers that store angles as tables. */
#ifndef WT_ARCH_ROPE_H
#define WT_ARCH_ROPE_H
#include "model/attr.h"

/* What Rope needs to know, once for all tokens: frequencies and the factor of cos and sin. */
typedef struct wt_rope {
    size_t head, half; /* elements of a head; pairs that turn */
    bool interleaved;
    float scale;            /* of cos and sin */
    const float *frequency; /* [half]: radians per position */
} wt_rope;
/* factors: NULL, or what the frequencies are divided by. `frequency` is made in `arena`. */
wt_status wt_rope_read(wt_rope *out, const wt_attrs *attrs, int64_t width, const float *factors, wt_arena *arena,
                       wt_err *err);
#endif
