/* test_generate.c - text from small random models: guesses change nothing, contexts end or shift, stop texts never
 * leak. */
#include <stdio.h>
#include <stdlib.h>
#include "made_model.h"
#include "whet/language.h"
#include "whet/result.h"

typedef struct heard {
    char text[4096];
    size_t len, calls, fail_at;
} heard;

typedef struct setting {
    made_model m, draft;
    wt_context *ctx;
    const char *path;
    wt_generate_options o;
    heard heard;
} setting;

static wt_status hear(void *user, const char *bytes, size_t len, wt_err *err)
{
    heard *h = user;
    assert_true(h->len + len < sizeof h->text);
    memcpy(h->text + h->len, bytes, len);
    h->len += len;
    return ++h->calls == h->fail_at ? wt_fail(err, WT_ECANCELLED, "enough") : WT_OK;
}

static void open_setting(setting *s, const char *model)
{
    *s = (setting){ 0 };
    s->ctx = wt_test_context();
    s->path = made_model_path(&s->m, model);
    s->o = wt_generate_defaults();
    s->o.sampling.temperature = 0;
    s->o.prompt = "the cat and the hat, the cat and";
    s->o.max_tokens = 60;
    s->o.decoder.context = 256;
    s->o.on_text = hear;
    s->o.user = &s->heard;
}

static void close_setting(setting *s)
{
    made_model_free(&s->m);
    made_model_free(&s->draft);
    wt_test_context_close(s->ctx);
}

/* What was made; what was heard is the same text. */
static wt_result *generate(setting *s)
{
    wt_result *result;
    wt_err err = { 0 };
    s->heard = (heard){ 0 };
    wt_test_ok(wt_generate(&result, s->ctx, s->path, &s->o, &err), &err);
    assert_string_equal(s->heard.text, wt_result_string(result, NULL, "text"));
    return result;
}

static const char *reason(const wt_result *r) { return wt_result_string(r, "", "finish_reason"); }

/* Tokens that two answers share from their beginning. */
static size_t same_tokens(const wt_result *a, const wt_result *b)
{
    size_t n = 0;
    while (n < wt_result_count(a, "tokens") && n < wt_result_count(b, "tokens") &&
           wt_result_number(a, -1, "tokens[%zu]", n) == wt_result_number(b, -2, "tokens[%zu]", n))
        n++;
    return n;
}

static void assert_same_answer(const wt_result *a, const wt_result *b, const char *how)
{
    const size_t n = wt_result_count(a, "tokens");
    if (n != wt_result_count(b, "tokens") || n != same_tokens(a, b) || strcmp(reason(a), reason(b)))
        fail_msg("%s: '%s', alone '%s'", how, wt_result_string(b, "", "text"), wt_result_string(a, "", "text"));
}

/* --- guesses -------------------------------------------------------------------------------------------------------
 */
static void guesses_change_nothing(void **state)
{
    setting s;
    (void)state;
    open_setting(&s, "qwen3");
    wt_result *alone = generate(&s);
    assert_true(wt_result_count(alone, "tokens") > 20);
    static const char *const drafts[] = { "qwen3", "qwen2", "gpt2" };
    for (size_t i = 0; i < WT_ARRAY_LEN(drafts); i++)
        for (int guesses = 1; guesses <= 9; guesses += 4) {
            s.o.draft = made_model_path(&s.draft, drafts[i]);
            s.o.draft_tokens = guesses;
            wt_result *guessed = generate(&s);
            assert_same_answer(alone, guessed, drafts[i]);
            const double said = wt_result_number(guessed, -1, "speculative.guessed"),
                         kept = wt_result_number(guessed, -1, "speculative.accepted");
            assert_true(said > 0 && kept <= said);
            if (i == 0) /* the model itself is right nearly always: only the order of additions differs */
                assert_true(kept * 10 >= said * 9);
            wt_result_free(guessed);
            made_model_free(&s.draft);
        }
    s.o.draft = NULL;
    s.o.lookup = true;
    s.o.draft_tokens = 5;
    wt_result *looked_up = generate(&s);
    assert_same_answer(alone, looked_up, "looked up");
    assert_true(wt_result_number(looked_up, -1, "speculative.guessed") > 0);
    wt_result_free(looked_up);
    wt_result_free(alone);
    close_setting(&s);
}

