/* pretokens.c - the pre-tokenizers that GGUF files name: lists of patterns, each applied to the pieces of the one
 * before. Patterns are the tokenizers' own. */
#include "model/tokenizer/tokenizer_impl.h"

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define TAIL         "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
static const char gpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
static const char punctuation[] = "[\\p{P}\\$\\+<=>\\^~\\|]+", punctuation_tick[] = "[\\p{P}\\$\\+<=>\\^~\\|`]+";
static const char numbers[] = "\\p{N}+", number[] = "\\p{N}", three_digits[] = "[0-9][0-9][0-9]";
static const char llama3[] = CONTRACTIONS
    "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" TAIL;
static const char qwen2[] = CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" TAIL;
static const char qwen35[] = CONTRACTIONS
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" TAIL;
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
static const char tekken[] = "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER
                             "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" TAIL;
static const char gpt4o[] = "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" CONTRACTIONS "?|[^\\r\\n\\p{L}\\p{N}]?" UPPER
                            "+" LOWER "*" CONTRACTIONS "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" TAIL;
static const char to_three[] = "\\p{N}{1,3}",
                  east_asian[] = "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+";
static const char deepseek3[] =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
    " ?[\\p{P}\\p{S}]+[\\r\\n]*|" TAIL;
static const char deepseek_llm_punct[] =
    "\\s?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+";
static const char line_ends[] = "[\\r\\n]", deepseek_punct[] = "\\s?\\p{P}+",
                  cjk[] = "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+";
/* cased letters, of the Unicode of their time */
static const char deepseek_letters[] =
    "\\s?["
    "A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-\\x{293}"
    "\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}\\x{388}-\\x{38a}"
    "\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}\\x{531}-\\x{556}"
    "\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}"
    "\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}"
    "\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}\\x{1f5d}"
    "\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}\\x{1fc2}-\\x{1fc4}"
    "\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}"
    "\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}"
    "\\x{2126}\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}"
    "\\x{2145}-\\x{2149}\\x{214e}\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}"
    "\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}"
    "\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}"
    "\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}"
    "\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}"
    "\\x{1e900}-\\x{1e943}"
    "]+";
static const char deepseek_coder_letters[] = "\\s?\\p{L}+";
static const char bloom[] = " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+";

static const char minicpm5[] = CONTRACTIONS
    "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}+| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" TAIL;
static const char seed_coder[] = CONTRACTIONS
    "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" TAIL;
static const char bailing[] =
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|"
    "\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";
static const char exaone_moe[] = CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}|"
                                              " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";
static const char no_contractions[] = "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" TAIL;
static const char jais2[] = CONTRACTIONS
    "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|\\s{32}(?!\\S)|\\s{16}(?!\\S)|"
    "\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}";
#define UPPER_NO_HAN "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]"
#define LOWER_NO_HAN "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]"
static const char kimi[] = "[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?" UPPER_NO_HAN "*" LOWER_NO_HAN "+" CONTRACTIONS
                           "?|[^\\r\\n\\p{L}\\p{N}]?" UPPER_NO_HAN "+" LOWER_NO_HAN "*" CONTRACTIONS
                           "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" TAIL;
static const char youtu_scripts[] = "[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+|[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}"
                                    "\\x{2018}\\x{2019}\\x{2014}\\x{ff1a}\\x{ff1b}\\x{ff0c}\\x{3001}-\\x{303f}"
                                    "\\x{fe30}-\\x{fe4f}]+|[\\x{3105}-\\x{312f}]+|"
                                    "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+";
static const char youtu[] = "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" CONTRACTIONS "?|[^\\r\\n\\p{L}\\p{N}]?" UPPER
                            "+" LOWER "*" CONTRACTIONS "?|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" TAIL;
static const char lines[] = "[^\\n]+|[\\n]+";

enum { WHOLE = 1, BOS = 2, RAW = 4 }; /* words that are tokens go whole; add_bos; characters with U+2581, not bytes */
typedef struct named {
    const char *first; /* the name that is written */
    const char *names; /* all of them, separated by blanks */
    const char *patterns[6];
    unsigned flags;
} named;
static const named known[] = {
    { "default", "default", { punctuation, gpt2, numbers, three_digits }, 0 },
    { "llama3",
      "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
      { llama3 },
      WHOLE | BOS },
    { "dbrx", "dbrx smaug-bpe chatglm-bpe glm4", { llama3 }, 0 },
    { "glm5", "glm5", { llama3 }, WHOLE },
    { "gpt-2",
      "gpt-2 phi-2 jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code roberta-bpe gigachat mpt olmo jais "
      "trillion exaone4 granite-docling mellum a.x-4.0 modern-bert",
      { gpt2 },
      0 },
    { "qwen2", "qwen2 stablelm2 deepseek-r1-qwen megrez hunyuan kormo f2llmv2 solar-open grok-2", { qwen2 }, 0 },
    { "qwen35", "qwen35", { qwen35 }, 0 },
    { "smollm", "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2", { number, gpt2 }, 0 },
    { "falcon", "falcon", { punctuation_tick, gpt2, three_digits }, 0 },
    { "tekken", "tekken", { tekken }, WHOLE | BOS },
    { "gpt-4o", "gpt-4o llama4 minimax-m2 kanana2 talkie", { gpt4o }, 0 },
    { "tiny_aya", "tiny_aya cohere2moe", { "\\d{1,3}(?=(?:\\d{3})*\\b)", gpt4o }, 0 },
    { "deepseek-llm", "deepseek-llm", { line_ends, deepseek_letters, deepseek_llm_punct, "\\s+$", cjk, numbers }, 0 },
    { "deepseek-coder", "deepseek-coder", { line_ends, deepseek_coder_letters, deepseek_punct, cjk, number }, 0 },
    { "deepseek-v3", "deepseek-v3 hunyuan-dense joyai-llm hy_v4", { to_three, east_asian, deepseek3 }, 0 },
    { "bloom", "bloom poro-chat gpt3-finnish", { bloom }, 0 },
    { "viking", "viking", { bloom, number }, 0 },
    { "minicpm5", "minicpm5", { to_three, minicpm5 }, WHOLE },
    { "seed-coder", "seed-coder", { seed_coder }, 0 },
    { "bailingmoe", "bailingmoe bailingmoe2 llada-moe", { bailing }, 0 },
    { "exaone-moe", "exaone-moe", { exaone_moe }, 0 },
    { "ufakzeka", "ufakzeka", { no_contractions }, 0 },
    { "laguna", "laguna", { lines, qwen2 }, 0 },
    { "jais-2", "jais-2", { jais2 }, 0 },
    { "superbpe", "superbpe", { numbers, "(?=(\\d{3})+(?!\\d))" }, 0 },
    { "kimi-k2", "kimi-k2", { kimi }, 0 },
    { "youtu", "youtu", { youtu_scripts, youtu }, WHOLE },
    { "gemma4", "gemma4 sarvam-moe", { lines }, RAW },
};

