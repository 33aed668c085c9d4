/* read_file.c - one sample from one file: a picture, a sound, an array, an archive of arrays, a text. */
#include "model/dataset/dataset_impl.h"
#include "model/dataset/npz.h"
#include <strings.h>

static const struct {
    const char *ext;
    wt_file_kind kind;
} extensions[] = {
    { ".png", WT_FILE_PICTURE }, { ".jpg", WT_FILE_PICTURE }, { ".jpeg", WT_FILE_PICTURE }, { ".wav", WT_FILE_SOUND },
    { ".npy", WT_FILE_NPY },     { ".npz", WT_FILE_NPZ },     { ".txt", WT_FILE_TEXT },
};

wt_file_kind wt_file_kind_of(const char *path)
{
    const size_t len = strlen(path);
    for (size_t i = 0; i < WT_ARRAY_LEN(extensions); i++) {
        const size_t n = strlen(extensions[i].ext);
        if (len > n && !strcasecmp(path + len - n, extensions[i].ext))
            return extensions[i].kind;
    }
    return WT_FILE_OTHER;
}

wt_status wt_reader_prepare(wt_reader *r, wt_file_kind kind, const wt_preprocess *pp, wt_err *err)
{
    const bool one = kind == WT_FILE_PICTURE || kind == WT_FILE_SOUND || kind == WT_FILE_NPY;
    if (one && r->n_inputs != 1) {
        wt_fail(err, WT_EUSAGE, "the model has %zu inputs, but each file here is one", r->n_inputs);
        wt_err_hint(err, "give .npz files with an array named as each input");
        return WT_EUSAGE;
    }
    if (!one)
        return WT_OK;
    const wt_data_input *in = &r->inputs[0];
    if (kind == WT_FILE_PICTURE)
        return wt_image_input_init(&r->image, pp, in->name, in->dtype, &in->shape, r->max_pixels, err);
    if (kind == WT_FILE_SOUND)
        return wt_sound_input_init(&r->sound, pp, in->name, in->dtype, &in->shape, err);
    return WT_OK;
}

/* --- arrays
 * ---------------------------------------------------------------------------------------------------------------- */

static bool dims_fit(const wt_shape *have, const wt_shape *want)
{
    for (int i = 0; i < have->rank; i++)
        if (want->dim[i] >= 0 && want->dim[i] != have->dim[i])
            return false;
    return true;
}

/* Makes `have` a shape of the input, if it is one but for a batch dim of 1. */
static bool fit_shape(wt_shape *have, const wt_shape *want)
{
    if (want->rank < 0)
        return true;
    if (have->rank == want->rank - 1 && (want->dim[0] < 0 || want->dim[0] == 1)) {
        memmove(have->dim + 1, have->dim, sizeof have->dim - sizeof have->dim[0]);
        have->dim[0] = 1;
        have->rank++;
    } else if (have->rank == want->rank + 1 && have->dim[0] == 1) {
        memmove(have->dim, have->dim + 1, sizeof have->dim - sizeof have->dim[0]);
        have->rank--;
    }
    return have->rank == want->rank && dims_fit(have, want);
}

static bool is_integer(wt_dtype t)
{
    return t == WT_U8 || t == WT_I8 || t == WT_U16 || t == WT_I16 || t == WT_U32 || t == WT_I32 || t == WT_U64 ||
           t == WT_I64 || t == WT_BOOL;
}

/* Numbers to floats always (as NumPy users expect), integers to integers when every value fits. */
static wt_status convert(const wt_reader *r, size_t i, const void *src, wt_dtype from, void *dst, wt_dtype to, size_t n,
                         wt_err *err)
{
    const bool to_int = is_integer(to);
    if (!(is_integer(from) || wt_dtype_is_float(from)) || !(to_int || wt_dtype_is_float(to)) ||
        (to_int && !is_integer(from))) {
        wt_fail(err, WT_EFORMAT, "input %s is %s, but the array is %s", r->inputs[i].name, wt_dtype_name(to),
                wt_dtype_name(from));
        wt_err_hint(err, "save the array as %s", wt_dtype_name(to));
        return WT_EFORMAT;
    }
    WT_TRY(wt_convert(src, from, dst, to, n, false, err));
    const wt_shape flat = wt_shape_make(1, (int64_t[]){ (int64_t)n });
    const wt_tensor a = { .dtype = from, .shape = flat, .data = src, .bytes = n * wt_dtype_get(from)->block_bytes };
    const wt_tensor b = { .dtype = to, .shape = flat, .data = dst, .bytes = n * wt_dtype_get(to)->block_bytes };
    for (size_t k = 0; k < n && to_int; k++) {
        double x, y;
        if (!wt_tensor_double(&a, (int64_t)k, &x) || !wt_tensor_double(&b, (int64_t)k, &y) || x != y)
            return wt_fail(err, WT_EFORMAT, "input %s is %s, which cannot hold element %zu of the array",
                           r->inputs[i].name, wt_dtype_name(to), k);
    }
    return WT_OK;
}

