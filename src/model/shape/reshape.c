/* reshape.c - rules of Shape and Size, of views (Reshape, Flatten, Squeeze, Unsqueeze) and of Transpose, Expand, Tile.
 *
 * A target shape comes from the file or from arithmetic on shapes; nothing about it is believed: zeros and -1 have
 * their ONNX meaning, other negative values, counts that differ and products that overflow are refused. */
#include "model/shape/shape.h"
#include <inttypes.h>

static int clamp_axis(int64_t axis, int rank)
{
    if (axis < 0)
        axis += rank;
    return axis < 0 ? 0 : axis > rank ? rank : (int)axis;
}

wt_status wt_infer_shape(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape s = wt_rule_unknown(1);
    if (x->rank < 0)
        return wt_infer_set(c, 0, WT_I64, &s, err);
    const int start = clamp_axis(wt_attr_int(c->attrs, "start", 0), x->rank);
    const int end = clamp_axis(wt_attr_int(c->attrs, "end", x->rank), x->rank);
    s.dim[0] = end > start ? end - start : 0;
    WT_TRY(wt_infer_set(c, 0, WT_I64, &s, err));
    for (int i = start; i < end; i++)
        if (x->dim[i] < 0)
            return WT_OK;
    return wt_infer_publish(c, 0, x->dim + start, s.dim[0], err);
}

wt_status wt_infer_size(wt_infer *c, wt_err *err)
{
    const wt_shape s = { .rank = 0 };
    int64_t n;
    WT_TRY(wt_infer_set(c, 0, WT_I64, &s, err));
    return wt_shape_count(wt_rule_shape(c, 0), &n) ? wt_infer_publish(c, 0, &n, 1, err) : WT_OK;
}

/* --- Reshape
 * ---------------------------------------------------------------------------------------------------------- */
/* Fills the dim that -1 stands for (or checks the count) when the input's count is known. */
static wt_status solve_reshape(const wt_infer *c, wt_shape *s, int hole, wt_err *err)
{
    char have[96], want[96];
    int64_t total, rest = 1;
    if (!wt_shape_count(wt_rule_shape(c, 0), &total))
        return WT_OK;
    for (int i = 0; i < s->rank; i++) {
        if (i != hole && s->dim[i] < 0)
            return WT_OK;
        if (i != hole)
            WT_TRY(wt_dim_mul(c, rest, s->dim[i], &rest, err));
    }
    if (hole >= 0 && rest > 0 && total % rest == 0)
        s->dim[hole] = total / rest;
    else if (hole >= 0 || rest != total)
        return wt_infer_bad(c, err, "the shape %s has %" PRId64 " elements, which do not fit %s",
                            wt_shape_text(wt_rule_shape(c, 0), NULL, have, sizeof have), total,
                            wt_shape_text(s, NULL, want, sizeof want));
    return WT_OK;
}

/* Symbols on both sides cancel: [N, 3, 4] to [N, -1] is known without N. One that is left where the numbers agree is
 * what -1 stands for: [N, 12] to [-1, 3, 4]. */
static void solve_symbols(const wt_shape *x, wt_shape *s, int hole)
{
    int64_t have = 1, want = 1, left = WT_DIM_ANY;
    bool used[WT_MAX_RANK] = { false };
    if (x->rank < 0 || hole < 0)
        return;
    for (int i = 0; i < s->rank; i++) {
        if (i == hole)
            continue;
        if (s->dim[i] > 0) {
            if (__builtin_mul_overflow(want, s->dim[i], &want))
                return;
            continue;
        }
        int k = 0;
        while (k < x->rank && (used[k] || x->dim[k] != s->dim[i] || !WT_DIM_IS_SYMBOL(x->dim[k])))
            k++;
        if (k == x->rank)
            return;
        used[k] = true;
    }
    for (int k = 0; k < x->rank; k++) {
        if (used[k])
            continue;
        if (WT_DIM_IS_SYMBOL(x->dim[k]) && left == WT_DIM_ANY)
            left = x->dim[k];
        else if (x->dim[k] <= 0 || __builtin_mul_overflow(have, x->dim[k], &have))
            return;
    }
    if (left == WT_DIM_ANY && have % want == 0)
        s->dim[hole] = have / want;
    else if (have == want)
        s->dim[hole] = left;
}

