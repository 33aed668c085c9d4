/* Buffers, globs, UTF-8, sizes for people, hashes. */
#include "base/hash.h"
#include "base/str.h"
#include "base/json.h"
#include "support/test.h"

static void buffers_grow(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_buf buf;
    wt_err err = { 0 };
    wt_buf_init(&buf, ctx);
    wt_test_ok(wt_buf_status(&buf, &err), &err);
    for (int i = 0; i < 1000; i++)
        wt_buf_printf(&buf, "%d ", i);
    wt_buf_puts(&buf, "end");
    wt_test_ok(wt_buf_status(&buf, &err), &err);
    assert_true(wt_str_starts(buf.data, "0 1 2 3 "));
    assert_true(wt_str_ends(buf.data, " 998 999 end"));
    assert_int_equal(buf.len, strlen(buf.data));
    wt_buf_free(&buf);
    wt_buf_printf(&buf, "%500d", 7); /* longer than what is formatted on the stack */
    assert_int_equal(buf.len, 500);
    assert_true(buf.data[499] == '7' && buf.data[500] == 0);
    wt_buf_add(&buf, "\0\1", 2);
    assert_int_equal(buf.len, 502);
    wt_buf_add(&buf, NULL, 0);
    wt_buf_printf(&buf, "%s", "");
    assert_int_equal(buf.len, 502);
    wt_buf_free(&buf);
    wt_test_context_close(ctx);
}

static void a_failed_buffer_stays_failed(void **state)
{
    (void)state;
    wt_context_options options = wt_context_defaults();
    options.memory_limit = 2000;
    wt_context *ctx;
    wt_err err = { 0 };
    wt_buf buf;
    wt_test_ok(wt_context_open(&ctx, &options, &err), &err);
    wt_buf_init(&buf, ctx);
    for (int i = 0; i < 1000; i++)
        wt_buf_printf(&buf, "0123456789");
    assert_true(buf.failed);
    const size_t len = buf.len;
    wt_buf_puts(&buf, "x");
    assert_int_equal(buf.len, len);
    wt_test_refused(wt_buf_status(&buf, &err), WT_ENOMEM, &err, "could not grow");
    wt_buf_free(&buf);
    assert_false(buf.failed);
    wt_test_context_close(ctx);
}

static void prefixes_and_suffixes(void **state)
{
    (void)state;
    assert_true(wt_str_starts("model.onnx", "model") && wt_str_starts("x", "") && !wt_str_starts("mo", "model"));
    assert_true(wt_str_ends("model.onnx", ".onnx") && wt_str_ends("x", "") && !wt_str_ends("nnx", ".onnx"));
}

static void globs(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        { "", "", true },
        { "", "a", false },
        { "*", "", true },
        { "*", "a/b.c", true },
        { "**", "x", true },
        { "?", "", false },
        { "?", "x", true },
        { "a?c", "abc", true },
        { "a?c", "ac", false },
        { "*.weight", "layer.3.weight", true },
        { "*.weight", "layer.3.weights", false },
        { "layer.*.attn.*", "layer.12.attn.q", true },
        { "*a*b*c", "xxaxxbxxbc", true },
        { "*a*b*c", "xxaxxbxxb", false },
        { "[abc]x", "bx", true },
        { "[abc]x", "dx", false },
        { "[a-c]x", "bx", true },
        { "[a-c]x", "dx", false },
        { "[!a-c]x", "dx", true },
        { "[^a-c]x", "ax", false },
        { "[]]", "]", true },
        { "[!]]", "]", false },
        { "[a-]", "-", true },
        { "[abc", "[abc", true }, /* never closed: stands for itself */
        { "[abc", "a", false },
        { "conv[0-9][0-9]", "conv42", true },
        { "conv[0-9][0-9]", "conv4", false },
        { "*[0-9]", "conv4x7", true },
        { "\xc3\xa4*", "\xc3\xa4hre", true },
        { "[\x80-\xff]", "\xe4", true }, /* bytes, unsigned */
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        if (wt_glob_match(rows[i].pattern, rows[i].text) != rows[i].matches)
            fail_msg("\"%s\" and \"%s\"", rows[i].pattern, rows[i].text);
}

