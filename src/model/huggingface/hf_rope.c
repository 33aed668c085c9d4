/* hf_rope.c - how angles are stretched for long contexts: rope_scaling (or, since 2025, rope_parameters) of
 * config.json, keys and tensors of factors in GGUF.
 *
 *     linear    factor for all frequencies
 *     yarn      factor, and where between extrapolation and interpolation
 *     llama3    a factor per frequency, by three numbers        -> tensor rope_freqs
 *     longrope  factors per frequency, for short and long texts  -> tensors rope_factors_short, _long
 *     dynamic   changes nothing within the trained context */
#include <math.h>
#include <stdio.h>
#include "hf_family.h"

typedef struct llama3 {
    double factor, low, high, context;
} llama3;

static const double PI = 3.14159265358979323846;

/* What frequency i of `half` is divided by. */
static float llama3_factor(const llama3 *p, double base, int64_t half, int64_t i)
{
    const double wave = 2 * PI * pow(base, (double)i / (double)half);
    if (wave < p->context / p->high)
        return 1;
    if (wave > p->context / p->low)
        return (float)p->factor;
    const double smooth = (p->context / wave - p->low) / (p->high - p->low);
    return (float)(1 / ((1 - smooth) / p->factor + smooth));
}

/* --- reading -------------------------------------------------------------------------------------------------------
 */
static int64_t rotated(const wt_weights *set, const char *arch, int64_t heads)
{
    const int64_t width = wt_hf_int_of(set, arch, "embedding_length", 0);
    const int64_t head = wt_hf_int_of(set, arch, "attention.key_length", width / heads);
    return wt_hf_int_of(set, arch, "rope.dimension_count", head);
}

static wt_status add_factors(wt_hf_model *m, const char *name, const float *factors, int64_t n, wt_err *err)
{
    const void *part = factors;
    const wt_weight weight = {
        .name = { name, strlen(name) }, .dtype = WT_F32, .shape = wt_shape_make(1, &n), .parts = &part, .n_parts = 1
    };
    return wt_weights_add(m->set, &weight, err);
}

static wt_status read_llama3(wt_hf_model *m, const json_t *rope, wt_err *err)
{
    const int64_t half = rotated(m->set, m->family->arch, m->heads) / 2;
    const double base = wt_hf_float_of(m->set, m->family->arch, "rope.freq_base", 10000);
    llama3 p;
    WT_TRY(wt_hf_number(m, rope, "factor", 8, &p.factor, err));
    WT_TRY(wt_hf_number(m, rope, "low_freq_factor", 1, &p.low, err));
    WT_TRY(wt_hf_number(m, rope, "high_freq_factor", 4, &p.high, err));
    WT_TRY(wt_hf_number(m, rope, "original_max_position_embeddings", 8192, &p.context, err));
    if (!(p.factor > 0 && p.low > 0 && p.high > p.low && p.context > 0) || half < 1 || half > 1 << 14)
        return wt_hf_refuse(m, WT_EFORMAT, "restore the file as the model's authors published it", err,
                            "the numbers of \"rope_scaling\" make no sense");
    float *factors = wt_weights_pages(m->set, (size_t)half * sizeof *factors, err);
    if (!factors)
        return WT_ENOMEM;
    for (int64_t i = 0; i < half; i++)
        factors[i] = llama3_factor(&p, base, half, i);
    return add_factors(m, "rope_freqs.weight", factors, half, err);
}

static wt_status read_list(wt_hf_model *m, const json_t *rope, const char *key, const char *name, wt_err *err)
{
    const json_t *list = json_object_get(rope, key);
    const size_t n = json_array_size(list);
    if (!n || n > 1 << 14)
        return wt_hf_refuse(m, WT_EFORMAT, "restore the file as the model's authors published it", err,
                            "\"%s\" of \"rope_scaling\" is no list of factors", key);
    float *factors = wt_weights_pages(m->set, n * sizeof *factors, err);
    if (!factors)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const double factor = json_number_value(json_array_get(list, i));
        if (!(factor > 0 && factor <= 1e6))
            return wt_hf_refuse(m, WT_EFORMAT, "factors are positive numbers", err,
                                "element %zu of \"%s\" is no factor", i, key);
        factors[i] = (float)factor;
    }
    return add_factors(m, name, factors, (int64_t)n, err);
}

static wt_status read_longrope(wt_hf_model *m, const json_t *rope, wt_err *err)
{
    const double context = (double)wt_hf_int_of(m->set, m->family->arch, "context_length", 0);
    double original = 0, attention = 0;
    WT_TRY(wt_hf_number(m, rope, "original_max_position_embeddings", context, &original, err));
    WT_TRY(wt_hf_number(m, m->config, "original_max_position_embeddings", original, &original, err));
    const double s = original > 0 ? context / original : 1;
    const double usual = s > 1 && original > 1 ? sqrt(1 + log(s) / log(original)) : 1;
    WT_TRY(wt_hf_number(m, rope, "attention_factor", usual, &attention, err));
    WT_TRY(read_list(m, rope, "long_factor", "rope_factors_long.weight", err));
    WT_TRY(read_list(m, rope, "short_factor", "rope_factors_short.weight", err));
    WT_TRY(wt_hf_set_int(m, "rope.scaling.original_context_length", (int64_t)original, err));
    return wt_hf_set_float(m, "rope.scaling.attn_factor", attention, err);
}

