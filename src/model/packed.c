/* packed.c - see the header. The value of a code is defined in one place (value_of); blocks are filled from the same
 * scale, offset and zero point, so that decoding one gives the same float. */
#include "model/packed.h"
#include <math.h>
#include <stdio.h>

enum { CHUNK = 512 /* codes at a time: whole blocks of every format */, BLOCK = 32 };

/* --- codes ---------------------------------------------------------------------------------------------------------
 */
static uint32_t word_at(const uint8_t *data, size_t index)
{
    uint32_t v;
    memcpy(&v, data + 4 * index, sizeof v);
    return v;
}

/* Bit streams of any width, eight codes in `bits` bytes. */
static void stream(const uint8_t *data, int bits, int64_t first, size_t n, uint8_t *out)
{
    const unsigned mask = (1u << bits) - 1;
    for (size_t i = 0; i < n; i++) {
        const size_t bit = (size_t)(first + (int64_t)i) * (size_t)bits, at = bit / 8, shift = bit % 8;
        unsigned v = data[at];
        if (shift + (size_t)bits > 8)
            v |= (unsigned)data[at + 1] << 8;
        out[i] = (uint8_t)(v >> shift & mask);
    }
}

static void down_columns(const wt_packed_codes *c, int64_t row, int64_t first, size_t n, uint8_t *out)
{
    const unsigned mask = (1u << c->bits) - 1;
    for (size_t i = 0; i < n; i++) {
        const size_t bit = (size_t)(first + (int64_t)i) * (size_t)c->bits, at = bit / 32, shift = bit % 32;
        uint32_t v = word_at(c->data, at * c->stride + (size_t)row) >> shift;
        if (shift + (size_t)c->bits > 32)
            v |= word_at(c->data, (at + 1) * c->stride + (size_t)row) << (32 - shift);
        out[i] = (uint8_t)(v & mask);
    }
}

void wt_packed_codes_at(const wt_packed_codes *c, int64_t row, int64_t first, size_t n, uint8_t *out)
{
    static const uint8_t awq[8] = { 0, 16, 4, 20, 8, 24, 12, 28 }; /* bit of each of eight rows */
    switch (c->order) {
    case WT_PACKED_ROWS: {
        const uint8_t *data = c->data + (size_t)row * c->stride;
        if (c->bits == 8)
            memcpy(out, data + first, n);
        else
            stream(data, c->bits, first, n, out);
        break;
    }
    case WT_PACKED_COLUMNS: down_columns(c, row, first, n, out); break;
    case WT_PACKED_AWQ:
        for (size_t i = 0; i < n; i++)
            out[i] = word_at(c->data, ((size_t)first + i) * c->stride + (size_t)row / 8) >> awq[row % 8] & 15;
        break;
    case WT_PACKED_FLAT:
        for (size_t i = 0; i < n; i++) {
            const size_t at = (size_t)row * c->stride + (size_t)first + i;
            out[i] = at % 2 ? c->data[at / 2] & 15 : c->data[at / 2] >> 4;
        }
        break;
    }
    for (size_t i = 0; c->is_signed && i < n; i++)
        out[i] ^= 128;
}

/* --- scales --------------------------------------------------------------------------------------------------------
 */
static float factor(const wt_packed_factors *f, int64_t row, int64_t group)
{
    const int64_t at = row * f->row_step + group * f->group_step;
    uint16_t half;
    float wide;
    switch (f->dtype) {
    case WT_F16: memcpy(&half, f->data + 2 * at, 2); return wt_f16_to_f32(half);
    case WT_BF16: memcpy(&half, f->data + 2 * at, 2); return wt_bf16_to_f32(half);
    case WT_F32: memcpy(&wide, f->data + 4 * at, 4); return wide;
    default: return wt_f8_to_f32(f->data[at], f->dtype);
    }
}

typedef struct run {
    float scale, offset;
    int zero;
    bool has_zero; /* offset == -zero * scale */
} run;

