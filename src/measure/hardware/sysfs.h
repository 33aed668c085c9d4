/* sysfs.h - reading what the kernel says in /proc and /sys, below a root that a test may replace by a folder of its
 * own. */
#ifndef WT_SYSFS_H
#define WT_SYSFS_H
#include <jansson.h>
#include "base/base.h"

typedef struct wt_sysroot {
    wt_context *ctx;
    const char *path; /* "": the machine itself */
} wt_sysroot;

/* Paths are printf formats, from the root on: "/sys/class/net/%s/speed". */

/* A small file's text, without the newline at the end; false when it cannot be read (sysfs answers EINVAL for many). */
bool wt_sys_text(const wt_sysroot *r, char *out, size_t size, const char *path, ...) WT_PRINTF(4, 5);
bool wt_sys_number(const wt_sysroot *r, int64_t *out, const char *path, ...) WT_PRINTF(3, 4); /* decimal, or 0x... */
bool wt_sys_exists(const wt_sysroot *r, const char *path, ...) WT_PRINTF(2, 3);
/* The last part of where a link points: ".../driver" -> "i915". */
bool wt_sys_link_name(const wt_sysroot *r, char *out, size_t size, const char *path, ...) WT_PRINTF(4, 5);
/* A larger file such as /proc/cpuinfo, NUL-terminated, from wt_alloc; NULL when it is not there. */
char *wt_sys_file(const wt_sysroot *r, const char *path);

/* Names in a folder, the shorter first (cpu2 before cpu10), none when it is not there. */
enum { WT_SYS_NAME = 128 };
typedef struct wt_sys_names {
    wt_context *ctx;
    char (*items)[WT_SYS_NAME];
    size_t n, cap;
} wt_sys_names;
/* prefix "": all. */
wt_sys_names wt_sys_list(const wt_sysroot *r, const char *folder, const char *prefix);
void wt_sys_names_free(wt_sys_names *names);

/* The value behind "key" and a colon in /proc-like text: wt_sys_field(text, "model name"). Writes "" and answers false
 * without. */
bool wt_sys_field(const char *text, const char *key, char *out, size_t size);
/* "0-3,8" -> 5; -1 for what is no list. */
int wt_sys_count_list(const char *list);
#endif
