/* form_idx.c - IDX pairs (the MNIST family): a file of images and one of labels, each optionally gzipped.
 *
 * IDX: two zero bytes, an element type, the number of dims, the dims as u32, the elements; all big endian. That is a
 * NumPy array in other words, and is read as one. Bytes of two or three dims a record are pictures; anything else is
 * numbers. "x-images-idx3-ubyte" has its labels in "x-labels-idx1-ubyte". */
#include "base/hash.h"
#include "model/dataset/dataset_impl.h"
#include "model/dataset/inflate.h"

typedef struct idx_file {
    wt_map map;
    wt_spool spool;
    const uint8_t *data;
    wt_npy npy;
} idx_file;

typedef struct idx {
    idx_file images, labels;
    bool pictures;
} idx;

bool wt_is_idx_name(const char *path)
{
    const char *base = wt_path_base(path);
    return strstr(base, "idx") && (strstr(base, "-idx") || strstr(base, ".idx")) &&
           (wt_str_ends(base, "byte") || wt_str_ends(base, "byte.gz") || wt_str_ends(base, ".idx") ||
            wt_str_ends(base, ".idx.gz"));
}

static bool is_labels(const char *name) { return strstr(wt_path_base(name), "label") != NULL; }

wt_status wt_idx_in_folder(wt_core *core, const char *const *names, size_t count, const char **out, wt_err *err)
{
    *out = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!wt_is_idx_name(names[i]) || is_labels(names[i]))
            continue;
        if (*out) {
            wt_fail(err, WT_EUSAGE, "the folder %s holds several IDX sets: %s and %s", core->path, *out, names[i]);
            wt_err_hint(err, "name the file of images that is meant");
            return WT_EUSAGE;
        }
        *out = names[i];
    }
    return WT_OK;
}

/* --- reading the two files
 * ----------------------------------------------------------------------------------------------------- */

static wt_status parse(wt_npy *out, const uint8_t *p, uint64_t len, wt_err *err)
{
    static const struct {
        uint8_t code;
        wt_dtype dtype;
    } types[] = { { 8, WT_U8 }, { 9, WT_I8 }, { 11, WT_I16 }, { 12, WT_I32 }, { 13, WT_F32 }, { 14, WT_F64 } };
    memset(out, 0, sizeof *out);
    if (len < 4 || p[0] || p[1])
        return wt_fail_at(err, WT_EFORMAT, 0, "not an IDX file");
    for (size_t i = 0; i < WT_ARRAY_LEN(types); i++)
        if (types[i].code == p[2])
            out->dtype = types[i].dtype;
    if (out->dtype == WT_DTYPE_NONE)
        return wt_fail_at(err, WT_EFORMAT, 2, "IDX: element type %u is unknown", p[2]);
    if (p[3] < 1 || p[3] > WT_MAX_RANK || len < 4 + 4 * (uint64_t)p[3])
        return wt_fail_at(err, WT_EFORMAT, 3, "IDX: %u dims, expected 1 to %d that are all there", p[3],
                          (int)WT_MAX_RANK);
    out->item = wt_dtype_get(out->dtype)->block_bytes;
    out->swap = out->item > 1;
    out->shape.rank = p[3];
    out->data_offset = 4 + 4 * (uint64_t)p[3];
    out->count = 1;
    for (int i = 0; i < p[3]; i++) {
        const uint8_t *d = p + 4 + 4 * i;
        out->shape.dim[i] = (int64_t)((uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3]);
        if (__builtin_mul_overflow(out->count, (uint64_t)out->shape.dim[i], &out->count))
            return wt_fail_at(err, WT_EFORMAT, 4, "IDX: the element count overflows");
    }
    if (out->count > (len - out->data_offset) / out->item) {
        wt_fail_at(err, WT_EFORMAT, out->data_offset, "IDX: %llu elements are promised, but %llu bytes follow",
                   (unsigned long long)out->count, (unsigned long long)(len - out->data_offset));
        wt_err_hint(err, "the file is cut off: fetch it again");
        return WT_EFORMAT;
    }
    out->data_bytes = out->count * out->item;
    return WT_OK;
}

static wt_status open_file(wt_core *core, idx_file *f, const char *path, wt_err *err)
{
    WT_TRY(wt_map_open(&f->map, core->ctx, path, err));
    uint64_t len = f->map.size;
    wt_status st = WT_OK;
    f->data = f->map.data;
    if (len >= 2 && f->data[0] == 0x1f && f->data[1] == 0x8b) {
        st = wt_inflate(&f->spool, core->ctx, f->map.data, len, WT_DEFLATE_GZIP, core->reader.max_bytes, err);
        f->data = f->spool.data;
        len = f->spool.size;
    }
    if (st == WT_OK)
        st = parse(&f->npy, f->data, len, err);
    if (st != WT_OK)
        wt_err_where(err, "%s", path);
    return st;
}

