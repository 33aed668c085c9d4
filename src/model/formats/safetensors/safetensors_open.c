/* safetensors_open.c - one file, or the files that an index names.
 *
 * Names in an index are plain file names: what a model's author wrote cannot lead out of the folder. Links are
 * followed, since the cache of Hugging Face's own tools is made of them. */
#include "safetensors.h"
#include <stdlib.h>
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"

bool wt_safetensors_sniff(const uint8_t *head, size_t len)
{
    uint64_t length = 0;
    if (len < 9 || head[8] != '{')
        return false;
    for (int i = 7; i >= 0; i--)
        length = length << 8 | head[i];
    return length <= WT_SAFETENSORS_MAX_HEADER;
}

static wt_status read_file(wt_weights *set, const char *path, wt_err *err)
{
    wt_map map = { 0 };
    uint32_t file = 0;
    WT_TRY(wt_map_open(&map, wt_weights_context(set), path, err));
    const wt_status st = wt_weights_add_map(set, &map, &file, err);
    if (st != WT_OK) {
        wt_map_close(&map);
        return st;
    }
    return wt_safetensors_header(set, file, map.data, map.size, path, err);
}

/* --- the index -----------------------------------------------------------------------------------------------------
 */
static wt_status bad_index(const char *path, wt_err *err, const char *fmt, const char *what)
{
    char shown[128];
    snprintf(shown, sizeof shown, "%s", what);
    wt_fail(err, WT_EFORMAT, fmt, shown);
    wt_err_where(err, "%s", path);
    wt_err_hint(err, "download the model again, with all its files");
    return WT_EFORMAT;
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The files of the index, each once, sorted. */
static wt_status file_names(const json_t *map, const char *path, const char **names, size_t *n, wt_err *err)
{
    const char *tensor;
    json_t *value;
    size_t count = 0, distinct = 0;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (!name)
            return bad_index(path, err, "tensor '%s' has no file name", tensor);
        if (!*name || strchr(name, '/') || !wt_str_ends(name, ".safetensors"))
            return bad_index(path, err, "'%s' is no name of a safetensors file in the folder", name);
        names[count++] = name;
    }
    if (!count)
        return bad_index(path, err, "there is no tensor in \"%s\"", "weight_map");
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++)
        if (!i || strcmp(names[i], names[i - 1]) != 0)
            names[distinct++] = names[i];
    *n = distinct;
    return WT_OK;
}

static wt_status check_present(const wt_weights *set, const json_t *map, const char *path, wt_err *err)
{
    const char *tensor;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, value)
    {
        if (!wt_weights_find(set, tensor))
            return bad_index(path, err, "tensor '%s' is in none of the files", tensor);
    }
    return WT_OK;
}

static wt_status read_files(wt_weights *set, const char *folder, const char *const *names, size_t n, wt_err *err)
{
    wt_context *ctx = wt_weights_context(set);
    for (size_t i = 0; i < n; i++) {
        char *path = wt_path_join(ctx, folder, names[i], err);
        const wt_status st = path ? read_file(set, path, err) : WT_ENOMEM;
        wt_free(ctx, path);
        WT_TRY(st);
    }
    return WT_OK;
}

static wt_status read_index(wt_weights *set, const char *folder, const char *path, wt_err *err)
{
    wt_context *ctx = wt_weights_context(set);
    json_t *json = NULL;
    size_t n = 0;
    WT_TRY(wt_json_load(&json, ctx, path, err));
    const json_t *map = json_object_get(json, "weight_map");
    const char **names = wt_alloc(ctx, json_object_size(map), sizeof *names, err);
    wt_status st = names ? file_names(map, path, names, &n, err) : WT_ENOMEM;
    if (st == WT_OK)
        st = read_files(set, folder, names, n, err);
    if (st == WT_OK)
        st = check_present(set, map, path, err);
    wt_free(ctx, names);
    json_decref(json);
    return st;
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */
wt_status wt_safetensors_open(wt_weights **out, wt_context *ctx, const char *path, wt_err *err)
{
    wt_weights *set = NULL;
    *out = NULL;
    WT_TRY(wt_weights_new(&set, ctx, path, "safetensors", err));
    const wt_status st = read_file(set, path, err);
    if (st == WT_OK)
        *out = set;
    else
        wt_weights_close(set);
    return st;
}

static wt_status read_folder(wt_weights *set, const char *folder, const char *single, const char *index, wt_err *err)
{
    if (wt_path_exists(single))
        return read_file(set, single, err);
    if (wt_path_exists(index))
        return read_index(set, folder, index, err);
    wt_fail(err, WT_EFORMAT, "there is neither model.safetensors nor " WT_SAFETENSORS_INDEX " in the folder");
    wt_err_where(err, "%s", folder);
    wt_err_hint(err, "weights of other formats (.bin, .pt, .h5) are not read: save the model as safetensors");
    return WT_EFORMAT;
}

wt_status wt_safetensors_open_folder(wt_weights **out, wt_context *ctx, const char *folder, wt_err *err)
{
    wt_weights *set = NULL;
    *out = NULL;
    char *single = wt_path_join(ctx, folder, "model.safetensors", err);
    char *index = single ? wt_path_join(ctx, folder, WT_SAFETENSORS_INDEX, err) : NULL;
    wt_status st = index ? wt_weights_new(&set, ctx, folder, "safetensors", err) : WT_ENOMEM;
    if (st == WT_OK)
        st = read_folder(set, folder, single, index, err);
    wt_free(ctx, single);
    wt_free(ctx, index);
    if (st == WT_OK)
        *out = set;
    else
        wt_weights_close(set);
    return st;
}
