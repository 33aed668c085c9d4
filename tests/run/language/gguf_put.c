/* gguf_put.c - see gguf_put.h. */
#include "gguf_put.h"
#include <stdlib.h>

void gp_bytes(gguf_bytes *b, const void *from, size_t n)
{
    if (b->len + n > b->cap) {
        b->cap = 2 * (b->len + n);
        b->at = realloc(b->at, b->cap);
        assert_non_null(b->at);
    }
    memcpy(b->at + b->len, from, n);
    b->len += n;
}

void gp_number(gguf_bytes *b, uint64_t value, size_t size)
{
    uint8_t little[8];
    for (size_t i = 0; i < size; i++)
        little[i] = (uint8_t)(value >> 8 * i);
    gp_bytes(b, little, size);
}

void gp_float(gguf_bytes *b, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    gp_number(b, bits, 4);
}

void gp_text(gguf_bytes *b, const char *s, size_t len)
{
    gp_number(b, len, 8);
    gp_bytes(b, s, len);
}

void gp_pad(gguf_bytes *b, size_t from)
{
    while ((b->len - from) % 32)
        gp_bytes(b, "", 1);
}
