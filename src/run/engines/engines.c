/* engines.c - the table of engines, what they read, and what a user's words choose. See engine.h. */
#include <stdio.h>
#include "base/file.h"
#include "base/str.h"
#include "model/format.h"
#include "model/weights.h"
#include "run/engines/engine.h"

const wt_engine *const wt_engines[] = {
#define ENGINE(name) &wt_engine_##name,
#include "run/engines/engines.def"
#undef ENGINE
    NULL,
};

const wt_engine *wt_engine_by_name(const char *name, size_t len)
{
    for (const wt_engine *const *e = wt_engines; *e; e++)
        if (strlen((*e)->name) == len && !strncmp((*e)->name, name, len))
            return *e;
    return NULL;
}

/* --- what an engine reads
 * -------------------------------------------------------------------------------------------------- */

/* Whether `word` of len letters is one of "a/b/c". */
static bool in_words(const char *words, const char *word, size_t len)
{
    for (const char *p = words; p && *p; p += strcspn(p, "/"), p += *p == '/')
        if (strcspn(p, "/") == len && !strncmp(p, word, len))
            return true;
    return false;
}

/* "onnx", "gguf", "openvino", ...; "" when the head says nothing that is known. */
static const char *kind_of(const char *path)
{
    uint8_t head[4096];
    if (wt_path_is_dir(path))
        return "folder";
    FILE *f = fopen(path, "rb");
    const size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    if (n >= 4 && !memcmp(head, "GGUF", 4))
        return "gguf";
    if (n >= 4 && (!memcmp(head, "<?xm", 4) || !memcmp(head, "<net", 4)) && wt_str_ends(path, ".xml"))
        return "openvino";
    for (const wt_format *const *format = wt_formats; *format && n; format++)
        if ((*format)->sniff(head, n))
            return (*format)->name;
    return wt_weights_sniff(path) ? "weights" : wt_str_ends(path, ".onnx") ? "onnx" : "";
}

bool wt_engine_takes(const wt_engine *engine, const char *path, char reason[WT_ENGINE_TEXT])
{
    if (!engine->formats || !wt_path_exists(path)) /* a file that is missing is not the engine's fault */
        return true;
    const char *kind = kind_of(path);
    if (in_words(engine->formats, kind, strlen(kind)))
        return true;
    snprintf(reason, WT_ENGINE_TEXT, "%s does not read this kind of file%s%s%s, only: %s", engine->name,
             kind[0] ? " (" : "", kind, kind[0] ? ")" : "", engine->formats);
    return false;
}

/* --- what was asked for
 * ----------------------------------------------------------------------------------------------------- */