static void hostile_globs_end_soon(void **state)
{
    (void)state;
    char pattern[2001], text[4001];
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(pattern + i, "*a", 3);
    pattern[1999] = 'b';
    memset(text, 'a', 4000);
    text[4000] = 0;
    assert_false(wt_glob_match(pattern, text)); /* exponential in a naive matcher */
}

static void utf8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        bool valid;
    } rows[] = {
        { "", 0, true },
        { "plain", 5, true },
        { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\x8e", 9, true },
        { "\xf4\x8f\xbf\xbf", 4, true },
        { "\xee\x80\x80", 3, true },
        { "a\0b", 3, false },
        { "\x80", 1, false },
        { "\xc3", 1, false },
        { "\xe2\x82", 2, false },
        { "\xf0\x9f\x8d", 3, false },
        { "\xc3(", 2, false },
        { "\xc0\x80", 2, false },
        { "\xc1\xbf", 2, false },
        { "\xe0\x9f\xbf", 3, false },
        { "\xf0\x8f\xbf\xbf", 4, false },
        { "\xed\xa0\x80", 3, false },
        { "\xf4\x90\x80\x80", 4, false },
        { "\xf5\x80\x80\x80", 4, false },
        { "\xff", 1, false },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        if (wt_utf8_valid(rows[i].bytes, rows[i].len) != rows[i].valid)
            fail_msg("row %zu", i);
}

static void sizes_for_people(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = { { 0, "0 B" },
                 { 999, "999 B" },
                 { 1000, "1.0 kB" },
                 { 999949, "999.9 kB" },
                 { 999950, "1.0 MB" },
                 { 1234567, "1.2 MB" },
                 { 2500000000, "2.5 GB" },
                 { 999950000000, "1.0 TB" },
                 { UINT64_MAX, "18.4 EB" } };
    char out[32];
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        assert_string_equal(wt_human_bytes(rows[i].bytes, out, sizeof out), rows[i].text);
    assert_string_equal(wt_human_bytes(1234567, out, 4), "1.2");
}

static void sha256_of(const void *bytes, size_t len, char hex[65])
{
    wt_sha256 s;
    uint8_t digest[32];
    wt_sha256_init(&s);
    wt_sha256_add(&s, bytes, len);
    wt_sha256_end(&s, digest);
    wt_sha256_hex(digest, hex);
}

/* FIPS 180-4's examples, and a million times 'a'. */
static void sha256_known_answers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
    } rows[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopq"
          "rstu",
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
    };
    char hex[65];
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        sha256_of(rows[i].text, strlen(rows[i].text), hex);
        assert_string_equal(hex, rows[i].hex);
    }
    wt_sha256 s;
    uint8_t digest[32], block[1000];
    memset(block, 'a', sizeof block);
    wt_sha256_init(&s);
    for (int i = 0; i < 1000; i++)
        wt_sha256_add(&s, block, sizeof block);
    wt_sha256_end(&s, digest);
    wt_sha256_hex(digest, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void sha256_in_any_pieces(void **state)
{
    (void)state;
    uint8_t bytes[300];
    uint64_t random = 3;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)wt_random(&random);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        char whole[65], pieces[65];
        uint8_t digest[32];
        wt_sha256 s;
        sha256_of(bytes, len, whole);
        wt_sha256_init(&s);
        for (size_t at = 0, n; at < len; at += n) {
            n = (size_t)(1 + wt_random(&random) % 70);
            n = n < len - at ? n : len - at;
            wt_sha256_add(&s, bytes + at, n);
        }
        wt_sha256_end(&s, digest);
        wt_sha256_hex(digest, pieces);
        assert_string_equal(whole, pieces);
    }
}

