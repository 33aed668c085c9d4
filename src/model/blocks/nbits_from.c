/* nbits_from.c - block formats as matrices of MatMulNBits.
 *
 * Every value of these formats is an integer times a scale, plus a minimum in some. So only scale and minimum are read
 * from the block here; the integer is what the decoded value shows. */
#include "model/blocks/kquant.h"
#include "model/blocks/nbits.h"
#include <math.h>

typedef struct form_row {
    wt_dtype dtype;
    wt_nbits_form form;
    int middle; /* the stored code that becomes the middle of the range (of formats with minima) */
} form_row;

static const form_row rows[] = {
    { WT_Q4_0, { 4, 32, false }, 0 },  { WT_Q4_1, { 4, 32, true }, 8 },    { WT_Q5_0, { 8, 32, false }, 0 },
    { WT_Q5_1, { 8, 32, true }, 16 },  { WT_Q8_0, { 8, 32, false }, 0 },   { WT_Q2_K, { 4, 16, true }, 2 },
    { WT_Q3_K, { 4, 16, false }, 0 },  { WT_Q4_K, { 4, 32, true }, 8 },    { WT_Q5_K, { 8, 32, true }, 16 },
    { WT_Q6_K, { 8, 16, false }, 0 },  { WT_IQ4_NL, { 8, 32, false }, 0 }, { WT_IQ4_XS, { 8, 32, false }, 0 },
    { WT_MXFP4, { 8, 32, false }, 0 },
};

static const form_row *row_of(wt_dtype dtype)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        if (rows[i].dtype == dtype)
            return &rows[i];
    return NULL;
}

bool wt_nbits_form_of(wt_dtype dtype, wt_nbits_form *out)
{
    const form_row *row = row_of(dtype);
    if (row)
        *out = row->form;
    return row != NULL;
}

static float half_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return wt_f16_to_f32(h);
}

/* Scale and minimum of part g of a block of 256 (or of a whole smaller one). */
static void numbers(wt_dtype dtype, const uint8_t *b, int g, float *scale, float *low)
{
    int sc, mn;
    *low = 0;
    switch (dtype) {
    case WT_Q4_1:
    case WT_Q5_1: *scale = half_at(b), *low = half_at(b + 2); break;
    case WT_Q4_K:
    case WT_Q5_K:
        wt_q4_k_pair(b + 4, g, &sc, &mn);
        *scale = half_at(b) * (float)sc;
        *low = -half_at(b + 2) * (float)mn;
        break;
    case WT_Q2_K:
        *scale = half_at(b + 80) * (float)(b[g] & 15);
        *low = -half_at(b + 82) * (float)(b[g] >> 4);
        break;
    case WT_Q3_K: *scale = half_at(b + 108) * (float)wt_q3_k_scale(b + 96, g); break;
    case WT_Q6_K: *scale = half_at(b + 208) * (float)(int8_t)b[192 + g]; break;
    case WT_IQ4_XS:
        sc = (b[4 + g / 2] >> 4 * (g % 2) & 15) | ((b[2] | b[3] << 8) >> 2 * g & 3) << 4;
        *scale = half_at(b) * (float)(sc - 32);
        break;
    case WT_MXFP4: *scale = ldexpf(1, b[0] - 128); break; /* of values that are halves */
    default: *scale = half_at(b);
    }
}

static void put_code(uint8_t *codes, int bits, size_t i, int code)
{
    if (bits == 8)
        codes[i] = (uint8_t)code;
    else
        codes[i / 2] = (uint8_t)(i % 2 ? codes[i / 2] | code << 4 : code);
}

/* The integer whose multiple `v` is, as a code; scale 0: all values are the minimum. */
static int code_of(float v, float scale, float low, int middle, int bits)
{
    const int most = (1 << bits) - 1, zero = 1 << (bits - 1);
    const float steps = scale != 0 ? (v - low) / scale : (float)middle;
    const int code = (int)lrintf(isfinite(steps) ? fminf(fmaxf(steps, -1000), 1000) : 0) - middle + zero;
    return code < 0 ? 0 : code > most ? most : code;
}

void wt_nbits_from_row(wt_dtype dtype, const void *row, size_t k, float *room, uint8_t *codes, float *scales,
                       float *offsets)
{
    const form_row *r = row_of(dtype);
    const wt_dtype_info *info = wt_dtype_get(dtype);
    const size_t block = r->form.block;
    if (codes)
        wt_block_codec_get(dtype)->decode(row, room, k);
    for (size_t at = 0; at < k; at += block) {
        const uint8_t *b = (const uint8_t *)row + at / info->block_len * info->block_bytes;
        float scale, low;
        numbers(dtype, b, (int)(at % info->block_len / block), &scale, &low);
        if (scales)
            scales[at / block] = scale;
        if (offsets)
            offsets[at / block] = low + (float)r->middle * scale;
        for (size_t i = at; codes && i < at + block; i++)
            put_code(codes, r->form.bits, i, code_of(room[i], scale, low, r->middle, r->form.bits));
    }
}
