/* form_arrays.c - sets that are arrays: a .npz with an array for each input (and `label`), or one .npy.
 *
 * What one sample is follows from the ranks. An array with one dim more than its input is a stack of inputs. One with
 * the input's own rank is a batch along the first dim, cut into as many rows as the input's batch has (one, when that
 * is free). One with a dim less, or whose first dim the model has fixed to just that, is the same for every sample.
 * Stored arrays are read where they lie in the file; compressed ones were inflated to a temporary file. */
#include "base/hash.h"
#include "model/dataset/dataset_impl.h"
#include "model/dataset/npz.h"

typedef struct column {
    const wt_npy *npy; /* NULL: not there */
    const uint8_t *file;
    uint64_t rows; /* of one sample; 0: the whole array is in every sample */
    uint64_t samples;
    bool keep_axis;
} column;

typedef struct arrays {
    wt_npz npz;
    wt_map map; /* of a .npy */
    wt_npy npy;
    column *inputs;
    column label;
    uint64_t samples;
} arrays;

/* --- opening
 * ------------------------------------------------------------------------------------------------------------------ */

static void cut_column(column *c, const wt_shape *input)
{
    const int a = c->npy->shape.rank, r = input->rank;
    const uint64_t first = a > 0 ? (uint64_t)c->npy->shape.dim[0] : 1;
    c->rows = 0;
    c->samples = 1;
    c->keep_axis = true;
    if (a > 0 && r >= 0 && a == r + 1) {
        c->rows = 1;
        c->samples = first;
        c->keep_axis = false;
    } else if (a > 0 && (r < 0 || a == r)) {
        const uint64_t batch = r > 0 && input->dim[0] > 0 ? (uint64_t)input->dim[0] : 1;
        if (first % batch == 0) { /* else: refused when it is read, with both shapes */
            c->rows = batch;
            c->samples = first / batch;
        }
    }
}

static wt_status no_array(const wt_core *core, const wt_npz *npz, const char *name, wt_err *err)
{
    wt_buf list;
    wt_buf_init(&list, core->ctx);
    for (size_t i = 0; i < npz->count && i < 16; i++)
        wt_buf_printf(&list, i ? ", %s" : "%s", npz->arrays[i].name);
    wt_fail(err, WT_EFORMAT, "%s has no array named as the input %s", core->path, name);
    wt_err_hint(err, "it has: %s", list.len && !list.failed ? list.data : "nothing");
    wt_buf_free(&list);
    return WT_EFORMAT;
}

static wt_status open_npz(wt_core *core, arrays *a, wt_err *err)
{
    const wt_reader *r = &core->reader;
    WT_TRY(wt_npz_open(&a->npz, core->ctx, core->path, r->max_bytes, err));
    wt_npz_array *label = wt_npz_find(&a->npz, "label");
    for (size_t i = 0; i < r->n_inputs; i++) {
        wt_npz_array *in = wt_npz_find(&a->npz, r->inputs[i].name);
        if (!in && r->n_inputs == 1 && a->npz.count == (label ? 2 : 1)) /* there is only one it can be */
            in = &a->npz.arrays[label == &a->npz.arrays[0] ? 1 : 0];
        if (!in)
            return no_array(core, &a->npz, r->inputs[i].name, err);
        WT_TRY(wt_npz_need(&a->npz, in, err));
        a->inputs[i] = (column){ .npy = &in->npy, .file = in->file };
    }
    if (label) {
        for (size_t i = 0; i < r->n_inputs; i++)
            if (!strcmp(r->inputs[i].name, "label"))
                return WT_OK; /* it is an input */
        WT_TRY(wt_npz_need(&a->npz, label, err));
        a->label = (column){ .npy = &label->npy, .file = label->file };
    }
    return WT_OK;
}

static wt_status open_npy(wt_core *core, arrays *a, wt_err *err)
{
    if (core->reader.n_inputs != 1) {
        wt_fail(err, WT_EUSAGE, "the model has %zu inputs, but %s is one array", core->reader.n_inputs, core->path);
        wt_err_hint(err, "give a .npz with an array named as each input");
        return WT_EUSAGE;
    }
    WT_TRY(wt_map_open(&a->map, core->ctx, core->path, err));
    const wt_status st = wt_npy_parse(&a->npy, a->map.data, a->map.size, a->map.size, err);
    if (st != WT_OK)
        wt_err_where(err, "%s", core->path);
    a->inputs[0] = (column){ .npy = &a->npy, .file = a->map.data };
    return st;
}

