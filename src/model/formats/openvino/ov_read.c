/* ov_read.c - the two files, the layers that stand for values (Parameter, Const, Result), and the walk over all others.
 */
#include "base/str.h"
#include "openvino.h"
#include "ov_ops.h"

/* --- constants -----------------------------------------------------------------------------------------------------
 */
static void check_bytes(wt_ov_op *o, const wt_tensor *t, uint64_t offset, uint64_t size)
{
    const wt_ov_reader *r = o->reader;
    int64_t n = 0;
    size_t need = 0;
    if (!wt_shape_count(&t->shape, &n) || !wt_dtype_bytes(t->dtype, (uint64_t)n, &need))
        wt_ov_refuse(o, WT_EFORMAT, "shape=\"%.60s\" is not that of a constant", wt_ov_text(o, "shape", ""));
    else if (need != size)
        wt_ov_refuse(o, WT_EFORMAT, "%lld elements of %s take %zu bytes, size says %llu", (long long)n,
                     wt_dtype_name(t->dtype), need, (unsigned long long)size);
    else if (size && !r->bin) {
        wt_ov_refuse(o, WT_EFORMAT, "its data are in a .bin file, and there is none");
        wt_err_hint(o->err, "copy %s together with the .xml", r->bin_name);
    } else if (offset > r->bin_size || size > r->bin_size - offset) {
        wt_ov_refuse(o, WT_EFORMAT, "its data end at byte %llu, %s has %llu bytes", (unsigned long long)(offset + size),
                     r->bin_name, (unsigned long long)r->bin_size);
        wt_err_hint(o->err, "the .bin file is cut short, or belongs to another .xml");
    }
}

static uint64_t place(wt_ov_op *o, const char *name)
{
    const char *text = wt_ov_text(o, name, NULL);
    uint64_t v = 0;
    if (!wt_ov_parse_u64(text, &v))
        wt_ov_refuse(o, WT_EFORMAT, "%s=\"%.40s\", expected a number of bytes", name, text ? text : "");
    return v;
}

static void read_const(wt_ov_op *o)
{
    /* Codes of nf4 are four bits; what they stand for the Convert behind looks up (ov_quant.c). */
    const bool nf4 = wt_ov_text_is(o, "element_type", "nf4");
    wt_tensor t = { .dtype = nf4 ? WT_U4 : wt_ov_type(o, "element_type", WT_DTYPE_NONE) };
    const uint64_t offset = place(o, "offset"), size = place(o, "size");
    wt_value *v = NULL;
    if (o->st == WT_OK && t.dtype == WT_DTYPE_NONE)
        wt_ov_refuse(o, WT_EFORMAT, "element_type is missing");
    if (o->st == WT_OK && !wt_ov_parse_shape(wt_ov_text(o, "shape", ""), &t.shape))
        wt_ov_refuse(o, WT_EUNSUPPORTED, "shape=\"%.60s\", expected at most %d numbers", wt_ov_text(o, "shape", ""),
                     WT_MAX_RANK);
    if (o->st == WT_OK)
        check_bytes(o, &t, offset, size);
    if (o->st != WT_OK || o->layer->n_out != 1) {
        wt_ov_refuse(o, WT_EFORMAT, "a constant has %zu outputs", o->layer->n_out);
        return;
    }
    static const uint64_t nothing;
    t.bytes = (size_t)size;
    t.data = size ? o->reader->bin + offset : (const uint8_t *)&nothing;
    const char *name = o->layer->name;
    if (!name[0] || !wt_utf8_valid(name, strlen(name)) || wt_graph_find(o->graph, name))
        name = NULL;
    o->st = wt_graph_add_value(&v, o->graph, name, o->err);
    if (o->st == WT_OK)
        o->st = wt_graph_set_constant(v, &t, o->err);
    wt_ov_give(o, 0, v);
}

/* --- what comes in and goes out ------------------------------------------------------------------------------------
 */

