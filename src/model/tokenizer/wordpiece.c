/* wordpiece.c - BERT's words: the longest token that begins the word, then the longest "##..." that goes on, and so on;
 * one part without a token makes the whole word unknown. WT_TOK_WORDS knows whole words only. */
#include "model/tokenizer/tokenizer_impl.h"

enum { LONGEST = 512 };

/* The token of word[from..to), with what its name has in front: "##" inside a word; U+2581 at its beginning in GGUF. */
static int32_t token_of(const wt_tokenizer *t, const char *word, size_t from, size_t to)
{
    static const wt_string none = { "", 0 }, block = { "\xe2\x96\x81", 3 };
    const wt_string *front = t->bert_prefix ? (from ? &none : &block) : (from ? &t->word_prefix : &none);
    char name[LONGEST];
    if (front->len + (to - from) > sizeof name)
        return -1;
    memcpy(name, front->data, front->len);
    memcpy(name + front->len, word + from, to - from);
    return wt_vocab_find(t, name, front->len + (to - from));
}

static size_t characters(const char *word, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((uint8_t)word[i] & 0xc0) != 0x80;
    return n;
}

void wt_wordpiece_word(const wt_tokenizer *t, wt_scratch *s, const char *word, size_t len, wt_sink *sink)
{
    (void)s;
    const size_t begin = sink->n;
    if (t->model == WT_TOK_WORDPIECE && characters(word, len) > t->word_limit) {
        wt_emit_unknown(t, word, len, sink);
        return;
    }
    for (size_t from = 0; from < len;) {
        size_t to = len > LONGEST && from + LONGEST < len ? from + LONGEST : len;
        int32_t id = -1;
        while (to > from && (id = token_of(t, word, from, to)) < 0) {
            if (t->model == WT_TOK_WORDS)
                break;
            do
                to--;
            while (to > from && ((uint8_t)word[to] & 0xc0) == 0x80);
        }
        if (id < 0) {
            sink->n = begin;
            wt_emit_unknown(t, word, len, sink);
            return;
        }
        wt_sink_add(sink, id);
        from = to;
    }
}
