/* graph_infer_control.c - shapes through If, Loop and Scan.
 *
 * If: an output has what both branches agree on; when the condition is known, what the taken branch says. A branch
 * whose shapes contradict each other cannot be the one taken (exporters guard on ranks that way), so it has no say.
 *
 * Loop and Scan: the carried values' shapes are a fixpoint: begin with what comes in, run the body, forget what
 * changed, again until nothing does. Inner loops of inner loops skip the search and carry unknown ranks, so that
 * nesting cannot multiply the work. */
#include "model/graph_infer.h"

enum { ROUNDS = 4, SEARCHED_LOOPS = 2 };

/* What is true of both shapes. */
static wt_shape common_shape(const wt_shape *a, const wt_shape *b)
{
    wt_shape s = { .rank = -1 };
    if (a->rank < 0 || a->rank != b->rank)
        return s;
    s.rank = a->rank;
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = a->dim[i] == b->dim[i] ? a->dim[i] : WT_DIM_ANY;
    return s;
}

static wt_status body_of(const wt_node *node, const char *attr, wt_graph **out, wt_err *err)
{
    *out = wt_node_subgraph(node, attr);
    return *out ? WT_OK : wt_fail(err, WT_EFORMAT, "the graph attribute %s is missing", attr);
}

/* --- If ------------------------------------------------------------------------------------------------------------
 */
bool wt_infer_if_taken(const wt_node *node, int64_t *taken)
{
    wt_tensor t;
    int64_t n;
    if (!node->n_in || !node->in[0])
        return false;
    wt_infer_type_of(node->in[0], &t);
    return t.data && wt_shape_count(&t.shape, &n) && n == 1 && wt_tensor_int(&t, 0, taken);
}

/* Outputs of the branches that can be taken, into the node's. */
static wt_status merge_branches(wt_inferrer *c, wt_node *node, wt_graph *const *branches, const bool *possible,
                                wt_err *err)
{
    for (size_t i = 0; i < node->n_out; i++) {
        wt_tensor merged = { .shape = { .rank = -1 } };
        bool any = false;
        for (int b = 0; b < 2; b++) {
            wt_tensor t;
            if (!possible[b])
                continue;
            wt_infer_type_of(branches[b]->outputs[i], &t);
            if (any && merged.dtype != t.dtype && merged.dtype != WT_DTYPE_NONE && t.dtype != WT_DTYPE_NONE)
                return wt_fail(err, WT_EFORMAT, "output %zu is %s in one branch and %s in the other", i,
                               wt_dtype_name(merged.dtype), wt_dtype_name(t.dtype));
            if (any) {
                merged.dtype = merged.dtype ? merged.dtype : t.dtype;
                merged.shape = common_shape(&merged.shape, &t.shape);
                merged.data = NULL;
            } else {
                merged = t;
            }
            any = true;
        }
        if (node->out[i])
            WT_TRY(wt_infer_record(c, node->out[i], &merged, err));
    }
    return WT_OK;
}

static wt_status infer_if(wt_inferrer *c, wt_node *node, wt_err *err)
{
    static const char *const attrs[2] = { "then_branch", "else_branch" };
    wt_graph *branches[2];
    bool possible[2] = { true, true };
    wt_err reason[2];
    int64_t taken;
    for (int b = 0; b < 2; b++) {
        WT_TRY(body_of(node, attrs[b], &branches[b], err));
        if (branches[b]->n_outputs != node->n_out)
            return wt_fail(err, WT_EFORMAT, "%s has %zu outputs, the node %zu", attrs[b], branches[b]->n_outputs,
                           node->n_out);
    }
    for (int b = 0; b < 2; b++) {
        reason[b] = (wt_err){ .offset = WT_NO_OFFSET };
        const wt_status st = wt_infer_subgraph(c, branches[b], &reason[b]);
        possible[b] = st == WT_OK;
        if (st != WT_OK && st != WT_EFORMAT) {
            if (err)
                *err = reason[b];
            return st;
        }
    }
    if (wt_infer_if_taken(node, &taken) && possible[taken ? 0 : 1])
        possible[taken ? 1 : 0] = false;
    if (!possible[0] && !possible[1]) {
        if (err)
            *err = reason[0];
        return WT_EFORMAT;
    }
    for (int b = 0; b < 2; b++)
        if (reason[b].code != WT_OK)
            wt_log(node->graph->root->ctx, WT_LOG_DEBUG, "If '%s': %s cannot be taken: %s: %s", node->name, attrs[b],
                   reason[b].where, reason[b].message);
    return merge_branches(c, node, branches, possible, err);
}

/* --- Loop and Scan ---------------------------------------------------------------------------------------------------
 */
