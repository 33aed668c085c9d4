/* ab_test.c - what a paired test of two models' scores says, in words.
 *
 * A difference that chance explains is no difference, and a test on few samples that finds none has not shown that
 * there is none: so the sentence carries the interval, too. */
#include "base/json.h"
#include "measure/evaluate.h"
#include <math.h>
#include <stdio.h>

static const double significant = 0.05;

/* Shares are compared in percentage points, everything else as it is. */
static bool is_share(const wt_metric_info *m) { return m->form != WT_METRIC_DECIBEL && m->label != WT_LABEL_VECTOR; }

static const char *p_text(double p, char *out, size_t size)
{
    if (p < 1e-4)
        snprintf(out, size, "p < 0.0001");
    else
        snprintf(out, size, p < 0.01 ? "p = %.4f" : "p = %.2f", p);
    return out;
}

static const char *interval_text(const wt_paired *p, const wt_metric_info *m, char *out, size_t size)
{
    if (is_share(m))
        snprintf(out, size, "%+.2f percentage points, 95 %% interval %+.2f to %+.2f", 100 * p->difference,
                 100 * p->difference_ci95[0], 100 * p->difference_ci95[1]);
    else
        snprintf(out, size, "%+.4g, 95 %% interval %+.4g to %+.4g", p->difference, p->difference_ci95[0],
                 p->difference_ci95[1]);
    return out;
}

/* Which of the two is better, as far as the test can tell. */
static const char *finding(const wt_paired *p, const wt_metric_info *m)
{
    if (!(p->p_value < significant))
        return "no significant difference";
    return (p->difference > 0) == (m->better > 0) ? "the candidate is significantly better"
                                                  : "the candidate is significantly worse";
}

const char *wt_ab_statement(const wt_paired *p, const wt_metric_info *m, char *out, size_t size)
{
    char pv[32], ci[128], flips[160] = "";
    const bool mcnemar = !strcmp(p->test, "mcnemar");
    if (mcnemar)
        snprintf(flips, sizeof flips, " %llu right in the baseline only, %llu in the candidate only;",
                 (unsigned long long)p->only_a, (unsigned long long)p->only_b);
    snprintf(out, size, "On %llu samples:%s %s in %s (%s; %s, %s).", (unsigned long long)p->samples, flips,
             finding(p, m), m->name, interval_text(p, m, ci, sizeof ci),
             mcnemar ? "exact McNemar test" : "paired bootstrap", p_text(p->p_value, pv, sizeof pv));
    return out;
}

json_t *wt_ab_json(const wt_paired *p, const wt_metric_info *m)
{
    char text[512];
    json_t *root = json_pack("{s:s, s:I, s:o, s:o, s:[o,o], s:o, s:[o,o], s:s}", "test", p->test, "n",
                             (json_int_t)p->samples, "p_value", wt_json_real(p->p_value), "difference",
                             wt_json_real(p->difference), "ci95", wt_json_real(p->difference_ci95[0]),
                             wt_json_real(p->difference_ci95[1]), "ratio", wt_json_real(p->ratio), "ratio_ci95",
                             wt_json_real(p->ratio_ci95[0]), wt_json_real(p->ratio_ci95[1]), "statement",
                             wt_ab_statement(p, m, text, sizeof text));
    if (root && !strcmp(p->test, "mcnemar")) {
        json_object_set_new(root, "baseline_only", json_integer((json_int_t)p->only_a));
        json_object_set_new(root, "candidate_only", json_integer((json_int_t)p->only_b));
    }
    return root;
}
