/* dataset_labels.c - class names, and what kind of label a set has.
 *
 * Labels come as text (folder names, CSV, JSON, strings of an array) or as class numbers. One kind holds for the whole
 * set. Unless the caller says which: class folders are classes; whole numbers are class numbers; other numbers are
 * values; names that labels.txt knows, or that repeat, are classes; anything else is text. */
#include "base/file.h"
#include "model/dataset/dataset_impl.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

enum { MAX_LABELS_FILE = 64 << 20 };

wt_status wt_core_load_classes(wt_core *core, wt_err *err)
{
    char *text = NULL;
    size_t len = 0, n = 0;
    if (!core->labels)
        return WT_OK;
    WT_TRY(wt_read_file(core->ctx, core->labels, MAX_LABELS_FILE, &text, &len, err));
    for (size_t i = 0; i < len; i++)
        n += text[i] == '\n';
    wt_status st = WT_OK;
    core->classes = wt_arena_alloc(&core->arena, n + 1, sizeof *core->classes, err);
    if (!core->classes)
        st = WT_ENOMEM;
    size_t at = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (st == WT_OK && at < len) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t stop = end ? (size_t)(end - text) : len;
        const size_t next = stop + 1;
        while (stop > at && text[stop - 1] == '\r')
            stop--;
        char *name = wt_arena_strndup(&core->arena, text + at, stop - at, err);
        if (!name)
            st = WT_ENOMEM;
        else if (!wt_utf8_valid(name, stop - at))
            st = wt_fail_at(err, WT_EFORMAT, at, "line %zu is not UTF-8", core->n_classes + 1);
        else
            core->classes[core->n_classes++] = name;
        at = next;
    }
    while (core->n_classes && !core->classes[core->n_classes - 1][0])
        core->n_classes--; /* blank lines at the end */
    if (st == WT_OK && core->n_classes == 0)
        st = wt_fail(err, WT_EFORMAT, "there is no class name in it");
    if (st != WT_OK)
        wt_err_where(err, "%s", core->labels);
    wt_free(core->ctx, text);
    return st;
}

/* --- names to numbers
 * ------------------------------------------------------------------------------------------------------------ */

typedef struct named {
    const char *name;
    size_t index;
} named;

