/* equivalence.h - do two models answer alike? Outputs of both, sample after sample, in constant memory.
 *
 * One number over all outputs lies: a detector's class scores can be exactly 0 at 33 dB overall. So each output is
 * judged by itself, and so is each of its channels: one that the reference moves and the candidate does not is erased,
 * and no other figure makes up for it. */
#ifndef WT_EQUIVALENCE_H
#define WT_EQUIVALENCE_H
#include <jansson.h>
#include "model/tensor.h"

/* What an output must reach; NaN: not asked. */
typedef struct wt_equiv_thresholds {
    double min_sqnr_db, min_cosine, min_agreement, max_kld;
} wt_equiv_thresholds;
/* Defaults by precision class: "fp32", "fp16", "int8", "int4" (anything else counts as int8). */
wt_equiv_thresholds wt_equiv_defaults(const char *precision);

typedef struct wt_equiv wt_equiv;
/* names and types of n outputs (free dims negative); copied. */
wt_status wt_equiv_open(wt_equiv **out, wt_context *ctx, const char *const *names, const wt_tensor *types, size_t n,
                        wt_err *err);
void wt_equiv_close(wt_equiv *e); /* NULL is fine */
/* One sample. Element types may differ, shapes must be equal (WT_EFORMAT names the output). Tensors in WT_PLAIN layout.
 */
wt_status wt_equiv_add(wt_equiv *e, const wt_tensor *reference, const wt_tensor *candidate, wt_err *err);

enum { WT_EQUIV_WORST = 8, WT_EQUIV_ERASED = 32 };
typedef struct wt_equiv_output {
    const char *name;
    uint64_t elements;
    double sqnr_db; /* -200..200; 200 stands for exact */
    double cosine;
    double max_abs, max_rel; /* max_rel: against |reference|, at least 1e-5 of its maximum */
    double agreement;        /* share of positions whose highest score is the same; NaN: there is no axis of scores */
    double kld, kld_max;     /* mean and most over positions, in nats; NaN as above */
    uint64_t nonfinite;      /* elements where one is NaN or infinite and the other is not the same */
    int axis;                /* of the channels; -1: none */
    int64_t channels;
    int64_t worst[WT_EQUIV_WORST]; /* channels by rising SQNR */
    double worst_sqnr_db[WT_EQUIV_WORST];
    size_t n_worst;
    int64_t erased[WT_EQUIV_ERASED]; /* the first of them */
    size_t n_erased;                 /* how many in all */
    bool passed;
    const char *failed; /* the first threshold missed: "sqnr_db", "erased", "nonfinite", ...; NULL */
} wt_equiv_output;
size_t wt_equiv_count(const wt_equiv *e);
uint64_t wt_equiv_samples(const wt_equiv *e);
/* Figures of output i so far, judged by the thresholds (NULL: all pass but erased channels and NaN). */
void wt_equiv_result(const wt_equiv *e, size_t i, const wt_equiv_thresholds *thresholds, wt_equiv_output *out);
json_t *wt_equiv_output_json(const wt_equiv_output *o); /* NULL: no memory */

/* 10 log10(signal / noise), held within -200..200. */
double wt_sqnr_db(double signal, double noise);
/* The axis along which scores compete or features lie: 1 or the last; -1 for scalars. Free dims are no such axis. */
int wt_channel_axis(const wt_shape *type, const wt_shape *actual);
#endif
