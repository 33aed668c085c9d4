/* ov_ops.c - what the rows are built from (see ov_ops.h). */
#include "ov_ops.h"
#include "base/str.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* --- refusing ------------------------------------------------------------------------------------------------------
 */
void wt_ov_refuse(wt_ov_op *o, wt_status st, const char *fmt, ...)
{
    char text[384];
    va_list args;
    if (o->st != WT_OK)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    o->st = wt_fail(o->err, st, "%s", text);
}

void wt_ov_cannot(wt_ov_op *o, const char *what)
{
    wt_ov_refuse(o, WT_EUNSUPPORTED, "%s cannot be expressed here: %s", o->layer->type, what);
    wt_err_hint(o->err, "convert the original model to ONNX instead, or run this one in OpenVINO itself");
}

static void must(wt_ov_op *o, wt_status st)
{
    if (o->st == WT_OK)
        o->st = st;
}

/* --- attributes of the layer ---------------------------------------------------------------------------------------
 */
const char *wt_ov_text(const wt_ov_op *o, const char *name, const char *fallback)
{
    const char *text = wt_xml_get(o->layer->data, name);
    return text ? text : fallback;
}

bool wt_ov_text_is(const wt_ov_op *o, const char *name, const char *value)
{
    return !strcasecmp(wt_ov_text(o, name, ""), value);
}

int64_t wt_ov_int(wt_ov_op *o, const char *name, int64_t fallback)
{
    const char *text = wt_ov_text(o, name, NULL);
    int64_t v = fallback;
    if (text && !wt_ov_parse_i64(text, &v))
        wt_ov_refuse(o, WT_EFORMAT, "%s=\"%.40s\", expected a whole number", name, text);
    return v;
}

double wt_ov_float(wt_ov_op *o, const char *name, double fallback)
{
    const char *text = wt_ov_text(o, name, NULL);
    char *end = NULL;
    if (!text)
        return fallback;
    const double v = strtod(text, &end);
    if (end == text || *end)
        wt_ov_refuse(o, WT_EFORMAT, "%s=\"%.40s\", expected a number", name, text);
    return v;
}

bool wt_ov_bool(wt_ov_op *o, const char *name, bool fallback)
{
    const char *text = wt_ov_text(o, name, NULL);
    if (!text)
        return fallback;
    if (!strcasecmp(text, "true") || !strcmp(text, "1"))
        return true;
    if (strcasecmp(text, "false") != 0 && strcmp(text, "0") != 0)
        wt_ov_refuse(o, WT_EFORMAT, "%s=\"%.40s\", expected true or false", name, text);
    return false;
}

size_t wt_ov_ints(wt_ov_op *o, const char *name, int64_t *out, size_t max)
{
    const char *text = wt_ov_text(o, name, "");
    size_t n = 0;
    if (!wt_ov_parse_list(text, out, max, &n))
        wt_ov_refuse(o, WT_EFORMAT, "%s=\"%.40s\", expected at most %zu whole numbers between commas", name, text, max);
    return o->st == WT_OK ? n : 0;
}

wt_dtype wt_ov_type(wt_ov_op *o, const char *name, wt_dtype fallback)
{
    const char *text = wt_ov_text(o, name, NULL);
    wt_dtype t = fallback;
    if (text && !wt_ov_dtype(text, &t))
        wt_ov_refuse(o, WT_EUNSUPPORTED, "%s=\"%.40s\" is an element type that cannot be read", name, text);
    return t;
}

/* --- values --------------------------------------------------------------------------------------------------------
 */
wt_value *wt_ov_in(wt_ov_op *o, size_t i)
{
    const wt_ov_layer *layer = o->layer;
    if (o->st != WT_OK || i >= layer->n_in)
        return NULL;
    wt_value *v = layer->in[i].from->out[layer->in[i].from_out].value;
    if (!v)
        wt_ov_refuse(o, WT_EUNSUPPORTED, "output %zu of layer '%.100s' (%.40s) is used, which the IR does not have",
                     layer->in[i].from_out, layer->in[i].from->name, layer->in[i].from->type);
    return v;
}

int wt_ov_rank(const wt_value *v) { return v ? v->type.shape.rank : -1; }

int wt_ov_need_rank(wt_ov_op *o, const wt_value *v)
{
    if (o->st == WT_OK && wt_ov_rank(v) < 0)
        wt_ov_refuse(o, WT_EUNSUPPORTED, "the number of dimensions of '%.100s' is not known", v ? v->name : "");
    return o->st == WT_OK ? wt_ov_rank(v) : 0;
}