static wt_status no_engine(wt_err *err, const char *word, size_t len)
{
    char list[200] = "";
    for (const wt_engine *const *e = wt_engines; *e; e++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", e == wt_engines ? "" : ", ", (*e)->name);
    return wt_fail(err, WT_EUSAGE, "there is no engine '%.*s'; there are: %s", (int)len, word, list);
}

static wt_status take_word(wt_engine_choice *out, const char *word, size_t len, wt_err *err)
{
    const char *colon = memchr(word, ':', len);
    const size_t name = colon ? (size_t)(colon - word) : len, variant = colon ? len - name - 1 : 0;
    *out = (wt_engine_choice){ .engine = wt_engine_by_name(word, name) };
    if (!out->engine || len >= sizeof out->label)
        return no_engine(err, word, name);
    if (colon && !in_words(out->engine->variants, colon + 1, variant))
        return wt_fail(err, WT_EUSAGE, "engine %s has no variant '%.*s'; there %s%s", out->engine->name, (int)variant,
                       colon + 1, out->engine->variants ? "are: " : "is none",
                       out->engine->variants ? out->engine->variants : "");
    snprintf(out->variant, sizeof out->variant, "%.*s", (int)variant, colon ? colon + 1 : "");
    snprintf(out->label, sizeof out->label, "%.*s", (int)len, word);
    return WT_OK;
}

static wt_status all_found(wt_engine_choice *out, size_t *n, wt_context *ctx, wt_err *err)
{
    for (const wt_engine *const *e = wt_engines; *e && *n < WT_MOST_ENGINES; e++) {
        wt_libraries l = { 0 };
        if (!wt_engine_is_native(*e))
            WT_TRY(wt_libraries_find(&l, ctx, (*e)->files, err));
        if (wt_engine_is_native(*e) || l.n)
            WT_TRY(take_word(&out[(*n)++], (*e)->name, strlen((*e)->name), err));
        wt_libraries_free(&l);
    }
    return WT_OK;
}

wt_status wt_engine_choices(wt_engine_choice out[WT_MOST_ENGINES], size_t *n, wt_context *ctx, const char *text,
                            wt_err *err)
{
    *n = 0;
    for (const char *p = text && *text ? text : "native"; *p;) {
        const size_t len = strcspn(p, ",");
        if (len == 3 && !strncmp(p, "all", 3))
            WT_TRY(all_found(out, n, ctx, err));
        else if (*n == WT_MOST_ENGINES)
            return wt_fail(err, WT_EUSAGE, "more than %d engines at once", WT_MOST_ENGINES);
        else
            WT_TRY(take_word(&out[(*n)++], p, len, err));
        p += len + (p[len] == ',');
    }
    return WT_OK;
}

/* --- borders
 * ------------------------------------------------------------------------------------------------------------------ */
wt_status wt_engine_texts(const char ***starts, wt_context *ctx, const wt_string *texts, size_t n, wt_err *err)
{
    size_t bytes = (n + 1) * sizeof **starts;
    for (size_t i = 0; i < n; i++)
        bytes += texts[i].len + 1;
    char *room = wt_alloc(ctx, bytes, 1, err); /* zeroed: the texts' ends are there */
    *starts = (const char **)(void *)room;
    if (!room)
        return WT_ENOMEM;
    char *p = room + (n + 1) * sizeof **starts;
    for (size_t i = 0; i < n; i++) {
        (*starts)[i] = p;
        if (texts[i].len)
            memcpy(p, texts[i].data, texts[i].len);
        p += texts[i].len + 1;
    }
    return WT_OK;
}

wt_status wt_border_add(wt_graph *g, bool input, const char *name, wt_dtype dtype, int rank, const int64_t *dims,
                        const char *const *symbols, wt_err *err)
{
    wt_value *v = input ? NULL : wt_graph_find(g, name); /* an input may be an output, too */
    if (!v)
        WT_TRY(wt_graph_add_value(&v, g, name, err));
    v->type.dtype = dtype;
    v->type.shape.rank = rank > WT_MAX_RANK ? -1 : rank;
    for (int d = 0; d < v->type.shape.rank; d++) {
        v->type.shape.dim[d] = dims[d] >= 0 ? dims[d] : WT_DIM_ANY;
        if (dims[d] < 0 && symbols && symbols[d] && wt_names_a_dim(symbols[d], strlen(symbols[d])))
            WT_TRY(wt_graph_symbol(g, symbols[d], &v->type.shape.dim[d], err));
    }
    return input ? wt_graph_add_input(g, v, err) : wt_graph_add_output(g, v, err);
}

/* --- which library
 * --------------------------------------------------------------------------------------------------------------- */
wt_status wt_engine_library(const wt_engine *engine, wt_context *ctx, char path[WT_LIBRARY_PATH], wt_err *err)
{
    wt_libraries found;
    path[0] = 0;
    if (wt_engine_is_native(engine))
        return WT_OK;
    WT_TRY(wt_libraries_find(&found, ctx, engine->files, err));
    if (found.n)
        snprintf(path, WT_LIBRARY_PATH, "%s", found.items[0].path);
    wt_libraries_free(&found);
    if (path[0])
        return WT_OK;
    wt_fail(err, WT_EUNSUPPORTED, "the library of %s (%s) was not found", engine->name, engine->files->stem);
    wt_err_hint(err, "install it (Python's package %s will do), or say where it is: %s=FILE",
                engine->files->packages[0], engine->files->variable);
    return WT_EUNSUPPORTED;
}
