/* model.c - the public face of a graph that was read: what it is, what it costs, printing and saving it.
 *
 * The lists that getters walk (operators, element types, verdicts) are made when the model is opened and whenever its
 * graph changes, in an arena of their own, so that a getter cannot fail. */
#include "model/model.h"
#include <stdlib.h>
#include "base/str.h"
#include "model/assess.h"
#include "model/format.h"
#include "model/frameworks.h"

struct wt_model {
    wt_context *ctx;
    wt_graph *graph;
    char *path;
    wt_arena lists;
    wt_model_op *ops;
    size_t n_ops;
    wt_model_dtype dtypes[WT_DTYPE_COUNT];
    size_t n_dtypes;
    wt_verdict *verdicts;
    size_t n_verdicts;
    size_t nodes, subgraphs, unknown_ops;
};

wt_graph *wt_model_graph(const wt_model *model) { return model->graph; }
wt_context *wt_model_context(const wt_model *model) { return model->ctx; }

/* --- lists ----------------------------------------------------------------------------------------------------- */
typedef struct collector {
    wt_model *model;
    const wt_node **nodes;
    size_t n, cap;
} collector;

static void count_constants(wt_model *m, const wt_graph *graph)
{
    for (size_t i = 0; i < graph->n_constants; i++) {
        const wt_tensor *t = &graph->constants[i]->type;
        int64_t n;
        if (!wt_shape_count(&t->shape, &n))
            continue;
        m->dtypes[t->dtype].tensors++;
        m->dtypes[t->dtype].elements += (uint64_t)n;
        m->dtypes[t->dtype].bytes += t->bytes;
    }
}

static wt_status collect(void *arg, wt_node *node, wt_err *err)
{
    collector *c = arg;
    WT_TRY(wt_grow(c->model->ctx, (void **)&c->nodes, &c->cap, c->n + 1, sizeof *c->nodes, err));
    c->nodes[c->n++] = node;
    c->model->unknown_ops += node->op == NULL;
    for (size_t i = 0; i < node->attrs.count; i++) {
        const wt_attr *a = &node->attrs.items[i];
        for (size_t k = 0; (a->type == WT_ATTR_GRAPH || a->type == WT_ATTR_GRAPHS) && k < a->count; k++) {
            count_constants(c->model, a->type == WT_ATTR_GRAPH ? a->v.graph : a->v.graphs[k]);
            c->model->subgraphs++;
        }
    }
    return WT_OK;
}

static int by_name(const void *a, const void *b)
{
    const wt_node *x = *(const wt_node *const *)a, *y = *(const wt_node *const *)b;
    const int domain = strcmp(x->domain, y->domain);
    return domain ? domain : strcmp(x->op_type, y->op_type);
}

static int by_count(const void *a, const void *b)
{
    const wt_model_op *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    const int op = strcmp(x->op, y->op);
    return op ? op : strcmp(x->domain, y->domain);
}

static wt_status list_ops(wt_model *m, collector *c, wt_err *err)
{
    qsort(c->nodes, c->n, sizeof *c->nodes, by_name);
    size_t kinds = 0;
    for (size_t i = 0; i < c->n; i++)
        kinds += i == 0 || by_name(&c->nodes[i - 1], &c->nodes[i]) != 0;
    if (!(m->ops = wt_arena_alloc(&m->lists, kinds, sizeof *m->ops, err)))
        return WT_ENOMEM;
    for (size_t i = 0; i < c->n; i++) {
        const wt_node *node = c->nodes[i];
        uint64_t macs;
        if (i == 0 || by_name(&c->nodes[i - 1], &c->nodes[i]) != 0)
            m->ops[m->n_ops++] = (wt_model_op){ .op = node->op_type,
                                                .domain = node->domain,
                                                .known = node->op != NULL };
        wt_model_op *row = &m->ops[m->n_ops - 1];
        row->count++;
        if (wt_node_macs(node, &macs))
            row->macs = row->macs > UINT64_MAX - macs ? UINT64_MAX : row->macs + macs;
    }
    qsort(m->ops, m->n_ops, sizeof *m->ops, by_count);
    return WT_OK;
}

static int by_bytes(const void *a, const void *b)
{
    const wt_model_dtype *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->dtype < y->dtype ? -1 : x->dtype > y->dtype;
}

static void list_dtypes(wt_model *m)
{
    for (int t = 0; t < WT_DTYPE_COUNT; t++) {
        if (m->dtypes[t].tensors == 0)
            continue;
        wt_model_dtype row = m->dtypes[t];
        row.dtype = (wt_dtype)t;
        m->dtypes[m->n_dtypes++] = row;
    }
    qsort(m->dtypes, m->n_dtypes, sizeof *m->dtypes, by_bytes);
}