static bool all_zero(const wt_packed *p, int64_t row, int64_t group)
{
    uint8_t codes[CHUNK];
    const int64_t from = group * p->group, to = from + p->group < p->columns ? from + p->group : p->columns;
    for (int64_t at = from; at < to; at += CHUNK) {
        const size_t n = (size_t)(to - at < CHUNK ? to - at : CHUNK);
        wt_packed_codes_at(&p->codes, row, at, n, codes);
        for (size_t i = 0; i < n; i++)
            if (codes[i])
                return false;
    }
    return true;
}

/* The zero point that an offset amounts to. */
static void find_zero(const wt_packed *p, run *r)
{
    const int middle = 1 << (p->codes.bits - 1);
    if (r->scale == 0.0f) {
        r->has_zero = r->offset == 0.0f;
        r->zero = middle;
        return;
    }
    const float z = rintf(-r->offset / r->scale);
    r->has_zero = z >= 0 && z <= 255 && z * r->scale == -r->offset;
    r->zero = r->has_zero ? (int)z : 0;
}

static run run_at(const wt_packed *p, int64_t row, int64_t group)
{
    run r = { .scale = 1 };
    const int64_t shared = p->row_group ? row / p->row_group : row;
    if (p->scale.data)
        r.scale = factor(&p->scale, shared, group);
    if (p->divisor != 0.0)
        r.scale /= (float)p->divisor;
    if (p->number != WT_PACKED_INTEGER)
        return r;
    if (p->offset.data) {
        r.offset = factor(&p->offset, shared, group);
        /* MLX gives a group of equal values a scale of 1e-7 that nothing is multiplied with */
        if (fabsf(r.scale) <= 2e-7f && !wt_is_half(r.scale) && !p->group_of && all_zero(p, row, group))
            r.scale = 0;
        find_zero(p, &r);
        return r;
    }
    r.zero = p->zero;
    if (p->zeros.data) {
        uint8_t z;
        if (p->zeros_by_row)
            wt_packed_codes_at(&p->zeros, row, group, 1, &z);
        else
            wt_packed_codes_at(&p->zeros, group, row, 1, &z);
        r.zero = (r.zero + z) & ((1 << p->codes.bits) - 1); /* GPTQ stores 0 as all bits set */
    }
    r.has_zero = true;
    r.offset = -(float)r.zero * r.scale;
    return r;
}

/* --- which type ----------------------------------------------------------------------------------------------------
 */
typedef struct facts {
    bool half, half_offset; /* all scales, offsets are numbers of float16 */
    bool integral;          /* all offsets are zero points */
    bool narrow;            /* all scales have 16 bits at most: codes and zero points times them are exact */
    bool power;             /* all scales are powers of two, and far from the ends of the range */
    bool positive;
    int low, high; /* of code - zero */
} facts;

static wt_status bad_scale(const wt_packed *p, int64_t row, int64_t group, const run *r, wt_err *err)
{
    const bool scale = !isfinite(r->scale);
    wt_fail_at(err, WT_EFORMAT, p->source, "tensor '%.120s': the %s of row %lld, group %lld is %s", p->name,
               scale ? "scale" : "offset", (long long)row, (long long)group,
               isnan(scale ? r->scale : r->offset) ? "NaN" : "infinite");
    wt_err_hint(err, "the file is damaged: download the model again");
    return WT_EFORMAT;
}

static void note(facts *f, const wt_packed *p, const run *r)
{
    uint32_t bits;
    int exponent = 0;
    memcpy(&bits, &r->scale, sizeof bits);
    f->half &= wt_is_half(r->scale);
    f->half_offset &= wt_is_half(r->offset);
    f->narrow &= (bits & 0xff) == 0;
    f->positive &= r->scale >= 0 && !signbit(r->scale);
    f->power &= frexpf(r->scale, &exponent) == 0.5f && exponent > -100 && exponent < 100;
    f->integral &= r->has_zero;
    f->low = -r->zero < f->low ? -r->zero : f->low;
    const int high = (1 << p->codes.bits) - 1 - r->zero;
    f->high = high > f->high ? high : f->high;
}

