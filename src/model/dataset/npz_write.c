/* npz_write.c - writing NumPy archives: a zip file of stored members, dated 1980 so that equal arrays give equal files.
 *
 * The local header wants the checksum before the data, so each array is emitted twice, once into the checksum and once
 * into the file: that keeps the file streamable and needs no data descriptors, which some readers dislike. */
#include "base/str.h"
#include "model/dataset/npz.h"
#include "whet/dataset.h"

typedef struct member {
    uint32_t crc;
    uint64_t size, header;
} member;

static void put16(wt_buf *b, unsigned v)
{
    const uint8_t p[2] = { (uint8_t)v, (uint8_t)(v >> 8) };
    wt_buf_add(b, p, 2);
}

static void put32(wt_buf *b, uint32_t v)
{
    put16(b, v & 0xffff);
    put16(b, v >> 16);
}

static void put64(wt_buf *b, uint64_t v)
{
    put32(b, (uint32_t)v);
    put32(b, (uint32_t)(v >> 32));
}

static uint32_t low(uint64_t v) { return v >= UINT32_MAX ? UINT32_MAX : (uint32_t)v; }

static wt_status add_crc(void *user, const void *bytes, size_t len, wt_err *err)
{
    member *m = user;
    (void)err;
    m->crc = wt_crc32(m->crc, bytes, len);
    m->size += len;
    return WT_OK;
}

static wt_status to_file(void *user, const void *bytes, size_t len, wt_err *err)
{
    return wt_outfile_write(user, bytes, len, err);
}

/* What local and central headers share: version .. name length. */
static void put_common(wt_buf *b, const member *m, bool wide, size_t name)
{
    put16(b, wide ? 45 : 20);
    put16(b, 0x800); /* the name is UTF-8 */
    put16(b, 0);     /* stored */
    put16(b, 0);     /* 00:00:00 */
    put16(b, 0x21);  /* 1980-01-01 */
    put32(b, m->crc);
    put32(b, wide ? UINT32_MAX : (uint32_t)m->size);
    put32(b, wide ? UINT32_MAX : (uint32_t)m->size);
    put16(b, (unsigned)name);
}

static void put_local(wt_buf *b, const member *m, const char *name)
{
    const bool wide = m->size >= UINT32_MAX;
    put32(b, 0x04034b50);
    put_common(b, m, wide, strlen(name) + 4);
    put16(b, wide ? 20 : 0);
    wt_buf_printf(b, "%s.npy", name);
    if (wide) {
        put16(b, 1);
        put16(b, 16);
        put64(b, m->size);
        put64(b, m->size);
    }
}

static void put_central(wt_buf *b, const member *m, const char *name)
{
    const bool wide = m->size >= UINT32_MAX || m->header >= UINT32_MAX;
    put32(b, 0x02014b50);
    put16(b, wide ? 45 : 20);
    put_common(b, m, wide, strlen(name) + 4);
    put16(b, wide ? 28 : 0);
    put16(b, 0); /* comment */
    put16(b, 0); /* volume */
    put16(b, 0);
    put32(b, 0);
    put32(b, wide ? UINT32_MAX : (uint32_t)m->header);
    wt_buf_printf(b, "%s.npy", name);
    if (wide) {
        put16(b, 1);
        put16(b, 24);
        put64(b, m->size);
        put64(b, m->size);
        put64(b, m->header);
    }
}

static void put_end(wt_buf *b, uint64_t offset, uint64_t size, size_t count)
{
    const uint64_t end = offset + size;
    if (offset >= UINT32_MAX || size >= UINT32_MAX) {
        put32(b, 0x06064b50);
        put64(b, 44);
        put16(b, 45);
        put16(b, 45);
        put32(b, 0);
        put32(b, 0);
        put64(b, count);
        put64(b, count);
        put64(b, size);
        put64(b, offset);
        put32(b, 0x07064b50);
        put32(b, 0);
        put64(b, end);
        put32(b, 1);
    }
    put32(b, 0x06054b50);
    put32(b, 0);
    put16(b, (unsigned)count);
    put16(b, (unsigned)count);
    put32(b, low(size));
    put32(b, low(offset));
    put16(b, 0);
}

static wt_status flush(wt_buf *b, wt_outfile *file, wt_err *err)
{
    WT_TRY(wt_buf_status(b, err));
    const wt_status st = wt_outfile_write(file, b->data, b->len, err);
    b->len = 0;
    return st;
}

static wt_status write_all(wt_context *ctx, wt_outfile *file, wt_buf *b, member *members, const char *const *names,
                           const wt_tensor *tensors, size_t count, wt_err *err)
{
    for (size_t i = 0; i < count; i++) {
        WT_TRY(wt_npy_emit(ctx, &tensors[i], add_crc, &members[i], err));
        members[i].header = wt_outfile_tell(file);
        put_local(b, &members[i], names[i]);
        WT_TRY(flush(b, file, err));
        WT_TRY(wt_npy_emit(ctx, &tensors[i], to_file, file, err));
    }
    const uint64_t offset = wt_outfile_tell(file);
    for (size_t i = 0; i < count; i++)
        put_central(b, &members[i], names[i]);
    put_end(b, offset, b->len, count);
    return flush(b, file, err);
}

static wt_status check_names(const char *const *names, size_t count, wt_err *err)
{
    if (count >= UINT16_MAX)
        return wt_fail(err, WT_EUNSUPPORTED, "%zu arrays are more than a .npz is written with (65534)", count);
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > 65000 || !wt_utf8_valid(names[i], strlen(names[i])))
            return wt_fail(err, WT_EUNSUPPORTED, "an array's name is not UTF-8 or longer than 65000 bytes");
        for (size_t j = 0; j < i; j++)
            if (!strcmp(names[i], names[j]))
                return wt_fail(err, WT_EUSAGE, "two arrays are called %s", names[i]);
    }
    return WT_OK;
}

wt_status wt_npz_write(wt_context *ctx, const char *path, const char *const *names, const wt_tensor *tensors,
                       size_t count, bool force, wt_err *err)
{
    wt_outfile *file = NULL;
    WT_TRY(check_names(names, count, err));
    member *members = wt_alloc(ctx, count, sizeof *members, err);
    if (!members)
        return WT_ENOMEM;
    wt_buf buf;
    wt_buf_init(&buf, ctx);
    wt_status st = wt_outfile_open(&file, ctx, path, force, err);
    if (st == WT_OK)
        st = write_all(ctx, file, &buf, members, names, tensors, count, err);
    if (st == WT_OK)
        st = wt_outfile_commit(file, NULL, err);
    else
        wt_outfile_abort(file);
    if (st != WT_OK)
        wt_err_where(err, "%s", path);
    wt_buf_free(&buf);
    wt_free(ctx, members);
    return st;
}

/* --- the public names
 * --------------------------------------------------------------------------------------------------- */

wt_status wt_data_save_npy(wt_context *ctx, const char *path, const wt_tensor *tensor, int force, wt_err *err)
{
    return wt_npy_write(ctx, path, tensor, force != 0, err);
}

wt_status wt_data_save_npz(wt_context *ctx, const char *path, const char *const *names, const wt_tensor *tensors,
                           size_t count, int force, wt_err *err)
{
    return wt_npz_write(ctx, path, names, tensors, count, force != 0, err);
}
