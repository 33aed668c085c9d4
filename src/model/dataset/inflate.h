/* inflate.h - compressed bytes made readable, within limits.
 *
 * What comes out is kept in memory while it is small and in an unlinked temporary file once it is not, mapped
 * read-only: so a compressed archive of any size is read at random with the memory of its pages in use. Needs zlib; a
 * build without it refuses, by name. */
#ifndef WT_INFLATE_H
#define WT_INFLATE_H
#include "base/base.h"

typedef enum wt_deflate_wrap { WT_DEFLATE_RAW /* in zip */, WT_DEFLATE_GZIP } wt_deflate_wrap;

typedef struct wt_spool {
    const uint8_t *data; /* NULL when empty */
    uint64_t size;
    bool mapped;
    wt_context *ctx;
} wt_spool;

/* Inflates all of src. More than `limit` bytes are refused as WT_ELIMIT; offsets in errors are relative to src. */
wt_status wt_inflate(wt_spool *out, wt_context *ctx, const uint8_t *src, uint64_t len, wt_deflate_wrap wrap,
                     uint64_t limit, wt_err *err);
void wt_spool_close(wt_spool *spool); /* a zeroed one is fine */
/* The checksum of zip and gzip, continued from crc (0 at the start). */
uint32_t wt_crc32(uint32_t crc, const uint8_t *bytes, uint64_t len);
#endif
