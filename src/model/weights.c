/* weights.c - the set itself: lists of tensors and keys, found by name, and all that they own. */
#include "model/weights_impl.h"
#include <stdio.h>
#include "base/hash.h"

wt_status wt_weights_refuse(const char *path, wt_err *err, uint64_t at, const char *fmt, ...)
{
    char text[sizeof err->message];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wt_fail_at(err, WT_EFORMAT, at, "%s", text);
    wt_err_where(err, "%s", path);
    wt_err_hint(err, "the file is damaged, or was written by a tool that does not follow the format");
    return WT_EFORMAT;
}

/* --- names ------------------------------------------------------------------------------------------------- */

typedef wt_string name_fn(const wt_weights *w, size_t index);
static wt_string weight_name(const wt_weights *w, size_t i) { return w->weights[i]->name; }
static wt_string meta_name(const wt_weights *w, size_t i) { return w->metas[i]->key; }

/* The slot of a name, or the empty one where it belongs; the table is not empty. */
static size_t slot_of(const wt_weights *w, const wt_name_table *t, name_fn *name, const char *s, size_t len)
{
    size_t at = (size_t)wt_hash64(s, len, 0) & (t->n_slots - 1);
    for (; t->slots[at]; at = (at + 1) & (t->n_slots - 1)) {
        const wt_string have = name(w, t->slots[at] - 1);
        if (have.len == len && !memcmp(have.data, s, len))
            break;
    }
    return at;
}

static size_t find(const wt_weights *w, const wt_name_table *t, name_fn *name, const char *s, size_t len)
{
    return t->n_slots ? t->slots[slot_of(w, t, name, s, len)] : 0;
}

/* Makes room for the n-th name, putting the n - 1 that are there into the new table. */
static wt_status reserve_name(wt_weights *w, wt_name_table *t, name_fn *name, size_t n, wt_err *err)
{
    if (2 * n <= t->n_slots)
        return WT_OK;
    wt_name_table wider = { .n_slots = t->n_slots ? 2 * t->n_slots : 64 };
    wider.slots = wt_alloc(w->ctx, wider.n_slots, sizeof *wider.slots, err);
    if (!wider.slots)
        return WT_ENOMEM;
    for (size_t i = 0; i + 1 < n; i++) {
        const wt_string s = name(w, i);
        wider.slots[slot_of(w, &wider, name, s.data, s.len)] = (uint32_t)i + 1;
    }
    wt_free(w->ctx, t->slots);
    *t = wider;
    return WT_OK;
}

/* --- making and closing ------------------------------------------------------------------------------------ */

wt_status wt_weights_new(wt_weights **out, wt_context *ctx, const char *path, const char *format, wt_err *err)
{
    *out = NULL;
    wt_weights *w = wt_alloc(ctx, 1, sizeof *w, err);
    if (!w)
        return WT_ENOMEM;
    w->ctx = ctx;
    wt_arena_init(&w->arena, ctx);
    w->path = wt_arena_strdup(&w->arena, path, err);
    w->format = w->path ? wt_arena_strdup(&w->arena, format, err) : NULL;
    if (!w->format) {
        wt_weights_close(w);
        return WT_ENOMEM;
    }
    *out = w;
    return WT_OK;
}

void wt_weights_close(wt_weights *w)
{
    if (!w)
        return;
    if (w->close_kept)
        w->close_kept(w->kept);
    for (size_t i = 0; i < w->n_maps; i++)
        wt_map_close(&w->maps[i]);
    for (size_t i = 0; i < w->n_owned; i++)
        wt_weights_close(w->owned[i]);
    for (size_t i = 0; i < w->n_pages; i++)
        wt_free_pages(w->ctx, w->pages[i]);
    wt_free(w->ctx, w->owned);
    wt_free(w->ctx, w->maps);
    wt_free(w->ctx, w->pages);
    wt_free(w->ctx, w->weights);
    wt_free(w->ctx, w->metas);
    wt_free(w->ctx, w->weight_names.slots);
    wt_free(w->ctx, w->meta_names.slots);
    wt_arena_free(&w->arena);
    wt_free(w->ctx, w);
}

void wt_weights_keep(wt_weights *w, void *what, void (*close)(void *what), uint64_t bytes)
{
    w->kept = what;
    w->close_kept = close;
    w->kept_bytes = bytes;
}

void *wt_weights_kept(const wt_weights *w) { return w->kept; }