const wt_tensor *wt_ov_known(const wt_value *v)
{
    if (!v)
        return NULL;
    if (wt_value_is_const(v))
        return &v->type;
    if (v->known)
        return v->known;
    const wt_node *cast = v->producer;
    if (wt_node_is(cast, WT_OP_CAST) && cast->in[0] && wt_value_is_const(cast->in[0]))
        return &cast->in[0]->type;
    return NULL;
}

size_t wt_ov_const_ints(wt_ov_op *o, const wt_value *v, const char *what, int64_t *out, size_t max)
{
    const wt_tensor *t = wt_ov_known(v);
    int64_t n = 0;
    if (o->st != WT_OK)
        return 0;
    if (!t || !wt_shape_count(&t->shape, &n)) {
        wt_ov_refuse(o, WT_EUNSUPPORTED, "%s must be constant: '%.100s' is computed", what, v ? v->name : "");
        return 0;
    }
    if ((uint64_t)n > max) {
        wt_ov_refuse(o, WT_EFORMAT, "%s has %lld numbers, at most %zu were expected", what, (long long)n, max);
        return 0;
    }
    for (int64_t i = 0; i < n; i++) {
        double d = 0;
        if (!wt_tensor_int(t, i, &out[i])) {
            if (!wt_tensor_double(t, i, &d) || !(d > -9e18 && d < 9e18))
                wt_ov_refuse(o, WT_EFORMAT, "%s is no list of whole numbers", what);
            out[i] = o->st == WT_OK ? (int64_t)d : 0;
        }
    }
    return o->st == WT_OK ? (size_t)n : 0;
}

int64_t wt_ov_const_int(wt_ov_op *o, const wt_value *v, const char *what)
{
    int64_t one = 0;
    if (wt_ov_const_ints(o, v, what, &one, 1) != 1)
        wt_ov_refuse(o, WT_EFORMAT, "%s must be one number", what);
    return one;
}

double wt_ov_const_float(wt_ov_op *o, const wt_value *v, const char *what)
{
    const wt_tensor *t = wt_ov_known(v);
    int64_t n = 0;
    double d = 0;
    if (o->st == WT_OK && (!t || !wt_shape_count(&t->shape, &n) || n != 1 || !wt_tensor_double(t, 0, &d)))
        wt_ov_refuse(o, WT_EUNSUPPORTED, "%s must be one constant number", what);
    return d;
}

wt_value *wt_ov_i64(wt_ov_op *o, const int64_t *v, size_t n, bool scalar)
{
    wt_value *out = NULL;
    if (o->st == WT_OK)
        must(o, wt_graph_add_const_i64(&out, o->graph, NULL, v, n, scalar, o->err));
    return o->st == WT_OK ? out : NULL;
}

wt_value *wt_ov_f32(wt_ov_op *o, const float *v, size_t n, bool scalar)
{
    wt_value *out = NULL;
    if (o->st == WT_OK)
        must(o, wt_graph_add_const_f32(&out, o->graph, NULL, v, n, scalar, o->err));
    return o->st == WT_OK ? out : NULL;
}

wt_value *wt_ov_scalar(wt_ov_op *o, const wt_value *like, double v)
{
    const wt_dtype dtype = like ? wt_value_dtype(like) : WT_F32;
    uint64_t room[2] = { 0 };
    wt_tensor t = { .dtype = dtype == WT_DTYPE_NONE ? WT_F32 : dtype, .data = room };
    wt_value *out = NULL;
    if (o->st != WT_OK)
        return NULL;
    if (!wt_dtype_bytes(t.dtype, 1, &t.bytes) || t.bytes > sizeof room ||
        wt_convert(&v, WT_F64, room, t.dtype, 1, true, NULL) != WT_OK) {
        wt_ov_cannot(o, "a constant of this element type");
        return NULL;
    }
    must(o, wt_graph_add_constant(&out, o->graph, NULL, &t, o->err));
    return o->st == WT_OK ? out : NULL;
}

wt_value *wt_ov_cast(wt_ov_op *o, wt_value *v, wt_dtype to)
{
    if (!v || wt_value_dtype(v) == to)
        return v;
    wt_ov_set_int(o, "to", wt_dtype_get(to)->onnx_code);
    return wt_ov_emit(o, "Cast", v);
}