static wt_dtype choose_integer(const wt_packed *p, const facts *f)
{
    const bool signs = f->integral && f->half, offsets = f->half && f->half_offset;
    if (p->group_of || p->columns % BLOCK || (p->group % BLOCK && p->group < p->columns))
        return WT_F32;
    if (signs && f->low >= -8 && f->high <= 7)
        return WT_Q4_0;
    if (offsets && p->codes.bits <= 4)
        return WT_Q4_1;
    if (signs && f->low >= -16 && f->high <= 15)
        return WT_Q5_0;
    if (offsets && p->codes.bits <= 5)
        return WT_Q5_1;
    if (signs && f->low >= -128 && f->high <= 127)
        return WT_Q8_0;
    return p->offset.data || f->narrow ? WT_AFFINE8 : WT_F32;
}

static wt_dtype choose(const wt_packed *p, const facts *f)
{
    switch (p->number) {
    case WT_PACKED_INTEGER: return choose_integer(p, f);
    case WT_PACKED_E2M1:
        if (p->codes.order != WT_PACKED_ROWS || p->divisor != 0.0 || p->row_group)
            return WT_F32;
        if (p->scale.dtype == WT_F8E8M0 && p->group == 32 && p->columns % 32 == 0)
            return WT_MXFP4;
        return p->scale.dtype == WT_F8E4M3FN && p->group == 16 && p->columns % 64 == 0 && f->positive ? WT_NVFP4
                                                                                                      : WT_F32;
    case WT_PACKED_E4M3:
    case WT_PACKED_E5M2: return f->power ? WT_BF16 : WT_F32;
    case WT_PACKED_TABLE: break;
    }
    return WT_F32;
}

/* Scales that led to a block of integers have few enough bits for AFFINE8. */
wt_dtype wt_packed_common(wt_dtype a, wt_dtype b)
{
    static const wt_dtype integers[] = { WT_Q4_0, WT_Q4_1, WT_Q5_0, WT_Q5_1, WT_Q8_0, WT_AFFINE8 };
    int found = 0;
    if (a == b)
        return a;
    for (size_t i = 0; i < WT_ARRAY_LEN(integers); i++)
        found += (a == integers[i]) + (b == integers[i]);
    return found == 2 ? WT_AFFINE8 : WT_F32;
}

wt_status wt_packed_choose(wt_packed *p, wt_err *err)
{
    facts f = { .half = true, .half_offset = true, .integral = true, .narrow = true, .power = true, .positive = true };
    const int64_t step = p->row_group && !p->zeros.data ? p->row_group : 1;
    for (int64_t row = 0; row < p->rows; row += step)
        for (int64_t g = 0; g < p->groups; g++) {
            const run r = run_at(p, row, g);
            if (!isfinite(r.scale) || !isfinite(r.offset))
                return bad_scale(p, row, g, &r, err);
            note(&f, p, &r);
        }
    p->dtype = choose(p, &f);
    return WT_OK;
}

/* --- rows ----------------------------------------------------------------------------------------------------------
 */
static float value_of(const wt_packed *p, const run *r, uint8_t code)
{
    switch (p->number) {
    case WT_PACKED_INTEGER:
        return p->offset.data ? (float)code * r->scale + r->offset : (float)((int)code - r->zero) * r->scale;
    case WT_PACKED_E2M1: return wt_f4_to_f32(code) * r->scale;
    case WT_PACKED_E4M3: return wt_f8_to_f32(code, WT_F8E4M3FN) * r->scale;
    case WT_PACKED_E5M2: return wt_f8_to_f32(code, WT_F8E5M2) * r->scale;
    case WT_PACKED_TABLE: break;
    }
    return p->table[code & 15] * r->scale;
}

static int64_t group_at(const wt_packed *p, int64_t column)
{
    return p->group_of ? (int64_t)(int32_t)word_at(p->group_of, (size_t)column) : column / p->group;
}

static void put_floats(const wt_packed *p, int64_t row, int64_t first, size_t n, const uint8_t *codes, uint8_t *out)
{
    int64_t group = -1;
    run r = { 0 };
    for (size_t i = 0; i < n; i++) {
        const int64_t g = group_at(p, first + (int64_t)i);
        if (g != group)
            r = run_at(p, row, g), group = g;
        const float v = value_of(p, &r, codes[i]);
        if (p->dtype == WT_BF16)
            memcpy(out + 2 * i, &(uint16_t){ wt_f32_to_bf16(v) }, 2);
        else
            memcpy(out + 4 * i, &v, 4);
    }
}

