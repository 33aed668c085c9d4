/* journal.h - what an optimization has done so far, so that it can go on after kill -9.
 *
 * One JSON object a line, appended and synced: first the identity of the work (model, data, options), then the result
 * of every step under its name. A step whose result is there is not done again; a line that was cut off is forgotten.
 */
#ifndef WT_JOURNAL_H
#define WT_JOURNAL_H
#include <jansson.h>
#include "base/base.h"
typedef struct wt_journal wt_journal;
/* Starts DIR/journal, or with `resume` goes on with it: WT_EUSAGE when it belongs to other work. `identity` is
 * borrowed. */
wt_status wt_journal_open(wt_journal **out, wt_context *ctx, const char *dir, const json_t *identity, bool resume,
                          wt_err *err);
void wt_journal_close(wt_journal *j); /* NULL is fine */
/* The result of a step, borrowed; NULL when it was not done. */
const json_t *wt_journal_find(const wt_journal *j, const char *step);
/* Takes `result`. On disk when it returns. */
wt_status wt_journal_add(wt_journal *j, const char *step, json_t *result, wt_err *err);
size_t wt_journal_reused(const wt_journal *j); /* steps that were found, not done */
#endif
