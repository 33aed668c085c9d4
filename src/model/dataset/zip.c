/* zip.c - reading the directory of a zip archive.
 *
 * The end record is searched backwards (a comment of up to 64 KiB may follow it), then the central directory is
 * walked once. Three things keep a small file from asking for much: a member cannot inflate beyond 1032 times its
 * packed size (deflate cannot), packed sizes together cannot exceed the archive (so members cannot share bytes), and
 * the number of members is bounded by the directory's own length. */
#include "model/dataset/zip.h"
#include "base/bytes.h"
#include "base/str.h"
#include <stdlib.h>

enum {
    END_SIG = 0x06054b50,
    END_LEN = 22,
    END64_SIG = 0x06064b50,
    END64_LEN = 56,
    LOCATOR_SIG = 0x07064b50,
    LOCATOR_LEN = 20,
    CENTRAL_SIG = 0x02014b50,
    CENTRAL_LEN = 46,
    LOCAL_SIG = 0x04034b50,
    LOCAL_LEN = 30,
    ZIP64_EXTRA = 1,
    MAX_RATIO = 1032,
    MAX_MEMBERS = 1 << 16
};

static wt_status bad(wt_err *err, uint64_t offset, const char *what)
{
    wt_fail_at(err, WT_EFORMAT, offset, "zip archive: %s", what);
    wt_err_hint(err, "the file is incomplete or damaged: fetch or save it again");
    return WT_EFORMAT;
}

typedef struct directory {
    uint64_t offset, size, count;
} directory;

static wt_status find_end(const wt_zip *zip, uint64_t *at, wt_err *err)
{
    if (zip->len < END_LEN)
        return bad(err, 0, "too short to be one");
    const uint64_t lowest = zip->len > END_LEN + 65535 ? zip->len - END_LEN - 65535 : 0;
    for (uint64_t i = zip->len - END_LEN + 1; i-- > lowest;)
        if (wt_le32(zip->bytes + i) == END_SIG && wt_le16(zip->bytes + i + 20) == zip->len - i - END_LEN) {
            *at = i;
            return WT_OK;
        }
    return bad(err, zip->len, "no end record, so the archive is cut off");
}

static wt_status find_directory(const wt_zip *zip, directory *dir, wt_err *err)
{
    uint64_t end = 0;
    WT_TRY(find_end(zip, &end, err));
    const uint8_t *p = zip->bytes + end;
    if (wt_le16(p + 4) != 0 || wt_le16(p + 6) != 0 || wt_le16(p + 8) != wt_le16(p + 10))
        return wt_fail_at(err, WT_EUNSUPPORTED, end, "zip archive in several volumes is not supported");
    *dir = (directory){ .offset = wt_le32(p + 16), .size = wt_le32(p + 12), .count = wt_le16(p + 10) };
    if (end >= LOCATOR_LEN && wt_le32(p - LOCATOR_LEN) == LOCATOR_SIG) {
        const uint64_t at = wt_le64(p - LOCATOR_LEN + 8);
        if (end < LOCATOR_LEN + END64_LEN || at > end - LOCATOR_LEN - END64_LEN ||
            wt_le32(zip->bytes + at) != END64_SIG)
            return bad(err, end - LOCATOR_LEN, "the zip64 end record is not where it should be");
        p = zip->bytes + at;
        *dir = (directory){ .offset = wt_le64(p + 48), .size = wt_le64(p + 40), .count = wt_le64(p + 32) };
        end = at;
    }
    if (dir->offset > end || dir->size > end - dir->offset)
        return bad(err, end, "the directory lies outside the file");
    if (dir->count > dir->size / CENTRAL_LEN)
        return bad(err, end, "the directory is too short for its members");
    if (dir->count > MAX_MEMBERS)
        return wt_fail_at(err, WT_ELIMIT, end, "zip archive with %llu members (at most %d are read)",
                          (unsigned long long)dir->count, (int)MAX_MEMBERS);
    return WT_OK;
}

/* Sizes and offset that did not fit in 32 bits stand in extra field 1, in this order, each only if it did not fit. */
static wt_status apply_zip64(wt_zip_member *m, const uint8_t *extra, size_t len, uint64_t offset, wt_err *err)
{
    uint64_t *const wide[] = { &m->size, &m->packed, &m->header };
    while (len >= 4) {
        const size_t id = wt_le16(extra), n = wt_le16(extra + 2);
        if (n > len - 4)
            break;
        if (id == ZIP64_EXTRA) {
            size_t at = 0;
            for (size_t i = 0; i < WT_ARRAY_LEN(wide); i++) {
                if (*wide[i] != UINT32_MAX)
                    continue;
                if (n - at < 8)
                    return bad(err, offset, "a zip64 field is too short");
                *wide[i] = wt_le64(extra + 4 + at);
                at += 8;
            }
            return WT_OK;
        }
        extra += 4 + n;
        len -= 4 + n;
    }
    return WT_OK;
}

