/* test_arch.c - every architecture answers what llama.cpp does, however its tokens are given. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "made_model.h"
#include "run/generate/language.h"

typedef struct machine {
    made_model m;
    wt_context *ctx;
    wt_language *language;
    wt_decoder *decoder;
    size_t width;
} machine;

static void open_machine_at(machine *p, const char *path, wt_dtype cache, const wt_decoder_options *options)
{
    wt_err err = { 0 };
    wt_language_options o = wt_language_defaults();
    wt_language_info info;
    o.k_dtype = o.v_dtype = cache;
    o.context = options->context;
    p->ctx = wt_test_context();
    wt_test_ok(wt_language_open(&p->language, p->ctx, path, &o, &err), &err);
    wt_language_describe(p->language, &info);
    p->width = (size_t)(info.encoder ? info.width : info.vocab);
    if (!info.encoder)
        wt_test_ok(wt_decoder_open(&p->decoder, p->language, options, &err), &err);
}

static void open_machine(machine *p, const char *name, wt_dtype cache, int sequences, int64_t batch)
{
    *p = (machine){ 0 };
    const char *path = made_model_path(&p->m, name);
    wt_decoder_options d = wt_decoder_defaults();
    d.context = p->m.context < 128 ? 128 : p->m.context;
    d.sequences = sequences;
    d.batch = batch;
    open_machine_at(p, path, cache, &d);
}

static void close_machine(machine *p)
{
    wt_decoder_close(p->decoder);
    wt_language_close(p->language);
    wt_test_context_close(p->ctx);
    made_model_free(&p->m);
}

static wt_seq open_seq(machine *p)
{
    wt_err err = { 0 };
    wt_seq seq = -1;
    wt_test_ok(wt_seq_open(p->decoder, &seq, &err), &err);
    return seq;
}

/* Appends tokens to a sequence; their answers go to `out` unless it is NULL. */
static void append(machine *p, wt_seq seq, const int32_t *tokens, size_t n, float *out)
{
    wt_err err = { 0 };
    wt_batch_token batch[128] = { 0 };
    for (size_t i = 0; i < n; i++)
        batch[i] = (wt_batch_token){ tokens[i], seq, out != NULL };
    wt_test_ok(wt_decoder_run(p->decoder, batch, n, &err), &err);
    for (size_t i = 0; out && i < n; i++)
        memcpy(out + i * p->width, wt_decoder_output(p->decoder, i), p->width * sizeof *out);
}

static float *new_rows(const machine *p)
{
    float *rows = calloc(WT_ARRAY_LEN(p->m.token) * p->width, sizeof *rows);
    assert_non_null(rows);
    return rows;
}

static double largest_error(const float *a, const float *b, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        const double e = fabs((double)a[i] - b[i]);
        worst = e <= worst ? worst : e; /* NaN stays */
    }
    return worst;
}

static double golden_error(const machine *p, const float *rows)
{
    double worst = 0;
    for (size_t r = 0; r < p->m.n_rows; r++) {
        const made_row *row = &p->m.row[r];
        assert_int_equal(row->n, (p->width + row->stride - 1) / row->stride);
        for (size_t i = 0; i < row->n; i++) {
            const double e = fabs((double)rows[row->position * p->width + i * row->stride] - row->value[i]);
            worst = e <= worst ? worst : e;
        }
    }
    return worst / p->m.range;
}

static void assert_golden(const machine *p, const float *rows, const char *name, const char *how)
{
    const double e = golden_error(p, rows);
    if (!(e <= p->m.tolerance))
        fail_msg("%s %s: off by %g of the range, allowed %g", name, how, e, p->m.tolerance);
}

/* Rows of two runs of the same model: only the order of additions may differ. */
static void assert_same(const machine *p, const float *a, const float *b, size_t rows, const char *how)
{
    const double e = largest_error(a, b, rows * p->width) / p->m.range;
    if (!(e <= 2e-5))
        fail_msg("%s: off by %g of the range", how, e);
}