/* What yarn makes of attention when the file does not say. */
static double yarn_attention(double factor) { return factor > 1 ? 0.1 * log(factor) + 1 : 1; }

static wt_status read_yarn(wt_hf_model *m, const json_t *rope, double factor, wt_err *err)
{
    static const struct {
        const char *hf, *gguf;
    } optional[] = { { "beta_fast", "rope.scaling.yarn_beta_fast" }, { "beta_slow", "rope.scaling.yarn_beta_slow" } };
    const double context = (double)wt_hf_int_of(m->set, m->family->arch, "context_length", 0);
    const double usual = yarn_attention(factor);
    double original = 0, attention = 0;
    WT_TRY(wt_hf_number(m, rope, "original_max_position_embeddings", context, &original, err));
    WT_TRY(wt_hf_number(m, rope, "attention_factor", usual, &attention, err));
    WT_TRY(wt_hf_set_int(m, "rope.scaling.original_context_length", (int64_t)original, err));
    for (size_t i = 0; i < WT_ARRAY_LEN(optional); i++) {
        double value = 0;
        WT_TRY(wt_hf_number(m, rope, optional[i].hf, 0, &value, err));
        if (value > 0)
            WT_TRY(wt_hf_set_float(m, optional[i].gguf, value, err));
    }
    return attention == usual ? WT_OK : wt_hf_set_float(m, "rope.scaling.attn_factor", attention / usual, err);
}

static wt_status read_factor(wt_hf_model *m, const json_t *rope, const char *type, wt_err *err)
{
    double factor = 1;
    WT_TRY(wt_hf_number(m, rope, "factor", 1, &factor, err));
    if (!(factor > 0))
        return wt_hf_refuse(m, WT_EFORMAT, "factors are positive numbers", err, "\"factor\" of \"rope_scaling\" is %g",
                            factor);
    WT_TRY(wt_hf_set_text(m, "rope.scaling.type", type, err));
    WT_TRY(wt_hf_set_float(m, "rope.scaling.factor", factor, err));
    return *type == 'y' ? read_yarn(m, rope, factor, err) : WT_OK;
}

/* The newer form has the base inside, and, for layers with a window, another object. */
static wt_status read_bases(wt_hf_model *m, const json_t *rope, const json_t *local, wt_err *err)
{
    double base = 0;
    WT_TRY(wt_hf_number(m, rope, "rope_theta", 0, &base, err));
    if (base > 0)
        WT_TRY(wt_hf_set_float(m, "rope.freq_base", base, err));
    WT_TRY(wt_hf_number(m, local, "rope_theta", 0, &base, err));
    return base > 0 ? wt_hf_set_float(m, "rope.freq_base_swa", base, err) : WT_OK;
}

wt_status wt_hf_read_rope(wt_hf_model *m, wt_err *err)
{
    const json_t *rope = wt_hf_get(m->config, "rope_scaling|rope_parameters");
    const json_t *full = json_object_get(rope, "full_attention");
    WT_TRY(read_bases(m, full ? full : rope, json_object_get(rope, "sliding_attention"), err));
    rope = full ? full : rope;
    const json_t *named = wt_hf_get(rope, "rope_type|type");
    const char *type = json_string_value(named);
    if (!rope || (!type && !wt_hf_get(rope, "factor")) || (type && !strcmp(type, "default")))
        return WT_OK;
    type = type ? type : "linear";
    if (!strcmp(type, "linear") || !strcmp(type, "yarn"))
        return read_factor(m, rope, type, err);
    if (!strcmp(type, "llama3"))
        return read_llama3(m, rope, err);
    if (!strcmp(type, "longrope") || !strcmp(type, "su"))
        return read_longrope(m, rope, err);
    if (!strcmp(type, "dynamic"))
        return WT_OK;
    return wt_hf_refuse(m, WT_EUNSUPPORTED, "known are: linear, yarn, llama3, longrope, dynamic", err,
                        "\"rope_scaling\" is of the unknown type '%.40s'", type);
}

/* --- writing -------------------------------------------------------------------------------------------------------
 */
