/* test_perplexity.c - perplexity as llama.cpp counts it (golden/perplexity.txt, made by tests/oracle/perplexity.py),
 * and files of reference logits: ours, llama.cpp's, and damaged ones. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "gguf_put.h"
#include "made_model.h"
#include "whet/language.h"

typedef struct golden {
    char text[1024];
    unsigned times, chunk, chunks, scored;
    double perplexity;
} golden;

static void read_golden(golden *g)
{
    char line[1024];
    FILE *f = fopen(wt_test_source("tests/run/language/golden/perplexity.txt"), "r");
    assert_non_null(f);
    *g = (golden){ 0 };
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, "text ", 5)) {
            line[strcspn(line, "\n")] = 0;
            strcpy(g->text, line + 5);
        } else if (line[0] != '#') {
            assert_true(sscanf(line, "times %u", &g->times) == 1 || sscanf(line, "chunk %u", &g->chunk) == 1 ||
                        sscanf(line, "chunks %u", &g->chunks) == 1 || sscanf(line, "scored %u", &g->scored) == 1 ||
                        sscanf(line, "perplexity %lf", &g->perplexity) == 1);
        }
    fclose(f);
}

typedef struct setting {
    golden g;
    made_model m;
    wt_context *ctx;
    const char *model, *text, *reference;
    wt_perplexity_options o;
} setting;

static const char *at_home(const char *name)
{
    static const char *folder;
    if (!folder)
        folder = wt_test_tmpdir();
    return wt_test_path(folder, name);
}

static void open_setting(setting *s)
{
    char all[4096] = "";
    *s = (setting){ 0 };
    read_golden(&s->g);
    for (unsigned i = 0; i < s->g.times; i++)
        strcat(all, s->g.text);
    s->ctx = wt_test_context();
    s->model = made_model_path(&s->m, "llama");
    s->text = at_home("text.txt");
    s->reference = at_home("reference");
    wt_test_write(s->text, all, strlen(all));
    s->o = wt_perplexity_defaults();
    s->o.language.k_dtype = s->o.language.v_dtype = WT_F32;
    s->o.text = s->text;
    s->o.ctx = s->g.chunk;
    s->o.force = 1;
}

static void close_setting(setting *s)
{
    made_model_free(&s->m);
    wt_test_context_close(s->ctx);
}

static wt_result *measure(setting *s)
{
    wt_result *result;
    wt_err err = { 0 };
    wt_test_ok(wt_perplexity(&result, s->ctx, s->model, &s->o, &err), &err);
    return result;
}

static void near(double got, double want, double relative, const char *what)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        fail_msg("%s is %.9g, expected %.9g", what, got, want);
}

/* --- llama.cpp's figure --------------------------------------------------------------------------------------------
 */
static void as_llama_cpp(void **state)
{
    setting s;
    (void)state;
    open_setting(&s);
    wt_result *r = measure(&s);
    assert_int_equal((int)wt_result_number(r, 0, "chunks"), s.g.chunks);
    assert_int_equal((int)wt_result_number(r, 0, "tokens_scored"), s.g.scored);
    near(wt_result_number(r, 0, "perplexity"), s.g.perplexity, 1e-5, "perplexity");
    const double low = wt_result_number(r, 0, "ppl_ci95[0]"), high = wt_result_number(r, 0, "ppl_ci95[1]");
    assert_true(low < s.g.perplexity && s.g.perplexity < high);
    wt_result_free(r);
    s.o.chunks = 1;
    r = measure(&s);
    assert_int_equal((int)wt_result_number(r, 0, "chunks"), 1);
    wt_result_free(r);
    close_setting(&s);
}

static void refuses(void **state)
{
    setting s;
    wt_err err = { 0 };
    wt_result *r;
    (void)state;
    open_setting(&s);
    s.o.ctx = 3;
    wt_test_refused(wt_perplexity(&r, s.ctx, s.model, &s.o, &err), WT_EUSAGE, &err, "too short to score");
    s.o.ctx = 513;
    wt_test_refused(wt_perplexity(&r, s.ctx, s.model, &s.o, &err), WT_EUSAGE, &err, NULL);
    s.o.ctx = 500;
    wt_test_refused(wt_perplexity(&r, s.ctx, s.model, &s.o, &err), WT_EUSAGE, &err, "fewer than one chunk");
    s.o.text = NULL;
    wt_test_refused(wt_perplexity(&r, s.ctx, s.model, &s.o, &err), WT_EUSAGE, &err, "no text");
    s.o.text = at_home("not there");
    assert_int_not_equal(wt_perplexity(&r, s.ctx, s.model, &s.o, &err), WT_OK);
    assert_null(r);
    close_setting(&s);
}