typedef struct carried {
    wt_value *body_in, *body_out;
    wt_tensor type; /* what holds in every round */
} carried;

static wt_status set_carried(wt_inferrer *c, const carried *list, size_t n, wt_err *err)
{
    for (size_t i = 0; i < n; i++)
        WT_TRY(wt_infer_record(c, list[i].body_in, &list[i].type, err));
    return WT_OK;
}

/* True when the body's results are covered by what was assumed; otherwise assumes less. */
static bool settle(carried *list, size_t n)
{
    bool settled = true;
    for (size_t i = 0; i < n; i++) {
        const wt_shape before = list[i].type.shape;
        list[i].type.shape = common_shape(&before, &list[i].body_out->type.shape);
        if (list[i].type.dtype == WT_DTYPE_NONE)
            list[i].type.dtype = list[i].body_out->type.dtype;
        settled &= wt_shape_equal(&before, &list[i].type.shape);
    }
    return settled;
}

static wt_status find_fixpoint(wt_inferrer *c, wt_graph *body, carried *list, size_t n, wt_err *err)
{
    for (int round = 0; round < ROUNDS && c->loops <= SEARCHED_LOOPS; round++) {
        wt_err reason = { .offset = WT_NO_OFFSET };
        WT_TRY(set_carried(c, list, n, err));
        const wt_status st = wt_infer_subgraph(c, body, &reason);
        if (st == WT_EFORMAT)
            break; /* perhaps only for shapes that a loop of no iterations has: see whether it holds without them */
        if (st != WT_OK) {
            if (err)
                *err = reason;
            return st;
        }
        if (settle(list, n))
            return WT_OK;
    }
    for (size_t i = 0; i < n; i++)
        list[i].type.shape.rank = -1;
    WT_TRY(set_carried(c, list, n, err));
    WT_TRY(wt_infer_subgraph(c, body, err));
    settle(list, n);
    return WT_OK;
}

/* Where the carried values stand: node->in[in + i], body->inputs[body_in + i], body->outputs[body_out + i],
 * node->out[i]. */
typedef struct carried_form {
    size_t n, in, body_in, body_out;
} carried_form;

static wt_status run_body(wt_inferrer *c, wt_node *node, wt_graph *body, carried_form form, wt_err *err)
{
    carried *list = wt_arena_alloc(&c->scratch, form.n, sizeof *list, err);
    if (!list)
        return WT_ENOMEM;
    for (size_t i = 0; i < form.n; i++) {
        carried *v = &list[i];
        v->body_in = body->inputs[form.body_in + i];
        v->body_out = body->outputs[form.body_out + i];
        v->type = (wt_tensor){ .shape = { .rank = -1 } };
        if (node->in[form.in + i])
            wt_infer_type_of(node->in[form.in + i], &v->type);
        v->type.data = NULL;
        v->type.bytes = 0;
    }
    c->loops++;
    const wt_status st = find_fixpoint(c, body, list, form.n, err);
    c->loops--;
    WT_TRY(st);
    for (size_t i = 0; i < form.n && i < node->n_out; i++)
        if (node->out[i])
            WT_TRY(wt_infer_record(c, node->out[i], &list[i].type, err));
    return WT_OK;
}

/* What a round yields, with a new axis of `length` at `axis`. */
static wt_status record_stacked(wt_inferrer *c, wt_value *out, const wt_value *slice, int64_t axis, int64_t length,
                                wt_err *err)
{
    wt_tensor t = { .dtype = wt_value_dtype(slice), .shape = { .rank = -1 } };
    const wt_shape *s = &slice->type.shape;
    if (s->rank >= 0) {
        const int at = wt_axis(axis, s->rank + 1, false);
        if (s->rank == WT_MAX_RANK || at < 0)
            return wt_fail(err, WT_EFORMAT, "scan output '%s' cannot get an axis %lld: a round yields rank %d",
                           out->name, (long long)axis, s->rank);
        t.shape.rank = s->rank + 1;
        for (int i = 0; i < t.shape.rank; i++)
            t.shape.dim[i] = i < at ? s->dim[i] : i == at ? length : s->dim[i - 1];
    }
    return wt_infer_record(c, out, &t, err);
}

static wt_status fail_body(const wt_node *node, const wt_graph *body, wt_err *err)
{
    return wt_fail(err, WT_EFORMAT,
                   "the body has %zu inputs and %zu outputs, which does not fit the node's %zu and %zu", body->n_inputs,
                   body->n_outputs, node->n_in, node->n_out);
}