/* The factors of a tensor as numbers; NULL: absent or too many, WT_ENOMEM through *st. */
static wt_status factors_of(wt_hf_export *x, const char *name, const float **out, size_t *n, wt_err *err)
{
    const wt_weight *w = wt_weights_find(x->set, name);
    wt_tensor t;
    *out = NULL;
    *n = 0;
    if (!w)
        return WT_OK;
    if (w->dtype != WT_F32 || w->shape.rank != 1)
        return wt_fail(err, WT_EFORMAT, "tensor '%s' is no vector of float32", name);
    WT_TRY(wt_hf_mark(x->ctx, &x->used, &x->n_used, &x->used_cap, w, err));
    WT_TRY(wt_weight_data(x->set, w, &t, err));
    *out = t.data;
    *n = (size_t)w->shape.dim[0];
    return WT_OK;
}

/* GGUF keeps the factors only; those of published models come from these numbers. */
static wt_status write_llama3(wt_hf_export *x, const float *factors, size_t n, wt_err *err)
{
    static const double contexts[] = { 8192, 4096, 16384, 32768 };
    const double base = wt_hf_float_of(x->set, x->family->arch, "rope.freq_base", 10000);
    for (size_t c = 0; c < WT_ARRAY_LEN(contexts); c++) {
        const llama3 p = { .factor = n ? factors[n - 1] : 0, .low = 1, .high = 4, .context = contexts[c] };
        bool same = n > 0 && p.factor > 0;
        for (size_t i = 0; i < n && same; i++)
            same = fabsf(llama3_factor(&p, base, (int64_t)n, (int64_t)i) - factors[i]) <= 1e-5f * factors[i];
        if (same)
            return wt_hf_put(x, "rope_scaling",
                             json_pack("{s:o,s:f,s:f,s:I,s:s}", "factor", wt_hf_real(p.factor), "low_freq_factor",
                                       p.low, "high_freq_factor", p.high, "original_max_position_embeddings",
                                       (json_int_t)p.context, "rope_type", "llama3"),
                             err);
    }
    wt_fail(err, WT_EUNSUPPORTED, "tensor 'rope_freqs.weight' has factors that config.json cannot express");
    wt_err_hint(err, "keep the model in GGUF");
    return WT_EUNSUPPORTED;
}

static json_t *list_of(const float *factors, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n && list; i++)
        if (json_array_append_new(list, wt_hf_real(factors[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static wt_status write_factor(wt_hf_export *x, const char *type, wt_err *err)
{
    const char *arch = x->family->arch;
    const double factor = wt_hf_float_of(x->set, arch, "rope.scaling.factor", 1);
    json_t *rope = json_pack("{s:o,s:s}", "factor", wt_hf_real(factor), "rope_type", type);
    int bad = !rope;
    if (!bad && *type == 'y') {
        const double attention = wt_hf_float_of(x->set, arch, "rope.scaling.attn_factor", 1);
        const double fast = wt_hf_float_of(x->set, arch, "rope.scaling.yarn_beta_fast", 0);
        const double slow = wt_hf_float_of(x->set, arch, "rope.scaling.yarn_beta_slow", 0);
        const int64_t original = wt_hf_int_of(x->set, arch, "rope.scaling.original_context_length", 0);
        if (original)
            bad |= json_object_set_new(rope, "original_max_position_embeddings", json_integer(original));
        if (attention != 1)
            bad |= json_object_set_new(rope, "attention_factor", json_real(attention * yarn_attention(factor)));
        if (fast > 0)
            bad |= json_object_set_new(rope, "beta_fast", wt_hf_real(fast));
        if (slow > 0)
            bad |= json_object_set_new(rope, "beta_slow", wt_hf_real(slow));
    }
    if (bad) {
        json_decref(rope);
        rope = NULL;
    }
    return wt_hf_put(x, "rope_scaling", rope, err);
}

static bool is_text(const wt_weights *set, const char *key, const char *text)
{
    const wt_meta *meta = wt_weights_meta(set, key);
    return meta && meta->type == WT_META_STRING && !meta->is_array && meta->strings[0].len == strlen(text) &&
           !memcmp(meta->strings[0].data, text, strlen(text));
}

wt_status wt_hf_write_rope(wt_hf_export *x, wt_err *err)
{
    const float *freqs, *longer, *shorter;
    size_t n, n_long, n_short;
    char key[160];
    snprintf(key, sizeof key, "%s.rope.scaling.type", x->family->arch);
    WT_TRY(factors_of(x, "rope_freqs.weight", &freqs, &n, err));
    WT_TRY(factors_of(x, "rope_factors_long.weight", &longer, &n_long, err));
    WT_TRY(factors_of(x, "rope_factors_short.weight", &shorter, &n_short, err));
    if (freqs)
        return write_llama3(x, freqs, n, err);
    if (longer && shorter) {
        json_t *a = list_of(longer, n_long), *b = list_of(shorter, n_short);
        return wt_hf_put(x, "rope_scaling",
                         json_pack("{s:o,s:o,s:s}", "long_factor", a, "short_factor", b, "rope_type", "longrope"), err);
    }
    if (is_text(x->set, key, "linear"))
        return write_factor(x, "linear", err);
    if (is_text(x->set, key, "yarn"))
        return write_factor(x, "yarn", err);
    return WT_OK;
}
