/* control.c - If, Loop and Scan: bodies run on the calling member while the others wait.
 *
 * An If hands its branch's results on without copying: branches have their own part of the arena. What a loop carries
 * must survive the next iteration, which writes the same arena again, so it is copied into the region of run-time
 * values. */
#include "run/native/native.h"

static wt_tensor *tensor_of(wt_session *s, const wt_value *v) { return &s->now->tensors[v->id]; }

/* Shapes that were planned must be met. */
static wt_status assign_value(wt_session *s, const wt_value *to, const wt_tensor *from, wt_err *err)
{
    const wt_tensor *planned = &s->now->spec->slots[to->id].type;
    char a[96], b[96];
    if (planned->dtype != WT_DTYPE_NONE && planned->dtype != from->dtype)
        return wt_fail(err, WT_EFORMAT, "value '%s' is %s, %s was declared", to->name, wt_dtype_name(from->dtype),
                       wt_dtype_name(planned->dtype));
    bool fits = planned->shape.rank < 0 || planned->shape.rank == from->shape.rank;
    for (int d = 0; fits && d < planned->shape.rank; d++)
        fits = planned->shape.dim[d] < 0 || planned->shape.dim[d] == from->shape.dim[d];
    if (!fits)
        return wt_fail(err, WT_EFORMAT, "value '%s' has shape %s while running, %s was declared", to->name,
                       wt_shape_text(&from->shape, NULL, a, sizeof a),
                       wt_shape_text(&planned->shape, NULL, b, sizeof b));
    *tensor_of(s, to) = *from;
    return WT_OK;
}

static wt_status copy_tensor(wt_session *s, const wt_tensor *from, wt_tensor *out, wt_err *err)
{
    void *data = wt_arena_alloc(&s->dyn, from->bytes + 64, 1, err);
    if (!data)
        return WT_ENOMEM;
    if (s->dyn.total > s->plan->options.dynamic_limit)
        return wt_fail(err, WT_ELIMIT, "what the loop keeps takes more than the limit of %llu bytes",
                       (unsigned long long)s->plan->options.dynamic_limit);
    if (from->bytes)
        memcpy(data, from->data, from->bytes);
    *out = *from;
    out->data = data;
    return WT_OK;
}

static wt_status truth(const wt_tensor *t, const char *what, bool *out, wt_err *err)
{
    int64_t v;
    if (!t->data || !wt_tensor_int(t, 0, &v))
        return wt_fail(err, WT_EFORMAT, "%s is no boolean", what);
    *out = v != 0;
    return WT_OK;
}

static wt_status if_run(wt_session *s, const wt_step *step, wt_err *err)
{
    bool cond = false;
    WT_TRY(truth(tensor_of(s, step->node->in[0]), "the condition", &cond, err));
    const wt_program *branch = step->body[cond ? 0 : 1];
    if (branch->graph->n_outputs != step->node->n_out)
        return wt_fail(err, WT_EFORMAT, "the branch gives %zu results, %zu are expected", branch->graph->n_outputs,
                       step->node->n_out);
    WT_TRY(wt_program_run_alone(s, branch, err));
    for (size_t i = 0; i < step->node->n_out; i++)
        if (step->node->out[i])
            WT_TRY(assign_value(s, step->node->out[i], tensor_of(s, branch->graph->outputs[i]), err));
    return WT_OK;
}

/* --- what a loop collects: one tensor an iteration, stacked along an axis at the end
 * ---------------------------------- */
typedef struct stack {
    wt_tensor *items;
    size_t n, cap;
} stack;

static wt_status stack_add(wt_session *s, stack *k, const wt_tensor *t, wt_err *err)
{
    if (k->n == k->cap) {
        const size_t cap = k->cap ? 2 * k->cap : 16;
        wt_tensor *more = wt_arena_alloc(&s->dyn, cap, sizeof *more, err);
        if (!more)
            return WT_ENOMEM;
        if (k->n)
            memcpy(more, k->items, k->n * sizeof *more);
        k->items = more;
        k->cap = cap;
    }
    return copy_tensor(s, t, &k->items[k->n++], err);
}

