/* decoder.h - what the rows of language models share. */
#ifndef WT_REF_DECODER_H
#define WT_REF_DECODER_H
#include "model/arch/rope.h"
#include "model/blocks/nbits.h"
#include "run/kernels/ref/nn_rows.h"

/* Row `i` of a matrix of any codec's dtype, as n floats. */
static inline void wt_ref_row(const wt_block_codec *codec, const wt_tensor *w, size_t i, float *out, size_t n)
{
    const wt_dtype_info *d = wt_dtype_get(codec->dtype);
    codec->decode((const char *)w->data + i * (n / d->block_len * d->block_bytes), out, n);
}
/* s becomes probabilities; sink: NULL, or one more number that takes its share and is not in s. */
void wt_ref_softmax(float *s, size_t n, const float *sink);
float wt_ref_dot(const float *a, const float *b, size_t n);
/* Turns one head in place of x -> y by a number of positions. */
void wt_rope_turn(const wt_rope *rope, double position, const float *x, float *y);
typedef struct wt_rope_params { /* of every row of Rope */
    wt_rope rope;
    size_t tokens, heads;
} wt_rope_params;
bool wt_rope_accepts(const wt_prep *p);
wt_status wt_rope_prepare(wt_prep *p, wt_err *err);

typedef struct wt_glu { /* params of every row of Glu */
    wt_act_params act;
    size_t rows, width;      /* of the result */
    size_t gate, up, stride; /* where a row's halves start, and rows of the inputs */
} wt_glu;
bool wt_glu_accepts(const wt_prep *p);
wt_status wt_glu_prepare(wt_prep *p, wt_err *err);

enum { WT_EXPERTS_X, WT_EXPERTS_SCORES, WT_EXPERTS_GATE, WT_EXPERTS_UP, WT_EXPERTS_DOWN, WT_EXPERTS_BIAS };
enum { WT_EXPERTS_MOST = 512 };
typedef struct wt_experts {                 /* params of the portable row of Experts */
    const wt_block_codec *gate, *up, *down; /* gate NULL: not gated */
    wt_act_params act;
    size_t tokens, width, hidden, experts, top_k, scratch;
    bool normalize, softmax;
    float scale;
} wt_experts;
bool wt_experts_accepts(const wt_prep *p);
wt_status wt_experts_prepare(wt_prep *p, wt_err *err);
/* The top_k experts of one token, the best first, and what their results are multiplied with. */
void wt_experts_choose(const wt_experts *q, const float *scores, size_t *chosen, float *weight);

typedef struct wt_nbits_params { /* of every row of MatMulNBits */
    wt_nbits w;
    size_t m, scratch; /* rows of A; bytes of each member for one row of the matrix */
} wt_nbits_params;
bool wt_nbits_accepts(const wt_prep *p);
wt_status wt_nbits_prepare(wt_prep *p, wt_err *err);
/* The matrix where it lies in this run: inputs with codes, scales, zero points. */
wt_nbits wt_nbits_of_run(const wt_nbits_params *q, const wt_run *r, size_t codes, size_t scales, size_t zps);

extern const wt_kernel wt_embedding_rows[], wt_rope_rows[], wt_glu_rows[], wt_linear_block_rows[],
    wt_kv_attention_rows[], wt_experts_rows[], wt_nbits_rows[], wt_group_query_rows[];
#endif
