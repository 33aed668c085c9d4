/* npy.h - NumPy's array file: a magic number, a Python dictionary as text, then the elements.
 *
 * Header: "\x93NUMPY", u8 major, u8 minor, header length (u16 in version 1, u32 in 2 and 3, little endian), then
 * {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } padded with spaces and a newline. The dictionary is the
 * only thing believed, and only after the bytes it promises were seen to be there. */
#ifndef WT_NPY_H
#define WT_NPY_H
#include "model/tensor.h"

/* What an element is in the file, beyond what a dtype says. */
typedef enum wt_npy_kind { WT_NPY_PLAIN, WT_NPY_BYTES /* 'S' */, WT_NPY_UTF32 /* 'U' */ } wt_npy_kind;

typedef struct wt_npy {
    wt_npy_kind kind;
    wt_dtype dtype;     /* WT_STRING for text kinds */
    size_t item;        /* bytes of one element in the file */
    bool fortran, swap; /* first axis fastest; other byte order */
    wt_shape shape;
    uint64_t data_offset;
    uint64_t count;      /* elements */
    uint64_t data_bytes; /* count * item */
} wt_npy;

/* Reads the header. `have` bytes are at hand, `total` is what the whole file (or archive member) has: the elements
 * must fit in it. Offsets in errors are relative to `bytes`. */
wt_status wt_npy_parse(wt_npy *out, const uint8_t *bytes, uint64_t have, uint64_t total, wt_err *err);
/* Copies entries [first, first + count) of the leading axis to dst: row-major, this machine's byte order. A scalar
 * counts as one entry. `file` is where the header was parsed from. Not for text kinds. */
wt_status wt_npy_copy(const wt_npy *npy, const uint8_t *file, uint64_t first, uint64_t count, void *dst, wt_err *err);
/* Element i (in file order) of a text kind as UTF-8 into out, NUL-terminated; trailing NULs dropped. out must
 * hold item + 1 bytes (UTF-8 of one UTF-32 unit is at most 4 bytes). WT_EFORMAT on what is no Unicode. */
wt_status wt_npy_text(const wt_npy *npy, const uint8_t *file, uint64_t index, char *out, size_t *len, wt_err *err);
/* Bytes of one entry of the leading axis in memory (plain kinds). */
uint64_t wt_npy_entry_bytes(const wt_npy *npy);

/* WT_EFORMAT at the first NaN or infinity of a tensor of floats; `name` is the input's. */
wt_status wt_check_finite(const wt_tensor *t, const char *name, wt_err *err);
/* Whole array, owned: wt_free(ctx, tensor). Text kinds give WT_STRING. */
wt_status wt_npy_load(wt_tensor **out, wt_context *ctx, const char *path, wt_err *err);
wt_status wt_npy_tensor(wt_tensor **out, wt_context *ctx, const wt_npy *npy, const uint8_t *file, wt_err *err);

/* --- writing ---------------------------------------------------------------------------------------------------------
 */
struct wt_buf;
/* The dtype an element is stored as: itself, or the smallest that holds it exactly (bfloat16 and float8 -> float32,
 * int4 -> int8). WT_DTYPE_NONE for strings, which become 'U'. */
wt_dtype wt_npy_stored_as(wt_dtype dtype);
/* Header for a tensor with `stored` elements; text_width: code points per string (strings only). */
wt_status wt_npy_header(struct wt_buf *out, wt_dtype stored, size_t text_width, const wt_shape *shape, wt_err *err);
typedef wt_status wt_npy_sink(void *user, const void *bytes, size_t len, wt_err *err);
/* Header and elements through `sink`, in pieces of at most 64 KiB. */
wt_status wt_npy_emit(wt_context *ctx, const wt_tensor *t, wt_npy_sink *sink, void *user, wt_err *err);
wt_status wt_npy_write(wt_context *ctx, const char *path, const wt_tensor *t, bool force, wt_err *err);
#endif