static wt_status stack_join(wt_session *s, const stack *k, const wt_tensor *element, int64_t axis, bool reverse,
                            wt_tensor *out, wt_err *err)
{
    wt_tensor t = k->n ? k->items[0] : *element;
    const int rank = t.shape.rank + 1, at = wt_axis(axis, rank, false);
    if (rank > WT_MAX_RANK || at < 0)
        return wt_fail(err, WT_EFORMAT, "cannot stack results of rank %d along axis %lld", rank - 1, (long long)axis);
    for (size_t i = 1; i < k->n; i++)
        if (k->items[i].dtype != t.dtype || !wt_shape_equal(&k->items[i].shape, &t.shape))
            return wt_fail(err, WT_EFORMAT, "results of iterations 0 and %zu differ in shape and cannot be stacked", i);
    const size_t outer = (size_t)wt_shape_product(&t.shape, 0, at);
    memmove(&t.shape.dim[at + 1], &t.shape.dim[at], (size_t)(rank - 1 - at) * sizeof t.shape.dim[0]);
    t.shape.dim[at] = (int64_t)k->n;
    t.shape.rank = rank;
    for (int d = 0; d < rank; d++)
        if (t.shape.dim[d] < 0)
            t.shape.dim[d] = 0;
    if (!wt_tensor_size(&t, &t.bytes))
        return wt_fail(err, WT_EUNSUPPORTED, "the shape of what the loop collected is not known");
    char *data = wt_arena_alloc(&s->dyn, t.bytes + 64, 1, err);
    if (!data)
        return WT_ENOMEM;
    const size_t inner = k->n && outer ? k->items[0].bytes / outer : 0;
    for (size_t i = 0; i < k->n; i++) {
        const char *src = k->items[reverse ? k->n - 1 - i : i].data;
        for (size_t o = 0; o < outer; o++)
            memcpy(data + (o * k->n + i) * inner, src + o * inner, inner);
    }
    t.data = data;
    *out = t;
    return WT_OK;
}

/* Body results 'first..first+n' become the carried tensors of the next iteration. */
static wt_status carry(wt_session *s, const wt_graph *body, size_t first, wt_tensor *carried, size_t n, wt_err *err)
{
    for (size_t i = 0; i < n; i++)
        WT_TRY(copy_tensor(s, tensor_of(s, body->outputs[first + i]), &carried[i], err));
    return WT_OK;
}

static wt_status loop_iterations(wt_session *s, const wt_step *step, int64_t limit, bool go_on, wt_tensor *carried,
                                 size_t n_carried, stack *stacks, size_t n_stacks, wt_err *err)
{
    const wt_program *body = step->body[0];
    const wt_graph *g = body->graph;
    for (int64_t it = 0; (limit < 0 || it < limit) && go_on; it++) {
        const bool cond = true;
        wt_tensor number = { .dtype = WT_I64, .data = &it, .bytes = sizeof it },
                  flag = { .dtype = WT_BOOL, .data = &cond, .bytes = 1 };
        number.shape = tensor_of(s, g->inputs[0])->shape.rank == 1 ? wt_shape_make(1, (const int64_t[]){ 1 })
                                                                   : number.shape;
        flag.shape = tensor_of(s, g->inputs[1])->shape.rank == 1 ? wt_shape_make(1, (const int64_t[]){ 1 })
                                                                 : flag.shape;
        *tensor_of(s, g->inputs[0]) = number;
        *tensor_of(s, g->inputs[1]) = flag;
        for (size_t i = 0; i < n_carried; i++)
            WT_TRY(assign_value(s, g->inputs[2 + i], &carried[i], err));
        WT_TRY(wt_check_cancel(s->plan->ctx, err));
        WT_TRY(wt_program_run_alone(s, body, err));
        WT_TRY(truth(tensor_of(s, g->outputs[0]), "the loop's condition", &go_on, err));
        WT_TRY(carry(s, g, 1, carried, n_carried, err));
        for (size_t i = 0; i < n_stacks; i++)
            WT_TRY(stack_add(s, &stacks[i], tensor_of(s, g->outputs[1 + n_carried + i]), err));
    }
    return WT_OK;
}

