/* graph_names.c - the hash tables behind wt_graph_find and wt_graph_symbol.
 *
 * Open addressing with linear probing; a removed entry's successors move up, so that there are no tombstones and a
 * probe ends at the first empty slot. Values are keyed by their name alone and checked for their graph: the branches of
 * an If may both define "y". Tables lie in the arena and double; what they leave behind is less than what they hold. */
#include "base/hash.h"
#include "model/graph_impl.h"

typedef struct value_slot {
    uint64_t hash;
    wt_value *value; /* NULL: empty */
} value_slot;

typedef struct symbol_slot {
    uint64_t hash;
    size_t index_plus_1; /* 0: empty */
} symbol_slot;

struct wt_name_table {
    value_slot *values;
    size_t n_values, cap_values; /* capacity is 0 or a power of two, at most half full */
    symbol_slot *symbols;
    size_t cap_symbols;
};

static uint64_t hash_of(const wt_graph *root, const char *name)
{
    return wt_hash64(name, strlen(name), wt_context_seed(root->ctx));
}

static wt_status table_get(wt_graph *root, struct wt_name_table **out, wt_err *err)
{
    if (!root->names && !(root->names = wt_arena_alloc(&root->arena, 1, sizeof *root->names, err)))
        return WT_ENOMEM;
    *out = root->names;
    return WT_OK;
}

static void put_value(struct wt_name_table *t, uint64_t hash, wt_value *value)
{
    size_t i = hash & (t->cap_values - 1);
    while (t->values[i].value)
        i = (i + 1) & (t->cap_values - 1);
    t->values[i] = (value_slot){ hash, value };
}

wt_status wt_names_reserve(wt_graph *root, size_t more, wt_err *err)
{
    struct wt_name_table *t;
    WT_TRY(table_get(root, &t, err));
    size_t cap = t->cap_values ? t->cap_values : 64;
    while (cap / 2 < t->n_values + more)
        cap *= 2;
    if (cap == t->cap_values)
        return WT_OK;
    value_slot *slots = wt_arena_alloc(&root->arena, cap, sizeof *slots, err);
    if (!slots)
        return WT_ENOMEM;
    const value_slot *old = t->values;
    const size_t n_old = t->cap_values;
    t->values = slots;
    t->cap_values = cap;
    for (size_t i = 0; i < n_old; i++)
        if (old[i].value)
            put_value(t, old[i].hash, old[i].value);
    return WT_OK;
}

void wt_names_insert(wt_value *value)
{
    wt_graph *root = value->graph->root;
    put_value(root->names, hash_of(root, value->name), value);
    root->names->n_values++;
}

void wt_names_remove(wt_value *value)
{
    const wt_graph *root = value->graph->root;
    struct wt_name_table *t = root->names;
    if (!t || !t->cap_values)
        return;
    const size_t mask = t->cap_values - 1;
    size_t hole = hash_of(root, value->name) & mask;
    while (t->values[hole].value && t->values[hole].value != value)
        hole = (hole + 1) & mask;
    if (!t->values[hole].value)
        return;
    t->n_values--;
    /* Entries behind the hole move into it if it lies on their way from home. */
    for (size_t i = (hole + 1) & mask; t->values[i].value; i = (i + 1) & mask) {
        const size_t home = t->values[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            t->values[hole] = t->values[i];
            hole = i;
        }
    }
    t->values[hole].value = NULL;
}

wt_value *wt_names_find(const wt_graph *root, const wt_graph *graph, const char *name)
{
    const struct wt_name_table *t = root->names;
    if (!t || !t->cap_values)
        return NULL;
    const uint64_t hash = hash_of(root, name);
    for (size_t i = hash & (t->cap_values - 1); t->values[i].value; i = (i + 1) & (t->cap_values - 1)) {
        wt_value *v = t->values[i].value;
        if (t->values[i].hash == hash && (!graph || v->graph == graph) && strcmp(v->name, name) == 0)
            return v;
    }
    return NULL;
}

bool wt_names_has_other(const wt_value *value)
{
    const wt_graph *root = value->graph->root;
    const struct wt_name_table *t = root->names;
    const uint64_t hash = hash_of(root, value->name);
    if (!t || !t->cap_values)
        return false;
    for (size_t i = hash & (t->cap_values - 1); t->values[i].value; i = (i + 1) & (t->cap_values - 1)) {
        const wt_value *v = t->values[i].value;
        if (v != value && t->values[i].hash == hash && strcmp(v->name, value->name) == 0)
            return true;
    }
    return false;
}

const char *wt_names_fresh(wt_graph *root, uint32_t id, wt_err *err)
{
    const char *name = wt_arena_printf(&root->arena, err, "whet_%u", id);
    for (unsigned k = 2; name && wt_names_find(root, NULL, name); k++) /* only a file that uses our names gets here */
        name = wt_arena_printf(&root->arena, err, "whet_%u_%u", id, k);
    return name;
}

/* --- symbols ------------------------------------------------------------------------------------------------ */
static size_t symbol_home(const struct wt_name_table *t, const wt_graph *root, uint64_t hash, const char *name)
{
    size_t i = hash & (t->cap_symbols - 1);
    while (t->symbols[i].index_plus_1 &&
           (t->symbols[i].hash != hash || strcmp(root->symbols[t->symbols[i].index_plus_1 - 1], name) != 0))
        i = (i + 1) & (t->cap_symbols - 1);
    return i;
}

static wt_status grow_symbols(wt_graph *root, struct wt_name_table *t, wt_err *err)
{
    const size_t cap = t->cap_symbols ? t->cap_symbols * 2 : 32;
    symbol_slot *slots = wt_arena_alloc(&root->arena, cap, sizeof *slots, err);
    const char **symbols = wt_arena_alloc(&root->arena, cap / 2, sizeof *symbols, err);
    if (!slots || !symbols)
        return WT_ENOMEM;
    if (root->n_symbols)
        memcpy(symbols, root->symbols, root->n_symbols * sizeof *symbols);
    root->symbols = symbols;
    root->cap_symbols = cap / 2;
    t->symbols = slots;
    t->cap_symbols = cap;
    for (size_t k = 0; k < root->n_symbols; k++) {
        const uint64_t hash = hash_of(root, symbols[k]);
        t->symbols[symbol_home(t, root, hash, symbols[k])] = (symbol_slot){ hash, k + 1 };
    }
    return WT_OK;
}

wt_status wt_names_symbol(wt_graph *root, const char *name, size_t *index, wt_err *err)
{
    struct wt_name_table *t;
    WT_TRY(table_get(root, &t, err));
    if (root->n_symbols == root->cap_symbols)
        WT_TRY(grow_symbols(root, t, err));
    const uint64_t hash = hash_of(root, name);
    const size_t i = symbol_home(t, root, hash, name);
    if (!t->symbols[i].index_plus_1) {
        const char *copy = wt_arena_strdup(&root->arena, name, err);
        if (!copy)
            return WT_ENOMEM;
        root->symbols[root->n_symbols++] = copy;
        t->symbols[i] = (symbol_slot){ hash, root->n_symbols };
    }
    *index = t->symbols[i].index_plus_1 - 1;
    return WT_OK;
}