wt_status wt_model_changed(wt_model *m, wt_err *err)
{
    collector c = { .model = m };
    wt_arena_free(&m->lists);
    m->ops = NULL;
    m->verdicts = NULL;
    m->n_ops = m->n_dtypes = m->n_verdicts = m->nodes = m->subgraphs = m->unknown_ops = 0;
    memset(m->dtypes, 0, sizeof m->dtypes);
    count_constants(m, m->graph);
    wt_status st = wt_graph_visit(m->graph, collect, &c, err);
    m->nodes = c.n;
    if (st == WT_OK)
        st = list_ops(m, &c, err);
    list_dtypes(m);
    wt_free(m->ctx, c.nodes);
    if (st == WT_OK)
        st = wt_graph_frameworks(m->graph, &m->lists, &m->verdicts, &m->n_verdicts, err);
    return st;
}

/* Options of a caller built with this header or a newer one, which must not use what we do not know. */
static wt_status take_options(void *own, size_t size, const void *given, const char *maker, wt_err *err)
{
    size_t theirs;
    memcpy(&theirs, given, sizeof theirs);
    if (theirs < size)
        return wt_fail(err, WT_EUSAGE, "the options were not made by %s()", maker);
    for (size_t i = size; i < theirs; i++)
        if (((const unsigned char *)given)[i])
            return wt_fail(err, WT_EUSAGE, "the options ask for something that this version does not know");
    memcpy(own, given, size);
    return WT_OK;
}

/* --- opening ----------------------------------------------------------------------------------------------------- */
wt_model_options wt_model_defaults(void) { return (wt_model_options){ .size = sizeof(wt_model_options) }; }

void wt_model_close(wt_model *m)
{
    if (!m)
        return;
    wt_arena_free(&m->lists);
    wt_graph_close(m->graph);
    wt_free(m->ctx, m->path);
    wt_free(m->ctx, m);
}

wt_status wt_model_wrap(wt_model **out, wt_graph *graph, const char *path, wt_err *err)
{
    *out = NULL;
    const size_t len = strlen(path);
    wt_model *m = wt_alloc(graph->ctx, 1, sizeof *m, err);
    if (!m) {
        wt_graph_close(graph);
        return WT_ENOMEM;
    }
    m->ctx = graph->ctx;
    m->graph = graph;
    wt_arena_init(&m->lists, m->ctx);
    wt_status st = WT_ENOMEM;
    if ((m->path = wt_alloc(m->ctx, len + 1, 1, err)) != NULL) {
        memcpy(m->path, path, len);
        st = wt_model_changed(m, err);
    }
    if (st == WT_OK)
        *out = m;
    else
        wt_model_close(m);
    return st;
}

static wt_status read_graph(wt_graph **out, wt_context *ctx, const char *path, const wt_model_options *o, wt_err *err)
{
    const wt_format *format = o->format ? wt_format_by_name(o->format) : NULL;
    if (o->format && !format)
        return wt_fail(err, WT_EUSAGE, "there is no format '%s'", o->format);
    return format ? format->read(out, ctx, path, err) : wt_model_read(out, ctx, path, err);
}

wt_status wt_model_open(wt_model **out, wt_context *ctx, const char *path, const wt_model_options *options, wt_err *err)
{
    wt_model_options o = wt_model_defaults();
    wt_graph *graph = NULL;
    *out = NULL;
    if (options)
        WT_TRY(take_options(&o, sizeof o, options, "wt_model_defaults", err));
    wt_status st = read_graph(&graph, ctx, path, &o, err);
    for (size_t i = 0; i < o.n_shapes && st == WT_OK; i++) {
        st = wt_graph_fix_input(graph, o.shapes[i].name, &o.shapes[i].shape, err);
        if (st != WT_OK) {
            wt_graph_close(graph);
            return st; /* the flag is wrong, not the file */
        }
    }
    if (st == WT_OK)
        st = wt_graph_infer(graph, err);
    if (st != WT_OK) {
        wt_err_file(err, path);
        wt_graph_close(graph);
        return st;
    }
    return wt_model_wrap(out, graph, path, err);
}

wt_status wt_model_set_input_shape(wt_model *m, const char *name, const wt_shape *shape, wt_err *err)
{
    WT_TRY(wt_graph_fix_input(m->graph, name, shape, err));
    WT_TRY(wt_graph_infer(m->graph, err));
    return wt_model_changed(m, err);
}

/* --- what it is ------------------------------------------------------------------------------------------------------
 */
static bool is_parameter(wt_dtype t)
{
    return t != WT_I32 && t != WT_I64 && t != WT_BOOL && t != WT_STRING && t != WT_U32 && t != WT_U64;
}

wt_status wt_model_describe(const wt_model *m, wt_model_info *out, wt_err *err)
{
    const wt_graph *g = m->graph;
    const wt_macs macs = wt_graph_macs(g);
    wt_activation_peak peak;
    WT_TRY(wt_graph_activation_peak(g, &peak, err));
    *out = (wt_model_info){ .path = m->path,
                            .format = g->format,
                            .producer = g->producer,
                            .name = g->name,
                            .ir_version = g->ir_version,
                            .nodes = m->nodes,
                            .subgraphs = m->subgraphs,
                            .unknown_ops = m->unknown_ops,
                            .macs = macs.macs,
                            .macs_unknown = macs.unknown,
                            .activation_peak_bytes = peak.bytes,
                            .activation_unknown = peak.unknown };
    for (const wt_graph *source = g; source; source = source->shared_source)
        for (size_t i = 0; i < source->n_maps; i++)
            out->file_bytes += source->maps[i].size;
    for (size_t i = 0; i < m->n_dtypes; i++) {
        out->constant_bytes += m->dtypes[i].bytes;
        out->parameters += is_parameter(m->dtypes[i].dtype) ? m->dtypes[i].elements : 0;
    }
    return WT_OK;
}

