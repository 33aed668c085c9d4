/* binary.h - functions of two values over broadcast operands: the loop, and the machinery that drives it. */
#ifndef WT_REF_BINARY_H
#define WT_REF_BINARY_H
#include "run/kernels/ref/walk.h"

/* y[i] = f(a[i * sa], b[i * sb]), i < n; sa and sb are 0 or 1; y may be a, or b where its step is 1. */
typedef void wt_binary_fn(const void *a, size_t sa, const void *b, size_t sb, void *y, size_t n);

/* Defines one such loop. `a` and `b` are the operands in `expression`. The three forms that occur are spelled out, so
 * that each becomes plain vector code. */
#define WT_BINARY_LOOP(name, ti, to, expression)                                                                       \
    static void name(const void *va, size_t sa, const void *vb, size_t sb, void *vy, size_t n)                         \
    {                                                                                                                  \
        const ti *pa = va, *pb = vb;                                                                                   \
        to *py = vy;                                                                                                   \
        if (sa && sb) {                                                                                                \
            WT_IVDEP                                                                                                   \
            for (size_t i = 0; i < n; i++) {                                                                           \
                const ti a = pa[i], b = pb[i];                                                                         \
                py[i] = (to)(expression);                                                                              \
            }                                                                                                          \
        } else if (sb) {                                                                                               \
            const ti a = pa[0];                                                                                        \
            WT_IVDEP                                                                                                   \
            for (size_t i = 0; i < n; i++) {                                                                           \
                const ti b = pb[i];                                                                                    \
                py[i] = (to)(expression);                                                                              \
            }                                                                                                          \
        } else {                                                                                                       \
            const ti b = pb[0];                                                                                        \
            WT_IVDEP                                                                                                   \
            for (size_t i = 0; i < n; i++) {                                                                           \
                const ti a = pa[i * sa];                                                                               \
                py[i] = (to)(expression);                                                                              \
            }                                                                                                          \
        }                                                                                                              \
    }

typedef struct wt_binary {
    wt_binary_fn *fn;
    wt_dtype half; /* F16 or BF16 operands: fn works on floats */
    bool half_out; /* ... and its result is stored as such (else fn's own type: comparisons) */
    size_t in_elem, out_elem;
    wt_walk walk;
    wt_c16_pad pad;
    size_t channel[2]; /* bytes of a padded copy of a per-channel operand, per member */
} wt_binary;

/* The tables of a family of operators: the loop for an operator and an element type, NULL if there is none. Halves ask
 * for F32. */
typedef wt_binary_fn *wt_binary_pick(const wt_prep *p, wt_dtype dtype);
/* What accepts() of every family says: both operands of one type that has a loop, result of type `out` (NONE: the
 * same). */
bool wt_binary_accepts(const wt_prep *p, wt_binary_pick *pick, wt_dtype out);
wt_status wt_binary_prepare(wt_prep *p, wt_binary_pick *pick, wt_err *err);
void wt_binary_init(wt_binary *q, wt_binary_fn *fn, const wt_tensor *a, const wt_tensor *b, const wt_tensor *out);
/* Elements [begin, end) of the output. channel[i]: the operands' data, or their padded copies. */
void wt_binary_range(const wt_binary *q, const void *a, const void *b, void *y, size_t begin, size_t end);
wt_status wt_binary_run(const wt_run *r, wt_err *err);
/* The loop that folds with Max, Min, Mul, or (any other operator) addition; NULL: not for this type. */
wt_binary_fn *wt_binary_fold(wt_opcode op, wt_dtype dtype);
#endif
