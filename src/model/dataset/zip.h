/* zip.h - the directory of a zip archive in memory, and its members.
 *
 * Only what .npz files need: stored and deflated members, zip64, no encryption, one volume. The central directory is
 * what is believed; each member's bytes are checked against its length and checksum when it is opened. */
#ifndef WT_ZIP_H
#define WT_ZIP_H
#include "model/dataset/inflate.h"

typedef struct wt_zip_member {
    const char *name; /* valid UTF-8, unique, without NUL */
    uint64_t header;  /* offset of the local header */
    uint64_t packed, size;
    uint32_t crc;
    uint16_t method; /* 0 stored, 8 deflated */
} wt_zip_member;

typedef struct wt_zip {
    const uint8_t *bytes; /* borrowed */
    uint64_t len;
    wt_zip_member *members;
    size_t count;
    wt_arena arena;
} wt_zip;

wt_status wt_zip_open(wt_zip *out, wt_context *ctx, const uint8_t *bytes, uint64_t len, wt_err *err);
void wt_zip_close(wt_zip *zip); /* a zeroed one is fine */
/* The member's bytes: a view of the archive (out->size bytes that out does not own) when it is stored, else inflated.
 */
typedef struct wt_zip_data {
    const uint8_t *data;
    uint64_t size;
    wt_spool spool;
} wt_zip_data;
wt_status wt_zip_read(wt_zip_data *out, const wt_zip *zip, const wt_zip_member *member, uint64_t limit, wt_err *err);
void wt_zip_data_close(wt_zip_data *data);
#endif
