/* hf_packed_gptq.c - GPTQ and AWQ: matrices stored as [in, out], codes packed into words of 32 bits.
 *
 *     GPTQ  PATH.qweight [in * bits / 32, out]   a stream of bits down each column
 *           PATH.qzeros  [groups, out * bits / 32]   along the rows; less one, unless the format is gptq_v2
 *           PATH.scales  [groups, out]
 *           PATH.g_idx   [in]   the group of each column, where the order of activations chose them
 *     AWQ   PATH.qweight [in, out / 8]   eight columns a word, in the order 0 2 4 6 1 3 5 7
 *           PATH.qzeros  [groups, out / 8]   likewise
 *           PATH.scales  [groups, out] */
#include "hf_packed.h"
#include <stdio.h>

enum { MOST = 1 << 24 /* rows or columns of a matrix */ };

static wt_status common_config(wt_hf_packing *q, wt_err *err)
{
    WT_TRY(wt_hf_count(q, q->config, "bits|w_bit", 4, 2, 8, &q->bits, err));
    WT_TRY(wt_hf_count(q, q->config, "group_size|q_group_size", 128, -1, MOST, &q->group, err));
    if (q->group == 0)
        return wt_hf_refuse(q->m, WT_EFORMAT, "-1 says one group a row", err, "\"group_size\" is 0");
    q->group = q->group < 0 ? 0 : q->group;
    return WT_OK;
}

static wt_status gptq_config(wt_hf_packing *q, wt_err *err)
{
    const json_t *format = wt_hf_get(q->config, "checkpoint_format");
    const char *name = format ? json_string_value(format) : "gptq";
    WT_TRY(common_config(q, err));
    if (q->bits != 2 && q->bits != 3 && q->bits != 4 && q->bits != 8)
        return wt_hf_refuse(q->m, WT_EUNSUPPORTED, "2, 3, 4 and 8 bits are known", err, "GPTQ with %lld bits",
                            (long long)q->bits);
    if (!name || (strcmp(name, "gptq") != 0 && strcmp(name, "gptq_v2") != 0))
        return wt_hf_refuse(q->m, WT_EUNSUPPORTED, "gptq and gptq_v2 are known: save the model in one of these", err,
                            "the checkpoint format '%.40s' is not known", name ? name : "?");
    q->plus_one = !strcmp(name, "gptq");
    return WT_OK;
}

static wt_status awq_config(wt_hf_packing *q, wt_err *err)
{
    const json_t *version = wt_hf_get(q->config, "version");
    const char *name = version ? json_string_value(version) : "gemm";
    WT_TRY(common_config(q, err));
    if (q->bits != 4)
        return wt_hf_refuse(q->m, WT_EUNSUPPORTED, "4 bits are known", err, "AWQ with %lld bits", (long long)q->bits);
    if (!name || (strcmp(name, "gemm") != 0 && strcmp(name, "GEMM") != 0))
        return wt_hf_refuse(q->m, WT_EUNSUPPORTED, "gemm is known: save the model in this layout", err,
                            "AWQ's layout '%.40s' is not known", name ? name : "?");
    return WT_OK;
}

/* Columns and rows are known: how they are grouped, and whether scales say the same. */
static wt_status take_scales(const wt_hf_packing *q, wt_packed *p, wt_err *err)
{
    const wt_weight *scales = NULL;
    WT_TRY(wt_hf_need_part(q, ".scales", &scales, err));
    p->group = q->group ? q->group : p->columns;
    p->groups = (p->columns + p->group - 1) / p->group;
    WT_TRY(wt_hf_expect(q, scales, WT_DTYPE_NONE, 2, (int64_t[]){ p->groups, p->rows }, err));
    return wt_hf_factors(q, scales, &p->scale, 1, p->rows, err);
}

