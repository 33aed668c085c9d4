/* token_scores.c - see token_scores.h. */
#include "measure/language/token_scores.h"
#include <math.h>

wt_soft wt_soften(const float *logits, size_t vocab)
{
    wt_soft s = { .top = logits[0], .finite = true };
    for (size_t i = 1; i < vocab; i++)
        if (logits[i] > s.top) {
            s.top = logits[i];
            s.best = (int32_t)i;
        }
    double sum = 0;
    for (size_t i = 0; i < vocab; i += 256) { /* short float sums, added up in double */
        const size_t end = i + 256 < vocab ? i + 256 : vocab;
        float part = 0;
        for (size_t j = i; j < end; j++)
            part += expf(logits[j] - s.top);
        sum += part;
    }
    s.log_sum = s.top + log(sum);
    s.finite = isfinite(s.log_sum);
    return s;
}

double wt_ref_divergence(const wt_ref_row *row, const float *logits, const wt_soft *soft)
{
    double sum = 0, rest = 1;
    for (uint32_t i = 0; i < row->n; i++) {
        const double q = logits[row->token[i]] - soft->log_sum, p = row->log_p[i];
        sum += exp(p) * (p - q);
        rest -= exp(q);
    }
    if (row->tail > 0) {
        const double tail = row->tail, other = rest > 1e-12 ? rest : 1e-12;
        sum += tail * (log(tail) - log(other));
    }
    return sum > 0 ? sum : 0; /* below zero only by rounding */
}
