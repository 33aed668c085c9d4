/* gguf_reader.h - reading one file: a cursor over the map, and the parts of the file. For gguf_*.c alone.
 *
 * Nothing in the file is believed: a count is compared with the bytes that are left before anything is allocated for
 * it, so a reader never asks for more than a small multiple of the file's size. */
#ifndef WT_GGUF_READER_H
#define WT_GGUF_READER_H
#include "gguf.h"

typedef struct wt_gguf_reader {
    wt_weights *set;
    const uint8_t *data;
    uint64_t size, pos;
    const char *path;
    bool swap;     /* the file has the other byte order */
    bool keep;     /* keys go to the set: the first file of a split model, or the only one */
    uint32_t file; /* index in the set */
    uint64_t n_keys, n_tensors;
    uint64_t alignment;
    int64_t split_no, split_count, split_tensors; /* -1: the file has no such key */
} wt_gguf_reader;

wt_status wt_gguf_take(wt_gguf_reader *r, uint64_t n, const char *what, const uint8_t **out, wt_err *err);
wt_status wt_gguf_u32(wt_gguf_reader *r, const char *what, uint32_t *out, wt_err *err);
wt_status wt_gguf_u64(wt_gguf_reader *r, const char *what, uint64_t *out, wt_err *err);
wt_status wt_gguf_string(wt_gguf_reader *r, const char *what, wt_string *out, wt_err *err);

wt_status wt_gguf_read_keys(wt_gguf_reader *r, wt_err *err);
/* The infos; tensors go to the set. */
wt_status wt_gguf_read_tensors(wt_gguf_reader *r, wt_err *err);
/* Copies bytes with every value of `size` bytes turned around; blocks by their fields. */
void wt_gguf_swap(void *dst, const void *src, size_t n, size_t size);
void wt_gguf_swap_blocks(void *dst, const void *src, size_t bytes, wt_dtype dtype);
#endif