/* --- what llama.cpp says -------------------------------------------------------------------------------------------
 */
static void in_one_pass(void **state)
{
    machine p;
    open_machine(&p, *state, WT_F32, 1, 0);
    float *rows = new_rows(&p);
    append(&p, open_seq(&p), p.m.token, p.m.n_tokens, rows);
    assert_golden(&p, rows, *state, "in one pass");
    free(rows);
    close_machine(&p);
}

static void token_by_token(void **state)
{
    machine p;
    open_machine(&p, *state, WT_F32, 1, 0);
    float *rows = new_rows(&p);
    const wt_seq seq = open_seq(&p);
    for (size_t i = 0; i < p.m.n_tokens; i++)
        append(&p, seq, p.m.token + i, 1, rows + i * p.width);
    assert_golden(&p, rows, *state, "token by token");
    free(rows);
    close_machine(&p);
}

static void in_small_passes(void **state)
{
    machine p;
    open_machine(&p, *state, WT_F32, 1, 13);
    float *rows = new_rows(&p);
    append(&p, open_seq(&p), p.m.token, p.m.n_tokens, rows);
    assert_golden(&p, rows, *state, "in passes of 13");
    free(rows);
    close_machine(&p);
}

/* Hidden states of an encoder, from its session. */
static void encoder_rows(void **state)
{
    machine p;
    int32_t positions[128];
    wt_session *session;
    wt_err err = { 0 };
    open_machine(&p, *state, WT_F32, 1, 0);
    const int64_t n = (int64_t)p.m.n_tokens;
    wt_tensor in[2];
    for (int i = 0; i < 2; i++)
        in[i] = (wt_tensor){ .dtype = WT_I32,
                             .shape = { .rank = 1, .dim = { n } },
                             .data = i ? positions : p.m.token,
                             .bytes = p.m.n_tokens * sizeof *positions };
    for (size_t i = 0; i < p.m.n_tokens; i++)
        positions[i] = (int32_t)i;
    wt_test_ok(wt_session_open(&session, p.language->plan, &err), &err);
    wt_test_ok(wt_session_run(session, in, 2, &err), &err);
    assert_golden(&p, wt_session_output(session, 0)->data, *state, "as an encoder");
    wt_session_close(session);
    close_machine(&p);
}

/* --- sequences -----------------------------------------------------------------------------------------------------
 */
/* Two texts whose tokens alternate in one batch answer what each answers alone. */
static void two_in_one_batch(void **state)
{
    machine p;
    wt_err err = { 0 };
    wt_batch_token batch[256];
    open_machine(&p, *state, WT_F32, 3, 0);
    const size_t n = p.m.n_tokens, width = p.width;
    int32_t other[128];
    float *a = new_rows(&p), *b = new_rows(&p), *got = new_rows(&p);
    for (size_t i = 0; i < n; i++)
        other[i] = p.m.token[n - 1 - i];
    const wt_seq alone = open_seq(&p), one = open_seq(&p), two = open_seq(&p);
    append(&p, alone, p.m.token, n, a);
    wt_test_ok(wt_seq_truncate(p.decoder, alone, 0, &err), &err);
    append(&p, alone, other, n, b);
    wt_seq_close(p.decoder, alone);
    for (size_t i = 0; i < n; i++) {
        batch[2 * i] = (wt_batch_token){ p.m.token[i], one, true };
        batch[2 * i + 1] = (wt_batch_token){ other[i], two, true };
    }
    wt_test_ok(wt_decoder_run(p.decoder, batch, 2 * n, &err), &err);
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < n; i++)
            memcpy(got + i * width, wt_decoder_output(p.decoder, 2 * i + (size_t)k), width * sizeof *got);
        assert_same(&p, got, k ? b : a, n, "alternating");
    }
    free(a);
    free(b);
    free(got);
    close_machine(&p);
}