wt_value *wt_ov_as_i64(wt_ov_op *o, wt_value *v)
{
    int64_t few[64];
    if (!v || wt_value_dtype(v) == WT_I64)
        return v;
    const wt_tensor *t = wt_ov_known(v);
    int64_t n = 0;
    if (!t || t->shape.rank > 1 || !wt_shape_count(&t->shape, &n) || n > (int64_t)WT_ARRAY_LEN(few))
        return wt_ov_cast(o, v, WT_I64);
    const size_t k = wt_ov_const_ints(o, v, "the input", few, WT_ARRAY_LEN(few));
    return wt_ov_i64(o, few, k, t->shape.rank == 0);
}

wt_value *wt_ov_as_vector(wt_ov_op *o, wt_value *v)
{
    static const int64_t one = 1, any = -1;
    const wt_shape shape = wt_shape_make(1, &one);
    if (!v || wt_ov_rank(v) == 1)
        return v;
    if (wt_value_is_const(v) && wt_ov_rank(v) == 0)
        return wt_ov_reshaped(o, v, &shape);
    return wt_ov_emit(o, "Reshape", v, wt_ov_i64(o, &any, 1, false));
}

wt_value *wt_ov_reshaped(wt_ov_op *o, wt_value *v, const wt_shape *shape)
{
    int64_t was = 0, is = 1;
    if (!v || o->st != WT_OK || wt_shape_equal(&v->type.shape, shape))
        return v;
    wt_value *view = wt_ov_widened_as(o, v, shape);
    if (view || o->st != WT_OK)
        return view;
    if (!wt_value_is_const(v) || !wt_shape_count(&v->type.shape, &was) || !wt_shape_count(shape, &is) || was != is)
        return wt_ov_emit(o, "Reshape", v, wt_ov_i64(o, shape->dim, (size_t)shape->rank, false));
    wt_tensor t = v->type;
    t.shape = *shape;
    must(o, wt_graph_add_value(&view, o->graph, NULL, o->err));
    if (o->st == WT_OK)
        must(o, wt_graph_set_constant(view, &t, o->err));
    return o->st == WT_OK ? view : NULL;
}

/* --- building ------------------------------------------------------------------------------------------------------
 */
static void set(wt_ov_op *o, wt_attr attr)
{
    if (o->st == WT_OK && o->n_attrs == WT_OV_ATTRS)
        o->st = wt_fail(o->err, WT_EINTERNAL, "too many attributes");
    if (o->st == WT_OK)
        o->attrs[o->n_attrs++] = attr;
}

void wt_ov_set_int(wt_ov_op *o, const char *name, int64_t v)
{
    set(o, (wt_attr){ .name = name, .type = WT_ATTR_INT, .count = 1, .v.i = v });
}

void wt_ov_set_float(wt_ov_op *o, const char *name, float v)
{
    set(o, (wt_attr){ .name = name, .type = WT_ATTR_FLOAT, .count = 1, .v.f = v });
}

void wt_ov_set_text(wt_ov_op *o, const char *name, const char *v)
{
    const char *copy = o->st == WT_OK ? wt_arena_strdup(&o->reader->root->arena, v, o->err) : NULL;
    if (copy)
        set(o, (wt_attr){ .name = name, .type = WT_ATTR_STRING, .count = 1, .v.s = { copy, strlen(copy) } });
    else
        must(o, WT_ENOMEM);
}

void wt_ov_set_ints(wt_ov_op *o, const char *name, const int64_t *v, size_t n)
{
    int64_t *copy = o->st == WT_OK ? wt_arena_alloc(&o->reader->root->arena, n + 1, sizeof *copy, o->err) : NULL;
    if (!copy) {
        must(o, WT_ENOMEM);
        return;
    }
    if (n)
        memcpy(copy, v, n * sizeof *copy);
    set(o, (wt_attr){ .name = name, .type = WT_ATTR_INTS, .count = n, .v.ints = copy });
}

void wt_ov_set_graph(wt_ov_op *o, const char *name, wt_graph *g)
{
    set(o, (wt_attr){ .name = name, .type = WT_ATTR_GRAPH, .count = 1, .v.graph = g });
}

static void add_node(wt_ov_op *o, const char *op, const char *name, wt_value *const *in, size_t n_in, wt_value **out,
                     size_t n_out)
{
    const wt_attrs attrs = { o->attrs, o->n_attrs };
    wt_node *node = NULL;
    o->n_attrs = 0;
    if (o->st == WT_OK)
        must(o, wt_graph_add_node(&node, o->graph, NULL, "", op, name, in, n_in, out, n_out, &attrs, o->err));
    if (o->st == WT_OK)
        must(o, wt_node_infer_early(node, o->err));
}

