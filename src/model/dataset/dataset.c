/* dataset.c - views of a set, and walking through them.
 *
 * A view is a rising list of indices into the shared core, which nobody changes any more; so views can be used by
 * several threads, split again, and closed in any order. */
#include "base/hash.h"
#include "model/dataset/dataset_impl.h"
#include <stdlib.h>

struct wt_dataset {
    wt_core *core;
    size_t *order; /* indices of entries, rising */
    size_t n, at;
    char hash[65], label_hash[65];
    wt_dataset_info info;
};

wt_dataset_options wt_dataset_defaults(void)
{
    return (wt_dataset_options){ .size = sizeof(wt_dataset_options),
                                 .max_bytes = WT_DEFAULT_BYTES,
                                 .max_pixels = WT_DEFAULT_PIXELS };
}

static int int_cmp(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t count_distinct(int64_t *v, size_t n)
{
    uint64_t count = 0;
    qsort(v, n, sizeof *v, int_cmp);
    for (size_t i = 0; i < n; i++)
        count += i == 0 || v[i] != v[i - 1];
    return count;
}

/* --- views
 * ----------------------------------------------------------------------------------------------------------------------------
 */

/* Labels are no part of what a sample is (the same picture under two labels is one picture), so they are hashed apart.
 */
static wt_status hash_labels(wt_dataset *ds, wt_err *err)
{
    const wt_core *core = ds->core;
    wt_sha256 sha;
    uint8_t digest[32];
    wt_sha256_init(&sha);
    for (size_t i = 0; i < ds->n; i++) {
        const wt_entry *e = &core->entries[ds->order[i]];
        const char *text = e->label ? e->label : "";
        wt_sha256_add(&sha, text, strlen(text) + 1);
        wt_sha256_add(&sha, &e->index, sizeof e->index);
        if (core->form->hash_label)
            WT_TRY(core->form->hash_label(core, e, &sha, err));
    }
    wt_sha256_end(&sha, digest);
    wt_sha256_hex(digest, ds->label_hash);
    return WT_OK;
}

static wt_status count_view(wt_dataset *ds, wt_err *err)
{
    const wt_core *core = ds->core;
    wt_sha256 sha;
    uint8_t digest[32];
    wt_dataset_info info = { .samples = ds->n,
                             .ignored = core->ignored,
                             .label_kind = core->kind,
                             .classes = core->n_classes,
                             .form = core->form_name,
                             .hash = ds->hash,
                             .label_hash = ds->label_hash };
    int64_t highest = -1;
    wt_sha256_init(&sha);
    for (size_t i = 0; i < ds->n; i++) {
        const wt_entry *e = &core->entries[ds->order[i]];
        wt_sha256_add(&sha, e->hash, sizeof e->hash);
        const wt_entry *before = i ? &core->entries[ds->order[i - 1]] : NULL;
        info.unique += !before || !wt_core_same(core, before, e);
        const bool vector = core->kind == WT_LABEL_VECTOR && core->form == &wt_form_arrays;
        info.labelled += e->label || e->index >= 0 || vector;
        highest = e->index > highest ? e->index : highest;
    }
    wt_sha256_end(&sha, digest);
    wt_sha256_hex(digest, ds->hash);
    if (highest >= 0) { /* class numbers may be anything below 10^9: count those seen by sorting */
        int64_t *seen = wt_alloc_raw(core->ctx, ds->n, sizeof *seen, err);
        if (!seen)
            return WT_ENOMEM;
        size_t n = 0;
        for (size_t i = 0; i < ds->n; i++)
            if (core->entries[ds->order[i]].index >= 0)
                seen[n++] = core->entries[ds->order[i]].index;
        info.classes_seen = count_distinct(seen, n);
        wt_free(core->ctx, seen);
    }
    ds->info = info;
    return hash_labels(ds, err);
}

/* Takes a reference to core. keep: NULL for all, else one flag for each of base's samples (base NULL: of all entries).
 */
static wt_status make_view(wt_dataset **out, wt_core *core, const wt_dataset *base, const uint8_t *keep, size_t limit,
                           wt_err *err)
{
    const size_t n = base ? base->n : core->n;
    wt_dataset *ds = wt_alloc(core->ctx, 1, sizeof *ds, err);
    *out = NULL;
    if (!ds)
        return WT_ENOMEM;
    ds->core = core;
    atomic_fetch_add(&core->refs, 1);
    wt_status st = WT_ENOMEM;
    if ((ds->order = wt_alloc_raw(core->ctx, n, sizeof *ds->order, err))) {
        for (size_t i = 0; i < n && ds->n < limit; i++)
            if (!keep || keep[i])
                ds->order[ds->n++] = base ? base->order[i] : i;
        st = count_view(ds, err);
    }
    if (st != WT_OK) {
        wt_dataset_close(ds);
        return st;
    }
    *out = ds;
    return WT_OK;
}

wt_status wt_dataset_open(wt_dataset **out, wt_context *ctx, const char *path, const wt_dataset_options *options,
                          wt_err *err)
{
    wt_dataset_options o = wt_dataset_defaults();
    wt_core *core = NULL;
    *out = NULL;
    if (options)
        memcpy(&o, options, options->size && options->size < sizeof o ? options->size : sizeof o);
    wt_status st = wt_core_open(&core, ctx, path, &o, err);
    if (st == WT_OK)
        st = make_view(out, core, NULL, NULL, o.limit ? (size_t)o.limit : SIZE_MAX, err);
    if (st == WT_OK && core->ignored)
        wt_log(ctx, WT_LOG_INFO, "%s: %llu file(s) are left out: not data, or not named in labels.csv", path,
               (unsigned long long)core->ignored);
    if (st == WT_OK && (*out)->info.label_kind == WT_LABEL_CLASS && (*out)->info.classes_seen == 1)
        wt_log(ctx, WT_LOG_WARN, "%s: all samples have one class, so an accuracy says nothing", path);
    if (core)
        wt_core_release(core);
    return st;
}

void wt_dataset_close(wt_dataset *ds)
{
    if (!ds)
        return;
    wt_context *ctx = ds->core->ctx;
    wt_free(ctx, ds->order);
    wt_core_release(ds->core);
    wt_free(ctx, ds);
}

void wt_dataset_describe(const wt_dataset *ds, wt_dataset_info *out) { *out = ds->info; }
const char *wt_dataset_applied(const wt_dataset *ds) { return ds->core->applied; }

const char *wt_dataset_class_name(const wt_dataset *ds, uint64_t index)
{
    return index < ds->core->n_classes ? ds->core->classes[index] : NULL;
}

/* --- parts
 * ---------------------------------------------------------------------------------------------------------------- */

/* Where a content falls in 0..1; equal contents fall together, whatever they are called and whatever else is in the
 * set. */
static double place(const wt_entry *e, uint64_t seed)
{
    return (double)(wt_hash64(e->hash, sizeof e->hash, seed ^ 0x73706c69745f7731u) >> 11) * 0x1p-53;
}

/* Moves the fraction just far enough that neither part is empty; WT_EFORMAT when there is only one content. */
static wt_status both_parts(const wt_dataset *ds, uint64_t seed, double *fraction, wt_err *err)
{
    double lowest = 2, highest = -1, next_lowest = 2;
    for (size_t i = 0; i < ds->n; i++) {
        const double p = place(&ds->core->entries[ds->order[i]], seed);
        if (p < lowest) {
            next_lowest = lowest;
            lowest = p;
        } else if (p > lowest && p < next_lowest) {
            next_lowest = p;
        }
        highest = p > highest ? p : highest;
    }
    if (!(highest > lowest)) {
        wt_fail(err, WT_EFORMAT, "a set with one content only cannot be split into calibration and held-out data");
        wt_err_hint(err, "give more samples, or a data set of its own for each part");
        return WT_EFORMAT;
    }
    if (*fraction <= lowest)
        *fraction = next_lowest;
    if (*fraction > highest)
        *fraction = highest;
    return WT_OK;
}

wt_status wt_dataset_split(wt_dataset **out, wt_dataset *ds, wt_part part, double calibration_fraction, uint64_t seed,
                           wt_err *err)
{
    double fraction = calibration_fraction;
    *out = NULL;
    if (!(fraction > 0 && fraction < 1))
        return wt_fail(err, WT_EUSAGE, "a calibration fraction of %g is not between 0 and 1", fraction);
    WT_TRY(both_parts(ds, seed, &fraction, err));
    uint8_t *keep = wt_alloc(ds->core->ctx, ds->n, 1, err);
    if (!keep)
        return WT_ENOMEM;
    for (size_t i = 0; i < ds->n; i++)
        keep[i] = (place(&ds->core->entries[ds->order[i]], seed) < fraction) == (part == WT_PART_CALIBRATION);
    const wt_status st = make_view(out, ds->core, ds, keep, SIZE_MAX, err);
    wt_free(ds->core->ctx, keep);
    return st;
}

wt_status wt_dataset_limit(wt_dataset **out, wt_dataset *ds, uint64_t n, wt_err *err)
{
    return make_view(out, ds->core, ds, NULL, n < SIZE_MAX ? (size_t)n : SIZE_MAX, err);
}

static const char *name_of(const wt_dataset *ds, const wt_entry *e)
{
    return e->name ? e->name : wt_path_base(ds->core->path);
}

/* Both are sorted by hash, so one pass finds what they share. */
wt_status wt_dataset_overlap(const wt_dataset *calibration, const wt_dataset *held_out, wt_err *err)
{
    size_t i = 0, k = 0, shared = 0;
    const wt_entry *first = NULL, *other = NULL;
    while (i < calibration->n && k < held_out->n) {
        const wt_entry *a = &calibration->core->entries[calibration->order[i]],
                       *b = &held_out->core->entries[held_out->order[k]];
        const int c = memcmp(a->hash, b->hash, sizeof a->hash);
        if (c == 0) {
            first = first ? first : a;
            other = other ? other : b;
            shared++;
        }
        i += c <= 0;
        k += c > 0;
    }
    if (!shared)
        return WT_OK;
    wt_fail(err, WT_EUSAGE, "%zu sample(s) are in both the calibration and the held-out data, such as %s and %s",
            shared, name_of(calibration, first), name_of(held_out, other));
    wt_err_hint(err, "an accuracy measured on calibration data proves nothing: remove them from one of the two");
    return WT_EUSAGE;
}

/* --- reading
 * ----------------------------------------------------------------------------------------------------------------- */

wt_status wt_dataset_read(wt_dataset *ds, uint64_t index, wt_sample *sample, wt_err *err)
{
    if (index >= ds->n)
        return wt_fail(err, WT_EUSAGE, "sample %llu of a set with %zu", (unsigned long long)index, ds->n);
    const wt_core *core = ds->core;
    const wt_entry *e = &core->entries[ds->order[index]];
    wt_sample_store *s = sample->store;
    WT_TRY(wt_check_cancel(core->ctx, err));
    WT_TRY(wt_store_reset(s, &core->reader, err));
    memcpy(sample->hash, e->hash, sizeof sample->hash);
    wt_status st = core->form->read(core, e, s, err);
    if (st == WT_OK)
        st = wt_core_give_label(core, e, s, err);
    if (st == WT_OK)
        st = wt_store_check(s, &core->reader, err);
    if (st == WT_OK)
        st = wt_buf_status(&s->source, err);
    if (st != WT_OK) {
        wt_err_where(err, "%s", s->source.len && !s->source.failed ? s->source.data : core->path);
        wt_store_reset(s, &core->reader, NULL); /* no half a sample */
        return st;
    }
    sample->source = s->source.data;
    sample->part = e->name ? e->number : 0;
    return WT_OK;
}

wt_status wt_dataset_next(wt_dataset *ds, wt_sample *sample, int *more, wt_err *err)
{
    *more = ds->at < ds->n;
    return *more ? wt_dataset_read(ds, ds->at++, sample, err) : WT_OK;
}

void wt_dataset_rewind(wt_dataset *ds) { ds->at = 0; }