wt_status wt_weights_need_tensors(const wt_weights *w, wt_err *err)
{
    if (!w->kept)
        return WT_OK;
    wt_fail(err, WT_EUNSUPPORTED, "the weights are in an ONNX graph: they cannot be written in another way");
    wt_err_where(err, "%s", w->path);
    wt_err_hint(err, "start from the GGUF file or the Hugging Face folder that the graph was made of");
    return WT_EUNSUPPORTED;
}

wt_status wt_weights_add_map(wt_weights *w, const wt_map *map, uint32_t *index, wt_err *err)
{
    WT_TRY(wt_grow(w->ctx, (void **)&w->maps, &w->maps_cap, w->n_maps + 1, sizeof *w->maps, err));
    w->maps[w->n_maps] = *map;
    if (index)
        *index = (uint32_t)w->n_maps;
    w->n_maps++;
    return WT_OK;
}

wt_status wt_weights_own(wt_weights *w, wt_weights *other, wt_err *err)
{
    WT_TRY(wt_grow(w->ctx, (void **)&w->owned, &w->owned_cap, w->n_owned + 1, sizeof(wt_weights *), err));
    w->owned[w->n_owned++] = other;
    return WT_OK;
}

void *wt_weights_pages(wt_weights *w, size_t bytes, wt_err *err)
{
    if (wt_grow(w->ctx, (void **)&w->pages, &w->pages_cap, w->n_pages + 1, sizeof *w->pages, err) != WT_OK)
        return NULL;
    void *block = wt_alloc_pages(w->ctx, bytes, err);
    if (block)
        w->pages[w->n_pages++] = block;
    return block;
}

const char *wt_weights_path(const wt_weights *w) { return w->path; }
const char *wt_weights_format(const wt_weights *w) { return w->format; }
wt_arena *wt_weights_arena(wt_weights *w) { return &w->arena; }
wt_context *wt_weights_context(const wt_weights *w) { return w->ctx; }

uint64_t wt_weights_file_bytes(const wt_weights *w)
{
    uint64_t sum = w->kept_bytes;
    for (size_t i = 0; i < w->n_maps; i++)
        sum += w->maps[i].size;
    for (size_t i = 0; i < w->n_owned; i++)
        sum += wt_weights_file_bytes(w->owned[i]);
    return sum;
}

/* --- tensors ----------------------------------------------------------------------------------------------- */

size_t wt_weights_count(const wt_weights *w) { return w->n_weights; }
const wt_weight *wt_weights_at(const wt_weights *w, size_t index) { return w->weights[index]; }

size_t wt_weights_index(const wt_weights *w, const wt_weight *weight)
{
    return find(w, &w->weight_names, weight_name, weight->name.data, weight->name.len) - 1;
}

const wt_weight *wt_weights_find(const wt_weights *w, const char *name)
{
    const size_t at = find(w, &w->weight_names, weight_name, name, strlen(name));
    return at ? w->weights[at - 1] : NULL;
}

static bool copy_string(wt_arena *arena, wt_string *s, wt_err *err)
{
    char *copy = wt_arena_strndup(arena, s->data ? s->data : "", s->len, err);
    s->data = copy;
    return copy != NULL;
}

wt_status wt_weights_add(wt_weights *w, const wt_weight *weight, wt_err *err)
{
    if (find(w, &w->weight_names, weight_name, weight->name.data, weight->name.len))
        return wt_fail_at(err, WT_EFORMAT, weight->source, "a second tensor has the name '%.*s'", (int)weight->name.len,
                          weight->name.data);
    int64_t n = 0;
    size_t bytes = 0;
    if (!wt_shape_count(&weight->shape, &n) || !wt_dtype_bytes(weight->dtype, (uint64_t)n, &bytes))
        return wt_fail_at(err, WT_EFORMAT, weight->source, "tensor '%.*s': its size overflows", (int)weight->name.len,
                          weight->name.data);
    WT_TRY(wt_grow(w->ctx, (void **)&w->weights, &w->weights_cap, w->n_weights + 1, sizeof *w->weights, err));
    WT_TRY(reserve_name(w, &w->weight_names, weight_name, w->n_weights + 1, err));
    wt_weight *own = wt_arena_alloc(&w->arena, 1, sizeof *own, err);
    const void **parts = own ? wt_arena_alloc(&w->arena, weight->n_parts, sizeof *parts, err) : NULL;
    if (!parts)
        return WT_ENOMEM;
    *own = *weight;
    if (!copy_string(&w->arena, &own->name, err))
        return WT_ENOMEM;
    for (size_t i = 0; i < weight->n_parts; i++)
        parts[i] = weight->parts[i];
    own->parts = parts;
    own->bytes = bytes;
    own->ready = weight->form == WT_FORM_AS_IS ? parts[0] : NULL;
    w->weight_names.slots[slot_of(w, &w->weight_names, weight_name, own->name.data, own->name.len)] =
        (uint32_t)w->n_weights + 1;
    w->weights[w->n_weights++] = own;
    return WT_OK;
}

