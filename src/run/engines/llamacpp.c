/* llamacpp.c - llama.cpp as an engine for GGUF files: a decoder of one sequence.
 *
 * Set for a fair comparison: our number of threads for prompts and for answers, no layer on a GPU, its own defaults
 * for all else (caches of keys and values in float16, passes of 512 tokens, as ours). */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include "run/engines/engine.h"
#include "run/engines/llama_api.h"

enum { WORDS = 200, BATCH = 2048, PASS = 512, LEAST_CONTEXT = 512 };

typedef struct llama_decoder {
    wt_engine_decoder base;
    LlamaTable api;
    LlamaModel *model;
    LlamaContext *context;
    LlamaMemory *memory;
    int64_t length; /* tokens that it keeps */
    int32_t tokens[BATCH], positions[BATCH], counts[BATCH], sequence, *sequences[BATCH];
    int8_t wanted[BATCH];
    float *kept; /* logits of feeds that took several batches */
    size_t cap_kept;
    const float *first; /* logits of the first wanted token of a feed that took one batch, or NULL: kept */
    char words[WORDS];  /* its last complaint */
} llama_decoder;

/* --- the library
 * -------------------------------------------------------------------------------------------------------------- */
static const wt_symbol symbols[] = {
#define X(member, function, result, arguments) { #function, offsetof(LlamaTable, member) },
    LLAMA_FUNCTIONS(X)
#undef X
};

/* Keeps what may be the reason of a failure: the last line of a warning or an error. */
static void listen(int level, const char *text, void *user)
{
    enum { WARNING = 3, MOST = 4 };
    char *words = user;
    if (!words || level < WARNING || level > MOST || !text || !text[strspn(text, " .\n")])
        return;
    snprintf(words, WORDS, "%s", text);
    words[strcspn(words, "\n")] = 0;
}

/* The options are blocks to us: what we set in them must be where we think it is. */
static bool layout_is_known(const LlamaTable *api)
{
    const LlamaModelOptions m = api->model_options();
    const LlamaContextOptions c = api->context_options();
    return c.context == 512 && c.batch == BATCH && c.pass == PASS && !m.devices && !m.overrides &&
           (m.gpu_layers == -1 || m.gpu_layers == 0 || m.gpu_layers == 999);
}

/* What a function without arguments says, "" where the library has no such function. */
static void ask(const char *library, const char *function, char *out, size_t size)
{
    struct {
        const char *(*text)(void);
    } f = { NULL };
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL); /* the one that is loaded already */
    void *p = handle ? dlsym(handle, function) : NULL;
    memcpy(&f.text, &p, sizeof p);
    const char *text = f.text ? f.text() : NULL;
    snprintf(out, size, "%s", text ? text : "");
}

static wt_status load(LlamaTable *api, wt_engine_facts *facts, const char *library, char *words, wt_err *err)
{
    char folder[WT_LIBRARY_PATH];
    WT_TRY(wt_library_load(library, symbols, WT_ARRAY_LEN(symbols), api, err));
    ask(library, "llama_version", facts->version, sizeof facts->version);
    api->log_to(listen, words);
    if (!layout_is_known(api)) {
        wt_fail(err, WT_EUNSUPPORTED, "this version of llama.cpp has other options than those that were tested (0.5)");
        wt_err_where(err, "%s", library);
        return WT_EUNSUPPORTED;
    }
    if (!facts->version[0])
        snprintf(facts->warning, sizeof facts->warning, "the library does not say which version it is; tested was 0.5");
    else if (strncmp(facts->version, "0.5.", 4) != 0)
        snprintf(facts->warning, sizeof facts->warning, "version %s is not the one that was tested, 0.5",
                 facts->version);
    api->start();
    snprintf(folder, sizeof folder, "%s", library);
    char *slash = strrchr(folder, '/');
    if (!api->n_devices() && slash) { /* backends are libraries of their own, beside it */
        *slash = 0;
        api->load_devices(folder);
    }
    return WT_OK;
}

static wt_status llama_probe(wt_engine_facts *out, wt_context *ctx, const char *library, wt_err *err)
{
    LlamaTable api;
    (void)ctx;
    *out = (wt_engine_facts){ 0 };
    WT_TRY(load(&api, out, library, NULL, err));
    for (size_t i = 0; i < api.n_devices() && i < WT_ENGINE_DEVICES; i++) {
        const char *name = api.device_name(api.device(i)), *text = api.device_text(api.device(i));
        snprintf(out->devices[out->n_devices++], sizeof out->devices[0], "%.20s%s%.38s%s", name ? name : "?",
                 text ? " (" : "", text ? text : "", text ? ")" : "");
    }
    return out->n_devices ? WT_OK : wt_fail(err, WT_EUNSUPPORTED, "llama.cpp found no device, not even the processor");
}

