/* cast.c - Cast and CastLike: numbers through wt_convert (model/convert.c), and numbers from and to text.
 *
 * Text is written as ONNX asks: plain decimal for integers, the shortest text that reads back as the same float or
 * double, INF, -INF and NaN. Its bytes live in the run's own arena (wt_run.texts), so one thread writes them. */
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES = 32, GRAIN = 512 /* a multiple of every block length */ };

typedef struct cast_params {
    wt_dtype from, to;
    size_t total;
    bool saturate;
} cast_params;

static bool numeric(wt_dtype t) { return t != WT_DTYPE_NONE && t != WT_STRING && t != WT_C64 && t != WT_C128; }

static bool cast_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !p->out[0] || p->in[0]->layout != p->out[0]->layout)
        return false;
    const wt_dtype from = p->in[0]->dtype, to = p->out[0]->dtype;
    if (from == WT_STRING && to == WT_STRING)
        return p->in[0]->layout == WT_PLAIN;
    return (numeric(from) || from == WT_STRING) && (numeric(to) || to == WT_STRING);
}

static wt_status cast_prepare(wt_prep *p, wt_err *err)
{
    cast_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    *q = (cast_params){ .from = p->in[0]->dtype,
                        .to = p->out[0]->dtype,
                        .total = wt_physical_count(p->in[0]),
                        .saturate = wt_attr_int(p->attrs, "saturate", 1) != 0 };
    p->params = q;
    p->max_threads = q->to == WT_STRING ? 1 : wt_worth_threads(p, 2.0 * (double)q->total);
    return WT_OK;
}

/* The shortest decimal that reads back as the same value: how numpy prints scalars. */
static int print_real(char *out, double v, bool is_float)
{
    if (isnan(v))
        return snprintf(out, TEXT_BYTES, "NaN");
    if (isinf(v))
        return snprintf(out, TEXT_BYTES, v < 0 ? "-INF" : "INF");
    for (int digits = 1; digits < 17; digits++) {
        snprintf(out, TEXT_BYTES, "%.*g", digits, v);
        const bool same = is_float ? strtof(out, NULL) == (float)v : strtod(out, NULL) == v;
        if (same)
            return (int)strlen(out);
    }
    return snprintf(out, TEXT_BYTES, "%.17g", v);
}

static wt_status to_text(const cast_params *q, const wt_tensor *x, wt_string *y, wt_arena *texts, wt_err *err)
{
    if (!texts)
        return wt_fail(err, WT_EUNSUPPORTED, "Cast: there is no room for text in this run");
    char *text = wt_arena_alloc(texts, q->total, TEXT_BYTES, err);
    if (!text)
        return WT_ENOMEM;
    for (size_t i = 0; i < q->total; i++) {
        char *out = text + i * TEXT_BYTES;
        double v = 0;
        int64_t n = 0;
        int len;
        if (q->from == WT_BOOL)
            len = snprintf(out, TEXT_BYTES, "%s", ((const uint8_t *)x->data)[i] ? "True" : "False");
        else if (q->from == WT_U64)
            len = snprintf(out, TEXT_BYTES, "%" PRIu64, ((const uint64_t *)x->data)[i]);
        else if (!wt_dtype_is_float(q->from) && wt_tensor_int(x, (int64_t)i, &n))
            len = snprintf(out, TEXT_BYTES, "%" PRId64, n);
        else
            len = wt_tensor_double(x, (int64_t)i, &v) ? print_real(out, v, q->from != WT_F64) : 0;
        y[i] = (wt_string){ out, (size_t)len };
    }
    return WT_OK;
}

/* One number from text that is not NUL-terminated. Integers go through int64 where they look like one. */
static wt_status from_text(const cast_params *q, const wt_string *s, void *y, size_t i, wt_err *err)
{
    char text[64], *end = text;
    const size_t elem = wt_elem_bytes(q->to), len = s->len < sizeof text - 1 ? s->len : sizeof text - 1;
    if (len)
        memcpy(text, s->data, len);
    text[len] = 0;
    double v = strtod(text, &end);
    if (s->len >= sizeof text || end == text || *end)
        return wt_fail(err, WT_EFORMAT, "Cast: '%.40s' at position %zu is no number", text, i);
    if (!wt_dtype_is_float(q->to) && !strpbrk(text, ".eEnN")) {
        const int64_t n = strtoll(text, NULL, 10);
        return wt_convert(&n, WT_I64, (char *)y + i * elem, q->to, 1, q->saturate, err);
    }
    return wt_convert(&v, WT_F64, (char *)y + i * elem, q->to, 1, q->saturate, err);
}

static wt_status cast_run(const wt_run *r, wt_err *err)
{
    const cast_params *q = r->params;
    const wt_tensor *x = r->in[0];
    char *y = wt_tensor_mut(r->out[0]);
    size_t begin, end, from_at, to_at;
    wt_split(q->total, GRAIN, r->tid, r->nthreads, &begin, &end);
    if (begin == end)
        return WT_OK;
    if (q->from == WT_STRING && q->to == WT_STRING) {
        memcpy(y + begin * sizeof(wt_string), (const char *)x->data + begin * sizeof(wt_string),
               (end - begin) * sizeof(wt_string));
        return WT_OK;
    }
    if (q->to == WT_STRING)
        return r->tid ? WT_OK : to_text(q, x, (wt_string *)(void *)y, r->texts, err);
    for (size_t i = begin; q->from == WT_STRING && i < end; i++)
        WT_TRY(from_text(q, (const wt_string *)x->data + i, y, i, err));
    if (q->from == WT_STRING)
        return WT_OK;
    if (!wt_dtype_bytes(q->from, begin, &from_at) || !wt_dtype_bytes(q->to, begin, &to_at))
        return wt_fail(err, WT_EINTERNAL, "Cast: a part starts within a byte");
    return wt_convert((const char *)x->data + from_at, q->from, y + to_at, q->to, end - begin, q->saturate, err);
}

const wt_kernel wt_cast_rows[] = {
    { .name = "cast_ref", .op = WT_OP_CAST, .accepts = cast_accepts, .prepare = cast_prepare, .run = cast_run },
    { .name = "castlike_ref", .op = WT_OP_CASTLIKE, .accepts = cast_accepts, .prepare = cast_prepare, .run = cast_run },
    { .name = NULL },
};
