/* microsoft_shape.c - rules of ONNX Runtime's operators for language models (domain com.microsoft).
 *
 * MatMulNBits(A [.., K], B, scales, zero_points?, g_idx?, bias? [N]): A times the transpose of the matrix that nbits.h
 * describes; attributes K, N, bits (4), block_size. A g_idx, which permutes columns, is refused when it has to run.
 * GatherBlockQuantized(data, indices, scales, zero_points?): rows of such a matrix. Data of uint8 hold codes of `bits`
 * bits, whose zero point is the middle where none is given; int4 and uint4 data have 0.
 * GroupQueryAttention(query [B, S, H*D], key, value [B, S, G*D], past_key?, past_value? [B, G, P, D], seqlens_k I32
 * [B], total_sequence_length I32 scalar, cos?, sin? [max, R/2], positions?, bias?, sinks?): each sequence's new keys go
 * behind its seqlens_k + 1 - S old ones (0 where S is the total), and are looked at causally. present_key and
 * present_value have max(P, total) rows. FusedMatMul(A, B): alpha * A . B, either transposed. */
#include "model/shape/microsoft_shape.h"
#include <inttypes.h>
#include <math.h>

/* --- MatMulNBits -------------------------------------------------------------------------------------------------- */
static wt_status read_sizes(const wt_infer *c, wt_nbits *m, int64_t n, int64_t k, wt_err *err)
{
    const int64_t bits = wt_attr_int(c->attrs, "bits", 4), block = wt_attr_int(c->attrs, "block_size", 0);
    if (bits != 2 && bits != 4 && bits != 8)
        return wt_infer_bad(c, err, "bits is %" PRId64 ", expected 2, 4 or 8", bits);
    if (block < 16 || block > INT32_MAX || (block & (block - 1)))
        return wt_infer_bad(c, err, "block_size is %" PRId64 ", expected a power of two from 16 on", block);
    if (n < 1 || k < 1 || n > INT32_MAX || k > INT32_MAX)
        return wt_infer_bad(c, err, "a matrix of %" PRId64 " rows of %" PRId64 " is none", n, k);
    *m = (wt_nbits){ .bits = (int)bits, .zero = 1 << (bits - 1), .n = (size_t)n, .k = (size_t)k };
    m->block = (size_t)block;
    m->blocks = (m->k + m->block - 1) / m->block;
    m->zp_row_bytes = (m->blocks * (size_t)bits + 7) / 8;
    return WT_OK;
}

/* Input i, if it is there and its shape is known, has `want` elements; files of older exporters have them flat. */
static wt_status need_count(const wt_infer *c, size_t i, const char *what, size_t want, wt_err *err)
{
    const wt_tensor *t = wt_rule_in(c, i);
    int64_t have;
    char text[96];
    if (!t || !wt_shape_count(&t->shape, &have) || have == (int64_t)want)
        return WT_OK;
    return wt_infer_bad(c, err, "%s is %s, expected %zu elements for the sizes that the attributes say", what,
                        wt_shape_text(&t->shape, NULL, text, sizeof text), want);
}

/* Scales and zero points, which have their rows in common with the codes. */
static wt_status read_numbers(const wt_infer *c, wt_nbits *m, size_t scales, size_t zps, wt_dtype codes, wt_err *err)
{
    const wt_tensor *s = wt_rule_in(c, scales), *z = wt_rule_in(c, zps);
    WT_TRY(wt_rule_need_dtype(c, scales, WT_DTYPE_BIT(WT_F32) | WT_DTYPE_BIT(WT_F16) | WT_DTYPE_BIT(WT_BF16), err));
    WT_TRY(need_count(c, scales, "scales", m->n * m->blocks, err));
    m->scale_dtype = s ? s->dtype : WT_DTYPE_NONE;
    m->scales = s ? s->data : NULL;
    if (!z)
        return WT_OK;
    if (z->dtype && z->dtype != codes && (codes != WT_U8 || z->dtype != m->scale_dtype))
        return wt_infer_bad(c, err, "zero points are %s, expected %s%s", wt_dtype_name(z->dtype), wt_dtype_name(codes),
                            codes == WT_U8 ? " or the type of the scales" : "");
    m->zp_dtype = z->dtype == codes ? WT_U8 : z->dtype;
    m->zps = z->data;
    return need_count(c, zps, "zero points", z->dtype == WT_U8 ? m->n * m->zp_row_bytes : m->n * m->blocks, err);
}