static wt_status loop_run(wt_session *s, const wt_step *step, wt_err *err)
{
    const wt_node *n = step->node;
    const wt_graph *g = step->body[0]->graph;
    const size_t n_carried = n->n_in - 2;
    int64_t limit = -1;
    bool go_on = true;
    if (g->n_inputs != n->n_in || g->n_outputs < 1 + n_carried || g->n_outputs - 1 < n->n_out)
        return wt_fail(err, WT_EFORMAT,
                       "the loop's body has %zu inputs and %zu outputs, which do not match its %zu inputs", g->n_inputs,
                       g->n_outputs, n->n_in);
    const size_t n_stacks = g->n_outputs - 1 - n_carried;
    if (n->in[0] && !wt_tensor_int(tensor_of(s, n->in[0]), 0, &limit))
        return wt_fail(err, WT_EFORMAT, "the number of iterations is no integer");
    if (n->in[0] && limit < 0)
        limit = 0;
    if (n->in[1])
        WT_TRY(truth(tensor_of(s, n->in[1]), "the loop's condition", &go_on, err));
    wt_tensor *carried = wt_arena_alloc(&s->dyn, n_carried + 1, sizeof *carried, err);
    stack *stacks = wt_arena_alloc(&s->dyn, n_stacks + 1, sizeof *stacks, err);
    if (!carried || !stacks)
        return WT_ENOMEM;
    for (size_t i = 0; i < n_carried; i++)
        carried[i] = *tensor_of(s, n->in[2 + i]);
    WT_TRY(loop_iterations(s, step, limit, go_on, carried, n_carried, stacks, n_stacks, err));
    for (size_t i = 0; i < n->n_out; i++) {
        wt_tensor t;
        if (!n->out[i])
            continue;
        if (i < n_carried)
            t = carried[i];
        else
            WT_TRY(stack_join(s, &stacks[i - n_carried], &s->now->spec->slots[g->outputs[1 + i]->id].type, 0, false, &t,
                              err));
        WT_TRY(assign_value(s, n->out[i], &t, err));
    }
    return WT_OK;
}

/* --- Scan
 * ------------------------------------------------------------------------------------------------------------- */
static int64_t nth(const wt_node *n, const char *attr, size_t i, int64_t fallback)
{
    int64_t v[64];
    const size_t count = wt_attr_ints(&n->attrs, attr, v, WT_ARRAY_LEN(v));
    return i < count && i < WT_ARRAY_LEN(v) ? v[i] : fallback;
}

/* Element `index` of t along `axis`, copied out. */
static wt_status take_slice(wt_session *s, const wt_tensor *t, int axis, int64_t index, wt_tensor *out, wt_err *err)
{
    const size_t outer = (size_t)wt_shape_product(&t->shape, 0, axis), len = (size_t)t->shape.dim[axis];
    const size_t inner = t->bytes / (outer * len);
    char *data = wt_arena_alloc(&s->dyn, outer * inner + 64, 1, err);
    if (!data)
        return WT_ENOMEM;
    for (size_t o = 0; o < outer; o++)
        memcpy(data + o * inner, (const char *)t->data + (o * len + (size_t)index) * inner, inner);
    *out = *t;
    out->data = data;
    out->bytes = outer * inner;
    memmove(&out->shape.dim[axis], &out->shape.dim[axis + 1],
            (size_t)(t->shape.rank - 1 - axis) * sizeof out->shape.dim[0]);
    out->shape.rank--;
    return WT_OK;
}

typedef struct scan {
    size_t n_state, n_scan, n_stacks;
    int64_t length;
} scan;