static int named_cmp(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

static wt_status sorted_classes(const wt_core *core, named **out, wt_err *err)
{
    *out = wt_alloc(core->ctx, core->n_classes, sizeof **out, err);
    if (!*out)
        return WT_ENOMEM;
    for (size_t i = 0; i < core->n_classes; i++)
        (*out)[i] = (named){ core->classes[i], i };
    qsort(*out, core->n_classes, sizeof **out, named_cmp);
    return WT_OK;
}

/* A whole number below the count of classes (any number when there are no names). */
static bool class_number(const char *s, size_t classes, int64_t *out)
{
    const size_t len = strlen(s);
    if (!len || len > 9 || strspn(s, "0123456789") != len)
        return false;
    *out = atol(s);
    return classes == 0 || (uint64_t)*out < classes;
}

static wt_status find_class(const wt_core *core, const named *sorted, const wt_entry *e, int64_t *out, wt_err *err)
{
    const named key = { .name = e->label };
    const named *hit = core->n_classes ? bsearch(&key, sorted, core->n_classes, sizeof *sorted, named_cmp) : NULL;
    if (hit) {
        const size_t at = (size_t)(hit - sorted);
        if ((at > 0 && !strcmp(sorted[at - 1].name, hit->name)) ||
            (at + 1 < core->n_classes && !strcmp(sorted[at + 1].name, hit->name)))
            return wt_fail(err, WT_EFORMAT, "the class name %s is there twice, so it does not say which class is meant",
                           e->label);
        *out = (int64_t)hit->index;
        return WT_OK;
    }
    if (class_number(e->label, core->n_classes, out))
        return WT_OK;
    if (core->labels)
        wt_fail(err, WT_EFORMAT, "%s is no class of %s", e->label, core->labels);
    else
        wt_fail(err, WT_EFORMAT, "%s is no class", e->label);
    wt_err_hint(err, "labels.txt has one class name a line, in the order of the model's outputs");
    return WT_EFORMAT;
}

static wt_status names_to_classes(wt_core *core, wt_err *err)
{
    named *sorted = NULL;
    WT_TRY(sorted_classes(core, &sorted, err));
    wt_status st = WT_OK;
    for (size_t i = 0; i < core->n && st == WT_OK; i++) {
        wt_entry *e = &core->entries[i];
        if (!e->label)
            continue;
        st = find_class(core, sorted, e, &e->index, err);
        if (st != WT_OK && e->name)
            wt_err_where(err, "%s", e->name);
    }
    wt_free(core->ctx, sorted);
    return st;
}

/* --- which kind
 * -------------------------------------------------------------------------------------------------------------------
 */

static bool number_of(const char *s, double *out)
{
    json_t *v = json_loads(s, JSON_DECODE_ANY, NULL); /* no locale */
    const bool ok = json_is_number(v) && isfinite(json_number_value(v));
    *out = json_number_value(v);
    json_decref(v);
    return ok;
}

static int text_cmp(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Distinct label texts, sorted; in the arena. */
static wt_status distinct(wt_core *core, const char ***out, size_t *count, size_t *labelled, wt_err *err)
{
    size_t n = 0;
    const char **all = wt_arena_alloc(&core->arena, core->n, sizeof *all, err);
    if (!all)
        return WT_ENOMEM;
    for (size_t i = 0; i < core->n; i++)
        if (core->entries[i].label)
            all[n++] = core->entries[i].label;
    *labelled = n;
    if (n)
        qsort(all, n, sizeof *all, text_cmp);
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(all[i], all[k - 1]) != 0)
            all[k++] = all[i];
    *out = all;
    *count = k;
    return WT_OK;
}

static wt_label_kind guess(const wt_core *core, const char *const *texts, size_t count, size_t labelled)
{
    bool whole = true, numbers = true, known = core->n_classes > 0;
    named *sorted = NULL;
    if (core->form == &wt_form_class_folders)
        return WT_LABEL_CLASS;
    if (known && sorted_classes(core, &sorted, NULL) != WT_OK)
        known = false;
    for (size_t i = 0; i < count; i++) {
        int64_t index;
        double value;
        const named key = { .name = texts[i] };
        whole = whole && class_number(texts[i], core->n_classes, &index);
        numbers = numbers && number_of(texts[i], &value);
        known = known && bsearch(&key, sorted, core->n_classes, sizeof *sorted, named_cmp) != NULL;
    }
    wt_free(core->ctx, sorted);
    if (known || whole)
        return WT_LABEL_CLASS;
    if (numbers)
        return WT_LABEL_VECTOR;
    return core->n_classes == 0 && count <= labelled / 2 ? WT_LABEL_CLASS : WT_LABEL_TEXT;
}

static wt_status check_numbers(const wt_core *core, wt_err *err)
{
    for (size_t i = 0; i < core->n; i++) {
        const wt_entry *e = &core->entries[i];
        if (core->n_classes && e->index >= (int64_t)core->n_classes)
            return wt_fail(err, WT_EFORMAT, "label %lld is no class: there are %zu names", (long long)e->index,
                           core->n_classes);
    }
    return WT_OK;
}

wt_status wt_core_resolve_labels(wt_core *core, wt_err *err)
{
    const char **texts;
    size_t count, labelled, numbered = 0;
    for (size_t i = 0; i < core->n; i++)
        numbered += core->entries[i].index >= 0;
    WT_TRY(distinct(core, &texts, &count, &labelled, err));
    if (labelled == 0) {
        if (core->kind != WT_LABEL_VECTOR)
            core->kind = numbered ? WT_LABEL_CLASS : WT_LABEL_NONE;
        return check_numbers(core, err);
    }
    if (core->kind == WT_LABEL_AUTO || core->kind == WT_LABEL_NONE)
        core->kind = numbered ? WT_LABEL_CLASS : guess(core, texts, count, labelled);
    if (core->kind == WT_LABEL_CLASS) {
        bool whole = true;
        int64_t index;
        for (size_t i = 0; i < count; i++)
            whole = whole && class_number(texts[i], 0, &index);
        if (core->n_classes == 0 && !whole) {
            core->classes = texts;
            core->n_classes = count;
        }
        WT_TRY(names_to_classes(core, err));
        return check_numbers(core, err);
    }
    double value;
    for (size_t i = 0; i < core->n && core->kind == WT_LABEL_VECTOR; i++)
        if (core->entries[i].label && !number_of(core->entries[i].label, &value))
            return wt_fail(err, WT_EFORMAT, "the label %s is no number", core->entries[i].label);
    return WT_OK;
}

wt_status wt_core_give_label(const wt_core *core, const wt_entry *e, wt_sample_store *s, wt_err *err)
{
    wt_sample_label *l = &s->sample.label;
    if (core->kind == WT_LABEL_CLASS && e->index >= 0) {
        l->kind = WT_LABEL_CLASS;
        l->index = e->index;
        l->text = (uint64_t)e->index < core->n_classes ? core->classes[e->index] : NULL;
    } else if (core->kind == WT_LABEL_TEXT && e->label) {
        l->kind = WT_LABEL_TEXT;
        l->text = e->label;
    } else if (core->kind == WT_LABEL_VECTOR && e->label) {
        double value = 0;
        number_of(e->label, &value);
        WT_TRY(wt_grow(s->ctx, &s->vector, &s->vector_capacity, 1, sizeof(float), err));
        *(float *)s->vector = (float)value;
        l->kind = WT_LABEL_VECTOR;
        l->vector = (wt_tensor){ .dtype = WT_F32, .data = s->vector, .bytes = sizeof(float) };
    }
    return WT_OK;
}
