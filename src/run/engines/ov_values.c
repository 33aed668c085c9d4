/* ov_values.c - types, borders and tensors of OpenVINO. Numbers are not copied: what is given is a view of our memory,
 * what comes back a view of theirs until the next run. */
#include <stdio.h>
#include "run/engines/ov.h"

enum { PROBED = 64 }; /* elements of the tensors that types are told by: whole bytes for any width */
#define OV(call) WT_TRY(wt_openvino_check(&m->api, m->api.call, WT_EUNSUPPORTED, err))

/* --- types
 * ---------------------------------------------------------------------------------------------------------------------
 *
 * The order has always been: bool, bf16, f16, f32, f64, i4, i8, i16, i32, i64, then bits and small unsigned ones, of
 * which releases have inserted some, then u8, u16, u32, u64, more small ones, and string. So bytes of a tensor of each
 * number tell which is which. */
static const struct {
    wt_dtype dtype;
    size_t bytes; /* of PROBED elements */
} first_types[] = { { WT_BOOL, 64 }, { WT_BF16, 128 }, { WT_F16, 128 }, { WT_F32, 256 }, { WT_F64, 512 },
                    { WT_I4, 32 },   { WT_I8, 64 },    { WT_I16, 128 }, { WT_I32, 256 }, { WT_I64, 512 } },
  unsigned_types[] = { { WT_U8, 64 }, { WT_U16, 128 }, { WT_U32, 256 }, { WT_U64, 512 } };

static size_t bytes_of_type(const OvTable *api, int type)
{
    int64_t dim = PROBED;
    OvTensor *t = NULL;
    size_t bytes = 0;
    if (api->tensor_new(type, (OvShape){ 1, &dim }, &t) != 0 || !t)
        return 0;
    if (api->tensor_bytes(t, &bytes) != 0)
        bytes = 0;
    api->tensor_free(t);
    return bytes;
}

wt_status wt_openvino_learn_types(wt_openvino_types *out, const OvTable *api, wt_err *err)
{
    size_t bytes[WT_OPENVINO_TYPES], at = 0, u = 0;
    *out = (wt_openvino_types){ { WT_DTYPE_NONE } };
    for (int i = 0; i < WT_OPENVINO_TYPES; i++)
        bytes[i] = bytes_of_type(api, i);
    while (at < 8 && !bytes[at]) /* "undefined" and "dynamic" have no tensors */
        at++;
    for (size_t i = 0; i < WT_ARRAY_LEN(first_types); i++) {
        if (bytes[at + i] != first_types[i].bytes)
            return wt_fail(err, WT_EUNSUPPORTED, "the library's element types are in an order that is not known");
        out->ours[at + i] = first_types[i].dtype;
    }
    for (size_t i = at + WT_ARRAY_LEN(first_types); i + 4 < WT_OPENVINO_TYPES && !u; i++)
        if (bytes[i] == 64 && bytes[i + 1] == 128 && bytes[i + 2] == 256 && bytes[i + 3] == 512)
            u = i;
    if (!u)
        return wt_fail(err, WT_EUNSUPPORTED, "the library's unsigned types are in an order that is not known");
    for (size_t i = 0; i < WT_ARRAY_LEN(unsigned_types); i++)
        out->ours[u + i] = unsigned_types[i].dtype;
    for (size_t i = u + 4; i < WT_OPENVINO_TYPES; i++)
        if (bytes[i] > 8 * (size_t)PROBED) /* an object, not a number */
            out->ours[i] = WT_STRING;
    return WT_OK;
}

static wt_dtype type_of(const wt_openvino_model *m, int type)
{
    return type >= 0 && type < WT_OPENVINO_TYPES ? m->types.ours[type] : WT_DTYPE_NONE;
}

static int number_of(const wt_openvino_model *m, wt_dtype dtype)
{
    for (int i = 0; i < WT_OPENVINO_TYPES && dtype != WT_DTYPE_NONE; i++)
        if (m->types.ours[i] == dtype)
            return i;
    return -1;
}

