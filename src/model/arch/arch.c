/* arch.c - the list of architectures, and making a graph by one of them. */
#include <stdio.h>
#include "model/arch/build.h"

#define X(id) extern const wt_arch wt_arch_##id;
#include "model/arch/archs.def"
#undef X

const wt_arch *const wt_archs[] = {
#define X(id) &wt_arch_##id,
#include "model/arch/archs.def"
#undef X
    NULL,
};

const wt_arch *wt_arch_find(const char *name, size_t len)
{
    for (const wt_arch *const *a = wt_archs; *a; a++)
        if (strlen((*a)->name) == len && !memcmp((*a)->name, name, len))
            return *a;
    return NULL;
}

static wt_status unknown_arch(const wt_weights *w, wt_string name, wt_err *err)
{
    char known[200] = "";
    size_t at = 0;
    for (const wt_arch *const *a = wt_archs; *a && at < sizeof known; a++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", at ? ", " : "", (*a)->name);
    wt_fail(err, WT_EUNSUPPORTED, "the architecture '%.*s' is not known", (int)(name.len < 60 ? name.len : 60),
            name.data);
    wt_err_where(err, "%s", wt_weights_path(w));
    wt_err_hint(err, "known are: %s", known);
    return WT_EUNSUPPORTED;
}

static wt_status open_builder(wt_arch_builder *b, wt_weights *w, wt_err *err)
{
    wt_string name;
    *b = (wt_arch_builder){ .w = w };
    WT_TRY(wt_weights_string(w, "general.architecture", "", &name, err));
    b->arch = wt_arch_find(name.data, name.len);
    if (!b->arch)
        return unknown_arch(w, name, err);
    WT_TRY(wt_b_common(b, err));
    return b->arch->hparams ? b->arch->hparams(b, err) : WT_OK;
}

wt_status wt_arch_hparams(wt_hparams *hp, wt_weights *weights, wt_err *err)
{
    wt_arch_builder b;
    WT_TRY(open_builder(&b, weights, err));
    *hp = b.hp;
    return WT_OK;
}

static wt_status describe(wt_arch_builder *b, wt_err *err)
{
    wt_string name;
    WT_TRY(wt_weights_string(b->w, "general.name", "", &name, err));
    b->g->format = wt_weights_format(b->w);
    b->g->name = wt_arena_strndup(&b->g->arena, name.data, name.len, err);
    return b->g->name ? WT_OK : WT_ENOMEM;
}

wt_status wt_arch_build(wt_graph **out, wt_weights *weights, const wt_arch_options *options, wt_err *err)
{
    wt_arch_builder b;
    *out = NULL;
    WT_TRY(open_builder(&b, weights, err));
    if (options)
        b.options = *options;
    WT_TRY(wt_graph_new(&b.g, wt_weights_arena(weights)->ctx, err));
    wt_status st = describe(&b, err);
    if (st == WT_OK)
        st = b.arch->build(&b, err);
    if (st == WT_OK)
        st = wt_graph_verify(b.g, WT_EFORMAT, err);
    if (st != WT_OK) {
        wt_graph_close(b.g);
        return st;
    }
    *out = b.g;
    return WT_OK;
}
