/* pack.c - the cache of packed weights. See pack.h.
 *
 * A chained hash table under one mutex; packing itself happens outside it. An entry is inserted empty, filled by who
 * inserted it, and then announced on a condition variable. */
#include "run/pack.h"
#include "base/hash.h"
#include <pthread.h>

/* Large models have many packings that are smaller than a large page: from SLABS_FROM bytes on they share slabs, for
 * small pages cost decoding a tenth of its speed. */
enum { BUCKETS = 256, PAGES_FROM = 1 << 20, SLAB = 8 << 20, SLABS_FROM = 8 << 20 };
typedef enum entry_state { ENTRY_FILLING, ENTRY_READY, ENTRY_FAILED } entry_state;

typedef struct entry {
    struct entry *next;
    wt_pack_key key;
    size_t bytes;
    void *packed;
    bool in_slab;
    entry_state state;
    unsigned waiting; /* a failed entry is freed by the last who looked at it */
} entry;

typedef struct copy {
    struct copy *next;
    const void *original;
    void *data;
    size_t bytes;
    unsigned users;
    bool keep;
} copy;

typedef struct slab {
    struct slab *next;
    char *data;
    size_t used;
} slab;

struct wt_pack_cache {
    wt_context *ctx;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    entry *buckets[BUCKETS];
    copy *copies;
    slab *slabs; /* the newest first */
    uint64_t bytes;
    /* a transient cache */
    wt_pack_cache *plan;
    wt_arena *arena;
    const void *const *constants;
    size_t n_constants;
};

wt_status wt_pack_open(wt_pack_cache **out, wt_context *ctx, wt_err *err)
{
    *out = NULL;
    wt_pack_cache *cache = wt_alloc(ctx, 1, sizeof *cache, err);
    if (!cache)
        return WT_ENOMEM;
    cache->ctx = ctx;
    if (pthread_mutex_init(&cache->lock, NULL) != 0) {
        wt_free(ctx, cache);
        return wt_fail(err, WT_ENOMEM, "cannot make a mutex");
    }
    if (pthread_cond_init(&cache->changed, NULL) != 0) {
        pthread_mutex_destroy(&cache->lock);
        wt_free(ctx, cache);
        return wt_fail(err, WT_ENOMEM, "cannot make a condition variable");
    }
    *out = cache;
    return WT_OK;
}

/* Large blocks lie on large pages. */
static void *block_alloc(wt_pack_cache *cache, size_t bytes, wt_err *err)
{
    return bytes >= PAGES_FROM ? wt_alloc_pages(cache->ctx, bytes, err) : wt_alloc(cache->ctx, bytes, 1, err);
}

static void block_free(wt_pack_cache *cache, void *block, size_t bytes)
{
    if (bytes >= PAGES_FROM)
        wt_free_pages(cache->ctx, block);
    else
        wt_free(cache->ctx, block);
}

/* Room in a slab; NULL: take a block of its own. Called with the lock held. */
static void *slab_take(wt_pack_cache *cache, size_t bytes)
{
    const size_t room = wt_align_up(bytes, 64);
    slab *s = cache->slabs;
    if (WT_ASAN || cache->bytes < SLABS_FROM || room > SLAB / 4)
        return NULL;
    if (!s || SLAB - s->used < room) {
        s = wt_alloc(cache->ctx, 1, sizeof *s, NULL);
        if (s && !(s->data = wt_alloc_pages(cache->ctx, SLAB, NULL))) {
            wt_free(cache->ctx, s);
            s = NULL;
        }
        if (!s)
            return NULL;
        s->next = cache->slabs;
        cache->slabs = s;
    }
    s->used += room;
    return s->data + s->used - room;
}

