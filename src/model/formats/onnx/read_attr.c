/* read_attr.c - AttributeProto into typed attributes.
 *
 * Old files omit the type: then the field that is there decides. Sparse tensors become dense ones. Inside a function a
 * reference to an attribute of the caller is replaced by the caller's value (or the function's default); when neither
 * exists the attribute is absent. Numbers are copied into the arena, aligned; tensors stay views. */
#include "reader.h"

typedef struct parts {
    wt_pb msg;
    wt_string name, ref, s;
    int64_t type, i;
    float f;
    wt_pb_slot t, g, sparse;
    size_t floats, ints, strings;
    wt_pb_list tensors, graphs;
    bool has_f, has_i, has_s, has_tensors, has_graphs, has_other;
} parts;

static wt_status scan_scalar(parts *p, const wt_pb_field *f, wt_err *err)
{
    switch (f->number) {
    case ATTR_NAME: return wt_onnx_text(f, "AttributeProto.name", &p->name, err);
    case ATTR_REF: return wt_onnx_text(f, "AttributeProto.ref_attr_name", &p->ref, err);
    case ATTR_TYPE:
        WT_TRY(wt_pb_expect(f, WT_PB_VARINT, "AttributeProto.type", err));
        p->type = (int64_t)f->value;
        return WT_OK;
    case ATTR_F: {
        WT_TRY(wt_pb_expect(f, WT_PB_FIXED32, "AttributeProto.f", err));
        const uint32_t bits = (uint32_t)f->value;
        memcpy(&p->f, &bits, sizeof bits);
        p->has_f = true;
        return WT_OK;
    }
    case ATTR_I:
        WT_TRY(wt_pb_expect(f, WT_PB_VARINT, "AttributeProto.i", err));
        p->i = (int64_t)f->value, p->has_i = true;
        return WT_OK;
    case ATTR_S:
        WT_TRY(wt_pb_expect(f, WT_PB_BYTES, "AttributeProto.s", err));
        p->s = (wt_string){ (const char *)f->data, f->len };
        p->has_s = true;
        return WT_OK;
    default: return WT_OK;
    }
}

static wt_status scan(wt_reader *rd, parts *p, wt_err *err)
{
    wt_pb msg = p->msg;
    wt_pb_field f;
    size_t n = 0;
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &f, &st, err)) {
        switch (f.number) {
        case ATTR_T: WT_TRY(wt_onnx_once(rd, &p->msg, &f, "AttributeProto.t", &p->t, err)); break;
        case ATTR_G: WT_TRY(wt_onnx_once(rd, &p->msg, &f, "AttributeProto.g", &p->g, err)); break;
        case ATTR_SPARSE: WT_TRY(wt_onnx_once(rd, &p->msg, &f, "AttributeProto.sparse_tensor", &p->sparse, err)); break;
        case ATTR_FLOATS:
            WT_TRY(wt_pb_count(&f, WT_PB_FIXED32, "AttributeProto.floats", &n, err));
            p->floats += n;
            break;
        case ATTR_INTS:
            WT_TRY(wt_pb_count(&f, WT_PB_VARINT, "AttributeProto.ints", &n, err));
            p->ints += n;
            break;
        case ATTR_STRINGS:
            WT_TRY(wt_pb_expect(&f, WT_PB_BYTES, "AttributeProto.strings", err));
            p->strings++;
            break;
        case ATTR_TENSORS: p->has_tensors = true; break;
        case ATTR_GRAPHS: p->has_graphs = true; break;
        case ATTR_TP:
        case ATTR_TYPE_PROTOS:
        case ATTR_SPARSES: p->has_other = true; break;
        default: WT_TRY(scan_scalar(p, &f, err));
        }
    }
    return st;
}