/* The order of groups, which a plain one needs no list for. */
static wt_status take_order(const wt_hf_packing *q, wt_packed *p, wt_err *err)
{
    const wt_weight *order = wt_hf_part(q, ".g_idx");
    bool plain = true;
    if (!order)
        return WT_OK;
    WT_TRY(wt_hf_expect(q, order, WT_I32, 1, &p->columns, err));
    for (int64_t i = 0; i < p->columns; i++) {
        int32_t g;
        memcpy(&g, wt_hf_bytes(order) + 4 * i, 4);
        if (g < 0 || g >= p->groups)
            return wt_hf_bad_part(q, order, err, "says group %d of column %lld, but there are %lld groups", (int)g,
                                  (long long)i, (long long)p->groups);
        plain &= g == i / p->group;
    }
    p->group_of = plain ? NULL : wt_hf_bytes(order);
    return WT_OK;
}

static wt_status words(const wt_hf_packing *q, const wt_weight **out, int64_t *lines, int64_t *width, wt_err *err)
{
    WT_TRY(wt_hf_need_part(q, ".qweight", out, err));
    const wt_shape *s = &(*out)->shape;
    if (((*out)->dtype != WT_I32 && (*out)->dtype != WT_U32) || s->rank != 2 || s->dim[0] < 1 || s->dim[1] < 1 ||
        s->dim[0] > MOST || s->dim[1] > MOST)
        return wt_hf_bad_part(q, *out, err, "should be int32 of two axes");
    *lines = s->dim[0], *width = s->dim[1];
    return WT_OK;
}

static wt_status gptq_matrix(wt_hf_packing *q, wt_packed *p, wt_shape *shape, wt_err *err)
{
    const wt_weight *w = NULL, *zeros = NULL;
    int64_t lines = 0, width = 0;
    WT_TRY(words(q, &w, &lines, &width, err));
    if (lines * 32 % q->bits || width * q->bits % 32)
        return wt_hf_bad_part(q, w, err, "has no columns of %lld bits, as config.json says", (long long)q->bits);
    p->source = w->source;
    p->rows = width, p->columns = lines * 32 / q->bits;
    WT_TRY(take_scales(q, p, err));
    WT_TRY(take_order(q, p, err));
    WT_TRY(wt_hf_need_part(q, ".qzeros", &zeros, err));
    const int64_t zero_words = width * q->bits / 32;
    WT_TRY(wt_hf_expect(q, zeros, w->dtype, 2, (int64_t[]){ p->groups, zero_words }, err));
    *shape = wt_shape_make(2, (int64_t[]){ p->rows, p->columns });
    p->codes = (wt_packed_codes){
        .data = wt_hf_bytes(w), .order = WT_PACKED_COLUMNS, .bits = (int)q->bits, .stride = (size_t)width
    };
    p->zeros = (wt_packed_codes){ .data = wt_hf_bytes(zeros), .bits = (int)q->bits, .stride = (size_t)zero_words * 4 };
    p->zero = q->plus_one;
    return WT_OK;
}

static wt_status awq_matrix(wt_hf_packing *q, wt_packed *p, wt_shape *shape, wt_err *err)
{
    const wt_weight *w = NULL, *zeros = wt_hf_part(q, ".qzeros");
    int64_t lines = 0, width = 0;
    WT_TRY(words(q, &w, &lines, &width, err));
    p->source = w->source;
    p->rows = width * 8, p->columns = lines;
    WT_TRY(take_scales(q, p, err));
    *shape = wt_shape_make(2, (int64_t[]){ p->rows, p->columns });
    p->codes = (wt_packed_codes){ .data = wt_hf_bytes(w), .order = WT_PACKED_AWQ, .bits = 4, .stride = (size_t)width };
    p->zero = 8;
    if (!zeros)
        return WT_OK;
    WT_TRY(wt_hf_expect(q, zeros, w->dtype, 2, (int64_t[]){ p->groups, width }, err));
    p->zeros = p->codes;
    p->zeros.data = wt_hf_bytes(zeros);
    p->zeros_by_row = true;
    p->zero = 0;
    return WT_OK;
}

const wt_hf_method wt_hf_gptq = { .name = "gptq",
                                  .marker = ".qweight",
                                  .parts = { ".qzeros", ".scales", ".g_idx" },
                                  .config = gptq_config,
                                  .matrix = gptq_matrix };
const wt_hf_method wt_hf_awq = {
    .name = "awq", .marker = ".qweight", .parts = { ".qzeros", ".scales" }, .config = awq_config, .matrix = awq_matrix
};
