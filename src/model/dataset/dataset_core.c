/* dataset_core.c - opening what all views of a set share: find the form, list, hash on all threads, resolve labels,
 * sort. */
#include "base/hash.h"
#include "base/json.h"
#include "base/pool.h"
#include "model/dataset/dataset_impl.h"
#include "model/dataset/preprocess.h"
#include <stdlib.h>

wt_status wt_core_add(wt_core *core, wt_entry **out, wt_err *err)
{
    void *entries = core->entries;
    const wt_status st = wt_grow(core->ctx, &entries, &core->capacity, core->n + 1, sizeof(wt_entry), err);
    core->entries = entries;
    if (st != WT_OK)
        return st;
    if ((core->n & 4095) == 0)
        WT_TRY(wt_check_cancel(core->ctx, err));
    *out = &core->entries[core->n++];
    **out = (wt_entry){ .index = -1 };
    return WT_OK;
}

/* --- the form
 * --------------------------------------------------------------------------------------------------------------------
 */

static wt_status folder_form(wt_core *core, wt_err *err)
{
    const char **names, *idx;
    size_t n, folders = 0, data = 0, csv = 0;
    WT_TRY(wt_list_folder(&core->arena, core->path, &names, &n, err));
    WT_TRY(wt_idx_in_folder(core, names, n, &idx, err));
    if (idx) {
        core->path = wt_arena_printf(&core->arena, err, "%s/%s", core->path, idx);
        core->form = &wt_form_idx;
        return core->path ? WT_OK : WT_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        const wt_file_kind kind = wt_file_kind_of(names[i]);
        folders += wt_str_ends(names[i], "/");
        csv += !strcmp(names[i], "labels.csv");
        data += kind != WT_FILE_OTHER && kind != WT_FILE_TEXT;
    }
    if (!csv && folders && data) {
        wt_fail(err, WT_EUSAGE, "%s holds both folders and data files, so it is not clear what a class is", core->path);
        wt_err_hint(err, "keep class folders and loose files apart, or add a labels.csv");
        return WT_EUSAGE;
    }
    core->form = !csv && folders ? &wt_form_class_folders : &wt_form_files;
    return WT_OK;
}

wt_status wt_core_find_form(wt_core *core, wt_err *err)
{
    const char *path = core->path;
    if (wt_path_is_dir(path))
        return folder_form(core, err);
    if (!wt_path_exists(path)) {
        if (!path[strcspn(path, "*?[")]) {
            wt_fail(err, WT_EIO, "there is no file or folder %s", path);
            wt_err_hint(err, "a data set is a folder, a pattern in quotes, or a file");
            return WT_EIO;
        }
        core->form = &wt_form_files;
        return WT_OK;
    }
    const wt_file_kind kind = wt_file_kind_of(path);
    if (wt_is_idx_name(path))
        core->form = &wt_form_idx;
    else if (kind == WT_FILE_NPZ || kind == WT_FILE_NPY)
        core->form = &wt_form_arrays;
    else if (kind == WT_FILE_TEXT)
        core->form = &wt_form_lines;
    else if (wt_str_ends(path, ".jsonl") || wt_str_ends(path, ".ndjson"))
        core->form = &wt_form_json_lines;
    else if (kind != WT_FILE_OTHER)
        core->form = &wt_form_files;
    if (core->form)
        return WT_OK;
    wt_fail(err, WT_EUNSUPPORTED, "%s is no data set of a known form", path);
    wt_err_hint(err, "known: folders, .npz .npy .png .jpg .wav .txt .jsonl and IDX files");
    return WT_EUNSUPPORTED;
}

/* --- hashing on all threads
 * --------------------------------------------------------------------------------------------------------- */

typedef struct hashing {
    wt_core *core;
    atomic_size_t next;
    atomic_bool stop;
    atomic_flag lock;
    size_t failed; /* lowest entry that failed */
    wt_status st;
    wt_err *err;
} hashing;

/* Entries are taken in rising order, so every one below the first failure has been taken by somebody, and the error
 * that is reported does not depend on who was faster. */
static void hash_some(void *arg, wt_team *team, int tid, int nthreads)
{
    hashing *h = arg;
    wt_err err = { 0 };
    (void)team, (void)nthreads;
    while (!atomic_load(&h->stop)) {
        const size_t i = atomic_fetch_add(&h->next, 1);
        if (i >= h->core->n)
            return;
        wt_entry *e = &h->core->entries[i];
        wt_status st = i % 64 ? WT_OK : wt_check_cancel(h->core->ctx, &err);
        if (tid == 0 && i % 256 < 8)
            wt_report_progress(h->core->ctx, "hashing", "samples", i, h->core->n);
        if (st == WT_OK)
            st = h->core->form->hash(h->core, e, &err);
        if (st == WT_OK)
            continue;
        if (e->name)
            wt_err_where(&err, "%s", e->name);
        atomic_store(&h->stop, true);
        while (atomic_flag_test_and_set(&h->lock)) {}
        if (h->st == WT_OK || i < h->failed) {
            h->st = st;
            h->failed = i;
            if (h->err)
                *h->err = err;
        }
        atomic_flag_clear(&h->lock);
    }
}

static wt_status hash_entries(wt_core *core, wt_err *err)
{
    struct wt_pool *pool;
    hashing h = { .core = core, .st = WT_OK, .err = err, .lock = ATOMIC_FLAG_INIT };
    WT_TRY(wt_context_pool(core->ctx, &pool, err));
    wt_pool_run(pool, wt_context_threads(core->ctx), hash_some, &h);
    return h.st;
}

/* --- order and opening
 * ---------------------------------------------------------------------------------------------------------------- */