/* A fork goes on as its source does, and neither sees what the other was given afterwards. */
static void forked_and_cut(void **state)
{
    machine p;
    wt_err err = { 0 };
    open_machine(&p, *state, WT_F32, 2, 0);
    const size_t n = p.m.n_tokens, width = p.width;
    float *all = new_rows(&p), *got = new_rows(&p);
    const wt_seq one = open_seq(&p), two = open_seq(&p);
    append(&p, one, p.m.token, n, all);
    static const int64_t cuts[] = { 0, 1, 31, 32, 33, 63, 64, 69 };
    for (size_t c = 0; c < WT_ARRAY_LEN(cuts); c++) {
        const size_t at = (size_t)cuts[c];
        wt_test_ok(wt_seq_fork(p.decoder, two, one, cuts[c], &err), &err);
        append(&p, two, p.m.token, 5, NULL); /* something else than what came there */
        assert_int_equal(wt_seq_length(p.decoder, two), cuts[c] + 5);
        wt_test_ok(wt_seq_truncate(p.decoder, two, cuts[c], &err), &err);
        wt_test_ok(wt_seq_truncate(p.decoder, one, cuts[c], &err), &err);
        append(&p, one, p.m.token + at, n - at, got + at * width);
        assert_same(&p, got + at * width, all + at * width, n - at, "cut");
        append(&p, two, p.m.token + at, n - at, got + at * width);
        assert_same(&p, got + at * width, all + at * width, n - at, "forked");
        wt_test_ok(wt_seq_truncate(p.decoder, two, 0, &err), &err);
    }
    free(all);
    free(got);
    close_machine(&p);
}

/* With one layer, what is cached of a token depends on the token and its place alone: after a shift the model answers
 * as if the forgotten tokens had never been there. */
static void shifted(void **state)
{
    machine p = { 0 };
    wt_err err = { 0 };
    char key[96], one_layer[96];
    made_model_read(&p.m, *state);
    snprintf(key, sizeof key, "key str general.architecture");
    const char *arch = NULL;
    for (size_t i = 0; i < p.m.n_lines; i++)
        if (!strncmp(p.m.line[i], key, strlen(key)))
            arch = p.m.line[i] + strlen(key) + 1;
    assert_non_null(arch);
    snprintf(key, sizeof key, "key u32 %s.block_count", arch);
    snprintf(one_layer, sizeof one_layer, "key u32 %s.block_count 1", arch);
    made_model_change(&p.m, key, one_layer);
    wt_decoder_options d = wt_decoder_defaults();
    d.context = 256;
    d.sequences = 3;
    open_machine_at(&p, made_model_write(&p.m, "one_layer.gguf"), WT_F32, &d);
    float *want = new_rows(&p), *got = new_rows(&p);
    const wt_seq one = open_seq(&p), two = open_seq(&p), other = open_seq(&p);
    const int64_t keep = 3, drop = 30, length = 60;
    append(&p, one, p.m.token, (size_t)length, NULL);
    wt_test_ok(wt_seq_fork(p.decoder, other, one, length, &err), &err);
    wt_test_ok(wt_seq_shift(p.decoder, one, keep, drop, &err), &err);
    assert_int_equal(wt_seq_length(p.decoder, one), length - drop);
    append(&p, one, p.m.token + length, 10, got);
    append(&p, two, p.m.token, (size_t)keep, NULL);
    append(&p, two, p.m.token + keep + drop, (size_t)(length - keep - drop), NULL);
    append(&p, two, p.m.token + length, 10, want);
    const double e = largest_error(got, want, 10 * p.width) / p.m.range;
    if (!(e <= 2e-5))
        fail_msg("shifted: off by %g of the range", e);
    /* The fork was not moved. */
    append(&p, other, p.m.token + length, 10, got);
    wt_test_ok(wt_seq_truncate(p.decoder, two, 0, &err), &err);
    append(&p, two, p.m.token, (size_t)length, NULL);
    append(&p, two, p.m.token + length, 10, want);
    assert_same(&p, got, want, 10, "the fork of what was shifted");
    free(want);
    free(got);
    close_machine(&p);
}