/* --- opening
 * ------------------------------------------------------------------------------------------------------------------ */
static void llama_close(wt_engine_decoder *decoder)
{
    llama_decoder *d = (llama_decoder *)decoder;
    if (d->context)
        d->api.free(d->context);
    if (d->model)
        d->api.model_free(d->model);
    if (d->api.log_to)
        d->api.log_to(listen, NULL);
    wt_free(d->base.ctx, d->kept);
    wt_free(d->base.ctx, d);
}

static wt_status refuse(const llama_decoder *d, wt_status code, const char *what, wt_err *err)
{
    return wt_fail(err, code, "llama.cpp %s%s%s", what, d->words[0] ? ": " : "", d->words);
}

static wt_status build(llama_decoder *d, const char *path, const wt_engine_options *o, wt_err *err)
{
    wt_engine_facts facts = { 0 };
    const int threads = o->threads > 0 ? o->threads : wt_context_threads(d->base.ctx);
    WT_TRY(load(&d->api, &facts, o->library, d->words, err));
    snprintf(d->base.version, sizeof d->base.version, "%s", facts.version);
    if (facts.warning[0])
        wt_log(d->base.ctx, WT_LOG_WARN, "llamacpp: %s", facts.warning);
    LlamaModelOptions mo = d->api.model_options();
    mo.gpu_layers = 0;
    d->model = d->api.load(path, mo);
    if (!d->model)
        return refuse(d, WT_EUNSUPPORTED, "refuses the model", err);
    LlamaContextOptions co = d->api.context_options();
    d->base.context = o->context > LEAST_CONTEXT ? o->context : LEAST_CONTEXT;
    co.context = (uint32_t)d->base.context;
    d->context = d->api.open(d->model, co);
    if (!d->context)
        return refuse(d, WT_EUNSUPPORTED, "cannot run the model", err);
    d->memory = d->api.memory(d->context);
    d->api.set_threads(d->context, threads, threads);
    d->base.vocab = d->api.n_tokens(d->api.vocab(d->model));
    char built[160]; /* for which instructions: many a package is for the oldest */
    ask(o->library, "llama_print_system_info", built, sizeof built);
    snprintf(d->base.settings, sizeof d->base.settings, "%d threads, no GPU layers, own caches and passes; %s", threads,
             built);
    return d->base.vocab > 0 && d->memory ? WT_OK : refuse(d, WT_EUNSUPPORTED, "has no memory for this model", err);
}

static wt_status llama_open(wt_engine_decoder **out, wt_context *ctx, const char *path, const wt_engine_options *o,
                            wt_err *err)
{
    llama_decoder *d = wt_alloc(ctx, 1, sizeof *d, err);
    *out = NULL;
    if (!d)
        return WT_ENOMEM;
    d->base.engine = &wt_engine_llamacpp;
    d->base.ctx = ctx;
    for (int i = 0; i < BATCH; i++) {
        d->counts[i] = 1;
        d->sequences[i] = &d->sequence;
    }
    const wt_status st = build(d, path, o, err);
    if (st != WT_OK) {
        llama_close(&d->base);
        return st;
    }
    *out = &d->base;
    return WT_OK;
}

/* --- running
 * ------------------------------------------------------------------------------------------------------------------ */
static wt_status llama_rewind(wt_engine_decoder *decoder, int64_t keep, wt_err *err)
{
    llama_decoder *d = (llama_decoder *)decoder;
    if (keep < 0 || keep > d->length)
        return wt_fail(err, WT_EUSAGE, "there are %lld tokens to keep, not %lld", (long long)d->length,
                       (long long)keep);
    if (keep == d->length)
        return WT_OK;
    if (keep == 0)
        d->api.clear(d->memory, false);
    else if (!d->api.forget(d->memory, 0, (int32_t)keep, -1))
        return wt_fail(err, WT_EUNSUPPORTED, "llama.cpp cannot go back to token %lld of this model", (long long)keep);
    d->length = keep;
    return WT_OK;
}