/* With a temperature too: the draws are the same ones. */
static void guesses_change_no_draw(void **state)
{
    setting s;
    (void)state;
    open_setting(&s, "qwen3");
    s.o.sampling.temperature = 1.5;
    s.o.sampling.repeat_penalty = 1.3;
    s.o.sampling.seed = 77;
    wt_result *alone = generate(&s);
    s.o.draft = made_model_path(&s.draft, "qwen3");
    wt_result *guessed = generate(&s);
    assert_same_answer(alone, guessed, "qwen3");
    wt_result_free(guessed);
    wt_result_free(alone);
    close_setting(&s);
}

static void draft_of_another_vocabulary(void **state)
{
    setting s;
    wt_result *result;
    wt_err err = { 0 };
    (void)state;
    open_setting(&s, "llama");
    made_model_read(&s.draft, "qwen2");
    made_model_change(&s.draft, "key u32 tokenizer.ggml.eos_token_id", "key u32 tokenizer.ggml.eos_token_id 5");
    s.o.draft = made_model_write(&s.draft, "other.gguf");
    wt_test_refused(wt_generate(&result, s.ctx, s.path, &s.o, &err), WT_EUSAGE, &err, "another vocabulary");
    close_setting(&s);
}

/* --- contexts ------------------------------------------------------------------------------------------------------
 */
static void context_ends_or_shifts(void **state)
{
    static const char *const models[] = { "llama", "gemma2", "qwen2_yarn" };
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(models); i++)
        for (int guesses = 0; guesses < 2; guesses++) {
            setting s;
            open_setting(&s, models[i]);
            s.o.decoder.context = 64;
            s.o.max_tokens = 300;
            s.o.lookup = guesses;
            s.o.sampling.temperature = 3; /* random enough that no text ends itself early */
            s.o.sampling.top_k = 0;
            s.o.sampling.top_p = 1;
            s.o.sampling.min_p = 0;
            wt_result *full = NULL;
            for (s.o.sampling.seed = 0; s.o.sampling.seed < 40; s.o.sampling.seed++) {
                full = generate(&s);
                if (!strcmp(reason(full), "context"))
                    break;
                wt_result_free(full);
                full = NULL;
            }
            assert_non_null(full);
            const size_t made = wt_result_count(full, "tokens");
            assert_int_equal((size_t)wt_result_number(full, 0, "prompt_tokens") + made, 65); /* the last is not run */
            s.o.overflow = WT_OVERFLOW_SHIFT;
            wt_result *more = generate(&s);
            assert_true(wt_result_count(more, "tokens") > made);
            assert_int_equal(same_tokens(full, more), made);
            wt_result_free(full);
            wt_result_free(more);
            close_setting(&s);
        }
}

/* Text of many contexts' length: each shift makes room again. */
static void shifts_many_times(void **state)
{
    setting s;
    bool there = false;
    (void)state;
    open_setting(&s, "llama");
    s.o.decoder.context = 32;
    s.o.max_tokens = 150;
    s.o.overflow = WT_OVERFLOW_SHIFT;
    s.o.sampling.temperature = 2;
    for (s.o.sampling.seed = 0; s.o.sampling.seed < 60 && !there; s.o.sampling.seed++) {
        wt_result *root = generate(&s); /* most texts end themselves before */
        there = !strcmp(reason(root), "length");
        assert_true(there ? wt_result_count(root, "tokens") == 150 : !strcmp(reason(root), "end"));
        wt_result_free(root);
    }
    assert_true(there);
    close_setting(&s);
}

static void prompt_longer_than_the_context(void **state)
{
    setting s;
    wt_result *result;
    wt_err err = { 0 };
    (void)state;
    open_setting(&s, "llama");
    s.o.decoder.context = 16;
    s.o.max_tokens = 4;
    wt_test_refused(wt_generate(&result, s.ctx, s.path, &s.o, &err), WT_EUSAGE, &err, "the context 16");
    assert_null(result);
    assert_int_equal(s.heard.calls, 0);
    s.o.overflow = WT_OVERFLOW_TRUNCATE;
    wt_result *root = generate(&s);
    assert_int_equal((int)wt_result_number(root, 0, "prompt_tokens"), 15);
    wt_result_free(root);
    s.o.decoder.context = 1024;
    wt_test_refused(wt_generate(&result, s.ctx, s.path, &s.o, &err), WT_EUSAGE, &err, "more than the 512");
    close_setting(&s);
}

