/* gguf_bytes.h - GGUF files byte by byte: independent of the reader and the writer that are tested. */
#ifndef WT_GGUF_BYTES_H
#define WT_GGUF_BYTES_H
#include "support/test.h"

typedef struct gguf_bytes {
    uint8_t at[1 << 16];
    size_t len;
    bool big; /* byte order */
} gguf_bytes;

void gb_number(gguf_bytes *b, uint64_t value, size_t size);
void gb_float(gguf_bytes *b, float value);
void gb_string(gguf_bytes *b, const char *s);
void gb_header(gguf_bytes *b, uint32_t version, uint64_t tensors, uint64_t keys);
void gb_key_u32(gguf_bytes *b, const char *key, uint32_t value);
void gb_key_u16(gguf_bytes *b, const char *key, uint16_t value);
void gb_key_string(gguf_bytes *b, const char *key, const char *value);
/* dims[0] is the fastest, as in the file */
void gb_info(gguf_bytes *b, const char *name, uint32_t n_dims, const uint64_t *dims, uint32_t type, uint64_t offset);
void gb_pad(gguf_bytes *b, size_t align);
/* The 320-byte example of the format's description: two tensors, three keys. */
void gb_example(gguf_bytes *b);
/* A name in the test's folder; and writing there. */
const char *gb_path(const char *name);
const char *gb_write(const gguf_bytes *b, const char *name);
#endif