void wt_pack_close(wt_pack_cache *cache)
{
    if (!cache)
        return;
    for (size_t b = 0; b < BUCKETS; b++)
        for (entry *e = cache->buckets[b], *next; e; e = next) {
            next = e->next;
            if (!e->in_slab)
                block_free(cache, e->packed, e->bytes);
            wt_free(cache->ctx, e);
        }
    for (slab *s = cache->slabs, *next; s; s = next) {
        next = s->next;
        wt_free_pages(cache->ctx, s->data);
        wt_free(cache->ctx, s);
    }
    for (copy *c = cache->copies, *next; c; c = next) {
        next = c->next;
        block_free(cache, c->data, c->bytes);
        wt_free(cache->ctx, c);
    }
    pthread_cond_destroy(&cache->changed);
    pthread_mutex_destroy(&cache->lock);
    wt_free(cache->ctx, cache);
}

uint64_t wt_pack_bytes(wt_pack_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    const uint64_t bytes = cache->bytes;
    pthread_mutex_unlock(&cache->lock);
    return bytes;
}

/* --- aligned copies
 * --------------------------------------------------------------------------------------------------- */
static copy *find_copy(wt_pack_cache *cache, const void *original)
{
    copy *c = cache->copies;
    while (c && c->original != original)
        c = c->next;
    return c;
}

wt_status wt_pack_aligned(wt_pack_cache *cache, const void *data, size_t bytes, const void **out, wt_err *err)
{
    wt_status st = WT_OK;
    pthread_mutex_lock(&cache->lock);
    copy *c = find_copy(cache, data);
    if (!c) {
        c = wt_alloc(cache->ctx, 1, sizeof *c, err);
        if (c && !(c->data = block_alloc(cache, bytes, err))) {
            wt_free(cache->ctx, c);
            c = NULL;
        }
        if (c) {
            c->original = data;
            c->bytes = bytes;
            memcpy(c->data, data, bytes);
            c->next = cache->copies;
            cache->copies = c;
            cache->bytes += bytes;
        }
    }
    if (c) {
        c->users++;
        *out = c->data;
    } else {
        st = WT_ENOMEM;
    }
    pthread_mutex_unlock(&cache->lock);
    return st;
}

void wt_pack_aligned_done(wt_pack_cache *cache, const void *data, bool keep)
{
    pthread_mutex_lock(&cache->lock);
    copy **link = &cache->copies;
    while (*link && (*link)->original != data)
        link = &(*link)->next;
    copy *c = *link;
    if (c) {
        c->keep |= keep;
        if (--c->users == 0 && !c->keep) {
            *link = c->next;
            cache->bytes -= c->bytes;
            block_free(cache, c->data, c->bytes);
            wt_free(cache->ctx, c);
        }
    }
    pthread_mutex_unlock(&cache->lock);
}

/* The name under which an address is known: a copy's original. */
static const void *original_of(const wt_pack_cache *cache, const void *data)
{
    for (const copy *c = cache->copies; c && data; c = c->next)
        if (c->data == data)
            return c->original;
    return data;
}

/* --- packings
 * --------------------------------------------------------------------------------------------------------- */
static uint64_t key_hash(const wt_pack_key *k)
{
    const uint64_t h = wt_hash64(k->dims, sizeof k->dims, (uint64_t)(uintptr_t)k->data);
    return wt_hash64(k->kind, strlen(k->kind), h ^ (uint64_t)(uintptr_t)k->data2);
}

static bool key_equal(const wt_pack_key *a, const wt_pack_key *b)
{
    return a->data == b->data && a->data2 == b->data2 && memcmp(a->dims, b->dims, sizeof a->dims) == 0 &&
           strcmp(a->kind, b->kind) == 0;
}

static void unlink_entry(wt_pack_cache *cache, entry *e, size_t bucket)
{
    entry **link = &cache->buckets[bucket];
    while (*link != e)
        link = &(*link)->next;
    *link = e->next;
}

/* Called with the lock held; waits for who fills it. */
static wt_status use_entry(wt_pack_cache *cache, entry *e, const void **out, wt_err *err)
{
    e->waiting++;
    while (e->state == ENTRY_FILLING)
        pthread_cond_wait(&cache->changed, &cache->lock);
    e->waiting--;
    if (e->state == ENTRY_READY) {
        *out = e->packed;
        return WT_OK;
    }
    if (e->waiting == 0)
        wt_free(cache->ctx, e);
    return wt_fail(err, WT_ENOMEM, "weights could not be packed: another thread failed to");
}

