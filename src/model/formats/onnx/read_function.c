/* read_function.c - functions that the file defines (FunctionProto), put in place of every call.
 *
 * The IR has no functions. A call's inputs and outputs take the places of the formal ones, every other name of the body
 * gets the prefix "function#k/", attributes that refer to the caller's are replaced, and the body's nodes have the
 * opset versions of the function. A function that calls itself is refused; one call may double another, so the number
 * of nodes made this way is limited. */
#include "reader.h"

typedef struct wt_function {
    wt_pb msg;
    wt_string name, domain, overload;
    wt_pb_list inputs, outputs; /* names as bare bytes */
    wt_pb_list nodes, infos;
    wt_pb_list defaults;    /* AttributeProto */
    wt_attrs default_attrs; /* of `defaults`, read at the first call */
    size_t calls;
    wt_onnx_opsets opsets;
} wt_function;

/* domain \0 name \0 overload: none of them holds a NUL. */
static wt_status function_key(wt_reader *rd, wt_string domain, wt_string name, wt_string overload, wt_string *out,
                              wt_err *err)
{
    const wt_string parts[] = { domain, name, overload };
    const size_t len = domain.len + name.len + overload.len + 2;
    char *key = wt_arena_alloc(&rd->scratch, len, 1, err), *to = key;
    if (!key)
        return WT_ENOMEM;
    for (int i = 0; i < 3; i++) {
        if (parts[i].len)
            memcpy(to, parts[i].data, parts[i].len);
        to += parts[i].len + 1;
    }
    *out = (wt_string){ key, len };
    return WT_OK;
}

wt_status wt_onnx_find_function(wt_reader *rd, wt_string domain, wt_string name, wt_string overload, wt_function **out,
                                wt_err *err)
{
    wt_string key;
    void *found = NULL;
    *out = NULL;
    if (!rd->functions.count)
        return WT_OK;
    WT_TRY(function_key(rd, domain, name, overload, &key, err));
    if (wt_names_get(&rd->functions, key, &found))
        *out = found;
    return WT_OK;
}

static wt_status read_function(wt_reader *rd, wt_pb msg, wt_function *fn, wt_err *err)
{
    wt_pb_list imports;
    wt_pb_field f;
    wt_status st = WT_OK;
    fn->msg = msg;
    WT_TRY(wt_onnx_list(rd, msg, FUNCTION_INPUT, "FunctionProto.input", &fn->inputs, err));
    WT_TRY(wt_onnx_list(rd, msg, FUNCTION_OUTPUT, "FunctionProto.output", &fn->outputs, err));
    WT_TRY(wt_onnx_list(rd, msg, FUNCTION_NODE, "FunctionProto.node", &fn->nodes, err));
    WT_TRY(wt_onnx_list(rd, msg, FUNCTION_VALUE_INFO, "FunctionProto.value_info", &fn->infos, err));
    WT_TRY(wt_onnx_list(rd, msg, FUNCTION_ATTRIBUTE_PROTO, "FunctionProto.attribute_proto", &fn->defaults, err));
    WT_TRY(wt_onnx_list(rd, msg, FUNCTION_OPSET_IMPORT, "FunctionProto.opset_import", &imports, err));
    WT_TRY(wt_onnx_read_opsets(rd, &imports, &fn->opsets, err));
    while (wt_pb_next(&msg, &f, &st, err))
        if (f.number == FUNCTION_NAME)
            WT_TRY(wt_onnx_text(&f, "FunctionProto.name", &fn->name, err));
        else if (f.number == FUNCTION_DOMAIN)
            WT_TRY(wt_onnx_text(&f, "FunctionProto.domain", &fn->domain, err));
        else if (f.number == FUNCTION_OVERLOAD)
            WT_TRY(wt_onnx_text(&f, "FunctionProto.overload", &fn->overload, err));
    if (st == WT_OK && !fn->name.len)
        st = wt_fail_at(err, WT_EFORMAT, fn->msg.offset, "a function without a name");
    if (fn->domain.len == 7 && !memcmp(fn->domain.data, "ai.onnx", 7))
        fn->domain.len = 0;
    return st;
}

wt_status wt_onnx_read_functions(wt_reader *rd, const wt_pb_list *list, wt_err *err)
{
    wt_function *functions = wt_arena_alloc(&rd->scratch, list->count + 1, sizeof *functions, err);
    if (!functions)
        return WT_ENOMEM;
    for (size_t i = 0; i < list->count; i++) {
        wt_function *fn = &functions[i];
        wt_string key;
        void *other = NULL;
        WT_TRY(read_function(rd, list->items[i], fn, err));
        WT_TRY(function_key(rd, fn->domain, fn->name, fn->overload, &key, err));
        if (wt_names_get(&rd->functions, key, &other))
            return wt_fail_at(err, WT_EFORMAT, fn->msg.offset, "function \"%.*s\" is defined twice",
                              (int)(fn->name.len < 100 ? fn->name.len : 100), fn->name.data);
        WT_TRY(wt_names_put(&rd->functions, &rd->scratch, key, fn, err));
    }
    return WT_OK;
}

static wt_string bare(wt_pb msg) { return (wt_string){ (const char *)msg.pos, wt_pb_left(&msg) }; }

