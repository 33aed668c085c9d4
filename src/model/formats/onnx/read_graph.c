/* read_graph.c - GraphProto and NodeProto.
 *
 * Order: initializers, inputs, all outputs of nodes, then the nodes with their subgraphs, then the graph's outputs and
 * what value_info says; so a name may be used before the file defines it, and wt_graph_sort() finds cycles. Constant
 * nodes become constants of the graph. Files before IR version 4 list every initializer as an input too, and nobody
 * means that as a default: those are constants. Later files mean it: an input with a default. */
#include "reader.h"

enum { FIRST_IR_WITH_DEFAULTS = 4, SHOWN = 120 /* bytes of a name in a message */ };
#define NAME_ARGS(s) (int)((s).len < SHOWN ? (s).len : SHOWN), (s).data ? (s).data : ""

typedef struct node_parts {
    wt_pb msg;
    wt_string name, op_type, domain, overload;
    size_t n_in, n_out, n_attrs;
} node_parts;

/* The name as the graph knows it, NUL-terminated, valid until the next call. */
static wt_status full_name(wt_reader *rd, const wt_frame *frame, wt_string name, wt_err *err)
{
    const size_t prefix = frame ? frame->prefix_len : 0;
    WT_TRY(wt_grow(rd->ctx, (void **)&rd->key, &rd->cap_key, prefix + name.len + 1, 1, err));
    if (prefix)
        memcpy(rd->key, frame->prefix, prefix);
    if (name.len)
        memcpy(rd->key + prefix, name.data, name.len);
    rd->key[prefix + name.len] = '\0';
    return WT_OK;
}

wt_status wt_onnx_lookup(wt_reader *rd, const wt_frame *frame, const wt_graph *graph, wt_string name, wt_value **out,
                         bool *found, wt_err *err)
{
    void *formal = NULL;
    WT_TRY(full_name(rd, frame, name, err));
    *out = wt_graph_find(graph, rd->key);
    *found = *out != NULL;
    if (!*found && frame &&
        (wt_names_get(&frame->inputs, name, &formal) || wt_names_get(&frame->outputs, name, &formal))) {
        *out = formal;
        *found = true;
    }
    return WT_OK;
}

wt_status wt_onnx_declare(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_string name, uint64_t offset,
                          wt_value **out, wt_err *err)
{
    WT_TRY(full_name(rd, frame, name, err));
    const wt_value *taken = wt_graph_find(graph, rd->key);
    if (!name.len)
        return wt_fail_at(err, WT_EFORMAT, offset, "a value without a name");
    if (taken && taken->graph == graph)
        return wt_fail_at(err, WT_EFORMAT, offset, "two values are named \"%.*s\"", NAME_ARGS(name));
    WT_TRY(wt_graph_add_value(out, graph, rd->key, err));
    (*out)->source = offset;
    return WT_OK;
}

static wt_status scan_node(wt_pb msg, node_parts *p, wt_err *err)
{
    *p = (node_parts){ .msg = msg };
    wt_pb_field f;
    wt_string s = { 0 };
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &f, &st, err)) {
        switch (f.number) {
        case NODE_INPUT:
            WT_TRY(wt_onnx_text(&f, "NodeProto.input", &s, err));
            p->n_in++;
            break;
        case NODE_OUTPUT:
            WT_TRY(wt_onnx_text(&f, "NodeProto.output", &s, err));
            p->n_out++;
            break;
        case NODE_NAME: WT_TRY(wt_onnx_text(&f, "NodeProto.name", &p->name, err)); break;
        case NODE_OP_TYPE: WT_TRY(wt_onnx_text(&f, "NodeProto.op_type", &p->op_type, err)); break;
        case NODE_DOMAIN: WT_TRY(wt_onnx_text(&f, "NodeProto.domain", &p->domain, err)); break;
        case NODE_OVERLOAD: WT_TRY(wt_onnx_text(&f, "NodeProto.overload", &p->overload, err)); break;
        case NODE_ATTRIBUTE: p->n_attrs++; break;
        default: break;
        }
    }
    if (st == WT_OK && !p->op_type.len)
        st = wt_fail_at(err, WT_EFORMAT, p->msg.offset, "a node without op_type");
    if (p->domain.len == 7 && !memcmp(p->domain.data, "ai.onnx", 7))
        p->domain.len = 0;
    return st;
}

