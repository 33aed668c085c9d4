/* onnx.c - the row of the ONNX format. */
#include "onnx.h"
#include "proto.h"
#include "wire.h"

/* The fields of a ModelProto and the wire types they have. A file has no magic number: it is ONNX when it starts with
 * such a field (writers begin with ir_version) and the next one, as far as it is in sight, is one too. */
static bool is_model_field(const wt_pb_field *f)
{
    static const struct {
        uint32_t number;
        int wire;
    } fields[] = {
        { 1, WT_PB_VARINT }, { 2, WT_PB_BYTES },  { 3, WT_PB_BYTES },  { 4, WT_PB_BYTES },
        { 5, WT_PB_VARINT }, { 6, WT_PB_BYTES },  { 7, WT_PB_BYTES },  { 8, WT_PB_BYTES },
        { 14, WT_PB_BYTES }, { 20, WT_PB_BYTES }, { 25, WT_PB_BYTES }, { 26, WT_PB_BYTES },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(fields); i++)
        if (fields[i].number == f->number)
            return fields[i].wire == f->wire;
    return false;
}

static bool sniff(const uint8_t *head, size_t len)
{
    wt_pb msg = wt_pb_over(head, len, 0);
    wt_pb_field f;
    wt_status st = WT_OK;
    if (len < 2 || head[0] != (MODEL_IR_VERSION << 3 | WT_PB_VARINT)) /* all writers in use order fields by number */
        return false;
    for (int seen = 0; seen < 3 && wt_pb_next(&msg, &f, &st, NULL); seen++)
        if (!is_model_field(&f))
            return false;
    return true;
}

const wt_format wt_format_onnx = {
    .name = "onnx",
    .extension = ".onnx",
    .sniff = sniff,
    .read = wt_onnx_read,
    .write = wt_onnx_write,
};
