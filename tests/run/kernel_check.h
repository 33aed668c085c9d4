/* kernel_check.h - every row of every kernel table against a plain computation in double precision.
 *
 * A suite makes cases of one operator and their true results. Each case goes through every row of the tables that the
 * machine can run and that accepts it, with 1, 2 and 3 threads. Every buffer ends (or, every other case, begins) at a
 * page that may not be touched, outputs are full of junk before, results must be the same bits for any number of
 * threads, and within the case's bound: |got - want| <= bound, 0 for integers. Rows that no case reached are counted
 * and named. */
#ifndef WT_KERNEL_CHECK_H
#define WT_KERNEL_CHECK_H
#include "run/kernel.h"

enum { KC_MAX_IN = 10, KC_MAX_OUT = 3, KC_MAX_ATTR = 32, KC_MAX_BLOCKS = 64 };

typedef struct kc_block {
    void *map; /* NULL: malloc'ed `data` */
    size_t bytes;
    void *data;
} kc_block;

typedef struct kc_case {
    wt_opcode op;
    char text[160]; /* what it is, for messages */
    wt_attr attrs[KC_MAX_ATTR];
    size_t n_attrs;
    wt_tensor in[KC_MAX_IN], out[KC_MAX_OUT];
    bool has_in[KC_MAX_IN], constant[KC_MAX_IN];
    size_t n_in, n_out;
    double *want, *bound; /* of out[0], in logical order */
    bool low;             /* buffers begin at the guard page */
    kc_block blocks[KC_MAX_BLOCKS];
    size_t n_blocks;
} kc_case;

/* --- random numbers ------------------------------------------------------------------------------------------ */
typedef struct kc_random {
    uint64_t state;
} kc_random;
uint32_t kc_next(kc_random *r);
int kc_range(kc_random *r, int lo, int hi); /* lo..hi inclusive */
float kc_uniform(kc_random *r, float lo, float hi);

/* --- making cases -------------------------------------------------------------------------------------------- */
void *kc_alloc(kc_case *c, size_t bytes);                 /* zeroed, freed with the case */
void *kc_guarded(kc_case *c, size_t bytes, size_t align); /* next to a guard page */
/* Input i with random values (floats in [-1, 1], integers over their range); plain C16 conversion included. */
void kc_input(kc_case *c, size_t i, wt_dtype t, wt_layout layout, bool constant, kc_random *r, int rank,
              const int64_t *dims);
void kc_output(kc_case *c, size_t i, wt_dtype t, wt_layout layout, int rank, const int64_t *dims);
void kc_attr_int(kc_case *c, const char *name, int64_t v);
void kc_attr_float(kc_case *c, const char *name, float v);
void kc_attr_string(kc_case *c, const char *name, const char *v);
void kc_attr_ints(kc_case *c, const char *name, size_t n, const int64_t *v);
void kc_attr_floats(kc_case *c, const char *name, size_t n, const float *v);
/* Room for want and bound (zeroed), n elements. */
void kc_expect(kc_case *c, size_t n);
void kc_free(kc_case *c);
size_t kc_count(const wt_tensor *t);
/* Element of a tensor (F32, I32, U8, I8) by logical position, whatever its layout. */
size_t kc_position(const wt_tensor *t, size_t logical);
double kc_get(const wt_tensor *t, size_t logical);
void kc_set(wt_tensor *t, size_t logical, double v);
double kc_act(wt_act_params a, double x);

/* --- running them -------------------------------------------------------------------------------------------- */
/* Fills the (zeroed) case number `index`; false when there are no more. */
typedef bool kc_make(kc_case *c, size_t index, kc_random *r);
typedef struct kc_suite {
    const char *name;
    kc_make *make;
} kc_suite;

typedef struct kc_totals {
    size_t cases, runs, failures;
} kc_totals;
/* All cases through all rows of `tables` that the machine runs; `need` narrows to rows that need these flags (0: all).
 * Complaints go to stderr, at most a few for each row. */
void kc_run_suite(const kc_suite *suite, const wt_kernel *const *tables, kc_totals *totals);
/* Rows of the tables by whether a case reached them since the start of the program. */
size_t kc_rows_reached(const wt_kernel *k);
#endif
