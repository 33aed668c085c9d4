/* str.h - growing text and byte buffers. A buffer that once failed to grow stays failed, so that a
 * caller may append many times and look at buf.failed once. */
#ifndef WT_STR_H
#define WT_STR_H
#include "base/base.h"
typedef struct wt_buf {
    wt_context *ctx;
    char *data; /* NUL-terminated when text was appended */
    size_t len, cap;
    bool failed;
} wt_buf;
void wt_buf_init(wt_buf *buf, wt_context *ctx);
void wt_buf_free(wt_buf *buf);
void wt_buf_add(wt_buf *buf, const void *bytes, size_t len);
void wt_buf_puts(wt_buf *buf, const char *s);
void wt_buf_printf(wt_buf *buf, const char *fmt, ...) WT_PRINTF(2, 3);
/* WT_ENOMEM when an append failed. */
wt_status wt_buf_status(const wt_buf *buf, wt_err *err);
bool wt_str_starts(const char *s, const char *prefix);
bool wt_str_ends(const char *s, const char *suffix);
/* Shell-like match of the whole string: * ? [set]. */
bool wt_glob_match(const char *pattern, const char *s);
/* True when the bytes are well-formed UTF-8 without NUL. */
bool wt_utf8_valid(const char *s, size_t len);
/* "1.2 MB": decimal units, for people. Writes at most size bytes, returns out. */
const char *wt_human_bytes(uint64_t bytes, char *out, size_t size);
#endif
