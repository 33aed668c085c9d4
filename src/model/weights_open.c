/* weights_open.c - which reader a path is for. */
#include "model/weights.h"
#include <fcntl.h>
#include <unistd.h>
#include "model/formats/genai/genai.h"
#include "model/formats/gguf/gguf.h"
#include "model/huggingface/huggingface.h"
#include "model/formats/safetensors/safetensors.h"

enum { HEAD = 16 };

typedef struct weights_reader {
    bool (*sniff)(const uint8_t *head, size_t len); /* the first bytes of the file */
    wt_status (*open)(wt_weights **out, wt_context *ctx, const char *path, wt_err *err);
} weights_reader;

static const weights_reader readers[] = {
    { wt_gguf_sniff, wt_gguf_open },
    { wt_safetensors_sniff, wt_hf_open_file },
};

static const weights_reader *choose(const char *path)
{
    uint8_t head[HEAD];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* opening a FIFO would wait for a writer */
    if (fd < 0)
        return NULL;
    const ssize_t got = read(fd, head, sizeof head);
    const size_t len = got < 0 ? 0 : (size_t)got; /* a folder cannot be read */
    close(fd);
    for (size_t i = 0; i < WT_ARRAY_LEN(readers); i++)
        if (readers[i].sniff(head, len))
            return &readers[i];
    return NULL;
}

bool wt_weights_sniff(const char *path) { return wt_path_is_dir(path) || choose(path) != NULL; }

wt_status wt_weights_open(wt_weights **out, wt_context *ctx, const char *path, wt_err *err)
{
    *out = NULL;
    if (wt_path_is_dir(path))
        return wt_genai_is(path) ? wt_genai_open(out, ctx, path, err) : wt_hf_open(out, ctx, path, err);
    const weights_reader *reader = choose(path);
    if (reader)
        return reader->open(out, ctx, path, err);
    wt_map map = { 0 };
    WT_TRY(wt_map_open(&map, ctx, path, err)); /* says better why a path cannot be read at all */
    wt_map_close(&map);
    wt_fail(err, WT_EFORMAT, "this is no file of weights of a known format");
    wt_err_where(err, "%s", path);
    wt_err_hint(err, "language models are read from GGUF files, safetensors files and Hugging Face folders");
    return WT_EFORMAT;
}
