/* unary.h - functions of one value: the loops, and the table that the row uses. */
#ifndef WT_REF_UNARY_H
#define WT_REF_UNARY_H
#include "run/kernels/ref/walk.h"

typedef struct wt_unary_args {
    float a, b;
} wt_unary_args;
/* y[i] = f(x[i]), i < n; y may be x. */
typedef void wt_unary_fn(const void *x, void *y, size_t n, const wt_unary_args *args);

typedef struct wt_unary_def {
    wt_opcode op;
    wt_unary_fn *f32, *f64;      /* NULL: not for floats */
    const char *a_name, *b_name; /* attributes, NULL: none */
    float a, b;                  /* their defaults */
    bool keeps_zero;             /* f(0) == 0: padding lanes stay as they are */
} wt_unary_def;
extern const wt_unary_def wt_unary_defs[]; /* op == WT_OP_UNKNOWN ends */
/* Integer and bool forms; NULL: there is none. */
wt_unary_fn *wt_unary_int(wt_opcode op, wt_dtype dtype);
#endif
