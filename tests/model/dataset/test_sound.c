/* Sounds: every sample format, resampling, frames, and files that lie. */
#include <math.h>
#include <stdlib.h>
#include "data_files.h"
#include "model/dataset/sound_input.h"

static wt_err err;
static const double pi = 3.14159265358979323846;

static wt_sound_input plan(const char *json, int rank, const int64_t *dims)
{
    wt_sound_input in;
    wt_preprocess pp;
    const wt_shape shape = wt_shape_make(rank, dims);
    wt_test_ok(wt_preprocess_parse(&pp, json, strlen(json), "test", &err), &err);
    wt_test_ok(wt_sound_input_init(&in, &pp, "x", WT_F32, &shape, &err), &err);
    return in;
}

static void formats(void **state)
{
    (void)state;
    static const struct {
        int format, bits;
        uint8_t bytes[8]; /* one sample of -0.5 */
    } rows[] = { { 1, 8, { 64 } },
                 { 1, 16, { 0, 0xc0 } },
                 { 1, 24, { 0, 0, 0xc0 } },
                 { 1, 32, { 0, 0, 0, 0xc0 } },
                 { 3, 32, { 0, 0, 0, 0xbf } },
                 { 3, 64, { 0, 0, 0, 0, 0, 0, 0xe0, 0xbf } } };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        uint8_t file[52] = "RIFF\0\0\0\0WAVEfmt \x10\0\0\0";
        wt_wav wav;
        float out[3];
        file[20] = (uint8_t)rows[i].format;
        file[22] = 1;
        file[25] = 0x40; /* 16384 Hz */
        file[32] = (uint8_t)(rows[i].bits / 8);
        file[34] = (uint8_t)rows[i].bits;
        memcpy(file + 36, "data", 4);
        file[40] = (uint8_t)(rows[i].bits / 8);
        memcpy(file + 44, rows[i].bytes, 8);
        wt_test_ok(wt_wav_parse(&wav, file, 44 + (size_t)rows[i].bits / 8, &err), &err);
        assert_true(wav.frames == 1 && wav.rate == 16384);
        wt_wav_read(&wav, file, -1, 3, -1, out);
        assert_true(out[0] == 0 && out[1] == -0.5f && out[2] == 0);
        wt_test_refused(wt_wav_parse(&wav, file, 44, &err), WT_EFORMAT, &err, "promises");
        file[34] = 12;
        wt_test_refused(wt_wav_parse(&wav, file, 52, &err), WT_EUNSUPPORTED, &err, "12 bits");
    }
}

static void damaged(void **state)
{
    (void)state;
    size_t len;
    uint8_t *file = wt_make_wav(8000, 2, 10, &len);
    wt_wav wav;
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *c = malloc(cut ? cut : 1);
        memcpy(c, file, cut);
        assert_int_equal(wt_wav_parse(&wav, c, cut, &err), WT_EFORMAT);
        free(c);
    }
    for (size_t i = 0; i < len; i++) {
        float out[16];
        file[i] = (uint8_t)~file[i];
        if (wt_wav_parse(&wav, file, len, NULL) == WT_OK)
            wt_wav_read(&wav, file, 0, 16, -1, out);
        file[i] = (uint8_t)~file[i];
    }
    file[32] = 3; /* a frame that does not hold its samples */
    wt_test_refused(wt_wav_parse(&wav, file, len, &err), WT_EFORMAT, &err, "frame of 3 bytes");
    file[32] = 4;
    memset(file + 40, 0xff, 4); /* a length that was never filled in: to the end */
    wt_test_ok(wt_wav_parse(&wav, file, len, &err), &err);
    assert_int_equal(wav.frames, 10);
    free(file);
}

/* A 1 kHz tone at 44.1 kHz, as 64-bit floats. */
static uint8_t *tone(int n, double hz, size_t *len)
{
    uint8_t *p = calloc(1, 44 + (size_t)n * 8);
    memcpy(p, "RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x03\0\x01\0\x44\xac\0\0\0\0\0\0\x08\0\x40\0data", 40);
    const uint32_t bytes = (uint32_t)n * 8;
    memcpy(p + 40, &bytes, 4);
    for (int i = 0; i < n; i++) {
        const double v = sin(2 * pi * hz * i / 44100);
        memcpy(p + 44 + i * 8, &v, 8);
    }
    *len = 44 + (size_t)n * 8;
    return p;
}

