/* pair.h - two models fed with the same inputs: which input and which output of one is which of the other.
 *
 * Names decide. Where they differ (a converter renamed them), the position does, if the counts are equal. An input
 * whose element type differs (halves instead of floats) is converted. */
#ifndef WT_PAIR_H
#define WT_PAIR_H
#include "model/graph.h"

typedef struct wt_pair {
    const wt_graph *a, *b;
    size_t *input;      /* of b's input i: a's, SIZE_MAX: it keeps its default */
    size_t *output;     /* of a's output i: b's */
    wt_tensor *tensors; /* b's inputs for the sample at hand */
    void **converted;   /* owned data of those whose type differs */
    size_t *cap;
} wt_pair;

/* Borrows both graphs until wt_pair_close. WT_EUSAGE names what one has and the other lacks. */
wt_status wt_pair_open(wt_pair *out, const wt_graph *a, const wt_graph *b, wt_err *err);
void wt_pair_close(wt_pair *pair); /* a zeroed one is fine */
/* b's inputs for a's; borrowed until the next call and as long as a's. */
wt_status wt_pair_inputs(wt_pair *pair, const wt_tensor *a_inputs, const wt_tensor **b_inputs, wt_err *err);
#endif
