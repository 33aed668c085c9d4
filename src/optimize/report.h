/* report.h - the page for people, from the document for machines. */
#ifndef WT_REPORT_H
#define WT_REPORT_H
#include <jansson.h>
#include "whet/optimize.h"
/* Writes `path` from a result document. Refuses an existing file unless `force`, or whet wrote it. */
wt_status wt_report_save(wt_context *ctx, const json_t *doc, const char *path, bool force, wt_err *err);
#endif
