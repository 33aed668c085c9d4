/* whet/status.h - what every call answers, and why it failed.
 *
 * Every function of this library that can fail returns wt_status and takes `wt_err *err` last (NULL is
 * allowed: then the reason is lost). A wt_err is the caller's: no reason lives in a global, so threads
 * never overwrite each other's. A value once released keeps its number. */
#ifndef WHET_STATUS_H
#define WHET_STATUS_H
#include <stddef.h>
#include <stdint.h>
#include "whet/export.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum wt_status {
    WT_OK = 0,
    WT_EUSAGE = -1,       /* the caller's arguments are wrong (exit code 2) */
    WT_EFORMAT = -2,      /* the input is malformed (3) */
    WT_EUNSUPPORTED = -3, /* the input is well formed, but we cannot do that (3) */
    WT_ENOMEM = -4,       /* the allocator said no, or the memory budget did (4) */
    WT_EIO = -5,          /* reading or writing failed: permission, disk full, no such file (4) */
    WT_ELIMIT = -6,       /* a time or size limit was reached (4) */
    WT_ECANCELLED = -7,   /* the caller's cancel flag was raised (130) */
    WT_EVERDICT = -8,     /* all ran, and the verdict is no: a gate, a comparison, a check (1) */
    WT_EINTERNAL = -9     /* a defect of ours (5) */
} wt_status;

#define WT_NO_OFFSET UINT64_MAX

typedef struct wt_err {
    wt_status code;
    uint64_t offset;   /* byte in the file, or WT_NO_OFFSET */
    char where[256];   /* file, node or flag; "" when there is none */
    char message[512]; /* one line: what was wrong and what was expected */
    char hint[256];    /* one line: what to do about it; "" when there is nothing to say */
} wt_err;

WT_API const char *wt_status_name(wt_status status); /* "format", "memory", ...: words of the CLI's JSON */
WT_API int wt_status_exit_code(wt_status status);    /* the exit code that the command line promises */

#ifdef __cplusplus
}
#endif
#endif
