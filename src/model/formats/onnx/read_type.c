/* read_type.c - ValueInfoProto, TypeProto and TensorShapeProto: what the file says of a value before it exists.
 *
 * Dimensions: a value, a name (a symbol of the graph), or nothing. Exporters write -1 and smaller for "unknown",
 * and some put a placeholder where a name belongs, the same one for dimensions that have nothing to do with each
 * other. */
#include "reader.h"

wt_status wt_onnx_read_info(wt_reader *rd, wt_pb msg, wt_string *name, wt_pb *type, wt_err *err)
{
    const wt_pb parent = msg;
    wt_pb_slot slot = { 0 };
    wt_pb_field f;
    wt_status st = WT_OK;
    *name = (wt_string){ 0 };
    while (wt_pb_next(&msg, &f, &st, err))
        if (f.number == INFO_NAME)
            WT_TRY(wt_onnx_text(&f, "ValueInfoProto.name", name, err));
        else if (f.number == INFO_TYPE)
            WT_TRY(wt_onnx_once(rd, &parent, &f, "ValueInfoProto.type", &slot, err));
    *type = slot.msg;
    return st;
}

static wt_status read_dim(wt_reader *rd, wt_pb msg, int64_t *dim, wt_err *err)
{
    wt_pb_field f;
    wt_status st = WT_OK;
    *dim = WT_DIM_ANY;
    while (wt_pb_next(&msg, &f, &st, err)) {
        if (f.number == DIM_VALUE) {
            WT_TRY(wt_pb_expect(&f, WT_PB_VARINT, "dim_value", err));
            *dim = (int64_t)f.value < 0 ? WT_DIM_ANY : (int64_t)f.value;
        } else if (f.number == DIM_PARAM) {
            wt_string s = { 0 };
            const char *name = NULL;
            WT_TRY(wt_onnx_text(&f, "dim_param", &s, err));
            *dim = WT_DIM_ANY;
            if (wt_names_a_dim(s.data, s.len)) {
                WT_TRY(wt_onnx_copy(&rd->scratch, s, &name, err));
                WT_TRY(wt_graph_symbol(rd->root, name, dim, err));
            }
        }
    }
    return st;
}

static wt_status read_shape(wt_reader *rd, wt_pb msg, wt_shape *shape, wt_err *err)
{
    wt_pb_field f;
    wt_status st = WT_OK;
    shape->rank = 0;
    while (wt_pb_next(&msg, &f, &st, err)) {
        if (f.number != SHAPE_DIM)
            continue;
        WT_TRY(wt_pb_expect(&f, WT_PB_BYTES, "TensorShapeProto.dim", err));
        if (shape->rank == WT_MAX_RANK)
            return wt_fail_at(err, WT_EUNSUPPORTED, f.offset, "a shape of more than %d dimensions", WT_MAX_RANK);
        WT_TRY(read_dim(rd, wt_pb_sub(&f), &shape->dim[shape->rank], err));
        shape->rank++;
    }
    return st;
}

static wt_status read_tensor_type(wt_reader *rd, wt_pb msg, wt_tensor *type, wt_err *err)
{
    const wt_pb parent = msg;
    wt_pb_slot slot = { 0 };
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &f, &st, err)) {
        if (f.number == TENSOR_TYPE_ELEM) {
            WT_TRY(wt_pb_expect(&f, WT_PB_VARINT, "elem_type", err));
            type->dtype = wt_dtype_from_onnx((int64_t)f.value);
            if (type->dtype == WT_DTYPE_NONE && f.value != 0)
                return wt_fail_at(err, WT_EUNSUPPORTED, f.offset, "element type %lld is not known", (long long)f.value);
        } else if (f.number == TENSOR_TYPE_SHAPE) {
            WT_TRY(wt_onnx_once(rd, &parent, &f, "shape", &slot, err));
        }
    }
    if (st == WT_OK && slot.msg.pos)
        st = read_shape(rd, slot.msg, &type->shape, err);
    return st;
}

/* A sequence or an optional of tensors: their type is kept in value->type, with the kind. Of deeper ones, and of maps
 * (the outputs of classical models), only that they are none of these: the element type stays unknown. */
static wt_status read_type(wt_reader *rd, wt_pb msg, wt_value *value, int depth, wt_err *err)
{
    const wt_pb parent = msg;
    wt_pb_slot slot = { 0 };
    wt_pb_field f;
    uint32_t kind = 0;
    wt_status st = WT_OK;
    if (depth > WT_ONNX_MAX_TYPE_DEPTH)
        return wt_fail_at(err, WT_EFORMAT, msg.offset, "a type nested deeper than %d", WT_ONNX_MAX_TYPE_DEPTH);
    while (wt_pb_next(&msg, &f, &st, err)) {
        if (f.number != KIND_TENSOR && f.number != KIND_SEQUENCE && f.number != KIND_MAP && f.number != KIND_OPAQUE &&
            f.number != KIND_SPARSE && f.number != KIND_OPTIONAL)
            continue;
        if (f.number != kind) /* a oneof: the last kind wins */
            slot = (wt_pb_slot){ 0 };
        kind = f.number;
        WT_TRY(wt_onnx_once(rd, &parent, &f, "TypeProto", &slot, err));
    }
    WT_TRY(st);
    switch (kind) {
    case KIND_TENSOR:
    case KIND_SPARSE: return depth < 2 ? read_tensor_type(rd, slot.msg, &value->type, err) : WT_OK;
    case KIND_SEQUENCE:
    case KIND_OPTIONAL: {
        wt_pb inner = slot.msg;
        const wt_pb all = inner;
        wt_pb_slot elem = { 0 };
        if (depth == 0)
            value->kind = kind == KIND_SEQUENCE ? WT_SEQUENCE_VALUE : WT_OPTIONAL_VALUE;
        while (wt_pb_next(&inner, &f, &st, err))
            if (f.number == ELEM_TYPE)
                WT_TRY(wt_onnx_once(rd, &all, &f, "elem_type", &elem, err));
        WT_TRY(st);
        return elem.msg.pos ? read_type(rd, elem.msg, value, depth + 1, err) : WT_OK;
    }
    case KIND_MAP:
    case KIND_OPAQUE:
        if (depth == 0)
            value->kind = WT_SEQUENCE_VALUE;
        return WT_OK;
    default: return WT_OK;
    }
}

wt_status wt_onnx_read_type(wt_reader *rd, wt_pb msg, wt_value *value, wt_err *err)
{
    wt_value read = { .type.shape.rank = -1 };
    WT_TRY(read_type(rd, msg, &read, 0, err));
    value->kind = read.kind;
    value->type.dtype = read.type.dtype;
    value->type.shape = read.type.shape;
    return WT_OK;
}
