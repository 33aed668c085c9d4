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
static const char to_three[] = "\\p{N}{1,3}", east_asian[] = "[一-龥぀-ゟ゠-ヿ]+";
static const char deepseek3[] =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
    " ?[\\p{P}\\p{S}]+[\\r\\n]*|" TAIL;
static const char line_ends[] = "[\\r\\n]", deepseek_punct[] = "\\s?\\p{P}+", cjk[] = "[一-龥ࠀ-一가-퟿]+";
static const char deepseek_letters[] =
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-"
    "ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-"
    "ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥ"
    "ῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-"
    "ﬆﬓ-"
    "ﬗＡ-"
    "Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-"
    "𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
static const char deepseek_coder_letters[] = "\\s?\\p{L}+";
static const char bloom[] = " ?[^(\\s|.,!?…。，、।۔،)]+";

typedef struct named {
    const char *names; /* separated by blanks */
    const char *patterns[6];
    bool ignore_merges, add_bos;
} named;
static const named known[] = {
    { "default", { punctuation, gpt2, numbers, three_digits }, false, false },
    { "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2", { llama3 }, true, true },
    { "dbrx smaug-bpe chatglm-bpe seed-coder granite-docling", { llama3 }, false, false },
    { "gpt-2 phi-2 jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code roberta-bpe gigachat mpt olmo jais "
      "trillion exaone4 granite-embd-multi mellum a.x-4.0",
      { gpt2 },
      false,
      false },
    { "qwen2 stablelm2 deepseek-r1-qwen megrez hunyuan kormo", { qwen2 }, false, false },
    { "qwen35", { qwen35 }, false, false },
    { "smollm starcoder refact command-r codeshell exaone minerva-7b", { number, gpt2 }, false, false },
    { "falcon", { punctuation_tick, gpt2, three_digits }, false, false },
    { "tekken", { tekken }, true, true },
    { "gpt-4o llama4 minimax-m2", { gpt4o }, false, false },
    { "deepseek-llm", { line_ends, deepseek_letters, deepseek_punct, "\\s+$", cjk, numbers }, false, false },
    { "deepseek-coder", { line_ends, deepseek_coder_letters, deepseek_punct, cjk, number }, false, false },
    { "deepseek-v3 hunyuan-dense joyai-llm", { to_three, east_asian, deepseek3 }, false, false },
    { "bloom poro-chat gpt3-finnish", { bloom }, false, false },
    { "viking", { bloom, number }, false, false },
};

static bool has_word(const char *words, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
        if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == 0) && n)
            return true;
    return false;
}

wt_status wt_pre_named(wt_tokenizer *t, const char *name, bool *add_bos, wt_err *err)
{
    const named *row = NULL;
    for (size_t i = 0; !row && i < WT_ARRAY_LEN(known); i++)
        if (has_word(known[i].names, name))
            row = &known[i];
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
    t->ignore_merges = row->ignore_merges;
    *add_bos = row->add_bos;
    return WT_OK;
}
