/* whet/result.h - what a piece of work found out, as data: one JSON document.
 *
 * Every verb fills one wt_result; --json, the text tables, the HTML report and the metrics are views of it. A path
 * names a member: "cpu.cores", "results[2].latency_ms.p50"; it is a printf format, so that loops can index. */
#ifndef WHET_RESULT_H
#define WHET_RESULT_H
#include "whet/context.h"
#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__) || defined(__clang__)
#define WT_PATH(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define WT_PATH(fmt, args)
#endif

typedef struct wt_result wt_result;

WT_API void wt_result_free(wt_result *result); /* NULL is fine */
/* The document as text, indented by `indent` blanks (0: one line), with a newline at the end; NULL without memory.
 * Owned by the caller: wt_text_free. */
WT_API char *wt_result_text(const wt_result *result, int indent);
WT_API void wt_text_free(char *text);
/* The document of what went wrong in a verb, {"schema","error":{"code","message","hint","where"}}, as wt_result_text.
 */
WT_API char *wt_err_text(const char *verb, wt_status status, const wt_err *err);
/* Reads a document; refuses what is no JSON object, with the line. */
WT_API wt_status wt_result_load(wt_result **out, wt_context *ctx, const char *path, wt_err *err);
WT_API wt_status wt_result_save(const wt_result *result, wt_context *ctx, const char *path, int force, wt_err *err);

WT_API int wt_result_has(const wt_result *r, const char *path, ...) WT_PATH(2, 3); /* there, and not null */
WT_API size_t wt_result_count(const wt_result *r, const char *path, ...)
    WT_PATH(2, 3); /* of an array or object; else 0 */
WT_API double wt_result_number(const wt_result *r, double fallback, const char *path, ...) WT_PATH(3, 4);
WT_API int wt_result_true(const wt_result *r, const char *path, ...) WT_PATH(2, 3);
/* A string member, borrowed from the result. */
WT_API const char *wt_result_string(const wt_result *r, const char *fallback, const char *path, ...) WT_PATH(3, 4);
/* Name of the index-th member of the object at path (in the order of insertion), NULL past the end. */
WT_API const char *wt_result_key(const wt_result *r, size_t index, const char *path, ...) WT_PATH(3, 4);

#ifdef __cplusplus
}
#endif
#endif