void wt_ov_emit_outs(wt_ov_op *o, const char *op, wt_value *const *in, size_t n_in, wt_value **out, size_t n_out)
{
    const char *name = o->layer->name;
    for (size_t i = 0; i < n_out && o->st == WT_OK; i++)
        must(o, wt_graph_add_value(&out[i], o->graph, NULL, o->err));
    if (o->st == WT_OK && name[0])
        name = wt_arena_printf(&o->reader->root->arena, o->err, "%s/%s_%d", name, op, ++o->emitted);
    if (!name)
        must(o, WT_ENOMEM);
    add_node(o, op, name, in, n_in, out, n_out);
}

wt_value *wt_ov_emit_n(wt_ov_op *o, const char *op, wt_value *const *in, size_t n_in)
{
    wt_value *out = NULL;
    wt_ov_emit_outs(o, op, in, n_in, &out, 1);
    return o->st == WT_OK ? out : NULL;
}

/* The first of the names between commas, "\," inside one meaning a comma. */
static const char *first_name(wt_ov_op *o, const char *names)
{
    size_t n = 0;
    char *copy = wt_arena_strdup(&o->reader->root->arena, names, o->err);
    if (!copy)
        must(o, WT_ENOMEM);
    for (const char *c = names; copy && *c && *c != ','; c++) {
        if (*c == '\\' && c[1] == ',')
            c++;
        copy[n++] = *c;
    }
    if (copy)
        copy[n] = 0;
    return copy;
}

/* As a model's user knows the value: by the name that a Result wants, by its tensor's name, by its layer's. */
static const char *port_name(wt_ov_op *o, size_t k)
{
    const wt_ov_port *port = &o->layer->out[k];
    const char *names = port->wanted && port->wanted[0] ? port->wanted : port->names;
    const char *name = names && names[0] ? first_name(o, names) : NULL;
    if (o->st == WT_OK && !(name && name[0]))
        name = o->layer->n_out == 1 ? o->layer->name
                                    : wt_arena_printf(&o->reader->root->arena, o->err, "%s.%zu", o->layer->name, k);
    if (o->st != WT_OK || !name)
        return NULL;
    return name[0] && wt_utf8_valid(name, strlen(name)) && !wt_graph_find(o->graph, name) ? name : NULL;
}

wt_value *wt_ov_port_value(wt_ov_op *o, size_t k)
{
    wt_value *v = NULL;
    if (o->st == WT_OK && k >= o->layer->n_out)
        wt_ov_refuse(o, WT_EFORMAT, "the layer has %zu outputs, %zu were expected", o->layer->n_out, k + 1);
    const char *name = o->st == WT_OK ? port_name(o, k) : NULL;
    if (o->st == WT_OK)
        must(o, wt_graph_add_value(&v, o->graph, name, o->err));
    if (o->st != WT_OK)
        return NULL;
    v->type.shape = o->layer->out[k].shape;
    o->layer->out[k].value = v;
    return v;
}

void wt_ov_finish_k(wt_ov_op *o, size_t k, const char *op, wt_value *const *in, size_t n_in)
{
    wt_value *out = wt_ov_port_value(o, k);
    add_node(o, op, o->layer->name, in, n_in, &out, 1);
}

void wt_ov_finish_n(wt_ov_op *o, const char *op, wt_value *const *in, size_t n_in, size_t n_out)
{
    wt_value **out = wt_arena_alloc(&o->reader->scratch, n_out + 1, sizeof *out, o->err);
    if (!out)
        must(o, WT_ENOMEM);
    for (size_t k = 0; k < n_out && o->st == WT_OK; k++)
        out[k] = wt_ov_port_value(o, k);
    add_node(o, op, o->layer->name, in, n_in, out, n_out);
}

void wt_ov_give(wt_ov_op *o, size_t k, wt_value *v)
{
    if (o->st == WT_OK && k >= o->layer->n_out)
        wt_ov_refuse(o, WT_EFORMAT, "the layer has %zu outputs, %zu were expected", o->layer->n_out, k + 1);
    if (o->st == WT_OK)
        o->layer->out[k].value = v;
}

/* --- rows ------------------------------------------------------------------------------------------------------------
 */
const wt_ov_row *wt_ov_row_of(const wt_ov_layer *layer)
{
    static const wt_ov_row *const all[] = { wt_ov_rows_plain, wt_ov_rows_shape, wt_ov_rows_index,
                                            wt_ov_rows_nn,    wt_ov_rows_rnn,   wt_ov_rows_control };
    for (size_t i = 0; i < WT_ARRAY_LEN(all); i++)
        for (const wt_ov_row *row = all[i]; row->type; row++)
            if (wt_ov_is(layer, row->type))
                return row;
    return NULL;
}
