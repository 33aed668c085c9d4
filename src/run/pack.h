/* pack.h - the cache of packed weights, as the engine sees it (kernels see wt_pack_get in kernel.h alone).
 *
 * One cache per plan, shared by all its specializations and by every thread that compiles one. A packing is made once:
 * who asks for the same key meanwhile waits, who asks for another one does not. Nothing is freed before the cache.
 *
 * Two helpers keep keys honest, for a key is an address:
 *   aligned    a constant of a mapped file may have any alignment. Kernels then see an aligned copy; the copy is known
 * by the name of the original, so that the second specialization finds what the first one packed. transient  while a
 * dynamic step is prepared, inputs that are no constants have addresses that will hold other values tomorrow. A
 * transient cache passes constants on to the plan's cache and packs all else into an arena. */
#ifndef WT_PACK_H
#define WT_PACK_H
#include "run/kernel.h"

typedef struct wt_pack_cache wt_pack_cache;
wt_status wt_pack_open(wt_pack_cache **out, wt_context *ctx, wt_err *err);
void wt_pack_close(wt_pack_cache *cache);     /* NULL is fine */
uint64_t wt_pack_bytes(wt_pack_cache *cache); /* of all packings and kept copies */

/* *out: a copy of the constant, aligned to 64, valid until the matching wt_pack_aligned_done with keep == false (with
 * true: until the cache is closed). Several callers may hold the same copy. */
wt_status wt_pack_aligned(wt_pack_cache *cache, const void *data, size_t bytes, const void **out, wt_err *err);
void wt_pack_aligned_done(wt_pack_cache *cache, const void *data, bool keep);

/* constants[0..n): addresses whose bytes never change. The transient cache lives in `arena`, and dies with it. */
wt_status wt_pack_transient(wt_pack_cache **out, wt_pack_cache *plan, wt_arena *arena, const void *const *constants,
                            size_t n, wt_err *err);
#endif
