/* statistics.c - percentiles, bootstrap, McNemar, Wilson.
 *
 * The bootstrap draws samples with replacement, by a seeded generator, as often as is affordable: 2000 times for the
 * sizes one meets, fewer above 25,000 samples, where the interval needs no more to be steady. */
#include "measure/statistics.h"
#include "base/hash.h"
#include "base/json.h"
#include <math.h>
#include <stdlib.h>

enum { DRAWS = 2000, MIN_DRAWS = 200, MEDIAN_DRAWS = 1000, RANK_FROM = 2000, SET_OF_DRAWS = 50000000 };

static size_t draws_for(size_t n)
{
    const size_t most = SET_OF_DRAWS / (n ? n : 1);
    return most > DRAWS ? DRAWS : most < MIN_DRAWS ? MIN_DRAWS : most;
}

static size_t pick(uint64_t *state, size_t n) { return (size_t)(wt_random_unit(state) * (double)n); }

static int double_cmp(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double wt_percentile(const double *sorted, size_t n, double p)
{
    if (n == 0)
        return NAN;
    const double at = p * (double)(n - 1);
    const size_t lo = (size_t)at;
    return lo + 1 < n ? sorted[lo] + (at - (double)lo) * (sorted[lo + 1] - sorted[lo]) : sorted[n - 1];
}

static void interval_of(double *values, size_t n, double ci95[2])
{
    qsort(values, n, sizeof *values, double_cmp);
    ci95[0] = wt_percentile(values, n, 0.025);
    ci95[1] = wt_percentile(values, n, 0.975);
}

/* --- one quantity
 * ------------------------------------------------------------------------------------------------------------- */

/* Median of the sorted values v at n drawn ranks: counting how often each rank was drawn avoids sorting each draw. */
static double drawn_median(const double *v, size_t n, uint32_t *count, uint64_t *state)
{
    memset(count, 0, n * sizeof *count);
    for (size_t i = 0; i < n; i++)
        count[pick(state, n)]++;
    const size_t lo = (n - 1) / 2, hi = n / 2;
    size_t seen = 0;
    double low = 0;
    bool have_low = false;
    for (size_t i = 0; i < n; i++) {
        seen += count[i];
        if (!have_low && seen > lo) {
            low = v[i];
            have_low = true;
        }
        if (seen > hi)
            return (low + v[i]) / 2;
    }
    return low;
}

static wt_status median_interval(wt_context *ctx, const double *v, size_t n, uint64_t seed, double ci95[2], wt_err *err)
{
    if (n > RANK_FROM) {
        const double half = 1.959964 * sqrt((double)n) / 2, mid = (double)(n - 1) / 2;
        ci95[0] = wt_percentile(v, n, (mid - half) / (double)(n - 1));
        ci95[1] = wt_percentile(v, n, (mid + half) / (double)(n - 1));
        return WT_OK;
    }
    uint32_t *count = wt_alloc_raw(ctx, n, sizeof *count, err);
    double *medians = count ? wt_alloc_raw(ctx, MEDIAN_DRAWS, sizeof *medians, err) : NULL;
    if (medians) {
        for (size_t k = 0; k < MEDIAN_DRAWS; k++)
            medians[k] = drawn_median(v, n, count, &seed);
        interval_of(medians, MEDIAN_DRAWS, ci95);
    }
    wt_free(ctx, count);
    wt_free(ctx, medians);
    return medians ? WT_OK : WT_ENOMEM;
}

wt_status wt_summarize(wt_context *ctx, double *v, size_t n, uint64_t seed, wt_summary *out, wt_err *err)
{
    memset(out, 0, sizeof *out);
    if (n == 0)
        return wt_fail(err, WT_EUSAGE, "nothing was measured");
    qsort(v, n, sizeof *v, double_cmp);
    double sum = 0, square = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    out->mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (v[i] - out->mean) * (v[i] - out->mean);
    out->stddev = n > 1 ? sqrt(square / (double)(n - 1)) : 0;
    out->p50 = wt_percentile(v, n, 0.5);
    out->p95 = wt_percentile(v, n, 0.95);
    out->p99 = wt_percentile(v, n, 0.99);
    out->runs = n;
    return median_interval(ctx, v, n, seed, out->ci95, err);
}

static json_t *pair_json(const double v[2])
{
    json_t *a = json_array();
    if (!a || json_array_append_new(a, wt_json_real(v[0])) || json_array_append_new(a, wt_json_real(v[1]))) {
        json_decref(a);
        return NULL;
    }
    return a;
}

json_t *wt_summary_json(const wt_summary *s)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:I}", "p50", wt_json_real(s->p50), "p95", wt_json_real(s->p95), "p99",
                     wt_json_real(s->p99), "mean", wt_json_real(s->mean), "stddev", wt_json_real(s->stddev), "ci95",
                     pair_json(s->ci95), "runs", (json_int_t)s->runs);
}