wt_status wt_read_rows(const wt_reader *r, size_t i, const wt_npy *npy, const uint8_t *file, uint64_t first,
                       uint64_t rows, bool keep_axis, wt_sample_store *s, wt_err *err)
{
    const wt_data_input *in = &r->inputs[i];
    wt_shape shape = npy->shape;
    char a[128], b[128];
    if (shape.rank > 0 && keep_axis) {
        shape.dim[0] = (int64_t)rows;
    } else if (shape.rank > 0) {
        memmove(shape.dim, shape.dim + 1, sizeof shape.dim - sizeof shape.dim[0]);
        shape.rank--;
    }
    if (npy->kind != WT_NPY_PLAIN)
        return wt_fail(err, WT_EUNSUPPORTED, "input %s: arrays of strings are not supported as inputs", in->name);
    if (!fit_shape(&shape, &in->shape)) {
        wt_fail(err, WT_EFORMAT, "input %s has shape %s, but the array gives %s", in->name,
                wt_shape_text(&in->shape, NULL, a, sizeof a), wt_shape_text(&shape, NULL, b, sizeof b));
        return WT_EFORMAT;
    }
    const wt_dtype dtype = in->dtype == WT_DTYPE_NONE ? npy->dtype : in->dtype;
    void *data;
    WT_TRY(wt_store_input(s, r, i, dtype, &shape, &data, err));
    if (dtype == npy->dtype)
        return wt_npy_copy(npy, file, first, rows, data, err);
    const uint64_t bytes = wt_npy_entry_bytes(npy) * rows;
    if (bytes > r->max_bytes)
        return wt_fail(err, WT_ELIMIT, "an array of %llu bytes is larger than the %llu allowed",
                       (unsigned long long)bytes, (unsigned long long)r->max_bytes);
    void *raw = wt_alloc_raw(r->ctx, (size_t)bytes, 1, err);
    if (!raw)
        return WT_ENOMEM;
    wt_status st = wt_npy_copy(npy, file, first, rows, raw, err);
    if (st == WT_OK)
        st = convert(r, i, raw, npy->dtype, data, dtype, (size_t)(bytes / npy->item), err);
    wt_free(r->ctx, raw);
    return st;
}

static wt_status read_whole(const wt_reader *r, size_t i, const wt_npy *npy, const uint8_t *file, wt_sample_store *s,
                            wt_err *err)
{
    return wt_read_rows(r, i, npy, file, 0, npy->shape.rank ? (uint64_t)npy->shape.dim[0] : 1, true, s, err);
}

static wt_status read_npz(const wt_reader *r, const char *path, wt_sample_store *s, wt_err *err)
{
    wt_npz npz;
    WT_TRY(wt_npz_open(&npz, r->ctx, path, r->max_bytes, err));
    wt_status st = WT_OK;
    for (size_t i = 0; i < r->n_inputs && st == WT_OK; i++) {
        wt_npz_array *a = wt_npz_find(&npz, r->inputs[i].name);
        if (!a && r->n_inputs == 1 && npz.count == 1)
            a = &npz.arrays[0];
        if (!a)
            st = wt_fail(err, WT_EFORMAT, "there is no array named as the input %s", r->inputs[i].name);
        else if ((st = wt_npz_need(&npz, a, err)) == WT_OK)
            st = read_whole(r, i, &a->npy, a->file, s, err);
    }
    wt_npz_close(&npz);
    return st;
}

/* --- the others
 * -------------------------------------------------------------------------------------------------------------- */

wt_status wt_read_picture(const wt_reader *r, wt_sample_store *s, wt_err *err)
{
    wt_image_fit fit;
    void *data;
    WT_TRY(wt_image_input_fit(&r->image, s->picture.width, s->picture.height, &fit, err));
    const wt_shape shape = wt_image_input_shape(&r->image, &fit);
    WT_TRY(wt_store_input(s, r, 0, r->image.dtype, &shape, &data, err));
    return wt_image_input_apply(&r->image, &fit, &s->picture, &s->work, data, err);
}

