/* matmul.c - rules of MatMul, Gemm, Einsum and the internal Linear and Reorder. */
#include "model/shape/shape.h"
#include <inttypes.h>

wt_status wt_infer_matmul(wt_infer *c, wt_err *err)
{
    wt_shape s;
    WT_TRY(wt_rule_need_same_dtype(c, 0, 1, err));
    WT_TRY(wt_rule_matmul(c->op_type, wt_rule_shape(c, 0), wt_rule_shape(c, 1), &s, err));
    if (s.rank > WT_MAX_RANK)
        return wt_infer_bad(c, err, "the result would have %d dimensions, at most %d can be handled", s.rank,
                            WT_MAX_RANK);
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

wt_status wt_infer_gemm(wt_infer *c, wt_err *err)
{
    const wt_tensor *a = wt_rule_in(c, 0), *b = wt_rule_in(c, 1);
    const int ta = wt_attr_int(c->attrs, "transA", 0) != 0, tb = wt_attr_int(c->attrs, "transB", 0) != 0;
    wt_shape s = wt_rule_unknown(2), both;
    WT_TRY(wt_rule_need_rank(c, 0, 2, 2, err));
    WT_TRY(wt_rule_need_rank(c, 1, 2, 2, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 1, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 2, err));
    const int64_t ka = wt_rule_dim(a, ta ? 0 : 1), kb = wt_rule_dim(b, tb ? 1 : 0);
    if (ka >= 0 && kb >= 0 && ka != kb)
        return wt_infer_bad(c, err, "inner dimensions differ: %" PRId64 " and %" PRId64, ka, kb);
    s.dim[0] = wt_rule_dim(a, ta ? 1 : 0);
    s.dim[1] = wt_rule_dim(b, tb ? 0 : 1);
    if (wt_rule_in(c, 2)) {
        const wt_shape *bias = wt_rule_shape(c, 2);
        WT_TRY(wt_shape_broadcast(&s, bias, &both, err));
        if (bias->rank > 2 || (wt_shape_known(&both) && wt_shape_known(&s) && !wt_shape_equal(&both, &s)))
            return wt_infer_bad(c, err, "C does not broadcast to the %" PRId64 " x %" PRId64 " result", s.dim[0],
                                s.dim[1]);
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

/* --- Einsum
 * ------------------------------------------------------------------------------------------------------------- */
#define UNSET INT64_MIN /* no operand has shown the length of this label yet */
enum {
    ELLIPSIS_FIRST = 52
}; /* labels 0..51 are letters, the rest are the dims an ellipsis stands for, right-aligned */

static int letter_label(char ch)
{
    return ch >= 'a' && ch <= 'z' ? ch - 'a' : ch >= 'A' && ch <= 'Z' ? 26 + ch - 'A' : -1;
}

/* One term up to its end: labels, and where an ellipsis stands (-1: nowhere). */
static wt_status read_term(const wt_infer *c, const char **p, const char *end, int *labels, int *n, int *ellipsis,
                           wt_err *err)
{
    *n = 0;
    *ellipsis = -1;
    for (; *p < end && **p != ',' && **p != '-'; ++*p) {
        if (**p == ' ')
            continue;
        if (**p == '.') {
            if (*ellipsis >= 0 || end - *p < 3 || (*p)[1] != '.' || (*p)[2] != '.')
                return wt_infer_bad(c, err, "the equation has a stray dot");
            *ellipsis = *n;
            *p += 2;
            continue;
        }
        const int label = letter_label(**p);
        if (label < 0)
            return wt_infer_bad(c, err, "the equation contains '%c', expected letters",
                                (unsigned char)**p < 32 ? '?' : **p);
        if (*n == WT_MAX_RANK)
            return wt_infer_bad(c, err, "a term of the equation has more than %d labels", WT_MAX_RANK);
        labels[(*n)++] = label;
    }
    return WT_OK;
}

/* Puts `extra` ellipsis labels at position `at`. */
static void spread(int *labels, int *n, int at, int extra)
{
    memmove(labels + at + extra, labels + at, (size_t)(*n - at) * sizeof *labels);
    for (int k = 0; k < extra; k++)
        labels[at + k] = ELLIPSIS_FIRST + (WT_MAX_RANK - extra + k);
    *n += extra;
}

static wt_status operand_dims(const wt_infer *c, size_t i, wt_einsum *e, wt_err *err)
{
    for (int k = 0; k < e->n_in[i]; k++) {
        const int64_t d = c->in[i]->shape.dim[k];
        int64_t *dim = &e->dim[e->in[i][k]];
        if (*dim == UNSET || *dim == d || *dim == 1 || (d >= 0 && *dim < 0 && d != 1))
            *dim = *dim == 1 && d < 0 ? WT_DIM_ANY : d;
        else if (*dim >= 0 && d >= 0 && d != 1)
            return wt_infer_bad(
                c, err, "dimension %d of input %zu is %" PRId64 ", the same label stands for %" PRId64 " elsewhere", k,
                i, d, *dim);
    }
    return WT_OK;
}

/* Without "->": the ellipsis, then the labels that occur once, in alphabetical order. */
static void implicit_output(wt_einsum *e, size_t n_in, int widest)
{
    int uses[WT_EINSUM_LABELS] = { 0 };
    static const char order[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (size_t i = 0; i < n_in; i++)
        for (int k = 0; k < e->n_in[i]; k++)
            uses[e->in[i][k]]++;
    e->n_out = 0;
    for (int k = 0; k < widest && e->n_out < WT_MAX_RANK; k++)
        e->out[e->n_out++] = ELLIPSIS_FIRST + WT_MAX_RANK - widest + k;
    for (const char *ch = order; *ch; ch++)
        if (uses[letter_label(*ch)] == 1 && e->n_out < WT_MAX_RANK)
            e->out[e->n_out++] = letter_label(*ch);
}

/* The term behind "->". */
static wt_status explicit_output(const wt_infer *c, const char *p, const char *end, wt_einsum *e, int widest,
                                 wt_err *err)
{
    int at;
    unsigned seen_low = 0, seen_high = 0;
    if (end - p < 2 || p[0] != '-' || p[1] != '>')
        return wt_infer_bad(c, err, "the equation has a '-' without '>'");
    p += 2;
    WT_TRY(read_term(c, &p, end, e->out, &e->n_out, &at, err));
    if (p != end)
        return wt_infer_bad(c, err, "the equation goes on behind its output");
    for (int k = 0; k < e->n_out; k++) {
        unsigned *seen = e->out[k] < 26 ? &seen_low : &seen_high;
        const unsigned bit = 1u << (e->out[k] % 26);
        if (*seen & bit)
            return wt_infer_bad(c, err, "the output of the equation repeats a label");
        *seen |= bit;
    }
    if (at >= 0 && e->n_out + widest > WT_MAX_RANK)
        return wt_infer_bad(c, err, "the output would have %d dimensions, at most %d can be handled", e->n_out + widest,
                            WT_MAX_RANK);
    if (at >= 0)
        spread(e->out, &e->n_out, at, widest);
    return WT_OK;
}

wt_status wt_einsum_read(const wt_infer *c, wt_einsum *e, wt_err *err)
{
    const wt_attr *a = wt_attr_find(c->attrs, "equation");
    int at, widest = 0;
    if (!a || a->type != WT_ATTR_STRING)
        return wt_infer_bad(c, err, "attribute equation is missing");
    if (c->n_in > WT_EINSUM_MAX_IN)
        return wt_infer_bad(c, err, "%zu operands, at most %d can be handled", c->n_in, WT_EINSUM_MAX_IN);
    const char *p = a->v.s.data, *end = p + a->v.s.len;
    *e = (wt_einsum){ .n_labels = WT_EINSUM_LABELS };
    for (int k = 0; k < WT_EINSUM_LABELS; k++)
        e->dim[k] = UNSET;
    for (size_t i = 0; i < c->n_in; i++) {
        WT_TRY(read_term(c, &p, end, e->in[i], &e->n_in[i], &at, err));
        const int rank = wt_rule_shape(c, i)->rank, extra = rank - e->n_in[i];
        if (!c->in[i] || rank < 0 || extra < 0 || (extra > 0 && at < 0))
            return wt_infer_bad(c, err, "term %zu of the equation has %d labels, the input has %d dimensions", i,
                                e->n_in[i], rank);
        if (at >= 0)
            spread(e->in[i], &e->n_in[i], at, extra);
        widest = at >= 0 && extra > widest ? extra : widest;
        WT_TRY(operand_dims(c, i, e, err));
        if (i + 1 < c->n_in && (p >= end || *p++ != ','))
            return wt_infer_bad(c, err, "the equation has %zu terms for %zu inputs", i + 1, c->n_in);
    }
    if (p < end && *p == ',')
        return wt_infer_bad(c, err, "the equation has more terms than the %zu inputs", c->n_in);
    if (p < end)
        WT_TRY(explicit_output(c, p, end, e, widest, err));
    else
        implicit_output(e, c->n_in, widest);
    for (int k = 0; k < e->n_out; k++) {
        bool known = false;
        for (size_t i = 0; i < c->n_in; i++)
            for (int m = 0; m < e->n_in[i]; m++)
                known |= e->in[i][m] == e->out[k];
        if (!known)
            return wt_infer_bad(c, err, "a label of the output occurs in no input");
    }
    return WT_OK;
}

wt_status wt_infer_einsum(wt_infer *c, wt_err *err)
{
    wt_shape s = wt_rule_unknown(-1);
    wt_einsum e;
    for (size_t i = 0; i < c->n_in; i++) {
        WT_TRY(wt_rule_need_same_dtype(c, 0, i, err));
        if (wt_rule_shape(c, i)->rank < 0)
            return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
    }
    WT_TRY(wt_einsum_read(c, &e, err));
    s = wt_rule_unknown(e.n_out);
    for (int k = 0; k < e.n_out; k++)
        s.dim[k] = e.dim[e.out[k]];
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}