static void hash64_is_stable_and_spreads(void **state)
{
    (void)state;
    /* Splits of data sets rest on these values: they may never change. */
    assert_true(wt_hash64("", 0, 0) == 0x48218226ff3cd4bfu);
    assert_true(wt_hash64("whet", 4, 0) == 0xc4e45ee1d4668d24u);
    assert_true(wt_hash64("0123456789abcdef!", 17, 42) == 0x272370a098895392u);
    enum { BUCKETS = 64, KEYS = 64000 };
    unsigned low[BUCKETS] = { 0 }, high[BUCKETS] = { 0 };
    for (uint32_t i = 0; i < KEYS; i++) {
        const uint64_t h = wt_hash64(&i, sizeof i, 0);
        low[h % BUCKETS]++;
        high[h >> 58]++;
    }
    for (size_t i = 0; i < BUCKETS; i++) /* 1000 each, give or take five standard deviations */
        assert_true(low[i] > 840 && low[i] < 1160 && high[i] > 840 && high[i] < 1160);
    uint64_t flips = 0; /* one bit of input changes half of the output's */
    for (unsigned bit = 0; bit < 128; bit++) {
        uint8_t a[16] = { 1, 2, 3 }, b[16] = { 1, 2, 3 };
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        flips += (uint64_t)__builtin_popcountll(wt_hash64(a, 16, 0) ^ wt_hash64(b, 16, 0));
    }
    assert_true(flips > 128 * 29 && flips < 128 * 35);
}

static void random_numbers(void **state)
{
    (void)state;
    uint64_t a = 0, b = 0;
    assert_true(wt_random(&a) == 0xe220a8397b1dcdafu); /* SplitMix64 from seed 0 */
    assert_true(wt_random(&a) == 0x6e789e6aa1b965f4u);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        const double u = wt_random_unit(&b);
        assert_true(u >= 0 && u < 1);
        sum += u;
    }
    assert_true(sum > 4800 && sum < 5200);
}

/* tokenizer_config.json of many models says 10^30 tokens. */
static void wide_integers(void **state)
{
    (void)state;
    static const char text[] = "{\"most\":1000000000000000019884624838656,\"least\":[-9223372036854775809, "
                               "9223372036854775807],\"text\":\"1000000000000000019884624838656\\\"\"}";
    json_t *json = NULL;
    wt_err err = { 0 };
    wt_test_ok(wt_json_parse(&json, text, sizeof text - 1, "test", &err), &err);
    assert_true(json_real_value(json_object_get(json, "most")) == 1e30);
    assert_true(json_real_value(json_array_get(json_object_get(json, "least"), 0)) == -0x1p63);
    assert_true(json_integer_value(json_array_get(json_object_get(json, "least"), 1)) == INT64_MAX);
    assert_string_equal(json_string_value(json_object_get(json, "text")), "1000000000000000019884624838656\"");
    json_decref(json);
    wt_test_refused(wt_json_parse(&json, "1e999", 5, "test", &err), WT_EFORMAT, &err, "real number overflow");
    wt_test_refused(wt_json_parse(&json, "-99999999999999999999x", 22, "test", &err), WT_EFORMAT, &err, "no JSON");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_integers),
        cmocka_unit_test(buffers_grow),
        cmocka_unit_test(a_failed_buffer_stays_failed),
        cmocka_unit_test(prefixes_and_suffixes),
        cmocka_unit_test(globs),
        cmocka_unit_test(hostile_globs_end_soon),
        cmocka_unit_test(utf8),
        cmocka_unit_test(sizes_for_people),
        cmocka_unit_test(sha256_known_answers),
        cmocka_unit_test(sha256_in_any_pieces),
        cmocka_unit_test(hash64_is_stable_and_spreads),
        cmocka_unit_test(random_numbers),
    };
    return wt_test_run("text", tests, WT_ARRAY_LEN(tests));
}