static void read_parameter(wt_ov_op *o)
{
    wt_value *v = NULL;
    wt_shape shape;
    const wt_dtype dtype = wt_ov_type(o, "element_type", WT_DTYPE_NONE);
    if (o->st == WT_OK && !wt_ov_parse_shape(wt_ov_text(o, "shape", "..."), &shape))
        wt_ov_refuse(o, WT_EUNSUPPORTED, "shape=\"%.60s\", expected at most %d dimensions", wt_ov_text(o, "shape", ""),
                     WT_MAX_RANK);
    if (o->st == WT_OK && dtype == WT_DTYPE_NONE)
        wt_ov_refuse(o, WT_EUNSUPPORTED, "an input of any element type cannot be read");
    v = wt_ov_port_value(o, 0);
    if (o->st != WT_OK)
        return;
    v->type.dtype = dtype;
    v->type.shape = shape;
    o->st = wt_graph_add_input(o->graph, v, o->err);
}

/* An output must be a value of the graph's own that no other output is, and keep the name it is known by. */
static void read_result(wt_ov_op *o)
{
    const wt_ov_port *from = o->layer->n_in ? &o->layer->in[0] : NULL;
    wt_value *v = wt_ov_in(o, 0), *own = NULL;
    if (o->st == WT_OK && !v)
        wt_ov_refuse(o, WT_EFORMAT, "a result has no input");
    if (o->st != WT_OK)
        return;
    if (v->is_output || v->is_input || wt_value_is_const(v) || v->graph != o->graph) {
        wt_ov_port port = from->from->out[from->from_out];
        wt_ov_layer named = *o->layer;
        named.out = &port;
        named.n_out = 1;
        port.wanted = wt_xml_get(o->layer->xml, "output_names");
        wt_ov_layer *layer = o->layer;
        o->layer = &named;
        wt_ov_finish(o, "Identity", v);
        own = port.value;
        o->layer = layer;
    }
    if (o->st == WT_OK)
        o->st = wt_graph_add_output(o->graph, own ? own : v, o->err);
}

/* --- the walk ------------------------------------------------------------------------------------------------------
 */
static bool known_version(const char *version)
{
    uint64_t n = 0;
    return wt_str_starts(version, "opset") && wt_ov_parse_u64(version + 5, &n) && n >= 1 && n <= 17;
}

static void read_layer(wt_ov_op *o)
{
    const wt_ov_row *row = wt_ov_row_of(o->layer);
    if (wt_ov_is(o->layer, "Const")) {
        read_const(o);
        return;
    }
    if (!known_version(o->layer->version)) {
        wt_ov_refuse(o, WT_EUNSUPPORTED, "version \"%.40s\"; operators of opset1 to opset17 can be read",
                     o->layer->version);
        wt_err_hint(o->err, "operators of extensions run in OpenVINO only");
    } else if (!row) {
        wt_ov_refuse(o, WT_EUNSUPPORTED, "operator %.60s has no equivalent here", o->layer->type);
        wt_err_hint(o->err, "run this model in OpenVINO itself, or convert the original to ONNX");
    } else if (o->layer->n_in < (size_t)row->min_in) {
        wt_ov_refuse(o, WT_EFORMAT, "the layer has %zu inputs, at least %d were expected", o->layer->n_in, row->min_in);
    } else {
        for (size_t i = 0; i < o->layer->n_in; i++)
            wt_ov_in(o, i);
        if (o->st == WT_OK)
            row->fn(o);
    }
}

static wt_status run(wt_ov_op *o, wt_ov_layer *layer, wt_ov_read_fn *fn)
{
    o->layer = layer;
    o->emitted = 0;
    o->n_attrs = 0;
    fn(o);
    if (o->st != WT_OK)
        wt_ov_where(layer, o->err);
    return o->st;
}

static wt_status read_inputs(wt_ov_op *o, const wt_ov_binding *bindings, size_t n_bindings)
{
    for (size_t i = 0; i < o->net->n; i++) {
        wt_ov_layer *layer = &o->net->layers[i];
        if (!wt_ov_is(layer, "Parameter"))
            continue;
        wt_value *outer = NULL;
        for (size_t k = 0; k < n_bindings; k++)
            outer = bindings[k].id == layer->id ? bindings[k].outer : outer;
        if (outer && layer->n_out == 1)
            layer->out[0].value = outer;
        else
            WT_TRY(run(o, layer, read_parameter));
    }
    return WT_OK;
}

