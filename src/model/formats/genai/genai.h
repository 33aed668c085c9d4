/* genai.h - decoders as ONNX graphs, and the folders of ONNX Runtime GenAI around them: genai_config.json, model.onnx,
 * the tokenizer's files.
 *
 * Writing: the graph of an architecture (model/arch/) is lowered, node by node, to what ONNX Runtime runs
 * (GroupQueryAttention, MatMulNBits, ...); its weights are made while the file is written. Reading goes the other way:
 * the graph of a file becomes one with the inputs that all our decoders have, so that one runtime drives them all. */
#ifndef WT_GENAI_H
#define WT_GENAI_H
#include <jansson.h>
#include "model/arch/arch.h"
#include "model/format.h"

typedef struct wt_genai_options {
    bool force;     /* overwrite what is there */
    wt_dtype dtype; /* F32, F16: of all weights, and F16 of activations and caches too; NONE: weights as they are */
    json_t *ledger; /* array that gets an object per tensor that is not what it was; NULL: none */
} wt_genai_options;

/* The ONNX graph of a decoder; borrows from both, which must outlive it. WT_EUNSUPPORTED names the first node that ONNX
 * Runtime has no operator for. */
wt_status wt_genai_lower(wt_graph **out, wt_weights *set, const wt_genai_options *options, wt_err *err);
/* One ONNX file (and NAME.data beside it, when it is large). */
wt_status wt_genai_write_onnx(wt_weights *set, const char *path, const wt_genai_options *options, wt_written *written,
                              wt_err *err);
/* A folder; made if it is not there. genai_config.json comes last: without it the folder is no model. */
wt_status wt_genai_write(wt_weights *set, const char *folder, const wt_genai_options *options, wt_written *written,
                         wt_err *err);

/* A folder with genai_config.json. The set has keys (architecture "onnx") and the tokenizer's, no tensors: it keeps the
 * file's graph, of which wt_arch_build makes ours. */
bool wt_genai_is(const char *folder);
wt_status wt_genai_open(wt_weights **out, wt_context *ctx, const char *folder, wt_err *err);
/* From the text of genai_config.json, without the graph: for wt_genai_open and its fuzz target. */
wt_status wt_genai_read_config(wt_weights *set, const json_t *root, const char **file, wt_err *err);
#endif
