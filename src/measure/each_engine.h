/* each_engine.h - one piece of work on several engines: their documents side by side. */
#ifndef WT_EACH_ENGINE_H
#define WT_EACH_ENGINE_H
#include <jansson.h>
#include "whet/measure.h"
/* One engine's document (the caller's reference), also with WT_EVERDICT. `exec` names the engine. */
typedef wt_status wt_one_engine_fn(void *user, const wt_exec_options *exec, json_t **out, wt_err *err);
/* *several is false, and nothing is done, where the options name one engine. Else *out is a list of those documents,
 * each with "engine" and "status" ("ok", "verdict", "failed" with "code" and "reason"); the status is that of the first
 * that is not WT_OK. Only a cancelled run and a lack of memory end it early, with *out NULL. */
wt_status wt_each_engine(json_t **out, bool *several, wt_context *ctx, const wt_exec_options *exec,
                         wt_one_engine_fn *fn, void *user, wt_err *err);
#endif
