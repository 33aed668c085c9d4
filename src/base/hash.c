/* hash.c - SHA-256 as in FIPS 180-4, and a 64-bit hash that is the same on every machine. */
#include "base/hash.h"
#include "base/compiler.h"
#include <string.h>

static const uint32_t k256[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotr(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

static uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_be32(uint8_t *p, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(x >> (24 - 8 * i));
}

static void sha256_block(uint32_t h[8], const uint8_t *p)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = load_be32(p + 4 * i);
    for (int i = 16; i < 64; i++) {
        const uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotr(a, 7) ^ rotr(a, 18) ^ a >> 3) + w[i - 7] + (rotr(b, 17) ^ rotr(b, 19) ^ b >> 10);
    }
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; i += 8) {
        /* The names move by one each round, not the numbers: a is s[-j], b is s[1 - j], ... */
        WT_UNROLL
        for (int j = 0; j < 8; j++) {
            const uint32_t a = s[-j & 7], b = s[(1 - j) & 7], c = s[(2 - j) & 7], e = s[(4 - j) & 7],
                           f = s[(5 - j) & 7], g = s[(6 - j) & 7];
            const uint32_t t1 = s[(7 - j) & 7] + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) +
                                k256[i + j] + w[i + j];
            s[(3 - j) & 7] += t1;
            s[(7 - j) & 7] = t1 + (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        }
    }
    for (int i = 0; i < 8; i++)
        h[i] += s[i];
}

void wt_sha256_init(wt_sha256 *s)
{
    static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    memset(s, 0, sizeof *s);
    memcpy(s->h, start, sizeof start);
}

void wt_sha256_add(wt_sha256 *s, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    const size_t have = (size_t)(s->bytes & 63);
    s->bytes += len;
    if (have) {
        const size_t take = len < 64 - have ? len : 64 - have;
        if (take)
            memcpy(s->block + have, p, take);
        if (have + take < 64)
            return;
        sha256_block(s->h, s->block);
        p += take;
        len -= take;
    }
    for (; len >= 64; p += 64, len -= 64)
        sha256_block(s->h, p);
    if (len)
        memcpy(s->block, p, len);
}

void wt_sha256_end(wt_sha256 *s, uint8_t out[32])
{
    const uint64_t bits = s->bytes * 8;
    uint8_t tail[72] = { 0x80 }; /* one bit, zeros up to 56 mod 64, then the length */
    const size_t have = (size_t)(s->bytes & 63), pad = (have < 56 ? 56 : 120) - have;
    store_be32(tail + pad, (uint32_t)(bits >> 32));
    store_be32(tail + pad + 4, (uint32_t)bits);
    wt_sha256_add(s, tail, pad + 8);
    for (int i = 0; i < 8; i++)
        store_be32(out + 4 * i, s->h[i]);
}

void wt_sha256_hex(const uint8_t hash[32], char out[65])
{
    for (int i = 0; i < 32; i++) {
        out[2 * i] = "0123456789abcdef"[hash[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
    }
    out[64] = 0;
}

/* --- 64 bits: multiply and rotate over eight bytes, little endian, then SplitMix64's finish ------------------- */

static uint64_t rotl64(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

static uint64_t load_le(const uint8_t *p, size_t n)
{
    uint64_t x = 0;
    for (size_t i = 0; i < n; i++)
        x |= (uint64_t)p[i] << (8 * i);
    return x;
}

static uint64_t finish(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t wt_hash64(const void *bytes, size_t len, uint64_t seed)
{
    const uint8_t *p = bytes;
    uint64_t h = finish(seed + 0x9e3779b97f4a7c15u) ^ (uint64_t)len * 0xd6e8feb86659fd93u;
    for (size_t left = len; left;) {
        const size_t n = left < 8 ? left : 8;
        uint64_t x = (n == 8 ? load_le(p, 8) : load_le(p, n)) * 0xa0761d6478bd642fu;
        x = rotl64(x, 31) * 0xe7037ed1a0b428dbu;
        h = rotl64(h ^ x, 27) * 5 + 0x52dce729u;
        p += n;
        left -= n;
    }
    return finish(h);
}