static bool is_end(const wt_ov_layer *layer) { return wt_ov_is(layer, "Parameter") || wt_ov_is(layer, "Result"); }

static wt_status read_nodes(wt_ov_op *o)
{
    for (size_t i = 0; i < o->net->n; i++) {
        if (i % 512 == 0)
            WT_TRY(wt_check_cancel(o->reader->ctx, o->err));
        if (!is_end(o->net->order[i]))
            WT_TRY(run(o, o->net->order[i], read_layer));
    }
    return WT_OK;
}

static void note_wanted(const wt_ov_net *net)
{
    for (size_t i = 0; i < net->n; i++) {
        const wt_ov_layer *layer = &net->layers[i];
        const char *names = wt_xml_get(layer->xml, "output_names");
        if (!wt_ov_is(layer, "Result") || !layer->n_in || !names)
            continue;
        wt_ov_port *port = &layer->in[0].from->out[layer->in[0].from_out];
        if (!port->wanted)
            port->wanted = names;
    }
}

static wt_status read_net(wt_ov_op *o, const wt_xml *xml, const wt_ov_binding *bindings, size_t n_bindings,
                          const uint64_t *results, size_t n_results)
{
    wt_ov_reader *r = o->reader;
    wt_ov_net net;
    wt_status st = wt_ov_net_read(&net, r->ctx, &r->scratch, xml, o->err);
    o->net = &net;
    if (st == WT_OK) {
        note_wanted(&net);
        st = read_inputs(o, bindings, n_bindings);
    }
    if (st == WT_OK)
        st = read_nodes(o);
    for (size_t i = 0; i < net.n && st == WT_OK && !results; i++)
        if (wt_ov_is(&net.layers[i], "Result"))
            st = run(o, &net.layers[i], read_result);
    for (size_t i = 0; i < n_results && st == WT_OK && results; i++) {
        wt_ov_layer *layer = wt_ov_net_find(&net, results[i]);
        if (layer && wt_ov_is(layer, "Result"))
            st = run(o, layer, read_result);
        else
            st = wt_fail(o->err, WT_EFORMAT, "a port map names layer %llu as a result of the body, which it is not",
                         (unsigned long long)results[i]);
    }
    wt_ov_net_free(&net, r->ctx);
    return st;
}

wt_status wt_ov_read_body(wt_ov_op *o, const wt_xml *body, const wt_ov_binding *bindings, size_t n_bindings,
                          const uint64_t *results, size_t n_results, wt_graph **out)
{
    wt_ov_op inner = { .reader = o->reader, .err = o->err };
    if (!body)
        return wt_fail(o->err, WT_EFORMAT, "the body is missing");
    if (o->reader->depth >= WT_MAX_GRAPH_DEPTH / 2)
        return wt_fail(o->err, WT_EFORMAT, "bodies are nested too deeply");
    WT_TRY(wt_graph_new_sub(out, o->graph, o->err));
    inner.graph = *out;
    o->reader->depth++;
    const wt_status st = read_net(&inner, body, bindings, n_bindings, results, n_results);
    o->reader->depth--;
    return st;
}

/* --- the files -----------------------------------------------------------------------------------------------------
 */