static wt_status read_sound(const wt_reader *r, const wt_map *map, uint64_t frame, wt_sample_store *s, wt_err *err)
{
    wt_wav wav;
    wt_shape shape;
    void *data;
    WT_TRY(wt_wav_parse(&wav, map->data, map->size, err));
    WT_TRY(wt_sound_input_shape(&r->sound, &wav, &shape, err));
    WT_TRY(wt_store_input(s, r, 0, r->sound.dtype, &shape, &data, err));
    return wt_sound_input_apply(&r->sound, r->ctx, &wav, map->data, frame, data, err);
}

static wt_status read_text(const wt_reader *r, const wt_map *map, wt_sample_store *s, wt_err *err)
{
    if (map->size > r->max_bytes)
        return wt_fail(err, WT_ELIMIT, "a text of %llu bytes is larger than the %llu allowed",
                       (unsigned long long)map->size, (unsigned long long)r->max_bytes);
    if (!wt_utf8_valid((const char *)map->data, (size_t)map->size))
        return wt_fail(err, WT_EFORMAT, "the text is not UTF-8");
    return wt_store_text(s, r, (const char *)map->data, (size_t)map->size, err);
}

wt_status wt_read_data_file(const wt_reader *r, wt_file_kind kind, const char *path, uint64_t frame, wt_sample_store *s,
                            wt_err *err)
{
    wt_map map;
    wt_npy npy;
    if (kind == WT_FILE_NPZ)
        return read_npz(r, path, s, err);
    WT_TRY(wt_map_open(&map, r->ctx, path, err));
    wt_status st = WT_OK;
    switch (kind) {
    case WT_FILE_PICTURE:
        st = wt_picture_decode(&s->picture, map.data, map.size, r->max_pixels, err);
        if (st == WT_OK)
            st = wt_read_picture(r, s, err);
        break;
    case WT_FILE_SOUND: st = read_sound(r, &map, frame, s, err); break;
    case WT_FILE_NPY:
        st = wt_npy_parse(&npy, map.data, map.size, map.size, err);
        if (st == WT_OK)
            st = read_whole(r, 0, &npy, map.data, s, err);
        break;
    default: st = read_text(r, &map, s, err); break;
    }
    wt_map_close(&map);
    return st;
}

/* --- one file, for `run --input`
 * ------------------------------------------------------------------------------------------------ */

wt_status wt_data_load(wt_tensor **out, wt_context *ctx, const char *path, const wt_data_input *input,
                       const wt_preprocess *preprocess, int allow_nonfinite, wt_err *err)
{
    const wt_dataset_options limits = wt_dataset_defaults();
    const wt_preprocess none = wt_preprocess_defaults();
    const wt_file_kind kind = wt_file_kind_of(path);
    wt_reader r = { .ctx = ctx,
                    .inputs = input,
                    .n_inputs = 1,
                    .max_bytes = limits.max_bytes,
                    .max_pixels = limits.max_pixels,
                    .allow_nonfinite = true };
    wt_sample *sample = NULL;
    *out = NULL;
    if (kind == WT_FILE_OTHER) {
        wt_fail(err, WT_EUNSUPPORTED, "%s is of no kind that can be an input", path);
        wt_err_hint(err, "known: .npy .npz .png .jpg .wav .txt");
        return WT_EUNSUPPORTED;
    }
    WT_TRY(wt_reader_prepare(&r, kind, preprocess ? preprocess : &none, err));
    WT_TRY(wt_sample_open(&sample, ctx, err));
    wt_status st = wt_store_reset(sample->store, &r, err);
    if (st == WT_OK)
        st = wt_read_data_file(&r, kind, path, 0, sample->store, err);
    if (st == WT_OK && sample->n_inputs == 0)
        st = wt_fail(err, WT_EUNSUPPORTED, "input %s takes numbers, and the file holds text", input->name);
    if (st == WT_OK)
        st = allow_nonfinite ? WT_OK : wt_check_finite(&sample->inputs[0], input->name, err);
    if (st == WT_OK)
        st = wt_tensor_clone(out, ctx, &sample->inputs[0], err);
    if (st != WT_OK)
        wt_err_where(err, "%s", path);
    wt_sample_close(sample);
    return st;
}

void wt_data_free(wt_context *ctx, wt_tensor *tensor) { wt_free(ctx, tensor); }