/* All arrays that are cut must agree on how many samples there are. */
static wt_status agree(wt_core *core, arrays *a, wt_err *err)
{
    const char *who = NULL;
    a->samples = 1;
    for (size_t i = 0; i < core->reader.n_inputs; i++) {
        column *c = &a->inputs[i];
        cut_column(c, &core->reader.inputs[i].shape);
        if (!c->rows || (c->samples == 1 && core->reader.n_inputs > 1)) {
            c->rows = c->samples == 1 ? 0 : c->rows;
            continue;
        }
        if (who && c->samples != a->samples)
            return wt_fail(err, WT_EFORMAT, "array %s has %llu samples, but %s has %llu", core->reader.inputs[i].name,
                           (unsigned long long)c->samples, who, (unsigned long long)a->samples);
        who = core->reader.inputs[i].name;
        a->samples = c->samples;
        if (wt_npy_entry_bytes(c->npy) == 0) /* any number of such samples fits in any file */
            return wt_fail(err, WT_EFORMAT, "array %s has samples without elements", who);
    }
    if (a->label.npy) {
        const wt_npy *l = a->label.npy;
        const uint64_t n = l->shape.rank ? (uint64_t)l->shape.dim[0] : 1;
        if (n != a->samples)
            return wt_fail(err, WT_EFORMAT, "there are %llu labels for %llu samples", (unsigned long long)n,
                           (unsigned long long)a->samples);
    }
    return WT_OK;
}

/* --- labels
 * ---------------------------------------------------------------------------------------------------------------------
 */

static bool is_class_array(const wt_core *core, const wt_npy *l)
{
    const bool one = l->shape.rank <= 1 || (l->shape.rank == 2 && l->shape.dim[1] == 1);
    const bool integer = l->kind == WT_NPY_PLAIN && !wt_dtype_is_float(l->dtype) && l->dtype != WT_C64 &&
                         l->dtype != WT_C128;
    return core->kind != WT_LABEL_VECTOR && one && integer;
}

static wt_status list_label(wt_core *core, const arrays *a, wt_entry *e, wt_err *err)
{
    const wt_npy *l = a->label.npy;
    if (!l)
        return WT_OK;
    if (l->kind != WT_NPY_PLAIN) {
        size_t len;
        char *text = wt_arena_alloc(&core->arena, l->item + 1, 1, err);
        if (!text)
            return WT_ENOMEM;
        if (l->shape.rank > 1)
            return wt_fail(err, WT_EFORMAT, "label is an array of strings with %d dims, expected 1", l->shape.rank);
        WT_TRY(wt_npy_text(l, a->label.file, e->record, text, &len, err));
        if (!wt_utf8_valid(text, len))
            return wt_fail(err, WT_EFORMAT, "label %llu is not UTF-8 text", (unsigned long long)e->record);
        e->label = text;
        return WT_OK;
    }
    if (!is_class_array(core, l))
        return WT_OK; /* a vector, read with the sample */
    uint8_t bytes[8] = { 0 };
    WT_TRY(wt_npy_copy(l, a->label.file, e->record, 1, bytes, err));
    const wt_tensor t = { .dtype = l->dtype, .shape = { 0 }, .data = bytes, .bytes = sizeof bytes };
    if (!wt_tensor_int(&t, 0, &e->index) || e->index < 0)
        return wt_fail(err, WT_EFORMAT, "label %llu is no class (a whole number from 0)",
                       (unsigned long long)e->record);
    return WT_OK;
}

static wt_status list(wt_core *core, wt_err *err)
{
    arrays *a = wt_alloc(core->ctx, 1, sizeof *a, err);
    if (!a)
        return WT_ENOMEM;
    core->state = a;
    if (core->reader.n_inputs == 0)
        return wt_fail(err, WT_EUSAGE, "the model has no inputs that %s could feed", core->path);
    if (!(a->inputs = wt_alloc(core->ctx, core->reader.n_inputs, sizeof *a->inputs, err)))
        return WT_ENOMEM;
    const bool npz = wt_file_kind_of(core->path) == WT_FILE_NPZ;
    core->form_name = npz ? "npz" : "npy";
    WT_TRY(npz ? open_npz(core, a, err) : open_npy(core, a, err));
    wt_status st = agree(core, a, err);
    for (uint64_t i = 0; i < a->samples && st == WT_OK; i++) {
        wt_entry *e = NULL;
        st = wt_core_add(core, &e, err);
        if (st == WT_OK) {
            e->record = i;
            st = list_label(core, a, e, err);
        }
    }
    if (st == WT_OK && a->label.npy && a->label.npy->kind == WT_NPY_PLAIN && !is_class_array(core, a->label.npy))
        core->kind = WT_LABEL_VECTOR;
    if (st != WT_OK)
        wt_err_where(err, "%s", core->path);
    return st;
}

/* --- hashing and reading
 * ----------------------------------------------------------------------------------------------------------- */

