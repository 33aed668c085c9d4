/* ov_emit.c - text of layers and edges, and the walk over the nodes (see ov_emit.h). */
#include "ov_emit.h"
#include <inttypes.h>
#include <stdio.h>

static const char decompression[] = "<rt_info><attribute name=\"decompression\" version=\"0\"/></rt_info>";

void wt_ov_unable(wt_ov_writer *w, const char *fmt, ...)
{
    char text[384];
    va_list args;
    if (w->st != WT_OK)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    w->st = wt_fail(w->err, WT_EUNSUPPORTED, "%s", text);
    wt_err_hint(w->err, "write the model as ONNX (-o NAME.onnx), or fix its input shapes with --input-shape");
}

static void must(wt_ov_writer *w, wt_status st)
{
    if (w->st == WT_OK)
        w->st = st;
}

/* --- text ----------------------------------------------------------------------------------------------------------
 */
void wt_ov_escape(wt_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        switch (c) {
        case '&': wt_buf_puts(out, "&amp;"); break;
        case '<': wt_buf_puts(out, "&lt;"); break;
        case '>': wt_buf_puts(out, "&gt;"); break;
        case '"': wt_buf_puts(out, "&quot;"); break;
        case '\t':
        case '\n':
        case '\r': wt_buf_printf(out, "&#%d;", c); break;
        default:
            if (c < 32)
                wt_buf_puts(out, "?"); /* XML has no way to say it */
            else
                wt_buf_add(out, text + i, 1);
        }
    }
}

static void escape_text(wt_buf *out, const char *text) { wt_ov_escape(out, text, strlen(text)); }

/* A comma in a name is no border between names. */
static void put_names(wt_buf *out, const char *name)
{
    wt_buf_puts(out, " names=\"");
    for (const char *at = name; *at;) {
        const size_t n = strcspn(at, ",");
        wt_ov_escape(out, at, n);
        at += n;
        if (*at == ',') {
            wt_buf_puts(out, "\\,");
            at++;
        }
    }
    wt_buf_puts(out, "\"");
}

static void put_port(wt_ov_writer *w, uint64_t id, wt_dtype dtype, const wt_shape *shape, const char *name)
{
    wt_buf *out = &w->net->layers;
    const char *precision = wt_ov_precision(dtype);
    wt_buf_printf(out, "<port id=\"%" PRIu64 "\" precision=\"%s\"", id, precision ? precision : "UNSPECIFIED");
    if (name)
        put_names(out, name);
    wt_buf_puts(out, ">");
    for (int i = 0; i < shape->rank; i++)
        wt_buf_printf(out, "<dim>%lld</dim>", (long long)(shape->dim[i] < 0 ? -1 : shape->dim[i]));
    wt_buf_puts(out, "</port>");
}