/* --- borders
 * ------------------------------------------------------------------------------------------------------------------ */
static wt_status add_port(wt_openvino_model *m, bool input, const char *name, const OvPort *port, wt_err *err)
{
    OvPartialShape shape = { 0 };
    int64_t dims[WT_MAX_RANK];
    int type = 0;
    OV(port_type(port, &type));
    OV(port_shape(port, &shape));
    const int64_t rank = shape.rank.min == shape.rank.max && shape.rank.max <= WT_MAX_RANK ? shape.rank.max : -1;
    for (int64_t d = 0; d < rank; d++)
        dims[d] = shape.dims[d].min == shape.dims[d].max ? shape.dims[d].max : -1;
    const wt_status st = wt_border_add(m->base.graph, input, name, type_of(m, type), (int)rank, dims, NULL, err);
    m->api.partial_free(&shape);
    return st;
}

/* A port may have no name, or several, of which any is given. */
static wt_status read_port(wt_openvino_model *m, bool input, size_t index, const char *known, wt_err *err)
{
    OvPort *port = NULL;
    char *told = NULL, name[64];
    if (input)
        OV(input(m->model, index, &port));
    else
        OV(output(m->model, index, &port));
    if (!known && m->api.port_name(port, &told) != 0)
        told = NULL;
    snprintf(name, sizeof name, "%s_%zu", input ? "input" : "output", index);
    const wt_status st = add_port(m, input, known ? known : told && told[0] ? told : name, port, err);
    if (told)
        m->api.free(told);
    m->api.port_free(port);
    return st;
}

wt_status wt_openvino_read_border(wt_openvino_model *m, const char *const *taps, size_t n_taps, wt_err *err)
{
    size_t n_in, n_out;
    wt_context *ctx = m->base.ctx;
    OV(inputs(m->model, &n_in));
    OV(outputs(m->model, &n_out));
    if (n_out < n_taps)
        return wt_fail(err, WT_EUNSUPPORTED, "OpenVINO made %zu outputs of those that were asked for", n_out);
    WT_TRY(wt_graph_new(&m->base.graph, ctx, err));
    for (size_t i = 0; i < n_in; i++)
        WT_TRY(read_port(m, true, i, NULL, err));
    for (size_t i = 0; i < n_out; i++) /* further outputs come last, in their order */
        WT_TRY(read_port(m, false, i, i < n_out - n_taps ? NULL : taps[i - (n_out - n_taps)], err));
    m->given = wt_alloc(ctx, n_in + 1, sizeof *m->given, err);
    m->taken = wt_alloc(ctx, n_out + 1, sizeof *m->taken, err);
    m->outputs = wt_alloc(ctx, n_out + 1, sizeof *m->outputs, err);
    return m->given && m->taken && m->outputs ? WT_OK : WT_ENOMEM;
}

wt_status wt_openvino_reshape(wt_openvino_model *m, const wt_tensor *inputs, size_t n, wt_err *err)
{
    wt_context *ctx = m->base.ctx;
    OvPartialShape *shapes = wt_alloc(ctx, n + 1, sizeof *shapes, err);
    OvDim *dims = shapes ? wt_alloc(ctx, (n + 1) * WT_MAX_RANK, sizeof *dims, err) : NULL;
    size_t *ports = dims ? wt_alloc(ctx, n + 1, sizeof *ports, err) : NULL, used = 0;
    wt_status st = ports ? WT_OK : WT_ENOMEM;
    for (size_t i = 0; st == WT_OK && i < n; i++) {
        const wt_shape *s = &inputs[i].shape;
        if (wt_shape_known(&m->base.graph->inputs[i]->type.shape) && !m->base.graph->n_symbols)
            continue; /* it is fixed in the model */
        OvDim *own = dims + used * WT_MAX_RANK;
        for (int d = 0; d < s->rank; d++)
            own[d] = (OvDim){ s->dim[d], s->dim[d] };
        ports[used] = i;
        shapes[used++] = (OvPartialShape){ { s->rank, s->rank }, own };
    }
    if (st == WT_OK && used)
        st = wt_openvino_check(&m->api, m->api.reshape(m->model, ports, shapes, used), WT_EUNSUPPORTED, err);
    wt_free(ctx, ports);
    wt_free(ctx, dims);
    wt_free(ctx, shapes);
    return st;
}