/* --- references ----------------------------------------------------------------------------------------------------
 */
static void make_reference(setting *s)
{
    s->o.save_reference = s->reference;
    wt_result_free(measure(s));
    s->o.save_reference = NULL;
    s->o.text = NULL; /* it has the tokens */
    s->o.reference = s->reference;
}

static void against_itself(void **state)
{
    setting s;
    (void)state;
    open_setting(&s);
    make_reference(&s);
    wt_result *r = measure(&s);
    assert_true(wt_result_number(r, 1, "kld.max") < 1e-6);
    near(wt_result_number(r, 0, "same_top1"), 1, 0, "same_top1");
    near(wt_result_number(r, 0, "ppl_ratio"), 1, 1e-6, "ppl_ratio");
    near(wt_result_number(r, 0, "reference_perplexity"), s.g.perplexity, 1e-5, "reference_perplexity");
    wt_result_free(r);
    /* And another model is found out. */
    made_model_free(&s.m);
    s.model = made_model_path(&s.m, "llama_freqs");
    r = measure(&s);
    assert_true(wt_result_number(r, 0, "kld.mean") > 0.5 && wt_result_number(r, 1, "same_top1") < 0.5);
    assert_true(wt_result_number(r, 0, "kld.p50") <= wt_result_number(r, 0, "kld.max"));
    wt_result_free(r);
    close_setting(&s);
}

/* One place of a base file of llama.cpp: step, lowest log-probability, and 16 bits a token, at most 16 below the top.
 */
static void put_place(gguf_bytes *b, const float *logits, size_t vocab)
{
    float top = logits[0], low = logits[0];
    double sum = 0;
    for (size_t i = 1; i < vocab; i++) {
        top = fmaxf(top, logits[i]);
        low = fminf(low, logits[i]);
    }
    low = fmaxf(low, top - 16);
    for (size_t i = 0; i < vocab; i++)
        sum += exp((double)logits[i] - top);
    const float step = (top - low) / 65535;
    gp_float(b, step);
    gp_float(b, (float)(low - top - log(sum)));
    for (size_t i = 0; i < vocab; i++)
        gp_number(b, (uint64_t)lrintf((fmaxf(logits[i], low) - low) / step), 2);
}

static void put_chunk(gguf_bytes *b, wt_decoder *decoder, const int32_t *tokens, size_t chunk, size_t vocab)
{
    wt_batch_token batch[128] = { 0 };
    wt_err err = { 0 };
    wt_seq seq;
    wt_test_ok(wt_seq_open(decoder, &seq, &err), &err);
    for (size_t i = 0; i < chunk; i++)
        batch[i] = (wt_batch_token){ i ? tokens[i] : 1, seq, true };
    wt_test_ok(wt_decoder_run(decoder, batch, chunk, &err), &err);
    for (size_t i = chunk / 2; i + 1 < chunk; i++)
        put_place(b, wt_decoder_output(decoder, i), vocab);
    wt_seq_close(decoder, seq);
}