static int entry_cmp(const void *pa, const void *pb)
{
    const wt_entry *a = pa, *b = pb;
    int c = memcmp(a->hash, b->hash, sizeof a->hash);
    if (c == 0 && a->number != b->number)
        c = a->number < b->number ? -1 : 1;
    if (c == 0 && a->index != b->index)
        c = a->index < b->index ? -1 : 1;
    if (c == 0 && a->label && b->label)
        c = strcmp(a->label, b->label);
    if (c == 0 && a->name && b->name)
        c = strcmp(a->name, b->name);
    if (c == 0 && a->record != b->record)
        c = a->record < b->record ? -1 : 1;
    return c;
}

bool wt_core_same(const wt_core *core, const wt_entry *a, const wt_entry *b)
{
    const bool frames = core->form == &wt_form_files || core->form == &wt_form_class_folders;
    return memcmp(a->hash, b->hash, sizeof a->hash) == 0 && (!frames || a->number == b->number);
}

/* One input with two answers cannot both be right; the user should know. */
static void warn_contradictions(const wt_core *core)
{
    size_t n = 0;
    const wt_entry *seen = NULL;
    for (size_t i = 1; i < core->n; i++) {
        const wt_entry *a = &core->entries[i - 1], *b = a + 1;
        if (!wt_core_same(core, a, b))
            continue;
        if (a->index != b->index ||
            (core->kind == WT_LABEL_TEXT && a->label && b->label && strcmp(a->label, b->label))) {
            n++;
            seen = b;
        }
    }
    if (seen)
        wt_log(core->ctx, WT_LOG_WARN, "%s: %zu sample(s) have the same content as another, but another label (%s)",
               core->path, n, seen->name ? seen->name : "see duplicates");
}

static wt_status describe_applied(wt_core *core, wt_err *err)
{
    json_t *root = NULL;
    if (core->reader.image.channels)
        root = wt_preprocess_to_json(&core->reader.image.pp, WT_PP_PICTURE_KEYS);
    else if (core->reader.sound.shape.rank)
        root = wt_preprocess_to_json(&core->reader.sound.pp, WT_PP_SOUND_KEYS);
    else
        root = json_object();
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    core->applied = text ? wt_arena_strdup(&core->arena, text, err) : NULL;
    if (!text)
        wt_fail(err, WT_ENOMEM, "no memory for the description of the pre-processing");
    wt_text_free(text);
    json_decref(root);
    return core->applied ? WT_OK : WT_ENOMEM;
}

static wt_status no_samples(const wt_core *core, wt_err *err)
{
    wt_fail(err, WT_EFORMAT, "there is no sample in %s", core->path[0] ? core->path : "the files named");
    wt_err_hint(err, "known: .png .jpg .npy .npz .wav .txt .jsonl, in a folder or in one folder for each class");
    return WT_EFORMAT;
}

static wt_status fill_core(wt_core *core, wt_err *err)
{
    WT_TRY(wt_core_load_classes(core, err));
    WT_TRY(wt_core_find_form(core, err));
    core->form_name = core->form->name;
    WT_TRY(core->form->list(core, err));
    if (core->n == 0)
        return no_samples(core, err);
    WT_TRY(hash_entries(core, err));
    if (core->form->expand)
        WT_TRY(core->form->expand(core, err));
    WT_TRY(wt_core_resolve_labels(core, err));
    qsort(core->entries, core->n, sizeof *core->entries, entry_cmp);
    warn_contradictions(core);
    return describe_applied(core, err);
}

static wt_status copy_inputs(wt_core *core, const wt_dataset_options *o, wt_err *err)
{
    wt_data_input *inputs = wt_arena_alloc(&core->arena, o->n_inputs, sizeof *inputs, err);
    if (!inputs)
        return WT_ENOMEM;
    for (size_t i = 0; i < o->n_inputs; i++) {
        inputs[i] = o->inputs[i];
        if (!(inputs[i].name = wt_arena_strdup(&core->arena, o->inputs[i].name, err)))
            return WT_ENOMEM;
    }
    core->reader = (wt_reader){ .ctx = core->ctx,
                                .inputs = inputs,
                                .n_inputs = o->n_inputs,
                                .max_bytes = o->max_bytes ? o->max_bytes : WT_DEFAULT_BYTES,
                                .max_pixels = o->max_pixels ? o->max_pixels : WT_DEFAULT_PIXELS,
                                .allow_nonfinite = o->allow_nonfinite != 0 };
    return WT_OK;
}

void wt_core_release(wt_core *core)
{
    if (atomic_fetch_sub(&core->refs, 1) != 1)
        return;
    wt_context *ctx = core->ctx;
    if (core->form && core->form->close)
        core->form->close(core);
    wt_free(ctx, core->entries);
    wt_arena_free(&core->arena);
    wt_free(ctx, core);
}

wt_status wt_core_open(wt_core **out, wt_context *ctx, const char *path, const wt_dataset_options *o, wt_err *err)
{
    wt_core *core = wt_alloc(ctx, 1, sizeof *core, err);
    *out = core;
    if (!core)
        return WT_ENOMEM;
    core->ctx = ctx;
    atomic_init(&core->refs, 1);
    wt_arena_init(&core->arena, ctx);
    core->kind = o->label_kind;
    core->pp = o->preprocess ? *o->preprocess : wt_preprocess_defaults();
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    core->path = wt_arena_strndup(&core->arena, path, len, err);
    if (o->labels && !(core->labels = wt_arena_strdup(&core->arena, o->labels, err)))
        return WT_ENOMEM;
    if (!core->path)
        return WT_ENOMEM;
    WT_TRY(copy_inputs(core, o, err));
    return fill_core(core, err);
}