/* --- tensors
 * --------------------------------------------------------------------------------------------------------------------
 */
static wt_status give_strings(wt_openvino_model *m, size_t index, const wt_tensor *t, OvShape shape, wt_err *err)
{
    int64_t count = 0;
    const char **starts;
    if (!m->api.strings || !wt_shape_count(&t->shape, &count))
        return wt_fail(err, WT_EUNSUPPORTED, "this version of OpenVINO takes no strings by its C interface");
    WT_TRY(wt_engine_texts(&starts, m->base.ctx, t->data, (size_t)count, err));
    const wt_status st = wt_openvino_check(&m->api, m->api.strings(starts, (size_t)count, shape, &m->given[index]),
                                           WT_EUNSUPPORTED, err);
    wt_free(m->base.ctx, starts);
    return st;
}

wt_status wt_openvino_give(wt_openvino_model *m, size_t index, const wt_tensor *t, wt_err *err)
{
    int64_t dims[WT_MAX_RANK];
    const OvShape shape = { t->shape.rank, dims };
    const int type = number_of(m, t->dtype);
    memcpy(dims, t->shape.dim, sizeof dims);
    if (m->given[index])
        m->api.tensor_free(m->given[index]);
    m->given[index] = NULL;
    if (type < 0)
        return wt_fail(err, WT_EUNSUPPORTED, "input '%s' is of type %s, which OpenVINO does not take here",
                       m->base.graph->inputs[index]->name, wt_dtype_name(t->dtype));
    if (t->dtype == WT_STRING)
        WT_TRY(give_strings(m, index, t, shape, err));
    else
        OV(tensor_over(type, shape, (void *)(uintptr_t)t->data, &m->given[index]));
    OV(give(m->request, index, m->given[index]));
    return WT_OK;
}

static wt_status take_shape(wt_openvino_model *m, size_t index, wt_err *err)
{
    wt_tensor *t = &m->outputs[index];
    const char *name = m->base.graph->outputs[index]->name;
    OvShape shape = { 0 };
    int type = 0;
    OV(tensor_type(m->taken[index], &type));
    OV(tensor_shape(m->taken[index], &shape));
    t->dtype = type_of(m, type);
    const bool fits = shape.rank <= WT_MAX_RANK;
    t->shape.rank = fits ? (int)shape.rank : -1;
    for (int d = 0; d < t->shape.rank; d++)
        t->shape.dim[d] = shape.dims[d];
    m->api.shape_free(&shape);
    if (!fits || t->dtype == WT_DTYPE_NONE)
        return wt_fail(err, WT_EUNSUPPORTED, "output '%s' is of a type or rank that whet cannot hold", name);
    if (t->dtype == WT_STRING)
        return wt_fail(err, WT_EUNSUPPORTED, "output '%s' are strings, which OpenVINO's C interface does not hand out",
                       name);
    return WT_OK;
}

wt_status wt_openvino_take(wt_openvino_model *m, size_t index, wt_err *err)
{
    static const char nothing[64];
    wt_tensor *t = &m->outputs[index];
    int64_t count;
    void *data = NULL;
    *t = (wt_tensor){ .layout = WT_PLAIN };
    if (m->taken[index])
        m->api.tensor_free(m->taken[index]);
    m->taken[index] = NULL;
    OV(take(m->request, index, &m->taken[index]));
    WT_TRY(take_shape(m, index, err));
    if (!wt_shape_count(&t->shape, &count) || !wt_dtype_bytes(t->dtype, (uint64_t)count, &t->bytes))
        return wt_fail(err, WT_EUNSUPPORTED, "output '%s' is too large", m->base.graph->outputs[index]->name);
    if (count)
        OV(tensor_data(m->taken[index], &data));
    t->data = data ? data : nothing; /* no elements */
    return WT_OK;
}
