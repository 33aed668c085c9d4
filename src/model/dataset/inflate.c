/* inflate.c - zlib behind one call, and the place where its output goes. */
#include "model/dataset/inflate.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#if WHET_WITH_IMAGES
#include <zlib.h>
#endif

enum { IN_MEMORY = 64 << 20, PIECE = 1 << 16 };

void wt_spool_close(wt_spool *spool)
{
    if (spool->mapped)
        munmap((void *)(uintptr_t)spool->data, (size_t)spool->size);
    else if (spool->ctx)
        wt_free(spool->ctx, (void *)(uintptr_t)spool->data);
    memset(spool, 0, sizeof *spool);
}

#if WHET_WITH_IMAGES
uint32_t wt_crc32(uint32_t crc, const uint8_t *bytes, uint64_t len)
{
    return (uint32_t)crc32_z(crc, bytes, (size_t)len);
}

/* --- output: memory first, then a file
 * -------------------------------------------------------------------------------- */

typedef struct sink {
    wt_context *ctx;
    void *data;
    size_t cap;
    uint64_t size, limit;
    int fd; /* -1: still in memory */
} sink;

/* A file that has no name and so goes when it is closed, also after a crash. */
static int open_unnamed(void)
{
    const char *dir = getenv("TMPDIR");
    char path[4096];
    if (!dir || !dir[0])
        dir = "/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    if (snprintf(path, sizeof path, "%s/whet-XXXXXX", dir) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC); /* file systems without O_TMPFILE */
    if (fd >= 0)
        unlink(path);
    return fd;
}