/* Codes as bytes of a block: nibbles in halves, fifth bits in a word before them. */
static void put_nibbles(const uint8_t *codes, size_t half, uint8_t *out)
{
    for (size_t j = 0; j < half; j++)
        out[j] = (uint8_t)((codes[j] & 15) | (codes[j + half] & 15) << 4);
}

static void put_half(uint8_t *out, float f) { memcpy(out, &(uint16_t){ wt_f32_to_f16(f) }, 2); }

static void put_block(const wt_packed *p, const run *r, const uint8_t *codes, uint8_t *out)
{
    uint8_t moved[BLOCK];
    uint32_t high = 0;
    const int middle = p->dtype == WT_Q4_0 ? 8 : p->dtype == WT_Q5_0 ? 16 : 0;
    const bool zero = p->dtype == WT_Q4_0 || p->dtype == WT_Q5_0 || p->dtype == WT_Q8_0;
    for (unsigned i = 0; i < BLOCK; i++) {
        moved[i] = (uint8_t)(zero ? (int)codes[i] - r->zero + middle : codes[i]);
        high |= (uint32_t)(moved[i] >> 4 & 1) << i;
    }
    if (p->dtype == WT_AFFINE8) {
        memcpy(out, &r->scale, 4);
        memcpy(out + 4, &r->offset, 4);
        memcpy(out + 8, codes, BLOCK);
        return;
    }
    put_half(out, r->scale);
    out += 2;
    if (p->dtype == WT_Q4_1 || p->dtype == WT_Q5_1)
        put_half(out, r->offset), out += 2;
    if (p->dtype == WT_Q5_0 || p->dtype == WT_Q5_1)
        memcpy(out, &high, 4), out += 4;
    if (p->dtype == WT_Q8_0)
        memcpy(out, moved, BLOCK);
    else
        put_nibbles(moved, BLOCK / 2, out);
}

/* Small floats: the codes and the bytes of the scales are those of the block. */
static void put_small_floats(const wt_packed *p, int64_t row, int64_t first, const uint8_t *codes, uint8_t *out)
{
    const int64_t g = first / p->group, shared = row * p->scale.row_step;
    const size_t scales = p->dtype == WT_NVFP4 ? 4 : 1, each = (size_t)p->group;
    for (size_t s = 0; s < scales; s++) {
        out[s] = p->scale.data[shared + (g + (int64_t)s) * p->scale.group_step];
        put_nibbles(codes + s * each, each / 2, out + scales + s * each / 2);
    }
}

static void put_blocks(const wt_packed *p, int64_t row, int64_t first, size_t n, const uint8_t *codes, uint8_t *out)
{
    const wt_dtype_info *type = wt_dtype_get(p->dtype);
    int64_t group = -1;
    run r = { 0 };
    for (size_t i = 0; i < n; i += type->block_len, out += type->block_bytes) {
        const int64_t at = first + (int64_t)i, g = at / p->group;
        if (p->number != WT_PACKED_INTEGER) {
            put_small_floats(p, row, at, codes + i, out);
            continue;
        }
        if (g != group)
            r = run_at(p, row, g), group = g;
        put_block(p, &r, codes + i, out);
    }
}

wt_status wt_packed_load(const wt_rows *rows, uint64_t first, uint64_t n, void *out, wt_err *err)
{
    const wt_packed *p = rows->from;
    const wt_dtype_info *type = wt_dtype_get(p->dtype);
    uint8_t codes[CHUNK], *to = out;
    if (first > (uint64_t)p->rows || n > (uint64_t)p->rows - first)
        return wt_fail(err, WT_EINTERNAL, "tensor '%.120s': rows beyond its end", p->name);
    for (int64_t row = (int64_t)first; row < (int64_t)(first + n); row++)
        for (int64_t at = 0; at < p->columns; at += CHUNK) {
            const size_t k = (size_t)(p->columns - at < CHUNK ? p->columns - at : CHUNK);
            wt_packed_codes_at(&p->codes, row, at, k, codes);
            if (wt_dtype_is_block(p->dtype))
                put_blocks(p, row, at, k, codes, to);
            else
                put_floats(p, row, at, k, codes, to);
            to += k / type->block_len * type->block_bytes;
        }
    return WT_OK;
}
