/* block_pack_avx2.c - packing weights into groups, and activations into panels. See blocks.h.
 *
 * AVX2 here is for conversions to half precision and for the activations; every row that uses these files has it. */
#include <immintrin.h>
#include <math.h>
#include "base/base.h"
#include "run/kernels/x86/blocks.h"

/* Packing from SHARED_FROM bytes on is shared by the context's threads: p->threads is 1 where they are at work. */
enum { COLUMNS = 32, QUADS = 8, SHARED_FROM = 1 << 18 };

bool wt_block_weights_layout(wt_block_weights *w, const wt_tensor *t)
{
    const wt_block_form *f = wt_block_form_get(t->dtype);
    const int rank = t->shape.rank;
    if (!f || rank < 2 || rank > 3)
        return false;
    const int64_t k = t->shape.dim[rank - 1], n = t->shape.dim[rank - 2], matrices = rank == 3 ? t->shape.dim[0] : 1;
    if (k < 1 || n < 1 || matrices < 1 || k % (int64_t)f->len)
        return false;
    *w = (wt_block_weights){ .form = f, .data = t->data, .matrices = (size_t)matrices, .n = (size_t)n, .k = (size_t)k };
    w->groups = (w->n + WT_GROUP - 1) / WT_GROUP;
    w->blocks = w->k / COLUMNS;
    w->block_bytes = (size_t)f->bits * 64 + (size_t)f->halves * 32 * (f->offset ? 2 : 1);
    size_t all;
    return !wt_mul_overflows(w->blocks, w->block_bytes, &w->group_bytes) &&
           !wt_mul_overflows(w->groups, w->group_bytes, &all) && !wt_mul_overflows(all, w->matrices, &all) &&
           !wt_add_overflows(all, WT_PACKED_HEAD, &w->bytes);
}