wt_status wt_infer_reshape(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    const bool allowzero = wt_attr_int(c->attrs, "allowzero", 0) != 0;
    wt_ints target;
    WT_TRY(wt_infer_ints(c, 1, &target, err));
    if (target.count > WT_MAX_RANK)
        return wt_infer_bad(c, err, "the target has %" PRId64 " dimensions, at most %d can be handled", target.count,
                            WT_MAX_RANK);
    wt_shape s = wt_rule_unknown(target.count >= 0 ? (int)target.count : -1);
    int hole = -1;
    bool open = target.state != WT_KNOWN; /* a dim is unknown for another reason than -1 */
    for (int i = 0; !open && i < s.rank; i++) {
        const int64_t d = target.v[i];
        if (d < -1)
            return wt_infer_bad(c, err, "dimension %d of the target is %" PRId64 ", expected -1 or more", i, d);
        if (d == -1 && hole >= 0)
            return wt_infer_bad(c, err, "the target has two dimensions of -1");
        if (d == -1)
            hole = i;
        else if (d > 0 || allowzero)
            s.dim[i] = d;
        else if (x->rank < 0)
            s.dim[i] = WT_DIM_ANY;
        else if (i < x->rank)
            s.dim[i] = x->dim[i];
        else
            return wt_infer_bad(c, err, "dimension %d of the target is 0, but the input has only %d dimensions", i,
                                x->rank);
    }
    if (!open && x->rank >= 0) {
        solve_symbols(x, &s, hole);
        WT_TRY(solve_reshape(c, &s, hole, err));
    }
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    wt_infer_publish_view(c);
    return WT_OK;
}

wt_status wt_infer_flatten(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape s = wt_rule_unknown(2);
    int axis;
    if (x->rank < 0)
        return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
    WT_TRY(wt_infer_axis(c, "axis", 1, x->rank, true, &axis, err));
    s.dim[0] = s.dim[1] = 1;
    for (int i = 0; i < x->rank; i++)
        WT_TRY(wt_dim_mul(c, s.dim[i >= axis], x->dim[i], &s.dim[i >= axis], err));
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    wt_infer_publish_view(c);
    return WT_OK;
}

wt_status wt_infer_squeeze(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape s = wt_rule_unknown(-1);
    wt_ints axes;
    unsigned set = 0;
    WT_TRY(wt_infer_ints(c, 1, &axes, err));
    const bool all = axes.state == WT_ABSENT;
    bool open = x->rank < 0 || axes.state == WT_NOT_KNOWN;
    if (!open && !all)
        WT_TRY(wt_infer_axes(c, &axes, x->rank, &set, err));
    for (int i = 0; !open && i < x->rank; i++) {
        if (all && x->dim[i] < 0)
            open = true; /* it may be 1 */
        else if (all && x->dim[i] == 1)
            set |= 1u << i;
        if ((set >> i & 1) && x->dim[i] >= 0 && x->dim[i] != 1)
            return wt_infer_bad(c, err, "axis %d has the length %" PRId64 ", only 1 can be squeezed", i, x->dim[i]);
    }
    if (!open) {
        s.rank = 0;
        for (int i = 0; i < x->rank; i++)
            if (!(set >> i & 1))
                s.dim[s.rank++] = x->dim[i];
    } else if (x->rank >= 0 && axes.count >= 0 && axes.count <= x->rank) {
        s.rank = x->rank - (int)axes.count;
    }
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    wt_infer_publish_view(c);
    return WT_OK;
}

wt_status wt_infer_unsqueeze(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape s = wt_rule_unknown(-1);
    wt_ints axes;
    unsigned set;
    WT_TRY(wt_infer_ints(c, 1, &axes, err));
    if (x->rank >= 0 && axes.count >= 0) {
        if (axes.count + x->rank > WT_MAX_RANK)
            return wt_infer_bad(c, err, "the result would have %" PRId64 " dimensions, at most %d can be handled",
                                axes.count + x->rank, WT_MAX_RANK);
        s = wt_rule_unknown(x->rank + (int)axes.count);
    }
    if (s.rank >= 0 && axes.state == WT_KNOWN) {
        WT_TRY(wt_infer_axes(c, &axes, s.rank, &set, err));
        for (int i = 0, k = 0; i < s.rank; i++)
            s.dim[i] = set >> i & 1 ? 1 : x->dim[k++];
    }
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    wt_infer_publish_view(c);
    return WT_OK;
}