/* The caller's value for an output of the function whose body these nodes are; NULL: none. */
static wt_value *formal_output(const wt_frame *frame, const wt_graph *graph, wt_string name)
{
    void *value = NULL;
    return frame && frame->graph == graph && wt_names_get(&frame->outputs, name, &value) ? value : NULL;
}

wt_status wt_onnx_declare_outputs(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const wt_pb_list *nodes,
                                  wt_err *err)
{
    for (size_t i = 0; i < nodes->count; i++) {
        wt_pb msg = nodes->items[i];
        wt_pb_field f;
        wt_status st = WT_OK;
        while (wt_pb_next(&msg, &f, &st, err)) {
            wt_string name = { 0 };
            void *formal = NULL;
            wt_value *value = NULL;
            if (f.number != NODE_OUTPUT)
                continue;
            WT_TRY(wt_onnx_text(&f, "NodeProto.output", &name, err));
            if (frame && frame->graph == graph && wt_names_get(&frame->inputs, name, &formal))
                return wt_fail_at(err, WT_EFORMAT, f.offset, "a function's node makes its input \"%.*s\"",
                                  NAME_ARGS(name));
            if (name.len && !formal_output(frame, graph, name))
                WT_TRY(wt_onnx_declare(rd, frame, graph, name, f.offset, &value, err));
        }
        WT_TRY(st);
    }
    return WT_OK;
}

/* Inputs and outputs of a node as values; omitted ones at the end are dropped. */
static wt_status resolve(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const node_parts *p, wt_call *call,
                         wt_err *err)
{
    call->in = wt_arena_alloc(&rd->scratch, p->n_in + p->n_out + 1, sizeof *call->in, err);
    if (!call->in)
        return WT_ENOMEM;
    call->out = call->in + p->n_in;
    size_t in = 0, out = 0;
    wt_pb msg = p->msg;
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &f, &st, err)) {
        wt_string name = { (const char *)f.data, f.len };
        bool found = true;
        if (f.number == NODE_INPUT) {
            if (name.len)
                WT_TRY(wt_onnx_lookup(rd, frame, graph, name, &call->in[in], &found, err));
            if (!found)
                return wt_fail_at(err, WT_EFORMAT, f.offset, "input %zu is \"%.*s\", which nothing defines", in,
                                  NAME_ARGS(name));
            if (call->in[in++])
                call->n_in = in;
        } else if (f.number == NODE_OUTPUT) {
            wt_value *v = formal_output(frame, graph, name);
            if (name.len && !v)
                WT_TRY(wt_onnx_lookup(rd, frame, graph, name, &v, &found, err));
            if (v && (v->producer || v->is_input || v->type.data))
                return wt_fail_at(err, WT_EFORMAT, f.offset, "two nodes make \"%.*s\"", NAME_ARGS(name));
            call->out[out++] = v;
            call->n_out = out; /* an omitted last output counts: the parts of a Split are as many as it has outputs */
        }
    }
    return st;
}

