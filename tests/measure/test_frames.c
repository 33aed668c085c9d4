/* Frames between processes: what was sent arrives; what lies about itself is refused, and nobody waits for ever. */
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "measure/worker/tensors.h"
#include "support/test.h"

typedef struct line {
    wt_context *ctx;
    wt_channel a, b;
} line;

static line open_line(void)
{
    int fd[2];
    line l = { .ctx = wt_test_context() };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    const uint64_t soon = wt_now_ns() + UINT64_C(2000000000);
    l.a = (wt_channel){ .ctx = l.ctx, .in = fd[0], .out = fd[0], .deadline = soon };
    l.b = (wt_channel){ .ctx = l.ctx, .in = fd[1], .out = fd[1], .deadline = soon };
    return l;
}

static void hang_up(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_line(line *l)
{
    hang_up(&l->a.in);
    hang_up(&l->b.in);
    wt_test_context_close(l->ctx);
}

static void messages_arrive(void **state)
{
    (void)state;
    line l = open_line();
    wt_err err = { 0 };
    json_t *sent = json_pack("{s:s, s:i}", "do", "something", "n", 42), *got;
    const double numbers[] = { 1.5, -2, 0 };
    double back[3] = { 0 };
    wt_test_ok(wt_channel_send(&l.a, sent, &err), &err);
    wt_test_ok(wt_channel_send_bytes(&l.a, numbers, sizeof numbers, &err), &err);
    wt_test_ok(wt_channel_send_bytes(&l.a, NULL, 0, &err), &err);
    wt_test_ok(wt_channel_receive(&l.b, &got, &err), &err);
    assert_true(json_equal(sent, got));
    wt_test_ok(wt_channel_receive_bytes(&l.b, back, sizeof back, &err), &err);
    assert_memory_equal(back, numbers, sizeof back);
    wt_test_ok(wt_channel_receive_bytes(&l.b, back, 0, &err), &err);
    json_decref(sent);
    json_decref(got);
    close_line(&l);
}

/* Puts raw bytes on the line, closes it, and expects the message to be refused. */
static void refuse(const void *bytes, size_t len, wt_status expected, const char *part)
{
    line l = open_line();
    wt_err err = { 0 };
    json_t *got = (json_t *)&l; /* must be cleared */
    assert_int_equal(write(l.a.out, bytes, len), (ssize_t)len);
    hang_up(&l.a.in);
    wt_test_refused(wt_channel_receive(&l.b, &got, &err), expected, &err, part);
    assert_null(got);
    close_line(&l);
}

static void lies_are_refused(void **state)
{
    (void)state;
    refuse("GARBAGE GARBAGE!", 16, WT_EFORMAT, "no frame");
    refuse("WTF1\1\0\1\0\2\0\0\0\0\0\0\0{}", 18, WT_EFORMAT, "no frame");
    refuse("WTF1\2\0\0\0\2\0\0\0\0\0\0\0{}", 18, WT_EFORMAT, "kind 2");
    refuse("WTF1\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff{}", 18, WT_EFORMAT, "over the limit");
    refuse("WTF1\1\0\0\0\1\0\0\1\0\0\0\0{}", 18, WT_EFORMAT, "over the limit"); /* 16 MiB and one byte */
    refuse("WTF1\1\0\0\0\2\0\0\0\0\0\0\0[]", 18, WT_EFORMAT, "object was expected");
    refuse("WTF1\1\0\0\0\2\0\0\0\0\0\0\0{,", 18, WT_EFORMAT, "no JSON");
    refuse("WTF1\1\0\0\0\0\0\0\0\0\0\0\0", 16, WT_EFORMAT, "no JSON");
    for (size_t cut = 1; cut < 18; cut++)
        refuse("WTF1\1\0\0\0\2\0\0\0\0\0\0\0{}", cut, WT_EIO, "early");
}

static void bytes_of_another_length_are_refused(void **state)
{
    (void)state;
    line l = open_line();
    wt_err err = { 0 };
    char room[8];
    wt_test_ok(wt_channel_send_bytes(&l.a, "12345", 5, &err), &err);
    wt_test_refused(wt_channel_receive_bytes(&l.b, room, 4, &err), WT_EFORMAT, &err, "5 bytes came, 4 were expected");
    close_line(&l);
}

static void a_goodbye_is_told_from_a_break(void **state)
{
    (void)state;
    line l = open_line();
    wt_err err = { 0 };
    json_t *got;
    hang_up(&l.a.in);
    wt_test_refused(wt_channel_receive(&l.b, &got, &err), WT_EIO, &err, NULL);
    assert_true(l.b.ended);
    close_line(&l);
    l = open_line();
    assert_int_equal(write(l.a.out, "WTF", 3), 3);
    hang_up(&l.a.in);
    wt_test_refused(wt_channel_receive(&l.b, &got, &err), WT_EIO, &err, NULL);
    assert_false(l.b.ended);
    close_line(&l);
}

static void waiting_ends(void **state)
{
    (void)state;
    line l = open_line();
    wt_err err = { 0 };
    json_t *got;
    char *much = wt_alloc(l.ctx, 64 << 20, 1, &err);
    assert_non_null(much);
    l.b.deadline = l.a.deadline = wt_now_ns() + 50 * 1000 * 1000;
    wt_test_refused(wt_channel_receive(&l.b, &got, &err), WT_ELIMIT, &err, "in time");
    l.a.deadline = wt_now_ns() + 50 * 1000 * 1000;
    wt_test_refused(wt_channel_send_bytes(&l.a, much, 64 << 20, &err), WT_ELIMIT, &err, "in time"); /* nobody reads */
    l.b.deadline = 0;
    wt_context_cancel(l.ctx);
    hang_up(&l.a.in);
    l.a.in = -1;
    wt_free(l.ctx, much);
    close_line(&l);
}

static void cancelling_ends_waiting(void **state)
{
    (void)state;
    line l = open_line();
    wt_err err = { 0 };
    json_t *got;
    wt_context_cancel(l.ctx);
    l.b.deadline = 0;
    wt_test_refused(wt_channel_receive(&l.b, &got, &err), WT_ECANCELLED, &err, NULL);
    close_line(&l);
}

/* A line whose other side is gone must not raise SIGPIPE: that would end the program that only wanted to measure. */
static void writing_to_nobody_is_an_error(void **state)
{
    (void)state;
    line l = open_line();
    wt_err err = { 0 };
    hang_up(&l.a.in);
    wt_test_refused(wt_channel_send_bytes(&l.b, "x", 1, &err), WT_EIO, &err, NULL);
    close_line(&l);
}

/* --- sets of inputs
 * -------------------------------------------------------------------------------------------------------- */
static wt_inputs three_inputs(line *l, float *numbers, wt_string *texts)
{
    wt_err err = { 0 };
    wt_inputs in = { .ctx = l->ctx, .n = 3 };
    in.tensors = wt_alloc(l->ctx, 3, sizeof *in.tensors, &err);
    in.owned = wt_alloc(l->ctx, 3, sizeof *in.owned, &err);
    assert_true(in.tensors && in.owned);
    in.tensors[0] = (wt_tensor){ .dtype = WT_F32, .shape = { 2, { 2, 3 } }, .data = numbers, .bytes = 24 };
    in.tensors[2] = (wt_tensor){ .dtype = WT_STRING, .shape = { 1, { 2 } }, .data = texts, .bytes = 2 * sizeof *texts };
    return in;
}

static void inputs_arrive(void **state)
{
    (void)state;
    line l = open_line();
    wt_err err = { 0 };
    float numbers[] = { 1, 2, 3, 4, 5, 6 };
    wt_string texts[] = { { "abc", 3 }, { "", 0 } };
    wt_inputs sent = three_inputs(&l, numbers, texts), *got;
    size_t n;
    json_t *list = wt_samples_describe(&sent, 1);
    assert_non_null(list);
    wt_test_ok(wt_samples_send(&l.a, &sent, 1, &err), &err);
    wt_test_ok(wt_samples_receive(&l.b, l.ctx, list, &got, &n, &err), &err);
    assert_true(n == 1 && got[0].n == 3);
    assert_memory_equal(got[0].tensors[0].data, numbers, sizeof numbers);
    assert_null(got[0].tensors[1].data);
    const wt_string *back = got[0].tensors[2].data;
    assert_true(back[0].len == 3 && !memcmp(back[0].data, "abc", 3) && back[1].len == 0);
    wt_inputs_free(&got[0]);
    wt_free(l.ctx, got);
    wt_inputs_free(&sent);
    json_decref(list);
    close_line(&l);
}

static void refuse_description(const char *text, const void *frame, size_t len)
{
    line l = open_line();
    wt_err err = { 0 };
    wt_inputs *got;
    size_t n;
    json_t *list = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(list);
    if (len)
        wt_test_ok(wt_channel_send_bytes(&l.a, frame, len, &err), &err);
    const wt_status st = wt_samples_receive(&l.b, l.ctx, list, &got, &n, &err);
    if (st != WT_EFORMAT && st != WT_ENOMEM)
        fail_msg("%s: answered %s", text, wt_status_name(st));
    assert_true(got == NULL && n == 0);
    json_decref(list);
    close_line(&l);
}

static void wrong_descriptions_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[{}]",
        "[[1]]",
        "[[{}]]",
        "[[{\"dtype\":\"float32\",\"shape\":[2],\"bytes\":9}]]",
        "[[{\"dtype\":\"float33\",\"shape\":[2],\"bytes\":8}]]",
        "[[{\"dtype\":\"float32\",\"shape\":[-1],\"bytes\":0}]]",
        "[[{\"dtype\":\"float32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"bytes\":4}]]",
        "[[{\"dtype\":\"float32\",\"shape\":[4611686018427387904,4],\"bytes\":4}]]",
        "[[{\"dtype\":\"float32\",\"shape\":\"x\",\"bytes\":4}]]",
        "[[{\"dtype\":\"float32\",\"shape\":[1],\"bytes\":-4}]]",
        "[[{\"dtype\":\"string\",\"shape\":[2],\"bytes\":8}]]",
        "[[{\"dtype\":\"string\",\"shape\":[4611686018427387904],\"bytes\":64}]]",
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(texts); i++)
        refuse_description(texts[i], NULL, 0);
    /* One string that says it is longer than all there is. */
    refuse_description("[[{\"dtype\":\"string\",\"shape\":[1],\"bytes\":10}]]",
                       "\xff\xff\xff\xff\xff\xff\xff\xff"
                       "ab",
                       10);
    refuse_description("[[{\"dtype\":\"string\",\"shape\":[1],\"bytes\":10}]]",
                       "\3\0\0\0\0\0\0\0"
                       "ab",
                       10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(bytes_of_another_length_are_refused),
        cmocka_unit_test(a_goodbye_is_told_from_a_break),
        cmocka_unit_test(waiting_ends),
        cmocka_unit_test(cancelling_ends_waiting),
        cmocka_unit_test(writing_to_nobody_is_an_error),
        cmocka_unit_test(inputs_arrive),
        cmocka_unit_test(wrong_descriptions_are_refused),
    };
    return wt_test_run("frames", tests, WT_ARRAY_LEN(tests));
}