/* Body: (iteration, condition, carried...) -> (condition, carried..., scan outputs...). */
static wt_status infer_loop(wt_inferrer *c, wt_node *node, wt_err *err)
{
    wt_graph *body;
    WT_TRY(body_of(node, "body", &body, err));
    const size_t n = node->n_in < 2 ? 0 : node->n_in - 2;
    if (node->n_in < 2 || body->n_inputs != n + 2 || body->n_outputs < n + 1 || node->n_out > body->n_outputs - 1)
        return fail_body(node, body, err);
    /* Both may be declared as scalars or as one element: what the file says is right. */
    const wt_tensor iteration = { .dtype = WT_I64, .shape = { .rank = -1 } };
    const wt_tensor condition = { .dtype = WT_BOOL, .shape = { .rank = -1 } };
    WT_TRY(wt_infer_record(c, body->inputs[0], &iteration, err));
    WT_TRY(wt_infer_record(c, body->inputs[1], &condition, err));
    WT_TRY(run_body(c, node, body, (carried_form){ n, 2, 2, 1 }, err));
    for (size_t i = n; i < node->n_out; i++)
        if (node->out[i])
            WT_TRY(record_stacked(c, node->out[i], body->outputs[1 + i], 0, WT_DIM_ANY, err));
    return WT_OK;
}

/* Element i of a list attribute; 0 when it is absent or too short. */
static int64_t axis_at(const wt_node *node, const char *name, size_t i)
{
    const wt_attr *a = wt_attr_find(&node->attrs, name);
    return a && a->type == WT_ATTR_INTS && i < a->count ? a->v.ints[i] : 0;
}

/* One slice of a scan input goes to the body; *length, if still unknown, becomes the number of slices. */
static wt_status slice_input(wt_inferrer *c, const wt_node *node, size_t scan, const wt_value *in, wt_value *slice,
                             int64_t *length, wt_err *err)
{
    wt_tensor t = { .shape = { .rank = -1 } };
    if (in)
        wt_infer_type_of(in, &t);
    t.data = NULL;
    t.bytes = 0;
    if (t.shape.rank >= 0) {
        const int at = wt_axis(axis_at(node, "scan_input_axes", scan), t.shape.rank, false);
        if (at < 0)
            return wt_fail(err, WT_EFORMAT, "scan input %zu has rank %d, and no axis %lld", scan, t.shape.rank,
                           (long long)axis_at(node, "scan_input_axes", scan));
        const int64_t d = t.shape.dim[at];
        if (*length >= 0 && d >= 0 && d != *length)
            return wt_fail(err, WT_EFORMAT, "scan inputs are %lld and %lld long", (long long)*length, (long long)d);
        if (*length < 0 && d != WT_DIM_ANY)
            *length = d;
        t.shape.rank--;
        for (int i = at; i < t.shape.rank; i++)
            t.shape.dim[i] = t.shape.dim[i + 1];
    }
    return wt_infer_record(c, slice, &t, err);
}

/* Body: (states..., slices...) -> (states..., scan outputs...). */
static wt_status infer_scan(wt_inferrer *c, wt_node *node, wt_err *err)
{
    wt_graph *body;
    int64_t length = WT_DIM_ANY;
    WT_TRY(body_of(node, "body", &body, err));
    const int64_t n_scans = wt_attr_int(&node->attrs, "num_scan_inputs", 0);
    if (n_scans < 1 || (uint64_t)n_scans > node->n_in)
        return wt_fail(err, WT_EFORMAT, "num_scan_inputs is %lld, and the node has %zu inputs", (long long)n_scans,
                       node->n_in);
    const size_t n = node->n_in - (size_t)n_scans;
    if (body->n_inputs != node->n_in || body->n_outputs < n || node->n_out > body->n_outputs)
        return fail_body(node, body, err);
    for (size_t i = n; i < node->n_in; i++)
        WT_TRY(slice_input(c, node, i - n, node->in[i], body->inputs[i], &length, err));
    WT_TRY(run_body(c, node, body, (carried_form){ n, 0, 0, 0 }, err));
    for (size_t i = n; i < node->n_out; i++)
        if (node->out[i])
            WT_TRY(record_stacked(c, node->out[i], body->outputs[i], axis_at(node, "scan_output_axes", i - n), length,
                                  err));
    return WT_OK;
}

wt_status wt_infer_control(wt_inferrer *c, wt_node *node, wt_err *err)
{
    switch (node->op->code) {
    case WT_OP_IF: return infer_if(c, node, err);
    case WT_OP_LOOP: return infer_loop(c, node, err);
    case WT_OP_SCAN: return infer_scan(c, node, err);
    default: return wt_fail(err, WT_EINTERNAL, "%s is no control operator", node->op_type);
    }
}