static bool has_word(const char *words, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
        if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == 0) && n)
            return true;
    return false;
}

static const named *row_of(const char *name)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(known); i++)
        if (has_word(known[i].names, name))
            return &known[i];
    return NULL;
}

size_t wt_pre_patterns(const char *name, const char *const **patterns, bool *whole_words, bool *add_bos)
{
    const named *row = row_of(name);
    size_t n = 0;
    if (!row || row->flags & RAW)
        return 0;
    while (n < WT_ARRAY_LEN(row->patterns) && row->patterns[n])
        n++;
    *patterns = row->patterns;
    *whole_words = row->flags & WHOLE;
    *add_bos = row->flags & BOS;
    return n;
}

wt_status wt_pre_named(wt_tokenizer *t, const char *name, bool *add_bos, wt_err *err)
{
    const named *row = row_of(name);
    if (!row) {
        const wt_status st = wt_fail(err, WT_EUNSUPPORTED, "the pre-tokenizer \"%s\" is not known", name);
        wt_err_hint(err, "a Hugging Face folder with tokenizer.json says how its text is cut");
        return st;
    }
    t->pre = wt_arena_alloc(&t->arena, WT_ARRAY_LEN(row->patterns), sizeof *t->pre, err);
    if (!t->pre)
        return WT_ENOMEM;
    while (t->n_pre < WT_ARRAY_LEN(row->patterns) && row->patterns[t->n_pre]) {
        const char *pattern = row->patterns[t->n_pre];
        WT_TRY(wt_pre_regex(t, &t->pre[t->n_pre], pattern, strlen(pattern), err));
        t->n_pre++;
    }
    t->ignore_merges = row->flags & WHOLE;
    *add_bos = row->flags & BOS;
    t->byte_level = !(row->flags & RAW);
    return WT_OK;
}

/* The pattern's next character, where \x{...}, \r and \n are what they stand for; *escaped otherwise. */
static uint32_t next_of(const char *p, size_t len, size_t *at, bool *escaped)
{
    size_t size = 1;
    uint32_t code = 0;
    *escaped = false;
    if (p[*at] != '\\' || *at + 1 == len) {
        code = wt_utf8_get(p, len, *at, &size);
        *at += size;
        return code;
    }
    const char c = p[*at + 1];
    if (c == 'x' && *at + 2 < len && p[*at + 2] == '{') {
        size_t i = *at + 3;
        for (; i < len && p[i] != '}'; i++)
            code = code << 4 | (uint32_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
        *at = i + 1;
        return code;
    }
    *at += 2;
    *escaped = c != 'r' && c != 'n';
    return c == 'r' ? '\r' : c == 'n' ? '\n' : (uint8_t)c;
}

static bool same_pattern(const wt_string *a, const char *b)
{
    const size_t len = strlen(b);
    size_t i = 0, k = 0;
    while (i < a->len && k < len) {
        bool x, y;
        const uint32_t left = next_of(a->data, a->len, &i, &x), right = next_of(b, len, &k, &y);
        if (left != right || x != y)
            return false;
    }
    return i == a->len && k == len;
}

const char *wt_pre_name(const wt_tokenizer *t)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(known); i++) {
        size_t n = 0;
        while (n < t->n_pre && n < WT_ARRAY_LEN(known[i].patterns) && known[i].patterns[n] &&
               t->pre[n].kind == WT_PRE_REGEX && t->pre[n].split == WT_SPLIT_ISOLATED && !t->pre[n].invert &&
               same_pattern(&t->pre[n].pattern, known[i].patterns[n]))
            n++;
        const bool all = n == WT_ARRAY_LEN(known[i].patterns) || !known[i].patterns[n];
        if (n == t->n_pre && n && all && !(known[i].flags & RAW) && !(known[i].flags & WHOLE) == !t->ignore_merges)
            return known[i].first;
    }
    return NULL;
}
