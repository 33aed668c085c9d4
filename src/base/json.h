/* json.h - results from the inside: a wt_result wraps a jansson document.
 *
 * A function that fills a result builds json_t trees with jansson and hands them to wt_result_take. Numbers that are
 * not finite become null: JSON has no other way to say so. */
#ifndef WT_JSON_H
#define WT_JSON_H
#include <jansson.h>
#include "base/base.h"
#include "whet/result.h"
/* Takes the reference to root (also when it fails); NULL root means that building it ran out of memory. */
wt_status wt_result_take(wt_result **out, wt_context *ctx, json_t *root, wt_err *err);
json_t *wt_result_json(const wt_result *r); /* borrowed */
json_t *wt_json_real(double value);         /* null when not finite */
/* A string for what may be no UTF-8 (names of files): bytes that are not become U+FFFD. NULL becomes null. */
json_t *wt_json_text(const char *s);
/* Parses text of a given length: duplicate keys, depth and size are limited; errors name line and column.
 * Integers beyond 64 bits become reals. */
wt_status wt_json_parse(json_t **out, const char *text, size_t len, const char *where, wt_err *err);
wt_status wt_json_load(json_t **out, wt_context *ctx, const char *path, wt_err *err);
#endif