static wt_status write_all(int fd, const uint8_t *bytes, size_t len, wt_err *err)
{
    while (len) {
        const ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            wt_fail_errno(err, "cannot write the inflated data to a temporary file");
            wt_err_hint(err, "set TMPDIR to a folder with more space");
            return WT_EIO;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return WT_OK;
}

static wt_status sink_add(sink *s, const uint8_t *bytes, size_t len, wt_err *err)
{
    if (len == 0)
        return WT_OK;
    if (len > s->limit - s->size)
        return wt_fail(err, WT_ELIMIT, "the compressed data grows beyond the %llu bytes allowed",
                       (unsigned long long)s->limit);
    if (s->fd < 0 && s->size + len <= IN_MEMORY) {
        WT_TRY(wt_grow(s->ctx, &s->data, &s->cap, (size_t)s->size + len, 1, err));
        memcpy((uint8_t *)s->data + s->size, bytes, len);
        s->size += len;
        return WT_OK;
    }
    if (s->fd < 0) {
        if ((s->fd = open_unnamed()) < 0)
            return wt_fail_errno(err, "cannot make a temporary file");
        WT_TRY(write_all(s->fd, s->data, (size_t)s->size, err));
        wt_free(s->ctx, s->data);
        s->data = NULL;
        s->cap = 0;
    }
    s->size += len;
    return write_all(s->fd, bytes, len, err);
}

static wt_status sink_finish(sink *s, wt_spool *out, wt_err *err)
{
    *out = (wt_spool){ .size = s->size, .ctx = s->ctx, .mapped = s->fd >= 0 };
    if (s->fd < 0) {
        out->data = s->data;
        s->data = NULL;
        return WT_OK;
    }
    void *map = mmap(NULL, (size_t)s->size, PROT_READ, MAP_PRIVATE, s->fd, 0);
    if (map == MAP_FAILED) {
        memset(out, 0, sizeof *out);
        return wt_fail_errno(err, "cannot map a temporary file");
    }
    out->data = map;
    return WT_OK;
}

/* --- input
 * ------------------------------------------------------------------------------------------------------------------ */

static wt_status explain(int code, const z_stream *z, uint64_t at, wt_err *err)
{
    if (code == Z_MEM_ERROR)
        return wt_fail(err, WT_ENOMEM, "no memory for inflating");
    wt_fail_at(err, WT_EFORMAT, at, "the compressed data is %s%s%s", code == Z_BUF_ERROR ? "cut off" : "damaged",
               z->msg ? ": " : "", z->msg ? z->msg : "");
    wt_err_hint(err, "the file is incomplete or damaged: fetch or save it again");
    return WT_EFORMAT;
}

static wt_status inflate_all(z_stream *z, sink *out, const uint8_t *src, uint64_t len, bool members, wt_context *ctx,
                             wt_err *err)
{
    uint8_t piece[PIECE / 4];
    uint64_t at = 0;
    for (;;) {
        if (z->avail_in == 0 && at < len) {
            z->next_in = (Bytef *)(uintptr_t)(src + at);
            z->avail_in = (uInt)(len - at < (1u << 30) ? len - at : 1u << 30);
            at += z->avail_in;
        }
        z->next_out = piece;
        z->avail_out = sizeof piece;
        const int code = inflate(z, Z_NO_FLUSH);
        const size_t got = sizeof piece - z->avail_out;
        if (code != Z_OK && code != Z_STREAM_END && !(code == Z_BUF_ERROR && at < len && z->avail_in == 0))
            return explain(code, z, at - z->avail_in, err);
        WT_TRY(sink_add(out, piece, got, err));
        WT_TRY(wt_check_cancel(ctx, err));
        if (code == Z_STREAM_END) {
            if (z->avail_in == 0 && at == len)
                return WT_OK;
            if (!members)
                return wt_fail_at(err, WT_EFORMAT, at - z->avail_in, "bytes after the end of the compressed data");
            if (inflateReset(z) != Z_OK) /* gzip files may be several, one after the other */
                return explain(Z_DATA_ERROR, z, at, err);
        }
    }
}

wt_status wt_inflate(wt_spool *out, wt_context *ctx, const uint8_t *src, uint64_t len, wt_deflate_wrap wrap,
                     uint64_t limit, wt_err *err)
{
    memset(out, 0, sizeof *out);
    z_stream z = { 0 };
    sink s = { .ctx = ctx, .limit = limit < (uint64_t)PTRDIFF_MAX ? limit : (uint64_t)PTRDIFF_MAX, .fd = -1 };
    if (inflateInit2(&z, wrap == WT_DEFLATE_GZIP ? 15 + 16 : -15) != Z_OK)
        return wt_fail(err, WT_ENOMEM, "no memory for inflating");
    wt_status st = inflate_all(&z, &s, src, len, wrap == WT_DEFLATE_GZIP, ctx, err);
    inflateEnd(&z);
    if (st == WT_OK)
        st = sink_finish(&s, out, err);
    wt_free(ctx, s.data);
    if (s.fd >= 0)
        close(s.fd);
    return st;
}

#else

uint32_t wt_crc32(uint32_t crc, const uint8_t *bytes, uint64_t len)
{
    static const uint32_t nibble[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                         0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                         0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
    crc = ~crc;
    for (uint64_t i = 0; i < len; i++) {
        crc = crc >> 4 ^ nibble[(crc ^ bytes[i]) & 15];
        crc = crc >> 4 ^ nibble[(crc ^ (uint32_t)bytes[i] >> 4) & 15];
    }
    return ~crc;
}

wt_status wt_inflate(wt_spool *out, wt_context *ctx, const uint8_t *src, uint64_t len, wt_deflate_wrap wrap,
                     uint64_t limit, wt_err *err)
{
    (void)ctx, (void)src, (void)len, (void)wrap, (void)limit;
    memset(out, 0, sizeof *out);
    wt_fail(err, WT_EUNSUPPORTED, "this build cannot read deflate-compressed data");
    wt_err_hint(err, "store it uncompressed (numpy.savez, gunzip), or build with WHET_WITH_IMAGES=ON");
    return WT_EUNSUPPORTED;
}
#endif