/* One batch of n tokens, of which those from `wanted` on are asked for. */
static wt_status decode(llama_decoder *d, const int32_t *tokens, size_t n, size_t wanted, wt_err *err)
{
    char why[64];
    const LlamaBatch batch = { .n = (int32_t)n,
                               .tokens = d->tokens,
                               .positions = d->positions,
                               .n_sequences = d->counts,
                               .sequences = d->sequences,
                               .wanted = d->wanted };
    for (size_t i = 0; i < n; i++) {
        d->tokens[i] = tokens[i];
        d->positions[i] = (int32_t)d->length + (int32_t)i;
        d->wanted[i] = i >= wanted;
    }
    const int status = d->api.decode(d->context, batch);
    if (status != 0) {
        snprintf(why, sizeof why, "failed with status %d", status);
        return refuse(d, status == 1 ? WT_ELIMIT : WT_EINTERNAL, why, err);
    }
    d->length += (int64_t)n;
    return WT_OK;
}

static wt_status keep_logits(llama_decoder *d, size_t from, size_t n, size_t *kept, wt_err *err)
{
    const size_t width = (size_t)d->base.vocab;
    WT_TRY(wt_grow(d->base.ctx, (void **)&d->kept, &d->cap_kept, (*kept + n - from) * width, sizeof(float), err));
    for (size_t i = from; i < n; i++) {
        const float *row = d->api.logits(d->context, (int32_t)i);
        if (!row)
            return refuse(d, WT_EINTERNAL, "has no logits of a token that was asked for", err);
        memcpy(d->kept + (*kept)++ * width, row, width * sizeof *row);
    }
    return WT_OK;
}

static wt_status llama_feed(wt_engine_decoder *decoder, const int32_t *tokens, size_t n, size_t wanted, wt_err *err)
{
    llama_decoder *d = (llama_decoder *)decoder;
    size_t kept = 0;
    if (d->length + (int64_t)n > d->base.context)
        return wt_fail(err, WT_ELIMIT, "%lld tokens and %zu more do not fit a context of %lld", (long long)d->length, n,
                       (long long)d->base.context);
    for (size_t i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= d->base.vocab)
            return wt_fail(err, WT_EUSAGE, "token %d is not in the vocabulary of %lld", (int)tokens[i],
                           (long long)d->base.vocab);
    d->first = NULL;
    for (size_t at = 0; at < n; at += BATCH) {
        const size_t len = n - at < BATCH ? n - at : BATCH, from = wanted <= at        ? 0
                                                                   : wanted - at < len ? wanted - at
                                                                                       : len;
        WT_TRY(decode(d, tokens + at, len, from, err));
        if (n <= BATCH && from + 1 == len) /* the usual case needs no copy */
            d->first = d->api.logits(d->context, (int32_t)from);
        else
            WT_TRY(keep_logits(d, from, len, &kept, err));
    }
    return WT_OK;
}

static const float *llama_logits(wt_engine_decoder *decoder, size_t index)
{
    llama_decoder *d = (llama_decoder *)decoder;
    return d->first ? d->first : d->kept + index * (size_t)d->base.vocab;
}

static bool llama_memory(wt_engine_decoder *decoder, wt_plan_memory *out)
{
    llama_decoder *d = (llama_decoder *)decoder;
    *out = (wt_plan_memory){ .mapped_bytes = d->api.bytes(d->model) };
    return true;
}

/* It has no networks but decoders. */
static wt_status no_network(wt_engine_model **out, wt_context *ctx, const char *path, const wt_engine_options *o,
                            wt_err *err)
{
    (void)ctx, (void)path, (void)o;
    *out = NULL;
    return wt_fail(err, WT_EUNSUPPORTED, "llamacpp runs language models: generate, perplexity, bench");
}

static const char *const folders[] = { "llama_cpp/lib", "lib", NULL };
static const char *const packages[] = { "llama_cpp_python", NULL };
static const wt_library_names files = { "WHET_LLAMA_LIB", "libllama", folders, packages, NULL };

const wt_engine wt_engine_llamacpp = {
    .name = "llamacpp",
    .summary = "llama.cpp, by its C interface, for GGUF files",
    .formats = "gguf",
    .files = &files,
    .probe = llama_probe,
    .open = no_network,
    .open_decoder = llama_open,
    .close_decoder = llama_close,
    .rewind = llama_rewind,
    .feed = llama_feed,
    .logits = llama_logits,
    .decoder_memory = llama_memory,
};
