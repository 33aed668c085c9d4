/* safetensors_write.c - a set to one file or to shards, row by row.
 *
 * The header and the order of tensors are those of the reference writer (types from wide to narrow, then names; the
 * JSON without spaces, padded to a multiple of 8), so that a model that went through another format and back has the
 * same bytes. */
#include "safetensors.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/json.h"
#include "base/str.h"

enum { PIECE = 1 << 20 /* bytes of rows loaded at a time */ };

typedef struct shard {
    const wt_weights *set;
    const wt_weight **tensors; /* borrowed part of a list */
    size_t n;
    const char *format; /* of the metadata; NULL: "pt" */
} shard;

/* --- order ---------------------------------------------------------------------------------------------------------
 */
static int compare_names(wt_string a, wt_string b)
{
    const int head = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return head ? head : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
    return compare_names((*(const wt_weight *const *)a)->name, (*(const wt_weight *const *)b)->name);
}

static int by_width(const void *a, const void *b)
{
    const wt_weight *x = *(const wt_weight *const *)a, *y = *(const wt_weight *const *)b;
    const int width = wt_safetensors_dtype_rank(y->dtype) - wt_safetensors_dtype_rank(x->dtype);
    return width ? width : compare_names(x->name, y->name);
}

/* --- one file ------------------------------------------------------------------------------------------------------
 */
static void put_string(wt_buf *buf, wt_string s)
{
    json_t *text = json_stringn(s.data, s.len);
    char *quoted = text ? json_dumps(text, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (quoted)
        wt_buf_puts(buf, quoted);
    else
        buf->failed = true;
    free(quoted);
    json_decref(text);
}

static void put_header(wt_buf *buf, const shard *s)
{
    uint64_t at = 0;
    wt_buf_printf(buf, "{\"__metadata__\":{\"format\":\"%s\"}", s->format ? s->format : "pt");
    for (size_t i = 0; i < s->n; i++) {
        const wt_weight *w = s->tensors[i];
        wt_buf_puts(buf, ",");
        put_string(buf, w->name);
        wt_buf_printf(buf, ":{\"dtype\":\"%s\",\"shape\":[", wt_safetensors_dtype_name(w->dtype));
        for (int k = 0; k < w->shape.rank; k++)
            wt_buf_printf(buf, "%s%lld", k ? "," : "", (long long)w->shape.dim[k]);
        wt_buf_printf(buf, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                      (unsigned long long)(at + w->bytes));
        at += w->bytes;
    }
    wt_buf_puts(buf, "}");
    while (buf->len % 8 && !buf->failed)
        wt_buf_puts(buf, " ");
}

static wt_status write_header(wt_outfile *file, const shard *s, wt_err *err)
{
    wt_buf buf;
    uint8_t length[8];
    wt_buf_init(&buf, wt_weights_context(s->set));
    put_header(&buf, s);
    wt_status st = wt_buf_status(&buf, err);
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)buf.len >> 8 * i);
    if (st == WT_OK)
        st = wt_outfile_write(file, length, sizeof length, err);
    if (st == WT_OK)
        st = wt_outfile_write(file, buf.data, buf.len, err);
    wt_buf_free(&buf);
    return st;
}

static wt_status write_tensor(wt_outfile *file, const shard *s, const wt_weight *w, wt_err *err)
{
    wt_context *ctx = wt_weights_context(s->set);
    const int rank = w->shape.rank;
    const uint64_t rows = rank ? (uint64_t)wt_shape_product(&w->shape, 0, rank - 1) : 1;
    if (!w->bytes)
        return WT_OK;
    const size_t row = (size_t)(w->bytes / rows);
    const uint64_t step = row < PIECE ? PIECE / row : 1;
    uint8_t *piece = wt_alloc_raw(ctx, (size_t)(step < rows ? step : rows), row, err);
    wt_status st = piece ? WT_OK : WT_ENOMEM;
    for (uint64_t at = 0; at < rows && st == WT_OK; at += step) {
        const uint64_t n = rows - at < step ? rows - at : step;
        st = wt_weight_load(s->set, w, at, n, piece, err);
        if (st == WT_OK)
            st = wt_outfile_write(file, piece, (size_t)n * row, err);
        if (st == WT_OK)
            st = wt_check_cancel(ctx, err);
    }
    wt_free(ctx, piece);
    return st;
}

static wt_status write_all(wt_outfile *file, const shard *s, wt_err *err)
{
    WT_TRY(write_header(file, s, err));
    for (size_t i = 0; i < s->n; i++)
        WT_TRY(write_tensor(file, s, s->tensors[i], err));
    return WT_OK;
}

static wt_status write_file(const shard *s, const char *path, bool force, wt_written *written, wt_err *err)
{
    wt_context *ctx = wt_weights_context(s->set);
    wt_outfile *file = NULL;
    wt_weights *again = NULL;
    char hash[65];
    qsort(s->tensors, s->n, sizeof(const wt_weight *), by_width);
    WT_TRY(wt_outfile_open(&file, ctx, path, force, err));
    wt_status st = write_all(file, s, err);
    const uint64_t bytes = wt_outfile_tell(file);
    if (st != WT_OK) {
        wt_outfile_abort(file);
        return st;
    }
    WT_TRY(wt_outfile_commit(file, hash, err));
    WT_TRY(wt_check_hash(ctx, path, hash, err));
    WT_TRY(wt_safetensors_open(&again, ctx, path, err));
    const size_t count = wt_weights_count(again);
    wt_weights_close(again);
    if (count != s->n)
        return wt_fail(err, WT_EINTERNAL, "%s reads back with %zu tensors, not %zu", path, count, s->n);
    return written ? wt_written_add(written, ctx, path, bytes, hash, err) : WT_OK;
}