static int64_t guess_type(const parts *p)
{
    const struct {
        bool there;
        int64_t type;
    } rows[] = {
        { p->has_f, TYPE_FLOAT },
        { p->has_i, TYPE_INT },
        { p->has_s, TYPE_STRING },
        { p->t.msg.pos, TYPE_TENSOR },
        { p->g.msg.pos, TYPE_GRAPH },
        { p->floats, TYPE_FLOATS },
        { p->ints, TYPE_INTS },
        { p->strings, TYPE_STRINGS },
        { p->has_tensors, TYPE_TENSORS },
        { p->has_graphs, TYPE_GRAPHS },
        { p->sparse.msg.pos, TYPE_SPARSE_TENSOR },
        { p->has_other, TYPE_TYPE_PROTO },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        if (rows[i].there)
            return rows[i].type;
    return TYPE_UNDEFINED;
}

/* Copies every run of a repeated number or string into one array. */
static wt_status gather(wt_reader *rd, const parts *p, uint32_t number, size_t count, size_t size, void **out,
                        wt_err *err)
{
    uint8_t *to = wt_arena_alloc(rd->arena, count ? count : 1, size, err);
    if (!to)
        return WT_ENOMEM;
    *out = to;
    wt_pb msg = p->msg;
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &f, &st, err)) {
        if (f.number != number)
            continue;
        size_t n = 1;
        if (number == ATTR_FLOATS) {
            WT_TRY(wt_pb_count(&f, WT_PB_FIXED32, "floats", &n, err));
            if (f.len)
                memcpy(to, f.data, f.len);
        } else if (number == ATTR_INTS) {
            WT_TRY(wt_pb_count(&f, WT_PB_VARINT, "ints", &n, err));
            wt_pb_varints(&f, to, 8, INT64_MIN, INT64_MAX);
        } else {
            const wt_string s = { (const char *)f.data, f.len };
            memcpy(to, &s, sizeof s);
        }
        to += n * size;
    }
    return st;
}

static wt_status read_tensor(wt_reader *rd, wt_pb msg, bool sparse, wt_tensor **out, wt_err *err)
{
    *out = wt_arena_alloc(rd->arena, 1, sizeof **out, err);
    if (!*out)
        return WT_ENOMEM;
    return sparse ? wt_onnx_read_sparse(rd, msg, *out, NULL, err) : wt_onnx_read_tensor_proto(rd, msg, *out, NULL, err);
}

static wt_status read_tensors(wt_reader *rd, const parts *p, wt_attr *a, wt_err *err)
{
    wt_pb_list list;
    WT_TRY(wt_onnx_list(rd, p->msg, ATTR_TENSORS, "AttributeProto.tensors", &list, err));
    wt_tensor **tensors = wt_arena_alloc(rd->arena, list.count + 1, sizeof *tensors, err);
    if (!tensors)
        return WT_ENOMEM;
    for (size_t i = 0; i < list.count; i++)
        WT_TRY(read_tensor(rd, list.items[i], false, &tensors[i], err));
    a->count = list.count;
    a->v.tensors = (const wt_tensor *const *)tensors;
    return WT_OK;
}

static wt_status read_subgraph(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_pb msg, wt_graph **out,
                               wt_err *err)
{
    WT_TRY(wt_graph_new_sub(out, graph, err));
    return wt_onnx_read_graph(rd, frame, *out, msg, err);
}

static wt_status read_graphs(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const parts *p, wt_attr *a,
                             wt_err *err)
{
    wt_pb_list list;
    WT_TRY(wt_onnx_list(rd, p->msg, ATTR_GRAPHS, "AttributeProto.graphs", &list, err));
    wt_graph **graphs = wt_arena_alloc(rd->arena, list.count + 1, sizeof *graphs, err);
    if (!graphs)
        return WT_ENOMEM;
    for (size_t i = 0; i < list.count; i++)
        WT_TRY(read_subgraph(rd, frame, graph, list.items[i], &graphs[i], err));
    a->count = list.count;
    a->v.graphs = graphs;
    return WT_OK;
}

static wt_status array_value(wt_reader *rd, const parts *p, wt_attr *a, wt_attr_type type, wt_err *err)
{
    void *data = NULL;
    a->type = type;
    if (type == WT_ATTR_FLOATS) {
        WT_TRY(gather(rd, p, ATTR_FLOATS, a->count = p->floats, sizeof(float), &data, err));
        a->v.floats = data;
    } else if (type == WT_ATTR_INTS) {
        WT_TRY(gather(rd, p, ATTR_INTS, a->count = p->ints, sizeof(int64_t), &data, err));
        a->v.ints = data;
    } else {
        WT_TRY(gather(rd, p, ATTR_STRINGS, a->count = p->strings, sizeof(wt_string), &data, err));
        a->v.strings = data;
    }
    return WT_OK;
}

