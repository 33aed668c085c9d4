/* kv_attention.h - attention over paged caches, a page of keys at a time.
 *
 * Two ways. A tile takes up to LANES rows (queries of several tokens and of the heads that share a key head): rows are
 * lanes of vectors, keys and head elements are broadcast, softmax is online and needs no sum across lanes. A part takes
 * one token's heads of one key head over a fixed number of pages, and parts are joined afterwards in order: with few
 * tokens, that is what there is to share out. Which way, and where tiles and parts end, depends on the shapes alone, so
 * results do not depend on the number of threads. */
#ifndef WT_X86_KV_ATTENTION_H
#define WT_X86_KV_ATTENTION_H
#include "run/kernels/ref/kv_shape.h"

enum { WT_KV_LANES = 64, WT_KV_MAX_PAGE = 32, WT_KV_MAX_PARTS = 32, WT_KV_FEW = 8 };

typedef struct wt_kv_plan {
    wt_kv_shape s;
    size_t group;      /* heads that share a key head */
    size_t tile_heads; /* of them in one tile */
    size_t tile_tokens;
    size_t part_pages, parts; /* of a part; at most */
    size_t scratch, partial;  /* floats of a thread; of all parts together */
    const float *slopes;      /* [heads] */
} wt_kv_plan;

typedef struct wt_kv_tile {
    size_t token, tokens;  /* of one sequence, one after the other */
    size_t g, head, heads; /* key head; first head and number of heads */
} wt_kv_tile;
typedef void wt_kv_tile_fn(const wt_kv_plan *p, const wt_run *r, const wt_kv_tile *t, float *scratch);
/* Pages [first, last) for the heads of key head g of token t; out: [group][2 + v_dim] of largest score, sum, values. */
typedef void wt_kv_part_fn(const wt_kv_plan *p, const wt_run *r, size_t t, size_t g, int64_t first, int64_t last,
                           float *out, float *scratch);
typedef struct wt_kv_fns {
    wt_kv_tile_fn *tile;
    wt_kv_part_fn *part;
    wt_kv_store_fn *store;
} wt_kv_fns;
extern const wt_kv_fns wt_kv_fns_avx2, wt_kv_fns_avx512;
#endif
