/* journal.h - what an optimization has done so far, so that it can go on after kill -9.
 *
 * One JSON object a line, appended and synced: first the identity of the work (model, data, options), then the result
 * of every step under its name, with the program that made it and the machine it was made on. A step whose result is
 * there is not done again; a line that was cut off is forgotten. What another build of the program made is made again;
 * what was measured on another machine, or with other threads, is measured again, while what was merely made there
 * serves here, too. */
#ifndef WT_JOURNAL_H
#define WT_JOURNAL_H
#include <jansson.h>
#include "base/base.h"
typedef struct wt_journal wt_journal;
typedef enum wt_step_kind { WT_STEP_MADE, WT_STEP_MEASURED } wt_step_kind;
/* Starts DIR/journal, or with `resume` goes on with it: WT_EUSAGE when it belongs to other work. `program` names the
 * build ("": nobody knows, so nothing is taken over), `machine` is what measurements depend on. All are borrowed; the
 * machine is kept. */
wt_status wt_journal_open(wt_journal **out, wt_context *ctx, const char *dir, const json_t *identity,
                          const char *program, json_t *machine, bool resume, wt_err *err);
void wt_journal_close(wt_journal *j); /* NULL is fine */
/* The result of a step, borrowed; NULL when it was not done. */
const json_t *wt_journal_find(const wt_journal *j, const char *step);
/* Takes `result`. On disk when it returns. */
wt_status wt_journal_add(wt_journal *j, const char *step, wt_step_kind kind, json_t *result, wt_err *err);
size_t wt_journal_reused(const wt_journal *j); /* steps that were found, not done */
size_t wt_journal_outdated(
    const wt_journal *j); /* steps that were found, and do not hold for this program or machine */
#endif