static void resampling(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    static const double rates[] = { 8000, 16000, 22050, 48000 };
    size_t len;
    wt_wav wav;
    uint8_t *file = tone(20000, 1000, &len);
    float out[1000], part[10];
    wt_test_ok(wt_wav_parse(&wav, file, len, &err), &err);
    for (size_t i = 0; i < WT_ARRAY_LEN(rates); i++) {
        wt_test_ok(wt_resample(ctx, &wav, file, -1, rates[i], 1000, 1000, out, &err), &err);
        for (int k = 0; k < 1000; k++)
            assert_true(fabs(out[k] - sin(2 * pi * 1000 * (k + 1000) / rates[i])) < 1e-5);
        wt_test_ok(wt_resample(ctx, &wav, file, -1, rates[i], 1500, 10, part, &err), &err);
        for (int k = 0; k < 10; k++) /* any piece is the same as in the whole */
            assert_true(fabsf(part[k] - out[500 + k]) < 1e-6f);
    }
    free(file);
    file = tone(20000, 12000, &len); /* above half of 16 kHz: must vanish */
    wt_test_ok(wt_wav_parse(&wav, file, len, &err), &err);
    wt_test_ok(wt_resample(ctx, &wav, file, -1, 16000, 1000, 1000, out, &err), &err);
    for (int k = 0; k < 1000; k++)
        assert_true(fabsf(out[k]) < 3e-5f);
    free(file);
    wt_test_context_close(ctx);
}

static void frames_and_channels(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    size_t len;
    wt_wav wav;
    wt_shape s;
    uint8_t *file = wt_make_wav(16000, 2, 1000, &len);
    float out[4000];
    wt_test_ok(wt_wav_parse(&wav, file, len, &err), &err);

    wt_sound_input in = plan("{\"frame\":256,\"hop\":128}", 2, (const int64_t[]){ 1, -1 });
    assert_int_equal(wt_sound_input_count(&in, &wav), 6); /* 0, 128 .. 640: 640 + 256 <= 1000 */
    wt_test_ok(wt_sound_input_shape(&in, &wav, &s, &err), &err);
    assert_true(s.rank == 2 && s.dim[0] == 1 && s.dim[1] == 256);
    wt_test_ok(wt_sound_input_apply(&in, ctx, &wav, file, 5, out, &err), &err);
    assert_true(fabsf(out[0] - (640 * 8 + 500) / 32768.f) < 1e-6f); /* the mean of both channels */

    in = plan("{\"mono\":false}", 3, (const int64_t[]){ -1, 2, -1 });
    assert_int_equal(wt_sound_input_count(&in, &wav), 1);
    wt_test_ok(wt_sound_input_shape(&in, &wav, &s, &err), &err);
    assert_true(s.rank == 3 && s.dim[1] == 2 && s.dim[2] == 1000);
    wt_test_ok(wt_sound_input_apply(&in, ctx, &wav, file, 0, out, &err), &err);
    assert_true(out[1000] == 1000 / 32768.f);

    in = plan("{}", 3, (const int64_t[]){ -1, 1500, 1 }); /* longer than the sound: zeros follow */
    assert_int_equal(wt_sound_input_count(&in, &wav), 1);
    wt_test_ok(wt_sound_input_shape(&in, &wav, &s, &err), &err);
    wt_test_ok(wt_sound_input_apply(&in, ctx, &wav, file, 0, out, &err), &err);
    assert_true(s.dim[1] == 1500 && out[999] != 0 && out[1000] == 0);

    in = plan("{\"mono\":false}", 2, (const int64_t[]){ 1, -1 });
    wt_test_refused(wt_sound_input_shape(&in, &wav, &s, &err), WT_EFORMAT, &err, "2 channel");
    wt_preprocess pp = wt_preprocess_defaults();
    const wt_shape image = wt_shape_make(4, (const int64_t[]){ 1, 3, 8, 8 });
    wt_test_refused(wt_sound_input_init(&in, &pp, "x", WT_F32, &image, &err), WT_EUNSUPPORTED, &err,
                    "cannot take a sound");
    free(file);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(formats), cmocka_unit_test(damaged),
                                        cmocka_unit_test(resampling), cmocka_unit_test(frames_and_channels) };
    return wt_test_run("sound", tests, WT_ARRAY_LEN(tests));
}