static const char *write_base(setting *s)
{
    int32_t tokens[1024];
    char all[4096] = "";
    size_t n;
    wt_err err = { 0 };
    wt_language *language;
    wt_decoder *decoder;
    gguf_bytes b = { 0 };
    for (unsigned i = 0; i < s->g.times; i++)
        strcat(all, s->g.text);
    wt_test_ok(wt_language_open(&language, s->ctx, s->model, &s->o.language, &err), &err);
    wt_test_ok(wt_decoder_open(&decoder, language, NULL, &err), &err);
    wt_test_ok(wt_tokenize(wt_language_tokenizer(language), all, strlen(all), WT_TOKENIZE_ADD_SPECIAL, tokens,
                           WT_ARRAY_LEN(tokens), &n, &err),
               &err);
    gp_bytes(&b, "_logits_", 8);
    gp_number(&b, s->g.chunk, 4);
    gp_number(&b, 96, 4);
    gp_number(&b, s->g.chunks, 4);
    for (size_t i = 0; i < s->g.chunk * s->g.chunks; i++)
        gp_number(&b, (uint64_t)tokens[i], 4);
    for (size_t c = 0; c < s->g.chunks; c++)
        put_chunk(&b, decoder, tokens + c * s->g.chunk, s->g.chunk, 96);
    const char *path = at_home("base");
    wt_test_write(path, b.at, b.len);
    free(b.at);
    wt_decoder_close(decoder);
    wt_language_close(language);
    return path;
}

static void base_of_llama_cpp(void **state)
{
    setting s;
    (void)state;
    open_setting(&s);
    s.o.reference = write_base(&s);
    s.o.text = NULL;
    wt_result *r = measure(&s);
    /* A code is off by half a step of (16 / 65535), which counts fully where one token has all of the probability. */
    assert_true(wt_result_number(r, 1, "kld.max") < 1.3e-4 && wt_result_number(r, 1, "kld.mean") < 3e-5);
    near(wt_result_number(r, 0, "same_top1"), 1, 0.02, "same_top1"); /* two tokens may share a code */
    near(wt_result_number(r, 0, "reference_perplexity"), s.g.perplexity, 1e-4, "reference_perplexity");
    near(wt_result_number(r, 0, "perplexity"), s.g.perplexity, 1e-5, "perplexity");
    wt_result_free(r);
    close_setting(&s);
}

/* Both kinds of files: what is cut is refused, what is changed is refused or measured, never worse. */
static void damaged(void **state)
{
    setting s;
    (void)state;
    open_setting(&s);
    const char *const files[] = { s.reference, write_base(&s) };
    make_reference(&s);
    s.o.reference = at_home("damaged");
    for (size_t k = 0; k < WT_ARRAY_LEN(files); k++) {
        FILE *f = fopen(files[k], "rb");
        assert_non_null(f);
        uint8_t *all = calloc(1, 1 << 20);
        assert_non_null(all);
        const size_t size = fread(all, 1, 1 << 20, f);
        fclose(f);
        for (size_t i = 0; i < 120; i++) {
            const size_t cut = i < 40 ? i : size * (i - 40) / 80;
            wt_err err = { 0 };
            wt_result *r;
            wt_test_write(s.o.reference, all, cut);
            assert_int_equal(wt_perplexity(&r, s.ctx, s.model, &s.o, &err), WT_EFORMAT);
            assert_null(r);
        }
        for (size_t i = 0; i < 150; i++) {
            const size_t at = i < 24 ? i : (i * 2654435761u) % size;
            wt_err err = { 0 };
            wt_result *r;
            all[at] ^= (uint8_t)(1u << i % 8);
            wt_test_write(s.o.reference, all, size);
            const wt_status st = wt_perplexity(&r, s.ctx, s.model, &s.o, &err);
            assert_true(st == WT_OK ? r != NULL : r == NULL && err.message[0]);
            all[at] ^= (uint8_t)(1u << i % 8);
            wt_result_free(r);
        }
        free(all);
    }
    close_setting(&s);
}

static wt_status measure_once(wt_context *ctx, void *arg, wt_err *err)
{
    const setting *s = arg;
    wt_result *r;
    const wt_status st = wt_perplexity(&r, ctx, s->model, &s->o, err);
    wt_result_free(r);
    return st;
}

static void without_memory(void **state)
{
    setting s;
    (void)state;
    open_setting(&s);
    make_reference(&s);
    s.o.chunks = 1;
    s.o.save_reference = at_home("again");
    assert_true(wt_test_fail_each_alloc(measure_once, &s) > 100);
    close_setting(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_llama_cpp),      cmocka_unit_test(refuses), cmocka_unit_test(against_itself),
        cmocka_unit_test(base_of_llama_cpp), cmocka_unit_test(damaged), cmocka_unit_test(without_memory),
    };
    return wt_test_run("perplexity", tests, WT_ARRAY_LEN(tests));
}
