/* npz.c - reading NumPy archives. Members that are no arrays are ignored, as NumPy does. */
#include "model/dataset/npz.h"
#include "base/str.h"

wt_status wt_npz_open(wt_npz *out, wt_context *ctx, const char *path, uint64_t limit, wt_err *err)
{
    memset(out, 0, sizeof *out);
    out->ctx = ctx;
    out->limit = limit;
    wt_status st = wt_map_open(&out->map, ctx, path, err);
    if (st == WT_OK)
        st = wt_zip_open(&out->zip, ctx, out->map.data, out->map.size, err);
    if (st == WT_OK && !(out->arrays = wt_alloc(ctx, out->zip.count, sizeof *out->arrays, err)))
        st = WT_ENOMEM;
    for (size_t i = 0; i < out->zip.count && st == WT_OK; i++) {
        const char *name = out->zip.members[i].name;
        if (!wt_str_ends(name, ".npy"))
            continue;
        wt_npz_array *a = &out->arrays[out->count++];
        a->member = &out->zip.members[i];
        if (!(a->name = wt_arena_strndup(&out->zip.arena, name, strlen(name) - 4, err)))
            st = WT_ENOMEM;
    }
    if (st != WT_OK) {
        wt_err_where(err, "%s", path);
        wt_npz_close(out);
    }
    return st;
}

void wt_npz_close(wt_npz *npz)
{
    for (size_t i = 0; i < npz->count; i++)
        wt_zip_data_close(&npz->arrays[i].data);
    if (npz->ctx)
        wt_free(npz->ctx, npz->arrays);
    wt_zip_close(&npz->zip);
    wt_map_close(&npz->map);
    memset(npz, 0, sizeof *npz);
}

wt_npz_array *wt_npz_find(wt_npz *npz, const char *name)
{
    for (size_t i = 0; i < npz->count; i++)
        if (!strcmp(npz->arrays[i].name, name))
            return &npz->arrays[i];
    return NULL;
}

wt_status wt_npz_need(wt_npz *npz, wt_npz_array *a, wt_err *err)
{
    if (a->open)
        return WT_OK;
    wt_status st = wt_zip_read(&a->data, &npz->zip, a->member, npz->limit, err);
    if (st == WT_OK) {
        st = wt_npy_parse(&a->npy, a->data.data, a->data.size, a->data.size, err);
        if (st != WT_OK)
            wt_zip_data_close(&a->data);
    }
    if (st != WT_OK) {
        wt_err_where(err, "%s: %s", npz->map.path, a->member->name);
        return st;
    }
    a->file = a->data.data;
    a->open = true;
    return WT_OK;
}
