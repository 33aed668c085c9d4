/* npz.h - NumPy's archives: a zip file whose members are NAME.npy. */
#ifndef WT_NPZ_H
#define WT_NPZ_H
#include "base/file.h"
#include "model/dataset/npy.h"
#include "model/dataset/zip.h"

typedef struct wt_npz_array {
    const char *name; /* without ".npy" */
    bool open;        /* npy and file are valid */
    wt_npy npy;
    const uint8_t *file; /* where the header was; wt_npy_copy(&a->npy, a->file, ...) */
    wt_zip_data data;
    const wt_zip_member *member;
} wt_npz_array;

typedef struct wt_npz {
    wt_context *ctx;
    wt_map map;
    wt_zip zip;
    wt_npz_array *arrays; /* sorted by name */
    size_t count;
    uint64_t limit;
} wt_npz;

/* Lists the arrays; none is read yet. `limit`: bytes of one array. */
wt_status wt_npz_open(wt_npz *out, wt_context *ctx, const char *path, uint64_t limit, wt_err *err);
void wt_npz_close(wt_npz *npz);                           /* a zeroed one is fine */
wt_npz_array *wt_npz_find(wt_npz *npz, const char *name); /* NULL: there is none */
/* Inflates and checks the array if that has not been done, and reads its header. */
wt_status wt_npz_need(wt_npz *npz, wt_npz_array *array, wt_err *err);
/* Stored, not compressed, so that readers can map it; the same arrays give the same bytes. */
wt_status wt_npz_write(wt_context *ctx, const char *path, const char *const *names, const wt_tensor *tensors,
                       size_t count, bool force, wt_err *err);
#endif
