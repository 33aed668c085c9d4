/* gguf_put.h - GGUF files of any length, byte by byte: without the code that is tested. */
#ifndef WT_GGUF_PUT_H
#define WT_GGUF_PUT_H
#include "support/test.h"

typedef struct gguf_bytes {
    uint8_t *at; /* free() */
    size_t len, cap;
} gguf_bytes;

void gp_bytes(gguf_bytes *b, const void *from, size_t n);
void gp_number(gguf_bytes *b, uint64_t value, size_t size); /* little-endian */
void gp_float(gguf_bytes *b, float value);
void gp_text(gguf_bytes *b, const char *s, size_t len);
/* Zeros until the length behind `from` is a multiple of 32. */
void gp_pad(gguf_bytes *b, size_t from);
#endif