/* The value of a Constant node: one attribute, in one of eight forms. */
static wt_status constant_tensor(wt_reader *rd, const wt_call *call, wt_tensor *t, wt_err *err)
{
    const wt_attr *a = NULL;
    static const char *const forms[] = { "value",     "sparse_value", "value_float",  "value_floats",
                                         "value_int", "value_ints",   "value_string", "value_strings" };
    for (size_t i = 0; i < WT_ARRAY_LEN(forms) && !a; i++)
        a = wt_attr_find(&call->attrs, forms[i]);
    if (!a)
        return wt_fail_at(err, WT_EFORMAT, call->offset, "a Constant node without a value");
    *t = (wt_tensor){ 0 };
    const void *data = NULL;
    switch (a->type) {
    case WT_ATTR_TENSOR: *t = *a->v.tensor; return WT_OK;
    case WT_ATTR_FLOAT: t->dtype = WT_F32, data = &a->v.f; break;
    case WT_ATTR_INT: t->dtype = WT_I64, data = &a->v.i; break;
    case WT_ATTR_STRING: t->dtype = WT_STRING, data = &a->v.s; break;
    case WT_ATTR_FLOATS: t->dtype = WT_F32, t->data = a->v.floats; break;
    case WT_ATTR_INTS: t->dtype = WT_I64, t->data = a->v.ints; break;
    case WT_ATTR_STRINGS: t->dtype = WT_STRING, t->data = a->v.strings; break;
    default:
        return wt_fail_at(err, WT_EFORMAT, call->offset, "attribute \"%s\" of a Constant node is no value", a->name);
    }
    if (!data) {
        t->shape.rank = 1;
        t->shape.dim[0] = (int64_t)a->count;
    }
    t->bytes = a->count * wt_dtype_get(t->dtype)->block_bytes;
    if (!data)
        return WT_OK;
    t->data = wt_arena_alloc(rd->arena, 1, t->bytes, err);
    if (!t->data)
        return WT_ENOMEM;
    memcpy(wt_tensor_mut(t), data, t->bytes);
    return WT_OK;
}

static wt_status add_constant(wt_reader *rd, const wt_call *call, wt_err *err)
{
    wt_tensor t;
    if (call->n_in || call->n_out > 1)
        return wt_fail_at(err, WT_EFORMAT, call->offset, "a Constant node has %zu inputs and %zu outputs", call->n_in,
                          call->n_out);
    if (!call->n_out || !call->out[0])
        return WT_OK;
    WT_TRY(constant_tensor(rd, call, &t, err));
    return wt_graph_set_constant(call->out[0], &t, err);
}

wt_status wt_onnx_add_node(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const wt_call *call, wt_err *err)
{
    wt_node *node = NULL;
    WT_TRY(wt_graph_add_node(&node, graph, NULL, call->domain, call->op_type, call->name, call->in, call->n_in,
                             call->out, call->n_out, &call->attrs, err));
    node->source = call->offset;
    const size_t id = node->id;
    const int64_t version = wt_onnx_version(rd, frame, call->domain);
    if (!version && !call->domain[0])
        return wt_fail_at(err, WT_EFORMAT, call->offset,
                          "an operator of ai.onnx, but the model imports no opset of it");
    WT_TRY(wt_grow(rd->ctx, (void **)&rd->version, &rd->cap_version, id + 1, sizeof *rd->version, err));
    rd->version[id] = version ? (int32_t)version : 1;
    return WT_OK;
}

static wt_status add_node(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const node_parts *p, wt_call *call,
                          wt_err *err)
{
    wt_pb_list attrs = { 0 };
    struct wt_function *function = NULL;
    WT_TRY(wt_onnx_copy(&rd->scratch, p->op_type, &call->op_type, err));
    WT_TRY(wt_onnx_copy(&rd->scratch, p->domain, &call->domain, err));
    WT_TRY(resolve(rd, frame, graph, p, call, err));
    if (p->n_attrs)
        WT_TRY(wt_onnx_list(rd, p->msg, NODE_ATTRIBUTE, "NodeProto.attribute", &attrs, err));
    WT_TRY(wt_onnx_read_attrs(rd, frame, graph, &attrs, &call->attrs, err));
    if (!p->domain.len && p->op_type.len == 8 && !memcmp(p->op_type.data, "Constant", 8))
        return add_constant(rd, call, err);
    WT_TRY(wt_onnx_find_function(rd, p->domain, p->op_type, p->overload, &function, err));
    if (function)
        return wt_onnx_inline(rd, frame, graph, function, call, err);
    return wt_onnx_add_node(rd, frame, graph, call, err);
}

