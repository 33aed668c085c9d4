/* test_sampler.c - the tokens that are chosen from fixed logits are those that llama.cpp's samplers leave and whet's
 * own draw picks (golden/sampling.txt, made by tests/oracle/sampling.py). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "support/test.h"
#include "whet/language.h"

enum { VOCAB = 50, LOGITS = 5 };

/* As made_model.c makes a tensor's numbers: splitmix64 from the hash of a name; scale 4, offset 0.5. */
static void make_logits(float *out, int step)
{
    char name[16];
    uint64_t state = UINT64_C(0xCBF29CE484222325);
    snprintf(name, sizeof name, "logits.%d", step);
    for (const char *s = name; *s; s++)
        state = (state ^ (uint8_t)*s) * UINT64_C(0x100000001B3);
    for (int i = 0; i < VOCAB; i++) {
        uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        z ^= z >> 31;
        out[i] = (float)(0.5 + 4.0 * (((double)(z >> 40) - (1 << 23)) / (1 << 23)));
    }
}

static void next_number(const char **at, double *out)
{
    char *end;
    *out = strtod(*at, &end);
    assert_true(end != *at);
    *at = end;
}

/* "NAME temperature top_k ... seed : tokens" */
static void read_case(const char *line, char name[32], wt_sampling *s, const char **tokens)
{
    double v[13];
    int used = 0;
    assert_int_equal(sscanf(line, "%31s%n", name, &used), 1);
    const char *at = line + used;
    for (size_t i = 0; i < WT_ARRAY_LEN(v); i++)
        next_number(&at, &v[i]);
    *s = wt_sampling_defaults();
    s->temperature = v[0];
    s->top_k = (int)v[1];
    s->top_p = v[2];
    s->min_p = v[3];
    s->typical_p = v[4];
    s->repeat_penalty = v[5];
    s->presence_penalty = v[6];
    s->frequency_penalty = v[7];
    s->repeat_last = (int)v[8];
    s->mirostat = (int)v[9];
    s->mirostat_tau = v[10];
    s->mirostat_eta = v[11];
    s->seed = (uint64_t)v[12];
    *tokens = strchr(at, ':');
    assert_non_null(*tokens);
    *tokens += 1;
}

static void check_case(wt_context *ctx, const char *line)
{
    char name[32];
    wt_sampling s;
    const char *want;
    wt_sampler *sampler;
    wt_err err = { 0 };
    float logits[VOCAB];
    read_case(line, name, &s, &want);
    wt_test_ok(wt_sampler_open(&sampler, ctx, &s, NULL, VOCAB, &err), &err);
    for (int step = 0; *want == ' '; step++) {
        double token;
        int32_t got;
        next_number(&want, &token);
        make_logits(logits, step % LOGITS);
        wt_test_ok(wt_sampler_next(sampler, logits, &got, &err), &err);
        if (got != (int32_t)token)
            fail_msg("%s: the choice %d is %d, expected %d", name, step, got, (int)token);
    }
    wt_sampler_close(sampler);
}

static void chooses_what_is_left(void **state)
{
    char line[1024];
    int cases = 0;
    (void)state;
    FILE *f = fopen(wt_test_source("tests/run/language/golden/sampling.txt"), "r");
    assert_non_null(f);
    wt_context *ctx = wt_test_context();
    while (fgets(line, sizeof line, f))
        if (line[0] != '#') {
            check_case(ctx, line);
            cases++;
        }
    fclose(f);
    wt_test_context_close(ctx);
    assert_true(cases >= 20);
}

static int32_t choose(wt_context *ctx, const wt_sampling *s, const float *logits)
{
    wt_sampler *sampler;
    wt_err err = { 0 };
    int32_t got = -1;
    wt_test_ok(wt_sampler_open(&sampler, ctx, s, NULL, VOCAB, &err), &err);
    wt_test_ok(wt_sampler_next(sampler, logits, &got, &err), &err);
    wt_sampler_close(sampler);
    return got;
}

