/* statistics.h - what repeated measurements say, and how sure that is. Everything random is seeded. */
#ifndef WT_STATISTICS_H
#define WT_STATISTICS_H
#include <jansson.h>
#include "base/base.h"

/* --- one quantity, measured often
 * -------------------------------------------------------------------------------------- */
typedef struct wt_summary {
    double p50, p95, p99, mean, stddev;
    double ci95[2]; /* of p50: bootstrap, or from its rank above 2000 runs (which is the same there) */
    uint64_t runs;
} wt_summary;
/* n > 0 values; v is sorted in place. */
wt_status wt_summarize(wt_context *ctx, double *v, size_t n, uint64_t seed, wt_summary *out, wt_err *err);
json_t *wt_summary_json(const wt_summary *s); /* NULL: no memory */
/* Of sorted values; p in 0..1; linear between neighbours. */
double wt_percentile(const double *sorted, size_t n, double p);

/* --- scores of samples
 * --------------------------------------------------------------------------------------------------- */
/* Sample i counts gain[i] of weight[i]; the score of all is sum(gain) / sum(weight). */
typedef struct wt_scores {
    wt_context *ctx;
    float *gain, *weight;
    size_t n, cap_gain, cap_weight;
    double sum_gain, sum_weight; /* exact sums of what was added, not of its rounding to float */
} wt_scores;
void wt_scores_init(wt_scores *s, wt_context *ctx);
void wt_scores_free(wt_scores *s);
wt_status wt_scores_add(wt_scores *s, double gain, double weight, wt_err *err);
/* 95 % percentile bootstrap of the score over samples. */
void wt_scores_interval(const wt_scores *s, uint64_t seed, double ci95[2]);

typedef struct wt_paired {
    double difference; /* score of b minus score of a */
    double difference_ci95[2];
    double ratio; /* score of b over score of a; NaN when a's is 0 */
    double ratio_ci95[2];
    double p_value;   /* two-sided: of the difference being 0 */
    const char *test; /* "mcnemar" when every score is right or wrong, else "paired-bootstrap" */
    uint64_t samples;
    uint64_t only_a, only_b; /* samples right in one of the two (mcnemar) */
} wt_paired;
/* a and b scored the same samples in the same order. */
wt_status wt_scores_compare(const wt_scores *a, const wt_scores *b, uint64_t seed, wt_paired *out, wt_err *err);
json_t *wt_paired_json(const wt_paired *p);

/* --- tests and intervals by formula
 * ------------------------------------------------------------------------------------- */
/* Exact two-sided McNemar: b and c are the counts of the two kinds of disagreement. */
double wt_mcnemar(uint64_t b, uint64_t c);
/* 95 % Wilson score interval of a proportion. n == 0 gives 0..1. */
void wt_wilson(double successes, double n, double ci95[2]);
/* Interval and p-value of the ratio of two medians measured in pairs (interleaved A/B): bootstrap over pairs. */
wt_status wt_ratio_of_medians(wt_context *ctx, const double *a, const double *b, size_t n, uint64_t seed, double *ratio,
                              double ci95[2], wt_err *err);
#endif