/* "images" -> "labels" and "idx3" (any rank) -> "idx1", gzipped or not as it is there; NULL: no such file. */
static wt_status labels_path(wt_core *core, const char *images, char **out, wt_err *err)
{
    const char *base = wt_path_base(images), *word = strstr(base, "images");
    *out = NULL;
    if (!word)
        return WT_OK;
    char *path = wt_arena_printf(&core->arena, err, "%.*slabels%s.gz", (int)(word - images), images, word + 6);
    if (!path)
        return WT_ENOMEM;
    char *rank = strstr(path + (word - images), "idx");
    if (rank && rank[3] >= '1' && rank[3] <= '8')
        rank[3] = '1';
    size_t len = strlen(path);
    if (wt_str_ends(path, ".gz.gz"))
        path[len -= 3] = 0;
    if (!wt_path_exists(path)) {
        path[len - 3] = 0; /* without .gz */
        if (!wt_path_exists(path))
            return WT_OK;
    }
    *out = path;
    return WT_OK;
}

static wt_status list(wt_core *core, wt_err *err)
{
    idx *x = wt_alloc(core->ctx, 1, sizeof *x, err);
    char *labels = NULL;
    if (!x)
        return WT_ENOMEM;
    core->state = x;
    WT_TRY(open_file(core, &x->images, core->path, err));
    WT_TRY(labels_path(core, core->path, &labels, err));
    const wt_npy *n = &x->images.npy;
    if (labels) {
        WT_TRY(open_file(core, &x->labels, labels, err));
        const wt_npy *l = &x->labels.npy;
        if (l->shape.rank != 1 || wt_dtype_is_float(l->dtype) || l->shape.dim[0] != n->shape.dim[0]) {
            wt_fail(err, WT_EFORMAT, "%lld labels for %lld images", (long long)l->shape.dim[0],
                    (long long)n->shape.dim[0]);
            wt_err_where(err, "%s", labels);
            return WT_EFORMAT;
        }
    }
    if (n->shape.dim[0] && !n->count) { /* any number of such records fits in any file */
        wt_fail(err, WT_EFORMAT, "the records have no elements");
        wt_err_where(err, "%s", core->path);
        return WT_EFORMAT;
    }
    const int64_t last = n->shape.dim[n->shape.rank - 1];
    x->pictures = n->dtype == WT_U8 && (n->shape.rank == 3 || (n->shape.rank == 4 && (last == 1 || last == 3)));
    WT_TRY(wt_reader_prepare(&core->reader, x->pictures ? WT_FILE_PICTURE : WT_FILE_NPY, &core->pp, err));
    for (int64_t i = 0; i < n->shape.dim[0]; i++) {
        wt_entry *e = NULL;
        WT_TRY(wt_core_add(core, &e, err));
        e->record = (uint64_t)i;
        if (!labels)
            continue;
        uint8_t bytes[8] = { 0 };
        WT_TRY(wt_npy_copy(&x->labels.npy, x->labels.data, e->record, 1, bytes, err));
        const wt_tensor t = { .dtype = x->labels.npy.dtype, .shape = { 0 }, .data = bytes, .bytes = sizeof bytes };
        if (!wt_tensor_int(&t, 0, &e->index) || e->index < 0)
            return wt_fail(err, WT_EFORMAT, "label %lld of %s is no class", (long long)i, labels);
    }
    return WT_OK;
}

static wt_status hash(const wt_core *core, wt_entry *e, wt_err *err)
{
    const idx_file *f = &((const idx *)core->state)->images;
    const uint64_t bytes = wt_npy_entry_bytes(&f->npy);
    wt_sha256 sha;
    (void)err;
    wt_sha256_init(&sha);
    wt_sha256_add(&sha, f->data + f->npy.data_offset + e->record * bytes, (size_t)bytes);
    wt_sha256_end(&sha, e->hash);
    return WT_OK;
}

static wt_status read_entry(const wt_core *core, const wt_entry *e, wt_sample_store *s, wt_err *err)
{
    const idx *x = core->state;
    const wt_npy *n = &x->images.npy;
    wt_buf_printf(&s->source, "%s[%llu]", wt_path_base(core->path), (unsigned long long)e->record);
    if (!x->pictures)
        return wt_read_rows(&core->reader, 0, n, x->images.data, e->record, 1, false, s, err);
    const int channels = n->shape.rank == 4 ? (int)n->shape.dim[3] : 1;
    WT_TRY(wt_picture_resize(&s->picture, n->shape.dim[2], n->shape.dim[1], channels, core->reader.max_pixels, err));
    WT_TRY(wt_npy_copy(n, x->images.data, e->record, 1, s->picture.pixels, err));
    return wt_read_picture(&core->reader, s, err);
}

static void close_file(idx_file *f)
{
    wt_spool_close(&f->spool);
    wt_map_close(&f->map);
}

static void close_idx(wt_core *core)
{
    idx *x = core->state;
    if (!x)
        return;
    close_file(&x->images);
    close_file(&x->labels);
    wt_free(core->ctx, x);
}

const wt_form wt_form_idx = { "idx", list, hash, NULL, read_entry, close_idx, NULL };