/* Inside a function with its prefix, like the values: two calls must not make two nodes of one name. */
static wt_status node_name(wt_reader *rd, const wt_frame *frame, wt_string name, const char **out, wt_err *err)
{
    *out = "";
    if (!name.len)
        return WT_OK;
    WT_TRY(full_name(rd, frame, name, err));
    return wt_onnx_copy(&rd->scratch, (wt_string){ rd->key, strlen(rd->key) }, out, err);
}

wt_status wt_onnx_read_nodes(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const wt_pb_list *nodes,
                             wt_err *err)
{
    for (size_t i = 0; i < nodes->count; i++) {
        node_parts p;
        wt_call call = { .offset = nodes->items[i].offset };
        if (i % 1024 == 0)
            WT_TRY(wt_check_cancel(rd->ctx, err));
        WT_TRY(scan_node(nodes->items[i], &p, err));
        WT_TRY(node_name(rd, frame, p.name, &call.name, err));
        const wt_status st = add_node(rd, frame, graph, &p, &call, err);
        if (st != WT_OK) {
            wt_err_where(err, "node \"%.*s\" (%.*s)", NAME_ARGS(p.name), NAME_ARGS(p.op_type));
            if (err && err->offset == WT_NO_OFFSET)
                err->offset = nodes->items[i].offset;
            return st;
        }
    }
    return WT_OK;
}

static wt_status read_initializers(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_pb msg, bool sparse,
                                   wt_err *err)
{
    wt_pb_list list;
    WT_TRY(wt_onnx_list(rd, msg, sparse ? GRAPH_SPARSE_INITIALIZER : GRAPH_INITIALIZER, "GraphProto.initializer", &list,
                        err));
    for (size_t i = 0; i < list.count; i++) {
        wt_tensor t;
        wt_string name = { 0 };
        wt_value *v = NULL;
        WT_TRY(sparse ? wt_onnx_read_sparse(rd, list.items[i], &t, &name, err)
                      : wt_onnx_read_tensor_proto(rd, list.items[i], &t, &name, err));
        if (!name.len)
            return wt_fail_at(err, WT_EFORMAT, list.items[i].offset, "an initializer without a name");
        WT_TRY(wt_onnx_declare(rd, frame, graph, name, list.items[i].offset, &v, err));
        WT_TRY(wt_graph_set_constant(v, &t, err));
    }
    return WT_OK;
}

static wt_status read_input(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_pb msg, wt_err *err)
{
    wt_string name = { 0 };
    wt_pb type;
    wt_value *v = NULL;
    bool found = false;
    WT_TRY(wt_onnx_read_info(rd, msg, &name, &type, err));
    WT_TRY(wt_onnx_lookup(rd, frame, graph, name, &v, &found, err));
    if (v && v->graph == graph && v->type.data && !v->is_input) { /* an initializer: its own shape is what counts */
        if (rd->ir_version < FIRST_IR_WITH_DEFAULTS)
            return WT_OK;
        return wt_graph_add_input(graph, v, err);
    }
    v = NULL;
    WT_TRY(wt_onnx_declare(rd, frame, graph, name, msg.offset, &v, err));
    if (type.pos)
        WT_TRY(wt_onnx_read_type(rd, type, v, err));
    return wt_graph_add_input(graph, v, err);
}

/* A subgraph may give out a value of the outside, or one value twice; in the IR an output belongs to its graph, and
 * once, so such an output becomes a copy. */
static wt_status add_copied_output(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_value *from,
                                   uint64_t offset, wt_err *err)
{
    wt_value *copy = NULL;
    WT_TRY(wt_graph_add_value(&copy, graph, NULL, err));
    copy->source = offset;
    const wt_call call = { .name = "",
                           .op_type = "Identity",
                           .domain = "",
                           .in = &from,
                           .n_in = 1,
                           .out = &copy,
                           .n_out = 1,
                           .offset = offset };
    WT_TRY(wt_onnx_add_node(rd, frame, graph, &call, err));
    return wt_graph_add_output(graph, copy, err);
}

