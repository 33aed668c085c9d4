/* hash.h - SHA-256 (what is written and signed) and a fast 64-bit hash (tables and splits, not security). */
#ifndef WT_HASH_H
#define WT_HASH_H
#include <stddef.h>
#include <stdint.h>
typedef struct wt_sha256 {
    uint32_t h[8];
    uint64_t bytes;
    uint8_t block[64];
} wt_sha256;
void wt_sha256_init(wt_sha256 *s);
void wt_sha256_add(wt_sha256 *s, const void *bytes, size_t len);
void wt_sha256_end(wt_sha256 *s, uint8_t out[32]);
void wt_sha256_hex(const uint8_t hash[32], char out[65]);
uint64_t wt_hash64(const void *bytes, size_t len, uint64_t seed);
/* SplitMix64: a tiny generator; every seed gives an independent-looking stream. */
static inline uint64_t wt_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static inline double wt_random_unit(uint64_t *state) { return (double)(wt_random(state) >> 11) * 0x1p-53; }
#endif