static uint32_t four(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

/* 32 codes of one row into the planes of a block, four at a time. */
static void put_codes(const wt_block_form *f, size_t row, const uint8_t *code, char *planes)
{
    char *to = planes + 4 * row;
    for (size_t i = 0; f->bits == 8 && i < QUADS; i++)
        memcpy(to + 64 * i, code + 4 * i, 4);
    if (f->bits == 8)
        return;
    for (size_t i = 0; f->bits >= 4 && i < 4; i++) {
        const uint32_t v = (four(code + 4 * i) & 0x0f0f0f0f) | (four(code + 16 + 4 * i) & 0x0f0f0f0f) << 4;
        memcpy(to + 64 * i, &v, 4);
    }
    to += f->bits >= 4 ? 256 : 0;
    if (f->bits == 6 || f->bits < 4) {
        const int shift = f->bits == 6 ? 4 : 0;
        for (size_t g = 0; g < 2; g++) {
            uint32_t v = 0;
            for (size_t s = 0; s < 4; s++)
                v |= (four(code + 16 * g + 4 * s) >> shift & 0x03030303) << (2 * s);
            memcpy(to + 64 * g, &v, 4);
        }
        to += 128;
    }
    if (f->bits & 1) {
        uint8_t *bits = (uint8_t *)to - 4 * row + row / 2;
        for (size_t i = 0; i < QUADS; i++) {
            const uint32_t v = four(code + 4 * i) >> (f->bits - 1) & 0x01010101;
            bits[8 * i] |= (uint8_t)(((v | v >> 7 | v >> 14 | v >> 21) & 15) << (4 * (row % 2)));
        }
    }
}

static float larger(float a, float b) { return a > b ? a : b; }

static void put_half(char *to, size_t i, float v)
{
    const uint16_t h = (uint16_t)_cvtss_sh(v, _MM_FROUND_TO_NEAREST_INT);
    memcpy(to + 2 * i, &h, 2);
}

/* The 256 or 32 weights of one file block; returns the largest scale or offset. */
static float put_block(const wt_block_weights *w, size_t row, const wt_codes *c, float factor, char *to)
{
    const wt_block_form *f = w->form;
    const size_t halves = (size_t)f->halves, heads = halves * (f->offset ? 2 : 1);
    float top = 0;
    for (size_t b = 0; b < f->len / COLUMNS; b++, to += w->block_bytes) {
        for (size_t h = 0; h < halves; h++) {
            const float scale = c->scale[b * halves + h], offset = f->offset ? c->offset[b * halves + h] : 0;
            top = larger(top, larger(fabsf(scale), fabsf(offset)));
            put_half(to, h * 16 + row, scale * factor);
            if (f->offset)
                put_half(to, (halves + h) * 16 + row, offset * factor);
        }
        put_codes(f, row, c->code + b * COLUMNS, to + 32 * heads);
    }
    return top;
}

typedef struct packing {
    const wt_block_weights *w;
    char *packed;
    float factor;
    float top[]; /* of each member: the largest scale or offset */
} packing;

/* Groups [begin, end) of all matrices. */
static float pack_groups(const packing *p, size_t begin, size_t end)
{
    const wt_block_weights *w = p->w;
    const wt_block_form *f = w->form;
    float top = 0;
    wt_codes codes;
    for (size_t g = begin; g < end; g++) {
        const size_t first = g % w->groups * WT_GROUP, rows = w->n - first < WT_GROUP ? w->n - first : WT_GROUP;
        const char *from = (const char *)w->data + (g / w->groups * w->n + first) * (w->k / f->len) * f->bytes;
        for (size_t r = 0; r < rows; r++) {
            char *to = p->packed + WT_PACKED_HEAD + g * w->group_bytes;
            for (size_t i = 0; i < w->k / f->len; i++, to += f->len / COLUMNS * w->block_bytes, from += f->bytes) {
                f->read(from, &codes);
                top = larger(top, put_block(w, r, &codes, p->factor, to));
            }
        }
    }
    return top;
}

static void pack_member(void *arg, wt_team *team, int tid, int nthreads)
{
    packing *p = arg;
    size_t begin, end;
    (void)team;
    wt_split(p->w->groups * p->w->matrices, 1, tid, nthreads, &begin, &end);
    p->top[tid] = pack_groups(p, begin, end);
}

typedef struct pack_arg {
    const wt_block_weights *w;
    wt_context *ctx;
    int threads;
} pack_arg;

static wt_status pack_with(const pack_arg *a, float factor, void *packed, float *top, wt_err *err)
{
    wt_pool *pool = NULL;
    const int threads = a->w->bytes >= SHARED_FROM ? a->threads : 1;
    packing *p = wt_alloc(a->ctx, 1, sizeof *p + (size_t)threads * sizeof *p->top, err);
    if (!p)
        return WT_ENOMEM;
    *p = (packing){ .w = a->w, .packed = packed, .factor = factor };
    const wt_status st = threads > 1 ? wt_context_pool(a->ctx, &pool, err) : WT_OK;
    /* Whoever holds the pool may be waiting for this very packing (pack.h): then it is made alone. */
    if (st == WT_OK && !(pool && wt_pool_try_run(pool, threads, pack_member, p)))
        pack_member(p, NULL, 0, 1);
    *top = 0;
    for (int i = 0; i < threads; i++)
        *top = larger(*top, p->top[i]);
    wt_free(a->ctx, p);
    return st;
}

static wt_status pack(void *arg, void *packed, wt_err *err)
{
    const pack_arg *a = arg;
    float factor = 1, top;
    WT_TRY(pack_with(a, 1, packed, &top, err));
    if (top > 65504 && isfinite(top)) { /* beyond half precision: smaller scales here, larger ones of the activations */
        memset(packed, 0, a->w->bytes);
        while (top / factor > 65504)
            factor *= 2;
        WT_TRY(pack_with(a, 1 / factor, packed, &top, err));
    }
    *(float *)packed = factor;
    return WT_OK;
}

wt_status wt_block_weights_pack(const wt_block_weights *w, const wt_prep *p, const void **packed, wt_err *err)
{
    const wt_pack_key key = { .data = w->data,
                              .kind = "x86 block groups",
                              .dims = { (int64_t)w->form->dtype, (int64_t)w->matrices, (int64_t)w->n, (int64_t)w->k } };
    pack_arg arg = { w, p->ctx, p->threads };
    return wt_pack_get(p->packs, &key, w->bytes, pack, &arg, packed, err);
}

/* --- activations -------------------------------------------------------------------------------------------------- */
/* The largest magnitude; of integers, so that NaN is larger than all. */
static float largest(__m256 a, __m256 b, __m256 c, __m256 d)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    const __m256i ab = _mm256_max_epi32(_mm256_and_si256(magnitude, _mm256_castps_si256(a)),
                                        _mm256_and_si256(magnitude, _mm256_castps_si256(b)));
    const __m256i cd = _mm256_max_epi32(_mm256_and_si256(magnitude, _mm256_castps_si256(c)),
                                        _mm256_and_si256(magnitude, _mm256_castps_si256(d)));
    const __m256i all = _mm256_max_epi32(ab, cd);
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    return _mm_cvtss_f32(_mm_castsi128_ps(m));
}

