/* prompt.c - see prompt.h. */
#include "run/generate/prompt.h"
#include "base/json.h"
#include "base/str.h"

void wt_ids_free(wt_ids *ids)
{
    if (ids->ctx)
        wt_free(ids->ctx, ids->ids);
    *ids = (wt_ids){ 0 };
}

wt_status wt_text_ids(wt_ids *out, const wt_language *language, const char *text, size_t len, unsigned flags,
                      wt_err *err)
{
    const wt_tokenizer *t = wt_language_tokenizer(language);
    *out = (wt_ids){ .ctx = language->ctx };
    if (!t) {
        wt_fail(err, WT_EUNSUPPORTED, "the model carries no tokenizer");
        wt_err_where(err, "%s", wt_weights_path(language->weights));
        wt_err_hint(err, "a GGUF file for text has keys that begin with tokenizer.ggml, a folder has tokenizer.json");
        return WT_EUNSUPPORTED;
    }
    WT_TRY(wt_grow(out->ctx, (void **)&out->ids, &out->cap, len / 3 + 16, sizeof *out->ids, err));
    wt_status st = wt_tokenize(t, text, len, flags, out->ids, out->cap, &out->n, err);
    if (st == WT_OK && out->n > out->cap) {
        st = wt_grow(out->ctx, (void **)&out->ids, &out->cap, out->n, sizeof *out->ids, err);
        if (st == WT_OK)
            st = wt_tokenize(t, text, len, flags, out->ids, out->cap, &out->n, err);
    }
    for (size_t i = 0; st == WT_OK && i < out->n; i++)
        if (out->ids[i] < 0 || out->ids[i] >= language->hp.vocab)
            st = wt_fail(err, WT_EFORMAT, "the tokenizer gives id %d, the model has %lld", out->ids[i],
                         (long long)language->hp.vocab);
    if (st != WT_OK)
        wt_ids_free(out);
    return st;
}

static const char *token_name(const wt_tokenizer *t, int32_t id)
{
    const char *name = id >= 0 ? wt_token_text(t, id) : NULL;
    return name ? name : "";
}

static json_t *chat_variables(const wt_language *l, const wt_generate_options *o)
{
    wt_tokenizer_info info;
    wt_tokenizer_describe(l->tokenizer, &info);
    json_t *messages = json_array();
    if (o->system && o->system[0])
        json_array_append_new(messages, json_pack("{s:s, s:o}", "role", "system", "content", wt_json_text(o->system)));
    json_array_append_new(messages, json_pack("{s:s, s:o}", "role", "user", "content", wt_json_text(o->prompt)));
    return json_pack("{s:o, s:b, s:s, s:s}", "messages", messages, "add_generation_prompt", 1, "bos_token",
                     token_name(l->tokenizer, info.bos), "eos_token", token_name(l->tokenizer, info.eos));
}

static wt_status render_chat(const wt_language *l, const wt_generate_options *o, char **text, size_t *len, wt_err *err)
{
    if (!l->chat || !l->tokenizer) {
        wt_fail(err, WT_EUNSUPPORTED, "the model carries no chat template that can be used");
        wt_err_hint(err, "without --chat the prompt is continued as plain text");
        return WT_EUNSUPPORTED;
    }
    json_t *variables = chat_variables(l, o);
    char *json = variables ? json_dumps(variables, JSON_COMPACT) : NULL;
    json_decref(variables);
    if (!json)
        return wt_fail(err, WT_ENOMEM, "out of memory");
    const wt_status st = wt_template_render(l->chat, json, text, len, err);
    free(json);
    return st;
}

wt_status wt_prompt_ids(wt_ids *out, const wt_language *language, const wt_generate_options *options, wt_err *err)
{
    const char *prompt = options->prompt ? options->prompt : "";
    if (!options->chat)
        return wt_text_ids(out, language, prompt, strlen(prompt),
                           options->raw ? 0 : WT_TOKENIZE_ADD_SPECIAL | WT_TOKENIZE_PARSE_SPECIAL, err);
    char *text;
    size_t len;
    wt_tokenizer_info info;
    *out = (wt_ids){ 0 };
    WT_TRY(render_chat(language, options, &text, &len, err));
    /* A template that writes BOS itself must not get a second one. */
    wt_tokenizer_describe(language->tokenizer, &info);
    const char *bos = token_name(language->tokenizer, info.bos);
    const bool has_bos = bos[0] && !strncmp(text, bos, strlen(bos));
    const unsigned flags = WT_TOKENIZE_PARSE_SPECIAL | (has_bos ? 0u : (unsigned)WT_TOKENIZE_ADD_SPECIAL);
    const wt_status st = wt_text_ids(out, language, text, len, flags, err);
    wt_template_text_free(language->ctx, text);
    return st;
}