/* --- stop texts ----------------------------------------------------------------------------------------------------
 */
/* Every part of the plain text, used as a stop, gives what is before its first place; nothing of it is heard. */
static void stops_never_leak(void **state)
{
    setting s;
    (void)state;
    open_setting(&s, "qwen3");
    wt_result *plain = generate(&s);
    const char *text = wt_result_string(plain, "", "text");
    const size_t len = strlen(text);
    assert_true(len > 40);
    for (size_t at = 0; at + 9 < len && at < 60; at += 3)
        for (size_t n = 1; n <= 9; n += 2) {
            char stop[16] = "";
            memcpy(stop, text + at, n);
            const char *stops[] = { "a text that does not come", stop };
            s.o.stop = stops;
            s.o.n_stop = 2;
            wt_result *cut = generate(&s);
            const size_t before = (size_t)(strstr(text, stop) - text);
            assert_int_equal(s.heard.len, before);
            assert_memory_equal(s.heard.text, text, before);
            assert_string_equal(reason(cut), "stop");
            wt_result_free(cut);
        }
    wt_result_free(plain);
    close_setting(&s);
}

static void listener_ends_it(void **state)
{
    setting s;
    wt_result *result;
    wt_err err = { 0 };
    (void)state;
    open_setting(&s, "llama");
    s.heard.fail_at = 3;
    assert_int_equal(wt_generate(&result, s.ctx, s.path, &s.o, &err), WT_ECANCELLED);
    assert_int_equal(s.heard.calls, 3);
    assert_null(result);
    close_setting(&s);
}

/* --- seeds ---------------------------------------------------------------------------------------------------------
 */
static void seeds_reproduce(void **state)
{
    setting s;
    wt_result *first[4];
    int different = 0;
    (void)state;
    open_setting(&s, "llama");
    s.o.sampling.temperature = 1.2;
    for (size_t seed = 0; seed < WT_ARRAY_LEN(first); seed++) {
        s.o.sampling.seed = seed;
        first[seed] = generate(&s);
        wt_result *again = generate(&s);
        assert_same_answer(first[seed], again, "again");
        wt_result_free(again);
        different += seed && same_tokens(first[seed], first[0]) < wt_result_count(first[seed], "tokens");
    }
    assert_int_equal(different, WT_ARRAY_LEN(first) - 1);
    for (size_t seed = 0; seed < WT_ARRAY_LEN(first); seed++)
        wt_result_free(first[seed]);
    close_setting(&s);
}

/* --- memory --------------------------------------------------------------------------------------------------------
 */
static wt_status generate_a_little(wt_context *ctx, void *arg, wt_err *err)
{
    wt_generate_options o = wt_generate_defaults();
    wt_result *result;
    o.prompt = "the cat";
    o.max_tokens = 6;
    o.decoder.context = 32;
    o.draft = arg;
    const wt_status st = wt_generate(&result, ctx, arg, &o, err);
    wt_result_free(result);
    return st;
}

static void without_memory(void **state)
{
    made_model m;
    (void)state;
    made_model_read(&m, "llama");
    made_model_change(&m, "key u32 llama.block_count", "key u32 llama.block_count 1");
    assert_true(wt_test_fail_each_alloc(generate_a_little, (void *)(uintptr_t)made_model_write(&m, "one.gguf")) > 100);
    made_model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guesses_change_nothing),
        cmocka_unit_test(guesses_change_no_draw),
        cmocka_unit_test(draft_of_another_vocabulary),
        cmocka_unit_test(context_ends_or_shifts),
        cmocka_unit_test(shifts_many_times),
        cmocka_unit_test(prompt_longer_than_the_context),
        cmocka_unit_test(stops_never_leak),
        cmocka_unit_test(listener_ends_it),
        cmocka_unit_test(seeds_reproduce),
        cmocka_unit_test(without_memory),
    };
    return wt_test_run("generate", tests, WT_ARRAY_LEN(tests));
}
