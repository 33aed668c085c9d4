/* tensor_pb.c - see tensor_pb.h.
 *
 * Nothing in a file says which message it holds. A SequenceProto or OptionalProto has a name in field 1, where a
 * TensorProto has its dimensions, and tensors in field 3, where a TensorProto has a segment, which nobody writes. */
#include "tensor_pb.h"
#include "reader.h"
#include "writer.h"

static wt_status refuse_others(wt_pb msg, wt_err *err)
{
    wt_pb_field f;
    wt_status st = WT_OK;
    bool named = false, nested = false, data = false;
    while (wt_pb_next(&msg, &f, &st, err)) {
        named |= f.number == 1 && f.wire == WT_PB_BYTES;
        nested |= f.number == TENSOR_SEGMENT && f.wire == WT_PB_BYTES;
        data |= f.number > TENSOR_SEGMENT;
    }
    if (st == WT_OK && (nested || (named && !data)))
        st = wt_fail(err, WT_EUNSUPPORTED, "the file holds a sequence or an optional; only tensors can be read");
    return st;
}

wt_status wt_onnx_read_tensor_bytes(wt_tensor **out, wt_context *ctx, const void *bytes, size_t len, wt_err *err)
{
    wt_arena arena;
    wt_tensor view;
    *out = NULL;
    if (!len)
        return wt_fail(err, WT_EFORMAT, "the file is empty");
    wt_arena_init(&arena, ctx);
    wt_reader rd = { .ctx = ctx, .arena = &arena };
    wt_arena_init(&rd.scratch, ctx);
    const wt_pb msg = wt_pb_over(bytes, len, 0);
    wt_status st = refuse_others(msg, err);
    if (st == WT_OK)
        st = wt_onnx_read_tensor_proto(&rd, msg, &view, NULL, err);
    if (st == WT_OK)
        st = wt_tensor_clone(out, ctx, &view, err);
    wt_arena_free(&rd.scratch);
    wt_arena_free(&arena);
    return st;
}

wt_status wt_onnx_read_tensor(wt_tensor **out, wt_context *ctx, const char *path, wt_err *err)
{
    wt_map map;
    *out = NULL;
    WT_TRY(wt_map_open(&map, ctx, path, err));
    const wt_status st = wt_onnx_read_tensor_bytes(out, ctx, map.data, (size_t)map.size, err);
    if (st != WT_OK)
        wt_err_where(err, "%s", path);
    wt_map_close(&map);
    return st;
}

wt_status wt_onnx_write_tensor(wt_context *ctx, const char *path, const wt_tensor *tensor, const char *name, bool force,
                               wt_err *err)
{
    wt_outfile *file = NULL;
    wt_pb_out out;
    wt_writer w = { .out = &out };
    if (!wt_shape_known(&tensor->shape) || !tensor->data || tensor->layout != WT_PLAIN)
        return wt_fail(err, WT_EUSAGE, "a tensor without data cannot be written");
    WT_TRY(wt_outfile_open(&file, ctx, path, force, err));
    wt_pb_out_init(&out, ctx, err);
    wt_writer_tensor_body(&w, tensor, name, NULL);
    wt_pb_out_write(&out, file, NULL);
    wt_writer_tensor_body(&w, tensor, name, NULL);
    wt_status st = out.st;
    if (st == WT_OK)
        st = wt_outfile_commit(file, NULL, err);
    else
        wt_outfile_abort(file);
    wt_pb_out_free(&out);
    return st;
}
