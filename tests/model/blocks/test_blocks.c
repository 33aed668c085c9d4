/* Block codecs: bytes equal to the reference's golden blocks, plausible round trips, hostile numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hash.h"
#include "model/blocks/blocks.h"
#include "support/test.h"
#include "golden_blocks.h"

static void input(float *x, float *importance, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = ((float)((37 * i + 11) % 101) - 50) / 64;
        importance[i] = (float)(1 + i % 5);
    }
}

static void golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(golden_blocks); i++) {
        const struct golden_block *g = &golden_blocks[i];
        const wt_dtype_info *type = wt_dtype_get(g->dtype);
        float x[256], importance[256];
        uint8_t got[300];
        char hex[600] = "";
        input(x, importance, type->block_len);
        wt_block_codec_get(g->dtype)->encode(x, got, type->block_len, g->importance ? importance : NULL);
        for (size_t b = 0; b < type->block_bytes; b++)
            snprintf(hex + 2 * b, 3, "%02x", got[b]);
        if (strcmp(hex, g->hex) != 0)
            print_error("%s%s\n", type->name, g->importance ? " with importance" : "");
        assert_string_equal(hex, g->hex);
    }
}

/* Every block format has a codec; decoding reads whole blocks only and gives finite numbers for finite scales. */
static void complete(void **state)
{
    (void)state;
    for (int t = 1; t < WT_DTYPE_COUNT; t++) {
        const wt_block_codec *codec = wt_block_codec_get((wt_dtype)t);
        const bool wanted = wt_dtype_is_block((wt_dtype)t) || t == WT_F32 || t == WT_F16 || t == WT_BF16;
        assert_int_equal(codec != NULL, wanted);
        if (codec)
            assert_true(codec->dtype == (wt_dtype)t && codec->decode);
    }
}

static double sqnr_db(const float *x, const float *y, size_t n)
{
    double signal = 0, noise = 0;
    for (size_t i = 0; i < n; i++) {
        signal += (double)x[i] * x[i];
        noise += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
    }
    return 10 * log10(signal / noise);
}

static float gaussian(uint64_t *seed)
{
    const double u = wt_random_unit(seed), v = wt_random_unit(seed);
    return (float)(sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v));
}

/* Gaussian weights keep what the bits promise: a bound for each format, from above and below. */
static void round_trips(void **state)
{
    (void)state;
    static const struct {
        wt_dtype dtype;
        double least_db;
    } bounds[] = { { WT_Q8_0, 45 },   { WT_Q6_K, 34 },   { WT_Q5_K, 28 },  { WT_Q5_1, 28 },
                   { WT_Q5_0, 27 },   { WT_Q4_K, 22.5 }, { WT_Q4_1, 22 },  { WT_IQ4_XS, 22 },
                   { WT_IQ4_NL, 22 }, { WT_Q4_0, 21 },   { WT_NVFP4, 19 }, { WT_MXFP4, 18 },
                   { WT_Q3_K, 16 },   { WT_Q2_K, 10 },   { WT_BF16, 55 },  { WT_F16, 73 } };
    enum { N = 4096 };
    static float x[N], y[N];
    static uint8_t blocks[2 * N];
    uint64_t seed = 7;
    for (size_t i = 0; i < N; i++)
        x[i] = gaussian(&seed) * 0.02f;
    for (size_t k = 0; k < WT_ARRAY_LEN(bounds); k++) {
        const wt_block_codec *codec = wt_block_codec_get(bounds[k].dtype);
        codec->encode(x, blocks, N, NULL);
        codec->decode(blocks, y, N);
        const double db = sqnr_db(x, y, N);
        const bool good = db >= bounds[k].least_db && db < bounds[k].least_db + 2;
        if (!good)
            print_error("%s: %.2f dB\n", wt_dtype_name(bounds[k].dtype), db);
        assert_true(good);
    }
}

/* All bytes are blocks: nothing outside is read or written. */
static void any_bytes(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int t = WT_Q4_0; t < WT_DTYPE_COUNT; t++) {
        const wt_dtype_info *type = wt_dtype_get((wt_dtype)t);
        const wt_block_codec *codec = wt_block_codec_get((wt_dtype)t);
        uint8_t *block = malloc(type->block_bytes); /* exact, so that a sanitizer sees one byte more */
        float *x = malloc(type->block_len * sizeof *x);
        for (int round = 0; round < 200; round++) {
            for (size_t i = 0; i < type->block_bytes; i++)
                block[i] = (uint8_t)(round == 0 ? 0 : round == 1 ? 255 : wt_random(&seed));
            codec->decode(block, x, type->block_len);
        }
        free(block);
        free(x);
    }
}

/* Zeros, subnormal numbers, one huge value: bytes come out, and zeros stay zeros. */
static void odd_numbers(void **state)
{
    (void)state;
    for (int t = WT_Q4_0; t < WT_DTYPE_COUNT; t++) {
        const wt_dtype_info *type = wt_dtype_get((wt_dtype)t);
        const wt_block_codec *codec = wt_block_codec_get((wt_dtype)t);
        if (!codec->encode)
            continue;
        for (int round = 0; round < 5; round++) {
            uint8_t *block = malloc(type->block_bytes);
            float *x = malloc(type->block_len * sizeof *x), *im = malloc(type->block_len * sizeof *x);
            for (size_t i = 0; i < type->block_len; i++) {
                x[i] = round == 0   ? 0
                       : round == 1 ? 1e-41f * (float)i
                       : round == 2 ? -0.0f
                       : round == 3 ? 1e-20f
                                    : 3e38f;
                im[i] = i % 2 ? 0 : 1;
            }
            codec->encode(x, block, type->block_len, im);
            codec->encode(x, block, type->block_len, NULL);
            codec->decode(block, x, type->block_len);
            for (size_t i = 0; (round == 0 || round == 2) && i < type->block_len; i++)
                assert_true(x[i] == 0);
            free(block);
            free(x);
            free(im);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(golden), cmocka_unit_test(complete),
                                        cmocka_unit_test(round_trips), cmocka_unit_test(any_bytes),
                                        cmocka_unit_test(odd_numbers) };
    return wt_test_run("blocks", tests, WT_ARRAY_LEN(tests));
}