/* --- the set -------------------------------------------------------------------------------------------------------
 */
/* All tensors by name; free with wt_free. */
static wt_status list(const wt_weights *set, shard *out, wt_err *err)
{
    const size_t n = wt_weights_count(set);
    *out = (shard){ .set = set, .n = n };
    for (size_t i = 0; i < n; i++) {
        const wt_weight *w = wt_weights_at(set, i);
        if (!wt_safetensors_dtype_name(w->dtype))
            return wt_fail(err, WT_EUNSUPPORTED, "tensor '%.*s': a safetensors file cannot hold %s", (int)w->name.len,
                           w->name.data, wt_dtype_name(w->dtype));
    }
    out->tensors = wt_alloc(wt_weights_context(set), n, sizeof *out->tensors, err);
    if (!out->tensors)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        out->tensors[i] = wt_weights_at(set, i);
    if (n)
        qsort(out->tensors, n, sizeof *out->tensors, by_name);
    return WT_OK;
}

wt_status wt_safetensors_write(const wt_weights *set, const char *path, const wt_safetensors_options *options,
                               wt_written *written, wt_err *err)
{
    shard all;
    wt_status st = list(set, &all, err);
    if (st == WT_OK)
        st = write_file(&all, path, options && options->force, written, err);
    wt_free(wt_weights_context(set), all.tensors);
    return st;
}

/* --- shards --------------------------------------------------------------------------------------------------------
 */
/* How many tensors from `at` on fit into a file: one at least. */
static size_t next_cut(const shard *all, size_t at, uint64_t limit)
{
    uint64_t sum = 0;
    size_t n = 0;
    while (at + n < all->n && (!n || !limit || all->tensors[at + n]->bytes <= limit - (sum < limit ? sum : limit)))
        sum += all->tensors[at + n++]->bytes;
    return n;
}

static wt_status write_shards(const shard *all, const char *folder, const wt_safetensors_options *o, size_t count,
                              json_t *map, wt_written *written, wt_err *err)
{
    wt_context *ctx = wt_weights_context(all->set);
    size_t number = 0;
    for (size_t at = 0, n; at < all->n; at += n) {
        char name[64];
        n = next_cut(all, at, o->max_shard_bytes);
        snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", ++number, count);
        for (size_t i = at; i < at + n; i++) {
            const wt_string key = all->tensors[i]->name;
            if (json_object_setn_new(map, key.data, key.len, json_string(name)) != 0)
                return wt_fail(err, WT_ENOMEM, "no memory for the index");
        }
        char *path = wt_path_join(ctx, folder, name, err);
        const shard part = { .set = all->set, .tensors = all->tensors + at, .n = n, .format = all->format };
        const wt_status st = path ? write_file(&part, path, o->force, written, err) : WT_ENOMEM;
        wt_free(ctx, path);
        WT_TRY(st);
    }
    return WT_OK;
}

/* Takes map. */
static wt_status write_index(const shard *all, const char *path, bool force, json_t *map, wt_written *written,
                             wt_err *err)
{
    wt_context *ctx = wt_weights_context(all->set);
    uint64_t total = 0;
    char hash[65];
    for (size_t i = 0; i < all->n; i++)
        total += all->tensors[i]->bytes;
    json_t *index = json_pack("{s:{s:I},s:o}", "metadata", "total_size", (json_int_t)total, "weight_map", map);
    char *text = index ? json_dumps(index, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
    wt_status st = text ? wt_write_file(ctx, path, text, strlen(text), force, err)
                        : wt_fail(err, WT_ENOMEM, "no memory for the index");
    if (st == WT_OK && written) {
        st = wt_hash_file(ctx, path, hash, err);
        if (st == WT_OK)
            st = wt_written_add(written, ctx, path, strlen(text), hash, err);
    }
    free(text);
    json_decref(index);
    return st;
}

static wt_status write_sharded(const shard *all, const char *folder, const wt_safetensors_options *o, size_t count,
                               wt_written *written, wt_err *err)
{
    wt_context *ctx = wt_weights_context(all->set);
    json_t *map = json_object();
    char *path = wt_path_join(ctx, folder, WT_SAFETENSORS_INDEX, err);
    wt_status st = !map ? wt_fail(err, WT_ENOMEM, "no memory for the index") : path ? WT_OK : WT_ENOMEM;
    if (st == WT_OK)
        st = write_shards(all, folder, o, count, map, written, err);
    if (st == WT_OK)
        st = write_index(all, path, o->force, json_incref(map), written, err);
    json_decref(map);
    wt_free(ctx, path);
    return st;
}

wt_status wt_safetensors_write_folder(const wt_weights *set, const char *folder, const wt_safetensors_options *options,
                                      wt_written *written, wt_err *err)
{
    static const wt_safetensors_options defaults;
    const wt_safetensors_options *o = options ? options : &defaults;
    wt_context *ctx = wt_weights_context(set);
    shard all;
    size_t count = 0;
    wt_status st = list(set, &all, err);
    all.format = o->format;
    for (size_t at = 0; st == WT_OK && at < all.n; count++)
        at += next_cut(&all, at, o->max_shard_bytes);
    if (st == WT_OK && count > 1) {
        st = write_sharded(&all, folder, o, count, written, err);
    } else if (st == WT_OK) {
        char *path = wt_path_join(ctx, folder, "model.safetensors", err);
        st = path ? write_file(&all, path, o->force, written, err) : WT_ENOMEM;
        wt_free(ctx, path);
    }
    wt_free(ctx, all.tensors);
    return st;
}