wt_status wt_weight_data(wt_weights *w, const wt_weight *weight, wt_tensor *out, wt_err *err)
{
    wt_weight *own = (wt_weight *)(uintptr_t)weight; /* the set's own, handed out as const */
    if (!own->ready) {
        const size_t rank = (size_t)weight->shape.rank;
        const int64_t rows = rank ? wt_shape_product(&weight->shape, 0, (int)rank - 1) : 1;
        void *data = wt_weights_pages(w, weight->bytes, err);
        if (!data)
            return WT_ENOMEM;
        WT_TRY(wt_weight_load(w, weight, 0, (uint64_t)rows, data, err));
        own->ready = data;
    }
    *out = (wt_tensor){ .dtype = weight->dtype, .shape = weight->shape, .data = own->ready, .bytes = weight->bytes };
    return WT_OK;
}

/* --- keys -------------------------------------------------------------------------------------------------- */

size_t wt_weights_meta_count(const wt_weights *w) { return w->n_metas; }
const wt_meta *wt_weights_meta_at(const wt_weights *w, size_t index) { return w->metas[index]; }

const wt_meta *wt_weights_meta(const wt_weights *w, const char *key)
{
    const size_t at = find(w, &w->meta_names, meta_name, key, strlen(key));
    return at ? w->metas[at - 1] : NULL;
}

wt_status wt_weights_borrow_meta(wt_weights *w, const wt_meta *meta, wt_err *err)
{
    const size_t at = find(w, &w->meta_names, meta_name, meta->key.data, meta->key.len);
    wt_meta *own = wt_arena_alloc(&w->arena, 1, sizeof *own, err);
    if (!own)
        return WT_ENOMEM;
    *own = *meta;
    if (at) {
        w->metas[at - 1] = own; /* the old one stays in the arena, since somebody may look at it */
        return WT_OK;
    }
    WT_TRY(wt_grow(w->ctx, (void **)&w->metas, &w->metas_cap, w->n_metas + 1, sizeof *w->metas, err));
    WT_TRY(reserve_name(w, &w->meta_names, meta_name, w->n_metas + 1, err));
    w->meta_names.slots[slot_of(w, &w->meta_names, meta_name, own->key.data, own->key.len)] = (uint32_t)w->n_metas + 1;
    w->metas[w->n_metas++] = own;
    return WT_OK;
}

wt_status wt_weights_set_meta(wt_weights *w, const wt_meta *meta, wt_err *err)
{
    wt_meta own = *meta;
    const size_t size = wt_meta_type_bytes(meta->type), n = (size_t)meta->count;
    if (!copy_string(&w->arena, &own.key, err))
        return WT_ENOMEM;
    if (size) {
        void *data = wt_arena_alloc(&w->arena, n, size, err);
        if (!data)
            return WT_ENOMEM;
        if (n)
            memcpy(data, meta->data, n * size);
        own.data = data;
    } else {
        wt_string *strings = wt_arena_alloc(&w->arena, n, sizeof *strings, err);
        if (!strings)
            return WT_ENOMEM;
        for (size_t i = 0; i < n; i++) {
            strings[i] = meta->strings[i];
            if (!copy_string(&w->arena, &strings[i], err))
                return WT_ENOMEM;
        }
        own.strings = strings;
    }
    return wt_weights_borrow_meta(w, &own, err);
}

void wt_weights_drop_meta(wt_weights *w, const char *key)
{
    const size_t at = find(w, &w->meta_names, meta_name, key, strlen(key));
    if (!at)
        return;
    memmove(w->metas + at - 1, w->metas + at, (w->n_metas - at) * sizeof *w->metas);
    w->n_metas--;
    memset(w->meta_names.slots, 0, w->meta_names.n_slots * sizeof *w->meta_names.slots);
    for (size_t i = 0; i < w->n_metas; i++) {
        const wt_string s = w->metas[i]->key;
        w->meta_names.slots[slot_of(w, &w->meta_names, meta_name, s.data, s.len)] = (uint32_t)i + 1;
    }
}