static wt_status value(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const parts *p, wt_attr *a, wt_err *err)
{
    wt_tensor *t = NULL;
    a->count = 1;
    switch (p->type) {
    case TYPE_FLOAT: a->type = WT_ATTR_FLOAT, a->v.f = p->f; return WT_OK;
    case TYPE_INT: a->type = WT_ATTR_INT, a->v.i = p->i; return WT_OK;
    case TYPE_STRING:
        a->type = WT_ATTR_STRING;
        a->v.s = p->s.data ? p->s : (wt_string){ "", 0 };
        return WT_OK;
    case TYPE_FLOATS: return array_value(rd, p, a, WT_ATTR_FLOATS, err);
    case TYPE_INTS: return array_value(rd, p, a, WT_ATTR_INTS, err);
    case TYPE_STRINGS: return array_value(rd, p, a, WT_ATTR_STRINGS, err);
    case TYPE_TENSOR:
    case TYPE_SPARSE_TENSOR: {
        const bool sparse = p->type == TYPE_SPARSE_TENSOR;
        const wt_pb msg = sparse ? p->sparse.msg : p->t.msg;
        if (!msg.pos)
            break;
        a->type = WT_ATTR_TENSOR;
        WT_TRY(read_tensor(rd, msg, sparse, &t, err));
        a->v.tensor = t;
        return WT_OK;
    }
    case TYPE_GRAPH:
        if (!p->g.msg.pos)
            break;
        a->type = WT_ATTR_GRAPH;
        return read_subgraph(rd, frame, graph, p->g.msg, &a->v.graph, err);
    case TYPE_TENSORS: a->type = WT_ATTR_TENSORS; return read_tensors(rd, p, a, err);
    case TYPE_GRAPHS: a->type = WT_ATTR_GRAPHS; return read_graphs(rd, frame, graph, p, a, err);
    case TYPE_SPARSE_TENSORS:
    case TYPE_TYPE_PROTO:
    case TYPE_TYPE_PROTOS:
        return wt_fail_at(err, WT_EUNSUPPORTED, p->msg.offset, "attribute \"%s\" is a type or a list of sparse tensors",
                          a->name);
    default: break;
    }
    return wt_fail_at(err, WT_EFORMAT, p->msg.offset, "attribute \"%s\" of type %lld has no value", a->name,
                      (long long)p->type);
}

/* False when the attribute turns out to be absent. */
static wt_status read_attr(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_pb msg, wt_attr *a, bool *there,
                           wt_err *err)
{
    parts p = { .msg = msg };
    WT_TRY(scan(rd, &p, err));
    WT_TRY(wt_onnx_copy(rd->arena, p.name, &a->name, err));
    *there = true;
    if (!p.name.len)
        return wt_fail_at(err, WT_EFORMAT, msg.offset, "an attribute without a name");
    if (p.ref.len) {
        const char *ref = NULL;
        if (!frame)
            return wt_fail_at(err, WT_EFORMAT, msg.offset,
                              "attribute \"%s\" refers to an attribute of a function, outside of one", a->name);
        WT_TRY(wt_onnx_copy(&rd->scratch, p.ref, &ref, err));
        const wt_attr *from = wt_attr_find(&frame->attrs, ref);
        *there = from != NULL;
        if (from && (from->type == WT_ATTR_GRAPH || from->type == WT_ATTR_GRAPHS)) /* it can have one owner only */
            return wt_fail_at(err, WT_EUNSUPPORTED, msg.offset, "attribute \"%s\" passes a graph into a function", ref);
        if (from) {
            const char *name = a->name;
            *a = *from;
            a->name = name;
        }
        return WT_OK;
    }
    const int64_t guess = guess_type(&p);
    if (p.type == TYPE_UNDEFINED)
        p.type = guess;
    if (p.type == TYPE_UNDEFINED) { /* an empty list of an unknown type, as old writers leave it */
        *there = false;
        return WT_OK;
    }
    return value(rd, frame, graph, &p, a, err);
}

wt_status wt_onnx_read_attrs(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const wt_pb_list *list,
                             wt_attrs *out, wt_err *err)
{
    *out = (wt_attrs){ 0 };
    if (!list->count)
        return WT_OK;
    wt_attr *items = wt_arena_alloc(rd->arena, list->count, sizeof *items, err);
    if (!items)
        return WT_ENOMEM;
    out->items = items;
    for (size_t i = 0; i < list->count; i++) {
        bool there = false;
        wt_attr *a = &items[out->count];
        WT_TRY(read_attr(rd, frame, graph, list->items[i], a, &there, err));
        if (!there)
            continue;
        if (out->count < 64 && wt_attr_find(out, a->name))
            return wt_fail_at(err, WT_EFORMAT, list->items[i].offset, "attribute \"%s\" occurs twice", a->name);
        out->count++;
    }
    return WT_OK;
}