/* Interleaved A/B: pairs are drawn together, so a slow spell of the machine that hit both does not widen the interval.
 */
wt_status wt_ratio_of_medians(wt_context *ctx, const double *a, const double *b, size_t n, uint64_t seed, double *ratio,
                              double ci95[2], wt_err *err)
{
    *ratio = NAN;
    ci95[0] = ci95[1] = NAN;
    if (n == 0)
        return wt_fail(err, WT_EUSAGE, "nothing was measured");
    double *x = wt_alloc_raw(ctx, n * 2, sizeof *x, err), *y = x ? x + n : NULL;
    double *ratios = x ? wt_alloc_raw(ctx, MEDIAN_DRAWS, sizeof *ratios, err) : NULL;
    if (!ratios) {
        wt_free(ctx, x);
        return WT_ENOMEM;
    }
    const size_t draws = draws_for(n) < MEDIAN_DRAWS ? draws_for(n) : MEDIAN_DRAWS;
    for (size_t k = 0; k <= draws; k++) { /* the 0th is the data itself */
        for (size_t i = 0; i < n; i++) {
            const size_t from = k ? pick(&seed, n) : i;
            x[i] = a[from];
            y[i] = b[from];
        }
        qsort(x, n, sizeof *x, double_cmp);
        qsort(y, n, sizeof *y, double_cmp);
        const double r = wt_percentile(y, n, 0.5) / wt_percentile(x, n, 0.5);
        if (k == 0)
            *ratio = r;
        else
            ratios[k - 1] = r;
    }
    interval_of(ratios, draws, ci95);
    wt_free(ctx, ratios);
    wt_free(ctx, x);
    return WT_OK;
}

/* --- scores
 * ---------------------------------------------------------------------------------------------------------------------
 */

void wt_scores_init(wt_scores *s, wt_context *ctx) { *s = (wt_scores){ .ctx = ctx }; }

void wt_scores_free(wt_scores *s)
{
    if (s->ctx) {
        wt_free(s->ctx, s->gain);
        wt_free(s->ctx, s->weight);
    }
    *s = (wt_scores){ .ctx = s->ctx };
}

wt_status wt_scores_add(wt_scores *s, double gain, double weight, wt_err *err)
{
    void *g = s->gain, *w = s->weight;
    wt_status st = wt_grow(s->ctx, &g, &s->cap_gain, s->n + 1, sizeof(float), err);
    s->gain = g;
    if (st == WT_OK)
        st = wt_grow(s->ctx, &w, &s->cap_weight, s->n + 1, sizeof(float), err);
    s->weight = w;
    if (st != WT_OK)
        return st;
    s->gain[s->n] = (float)gain;
    s->weight[s->n++] = (float)weight;
    s->sum_gain += gain;
    s->sum_weight += weight;
    return WT_OK;
}

static double ratio_or_nan(double a, double b) { return b != 0 ? a / b : NAN; }

void wt_scores_interval(const wt_scores *s, uint64_t seed, double ci95[2])
{
    double values[DRAWS];
    const size_t draws = draws_for(s->n);
    size_t kept = 0;
    ci95[0] = ci95[1] = NAN;
    for (size_t k = 0; k < draws && s->n; k++) {
        double gain = 0, weight = 0;
        for (size_t i = 0; i < s->n; i++) {
            const size_t at = pick(&seed, s->n);
            gain += s->gain[at];
            weight += s->weight[at];
        }
        if (weight != 0)
            values[kept++] = gain / weight;
    }
    if (kept)
        interval_of(values, kept, ci95);
}

static bool all_right_or_wrong(const wt_scores *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->weight[i] != 1 || (s->gain[i] != 0 && s->gain[i] != 1))
            return false;
    return true;
}

typedef struct drawn {
    double difference[DRAWS], ratio[DRAWS];
    size_t n, n_ratio, below, above;
} drawn;

static void draw_pairs(const wt_scores *a, const wt_scores *b, uint64_t seed, drawn *d)
{
    const size_t draws = draws_for(a->n);
    for (size_t k = 0; k < draws; k++) {
        double ga = 0, wa = 0, gb = 0, wb = 0;
        for (size_t i = 0; i < a->n; i++) {
            const size_t at = pick(&seed, a->n);
            ga += a->gain[at];
            wa += a->weight[at];
            gb += b->gain[at];
            wb += b->weight[at];
        }
        if (wa == 0 || wb == 0)
            continue;
        const double x = ga / wa, y = gb / wb;
        d->difference[d->n++] = y - x;
        d->below += y - x <= 0;
        d->above += y - x >= 0;
        if (x != 0)
            d->ratio[d->n_ratio++] = y / x;
    }
}