size_t wt_model_input_count(const wt_model *m) { return m->graph->n_inputs; }
size_t wt_model_output_count(const wt_model *m) { return m->graph->n_outputs; }

static const char *type_of(const wt_value *v, wt_tensor *type)
{
    if (type) {
        *type = v->type;
        type->dtype = wt_value_dtype(v);
        type->data = NULL;
        type->bytes = 0;
    }
    return v->name;
}

const char *wt_model_input(const wt_model *m, size_t index, wt_tensor *type)
{
    return index < m->graph->n_inputs ? type_of(m->graph->inputs[index], type) : NULL;
}

const char *wt_model_output(const wt_model *m, size_t index, wt_tensor *type)
{
    return index < m->graph->n_outputs ? type_of(m->graph->outputs[index], type) : NULL;
}

const char *wt_model_shape_text(const wt_model *m, const wt_shape *shape, char *out, size_t size)
{
    return wt_shape_text(shape, m->graph->symbols, out, size);
}

bool wt_model_opset(const wt_model *m, size_t index, const char **domain, int64_t *version)
{
    if (index >= m->graph->n_opsets)
        return false;
    *domain = m->graph->opsets[index].domain[0] ? m->graph->opsets[index].domain : "ai.onnx";
    *version = m->graph->opsets[index].version;
    return true;
}

bool wt_model_metadata(const wt_model *m, size_t index, const char **key, const char **value)
{
    if (index >= m->graph->n_metadata)
        return false;
    *key = m->graph->metadata[index].key;
    *value = m->graph->metadata[index].value;
    return true;
}

const char *wt_model_metadata_get(const wt_model *m, const char *key) { return wt_graph_metadata(m->graph, key); }

bool wt_model_dtype_at(const wt_model *m, size_t index, wt_model_dtype *out)
{
    if (index >= m->n_dtypes)
        return false;
    *out = m->dtypes[index];
    return true;
}

bool wt_model_op_at(const wt_model *m, size_t index, wt_model_op *out)
{
    if (index >= m->n_ops)
        return false;
    *out = m->ops[index];
    return true;
}

bool wt_model_framework_at(const wt_model *m, size_t index, wt_framework *out)
{
    if (index >= m->n_verdicts)
        return false;
    *out = m->verdicts[index].framework;
    return true;
}

bool wt_model_obstacle_at(const wt_model *m, size_t framework, size_t index, wt_obstacle *out)
{
    if (framework >= m->n_verdicts || index >= m->verdicts[framework].framework.obstacles)
        return false;
    *out = m->verdicts[framework].obstacles[index];
    return true;
}

/* --- printing and saving
 * ------------------------------------------------------------------------------------------------ */
wt_status wt_model_print(const wt_model *m, wt_print_form form, wt_sink_fn *sink, void *user, wt_err *err)
{
    enum { PIECE = 1 << 16 };
    wt_buf text;
    wt_status st;
    wt_buf_init(&text, m->ctx);
    switch (form) {
    case WT_PRINT_DOT: st = wt_graph_print_dot(m->graph, &text, err); break;
    case WT_PRINT_SVG: st = wt_graph_print_svg(m->graph, &text, err); break;
    default: st = wt_graph_print_text(m->graph, &text, err); break;
    }
    for (size_t at = 0; at < text.len && st == WT_OK; at += PIECE)
        st = sink(user, text.data + at, text.len - at < PIECE ? text.len - at : PIECE, err);
    wt_buf_free(&text);
    return st;
}

wt_model_save_options wt_model_save_defaults(void)
{
    return (wt_model_save_options){ .size = sizeof(wt_model_save_options) };
}

wt_status wt_model_save(const wt_model *m, const char *path, const wt_model_save_options *options, wt_written_fn *fn,
                        void *user, wt_err *err)
{
    wt_model_save_options o = wt_model_save_defaults();
    if (options)
        WT_TRY(take_options(&o, sizeof o, options, "wt_model_save_defaults", err));
    const wt_write_options w = { .force = o.force,
                                 .f16_weights = o.f16_weights,
                                 .external_threshold = o.external_threshold };
    wt_written written = { .ctx = m->ctx };
    const wt_status st = wt_model_write(m->graph, path, o.format, &w, &written, err);
    for (size_t i = 0; i < written.count && st == WT_OK && fn; i++)
        fn(user, written.files[i].path, written.files[i].bytes, written.files[i].sha256);
    wt_written_free(&written);
    return st;
}
