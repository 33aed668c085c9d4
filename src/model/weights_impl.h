/* weights_impl.h - what a set of weights holds; for weights*.c alone. */
#ifndef WT_WEIGHTS_IMPL_H
#define WT_WEIGHTS_IMPL_H
#include "model/weights.h"

/* Open addressing over indices of a list: slots hold index + 1, 0 is empty. A power of two, at most half full. */
typedef struct wt_name_table {
    uint32_t *slots;
    size_t n_slots;
} wt_name_table;

struct wt_weights {
    wt_context *ctx;
    wt_arena arena;
    const char *path, *format;
    wt_map *maps;
    size_t n_maps, maps_cap;
    wt_weights **owned; /* sets that this one's tensors are views of */
    size_t n_owned, owned_cap;
    void *kept; /* see wt_weights_keep */
    void (*close_kept)(void *);
    uint64_t kept_bytes;
    void **pages; /* wt_alloc_pages blocks of the set's own */
    size_t n_pages, pages_cap;
    wt_weight **weights; /* each in the arena, so that pointers stay good */
    size_t n_weights, weights_cap;
    wt_meta **metas;
    size_t n_metas, metas_cap;
    wt_name_table weight_names, meta_names;
};
#endif
