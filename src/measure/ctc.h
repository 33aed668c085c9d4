/* ctc.h - greedy decoding of CTC outputs, and how far a text is from another. */
#ifndef WT_CTC_H
#define WT_CTC_H
#include "base/str.h"
#include "model/tensor.h"

/* The characters of a recogniser: class 0 is the blank, then one character a line of the model's metadata, and a space
 * as the last class when there is one class more. */
typedef struct wt_ctc_table {
    char *text;        /* owned copy, cut into lines */
    const char **name; /* [classes]; [0] is "" */
    size_t classes;
    wt_context *ctx;
} wt_ctc_table;
/* WT_EFORMAT when the lines do not make `classes` classes. */
wt_status wt_ctc_table_open(wt_ctc_table *out, wt_context *ctx, const char *character, size_t classes, wt_err *err);
void wt_ctc_table_close(wt_ctc_table *table); /* a zeroed one is fine */

/* scores: [steps, classes] row-major. Best class of each step, repeats merged, blanks dropped; appended to out. False
 * when a step has no finite best (NaN). */
bool wt_ctc_greedy(const wt_ctc_table *table, const float *scores, size_t steps, struct wt_buf *out);

/* Levenshtein distance in code points of two UTF-8 texts; *length: code points of b. */
wt_status wt_edit_distance(wt_context *ctx, const char *a, const char *b, size_t *distance, size_t *length,
                           wt_err *err);
#endif
