/* openvino.h - OpenVINO IR, versions 10 and 11 in, 11 out: NAME.xml with the graph and NAME.bin with the constants.
 *
 * Reading: ov_xml.h makes a tree of the XML, ov_net.h layers with ports and edges in topological order, and the rows of
 * ov_ops.h turn each into the IR's operators; constants stay views of the mapped NAME.bin. Chains that widen integer
 * weights and FakeQuantize become QuantizeLinear/DequantizeLinear, the form in which all that is quantized enters the
 * IR. Writing: ov_emit.h, the other way. */
#ifndef WT_OPENVINO_H
#define WT_OPENVINO_H
#include "base/str.h"
#include "model/format.h"

enum { WT_OPENVINO_MOST_XML = 512 << 20 };
extern const wt_format wt_format_openvino;
/* "net.xml": "net.bin". NULL: out of memory. */
const char *wt_openvino_bin_path(wt_arena *arena, const char *path, wt_err *err);
wt_status wt_openvino_read(wt_graph **out, wt_context *ctx, const char *path, wt_err *err);
/* From memory, which is borrowed until the graph is closed; bin may be NULL where no constant has data. */
wt_status wt_openvino_read_bytes(wt_graph **out, wt_context *ctx, const void *xml, size_t xml_len, const void *bin,
                                 size_t bin_len, wt_err *err);
wt_status wt_openvino_write(const wt_graph *graph, const char *path, const wt_write_options *options,
                            wt_written *written, wt_err *err);
/* Both files in memory. */
wt_status wt_openvino_write_bytes(const wt_graph *graph, wt_buf *xml, wt_buf *bin, wt_err *err);
#endif