wt_status wt_scores_compare(const wt_scores *a, const wt_scores *b, uint64_t seed, wt_paired *out, wt_err *err)
{
    *out = (wt_paired){ .difference_ci95 = { NAN, NAN }, .ratio_ci95 = { NAN, NAN }, .p_value = 1 };
    if (a->n != b->n || a->n == 0)
        return wt_fail(err, WT_EUSAGE, "scores of %zu and of %zu samples cannot be paired", a->n, b->n);
    drawn *d = wt_alloc(a->ctx, 1, sizeof *d, err);
    if (!d)
        return WT_ENOMEM;
    const double x = ratio_or_nan(a->sum_gain, a->sum_weight), y = ratio_or_nan(b->sum_gain, b->sum_weight);
    out->samples = a->n;
    out->difference = y - x;
    out->ratio = ratio_or_nan(y, x);
    draw_pairs(a, b, seed, d);
    if (d->n)
        interval_of(d->difference, d->n, out->difference_ci95);
    if (d->n_ratio)
        interval_of(d->ratio, d->n_ratio, out->ratio_ci95);
    out->test = "paired-bootstrap";
    if (d->n) { /* both tails, with the sample itself counted, so that it is never 0 */
        const double tail = (double)((d->below < d->above ? d->below : d->above) + 1) / (double)(d->n + 1);
        out->p_value = tail * 2 > 1 ? 1 : tail * 2;
    }
    wt_free(a->ctx, d);
    if (!all_right_or_wrong(a) || !all_right_or_wrong(b))
        return WT_OK;
    for (size_t i = 0; i < a->n; i++) {
        out->only_a += a->gain[i] > b->gain[i];
        out->only_b += b->gain[i] > a->gain[i];
    }
    out->test = "mcnemar";
    out->p_value = wt_mcnemar(out->only_a, out->only_b);
    return WT_OK;
}

json_t *wt_paired_json(const wt_paired *p)
{
    json_t *root = json_pack("{s:o,s:o,s:o,s:o,s:o,s:s,s:I}", "difference", wt_json_real(p->difference),
                             "difference_ci95", pair_json(p->difference_ci95), "ratio", wt_json_real(p->ratio),
                             "ratio_ci95", pair_json(p->ratio_ci95), "p_value", wt_json_real(p->p_value), "test",
                             p->test, "samples", (json_int_t)p->samples);
    if (root && !strcmp(p->test, "mcnemar")) {
        json_object_set_new(root, "only_reference", json_integer((json_int_t)p->only_a));
        json_object_set_new(root, "only_candidate", json_integer((json_int_t)p->only_b));
    }
    return root;
}

/* --- by formula
 * --------------------------------------------------------------------------------------------------------------------
 */

/* Under the hypothesis of no difference, the smaller count is binomial with 1/2; terms by their ratio, in logarithms so
 * that large counts do not underflow. */
double wt_mcnemar(uint64_t b, uint64_t c)
{
    const uint64_t n = b + c, k = b < c ? b : c;
    if (n == 0 || b == c)
        return 1;
    int sign; /* lgamma() itself would write a global */
    double log_term = lgamma_r((double)n + 1, &sign) - lgamma_r((double)k + 1, &sign) -
                      lgamma_r((double)(n - k) + 1, &sign) - (double)n * log(2.0);
    double sum = 0;
    const double largest = log_term; /* terms fall from k downwards */
    for (uint64_t i = k;; i--) {
        const double term = exp(log_term - largest);
        sum += term;
        if (i == 0 || term < sum * 1e-17)
            break;
        log_term += log((double)i) - log((double)(n - i + 1));
    }
    const double p = 2 * sum * exp(largest);
    return p > 1 ? 1 : p;
}

void wt_wilson(double successes, double n, double ci95[2])
{
    const double z = 1.959963984540054;
    ci95[0] = 0;
    ci95[1] = 1;
    if (!(n > 0))
        return;
    const double p = successes / n, d = 1 + z * z / n, mid = (p + z * z / (2 * n)) / d;
    const double half = z / d * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    ci95[0] = mid - half < 0 || successes == 0 ? 0 : mid - half;
    ci95[1] = mid + half > 1 || successes == n ? 1 : mid + half;
}
