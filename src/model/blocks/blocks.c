/* blocks.c - the codecs by element type, and those of plain floats. */
#include "blocks_impl.h"

static void decode_f32(const void *blocks, float *out, size_t n) { memcpy(out, blocks, n * sizeof *out); }

static void decode_f16(const void *blocks, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = wt_load_f16((const uint8_t *)blocks + 2 * i);
}

static void decode_bf16(const void *blocks, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = wt_bf16_to_f32(wt_load16((const uint8_t *)blocks + 2 * i));
}

static void encode_f32(const float *x, void *blocks, size_t n, const float *importance)
{
    (void)importance;
    memcpy(blocks, x, n * sizeof *x);
}

static void encode_f16(const float *x, void *blocks, size_t n, const float *importance)
{
    (void)importance;
    for (size_t i = 0; i < n; i++)
        wt_store_f16((uint8_t *)blocks + 2 * i, x[i]);
}

static void encode_bf16(const float *x, void *blocks, size_t n, const float *importance)
{
    (void)importance;
    for (size_t i = 0; i < n; i++)
        memcpy((uint8_t *)blocks + 2 * i, &(uint16_t){ wt_f32_to_bf16(x[i]) }, 2);
}

static const wt_block_codec codecs[] = {
    { WT_F32, decode_f32, encode_f32 },
    { WT_F16, decode_f16, encode_f16 },
    { WT_BF16, decode_bf16, encode_bf16 },
    { WT_Q4_0, wt_decode_q4_0, wt_encode_q4_0 },
    { WT_Q4_1, wt_decode_q4_1, wt_encode_q4_1 },
    { WT_Q5_0, wt_decode_q5_0, wt_encode_q5_0 },
    { WT_Q5_1, wt_decode_q5_1, wt_encode_q5_1 },
    { WT_Q8_0, wt_decode_q8_0, wt_encode_q8_0 },
    { WT_Q2_K, wt_decode_q2_k, wt_encode_q2_k },
    { WT_Q3_K, wt_decode_q3_k, wt_encode_q3_k },
    { WT_Q4_K, wt_decode_q4_k, wt_encode_q4_k },
    { WT_Q5_K, wt_decode_q5_k, wt_encode_q5_k },
    { WT_Q6_K, wt_decode_q6_k, wt_encode_q6_k },
    { WT_IQ2_XXS, wt_decode_iq2_xxs, NULL },
    { WT_IQ2_XS, wt_decode_iq2_xs, NULL },
    { WT_IQ3_XXS, wt_decode_iq3_xxs, NULL },
    { WT_IQ1_S, wt_decode_iq1_s, NULL },
    { WT_IQ4_NL, wt_decode_iq4_nl, wt_encode_iq4_nl },
    { WT_IQ3_S, wt_decode_iq3_s, NULL },
    { WT_IQ2_S, wt_decode_iq2_s, NULL },
    { WT_IQ4_XS, wt_decode_iq4_xs, wt_encode_iq4_xs },
    { WT_IQ1_M, wt_decode_iq1_m, NULL },
    { WT_TQ1_0, wt_decode_tq1_0, wt_encode_tq1_0 },
    { WT_TQ2_0, wt_decode_tq2_0, wt_encode_tq2_0 },
    { WT_MXFP4, wt_decode_mxfp4, wt_encode_mxfp4 },
    { WT_NVFP4, wt_decode_nvfp4, wt_encode_nvfp4 },
    { WT_Q1_0, wt_decode_q1_0, wt_encode_q1_0 },
    { WT_Q2_0, wt_decode_q2_0, wt_encode_q2_0 },
    { WT_AFFINE8, wt_decode_affine8, NULL },
};

const wt_block_codec *wt_block_codec_get(wt_dtype dtype)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(codecs); i++)
        if (codecs[i].dtype == dtype)
            return &codecs[i];
    return NULL;
}
