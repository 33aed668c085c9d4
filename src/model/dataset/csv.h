/* csv.h - comma-separated values (RFC 4180): quoted fields with doubled quotes, commas and line breaks inside; CRLF or
 * LF; a byte-order mark at the start is skipped. */
#ifndef WT_CSV_H
#define WT_CSV_H
#include "base/base.h"

typedef struct wt_csv {
    const char *text;
    size_t len, at;
    uint64_t line; /* of the row last read, from 1 */
    uint64_t next_line;
    wt_arena *arena; /* where fields live */
} wt_csv;

void wt_csv_open(wt_csv *csv, wt_arena *arena, const char *text, size_t len);
/* The next row that is not empty: at most `max` fields into fields[], the rest is dropped; *count is how many there
 * are in all, 0 at the end. Fields are NUL-terminated, valid UTF-8, and live in the arena. */
wt_status wt_csv_row(wt_csv *csv, const char **fields, size_t max, size_t *count, wt_err *err);
#endif
