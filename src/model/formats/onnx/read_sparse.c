/* read_sparse.c - SparseTensorProto made dense, and the files of external data.
 *
 * The IR has no sparse tensors: few models have them, and no kernel would use them. A file of some bytes can claim a
 * dense size without end, so that is limited apart from the memory budget. */
#include "reader.h"

enum { MAX_DENSE = 1 << 30 };

typedef struct wt_external {
    const uint8_t *data;
    uint64_t size;
} wt_external;

wt_status wt_onnx_external(wt_reader *rd, wt_string location, uint64_t offset, const uint8_t **data, uint64_t *size,
                           wt_err *err)
{
    void *found = NULL;
    if (!rd->dir || !rd->root)
        return wt_fail_at(err, WT_EUNSUPPORTED, offset, "external data, but this tensor may not refer to other files");
    if (!wt_names_get(&rd->files, location, &found)) {
        wt_graph *root = rd->root;
        const char *name = NULL;
        wt_external *file = wt_arena_alloc(&rd->scratch, 1, sizeof *file, err);
        if (!file)
            return WT_ENOMEM;
        WT_TRY(wt_onnx_copy(&rd->scratch, location, &name, err));
        WT_TRY(wt_grow(rd->ctx, (void **)&root->maps, &root->cap_maps, root->n_maps + 1, sizeof *root->maps, err));
        WT_TRY(wt_map_open_inside(&root->maps[root->n_maps], rd->ctx, rd->dir, name, err));
        file->data = root->maps[root->n_maps].data;
        file->size = root->maps[root->n_maps].size;
        root->n_maps++;
        WT_TRY(wt_names_put(&rd->files, &rd->scratch, location, file, err));
        found = file;
    }
    *data = ((wt_external *)found)->data;
    *size = ((wt_external *)found)->size;
    return WT_OK;
}

typedef struct sparse {
    wt_pb_slot values, indices;
    wt_shape shape;
} sparse;

static wt_status scan(wt_reader *rd, wt_pb msg, sparse *s, wt_err *err)
{
    const wt_pb parent = msg;
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &f, &st, err)) {
        size_t n = 0;
        switch (f.number) {
        case SPARSE_VALUES: WT_TRY(wt_onnx_once(rd, &parent, &f, "SparseTensorProto.values", &s->values, err)); break;
        case SPARSE_INDICES:
            WT_TRY(wt_onnx_once(rd, &parent, &f, "SparseTensorProto.indices", &s->indices, err));
            break;
        case SPARSE_DIMS:
            WT_TRY(wt_pb_count(&f, WT_PB_VARINT, "SparseTensorProto.dims", &n, err));
            if (n > (size_t)(WT_MAX_RANK - s->shape.rank))
                return wt_fail_at(err, WT_EUNSUPPORTED, f.offset, "a tensor of more than %d dimensions", WT_MAX_RANK);
            if (!wt_pb_varints(&f, s->shape.dim + s->shape.rank, 8, 0, INT64_MAX))
                return wt_fail_at(err, WT_EFORMAT, f.offset, "a sparse tensor has a negative dimension");
            s->shape.rank += (int)n;
            break;
        default: break;
        }
    }
    if (st == WT_OK && (!s->values.msg.pos || !s->indices.msg.pos))
        st = wt_fail_at(err, WT_EFORMAT, parent.offset, "a sparse tensor without %s",
                        s->values.msg.pos ? "indices" : "values");
    return st;
}

/* Where element i lies in the dense tensor: indices are [nnz] linear or [nnz, rank]; -1 when outside. */
static int64_t position(const wt_tensor *indices, const wt_shape *shape, int64_t total, int64_t i)
{
    int64_t at = 0, v = 0;
    if (indices->shape.rank == 1) {
        memcpy(&at, (const uint8_t *)indices->data + 8 * i, 8);
        return at >= 0 && at < total ? at : -1;
    }
    for (int d = 0; d < shape->rank; d++) {
        memcpy(&v, (const uint8_t *)indices->data + 8 * (i * shape->rank + d), 8);
        if (v < 0 || v >= shape->dim[d])
            return -1;
        at = at * shape->dim[d] + v;
    }
    return at;
}

static wt_status scatter(const wt_tensor *values, const wt_tensor *indices, wt_tensor *out, int64_t total, uint64_t at,
                         wt_err *err)
{
    const size_t size = wt_dtype_get(out->dtype)->block_bytes;
    uint8_t *to = wt_tensor_mut(out);
    int64_t last = -1;
    for (int64_t i = 0; i < values->shape.dim[0]; i++) {
        const int64_t p = position(indices, &out->shape, total, i);
        if (p <= last)
            return wt_fail_at(err, WT_EFORMAT, at, "sparse tensor: index %lld is %s", (long long)i,
                              p < 0 ? "outside of the shape" : "not larger than the one before");
        memcpy(to + (size_t)p * size, (const uint8_t *)values->data + (size_t)i * size, size);
        last = p;
    }
    return WT_OK;
}

wt_status wt_onnx_read_sparse(wt_reader *rd, wt_pb msg, wt_tensor *out, wt_string *name, wt_err *err)
{
    sparse s = { .shape.rank = 0 };
    wt_tensor values, indices;
    int64_t total = 0;
    *out = (wt_tensor){ 0 };
    WT_TRY(scan(rd, msg, &s, err));
    WT_TRY(wt_onnx_read_tensor_proto(rd, s.values.msg, &values, name, err));
    WT_TRY(wt_onnx_read_tensor_proto(rd, s.indices.msg, &indices, NULL, err));
    const int64_t nnz = values.shape.rank == 1 ? values.shape.dim[0] : -1;
    const bool linear = indices.shape.rank == 1 && indices.shape.dim[0] == nnz;
    const bool tuples = indices.shape.rank == 2 && indices.shape.dim[0] == nnz && indices.shape.dim[1] == s.shape.rank;
    if (nnz < 0 || indices.dtype != WT_I64 || !(linear || tuples))
        return wt_fail_at(err, WT_EFORMAT, msg.offset,
                          "sparse tensor: values must be [n] and indices int64 [n] or [n, rank of the dense tensor]");
    if (values.dtype == WT_STRING || wt_dtype_get(values.dtype)->block_len != 1)
        return wt_fail_at(err, WT_EUNSUPPORTED, msg.offset, "a sparse tensor of %s", wt_dtype_get(values.dtype)->name);
    out->dtype = values.dtype;
    out->shape = s.shape;
    if (!wt_shape_count(&s.shape, &total) || !wt_dtype_bytes(out->dtype, (uint64_t)total, &out->bytes) ||
        out->bytes > MAX_DENSE)
        return wt_fail_at(err, WT_ELIMIT, msg.offset, "a sparse tensor that is larger than %d MiB when made dense",
                          MAX_DENSE >> 20);
    out->data = wt_arena_alloc(rd->arena, out->bytes ? out->bytes : 1, 1, err);
    if (!out->data)
        return WT_ENOMEM;
    return scatter(&values, &indices, out, total, msg.offset, err);
}
