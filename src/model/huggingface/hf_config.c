/* hf_config.c - config.json: its numbers, and the keys that GGUF has for them. */
#include <math.h>
#include <stdio.h>
#include "base/json.h"
#include "hf_family.h"

wt_status wt_hf_refuse(const wt_hf_model *m, wt_status code, const char *hint, wt_err *err, const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wt_fail(err, code, "%s", text);
    wt_err_where(err, "%s", m->path);
    wt_err_hint(err, "%s", hint);
    return code;
}

const json_t *wt_hf_get(const json_t *object, const char *names)
{
    for (const char *at = names; *at;) {
        const size_t len = strcspn(at, "|");
        const json_t *value = json_object_getn(object, at, len);
        if (value && !json_is_null(value))
            return value;
        at += len + (at[len] == '|');
    }
    return NULL;
}

bool wt_hf_true(const json_t *object, const char *name) { return json_is_true(json_object_get(object, name)); }

wt_status wt_hf_number(const wt_hf_model *m, const json_t *object, const char *names, double fallback, double *out,
                       wt_err *err)
{
    const json_t *value = wt_hf_get(object, names);
    *out = value ? json_number_value(value) : fallback;
    if (!value || json_is_number(value))
        return WT_OK;
    return wt_hf_refuse(m, WT_EFORMAT, "restore the file as the model's authors published it", err,
                        "\"%.*s\" is no number", (int)strcspn(names, "|"), names);
}

/* --- keys ----------------------------------------------------------------------------------------------------------
 */
static void full_name(char *out, size_t size, const char *arch, const char *name)
{
    if (*name == '^')
        snprintf(out, size, "%s", name + 1);
    else
        snprintf(out, size, "%s.%s", arch, name);
}

wt_status wt_hf_set_int(wt_hf_model *m, const char *name, int64_t value, wt_err *err)
{
    char key[160];
    full_name(key, sizeof key, m->family->arch, name);
    return wt_weights_set_int(m->set, key, WT_META_U32, value, err);
}

wt_status wt_hf_set_float(wt_hf_model *m, const char *name, double value, wt_err *err)
{
    char key[160];
    full_name(key, sizeof key, m->family->arch, name);
    return wt_weights_set_float(m->set, key, value, err);
}

wt_status wt_hf_set_text(wt_hf_model *m, const char *name, const char *value, wt_err *err)
{
    char key[160];
    full_name(key, sizeof key, m->family->arch, name);
    return wt_weights_set_string(m->set, key, value, err);
}

int64_t wt_hf_int_of(const wt_weights *set, const char *arch, const char *name, int64_t fallback)
{
    char key[160];
    int64_t value = fallback;
    full_name(key, sizeof key, arch, name);
    const wt_meta *meta = wt_weights_meta(set, key);
    return meta && wt_meta_int_at(meta, 0, &value) ? value : fallback;
}

double wt_hf_float_of(const wt_weights *set, const char *arch, const char *name, double fallback)
{
    char key[160];
    double value = fallback;
    full_name(key, sizeof key, arch, name);
    const wt_meta *meta = wt_weights_meta(set, key);
    return meta && wt_meta_float_at(meta, 0, &value) ? value : fallback;
}

static wt_status wrong(const wt_hf_model *m, const wt_hf_key *key, const char *expected, wt_err *err)
{
    return wt_hf_refuse(m, WT_EFORMAT, "restore the file as the model's authors published it", err,
                        "\"%.*s\" is not %s", (int)strcspn(key->hf, "|"), key->hf, expected);
}

static wt_status read_key(wt_hf_model *m, const wt_hf_key *key, wt_err *err)
{
    const json_t *value = wt_hf_get(m->config, key->hf);
    if (!value && key->need == WT_HF_OPTIONAL)
        return WT_OK;
    if (!value && key->need == WT_HF_REQUIRED)
        return wt_hf_refuse(m, WT_EFORMAT, "restore the file as the model's authors published it", err,
                            "there is no \"%.*s\", which a model of type '%s' needs", (int)strcspn(key->hf, "|"),
                            key->hf, m->family->model_type);
    double number = value ? json_number_value(value) : key->fallback;
    if (key->type == WT_HF_BOOL) {
        char name[160];
        if (value && !json_is_boolean(value))
            return wrong(m, key, "true or false", err);
        full_name(name, sizeof name, m->family->arch, key->gguf);
        return wt_weights_set_int(m->set, name, WT_META_BOOL, value ? json_is_true(value) : key->fallback != 0, err);
    }
    if (key->type == WT_HF_FLOAT) {
        if ((value && !json_is_number(value)) || !isfinite(number))
            return wrong(m, key, "a number", err);
        return wt_hf_set_float(m, key->gguf, number, err);
    }
    if ((value && !json_is_number(value)) || !(number >= 0 && number <= UINT32_MAX) || number != floor(number))
        return wrong(m, key, "a count", err);
    return wt_hf_set_int(m, key->gguf, (int64_t)number, err);
}

/* --- limits: what follows multiplies and loops by these ------------------------------------------------------------
 */
static wt_status check_counts(wt_hf_model *m, wt_err *err)
{
    enum { MOST_LAYERS = 1024, MOST_HEADS = 1 << 16, MOST_EXPERTS = 4096 };
    const char *arch = m->family->arch;
    m->layers = wt_hf_int_of(m->set, arch, "block_count", 0);
    m->heads = wt_hf_int_of(m->set, arch, "attention.head_count", 0);
    m->kv_heads = wt_hf_int_of(m->set, arch, "attention.head_count_kv", m->heads);
    m->experts = wt_hf_int_of(m->set, arch, "expert_count", 0);
    if (m->layers < 1 || m->layers > MOST_LAYERS)
        return wt_hf_refuse(m, WT_EFORMAT, "1 to 1024 are possible", err, "the model has %lld layers",
                            (long long)m->layers);
    if (m->heads < 1 || m->heads > MOST_HEADS || m->kv_heads < 1 || m->heads % m->kv_heads)
        return wt_hf_refuse(m, WT_EFORMAT, "a key head serves a whole number of heads", err,
                            "%lld heads cannot share %lld key heads", (long long)m->heads, (long long)m->kv_heads);
    if (m->experts > MOST_EXPERTS)
        return wt_hf_refuse(m, WT_EFORMAT, "at most 4096 are possible", err, "the model has %lld experts",
                            (long long)m->experts);
    return wt_hf_set_int(m, "attention.head_count_kv", m->kv_heads, err);
}

wt_status wt_hf_read_keys(wt_hf_model *m, wt_err *err)
{
    WT_TRY(wt_weights_set_string(m->set, "general.architecture", m->family->arch, err));
    for (size_t t = 0; t < WT_HF_TABLES; t++)
        for (const wt_hf_key *key = m->family->keys[t]; key && key->gguf; key++)
            WT_TRY(read_key(m, key, err));
    WT_TRY(check_counts(m, err));
    WT_TRY(wt_hf_read_rope(m, err));
    return m->family->read ? m->family->read(m, err) : WT_OK;
}