static wt_status check_root(const wt_xml *net, wt_graph *root, wt_err *err)
{
    const char *version = wt_xml_get(net, "version"), *name = wt_xml_get(net, "name");
    uint64_t v = 0;
    if (strcmp(net->name, "net") != 0) {
        wt_fail(err, WT_EFORMAT, "this is XML, but no OpenVINO model: it begins with <%.60s>, not with <net>",
                net->name);
        return WT_EFORMAT;
    }
    if (!wt_ov_parse_u64(version, &v) || (v != 10 && v != 11)) {
        wt_fail(err, WT_EUNSUPPORTED, "IR version \"%.20s\"; versions 10 and 11 can be read", version ? version : "");
        wt_err_hint(err, "convert the original model again with a newer OpenVINO");
        return WT_EUNSUPPORTED;
    }
    root->format = "openvino";
    root->producer = "";
    root->ir_version = (int64_t)v;
    root->name = wt_arena_strdup(&root->arena, name && wt_utf8_valid(name, strlen(name)) ? name : "", err);
    root->opsets = wt_arena_alloc(&root->arena, 1, sizeof *root->opsets, err);
    if (!root->name || !root->opsets)
        return WT_ENOMEM;
    root->opsets[0] = (wt_opset){ "", 21 }; /* whose meaning the IR has, and so what was read */
    root->n_opsets = 1;
    return WT_OK;
}

static wt_status read_model(wt_ov_reader *r, const void *bytes, size_t len, wt_err *err)
{
    wt_xml *net = NULL;
    wt_ov_op o = { .reader = r, .graph = r->root, .err = err };
    WT_TRY(wt_xml_parse(&net, &r->scratch, bytes, len, err));
    WT_TRY(check_root(net, r->root, err));
    WT_TRY(read_net(&o, net, NULL, 0, NULL, 0));
    WT_TRY(wt_ov_finish_states(&o));
    wt_graph_sweep(r->root);
    return wt_graph_verify(r->root, WT_EFORMAT, err);
}

static wt_status read_bytes(wt_graph *root, wt_context *ctx, const void *xml, size_t xml_len, const wt_map *bin,
                            const char *bin_name, wt_err *err)
{
    wt_ov_reader r = { .ctx = ctx, .root = root, .bin = bin->data, .bin_size = bin->size, .bin_name = bin_name };
    wt_arena_init(&r.scratch, ctx);
    const wt_status st = read_model(&r, xml, xml_len, err);
    wt_arena_free(&r.scratch);
    return st;
}

wt_status wt_openvino_read_bytes(wt_graph **out, wt_context *ctx, const void *xml, size_t xml_len, const void *bin,
                                 size_t bin_len, wt_err *err)
{
    const wt_map data = { .data = bin, .size = bin_len };
    wt_graph *root = NULL;
    *out = NULL;
    WT_TRY(wt_graph_new(&root, ctx, err));
    const wt_status st = read_bytes(root, ctx, xml, xml_len, &data, "the .bin file", err);
    if (st != WT_OK)
        wt_graph_close(root);
    else
        *out = root;
    return st;
}

static wt_status read_files(wt_graph *root, wt_context *ctx, const char *path, wt_err *err)
{
    static const wt_map none;
    const char *bin = wt_openvino_bin_path(&root->arena, path, err);
    if (!bin)
        return WT_ENOMEM;
    WT_TRY(wt_grow(ctx, (void **)&root->maps, &root->cap_maps, 2, sizeof *root->maps, err));
    WT_TRY(wt_map_open(&root->maps[0], ctx, path, err));
    root->n_maps = 1;
    if (root->maps[0].size > WT_OPENVINO_MOST_XML)
        return wt_fail(err, WT_EUNSUPPORTED, "the .xml has more than %d MiB", WT_OPENVINO_MOST_XML >> 20);
    if (wt_path_exists(bin)) { /* a model without constants may have none */
        WT_TRY(wt_map_open(&root->maps[1], ctx, bin, err));
        root->n_maps = 2;
    }
    const wt_map xml = root->maps[0];
    return read_bytes(root, ctx, xml.data, (size_t)xml.size, root->n_maps == 2 ? &root->maps[1] : &none,
                      wt_path_base(bin), err);
}

wt_status wt_openvino_read(wt_graph **out, wt_context *ctx, const char *path, wt_err *err)
{
    wt_graph *root = NULL;
    *out = NULL;
    WT_TRY(wt_graph_new(&root, ctx, err));
    const wt_status st = read_files(root, ctx, path, err);
    if (st == WT_OK) {
        *out = root;
        return WT_OK;
    }
    wt_err_file(err, path);
    wt_graph_close(root);
    return st;
}
