/* gguf_bytes.c - see the header. */
#include "gguf_bytes.h"

void gb_number(gguf_bytes *b, uint64_t value, size_t size)
{
    assert_true(b->len + size <= sizeof b->at);
    for (size_t i = 0; i < size; i++)
        b->at[b->len + i] = (uint8_t)(value >> 8 * (b->big ? size - 1 - i : i));
    b->len += size;
}

void gb_float(gguf_bytes *b, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    gb_number(b, bits, 4);
}

void gb_string(gguf_bytes *b, const char *s)
{
    const size_t len = strlen(s);
    gb_number(b, len, 8);
    memcpy(b->at + b->len, s, len);
    b->len += len;
}

void gb_header(gguf_bytes *b, uint32_t version, uint64_t tensors, uint64_t keys)
{
    memcpy(b->at, "GGUF", 4);
    b->len = 4;
    gb_number(b, version, 4);
    gb_number(b, tensors, 8);
    gb_number(b, keys, 8);
}

void gb_key_u32(gguf_bytes *b, const char *key, uint32_t value)
{
    gb_string(b, key);
    gb_number(b, 4, 4);
    gb_number(b, value, 4);
}

void gb_key_u16(gguf_bytes *b, const char *key, uint16_t value)
{
    gb_string(b, key);
    gb_number(b, 2, 4);
    gb_number(b, value, 2);
}

void gb_key_string(gguf_bytes *b, const char *key, const char *value)
{
    gb_string(b, key);
    gb_number(b, 8, 4);
    gb_string(b, value);
}

void gb_info(gguf_bytes *b, const char *name, uint32_t n_dims, const uint64_t *dims, uint32_t type, uint64_t offset)
{
    gb_string(b, name);
    gb_number(b, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++)
        gb_number(b, dims[i], 8);
    gb_number(b, type, 4);
    gb_number(b, offset, 8);
}

void gb_pad(gguf_bytes *b, size_t align)
{
    while (b->len % align)
        b->at[b->len++] = 0;
}

void gb_example(gguf_bytes *b)
{
    static const uint8_t block[18] = { 0x40, 0x2e, 0xf2, 0x58, 0xbe, 0x13, 0x79, 0xdf, 0x35,
                                       0x9b, 0xf1, 0x47, 0xac, 0x02, 0x68, 0xce, 0x24, 0x8a };
    gb_header(b, 3, 2, 3);
    gb_key_string(b, "general.architecture", "x");
    gb_key_u32(b, "general.alignment", 32);
    gb_string(b, "a");
    gb_number(b, 9, 4);
    gb_number(b, 5, 4);
    gb_number(b, 2, 8);
    gb_number(b, (uint32_t)-1, 4);
    gb_number(b, 7, 4);
    gb_info(b, "t0", 1, (uint64_t[]){ 3 }, 0, 0);
    gb_info(b, "t1", 2, (uint64_t[]){ 32, 2 }, 2, 32);
    gb_pad(b, 32);
    for (int i = 1; i <= 3; i++)
        gb_float(b, (float)i);
    gb_pad(b, 32);
    for (int i = 0; i < 2; i++) {
        gb_number(b, 0x2e40, 2); /* a block's scale turns with the file, its nibbles do not */
        memcpy(b->at + b->len, block + 2, 16);
        b->len += 16;
    }
    gb_pad(b, 32);
}

const char *gb_path(const char *name)
{
    static const char *folder; /* one for all, so that parts of a model lie together */
    if (!folder)
        folder = wt_test_tmpdir();
    return wt_test_path(folder, name);
}

const char *gb_write(const gguf_bytes *b, const char *name)
{
    const char *path = gb_path(name);
    wt_test_write(path, b->at, b->len);
    return path;
}
