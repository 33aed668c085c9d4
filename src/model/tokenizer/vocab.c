/* vocab.c - names to ids, and what each token is in running text.
 *
 * Names are in an open hash table of (hash, id). Byte-level vocabularies write each byte as a letter: printable ones of
 * Latin-1 as themselves, the other 68 as U+0100 and up, in the order of the bytes. */
#include "base/hash.h"
#include "model/tokenizer/tokenizer_impl.h"

enum { LETTERS = 0x144 };

void wt_byte_letters_init(uint16_t letters[256])
{
    uint16_t next = 0x100;
    for (unsigned b = 0; b < 256; b++)
        letters[b] = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b != 0xad) ? (uint16_t)b : next++;
}

void wt_byte_letters_put(wt_buf *out, const char *bytes, size_t len)
{
    uint16_t letters[256];
    wt_byte_letters_init(letters);
    for (size_t i = 0; i < len; i++)
        wt_buf_put(out, letters[(uint8_t)bytes[i]]);
}

bool wt_is_byte_name(const wt_string *name, uint8_t *byte)
{
    if (name->len != 6 || memcmp(name->data, "<0x", 3) != 0 || name->data[5] != '>')
        return false;
    unsigned value = 0;
    for (int i = 3; i < 5; i++) {
        const char c = name->data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F')))
            return false;
        value = value << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
    }
    *byte = (uint8_t)value;
    return true;
}

static uint32_t hash_of(const char *text, size_t len) { return (uint32_t)(wt_hash64(text, len, 0) >> 32); }

static wt_vocab_row *row_of(const wt_tokenizer *t, const char *text, size_t len, uint32_t hash)
{
    for (size_t i = hash & t->vocab_mask;; i = (i + 1) & t->vocab_mask) {
        wt_vocab_row *row = &t->vocab[i];
        if (row->id < 0)
            return row;
        const wt_string *name = &t->text[row->id];
        if (row->hash == hash && name->len == len && memcmp(name->data, text, len) == 0)
            return row;
    }
}

int32_t wt_vocab_find(const wt_tokenizer *t, const char *text, size_t len)
{
    return row_of(t, text, len, hash_of(text, len))->id;
}

wt_status wt_vocab_build(wt_tokenizer *t, wt_err *err)
{
    size_t rows = 16;
    while (rows < 2 * t->info.tokens)
        rows *= 2;
    t->vocab = wt_arena_alloc(&t->arena, rows, sizeof *t->vocab, err);
    if (!t->vocab)
        return WT_ENOMEM;
    for (size_t i = 0; i < rows; i++)
        t->vocab[i].id = -1;
    t->vocab_mask = rows - 1;
    for (size_t i = 0; i < t->info.tokens; i++) {
        if (!t->text[i].data || (t->outside && t->outside[i]))
            continue; /* a gap, or not the model's */
        const uint32_t hash = hash_of(t->text[i].data, t->text[i].len);
        /* of two tokens with one name the later one counts, as where this is a plain map */
        *row_of(t, t->text[i].data, t->text[i].len, hash) = (wt_vocab_row){ hash, (int32_t)i };
    }
    memset(t->byte_id, 0xff, sizeof t->byte_id);
    if (t->byte_level) {
        uint16_t letters[256];
        wt_byte_letters_init(letters);
        for (unsigned b = 0; b < 256; b++) {
            char letter[4];
            t->byte_id[b] = wt_vocab_find(t, letter, wt_utf8_put(letter, letters[b]));
        }
    } else {
        uint8_t byte;
        for (size_t i = 0; i < t->info.tokens; i++)
            if (t->text[i].data && wt_is_byte_name(&t->text[i], &byte) &&
                (t->type[i] == WT_TOKEN_BYTE || t->byte_fallback))
                t->byte_id[byte] = (int32_t)i;
    }
    return WT_OK;
}

/* --- pieces ----------------------------------------------------------------------------------------------------------
 */
/* False: a character that is no letter of a byte, so the name is meant as it is. */
static bool bytes_of_letters(wt_buf *out, const wt_string *name, const int16_t byte_of[LETTERS])
{
    const size_t from = out->len;
    for (size_t at = 0, size; at < name->len; at += size) {
        const uint32_t code = wt_utf8_get(name->data, name->len, at, &size);
        if (code >= LETTERS || byte_of[code] < 0) {
            out->len = from;
            return false;
        }
        wt_buf_add(out, &(char){ (char)byte_of[code] }, 1);
    }
    return true;
}

/* Where `what` (n bytes, not none) is next in text from `at` on; len: nowhere. */
static size_t next_of(const char *text, size_t len, size_t at, const char *what, size_t n)
{
    while (len - at >= n) {
        const char *p = memchr(text + at, what[0], len - at - n + 1);
        if (!p)
            break;
        at = (size_t)(p - text);
        if (memcmp(p, what, n) == 0)
            return at;
        at++;
    }
    return len;
}

static void replace_all(wt_buf *out, const char *text, size_t len, const char *what, const char *by)
{
    const size_t n = strlen(what), m = strlen(by);
    if (!n) {
        wt_buf_add(out, text, len);
        return;
    }
    for (size_t i = 0; i < len;) {
        const size_t found = next_of(text, len, i, what, n);
        wt_buf_add(out, text + i, found - i);
        if (found < len)
            wt_buf_add(out, by, m);
        i = found < len ? found + n : len;
    }
}