static int32_t sum4(__m128i v)
{
    v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1)));
}

/* One row's block; `at` is its tile's block, of c rows, and r the row there. */
static void quantize(const wt_block_form *f, const float *x, float factor, char *at, size_t c, size_t r)
{
    const __m256 v0 = _mm256_loadu_ps(x), v1 = _mm256_loadu_ps(x + 8), v2 = _mm256_loadu_ps(x + 16),
                 v3 = _mm256_loadu_ps(x + 24);
    const float top = largest(v0, v1, v2, v3), scale = top / 127;
    const __m256 inverse = _mm256_set1_ps(top > 0 && 127 / top < INFINITY ? 127 / top : 0);
    const __m256i a = _mm256_packs_epi32(_mm256_cvtps_epi32(_mm256_mul_ps(v0, inverse)),
                                         _mm256_cvtps_epi32(_mm256_mul_ps(v1, inverse)));
    const __m256i b = _mm256_packs_epi32(_mm256_cvtps_epi32(_mm256_mul_ps(v2, inverse)),
                                         _mm256_cvtps_epi32(_mm256_mul_ps(v3, inverse)));
    const __m256i code = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, b),
                                                     _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    const __m256i fours = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), code), _mm256_set1_epi16(1));
    const int32_t low = sum4(_mm256_castsi256_si128(fours)), high = sum4(_mm256_extracti128_si256(fours, 1));
    const int32_t sums[2] = { f->halves == 2 ? low : low + high, high };
    float *scales = (float *)(void *)at;
    int32_t *sum = (int32_t *)(void *)(at + 4 * c), *codes = sum + c * (size_t)f->halves, all[QUADS];
    scales[r] = scale * factor;
    for (size_t h = 0; h < (size_t)f->halves; h++) {
        const float real = scale * factor * (float)sums[h];
        const int32_t whole = -f->zero * sums[h];
        memcpy(&sum[h * c + r], f->offset ? (const void *)&real : (const void *)&whole, 4);
    }
    _mm256_storeu_si256((__m256i *)(void *)all, code);
    for (size_t i = 0; i < QUADS; i++)
        codes[i * c + r] = all[i];
}

void wt_act_pack_avx2(const wt_block_form *f, const float *x, size_t stride, size_t blocks, size_t begin, size_t end,
                      float factor, char *panel)
{
    const size_t row_block = 4 * (size_t)(9 + f->halves);
    for (size_t i = begin; i < end; i += WT_TILE_ROWS) {
        const size_t rows = end - i < WT_TILE_ROWS ? end - i : WT_TILE_ROWS, c = wt_act_tile(rows);
        char *tile = panel + i * blocks * row_block;
        if (rows < c)
            memset(tile, 0, c * blocks * row_block);
        for (size_t r = 0; r < rows; r++)
            for (size_t b = 0; b < blocks; b++)
                quantize(f, x + (i + r) * stride + b * COLUMNS, factor, tile + b * c * row_block, c, r);
    }
}