static wt_status read_output(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_pb msg, wt_err *err)
{
    wt_string name = { 0 };
    wt_pb type;
    wt_value *v = NULL;
    bool found = false;
    WT_TRY(wt_onnx_read_info(rd, msg, &name, &type, err));
    WT_TRY(wt_onnx_lookup(rd, frame, graph, name, &v, &found, err));
    if (!v)
        return wt_fail_at(err, WT_EFORMAT, msg.offset, "the graph's output \"%.*s\" is defined nowhere",
                          NAME_ARGS(name));
    if (v->is_output && v->graph == graph && graph == rd->root)
        return wt_fail_at(err, WT_EFORMAT, msg.offset, "the graph lists output \"%.*s\" twice", NAME_ARGS(name));
    if (v->is_output || v->graph != graph)
        return add_copied_output(rd, frame, graph, v, msg.offset, err);
    if (type.pos && !v->is_input && !v->type.data)
        WT_TRY(wt_onnx_read_type(rd, type, v, err));
    return wt_graph_add_output(graph, v, err);
}

static wt_status read_value_info(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_pb msg, wt_err *err)
{
    wt_string name = { 0 };
    wt_pb type;
    wt_value *v = NULL;
    bool found = false;
    WT_TRY(wt_onnx_read_info(rd, msg, &name, &type, err));
    if (!name.len || !type.pos)
        return WT_OK;
    WT_TRY(wt_onnx_lookup(rd, frame, graph, name, &v, &found, err));
    if (v && v->graph == graph && !v->is_input && !v->type.data) /* else it says nothing that is not known already */
        return wt_onnx_read_type(rd, type, v, err);
    return WT_OK;
}

typedef wt_status entry_fn(wt_reader *, const wt_frame *, wt_graph *, wt_pb, wt_err *);
static wt_status each(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_pb msg, uint32_t number, entry_fn *fn,
                      wt_err *err)
{
    wt_pb_list list;
    WT_TRY(wt_onnx_list(rd, msg, number, "GraphProto", &list, err));
    for (size_t i = 0; i < list.count; i++)
        WT_TRY(fn(rd, frame, graph, list.items[i], err));
    return WT_OK;
}

static wt_status read_name(wt_reader *rd, wt_graph *graph, wt_pb msg, wt_err *err)
{
    wt_pb_field f;
    wt_string name = { "", 0 };
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &f, &st, err))
        if (f.number == GRAPH_NAME)
            WT_TRY(wt_onnx_text(&f, "GraphProto.name", &name, err));
    WT_TRY(st);
    return wt_onnx_copy(rd->arena, name, &graph->name, err);
}

static wt_status read_parts(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_pb msg, wt_err *err)
{
    wt_pb_list nodes;
    WT_TRY(read_name(rd, graph, msg, err));
    WT_TRY(read_initializers(rd, frame, graph, msg, false, err));
    WT_TRY(read_initializers(rd, frame, graph, msg, true, err));
    WT_TRY(each(rd, frame, graph, msg, GRAPH_INPUT, read_input, err));
    WT_TRY(wt_onnx_list(rd, msg, GRAPH_NODE, "GraphProto.node", &nodes, err));
    WT_TRY(wt_onnx_declare_outputs(rd, frame, graph, &nodes, err));
    WT_TRY(wt_onnx_read_nodes(rd, frame, graph, &nodes, err));
    WT_TRY(each(rd, frame, graph, msg, GRAPH_VALUE_INFO, read_value_info, err));
    WT_TRY(each(rd, frame, graph, msg, GRAPH_OUTPUT, read_output, err));
    return wt_graph_sort(graph, err);
}

wt_status wt_onnx_read_graph(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_pb msg, wt_err *err)
{
    if (rd->depth >= WT_ONNX_MAX_DEPTH)
        return wt_fail_at(err, WT_EUNSUPPORTED, msg.offset, "graphs nested deeper than %d", WT_ONNX_MAX_DEPTH);
    rd->depth++;
    const wt_status st = read_parts(rd, frame, graph, msg, err);
    rd->depth--;
    return st;
}