/* What English wants together again. */
static wt_status clean_up(wt_buf *out, wt_buf *spare, wt_err *err)
{
    static const char *const pairs[][2] = { { " .", "." },     { " ?", "?" },           { " !", "!" },
                                            { " ,", "," },     { " ' ", "'" },          { " n't", "n't" },
                                            { " 'm", "'m" },   { " do not", " don't" }, { " 's", "'s" },
                                            { " 've", "'ve" }, { " 're", "'re" } };
    for (size_t i = 0; i < WT_ARRAY_LEN(pairs); i++) {
        if (!out->data || next_of(out->data, out->len, 0, pairs[i][0], strlen(pairs[i][0])) == out->len)
            continue;
        spare->len = 0;
        replace_all(spare, out->data, out->len, pairs[i][0], pairs[i][1]);
        WT_TRY(wt_buf_status(spare, err));
        out->len = 0;
        wt_buf_add(out, spare->data ? spare->data : "", spare->len);
    }
    return WT_OK;
}

typedef struct piece_maker {
    wt_tokenizer *t;
    int16_t byte_of[LETTERS];
    wt_buf out, spare;
    wt_err *err;
} piece_maker;

static wt_status spell(piece_maker *m, size_t id, const wt_string *name)
{
    const wt_tokenizer *t = m->t;
    wt_buf *out = &m->out;
    uint8_t byte;
    const bool plain = t->plain_added && (t->is_special[id] || t->type[id] == WT_TOKEN_USER);
    if (t->sentencepiece && t->type[id] == WT_TOKEN_UNKNOWN) {
        wt_buf_puts(out, " \xe2\x81\x87 "); /* its double question mark */
        return wt_buf_status(out, m->err);
    }
    if (t->decoder == WT_DECODE_JOINED)
        wt_buf_puts(out, " ");
    if (plain || t->decoder == WT_DECODE_PLAIN || t->decoder == WT_DECODE_JOINED) {
        wt_buf_add(out, name->data, name->len);
    } else if (t->decoder == WT_DECODE_BYTES) {
        if (!bytes_of_letters(out, name, m->byte_of))
            wt_buf_add(out, name->data, name->len);
    } else if (t->decoder == WT_DECODE_META) {
        if ((t->type[id] == WT_TOKEN_BYTE || t->byte_names) && wt_is_byte_name(name, &byte))
            wt_buf_add(out, &byte, 1);
        else
            replace_all(out, name->data, name->len, t->meta.data, " ");
    } else if (t->decoder == WT_DECODE_SUFFIX) {
        replace_all(out, name->data, name->len, t->end_sign.data, " ");
    } else {
        const wt_string *p = &t->word_prefix;
        if (name->len >= p->len && memcmp(name->data, p->data, p->len) == 0) {
            wt_buf_add(out, name->data + p->len, name->len - p->len);
        } else {
            wt_buf_puts(out, " ");
            wt_buf_add(out, name->data, name->len);
        }
        if (t->cleanup)
            WT_TRY(clean_up(out, &m->spare, m->err));
    }
    return wt_buf_status(out, m->err);
}

static wt_status make_piece(piece_maker *m, size_t id, const wt_string *name)
{
    wt_string *piece = &m->t->piece[id];
    m->out.len = 0;
    WT_TRY(spell(m, id, name));
    *piece = *name; /* most are spelt as they are named */
    if (m->out.len == name->len && (!name->len || !memcmp(m->out.data, name->data, name->len)))
        return WT_OK;
    piece->data = wt_arena_strndup(&m->t->arena, m->out.data ? m->out.data : "", m->out.len, m->err);
    piece->len = m->out.len;
    return piece->data ? WT_OK : WT_ENOMEM;
}

static wt_status make_pieces(piece_maker *m)
{
    wt_tokenizer *t = m->t;
    for (size_t i = 0; i < t->info.tokens; i++) {
        if (t->text[i].data)
            WT_TRY(make_piece(m, i, &t->text[i]));
        else
            t->piece[i] = (wt_string){ "", 0 };
    }
    for (size_t i = 0; i < t->n_added; i++) /* what stands for them is what was found */
        if (t->added[i].normalized)
            WT_TRY(make_piece(m, (size_t)t->added[i].id, &t->added[i].content));
    return WT_OK;
}

wt_status wt_pieces_build(wt_tokenizer *t, wt_err *err)
{
    uint16_t letters[256];
    piece_maker m = { .t = t, .err = err };
    wt_byte_letters_init(letters);
    memset(m.byte_of, 0xff, sizeof m.byte_of);
    for (unsigned b = 0; b < 256; b++)
        m.byte_of[letters[b]] = (int16_t)b;
    wt_buf_init(&m.out, t->ctx);
    wt_buf_init(&m.spare, t->ctx);
    t->piece = wt_arena_alloc(&t->arena, t->info.tokens, sizeof *t->piece, err);
    const wt_status st = t->piece ? make_pieces(&m) : WT_ENOMEM;
    wt_buf_free(&m.out);
    wt_buf_free(&m.spare);
    return st;
}