static void shift_without_rope(void **state)
{
    machine p;
    wt_err err = { 0 };
    (void)state;
    open_machine(&p, "gpt2", WT_F32, 1, 0);
    const wt_seq seq = open_seq(&p);
    append(&p, seq, p.m.token, 40, NULL);
    wt_test_refused(wt_seq_shift(p.decoder, seq, 1, 10, &err), WT_EUNSUPPORTED, &err, "learned positions");
    close_machine(&p);
}

/* --- smaller caches ------------------------------------------------------------------------------------------------
 */
static void cached(void **state)
{
    static const struct {
        wt_dtype dtype;
        double bound; /* of the mean error, as a part of the range */
    } caches[] = { { WT_F16, 2e-4 }, { WT_Q8_0, 4e-3 }, { WT_Q4_0, 6e-2 } };
    double before = 0;
    for (size_t c = 0; c < WT_ARRAY_LEN(caches); c++) {
        machine p;
        double mean = 0;
        open_machine(&p, *state, WT_F32, 1, 0);
        float *want = new_rows(&p), *got = new_rows(&p);
        append(&p, open_seq(&p), p.m.token, p.m.n_tokens, want);
        close_machine(&p);
        open_machine(&p, *state, caches[c].dtype, 1, 0);
        append(&p, open_seq(&p), p.m.token, p.m.n_tokens, got);
        for (size_t i = 0; i < p.m.n_tokens * p.width; i++)
            mean += fabs((double)got[i] - want[i]) / p.m.range / (double)(p.m.n_tokens * p.width);
        if (!(mean <= caches[c].bound && mean > before))
            fail_msg("%s: a cache of %s is off by %g of the range on average", (const char *)*state,
                     wt_dtype_name(caches[c].dtype), mean);
        before = mean;
        free(want);
        free(got);
        close_machine(&p);
    }
}

#define CASE(name, fn)                                                                                                 \
    {                                                                                                                  \
        name " " #fn, fn, NULL, NULL, (void *)(uintptr_t)name                                                          \
    }
#define DECODER(name) CASE(name, in_one_pass), CASE(name, token_by_token), CASE(name, in_small_passes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DECODER("llama"),
        DECODER("llama_bias"),
        DECODER("llama_freqs"),
        DECODER("llama_linear"),
        DECODER("llama_old_linear"),
        DECODER("llama_moe"),
        DECODER("smollm3"),
        DECODER("granite"),
        DECODER("granite_no_rope"),
        DECODER("granitemoe"),
        DECODER("qwen2"),
        DECODER("qwen2_yarn"),
        DECODER("qwen2moe"),
        DECODER("qwen2moe_plain"),
        DECODER("qwen3"),
        DECODER("qwen3moe"),
        DECODER("gemma"),
        DECODER("gemma2"),
        DECODER("gemma3"),
        DECODER("phi3_short"),
        DECODER("phi3_long"),
        DECODER("gpt2"),
        DECODER("gptneox"),
        DECODER("gptneox_serial"),
        DECODER("starcoder2"),
        DECODER("falcon_7b"),
        DECODER("falcon_40b"),
        DECODER("olmo2"),
        DECODER("olmo3"),
        DECODER("olmoe"),
        CASE("bert", encoder_rows),
        CASE("nomic_bert", encoder_rows),
        CASE("llama", two_in_one_batch),
        CASE("gemma2", two_in_one_batch),
        CASE("qwen3moe", two_in_one_batch),
        CASE("llama", forked_and_cut),
        CASE("gemma3", forked_and_cut),
        CASE("llama", shifted),
        CASE("llama_freqs", shifted),
        CASE("qwen2_yarn", shifted),
        CASE("qwen3", shifted),
        CASE("gemma2", shifted),
        CASE("gptneox", shifted),
        CASE("phi3_short", shifted),
        cmocka_unit_test(shift_without_rope),
        CASE("llama", cached),
        CASE("llama_linear", cached),
        CASE("qwen3", cached),
        CASE("gemma2", cached),
    };
    return wt_test_run("arch", tests, WT_ARRAY_LEN(tests));
}
