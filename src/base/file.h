/* file.h - mapped input and atomic output.
 *
 * Input: wt_map opens, checks that it is a regular file and maps it read-only. Output: wt_outfile writes to
 * a temporary name in the same folder; commit syncs and renames, abort removes. So a reader never sees half a
 * file, and a crash leaves only a name ending in ".tmp-whet-*". */
#ifndef WT_FILE_H
#define WT_FILE_H
#include "base/base.h"
typedef struct wt_map {
    const uint8_t *data; /* NULL when size is 0 */
    uint64_t size;
    const char *path; /* owned copy, for messages */
    wt_context *ctx;
    struct wt_mapping *mapping; /* what the context knows of it */
} wt_map;
wt_status wt_map_open(wt_map *out, wt_context *ctx, const char *path, wt_err *err);
void wt_map_close(wt_map *map); /* a zeroed map is fine */
/* Bytes that will hardly be read again: where they lie in an open map of the context, they leave memory, and come back
 * from the file if they are read all the same. Anything else stays. */
void wt_map_forget(wt_context *ctx, const void *data, size_t bytes);
/* Opens `name` (relative) inside folder `dir`, refusing absolute names, "..", and links that leave the folder. */
wt_status wt_map_open_inside(wt_map *out, wt_context *ctx, const char *dir, const char *name, wt_err *err);
/* Whole file into a NUL-terminated buffer from wt_alloc, refused above `limit` bytes. */
wt_status wt_read_file(wt_context *ctx, const char *path, uint64_t limit, char **out, size_t *len, wt_err *err);

/* SHA-256 of a whole file, hexadecimal. */
wt_status wt_hash_file(wt_context *ctx, const char *path, char hex[65], wt_err *err);
/* Reads back what was written: WT_EIO when the file has another hash. */
wt_status wt_check_hash(wt_context *ctx, const char *path, const char *expected, wt_err *err);

typedef struct wt_outfile wt_outfile;
/* Refuses an existing path unless `force`. */
wt_status wt_outfile_open(wt_outfile **out, wt_context *ctx, const char *path, bool force, wt_err *err);
wt_status wt_outfile_write(wt_outfile *file, const void *bytes, size_t len, wt_err *err);
uint64_t wt_outfile_tell(const wt_outfile *file);
/* Syncs, renames, syncs the folder; frees `file` in both cases. hash_hex: NULL or room for 65 bytes of SHA-256. */
wt_status wt_outfile_commit(wt_outfile *file, char *hash_hex, wt_err *err);
void wt_outfile_abort(wt_outfile *file); /* NULL is fine */
/* Removes from a folder what killed programs were writing, not what others write now. What cannot be removed stays. */
void wt_remove_leftovers(const char *dir);
wt_status wt_write_file(wt_context *ctx, const char *path, const void *bytes, size_t len, bool force, wt_err *err);
wt_status wt_make_dirs(wt_context *ctx, const char *path, wt_err *err);
bool wt_path_exists(const char *path);
bool wt_path_is_dir(const char *path);
/* WT_EUSAGE when what would be written is what is read, whatever the two are called: --force replaces results, not the
 * only copy of what they were made from. */
wt_status wt_refuse_replacing(const char *output, const char *input, wt_err *err);
/* dir + "/" + name from wt_alloc. */
char *wt_path_join(wt_context *ctx, const char *dir, const char *name, wt_err *err);
/* The folder part of path ("." without one), from wt_alloc. */
char *wt_path_dir(wt_context *ctx, const char *path, wt_err *err);
const char *wt_path_base(const char *path); /* pointer into path */
#endif
