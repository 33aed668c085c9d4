/* language.c - opening a language model: weights, graph, plan, tokenizer, chat template. */
#include "run/generate/language.h"
#include "model/tokenizer/tokenizer.h"
#include "run/plan.h"

wt_language_options wt_language_defaults(void)
{
    return (wt_language_options){ .size = sizeof(wt_language_options), .k_dtype = WT_F16, .v_dtype = WT_F16 };
}

static wt_status open_plan(wt_language *l, wt_err *err)
{
    const wt_arch_options ao = { .k_dtype = l->options.k_dtype,
                                 .v_dtype = l->options.v_dtype,
                                 .context = l->options.context,
                                 .outputs = l->arch->encoder || l->options.hidden ? WT_ARCH_HIDDEN : WT_ARCH_LOGITS };
    wt_plan_options po = wt_plan_defaults();
    po.threads = l->options.threads;
    po.specializations = 8; /* one token, a full pass, what is left of a prompt, a draft, ... */
    WT_TRY(wt_arch_build(&l->graph, l->weights, &ao, err));
    WT_TRY(wt_graph_infer(l->graph, err));
    return wt_plan_open_graph(&l->plan, l->ctx, l->graph, &po, err);
}

/* A template that we cannot compile costs chatting, not the model: it is reported when it is asked for. */
static wt_status open_words(wt_language *l, wt_err *err)
{
    if (!wt_weights_meta(l->weights, "tokenizer.ggml.model"))
        return WT_OK;
    WT_TRY(wt_tokenizer_from_weights(&l->tokenizer, l->ctx, l->weights, err));
    const char *source = wt_tokenizer_chat_template(l->tokenizer);
    wt_err why = { .offset = WT_NO_OFFSET };
    if (source && wt_template_open(&l->chat, l->ctx, source, strlen(source), "chat template", &why) != WT_OK)
        wt_log(l->ctx, WT_LOG_WARN, "the chat template is not usable: %s", why.message);
    return WT_OK;
}

static wt_status open_all(wt_language *l, const char *path, wt_err *err)
{
    wt_string arch, name;
    WT_TRY(wt_weights_open(&l->weights, l->ctx, path, err));
    WT_TRY(wt_arch_hparams(&l->hp, l->weights, err));
    WT_TRY(wt_weights_string(l->weights, "general.architecture", "", &arch, err));
    WT_TRY(wt_weights_string(l->weights, "general.name", "", &name, err));
    l->arch = wt_arch_find(arch.data, arch.len);
    if (l->options.context <= 0)
        l->options.context = l->hp.context < 4096 ? l->hp.context : 4096;
    l->name = wt_arena_strndup(wt_weights_arena(l->weights), name.data, name.len, err);
    if (!l->name)
        return WT_ENOMEM;
    WT_TRY(open_words(l, err));
    return l->options.words_only ? WT_OK : open_plan(l, err);
}

wt_status wt_language_open(wt_language **out, wt_context *ctx, const char *path, const wt_language_options *options,
                           wt_err *err)
{
    *out = NULL;
    wt_language *l = wt_alloc(ctx, 1, sizeof *l, err);
    if (!l)
        return WT_ENOMEM;
    l->ctx = ctx;
    l->options = wt_language_defaults();
    if (options)
        memcpy(&l->options, options, options->size < sizeof l->options ? options->size : sizeof l->options);
    const wt_status st = open_all(l, path, err);
    if (st != WT_OK) {
        wt_err_where(err, "%s", path);
        wt_language_close(l);
        return st;
    }
    *out = l;
    return WT_OK;
}

void wt_language_close(wt_language *l)
{
    if (!l)
        return;
    wt_plan_close(l->plan);
    wt_graph_close(l->graph);
    wt_template_close(l->chat);
    wt_tokenizer_close(l->tokenizer);
    wt_weights_close(l->weights);
    wt_free(l->ctx, l);
}

void wt_language_describe(const wt_language *l, wt_language_info *out)
{
    size_t row = 0, per_token = 0;
    for (int64_t il = 0; il < l->hp.layers && !l->arch->encoder; il++) {
        if (wt_dtype_bytes(l->options.k_dtype, (uint64_t)(l->hp.kv_heads[il] * l->hp.head_dim), &row))
            per_token += row;
        if (wt_dtype_bytes(l->options.v_dtype, (uint64_t)(l->hp.kv_heads[il] * l->hp.value_dim), &row))
            per_token += row;
    }
    *out = (wt_language_info){ .arch = l->hp.arch,
                               .name = l->name,
                               .encoder = l->arch->encoder,
                               .layers = l->hp.layers,
                               .width = l->hp.width,
                               .vocab = l->hp.vocab,
                               .context = l->hp.context,
                               .heads = l->hp.heads,
                               .kv_heads = l->hp.kv_heads[0],
                               .weights_bytes = wt_weights_file_bytes(l->weights),
                               .kv_bytes_per_token = per_token };
}

const wt_tokenizer *wt_language_tokenizer(const wt_language *l) { return l->tokenizer; }
const wt_template *wt_language_template(const wt_language *l) { return l->chat; }
