/* read_spm.c - a tokenizer from SentencePiece's tokenizer.model.
 *
 * A protobuf ModelProto: pieces = 1 { piece = 1, score = 2, type = 3 }, trainer_spec = 2 { model_type = 3,
 * treat_whitespace_as_suffix = 24, byte_fallback = 35, unk_id = 40, bos_id, eos_id, pad_id }, normalizer_spec = 3
 * { precompiled_charsmap = 2, add_dummy_prefix = 3, remove_extra_whitespaces = 4, escape_whitespaces = 5 }. */
#include "model/formats/onnx/wire.h"
#include "model/tokenizer/tokenizer_impl.h"

enum { UNIGRAM = 1, BPE = 2, MOST_TOKENS = 1 << 24 };

typedef struct spm_spec {
    uint64_t model_type;
    int64_t unk, bos, eos, pad;
    bool suffix, byte_fallback, prefix, collapse, escape;
    wt_string charsmap;
} spm_spec;

static wt_status read_piece(wt_tokenizer *t, wt_pb message, size_t id, wt_err *err)
{
    wt_pb_field f;
    wt_status st = WT_OK;
    t->type[id] = WT_TOKEN_NORMAL;
    t->text[id] = (wt_string){ "", 0 };
    while (wt_pb_next(&message, &f, &st, err)) {
        if (f.number == 1) {
            WT_TRY(wt_pb_expect(&f, WT_PB_BYTES, "SentencePiece.piece", err));
            t->text[id].data = wt_arena_strndup(&t->arena, (const char *)f.data, f.len, err);
            t->text[id].len = f.len;
            if (!t->text[id].data)
                return WT_ENOMEM;
        } else if (f.number == 2) {
            WT_TRY(wt_pb_expect(&f, WT_PB_FIXED32, "SentencePiece.score", err));
            const uint32_t bits = (uint32_t)f.value;
            float score;
            memcpy(&score, &bits, sizeof score);
            t->score[id] = score == score ? (double)score : 0;
        } else if (f.number == 3) {
            WT_TRY(wt_pb_expect(&f, WT_PB_VARINT, "SentencePiece.type", err));
            t->type[id] = f.value <= WT_TOKEN_BYTE ? (uint8_t)f.value : WT_TOKEN_NORMAL;
        }
    }
    return st;
}

static wt_status read_trainer(spm_spec *spec, wt_pb message, wt_err *err)
{
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&message, &f, &st, err)) {
        if (f.wire != WT_PB_VARINT)
            continue;
        switch (f.number) {
        case 3: spec->model_type = f.value; break;
        case 24: spec->suffix = f.value != 0; break;
        case 35: spec->byte_fallback = f.value != 0; break;
        case 40: spec->unk = (int32_t)f.value; break;
        case 41: spec->bos = (int32_t)f.value; break;
        case 42: spec->eos = (int32_t)f.value; break;
        case 43: spec->pad = (int32_t)f.value; break;
        default: break;
        }
    }
    return st;
}

static wt_status read_spec(spm_spec *spec, wt_pb message, wt_err *err)
{
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&message, &f, &st, err)) {
        if (f.number == 2 && f.wire == WT_PB_BYTES)
            spec->charsmap = (wt_string){ (const char *)f.data, f.len };
        if (f.wire != WT_PB_VARINT)
            continue;
        if (f.number == 3)
            spec->prefix = f.value != 0;
        else if (f.number == 4)
            spec->collapse = f.value != 0;
        else if (f.number == 5)
            spec->escape = f.value != 0;
    }
    return st;
}

static wt_status read_message(wt_tokenizer *t, spm_spec *spec, const uint8_t *data, size_t len, wt_err *err)
{
    wt_pb_field f;
    wt_status st = WT_OK;
    size_t n = 0;
    for (wt_pb pb = wt_pb_over(data, len, 0); wt_pb_next(&pb, &f, &st, err);)
        n += f.number == 1 && f.wire == WT_PB_BYTES;
    WT_TRY(st);
    if (!n || n > MOST_TOKENS)
        return wt_fail(err, WT_EFORMAT, "a SentencePiece model has pieces; this file has %zu", n);
    t->info.tokens = n;
    if (!(t->text = wt_arena_alloc(&t->arena, n, sizeof *t->text, err)) ||
        !(t->type = wt_arena_alloc(&t->arena, n, 1, err)) ||
        !(t->score = wt_arena_alloc(&t->arena, n, sizeof *t->score, err)))
        return WT_ENOMEM;
    n = 0;
    for (wt_pb pb = wt_pb_over(data, len, 0); st == WT_OK && wt_pb_next(&pb, &f, &st, err);) {
        if (f.wire != WT_PB_BYTES)
            continue;
        if (f.number == 1)
            st = read_piece(t, wt_pb_sub(&f), n++, err);
        else if (f.number == 2)
            st = read_trainer(spec, wt_pb_sub(&f), err);
        else if (f.number == 3)
            st = read_spec(spec, wt_pb_sub(&f), err);
    }
    return st;
}

