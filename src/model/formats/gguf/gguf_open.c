/* gguf_open.c - headers, and the files of a split model. */
#include "gguf_reader.h"
#include <stdio.h>

enum { SUFFIX = sizeof "-00001-of-00003.gguf" - 1 };

bool wt_gguf_sniff(const uint8_t *head, size_t len) { return len >= 4 && !memcmp(head, "GGUF", 4); }

static wt_status read_version(wt_gguf_reader *r, wt_err *err)
{
    uint32_t version = 0;
    const uint8_t *magic = NULL;
    WT_TRY(wt_gguf_take(r, 4, "the header", &magic, err));
    if (!wt_gguf_sniff(magic, 4))
        return wt_weights_refuse(r->path, err, 0, "this is no GGUF file: it does not begin with 'GGUF'");
    WT_TRY(wt_gguf_u32(r, "the header", &version, err));
    if (version && !(version & 0xffff)) { /* the document's sign of the other byte order */
        r->swap = true;
        version = __builtin_bswap32(version);
    }
    if (version < 2 || version > WT_GGUF_VERSION) {
        wt_fail_at(err, WT_EUNSUPPORTED, 4, "GGUF version %u; versions 2 and 3 can be read", version);
        wt_err_where(err, "%s", r->path);
        wt_err_hint(err, version == 1 ? "convert the model again with a current tool"
                                      : "the file is newer than this program, or damaged");
        return WT_EUNSUPPORTED;
    }
    return WT_OK;
}

static wt_status read_content(wt_gguf_reader *r, wt_err *err)
{
    if (!r->size)
        return wt_weights_refuse(r->path, err, 0, "the file is empty");
    WT_TRY(read_version(r, err));
    WT_TRY(wt_gguf_u64(r, "the header", &r->n_tensors, err));
    WT_TRY(wt_gguf_u64(r, "the header", &r->n_keys, err));
    WT_TRY(wt_gguf_read_keys(r, err));
    return wt_gguf_read_tensors(r, err);
}

static wt_gguf_reader reader_of(wt_weights *set, const char *path, bool keep)
{
    return (wt_gguf_reader){ .set = set,
                             .path = path,
                             .keep = keep,
                             .alignment = WT_GGUF_ALIGNMENT,
                             .split_no = -1,
                             .split_count = -1,
                             .split_tensors = -1 };
}

/* Adds one file to the set. */
static wt_status read_file(wt_gguf_reader *r, wt_weights *set, const char *path, bool first, wt_err *err)
{
    wt_map map = { 0 };
    *r = reader_of(set, path, first);
    WT_TRY(wt_map_open(&map, wt_weights_context(set), path, err));
    const wt_status st = wt_weights_add_map(set, &map, &r->file, err);
    if (st != WT_OK) {
        wt_map_close(&map);
        return st;
    }
    r->data = map.data;
    r->size = map.size;
    return read_content(r, err);
}

/* --- split models -------------------------------------------------------------------------------------------- */

/* Five digits at s: a number, or -1. */
static int five_digits(const char *s)
{
    int n = 0;
    for (int i = 0; i < 5; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        n = n * 10 + s[i] - '0';
    }
    return n;
}

/* Whether a name ends in -00002-of-00003.gguf: which, and of how many. */
static bool split_name(const char *path, int *number, int *count)
{
    const size_t len = strlen(path);
    if (len < SUFFIX)
        return false;
    const char *s = path + len - SUFFIX;
    *number = five_digits(s + 1);
    *count = five_digits(s + 10);
    return *s == '-' && !memcmp(s + 6, "-of-", 4) && !strcmp(s + 15, ".gguf") && *number > 0 && *count > 0;
}

static char *name_of(wt_weights *set, const char *path, int number, int count, wt_err *err)
{
    return wt_arena_printf(wt_weights_arena(set), err, "%.*s-%05d-of-%05d.gguf", (int)(strlen(path) - SUFFIX), path,
                           number, count);
}

static wt_status check_part(const wt_gguf_reader *r, int number, int count, wt_err *err)
{
    if (r->split_no == number - 1 && r->split_count == count)
        return WT_OK;
    wt_weights_refuse(r->path, err, WT_NO_OFFSET,
                      "by its name the file is part %d of %d, by its keys part %lld of %lld", number, count,
                      (long long)r->split_no + 1, (long long)r->split_count);
    wt_err_hint(err, "files of a split model keep the names they were written with");
    return WT_EFORMAT;
}

static wt_status read_others(wt_weights *set, const wt_gguf_reader *first, int count, wt_err *err)
{
    for (int number = 2; number <= count; number++) {
        wt_gguf_reader r;
        const char *path = name_of(set, first->path, number, count, err);
        if (!path)
            return WT_ENOMEM;
        if (!wt_path_exists(path)) {
            wt_weights_refuse(first->path, err, WT_NO_OFFSET, "the model has %d files, but part %d is not there", count,
                              number);
            wt_err_hint(err, "%s must lie beside it", wt_path_base(path));
            return WT_EFORMAT;
        }
        WT_TRY(read_file(&r, set, path, false, err));
        WT_TRY(check_part(&r, number, count, err));
    }
    if (first->split_tensors >= 0 && (uint64_t)first->split_tensors != wt_weights_count(set))
        return wt_weights_refuse(first->path, err, WT_NO_OFFSET,
                                 "split.tensors.count says %lld tensors, the files have %zu",
                                 (long long)first->split_tensors, wt_weights_count(set));
    return WT_OK;
}

static wt_status read_all(wt_weights *set, const char *path, wt_err *err)
{
    int number = 1, count = 1;
    wt_gguf_reader r;
    const bool is_part = split_name(path, &number, &count);
    const char *start = path;
    if (is_part && number > 1) { /* the keys are in the first */
        start = name_of(set, path, 1, count, err);
        if (!start)
            return WT_ENOMEM;
    }
    if (start != path && !wt_path_exists(start))
        start = path;
    WT_TRY(read_file(&r, set, start, true, err));
    if (r.split_count <= 1)
        return WT_OK; /* also a name that only looks like a part */
    if (!is_part || (start == path && number > 1)) {
        wt_weights_refuse(r.path, err, WT_NO_OFFSET, "the file is part %lld of %lld of a split model, and its %s",
                          (long long)r.split_no + 1, (long long)r.split_count,
                          is_part ? "first part is not there" : "name does not say where the others are");
        wt_err_hint(err, "all parts must lie in one folder, named like NAME-00001-of-00003.gguf");
        return WT_EFORMAT;
    }
    WT_TRY(check_part(&r, 1, count, err));
    return read_others(set, &r, count, err);
}

wt_status wt_gguf_open(wt_weights **out, wt_context *ctx, const char *path, wt_err *err)
{
    *out = NULL;
    wt_weights *set = NULL;
    WT_TRY(wt_weights_new(&set, ctx, path, "gguf", err));
    const wt_status st = read_all(set, path, err);
    if (st != WT_OK) {
        wt_err_where(err, "%s", path);
        wt_weights_close(set);
        return st;
    }
    *out = set;
    return WT_OK;
}

wt_status wt_gguf_read_bytes(wt_weights **out, wt_context *ctx, const void *bytes, size_t len, wt_err *err)
{
    *out = NULL;
    wt_weights *set = NULL;
    WT_TRY(wt_weights_new(&set, ctx, "bytes", "gguf", err));
    wt_gguf_reader r = reader_of(set, "bytes", true);
    r.data = bytes;
    r.size = len;
    const wt_status st = read_content(&r, err);
    if (st == WT_OK)
        *out = set;
    else
        wt_weights_close(set);
    return st;
}
