/* names.h - a hash table from byte strings to pointers, in an arena; for functions, formal parameters, external files.
 */
#ifndef WT_ONNX_NAMES_H
#define WT_ONNX_NAMES_H
#include "model/tensor.h"

typedef struct wt_names_entry {
    wt_string key; /* data NULL: free */
    void *value;
} wt_names_entry;
/* Zero-initialise; the arena owns the entries, so nothing is to be freed. Keys are borrowed. */
typedef struct wt_names {
    wt_names_entry *entries;
    size_t count, cap;
} wt_names;
/* False when the key is not there. */
bool wt_names_get(const wt_names *names, wt_string key, void **value);
/* Adds or replaces. */
wt_status wt_names_put(wt_names *names, wt_arena *arena, wt_string key, void *value, wt_err *err);
#endif
