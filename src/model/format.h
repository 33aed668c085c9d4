/* format.h - model files: one row per format, chosen by content when reading and by name or extension when writing.
 *
 * read: maps the file, checks all of it and returns a graph in the IR's one meaning (op.h), verified; shapes are not
 * inferred yet. write: streams the graph tensor by tensor to a temporary name, renames, reads back and hashes what it
 * wrote; a value's quant is lowered to the format's idiom; the graph is not changed. */
#ifndef WT_FORMAT_H
#define WT_FORMAT_H
#include "model/graph.h"

typedef struct wt_write_options {
    bool force;       /* overwrite what is there */
    bool f16_weights; /* store float32 weights as float16 where they fit, with a Cast behind each */
    uint64_t
        external_threshold; /* weights go to a file beside the model when it would be larger; 0: the format's limit */
} wt_write_options;

typedef struct wt_written_file {
    char *path;
    uint64_t bytes;
    char sha256[65];
} wt_written_file;
/* What a write made; zero-initialise. */
typedef struct wt_written {
    wt_context *ctx;
    wt_written_file *files;
    size_t count, cap;
} wt_written;
wt_status wt_written_add(wt_written *written, wt_context *ctx, const char *path, uint64_t bytes, const char *sha256,
                         wt_err *err);
void wt_written_free(wt_written *written); /* NULL is fine */

typedef struct wt_format {
    const char *name;                               /* "onnx" */
    const char *extension;                          /* ".onnx" */
    bool (*sniff)(const uint8_t *head, size_t len); /* the first bytes of a file (at most 4096) */
    wt_status (*read)(wt_graph **out, wt_context *ctx, const char *path, wt_err *err);
    wt_status (*write)(const wt_graph *graph, const char *path, const wt_write_options *options, wt_written *written,
                       wt_err *err); /* options and written may be NULL */
} wt_format;
/* All formats, ended by NULL. */
extern const wt_format *const wt_formats[];
const wt_format *wt_format_by_name(const char *name); /* NULL: none */
const wt_format *wt_format_by_path(const char *path); /* by extension; NULL: none */
/* Writes in the format of that name; NULL: by the extension of the path. options and written may be NULL. */
wt_status wt_model_write(const wt_graph *graph, const char *path, const char *format, const wt_write_options *options,
                         wt_written *written, wt_err *err);
/* Opens a model file of any format. */
wt_status wt_model_read(wt_graph **out, wt_context *ctx, const char *path, wt_err *err);
#endif