/* --- Transpose, Expand, Tile
 * ------------------------------------------------------------------------------------------ */
wt_status wt_infer_transpose(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    int64_t stride[WT_MAX_RANK];
    wt_ints perm;
    unsigned set;
    WT_TRY(wt_infer_attr_ints(c, "perm", &perm, err));
    if (x->rank < 0 && perm.count > WT_MAX_RANK)
        return wt_infer_bad(c, err, "perm has %" PRId64 " entries, at most %d can be handled", perm.count, WT_MAX_RANK);
    wt_shape s = wt_rule_unknown(x->rank >= 0 ? x->rank : (int)perm.count);
    if (x->rank >= 0) {
        if (perm.state == WT_KNOWN && perm.count != x->rank)
            return wt_infer_bad(c, err, "perm has %" PRId64 " entries for a tensor of rank %d", perm.count, x->rank);
        for (int i = 0; perm.state == WT_KNOWN && i < x->rank; i++)
            if (perm.v[i] < 0)
                return wt_infer_bad(c, err, "perm has the entry %" PRId64, perm.v[i]);
        WT_TRY(wt_infer_axes(c, &perm, x->rank, &set, err));
        for (int i = 0; i < x->rank; i++)
            s.dim[i] = x->dim[perm.state == WT_KNOWN ? perm.v[i] : x->rank - 1 - i];
    }
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    if (!wt_infer_is_small(c, 0))
        return WT_OK;
    for (int i = 0; i < x->rank; i++)
        stride[i] = wt_shape_product(x, 1 + (perm.state == WT_KNOWN ? (int)perm.v[i] : x->rank - 1 - i), x->rank);
    return wt_infer_publish_walk(c, 0, stride, err);
}

wt_status wt_infer_expand(wt_infer *c, wt_err *err)
{
    wt_ints target;
    WT_TRY(wt_infer_ints(c, 1, &target, err));
    if (target.count > WT_MAX_RANK)
        return wt_infer_bad(c, err, "the target has %" PRId64 " dimensions, at most %d can be handled", target.count,
                            WT_MAX_RANK);
    wt_shape s = wt_rule_unknown(target.count >= 0 ? (int)target.count : -1);
    for (int i = 0; target.state == WT_KNOWN && i < s.rank; i++) {
        if (target.v[i] < 0)
            return wt_infer_bad(c, err, "dimension %d of the target is %" PRId64, i, target.v[i]);
        s.dim[i] = target.v[i];
    }
    const wt_status st = wt_shape_broadcast(wt_rule_shape(c, 0), &s, &s, err);
    if (st != WT_OK)
        return st;
    if (target.state !=
        WT_KNOWN) /* an unknown target may stretch a known 1 only, but may also be longer than assumed */
        for (int i = 0; i < s.rank; i++)
            s.dim[i] = s.dim[i] > 1 ? s.dim[i] : WT_DIM_ANY;
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

wt_status wt_infer_tile(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_ints repeats;
    WT_TRY(wt_infer_ints(c, 1, &repeats, err));
    wt_shape s = wt_rule_unknown(x->rank);
    if (x->rank >= 0 && repeats.count >= 0 && repeats.count != x->rank)
        return wt_infer_bad(c, err, "%" PRId64 " repeats for a tensor of rank %d", repeats.count, x->rank);
    for (int i = 0; repeats.state == WT_KNOWN && i < x->rank; i++) {
        if (repeats.v[i] < 0)
            return wt_infer_bad(c, err, "repeat %d is %" PRId64, i, repeats.v[i]);
        WT_TRY(wt_dim_mul(c, x->dim[i], repeats.v[i], &s.dim[i], err));
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}