/* The bytes of the inputs as the sample will have them, before conversion, in the order of the inputs. */
static wt_status hash(const wt_core *core, wt_entry *e, wt_err *err)
{
    const arrays *a = core->state;
    wt_sha256 sha;
    wt_sha256_init(&sha);
    for (size_t i = 0; i < core->reader.n_inputs; i++) {
        const column *c = &a->inputs[i];
        if (!c->rows)
            continue; /* the same in all */
        const uint64_t bytes = wt_npy_entry_bytes(c->npy) * c->rows;
        if (!c->npy->fortran || c->npy->shape.rank < 2) {
            const uint8_t *row = c->file + c->npy->data_offset + e->record * bytes;
            wt_sha256_add(&sha, row, (size_t)bytes);
            wt_map_forget(core->ctx, row, (size_t)bytes);
            continue;
        }
        if (bytes > core->reader.max_bytes)
            return wt_fail(err, WT_ELIMIT, "a sample of %llu bytes is larger than the %llu allowed",
                           (unsigned long long)bytes, (unsigned long long)core->reader.max_bytes);
        void *row = wt_alloc_raw(core->ctx, (size_t)bytes, 1, err);
        if (!row)
            return WT_ENOMEM;
        const wt_status st = wt_npy_copy(c->npy, c->file, e->record * c->rows, c->rows, row, err);
        if (st == WT_OK)
            wt_sha256_add(&sha, row, (size_t)bytes);
        wt_free(core->ctx, row);
        if (st != WT_OK)
            return st;
    }
    wt_sha256_end(&sha, e->hash);
    return WT_OK;
}

static wt_status read_vector(const wt_core *core, const column *c, uint64_t record, wt_sample_store *s, wt_err *err)
{
    wt_shape shape = c->npy->shape;
    const uint64_t bytes = wt_npy_entry_bytes(c->npy), n = bytes / c->npy->item;
    if (shape.rank > 0) {
        memmove(shape.dim, shape.dim + 1, sizeof shape.dim - sizeof shape.dim[0]);
        shape.rank--;
    }
    if (n > core->reader.max_bytes / 8)
        return wt_fail(err, WT_ELIMIT, "a label of %llu numbers is too large", (unsigned long long)n);
    void *raw = wt_alloc_raw(core->ctx, (size_t)bytes, 1, err);
    if (!raw)
        return WT_ENOMEM;
    wt_status st = wt_npy_copy(c->npy, c->file, record, 1, raw, err);
    if (st == WT_OK)
        st = wt_grow(core->ctx, &s->vector, &s->vector_capacity, (size_t)n, sizeof(float), err);
    if (st == WT_OK)
        st = wt_convert(raw, c->npy->dtype, s->vector, WT_F32, (size_t)n, false, err);
    wt_free(core->ctx, raw);
    s->sample.label.kind = WT_LABEL_VECTOR;
    s->sample.label.vector = (wt_tensor){
        .dtype = WT_F32, .shape = shape, .data = s->vector, .bytes = (size_t)n * sizeof(float)
    };
    return st;
}

static wt_status read_entry(const wt_core *core, const wt_entry *e, wt_sample_store *s, wt_err *err)
{
    const arrays *a = core->state;
    wt_buf_printf(&s->source, "%s[%llu]", wt_path_base(core->path), (unsigned long long)e->record);
    for (size_t i = 0; i < core->reader.n_inputs; i++) {
        const column *c = &a->inputs[i];
        const uint64_t all = c->npy->shape.rank ? (uint64_t)c->npy->shape.dim[0] : 1;
        WT_TRY(wt_read_rows(&core->reader, i, c->npy, c->file, c->rows ? e->record * c->rows : 0,
                            c->rows ? c->rows : all, c->rows ? c->keep_axis : true, s, err));
        const uint64_t bytes = wt_npy_entry_bytes(c->npy) * c->rows;
        wt_map_forget(core->ctx, c->file + c->npy->data_offset + e->record * bytes, (size_t)bytes);
    }
    if (a->label.npy && core->kind == WT_LABEL_VECTOR)
        return read_vector(core, &a->label, e->record, s, err);
    return WT_OK;
}

static void close_arrays(wt_core *core)
{
    arrays *a = core->state;
    if (!a)
        return;
    wt_npz_close(&a->npz);
    wt_map_close(&a->map);
    wt_free(core->ctx, a->inputs);
    wt_free(core->ctx, a);
}

static wt_status hash_label(const wt_core *core, const wt_entry *e, wt_sha256 *sha, wt_err *err)
{
    const column *c = &((const arrays *)core->state)->label;
    if (core->kind != WT_LABEL_VECTOR)
        return WT_OK;
    const size_t bytes = (size_t)wt_npy_entry_bytes(c->npy);
    void *raw = wt_alloc_raw(core->ctx, bytes, 1, err);
    if (!raw)
        return WT_ENOMEM;
    const wt_status st = wt_npy_copy(c->npy, c->file, e->record, 1, raw, err);
    if (st == WT_OK)
        wt_sha256_add(sha, raw, bytes);
    wt_free(core->ctx, raw);
    return st;
}

const wt_form wt_form_arrays = { "arrays", list, hash, NULL, read_entry, close_arrays, hash_label };
