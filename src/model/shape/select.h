/* select.h - selections whose size only data decides, counted by the rules and carried out by the kernels.
 *
 * Both need the same walk over the data, so it lives here, below both: a rule that counted differently from its kernel
 * would be a buffer overrun. */
#ifndef WT_SELECT_H
#define WT_SELECT_H
#include "model/op.h"

/* Number of elements that are not zero (-0.0 is zero, NaN is not). Any plain numeric dtype, BOOL and STRING (not
 * empty). */
wt_status wt_nonzero_count(const wt_tensor *x, int64_t *count, wt_err *err);
bool wt_element_nonzero(const wt_tensor *x, int64_t i);
/* True values among the first `limit` of the condition; the rest must be false. */
wt_status wt_compress_count(const wt_infer *c, const wt_tensor *condition, int64_t limit, int64_t *count, wt_err *err);

/* --- Unique ----------------------------------------------------------------------------------------------------------
 */
typedef struct wt_unique {
    bool flat; /* no axis: elements of the flattened tensor */
    int axis;
    bool sorted; /* else in order of first occurrence */
} wt_unique;
wt_status wt_unique_read(const wt_infer *c, wt_unique *out, wt_err *err);
wt_status wt_unique_count(wt_context *ctx, const wt_unique *u, const wt_tensor *x, int64_t *count, wt_err *err);
/* order[0..n): the items (elements, or subtensors along the axis) sorted, equal ones by position. tmp has n entries. n
 * is the number of items. */
void wt_unique_sort(const wt_unique *u, const wt_tensor *x, int64_t *order, int64_t *tmp);
bool wt_unique_equal(const wt_unique *u, const wt_tensor *x, int64_t a, int64_t b);
int64_t wt_unique_items(const wt_unique *u, const wt_tensor *x);

/* --- NonMaxSuppression
 * ------------------------------------------------------------------------------------------------ */
typedef struct wt_nms {
    int64_t batches, classes, boxes; /* of boxes [batches, boxes, 4] and scores [batches, classes, boxes] */
    const float *box, *score;
    int64_t max_per_class;
    float iou, threshold;
    bool has_threshold, centered;
} wt_nms;
/* All inputs' data known. */
wt_status wt_nms_read(const wt_infer *c, wt_nms *out, wt_err *err);
/* Writes [batch, class, box] triples to out (NULL: only counts). work: 2 * n->boxes int64s. Returns the number
 * selected. */
int64_t wt_nms_select(const wt_nms *n, int64_t *work, int64_t *out);
#endif
