/* decoder.h - the small operators of language models between the products: RMSNormalization,
 * LayerNormalization, Rope, Glu. */
#ifndef WT_X86_DECODER_H
#define WT_X86_DECODER_H
#include "run/kernels/ref/decoder.h"

typedef struct wt_decoder_fns {
    /* y = x / sqrt(mean of squares + epsilon) * scale */
    void (*rms_norm)(const float *x, const float *scale, float *y, size_t n, float epsilon);
    /* y = (x - mean) / sqrt(variance + epsilon) * scale + bias, which may be NULL; y may be x. */
    void (*layer_norm)(const float *x, const float *scale, const float *bias, float *y, size_t n, float epsilon);
    /* cos and sin of one position, as the rows want them: c[2 half], s[2 half]. */
    void (*rope_angles)(const wt_rope *rope, double position, float *c, float *s);
    /* Turns one head, x -> y (which may be x). */
    void (*rope_turn)(const wt_rope *rope, const float *c, const float *s, const float *x, float *y);
    /* y = act(gate) * up */
    void (*glu)(wt_act_params act, const float *gate, const float *up, float *y, size_t n);
} wt_decoder_fns;
extern const wt_decoder_fns wt_decoder_fns_avx2, wt_decoder_fns_avx512;
#endif
