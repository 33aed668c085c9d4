/* nn_attention_shape.c - the rule of Attention (opset 23 and 24): data [batch, heads, length, size] or, with the number
 * of heads as attributes, [batch, length, heads * size]. */
#include "model/shape/nn_attention_shape.h"

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, NONPAD };

typedef struct operand {
    int64_t batch, heads, length, size;
} operand;

static wt_status read_heads(const wt_infer *c, const char *name, int64_t *out, wt_err *err)
{
    *out = wt_attr_int(c->attrs, name, 0);
    if (*out < 1 || *out > INT32_MAX)
        return wt_infer_bad(c, err, "%s is %lld, expected 1 or more for data of three dimensions", name,
                            (long long)*out);
    return WT_OK;
}

static wt_status read_operand(const wt_infer *c, size_t i, int rank, const char *heads_name, operand *out, wt_err *err)
{
    const wt_tensor *t = wt_rule_in(c, i);
    *out = (operand){ WT_DIM_ANY, WT_DIM_ANY, WT_DIM_ANY, WT_DIM_ANY };
    WT_TRY(wt_rule_need_rank(c, i, rank < 0 ? 3 : rank, rank < 0 ? 4 : rank, err));
    out->batch = wt_rule_dim(t, 0);
    if (rank == 4) {
        out->heads = wt_rule_dim(t, 1);
        out->length = wt_rule_dim(t, 2);
        out->size = wt_rule_dim(t, 3);
    } else if (rank == 3) {
        const int64_t all = wt_rule_dim(t, 2);
        WT_TRY(read_heads(c, heads_name, &out->heads, err));
        out->length = wt_rule_dim(t, 1);
        if (all >= 0 && all % out->heads)
            return wt_infer_bad(c, err, "%lld elements do not divide into %lld heads", (long long)all,
                                (long long)out->heads);
        out->size = all < 0 ? WT_DIM_ANY : all / out->heads;
    }
    return WT_OK;
}

static wt_status join(const wt_infer *c, int64_t *dim, int64_t other, const char *what, wt_err *err)
{
    const int64_t before = *dim;
    if (wt_rule_join(dim, other))
        return WT_OK;
    return wt_infer_bad(c, err, "the %s is %lld in one input and %lld in another", what, (long long)before,
                        (long long)other);
}

static wt_status read_past(const wt_infer *c, wt_attention_dims *d, wt_err *err)
{
    const wt_tensor *k = wt_rule_in(c, PAST_KEY), *v = wt_rule_in(c, PAST_VALUE);
    d->past_len = 0;
    if (!k != !v)
        return wt_infer_bad(c, err, "past_key and past_value come together or not at all");
    if (!k)
        return WT_OK;
    d->past_len = WT_DIM_ANY;
    for (size_t i = PAST_KEY; i <= PAST_VALUE; i++) {
        const wt_tensor *t = wt_rule_in(c, i);
        WT_TRY(wt_rule_need_rank(c, i, 4, 4, err));
        WT_TRY(join(c, &d->batch, wt_rule_dim(t, 0), "batch", err));
        WT_TRY(join(c, &d->kv_heads, wt_rule_dim(t, 1), "number of key heads", err));
        WT_TRY(join(c, &d->past_len, wt_rule_dim(t, 2), "length of the past", err));
        WT_TRY(join(c, i == PAST_KEY ? &d->head : &d->v_head, wt_rule_dim(t, 3), "head size", err));
    }
    return WT_OK;
}

wt_status wt_attention_read(const wt_infer *c, wt_attention_dims *d, wt_err *err)
{
    operand q, k, v;
    d->rank = wt_rule_rank(wt_rule_in(c, Q));
    WT_TRY(read_operand(c, Q, d->rank, "q_num_heads", &q, err));
    WT_TRY(read_operand(c, K, d->rank, "kv_num_heads", &k, err));
    WT_TRY(read_operand(c, V, d->rank, "kv_num_heads", &v, err));
    *d = (wt_attention_dims){ d->rank, q.batch, q.heads, k.heads, q.length, k.length, 0, q.size, v.size };
    WT_TRY(join(c, &d->batch, k.batch, "batch", err));
    WT_TRY(join(c, &d->batch, v.batch, "batch", err));
    WT_TRY(join(c, &d->kv_heads, v.heads, "number of key heads", err));
    WT_TRY(join(c, &d->kv_len, v.length, "number of keys", err));
    WT_TRY(join(c, &d->head, k.size, "head size", err));
    WT_TRY(read_past(c, d, err));
    if (d->q_heads >= 0 && d->kv_heads >= 0 && (d->kv_heads == 0 || d->q_heads % d->kv_heads))
        return wt_infer_bad(c, err, "%lld query heads do not divide among %lld key heads", (long long)d->q_heads,
                            (long long)d->kv_heads);
    WT_TRY(wt_rule_need_dtype(c, NONPAD, WT_DTYPE_BIT(WT_I64), err));
    return wt_rule_need_vector(c, NONPAD, d->batch, err);
}

/* The mask broadcasts to [batch, heads, queries, keys]; its last dimension may be shorter than the keys. */
static wt_status check_mask(const wt_infer *c, const wt_attention_dims *d, int64_t total, wt_err *err)
{
    const wt_shape *m = wt_rule_shape(c, MASK);
    const int64_t want[4] = { d->batch, d->q_heads, d->q_len, total };
    WT_TRY(wt_rule_need_rank(c, MASK, 1, 4, err));
    for (int i = 0; i < m->rank; i++) {
        const int64_t have = m->dim[i], w = want[4 - m->rank + i];
        if (have < 0 || w < 0 || have == 1 || have == w || (i == m->rank - 1 && have < w))
            continue;
        return wt_infer_bad(c, err, "dimension %d of the mask is %lld, expected 1 or %lld", i, (long long)have,
                            (long long)w);
    }
    return WT_OK;
}

wt_status wt_infer_attention(wt_infer *c, wt_err *err)
{
    wt_attention_dims d;
    int64_t total, all;
    wt_shape y = wt_rule_unknown(-1);
    for (size_t i = 0; i < 3; i++)
        WT_TRY(wt_rule_need_dtype(c, i, WT_DTYPES_FLOAT, err));
    WT_TRY(wt_attention_read(c, &d, err));
    WT_TRY(wt_dim_add(c, d.past_len, d.kv_len, &total, err));
    WT_TRY(check_mask(c, &d, total, err));
    WT_TRY(wt_dim_mul(c, d.q_heads, d.v_head, &all, err));
    if (d.rank == 4)
        y = (wt_shape){ .rank = 4, .dim = { d.batch, d.q_heads, d.q_len, d.v_head } };
    else if (d.rank == 3)
        y = (wt_shape){ .rank = 3, .dim = { d.batch, d.q_len, all } };
    const wt_shape key = { .rank = 4, .dim = { d.batch, d.kv_heads, total, d.head } };
    const wt_shape value = { .rank = 4, .dim = { d.batch, d.kv_heads, total, d.v_head } };
    const wt_shape scores = { .rank = 4, .dim = { d.batch, d.q_heads, d.q_len, total } };
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, Q), &y, err));
    WT_TRY(wt_infer_set(c, 1, wt_rule_dtype(c, K), &key, err));
    WT_TRY(wt_infer_set(c, 2, wt_rule_dtype(c, V), &value, err));
    return wt_infer_set(c, 3, wt_rule_dtype(c, Q), &scores, err);
}