/* The first of equal ones; and a token that cannot come (minus infinity, as a grammar leaves it) never does. */
static void ties_and_impossible_tokens(void **state)
{
    float logits[VOCAB];
    wt_sampling s = wt_sampling_defaults();
    (void)state;
    wt_context *ctx = wt_test_context();
    for (int i = 0; i < VOCAB; i++)
        logits[i] = i == 7 || i == 9 || i == 31 ? 2.0f : 1.0f;
    s.temperature = 0;
    assert_int_equal(choose(ctx, &s, logits), 7);
    for (int i = 0; i < VOCAB; i++)
        logits[i] = i == 13 || i == 17 ? 0.25f * (float)i : -INFINITY;
    for (uint64_t seed = 0; seed < 50; seed++) {
        s = wt_sampling_defaults();
        s.seed = seed;
        s.temperature = 5;
        s.top_k = seed % 2 ? 0 : 40;
        s.typical_p = seed % 3 ? 1 : 0.9;
        s.mirostat = (int)(seed % 5 % 3);
        s.min_p = 0;
        const int32_t got = choose(ctx, &s, logits);
        assert_true(got == 13 || got == 17);
    }
    wt_test_context_close(ctx);
}

/* How often each token comes is its probability: 20,000 draws stay within five standard deviations. */
static void draws_are_fair(void **state)
{
    enum { DRAWS = 20000, N = 8 };
    wt_sampling s = wt_sampling_defaults();
    wt_sampler *sampler;
    wt_err err = { 0 };
    float logits[N];
    double p[N], sum = 0;
    int count[N] = { 0 };
    (void)state;
    for (int i = 0; i < N; i++) {
        logits[i] = 0.4f * (float)i;
        sum += p[i] = exp(0.4f * (float)i);
    }
    s.temperature = s.top_p = 1;
    s.top_k = s.repeat_last = 0;
    s.min_p = 0;
    wt_context *ctx = wt_test_context();
    wt_test_ok(wt_sampler_open(&sampler, ctx, &s, NULL, N, &err), &err);
    for (int i = 0; i < DRAWS; i++) {
        int32_t got;
        wt_test_ok(wt_sampler_next(sampler, logits, &got, &err), &err);
        count[got]++;
    }
    wt_sampler_close(sampler);
    wt_test_context_close(ctx);
    for (int i = 0; i < N; i++) {
        const double want = DRAWS * p[i] / sum, spread = sqrt(want * (1 - p[i] / sum));
        assert_true(fabs(count[i] - want) < 5 * spread);
    }
}

static void refuses(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const struct {
        double temperature, top_p, repeat;
        int top_k, mirostat;
        const char *part;
    } bad[] = { { -1, 1, 1, 0, 0, "temperature" }, { (double)NAN, 1, 1, 0, 0, "temperature" },
                { 1, 1.5, 1, 0, 0, "top-p" },      { 1, 1, 0, 0, 0, "repeat-penalty" },
                { 1, 1, 1, -3, 0, "top-k" },       { 1, 1, 1, 0, 3, "mirostat" } };
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        wt_sampler *sampler = (wt_sampler *)&sampler;
        wt_err err = { 0 };
        wt_sampling s = wt_sampling_defaults();
        s.temperature = bad[i].temperature;
        s.top_p = bad[i].top_p;
        s.repeat_penalty = bad[i].repeat;
        s.top_k = bad[i].top_k;
        s.mirostat = bad[i].mirostat;
        wt_test_refused(wt_sampler_open(&sampler, ctx, &s, NULL, VOCAB, &err), WT_EUSAGE, &err, bad[i].part);
        assert_null(sampler);
    }
    wt_test_context_close(ctx);
}

static void refuses_nan(void **state)
{
    float logits[VOCAB] = { [3] = NAN };
    wt_sampler *sampler;
    wt_err err = { 0 };
    int32_t token;
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_test_ok(wt_sampler_open(&sampler, ctx, NULL, NULL, VOCAB, &err), &err);
    wt_test_refused(wt_sampler_next(sampler, logits, &token, &err), WT_EVERDICT, &err, "NaN");
    wt_sampler_close(sampler);
    wt_test_context_close(ctx);
}

static wt_status open_and_choose(wt_context *ctx, void *arg, wt_err *err)
{
    float logits[VOCAB];
    wt_sampler *sampler;
    int32_t token;
    (void)arg;
    make_logits(logits, 0);
    WT_TRY(wt_sampler_open(&sampler, ctx, NULL, NULL, VOCAB, err));
    const wt_status st = wt_sampler_next(sampler, logits, &token, err);
    wt_sampler_close(sampler);
    return st;
}

static void without_memory(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(open_and_choose, NULL) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_what_is_left), cmocka_unit_test(ties_and_impossible_tokens),
        cmocka_unit_test(draws_are_fair),       cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_nan),          cmocka_unit_test(without_memory),
    };
    return wt_test_run("sampler", tests, WT_ARRAY_LEN(tests));
}
