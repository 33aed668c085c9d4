/* charsmap.c - SentencePiece's precompiled table of replacements.
 *
 * Little endian: u32 bytes of the trie, the trie (a double array of u32 units, as darts-clone has it), then strings
 * that end with NUL. A key's value is where its replacement begins. The longest key at each place is replaced. */
#include "model/tokenizer/tokenizer_impl.h"

struct wt_charsmap {
    const uint8_t *units; /* n of 4 bytes, at any alignment */
    size_t n;
    const char *strings;
    size_t len;
};

static uint32_t unit_at(const struct wt_charsmap *map, size_t i)
{
    const uint8_t *p = map->units + 4 * i;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

wt_status wt_charsmap_open(const struct wt_charsmap **out, wt_arena *arena, const void *blob, size_t len, wt_err *err)
{
    const uint8_t *p = blob;
    if (len < 5)
        return wt_fail(err, WT_EFORMAT, "the table of characters has %zu bytes", len);
    const size_t bytes = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    if (bytes % 4 || bytes < 4 || bytes > len - 4)
        return wt_fail(err, WT_EFORMAT, "the table of characters: %zu bytes of trie in %zu", bytes, len - 4);
    struct wt_charsmap *map = wt_arena_alloc(arena, 1, sizeof *map, err);
    char *copy = map ? wt_arena_strndup(arena, (const char *)p + 4, len - 4, err) : NULL;
    if (!copy)
        return WT_ENOMEM;
    *map = (struct wt_charsmap){ (const uint8_t *)copy, bytes / 4, copy + bytes, len - 4 - bytes };
    *out = map;
    return WT_OK;
}

static size_t offset_of(uint32_t unit) { return (size_t)(unit >> 10) << ((unit & 0x200) >> 6); }

/* Bytes of the longest key that text begins with (0: none), and its replacement. */
static size_t longest_key(const struct wt_charsmap *map, const char *text, size_t len, const char **by, size_t *by_len)
{
    size_t found = 0, node = offset_of(unit_at(map, 0));
    for (size_t i = 0; i < len; i++) {
        const uint8_t byte = (uint8_t)text[i];
        node ^= byte;
        if (node >= map->n)
            break;
        const uint32_t unit = unit_at(map, node);
        if ((unit & 0x800000ffu) != byte)
            break;
        node ^= offset_of(unit);
        if (node >= map->n)
            break;
        if (!(unit >> 8 & 1))
            continue;
        const size_t value = unit_at(map, node) & 0x7fffffff;
        if (value >= map->len)
            break; /* a damaged table replaces nothing */
        const char *end = memchr(map->strings + value, 0, map->len - value);
        *by = map->strings + value;
        *by_len = end ? (size_t)(end - *by) : map->len - value;
        found = i + 1;
    }
    return found;
}

void wt_charsmap_apply(wt_buf *out, const struct wt_charsmap *map, const wt_added_set *keep, const char *text,
                       size_t len)
{
    for (size_t at = 0, size; at < len; at += size) {
        const char *by;
        size_t n;
        const wt_added_token *kept = wt_added_at(keep, text + at, len - at);
        if (kept) {
            size = kept->content.len;
            wt_buf_add(out, text + at, size);
            continue;
        }
        size = map ? longest_key(map, text + at, len - at, &by, &n) : 0;
        if (size) {
            wt_buf_add(out, by, n);
            continue;
        }
        (void)wt_utf8_get(text, len, at, &size);
        wt_buf_add(out, text + at, size);
    }
}