static wt_status scan_check(wt_session *s, const wt_step *step, scan *sc, wt_err *err)
{
    const wt_node *n = step->node;
    const wt_graph *g = step->body[0]->graph;
    const int64_t m = wt_attr_int(&n->attrs, "num_scan_inputs", 0);
    if (m < 1 || (size_t)m > n->n_in || g->n_inputs != n->n_in || g->n_outputs != n->n_out)
        return wt_fail(err, WT_EFORMAT,
                       "num_scan_inputs %lld does not fit %zu inputs and a body of %zu inputs and %zu outputs",
                       (long long)m, n->n_in, g->n_inputs, g->n_outputs);
    sc->n_scan = (size_t)m;
    sc->n_state = n->n_in - sc->n_scan;
    if (g->n_outputs < sc->n_state)
        return wt_fail(err, WT_EFORMAT, "the body gives %zu results for %zu state values", g->n_outputs, sc->n_state);
    sc->n_stacks = g->n_outputs - sc->n_state;
    for (size_t i = 0; i < sc->n_scan; i++) {
        const wt_tensor *t = tensor_of(s, n->in[sc->n_state + i]);
        const int axis = wt_axis(nth(n, "scan_input_axes", i, 0), t->shape.rank, false);
        if (axis < 0 || (i && t->shape.dim[axis] != sc->length))
            return wt_fail(err, WT_EFORMAT, "scan input %zu has no axis to scan, or another length than the first", i);
        sc->length = t->shape.dim[axis];
    }
    return WT_OK;
}

static wt_status scan_iteration(wt_session *s, const wt_step *step, const scan *sc, int64_t it, wt_tensor *state,
                                stack *stacks, wt_err *err)
{
    const wt_node *n = step->node;
    const wt_graph *g = step->body[0]->graph;
    for (size_t i = 0; i < sc->n_state; i++)
        WT_TRY(assign_value(s, g->inputs[i], &state[i], err));
    for (size_t i = 0; i < sc->n_scan; i++) {
        wt_tensor slice;
        const wt_tensor *t = tensor_of(s, n->in[sc->n_state + i]);
        const bool back = nth(n, "scan_input_directions", i, 0) != 0;
        WT_TRY(take_slice(s, t, wt_axis(nth(n, "scan_input_axes", i, 0), t->shape.rank, false),
                          back ? sc->length - 1 - it : it, &slice, err));
        WT_TRY(assign_value(s, g->inputs[sc->n_state + i], &slice, err));
    }
    WT_TRY(wt_program_run_alone(s, step->body[0], err));
    WT_TRY(carry(s, g, 0, state, sc->n_state, err));
    for (size_t i = 0; i < sc->n_stacks; i++)
        WT_TRY(stack_add(s, &stacks[i], tensor_of(s, g->outputs[sc->n_state + i]), err));
    return WT_OK;
}

static wt_status scan_run(wt_session *s, const wt_step *step, wt_err *err)
{
    const wt_node *n = step->node;
    scan sc = { 0 };
    WT_TRY(scan_check(s, step, &sc, err));
    wt_tensor *state = wt_arena_alloc(&s->dyn, sc.n_state + 1, sizeof *state, err);
    stack *stacks = wt_arena_alloc(&s->dyn, sc.n_stacks + 1, sizeof *stacks, err);
    if (!state || !stacks)
        return WT_ENOMEM;
    for (size_t i = 0; i < sc.n_state; i++)
        state[i] = *tensor_of(s, n->in[i]);
    for (int64_t it = 0; it < sc.length; it++) {
        WT_TRY(wt_check_cancel(s->plan->ctx, err));
        WT_TRY(scan_iteration(s, step, &sc, it, state, stacks, err));
    }
    for (size_t i = 0; i < n->n_out; i++) {
        wt_tensor t;
        if (!n->out[i])
            continue;
        const size_t k = i - sc.n_state;
        if (i < sc.n_state)
            t = state[i];
        else
            WT_TRY(stack_join(s, &stacks[k], &s->now->spec->slots[step->body[0]->graph->outputs[i]->id].type,
                              nth(n, "scan_output_axes", k, 0), nth(n, "scan_output_directions", k, 0) != 0, &t, err));
        WT_TRY(assign_value(s, n->out[i], &t, err));
    }
    return WT_OK;
}

wt_status wt_control_run(wt_session *s, const wt_step *step, wt_err *err)
{
    switch (step->node->op->code) {
    case WT_OP_IF: return if_run(s, step, err);
    case WT_OP_LOOP: return loop_run(s, step, err);
    case WT_OP_SCAN: return scan_run(s, step, err);
    default: return wt_fail(err, WT_EINTERNAL, "%s is no control operator", step->node->op_type);
    }
}