wt_status wt_matmul_nbits_read(const wt_infer *c, wt_nbits *m, wt_err *err)
{
    const wt_tensor *b = wt_rule_in(c, WT_NBITS_B);
    WT_TRY(read_sizes(c, m, wt_attr_int(c->attrs, "N", 0), wt_attr_int(c->attrs, "K", 0), err));
    WT_TRY(wt_rule_need_dtype(c, WT_NBITS_B, WT_DTYPE_BIT(WT_U8), err));
    m->row_bytes = m->blocks * (m->block * (size_t)m->bits / 8);
    m->codes = b ? b->data : NULL;
    WT_TRY(need_count(c, WT_NBITS_B, "B", m->n * m->row_bytes, err));
    return read_numbers(c, m, WT_NBITS_SCALES, WT_NBITS_ZPS, WT_U8, err);
}

wt_status wt_infer_matmul_nbits(wt_infer *c, wt_err *err)
{
    wt_nbits m;
    wt_shape out = *wt_rule_shape(c, WT_NBITS_A);
    WT_TRY(wt_rule_need_dtype(c, WT_NBITS_A, WT_DTYPES_FLOAT, err));
    WT_TRY(wt_rule_need_rank(c, WT_NBITS_A, 1, WT_MAX_RANK, err));
    WT_TRY(wt_matmul_nbits_read(c, &m, err));
    if (out.rank > 0) {
        WT_TRY(wt_rule_need_dim(c, WT_NBITS_A, out.rank - 1, (int64_t)m.k, err));
        out.dim[out.rank - 1] = (int64_t)m.n;
    }
    WT_TRY(wt_rule_need_vector(c, WT_NBITS_BIAS, (int64_t)m.n, err));
    return wt_infer_set(c, 0, wt_rule_dtype(c, WT_NBITS_A), &out, err);
}

/* --- GatherBlockQuantized ----------------------------------------------------------------------------------------- */
wt_status wt_gather_nbits_read(const wt_infer *c, wt_nbits *m, wt_err *err)
{
    const wt_tensor *data = wt_rule_in(c, 0);
    const int64_t bits = wt_attr_int(c->attrs, "bits", 4), rows = wt_rule_dim(data, 0), bytes = wt_rule_dim(data, 1);
    const bool packed = data && data->dtype == WT_U8;
    if (!packed && bits != 4)
        return wt_infer_bad(c, err, "bits is %" PRId64 ", but data of 4 bits have 4", bits);
    if (rows < 1 || bytes < 1 || bytes > INT32_MAX)
        return wt_infer_bad(c, err, "data of unknown size cannot be looked up in");
    WT_TRY(read_sizes(c, m, rows, packed && bits > 0 && bits <= 8 ? bytes * (8 / bits) : bytes, err));
    m->is_signed = data->dtype == WT_I4;
    m->zero = packed ? m->zero : m->is_signed ? 8 : 0; /* the signed are read with 8 added */
    m->row_bytes = m->k * (size_t)m->bits / 8;
    m->codes = data->data;
    if (!packed && m->k % 2)
        return wt_infer_bad(c, err, "rows of %zu elements do not begin at whole bytes", m->k);
    WT_TRY(read_numbers(c, m, 2, 3, data->dtype, err));
    if (!packed && m->zps && m->blocks % 2)
        return wt_infer_bad(c, err, "rows of %zu zero points do not begin at whole bytes", m->blocks);
    return WT_OK;
}

wt_status wt_infer_gather_block_quantized(wt_infer *c, wt_err *err)
{
    const wt_tensor *data = wt_rule_in(c, 0);
    const int rank = wt_rule_rank(data);
    wt_shape out = *wt_rule_shape(c, 1);
    wt_nbits m;
    int gather, quantize;
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPE_BIT(WT_U8) | WT_DTYPE_BIT(WT_I4) | WT_DTYPE_BIT(WT_U4), err));
    WT_TRY(wt_rule_need_dtype(c, 1, WT_DTYPE_BIT(WT_I32) | WT_DTYPE_BIT(WT_I64), err));
    if (rank < 0 || out.rank < 0 || !wt_shape_known(&data->shape))
        return wt_infer_set(c, 0, wt_rule_dtype(c, 2), &(wt_shape){ .rank = -1 }, err);
    WT_TRY(wt_infer_axis(c, "gather_axis", 0, rank, false, &gather, err));
    WT_TRY(wt_infer_axis(c, "quantize_axis", 1, rank, false, &quantize, err));
    if (rank != 2 || gather != 0 || quantize != 1)
        return wt_fail(err, WT_EUNSUPPORTED,
                       "%s: only rows of a matrix with blocks along them are read, not axis %d of %d with blocks along "
                       "axis %d",
                       c->op_type, gather, rank, quantize);
    WT_TRY(wt_gather_nbits_read(c, &m, err));
    if (out.rank >= WT_MAX_RANK)
        return wt_infer_bad(c, err, "the result would have more than %d dimensions", WT_MAX_RANK);
    out.dim[out.rank++] = (int64_t)m.k;
    return wt_infer_set(c, 0, wt_rule_dtype(c, 2), &out, err);
}

