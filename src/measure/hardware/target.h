/* target.h - the profiles that are part of the program: a table made from the files of targets/ when the build is
 * configured. */
#ifndef WT_TARGET_H
#define WT_TARGET_H
#include <stddef.h>
typedef struct wt_target_file {
    const char *name, *json;
    size_t len;
} wt_target_file;
extern const wt_target_file wt_target_files[];
extern const size_t wt_target_files_count;
#endif