void wt_ov_put(wt_ov_writer *w, const char *name, const char *fmt, ...)
{
    char text[128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wt_ov_put_text(w, name, text, strlen(text));
}

void wt_ov_put_text(wt_ov_writer *w, const char *name, const char *v, size_t len)
{
    wt_buf_printf(&w->data, " %s=\"", name);
    wt_ov_escape(&w->data, v, len);
    wt_buf_puts(&w->data, "\"");
}

void wt_ov_put_ints(wt_ov_writer *w, const char *name, const int64_t *v, size_t n)
{
    wt_buf_printf(&w->data, " %s=\"", name);
    for (size_t i = 0; i < n; i++)
        wt_buf_printf(&w->data, "%s%lld", i ? ", " : "", (long long)v[i]);
    wt_buf_puts(&w->data, "\"");
}

void wt_ov_put_bool(wt_ov_writer *w, const char *name, bool v) { wt_ov_put(w, name, "%s", v ? "true" : "false"); }
void wt_ov_put_float(wt_ov_writer *w, const char *name, double v) { wt_ov_put(w, name, "%.17g", v); }

/* --- layers --------------------------------------------------------------------------------------------------------
 */
static void begin_layer(wt_ov_writer *w, const char *type, int opset, const char *name)
{
    wt_buf *out = &w->net->layers;
    wt_buf_printf(out, "\t\t<layer id=\"%" PRIu64 "\" name=\"", w->net->next_id);
    escape_text(out, name);
    wt_buf_printf(out, "\" type=\"%s\" version=\"opset%d\">", type, opset);
    if (w->data.len) {
        wt_buf_puts(out, "<data");
        wt_buf_add(out, w->data.data, w->data.len);
        wt_buf_puts(out, "/>");
    }
    w->data.len = 0;
}

static void put_inputs(wt_ov_writer *w, const wt_ov_ref *in, size_t n_in)
{
    if (!n_in)
        return;
    wt_buf_puts(&w->net->layers, "<input>");
    for (size_t i = 0; i < n_in; i++) {
        put_port(w, i, in[i]->dtype, &in[i]->shape, NULL);
        wt_buf_printf(&w->net->edges,
                      "\t\t<edge from-layer=\"%" PRIu64 "\" from-port=\"%" PRIu64 "\" to-layer=\"%" PRIu64
                      "\" to-port=\"%zu\"/>\n",
                      in[i]->layer, in[i]->port, w->net->next_id, i);
    }
    wt_buf_puts(&w->net->layers, "</input>");
}

static const char *layer_name(wt_ov_writer *w, const char *type, const wt_value *last)
{
    const char *base = w->node && w->node->name[0]                    ? w->node->name
                       : w->node && w->node->n_out && w->node->out[0] ? w->node->out[0]->name
                                                                      : "";
    const char *name = last && (!w->node || last->producer != w->node || !w->node->name[0]) ? last->name
                       : last                                                               ? base
                              : wt_arena_printf(w->arena, w->err, "%s/%s_%d", base, type, ++w->emitted);
    if (!name)
        must(w, WT_ENOMEM);
    return name;
}

void wt_ov_layer_n(wt_ov_writer *w, const char *type, int opset, const wt_ov_ref *in, size_t n_in, wt_dtype dtype,
                   wt_ov_ref *out, size_t n_out, const wt_value *const *last)
{
    bool whole = w->st == WT_OK;
    for (size_t i = 0; i < n_in && whole; i++)
        if (!in[i]) {
            wt_ov_unable(w, "input %zu is missing", i);
            whole = false;
        }
    const char *name = whole ? layer_name(w, type, last ? last[0] : NULL) : NULL;
    wt_ov_val *made = name ? wt_arena_alloc(w->arena, n_out + 1, sizeof *made, w->err) : NULL;
    if (!made) {
        w->data.len = 0;
        must(w, WT_ENOMEM);
        return;
    }
    must(w, wt_buf_status(&w->data, w->err));
    if (w->st != WT_OK)
        return;
    begin_layer(w, type, opset, name);
    put_inputs(w, in, n_in);
    wt_buf_puts(&w->net->layers, n_out ? "<output>" : "");
    for (size_t k = 0; k < n_out; k++) {
        const wt_value *v = last ? last[k] : NULL;
        made[k] = (wt_ov_val){ .layer = w->net->next_id, .port = n_in + k, .dtype = dtype, .shape = { .rank = -1 } };
        if (v) {
            made[k].dtype = wt_value_dtype(v);
            made[k].shape = v->type.shape;
        } else if (!dtype && n_in) {
            made[k].dtype = in[0]->dtype;
        }
        put_port(w, made[k].port, made[k].dtype, &made[k].shape, v && !v->graph->parent ? v->name : NULL);
        out[k] = &made[k];
    }
    wt_buf_puts(&w->net->layers, n_out ? "</output></layer>\n" : "</layer>\n");
    w->net->next_id++;
}

/* The mark goes into the layer that was written last. */
void wt_ov_mark_decompression(wt_ov_writer *w)
{
    wt_buf *out = &w->net->layers;
    static const char end[] = "/><input>";
    if (w->st != WT_OK || out->failed)
        return;
    size_t at = out->len;
    while (at > 0 && strncmp(out->data + at, end, sizeof end - 1) != 0)
        at--;
    at += 2;
    char *tail = wt_arena_strndup(w->arena, out->data + at, out->len - at, w->err);
    if (!tail) {
        must(w, WT_ENOMEM);
        return;
    }
    out->len = at;
    wt_buf_puts(out, decompression);
    wt_buf_puts(out, tail);
}

wt_ov_ref wt_ov_add_n(wt_ov_writer *w, const char *type, int opset, wt_dtype dtype, const wt_ov_ref *in, size_t n_in)
{
    wt_ov_ref out = NULL;
    wt_ov_layer_n(w, type, opset, in, n_in, dtype, &out, 1, NULL);
    return w->st == WT_OK ? out : NULL;
}

/* What consumers see of it: quantized and dequantized, where the IR says so. */
static void bind(wt_ov_writer *w, const wt_value *v, wt_ov_ref ref)
{
    if (v->quant && !v->type.data)
        ref = wt_ov_fake_quantize(w, ref, v->quant, &v->type.shape, v->is_output ? v : NULL);
    if (w->st == WT_OK)
        w->net->values[v->id] = ref;
}

/* A layer's port carries the name of the value, unless a FakeQuantize behind it does. */
static const wt_value *named_here(const wt_value *v) { return v->quant && v->is_output ? NULL : v; }

void wt_ov_last_n(wt_ov_writer *w, const char *type, int opset, const wt_ov_ref *in, size_t n_in)
{
    const wt_value *v = w->node->out[0], *here = named_here(v);
    wt_ov_ref out = NULL;
    wt_ov_layer_n(w, type, opset, in, n_in, here ? WT_DTYPE_NONE : v->type.dtype, &out, 1, here ? &here : NULL);
    if (w->st == WT_OK)
        bind(w, v, out);
}

void wt_ov_same(wt_ov_writer *w, size_t k, wt_ov_ref x)
{
    const wt_value *v = k < w->node->n_out ? w->node->out[k] : NULL;
    if (!v || w->st != WT_OK)
        return;
    if (v->is_output && !v->quant && !v->graph->parent) { /* a layer of its own, which can have the output's name */
        wt_ov_ref out = NULL;
        wt_ov_put(w, "destination_type", "%s", wt_ov_element_type(x->dtype));
        wt_ov_layer_n(w, "Convert", 1, &x, 1, x->dtype, &out, 1, &v);
        x = out;
    }
    if (w->st == WT_OK)
        bind(w, v, x);
}

wt_ov_ref wt_ov_convert(wt_ov_writer *w, wt_ov_ref x, wt_dtype to)
{
    if (!x || x->dtype == to)
        return x;
    wt_ov_put(w, "destination_type", "%s", wt_ov_element_type(to));
    wt_ov_ref y = wt_ov_add_as(w, "Convert", 1, to, x);
    return y;
}

wt_ov_ref wt_ov_reshape(wt_ov_writer *w, wt_ov_ref x, const int64_t *dims, size_t n, bool special_zero)
{
    wt_ov_ref target = wt_ov_lit_ints(w, dims, n);
    wt_ov_put_bool(w, "special_zero", special_zero);
    return wt_ov_add(w, "Reshape", 1, x, target);
}

wt_ov_ref wt_ov_shaped(wt_ov_writer *w, const wt_value *v, const wt_shape *shape)
{
    if (wt_value_is_const(v))
        return wt_ov_const(w, v, shape);
    return wt_ov_reshape(w, wt_ov_ref_of(w, v), shape->dim, (size_t)shape->rank, false);
}

/* --- values --------------------------------------------------------------------------------------------------------
 */
/* "1,?,3"; "..." for an unknown rank. */
static void put_shape(wt_ov_writer *w, const char *name, const wt_shape *shape)
{
    char text[WT_MAX_RANK * 24] = "";
    size_t at = 0;
    for (int i = 0; i < shape->rank; i++) {
        const char *comma = i ? "," : "";
        if (shape->dim[i] < 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s?", comma);
        else
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%lld", comma, (long long)shape->dim[i]);
    }
    wt_ov_put(w, name, "%s", shape->rank < 0 ? "..." : text);
}

/* The output that holds what an input is to be at the next step (ov_ops_control.c says how a graph says so); NULL: it
 * is no state. */
static const char *next_of(const wt_ov_writer *w, const wt_value *input)
{
    const char *prefix = "state/";
    for (size_t i = 0; i < w->root->n_metadata; i++) {
        const wt_metadata *m = &w->root->metadata[i];
        if (wt_str_starts(m->key, prefix) && !strcmp(m->key + strlen(prefix), input->name))
            return m->value;
    }
    return NULL;
}

static void put_variable(wt_ov_writer *w, const wt_value *input)
{
    wt_ov_put_text(w, "variable_id", input->name, strlen(input->name));
    wt_ov_put(w, "variable_type", "%s", wt_ov_element_type(wt_value_dtype(input)));
    put_shape(w, "variable_shape", &input->type.shape);
}

static wt_ov_ref parameter(wt_ov_writer *w, const wt_value *v)
{
    wt_ov_ref out = NULL;
    const wt_node *node = w->node;
    const wt_value *last = v;
    const bool variable = v->is_input && v->graph == w->root && next_of(w, v);
    wt_buf held = w->data; /* attributes that wait for a layer behind */
    wt_buf_init(&w->data, w->ctx);
    w->node = NULL;
    if (variable) {
        put_variable(w, v);
    } else {
        put_shape(w, "shape", &v->type.shape);
        wt_ov_put(w, "element_type", "%s", wt_ov_element_type(wt_value_dtype(v)));
    }
    wt_ov_layer_n(w, variable ? "ReadValue" : "Parameter", variable ? 6 : 1, NULL, 0, wt_value_dtype(v), &out, 1,
                  &last);
    wt_buf_free(&w->data);
    w->data = held;
    w->node = node;
    return out;
}

static wt_ov_ref from_outside(wt_ov_writer *w, const wt_value *v)
{
    wt_ov_out *net = w->net;
    if (!net->up) {
        w->st = wt_fail(w->err, WT_EINTERNAL, "value '%s' was not written", v->name);
        return NULL;
    }
    w->net = net->up;
    wt_ov_ref outside = wt_ov_ref_of(w, v);
    w->net = net;
    wt_ov_ref inside = outside ? parameter(w, v) : NULL;
    if (!inside)
        return NULL;
    must(w, wt_grow(w->ctx, (void **)&net->outer, &net->cap_outer, net->n_outer + 1, sizeof *net->outer, w->err));
    if (w->st == WT_OK)
        net->outer[net->n_outer++] = (wt_ov_outer){ inside->layer, outside };
    return inside;
}

wt_ov_ref wt_ov_ref_of(wt_ov_writer *w, const wt_value *v)
{
    if (w->st != WT_OK || !v)
        return NULL;
    if (!w->net->values[v->id]) {
        wt_ov_ref made = wt_value_is_const(v) ? wt_ov_const(w, v, NULL) : from_outside(w, v);
        if (w->st == WT_OK)
            w->net->values[v->id] = made;
    }
    return w->st == WT_OK ? w->net->values[v->id] : NULL;
}

const wt_value *wt_ov_arg_value(const wt_ov_writer *w, size_t i) { return i < w->node->n_in ? w->node->in[i] : NULL; }
wt_ov_ref wt_ov_arg(wt_ov_writer *w, size_t i) { return wt_ov_ref_of(w, wt_ov_arg_value(w, i)); }

const wt_tensor *wt_ov_arg_data(const wt_ov_writer *w, size_t i)
{
    const wt_value *v = wt_ov_arg_value(w, i);
    return v && wt_value_is_const(v) && !v->quant ? &v->type : NULL;
}

int wt_ov_arg_rank(wt_ov_writer *w, size_t i)
{
    const wt_value *v = wt_ov_arg_value(w, i);
    if (w->st == WT_OK && (!v || v->type.shape.rank < 0))
        wt_ov_unable(w, "the number of dimensions of '%.100s' is not known", v ? v->name : "");
    return w->st == WT_OK ? v->type.shape.rank : 0;
}

bool wt_ov_arg_ints(const wt_ov_writer *w, size_t i, int64_t *out, size_t max, size_t *n)
{
    const wt_tensor *t = wt_ov_arg_data(w, i);
    int64_t count = 0;
    *n = 0;
    if (!t || !wt_shape_count(&t->shape, &count) || (uint64_t)count > max)
        return false;
    for (int64_t k = 0; k < count; k++)
        if (!wt_tensor_int(t, k, &out[k]))
            return false;
    *n = (size_t)count;
    return true;
}

/* --- nets ----------------------------------------------------------------------------------------------------------
 */
wt_ov_out *wt_ov_open_net(wt_ov_writer *w, const wt_graph *graph)
{
    wt_ov_out *net = wt_arena_alloc(w->arena, 1, sizeof *net, w->err);
    if (net)
        net->values = wt_arena_alloc(w->arena, w->root->next_value_id + 1, sizeof *net->values, w->err);
    if (!net || !net->values) {
        must(w, WT_ENOMEM);
        return NULL;
    }
    net->graph = graph;
    net->up = w->net;
    wt_buf_init(&net->layers, w->ctx);
    wt_buf_init(&net->edges, w->ctx);
    w->net = net;
    return net;
}

void wt_ov_close_net(wt_ov_writer *w)
{
    wt_ov_out *net = w->net;
    w->net = net->up;
    wt_buf_free(&net->layers);
    wt_buf_free(&net->edges);
    wt_free(w->ctx, net->outer);
}

static const wt_value *variable_of(const wt_ov_writer *w, const wt_value *output)
{
    for (size_t i = 0; i < w->root->n_inputs && output->graph == w->root; i++) {
        const char *next = next_of(w, w->root->inputs[i]);
        if (next && !strcmp(next, output->name))
            return w->root->inputs[i];
    }
    return NULL;
}

static void result(wt_ov_writer *w, const wt_value *v, uint64_t *id)
{
    wt_ov_ref in = wt_ov_ref_of(w, v);
    const wt_value *variable = variable_of(w, v);
    w->node = NULL;
    w->data.len = 0;
    const char *name = wt_arena_printf(w->arena, w->err, "%s/sink_port_0", v->name);
    if (!name)
        must(w, WT_ENOMEM);
    if (w->st == WT_OK && variable)
        put_variable(w, variable);
    must(w, wt_buf_status(&w->data, w->err));
    if (w->st != WT_OK)
        return;
    *id = w->net->next_id;
    begin_layer(w, variable ? "Assign" : "Result", variable ? 6 : 1, name);
    put_inputs(w, &in, 1);
    if (variable) {
        wt_buf_puts(&w->net->layers, "<output>");
        put_port(w, 1, in->dtype, &in->shape, NULL);
        wt_buf_puts(&w->net->layers, "</output>");
    }
    wt_buf_puts(&w->net->layers, "</layer>\n");
    w->net->next_id++;
}

static void write_node(wt_ov_writer *w, const wt_node *node)
{
    const wt_ov_write_row *row = wt_ov_write_row_of(node);
    w->node = node;
    w->emitted = 0;
    w->data.len = 0;
    row->fn(w);
    if (w->st != WT_OK)
        wt_err_where(w->err, "node \"%.100s\" (%s)",
                     node->name[0]  ? node->name
                     : node->out[0] ? node->out[0]->name
                                    : "",
                     node->op_type);
}

void wt_ov_write_graph(wt_ov_writer *w, const wt_graph *graph, uint64_t *results)
{
    for (size_t i = 0; i < graph->n_inputs && w->st == WT_OK; i++) {
        wt_ov_ref ref = parameter(w, graph->inputs[i]);
        if (w->st == WT_OK)
            bind(w, graph->inputs[i], ref);
    }
    for (const wt_node *n = graph->first; n && w->st == WT_OK; n = n->next)
        write_node(w, n);
    for (size_t i = 0; i < graph->n_outputs && w->st == WT_OK; i++)
        result(w, graph->outputs[i], &results[i]);
}

wt_status wt_ov_write_net(wt_ov_writer *w, wt_buf *out)
{
    uint64_t *results = wt_arena_alloc(w->arena, w->root->n_outputs + 1, sizeof *results, w->err);
    if (!results || !wt_ov_open_net(w, w->root))
        return WT_ENOMEM;
    wt_ov_write_graph(w, w->root, results);
    wt_buf_puts(out, "<?xml version=\"1.0\"?>\n<net name=\"");
    escape_text(out, w->root->name[0] ? w->root->name : "graph");
    wt_buf_puts(out, "\" version=\"11\">\n\t<layers>\n");
    if (w->net->layers.len)
        wt_buf_add(out, w->net->layers.data, w->net->layers.len);
    wt_buf_puts(out, "\t</layers>\n\t<edges>\n");
    if (w->net->edges.len)
        wt_buf_add(out, w->net->edges.data, w->net->edges.len);
    wt_buf_puts(out, "\t</edges>\n\t<rt_info>\n\t\t<framework>\n");
    for (size_t i = 0; i < w->root->n_metadata; i++) {
        wt_buf_puts(out, "\t\t\t<info name=\"");
        escape_text(out, w->root->metadata[i].key);
        wt_buf_puts(out, "\" value=\"");
        escape_text(out, w->root->metadata[i].value);
        wt_buf_puts(out, "\"/>\n");
    }
    wt_buf_puts(out, "\t\t</framework>\n\t</rt_info>\n</net>\n");
    if (w->st == WT_OK)
        w->st = wt_buf_status(&w->net->layers, w->err);
    if (w->st == WT_OK)
        w->st = wt_buf_status(&w->net->edges, w->err);
    wt_ov_close_net(w);
    return w->st == WT_OK ? wt_buf_status(out, w->err) : w->st;
}

/* --- before anything is written ------------------------------------------------------------------------------------
 */
const wt_ov_write_row *wt_ov_write_row_of(const wt_node *node)
{
    static const wt_ov_write_row *const all[] = { wt_ov_write_plain, wt_ov_write_shape, wt_ov_write_index,
                                                  wt_ov_write_nn,    wt_ov_write_quant, wt_ov_write_control };
    for (size_t i = 0; i < WT_ARRAY_LEN(all) && node->op; i++)
        for (const wt_ov_write_row *row = all[i]; row->op; row++)
            if (row->op == node->op->code)
                return row;
    return NULL;
}

static wt_status check_node(void *arg, wt_node *node, wt_err *err)
{
    wt_status st = WT_OK;
    (void)arg;
    if (!wt_ov_write_row_of(node)) {
        wt_fail(err, WT_EUNSUPPORTED, "%s%s%s cannot be written to OpenVINO IR", node->domain,
                node->domain[0] ? "." : "", node->op_type);
        wt_err_hint(err, "write the model as ONNX (-o NAME.onnx)");
        st = WT_EUNSUPPORTED;
    }
    for (size_t i = 0; i < node->n_out && st == WT_OK; i++) {
        const wt_value *v = node->out[i];
        if (v && (v->n_uses || v->is_output) && !wt_ov_precision(wt_value_dtype(v)))
            st = wt_fail(err, WT_EUNSUPPORTED, "'%.100s' is %s, which OpenVINO IR does not have", v->name,
                         wt_value_dtype(v) ? wt_dtype_name(wt_value_dtype(v)) : "of an unknown element type");
    }
    if (st != WT_OK)
        wt_err_where(err, "node \"%.100s\" (%s)",
                     node->name[0]                 ? node->name
                     : node->n_out && node->out[0] ? node->out[0]->name
                                                   : "",
                     node->op_type);
    return st;
}

wt_status wt_ov_check(wt_ov_writer *w)
{
    for (size_t i = 0; i < w->root->n_inputs; i++) {
        const wt_value *v = w->root->inputs[i];
        if ((v->kind != WT_TENSOR_VALUE && v->kind != WT_STATE_VALUE) || !wt_ov_precision(v->type.dtype))
            return wt_fail(w->err, WT_EUNSUPPORTED, "input '%.100s' is no tensor of a type that OpenVINO IR has",
                           v->name);
    }
    return wt_graph_visit(w->root, check_node, NULL, w->err);
}