static int32_t id_in(const wt_tokenizer *t, int64_t id)
{
    return id >= 0 && (uint64_t)id < t->info.tokens ? (int32_t)id : -1;
}

static wt_status set_up(wt_tokenizer *t, const spm_spec *spec, wt_err *err)
{
    wt_tokenizer_info *i = &t->info;
    if (spec->model_type != UNIGRAM && spec->model_type != BPE)
        return wt_fail(err, WT_EUNSUPPORTED, "SentencePiece's model type %llu is neither unigram (1) nor bpe (2)",
                       (unsigned long long)spec->model_type);
    t->model = spec->model_type == BPE ? WT_TOK_SCORES : WT_TOK_UNIGRAM;
    i->model = spec->model_type == BPE ? "spm" : "unigram";
    t->sentencepiece = t->fuse_unk = true;
    t->byte_fallback = spec->byte_fallback;
    t->cut_words = t->model == WT_TOK_SCORES;
    t->decoder = WT_DECODE_META;
    t->strip_left = spec->prefix && !spec->suffix;
    i->unk = t->unk = id_in(t, spec->unk);
    i->bos = id_in(t, spec->bos);
    i->eos = id_in(t, spec->eos);
    i->pad = id_in(t, spec->pad);
    t->norm = wt_arena_alloc(&t->arena, 2, sizeof *t->norm, err);
    if (!t->norm)
        return WT_ENOMEM;
    t->n_norm = 2;
    t->norm[0].kind = WT_NORM_CHARSMAP;
    if (spec->charsmap.len)
        WT_TRY(wt_charsmap_open(&t->norm[0].map, &t->arena, spec->charsmap.data, spec->charsmap.len, err));
    t->norm[1] = (wt_norm_step){ .kind = WT_NORM_SPM,
                                 .prepend = spec->prefix,
                                 .collapse = spec->collapse,
                                 .suffix = spec->suffix,
                                 .content = spec->escape ? t->meta : (wt_string){ " ", 1 } };
    return WT_OK;
}

/* Control tokens on request; what the user defined is the normalizer's and the model's matter. */
static wt_status add_control(wt_tokenizer *t, wt_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < t->info.tokens; i++)
        n += t->type[i] == WT_TOKEN_CONTROL;
    t->added = wt_arena_alloc(&t->arena, n, sizeof *t->added, err);
    if (!t->added)
        return WT_ENOMEM;
    for (size_t i = 0; i < t->info.tokens; i++)
        if (t->type[i] == WT_TOKEN_CONTROL)
            t->added[t->n_added++] = (wt_added_token){ .content = t->text[i], .id = (int32_t)i, .special = true };
    return WT_OK;
}

static wt_status read_all(wt_tokenizer *t, const uint8_t *data, size_t len, const char *folder, wt_err *err)
{
    /* the defaults of the schema */
    spm_spec spec = {
        .model_type = UNIGRAM, .unk = 0, .bos = 1, .eos = 2, .pad = -1, .prefix = true, .collapse = true, .escape = true
    };
    wt_tokenizer_info *i = &t->info;
    WT_TRY(read_message(t, &spec, data, len, err));
    WT_TRY(set_up(t, &spec, err));
    WT_TRY(add_control(t, err));
    i->add_bos = t->model == WT_TOK_SCORES; /* llama's habit, and T5's */
    i->add_eos = t->model == WT_TOK_UNIGRAM;
    if (folder)
        WT_TRY(wt_read_beside(t, folder, err));
    if (i->add_bos && i->bos >= 0)
        t->before[t->n_before++] = i->bos;
    if (i->add_eos && i->eos >= 0)
        t->after[t->n_after++] = i->eos;
    return wt_tokenizer_compile(t, err);
}

wt_status wt_tokenizer_from_spm(wt_tokenizer **out, wt_context *ctx, const void *data, size_t len, const char *folder,
                                wt_err *err)
{
    wt_tokenizer *t;
    *out = NULL;
    WT_TRY(wt_tokenizer_new(&t, ctx, err));
    const wt_status st = read_all(t, data, len, folder, err);
    if (st != WT_OK)
        wt_tokenizer_close(t);
    else
        *out = t;
    return st;
}