static wt_status bind(wt_reader *rd, wt_frame *frame, const wt_call *call, wt_err *err)
{
    const wt_function *fn = frame->function;
    if (call->n_in > fn->inputs.count || call->n_out > fn->outputs.count)
        return wt_fail_at(err, WT_EFORMAT, call->offset, "%zu inputs and %zu outputs, the function has %zu and %zu",
                          call->n_in, call->n_out, fn->inputs.count, fn->outputs.count);
    for (size_t i = 0; i < fn->inputs.count; i++)
        WT_TRY(wt_names_put(&frame->inputs, &rd->scratch, bare(fn->inputs.items[i]),
                            i < call->n_in ? call->in[i] : NULL, err));
    for (size_t i = 0; i < call->n_out; i++)
        if (call->out[i])
            WT_TRY(wt_names_put(&frame->outputs, &rd->scratch, bare(fn->outputs.items[i]), call->out[i], err));
    return WT_OK;
}

/* The caller's attributes, then the function's defaults for those that are missing. */
static wt_status bind_attrs(wt_reader *rd, wt_frame *frame, wt_function *fn, const wt_call *call, wt_err *err)
{
    if (fn->calls == 1)
        WT_TRY(wt_onnx_read_attrs(rd, NULL, frame->graph, &fn->defaults, &fn->default_attrs, err));
    const wt_attrs defaults = fn->default_attrs;
    wt_attr *all = wt_arena_alloc(&rd->scratch, call->attrs.count + defaults.count + 1, sizeof *all, err);
    if (!all)
        return WT_ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < call->attrs.count; i++)
        all[n++] = call->attrs.items[i];
    for (size_t i = 0; i < defaults.count; i++)
        if (!wt_attr_find(&call->attrs, defaults.items[i].name))
            all[n++] = defaults.items[i];
    frame->attrs = (wt_attrs){ all, n };
    return WT_OK;
}

/* An output that no node of the body made must be one of its inputs, handed through. */
static wt_status pass_through(wt_reader *rd, const wt_frame *frame, const wt_call *call, wt_err *err)
{
    for (size_t i = 0; i < call->n_out; i++) {
        wt_value *out = call->out[i];
        void *in = NULL;
        const wt_string name = bare(frame->function->outputs.items[i]);
        if (!out || out->producer || out->type.data)
            continue;
        if (!wt_names_get(&frame->inputs, name, &in) || !in)
            return wt_fail_at(err, WT_EFORMAT, frame->function->msg.offset,
                              "the function never makes its output \"%.*s\"", (int)(name.len < 100 ? name.len : 100),
                              name.data);
        wt_value *value = in;
        const wt_call copy = { .name = call->name,
                               .op_type = "Identity",
                               .domain = "",
                               .in = &value,
                               .n_in = 1,
                               .out = &out,
                               .n_out = 1,
                               .offset = call->offset };
        WT_TRY(wt_onnx_add_node(rd, frame, frame->graph, &copy, err));
    }
    return WT_OK;
}

static wt_status read_body(wt_reader *rd, const wt_frame *frame, const wt_call *call, wt_err *err)
{
    const wt_function *fn = frame->function;
    WT_TRY(wt_onnx_declare_outputs(rd, frame, frame->graph, &fn->nodes, err));
    WT_TRY(wt_onnx_read_nodes(rd, frame, frame->graph, &fn->nodes, err));
    return pass_through(rd, frame, call, err);
}

/* The first call of a function costs what the file has; what further ones copy is counted. */
static wt_status count_call(wt_reader *rd, wt_function *fn, const wt_call *call, wt_err *err)
{
    rd->inlined += fn->nodes.count + fn->inputs.count + fn->outputs.count + 1;
    if (fn->calls++)
        rd->inlined_bytes += wt_pb_left(&fn->msg);
    if (rd->depth < WT_ONNX_MAX_DEPTH && rd->inlined <= WT_ONNX_MAX_INLINED &&
        rd->inlined_bytes <= WT_ONNX_MAX_INLINED_BYTES)
        return WT_OK;
    return wt_fail_at(err, WT_EUNSUPPORTED, call->offset,
                      "functions nested deeper than %d, or making more than %d nodes or %d MiB in all",
                      WT_ONNX_MAX_DEPTH, WT_ONNX_MAX_INLINED, WT_ONNX_MAX_INLINED_BYTES >> 20);
}

wt_status wt_onnx_inline(wt_reader *rd, const wt_frame *up, wt_graph *graph, wt_function *function, const wt_call *call,
                         wt_err *err)
{
    wt_frame frame = { .up = up, .function = function, .graph = graph, .opsets = function->opsets };
    for (const wt_frame *f = up; f; f = f->up)
        if (f->function == function)
            return wt_fail_at(err, WT_EFORMAT, call->offset, "the function calls itself");
    WT_TRY(count_call(rd, function, call, err));
    frame.prefix = wt_arena_printf(&rd->scratch, err, "%s#%zu/", call->op_type, rd->inlined);
    if (!frame.prefix)
        return WT_ENOMEM;
    frame.prefix_len = strlen(frame.prefix);
    WT_TRY(bind(rd, &frame, call, err));
    WT_TRY(bind_attrs(rd, &frame, function, call, err));
    rd->depth++;
    const wt_status st = read_body(rd, &frame, call, err);
    rd->depth--;
    return st;
}