static wt_status check_member(const wt_zip_member *m, uint16_t flags, uint64_t dir_offset, uint64_t at, wt_err *err)
{
    if (flags & 1) {
        wt_fail_at(err, WT_EUNSUPPORTED, at, "zip member %s is encrypted", m->name);
        return WT_EUNSUPPORTED;
    }
    if (m->method != 0 && m->method != 8)
        return wt_fail_at(err, WT_EUNSUPPORTED, at,
                          "zip member %s uses compression method %u (stored and deflate are read)", m->name, m->method);
    if (m->header > dir_offset || dir_offset - m->header < LOCAL_LEN || m->packed > dir_offset - m->header - LOCAL_LEN)
        return bad(err, at, "a member lies outside the file");
    if (m->method == 0 && m->packed != m->size)
        return bad(err, at, "a stored member has two sizes");
    if (m->method == 8 && m->size / MAX_RATIO > m->packed)
        return bad(err, at, "a member claims a size that its compressed bytes cannot give");
    return WT_OK;
}

static int member_cmp(const void *a, const void *b)
{
    return strcmp(((const wt_zip_member *)a)->name, ((const wt_zip_member *)b)->name);
}

static wt_status read_members(wt_zip *zip, const directory *dir, wt_err *err)
{
    uint64_t at = dir->offset, left = dir->size, packed = 0;
    for (uint64_t i = 0; i < dir->count; i++) {
        const uint8_t *p = zip->bytes + at;
        if (left < CENTRAL_LEN || wt_le32(p) != CENTRAL_SIG)
            return bad(err, at, "the directory is cut off");
        const size_t name = wt_le16(p + 28), extra = wt_le16(p + 30), comment = wt_le16(p + 32);
        if (name + extra + comment > left - CENTRAL_LEN)
            return bad(err, at, "the directory is cut off");
        wt_zip_member *m = &zip->members[zip->count++];
        *m = (wt_zip_member){ .header = wt_le32(p + 42),
                              .packed = wt_le32(p + 20),
                              .size = wt_le32(p + 24),
                              .crc = wt_le32(p + 16),
                              .method = wt_le16(p + 10) };
        if (!wt_utf8_valid((const char *)p + CENTRAL_LEN, name))
            return bad(err, at, "a member's name is not UTF-8");
        if (!(m->name = wt_arena_strndup(&zip->arena, (const char *)p + CENTRAL_LEN, name, err)))
            return WT_ENOMEM;
        WT_TRY(apply_zip64(m, p + CENTRAL_LEN + name, extra, at, err));
        WT_TRY(check_member(m, wt_le16(p + 8), dir->offset, at, err));
        if (__builtin_add_overflow(packed, m->packed, &packed) || packed > zip->len)
            return bad(err, at, "members overlap");
        at += CENTRAL_LEN + name + extra + comment;
        left -= CENTRAL_LEN + name + extra + comment;
    }
    qsort(zip->members, zip->count, sizeof *zip->members, member_cmp);
    for (size_t i = 1; i < zip->count; i++)
        if (!strcmp(zip->members[i - 1].name, zip->members[i].name))
            return wt_fail_at(err, WT_EFORMAT, dir->offset, "zip archive: %s is there twice", zip->members[i].name);
    return WT_OK;
}

wt_status wt_zip_open(wt_zip *out, wt_context *ctx, const uint8_t *bytes, uint64_t len, wt_err *err)
{
    directory dir = { 0 };
    memset(out, 0, sizeof *out);
    out->bytes = bytes;
    out->len = len;
    wt_arena_init(&out->arena, ctx);
    WT_TRY(find_directory(out, &dir, err));
    wt_status st = WT_ENOMEM;
    if ((out->members = wt_arena_alloc(&out->arena, (size_t)dir.count, sizeof *out->members, err)))
        st = read_members(out, &dir, err);
    if (st != WT_OK)
        wt_zip_close(out);
    return st;
}

void wt_zip_close(wt_zip *zip)
{
    if (zip->arena.ctx)
        wt_arena_free(&zip->arena);
    memset(zip, 0, sizeof *zip);
}

void wt_zip_data_close(wt_zip_data *data)
{
    wt_spool_close(&data->spool);
    memset(data, 0, sizeof *data);
}

wt_status wt_zip_read(wt_zip_data *out, const wt_zip *zip, const wt_zip_member *m, uint64_t limit, wt_err *err)
{
    memset(out, 0, sizeof *out);
    const uint8_t *p = zip->bytes + m->header;
    if (wt_le32(p) != LOCAL_SIG)
        return bad(err, m->header, "a member does not start where the directory says");
    const uint64_t start = m->header + LOCAL_LEN + wt_le16(p + 26) + wt_le16(p + 28);
    if (start > zip->len || m->packed > zip->len - start)
        return bad(err, m->header, "a member lies outside the file");
    if (m->size > limit)
        return wt_fail_at(err, WT_ELIMIT, m->header, "%s has %llu bytes, more than the %llu allowed", m->name,
                          (unsigned long long)m->size, (unsigned long long)limit);
    if (m->method == 0) {
        out->data = zip->bytes + start;
        out->size = m->size;
    } else {
        const wt_status st = wt_inflate(&out->spool, zip->arena.ctx, zip->bytes + start, m->packed, WT_DEFLATE_RAW,
                                        m->size, err);
        if (st == WT_ELIMIT)
            return bad(err, m->header, "a member inflates to more than the directory says");
        if (st != WT_OK) {
            if (err && err->offset != WT_NO_OFFSET)
                err->offset += start;
            return st;
        }
        out->data = out->spool.data;
        out->size = out->spool.size;
    }
    if (out->size != m->size || wt_crc32(0, out->data, out->size) != m->crc) {
        wt_zip_data_close(out);
        return bad(err, m->header, "a member's bytes do not match its length and checksum");
    }
    return WT_OK;
}
