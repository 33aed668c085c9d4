/* assess_macs.c - multiply-adds from shapes. A multiply with its add counts once; biases, activations and everything
 * elementwise are not counted, which is the convention of the field. */
#include "model/assess.h"
#include "model/graph_infer.h"
#include "model/graph_impl.h"
#include "model/shape/shape.h"

/* Products that saturate: a model that claims more than 2^64 multiply-adds does not run anyway. */
static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t p;
    return __builtin_mul_overflow(a, b, &p) ? UINT64_MAX : p;
}

static uint64_t plus(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

static const wt_shape *shape_of(wt_value *const *list, size_t n, size_t i)
{
    static const wt_shape unknown = { .rank = -1 };
    return i < n && list[i] ? &list[i]->type.shape : &unknown;
}

static bool count_of(const wt_shape *s, uint64_t *count)
{
    int64_t n;
    if (!wt_shape_count(s, &n))
        return false;
    *count = (uint64_t)n;
    return true;
}

/* Elements of the weights [m, c, k...] past the first axis. */
static bool weights_per_row(const wt_shape *w, uint64_t *n)
{
    wt_shape rest = *w;
    if (w->rank < 2)
        return false;
    rest.dim[0] = 1;
    return count_of(&rest, n);
}

static bool conv_macs(const wt_node *node, size_t weights, bool transposed, uint64_t *macs)
{
    const wt_shape *w = shape_of(node->in, node->n_in, weights);
    const wt_shape *over = transposed ? shape_of(node->in, node->n_in, 0) : shape_of(node->out, node->n_out, 0);
    uint64_t each, n;
    if (!weights_per_row(w, &each) || !count_of(over, &n))
        return false;
    *macs = times(each, n);
    return true;
}

/* out elements times the length of the sum, the dim `axis` from the end of input a. */
static bool product_macs(const wt_node *node, size_t a, int from_end, uint64_t *macs)
{
    const wt_shape *s = shape_of(node->in, node->n_in, a);
    uint64_t n;
    if (s->rank < 1 || s->rank < from_end || s->dim[s->rank - from_end] < 0 ||
        !count_of(shape_of(node->out, node->n_out, 0), &n))
        return false;
    *macs = times(n, (uint64_t)s->dim[s->rank - from_end]);
    return true;
}

/* Every weight meets every step of every sequence; both directions are in the weights. */
static bool recurrent_macs(const wt_node *node, uint64_t *macs)
{
    const wt_shape *x = shape_of(node->in, node->n_in, 0);
    uint64_t w, r;
    if (x->rank != 3 || x->dim[0] < 0 || x->dim[1] < 0 || !count_of(shape_of(node->in, node->n_in, 1), &w) ||
        !count_of(shape_of(node->in, node->n_in, 2), &r))
        return false;
    *macs = times(times((uint64_t)x->dim[0], (uint64_t)x->dim[1]), plus(w, r));
    return true;
}

static bool einsum_macs(const wt_node *node, uint64_t *macs)
{
    wt_tensor in[WT_EINSUM_MAX_IN];
    const wt_tensor *list[WT_EINSUM_MAX_IN];
    wt_einsum e;
    if (node->n_in < 2 || node->n_in > WT_EINSUM_MAX_IN) {
        *macs = 0; /* of one operand: sums, no products */
        return node->n_in < 2;
    }
    for (size_t i = 0; i < node->n_in; i++) {
        if (!node->in[i] || node->in[i]->type.shape.rank < 0)
            return false;
        in[i] = node->in[i]->type;
        list[i] = &in[i];
    }
    const wt_infer rule = { .op_type = node->op_type, .attrs = &node->attrs, .in = list, .n_in = node->n_in };
    if (wt_einsum_read(&rule, &e, NULL) != WT_OK)
        return false;
    *macs = node->n_in - 1;
    for (int l = 0; l < e.n_labels; l++) {
        if (e.dim[l] < 0)
            return false;
        *macs = times(*macs, (uint64_t)e.dim[l]);
    }
    return true;
}

/* Q times K, and the weights times V. [batch, heads, length, size] or, with head counts as attributes, [batch, length,
 * all]. */
static bool attention_macs(const wt_node *node, uint64_t *macs)
{
    const wt_shape *q = shape_of(node->in, node->n_in, 0), *k = shape_of(node->in, node->n_in, 1);
    const wt_shape *v = shape_of(node->in, node->n_in, 2), *past = shape_of(node->in, node->n_in, 4);
    const int64_t heads = wt_attr_int(&node->attrs, "q_num_heads", 0),
                  kv = wt_attr_int(&node->attrs, "kv_num_heads", 0);
    if (!wt_shape_known(q) || !wt_shape_known(k) || !wt_shape_known(v) || q->rank < 3 || q->rank > 4 ||
        k->rank != q->rank || v->rank != q->rank || (q->rank == 3 && (heads < 1 || kv < 1)))
        return false;
    const uint64_t before = past->rank == 4 && past->dim[2] > 0 ? (uint64_t)past->dim[2] : 0;
    const uint64_t length = (uint64_t)q->dim[q->rank - 2], keys = (uint64_t)k->dim[q->rank - 2] + before;
    const uint64_t size = q->rank == 4 ? (uint64_t)(q->dim[3] + v->dim[3])
                                       : (uint64_t)(q->dim[2] / heads + v->dim[2] / kv);
    const uint64_t rows = times((uint64_t)q->dim[0], q->rank == 4 ? (uint64_t)q->dim[1] : (uint64_t)heads);
    *macs = times(times(rows, length), times(keys, size));
    return true;
}

/* The cache that goes out says how many keys there are; half of a prompt's are looked at, all of them are counted. */
static bool group_query_macs(const wt_node *node, uint64_t *macs)
{
    const wt_shape *q = shape_of(node->in, node->n_in, 0), *present = shape_of(node->out, node->n_out, 1);
    const int64_t heads = wt_attr_int(&node->attrs, "num_heads", 0);
    if (!wt_shape_known(q) || !wt_shape_known(present) || present->rank != 4 || q->rank != 3 || heads < 1)
        return false;
    const uint64_t rows = times((uint64_t)q->dim[0], times((uint64_t)q->dim[1], (uint64_t)heads));
    *macs = times(rows, times((uint64_t)present->dim[2], 2 * (uint64_t)present->dim[3]));
    return true;
}

bool wt_node_macs(const wt_node *node, uint64_t *macs)
{
    *macs = 0;
    switch (node->op ? node->op->code : WT_OP_UNKNOWN) {
    case WT_OP_CONV:
    case WT_OP_CONVINTEGER:
    case WT_OP_DEFORMCONV:
    case WT_OP_QUANTCONV: return conv_macs(node, 1, false, macs);
    case WT_OP_QLINEARCONV: return conv_macs(node, 3, false, macs);
    case WT_OP_CONVTRANSPOSE: return conv_macs(node, 1, true, macs);
    case WT_OP_MATMUL:
    case WT_OP_MATMULINTEGER:
    case WT_OP_QLINEARMATMUL:
    case WT_OP_MATMULNBITS:
    case WT_OP_LINEAR:
    case WT_OP_QUANTLINEAR: return product_macs(node, 0, 1, macs);
    case WT_OP_GEMM: return product_macs(node, 0, wt_attr_int(&node->attrs, "transA", 0) ? 2 : 1, macs);
    case WT_OP_LSTM:
    case WT_OP_GRU:
    case WT_OP_RNN:
    case WT_OP_DYNAMICQUANTIZELSTM: return recurrent_macs(node, macs);
    case WT_OP_EINSUM: return einsum_macs(node, macs);
    case WT_OP_FUSEDMATMUL: return product_macs(node, 0, wt_attr_int(&node->attrs, "transA", 0) ? 2 : 1, macs);
    case WT_OP_GROUPQUERYATTENTION: return group_query_macs(node, macs);
    case WT_OP_ATTENTION: return attention_macs(node, macs);
    default: return true;
    }
}

/* --- graphs ----------------------------------------------------------------------------------------------------------
 */
typedef struct sub_sum {
    wt_macs most, last;
} sub_sum;

static bool add_sub(void *arg, wt_graph *sub)
{
    sub_sum *s = arg;
    s->last = wt_graph_macs(sub);
    if (s->last.macs >= s->most.macs)
        s->most.macs = s->last.macs;
    s->most.unknown += s->last.unknown;
    return true;
}

/* What the bodies of a node add; of an If the branch that is taken, or the heavier where that is not known. */
static wt_macs sub_macs(const wt_node *node)
{
    sub_sum subs = { 0 };
    int64_t taken;
    if (wt_node_is(node, WT_OP_IF) && wt_infer_if_taken(node, &taken)) {
        const wt_graph *branch = wt_node_subgraph(node, taken ? "then_branch" : "else_branch");
        return branch ? wt_graph_macs(branch) : subs.most;
    }
    wt_node_subgraphs(node, add_sub, &subs);
    return subs.most;
}

static uint64_t rounds(const wt_node *node)
{
    const int64_t scans = wt_attr_int(&node->attrs, "num_scan_inputs", 0);
    if (!wt_node_is(node, WT_OP_SCAN) || scans < 1 || (uint64_t)scans > node->n_in)
        return 1;
    const wt_shape *s = shape_of(node->in, node->n_in, node->n_in - (size_t)scans);
    const wt_attr *axes = wt_attr_find(&node->attrs, "scan_input_axes");
    const int axis = wt_axis(axes && axes->type == WT_ATTR_INTS && axes->count ? axes->v.ints[0] : 0, s->rank, false);
    return axis >= 0 && s->rank > 0 && s->dim[axis] >= 0 ? (uint64_t)s->dim[axis] : 1;
}

wt_macs wt_graph_macs(const wt_graph *graph)
{
    wt_macs sum = { 0 };
    for (const wt_node *node = graph->first; node; node = node->next) {
        const wt_macs subs = sub_macs(node);
        uint64_t own;
        if (wt_node_macs(node, &own))
            sum.macs = plus(sum.macs, own);
        else
            sum.unknown++;
        sum.macs = plus(sum.macs, times(subs.macs, rounds(node)));
        sum.unknown += subs.unknown;
    }
    return sum;
}
