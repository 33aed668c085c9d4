#include "names.h"
#include "base/hash.h"

static wt_names_entry *slot(const wt_names *names, wt_string key)
{
    size_t i = (size_t)wt_hash64(key.data, key.len, 0) & (names->cap - 1);
    for (;; i = (i + 1) & (names->cap - 1)) {
        wt_names_entry *e = &names->entries[i];
        if (!e->key.data || (e->key.len == key.len && !memcmp(e->key.data, key.data, key.len)))
            return e;
    }
}

bool wt_names_get(const wt_names *names, wt_string key, void **value)
{
    if (!names->count)
        return false;
    if (!key.data)
        key.data = "";
    const wt_names_entry *e = slot(names, key);
    *value = e->value;
    return e->key.data != NULL;
}

/* At most half full. Outgrown tables stay in the arena: together they are smaller than the last one. */
static wt_status grow(wt_names *names, wt_arena *arena, wt_err *err)
{
    wt_names bigger = { .count = names->count, .cap = names->cap ? names->cap * 2 : 16 };
    bigger.entries = wt_arena_alloc(arena, bigger.cap, sizeof *bigger.entries, err);
    if (!bigger.entries)
        return WT_ENOMEM;
    for (size_t i = 0; i < names->cap; i++)
        if (names->entries[i].key.data)
            *slot(&bigger, names->entries[i].key) = names->entries[i];
    *names = bigger;
    return WT_OK;
}

wt_status wt_names_put(wt_names *names, wt_arena *arena, wt_string key, void *value, wt_err *err)
{
    if (!key.data)
        key.data = "";
    if (names->count * 2 >= names->cap)
        WT_TRY(grow(names, arena, err));
    wt_names_entry *e = slot(names, key);
    if (!e->key.data)
        names->count++;
    *e = (wt_names_entry){ key, value };
    return WT_OK;
}