/* --- FusedMatMul -------------------------------------------------------------------------------------------------- */
static void transpose_last(wt_shape *s)
{
    if (s->rank < 2)
        return;
    const int64_t last = s->dim[s->rank - 1];
    s->dim[s->rank - 1] = s->dim[s->rank - 2];
    s->dim[s->rank - 2] = last;
}

wt_status wt_infer_fused_matmul(wt_infer *c, wt_err *err)
{
    wt_shape a = *wt_rule_shape(c, 0), b = *wt_rule_shape(c, 1), s;
    if (wt_attr_int(c->attrs, "transBatchA", 0) || wt_attr_int(c->attrs, "transBatchB", 0))
        return wt_fail(err, WT_EUNSUPPORTED, "%s: transBatchA and transBatchB are not supported", c->op_type);
    WT_TRY(wt_rule_need_same_dtype(c, 0, 1, err));
    if (wt_attr_int(c->attrs, "transA", 0))
        transpose_last(&a);
    if (wt_attr_int(c->attrs, "transB", 0))
        transpose_last(&b);
    WT_TRY(wt_rule_matmul(c->op_type, &a, &b, &s, err));
    if (s.rank > WT_MAX_RANK)
        return wt_infer_bad(c, err, "the result would have %d dimensions, at most %d can be handled", s.rank,
                            WT_MAX_RANK);
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

/* --- GroupQueryAttention ------------------------------------------------------------------------------------------ */
static wt_status read_attrs(const wt_infer *c, wt_gqa_dims *d, wt_err *err)
{
    const int64_t window = wt_attr_int(c->attrs, "local_window_size", -1);
    d->heads = wt_attr_int(c->attrs, "num_heads", 0);
    d->kv_heads = wt_attr_int(c->attrs, "kv_num_heads", 0);
    d->interleaved = wt_attr_int(c->attrs, "rotary_interleaved", 0) != 0;
    d->softcap = wt_attr_float(c->attrs, "softcap", 0);
    d->scale = wt_attr_float(c->attrs, "scale", 0);
    d->window = window > 0 ? window : 0;
    if (d->heads < 1 || d->kv_heads < 1 || d->heads > INT32_MAX || d->heads % d->kv_heads)
        return wt_infer_bad(c, err, "%" PRId64 " heads (num_heads) cannot share %" PRId64 " key heads (kv_num_heads)",
                            d->heads, d->kv_heads);
    if (!(d->softcap >= 0))
        return wt_infer_bad(c, err, "softcap is %g, expected 0 or more", (double)d->softcap);
    return WT_OK;
}

static wt_status read_operands(const wt_infer *c, wt_gqa_dims *d, wt_err *err)
{
    const wt_tensor *q = wt_rule_in(c, WT_GQA_Q), *k = wt_rule_in(c, WT_GQA_K), *v = wt_rule_in(c, WT_GQA_V);
    WT_TRY(wt_rule_need_rank(c, WT_GQA_Q, 3, 3, err));
    d->batch = wt_rule_dim(q, 0);
    d->length = wt_rule_dim(q, 1);
    d->packed = !k;
    if (!k != !v)
        return wt_infer_bad(c, err, "key and value come together or not at all");
    const int64_t width = wt_rule_dim(q, 2), parts = d->heads + (d->packed ? 2 * d->kv_heads : 0);
    d->head = width < 0 ? WT_DIM_ANY : width / parts;
    if (width >= 0 && (width % parts || width == 0))
        return wt_infer_bad(c, err, "%" PRId64 " elements do not divide into %" PRId64 " heads", width, parts);
    for (size_t i = WT_GQA_K; i <= WT_GQA_V && !d->packed; i++) {
        WT_TRY(wt_rule_need_rank(c, i, 3, 3, err));
        WT_TRY(wt_rule_need_dim(c, i, 0, d->batch, err));
        WT_TRY(wt_rule_need_dim(c, i, 1, d->length, err));
        WT_TRY(wt_rule_need_dim(c, i, 2, d->head < 0 ? -1 : d->head * d->kv_heads, err));
    }
    return WT_OK;
}

static wt_status read_past(const wt_infer *c, wt_gqa_dims *d, wt_err *err)
{
    const wt_tensor *k = wt_rule_in(c, WT_GQA_PAST_K), *v = wt_rule_in(c, WT_GQA_PAST_V);
    wt_known known = WT_ABSENT;
    if (!k != !v)
        return wt_infer_bad(c, err, "past_key and past_value come together or not at all");
    d->past = k ? wt_rule_dim(k, 2) : 0;
    for (size_t i = WT_GQA_PAST_K; i <= WT_GQA_PAST_V && k; i++) {
        WT_TRY(wt_rule_need_rank(c, i, 4, 4, err));
        WT_TRY(wt_rule_need_dim(c, i, 0, d->batch, err));
        WT_TRY(wt_rule_need_dim(c, i, 1, d->kv_heads, err));
        WT_TRY(wt_rule_need_dim(c, i, 2, d->past, err));
        WT_TRY(wt_rule_need_dim(c, i, 3, d->head, err));
    }
    if (!wt_rule_in(c, WT_GQA_SEQLENS) || !wt_rule_in(c, WT_GQA_TOTAL))
        return wt_infer_bad(c, err, "seqlens_k and total_sequence_length are missing");
    WT_TRY(wt_rule_need_dtype(c, WT_GQA_SEQLENS, WT_DTYPE_BIT(WT_I32), err));
    d->total = WT_DIM_ANY;
    int64_t total;
    WT_TRY(wt_infer_int(c, WT_GQA_TOTAL, &known, &total, err));
    if (known != WT_KNOWN)
        return WT_OK;
    d->total = total;
    if (total < 0 || total > INT32_MAX || (d->length >= 0 && total < d->length))
        return wt_infer_bad(c, err, "total_sequence_length is %" PRId64 " for %" PRId64 " new tokens", total,
                            d->length);
    return WT_OK;
}

static wt_status read_rotary(const wt_infer *c, wt_gqa_dims *d, wt_err *err)
{
    const wt_tensor *cosine = wt_rule_in(c, WT_GQA_COS);
    d->half = d->rows = 0;
    if (!wt_attr_int(c->attrs, "do_rotary", 0))
        return WT_OK;
    if (!cosine || !wt_rule_in(c, WT_GQA_SIN))
        return wt_infer_bad(c, err, "do_rotary needs cos_cache and sin_cache");
    d->rows = wt_rule_dim(cosine, 0);
    d->half = wt_rule_dim(cosine, 1);
    for (size_t i = WT_GQA_COS; i <= WT_GQA_SIN; i++) {
        WT_TRY(wt_rule_need_rank(c, i, 2, 2, err));
        WT_TRY(wt_rule_need_dim(c, i, 0, d->rows, err));
        WT_TRY(wt_rule_need_dim(c, i, 1, d->half, err));
    }
    if (d->half >= 0 && d->head >= 0 && 2 * d->half > d->head)
        return wt_infer_bad(c, err, "tables of %" PRId64 " angles turn more than a head of %" PRId64, d->half, d->head);
    return WT_OK;
}

wt_status wt_gqa_read(const wt_infer *c, wt_gqa_dims *d, wt_err *err)
{
    *d = (wt_gqa_dims){ 0 };
    WT_TRY(read_attrs(c, d, err));
    WT_TRY(read_operands(c, d, err));
    WT_TRY(read_past(c, d, err));
    WT_TRY(read_rotary(c, d, err));
    WT_TRY(wt_rule_need_vector(c, WT_GQA_SEQLENS, d->batch, err));
    WT_TRY(wt_rule_need_vector(c, WT_GQA_SINK, d->heads, err));
    if (d->scale == 0 && d->head > 0)
        d->scale = 1 / sqrtf((float)d->head);
    return WT_OK;
}

wt_status wt_infer_group_query_attention(wt_infer *c, wt_err *err)
{
    wt_gqa_dims d;
    WT_TRY(wt_rule_need_dtype(c, WT_GQA_Q, WT_DTYPES_FLOAT, err));
    WT_TRY(wt_gqa_read(c, &d, err));
    const int64_t rows = d.past < 0 || d.total < 0 ? WT_DIM_ANY : d.past > d.total ? d.past : d.total;
    const wt_shape y = { .rank = 3, .dim = { d.batch, d.length, d.head < 0 ? WT_DIM_ANY : d.head * d.heads } },
                   present = { .rank = 4, .dim = { d.batch, d.kv_heads, rows, d.head } };
    const wt_dtype dtype = wt_rule_dtype(c, WT_GQA_Q);
    WT_TRY(wt_infer_set(c, 0, dtype, &y, err));
    WT_TRY(wt_infer_set(c, 1, dtype, &present, err));
    WT_TRY(wt_infer_set(c, 2, dtype, &present, err));
    return wt_infer_set(c, 3, dtype, &(wt_shape){ .rank = -1 }, err);
}