/* Called with the lock held; gives it up while packing. */
static wt_status fill_entry(wt_pack_cache *cache, const wt_pack_key *key, size_t bucket, size_t bytes, wt_pack_fn *fn,
                            void *arg, const void **out, wt_err *err)
{
    entry *e = wt_alloc(cache->ctx, 1, sizeof *e, err);
    if (!e)
        return WT_ENOMEM;
    e->key = *key;
    e->bytes = bytes;
    e->next = cache->buckets[bucket];
    cache->buckets[bucket] = e;
    void *packed = slab_take(cache, bytes);
    e->in_slab = packed != NULL;
    pthread_mutex_unlock(&cache->lock);
    if (!packed)
        packed = block_alloc(cache, bytes, err);
    const wt_status st = packed ? fn(arg, packed, err) : WT_ENOMEM;
    pthread_mutex_lock(&cache->lock);
    if (st == WT_OK) {
        e->packed = packed;
        e->state = ENTRY_READY;
        cache->bytes += bytes;
        *out = packed;
    } else {
        if (packed && !e->in_slab) /* a place in a slab stays unused */
            block_free(cache, packed, bytes);
        e->state = ENTRY_FAILED;
        unlink_entry(cache, e, bucket);
        if (e->waiting == 0)
            wt_free(cache->ctx, e);
    }
    pthread_cond_broadcast(&cache->changed);
    return st;
}

static bool is_constant(const wt_pack_cache *cache, const void *data)
{
    bool found = data == NULL;
    for (size_t i = 0; i < cache->n_constants && !found; i++)
        found = cache->constants[i] == data;
    return found;
}

static wt_status pack_transient(wt_pack_cache *cache, const wt_pack_key *key, size_t bytes, wt_pack_fn *fn, void *arg,
                                const void **out, wt_err *err)
{
    if (cache->plan && is_constant(cache, key->data) && is_constant(cache, key->data2))
        return wt_pack_get(cache->plan, key, bytes, fn, arg, out, err);
    size_t room;
    if (wt_add_overflows(bytes, 64, &room))
        return wt_fail(err, WT_ENOMEM, "a packing of %zu bytes exceeds the address space", bytes);
    char *block = wt_arena_alloc(cache->arena, room, 1, err);
    if (!block)
        return WT_ENOMEM;
    block += (64 - ((uintptr_t)block & 63)) & 63;
    *out = block;
    return fn(arg, block, err);
}

wt_status wt_pack_get(struct wt_pack_cache *cache, const wt_pack_key *key, size_t bytes, wt_pack_fn *fn, void *arg,
                      const void **out, wt_err *err)
{
    *out = NULL;
    if (cache->arena)
        return pack_transient(cache, key, bytes, fn, arg, out, err);
    pthread_mutex_lock(&cache->lock);
    wt_pack_key name = *key;
    name.data = original_of(cache, key->data);
    name.data2 = original_of(cache, key->data2);
    const size_t bucket = (size_t)(key_hash(&name) % BUCKETS);
    entry *e = cache->buckets[bucket];
    while (e && !(e->bytes == bytes && key_equal(&e->key, &name)))
        e = e->next;
    const wt_status st = e ? use_entry(cache, e, out, err) : fill_entry(cache, &name, bucket, bytes, fn, arg, out, err);
    pthread_mutex_unlock(&cache->lock);
    return st;
}

wt_status wt_pack_transient(wt_pack_cache **out, wt_pack_cache *plan, wt_arena *arena, const void *const *constants,
                            size_t n, wt_err *err)
{
    *out = wt_arena_alloc(arena, 1, sizeof **out, err);
    if (!*out)
        return WT_ENOMEM;
    **out = (wt_pack_cache){
        .ctx = arena->ctx, .plan = plan, .arena = arena, .constants = constants, .n_constants = n
    };
    return WT_OK;
}
