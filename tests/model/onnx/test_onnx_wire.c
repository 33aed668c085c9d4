/* The protobuf wire format: what is read, what is refused, and that measuring and writing agree. */
#include "base/str.h"
#include "model/formats/onnx/wire.h"
#include "model/formats/onnx/wire_out.h"
#include "onnx_make.h"

static wt_status walk(const uint8_t *data, size_t len, size_t *fields, wt_err *err)
{
    wt_pb msg = wt_pb_over(data, len, 100);
    wt_pb_field f;
    wt_status st = WT_OK;
    *fields = 0;
    while (wt_pb_next(&msg, &f, &st, err))
        ++*fields;
    return st;
}

static void reads_each_wire_type(void **state)
{
    mk *m = mk_new();
    mk_int(m, 1, -5);
    mk_float(m, 2, 1.5f);
    mk_varint(m, 3 << 3 | 1);
    mk_bytes(m, "\1\2\3\4\5\6\7\10", 8);
    mk_text(m, 536870911, "end");
    wt_pb msg = wt_pb_over(m->data, m->len, 0);
    wt_pb_field f;
    wt_status st = WT_OK;
    assert_true(wt_pb_next(&msg, &f, &st, NULL));
    assert_true(f.number == 1 && f.wire == WT_PB_VARINT && (int64_t)f.value == -5);
    assert_true(wt_pb_next(&msg, &f, &st, NULL));
    assert_true(f.number == 2 && f.value == 0x3fc00000 && f.len == 4);
    assert_true(wt_pb_next(&msg, &f, &st, NULL));
    assert_true(f.value == 0x0807060504030201);
    assert_true(wt_pb_next(&msg, &f, &st, NULL));
    assert_true(f.number == 536870911 && f.len == 3 && f.offset == m->len - 3);
    assert_false(wt_pb_next(&msg, &f, &st, NULL));
    assert_int_equal(st, WT_OK);
    (void)state;
}

static void refuses_malformed_fields(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *message;
        uint64_t offset;
    } bad[] = {
        { "\x80", 1, "ends inside a field's tag", 100 },
        { "\x08", 1, "ends inside a number", 101 },
        { "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12, "more than 10 bytes", 101 },
        { "\x12", 1, "ends inside a length", 101 },
        { "\x12\x05"
          "abcd",
          6, "has only 4 left", 102 },
        { "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "has only 0 left", 111 },
        { "\x0d\1\2\3", 4, "has only 3 left", 101 },
        { "\x09\1\2\3\4\5\6\7", 8, "has only 7 left", 101 },
        { "\x0b", 1, "wire type 3", 100 },
        { "\x0f\1", 2, "wire type 7", 100 },
        { "\x00\1", 2, "no field 0", 100 },
        { "\x80\x80\x80\x80\x80\x01", 6, "no field", 100 },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        wt_err err = { 0 };
        size_t fields;
        wt_test_refused(walk((const uint8_t *)bad[i].bytes, bad[i].len, &fields, &err), WT_EFORMAT, &err,
                        bad[i].message);
        assert_int_equal(err.offset, bad[i].offset);
    }
    (void)state;
}

static void counts_packed_and_single_numbers(void **state)
{
    wt_pb_field f = { .wire = WT_PB_BYTES, .data = (const uint8_t *)"\x01\xff\x01\x80\x80\x01", .len = 6 };
    size_t n = 0;
    int64_t v[3] = { 0 };
    uint8_t bytes[3];
    wt_err err = { 0 };
    wt_test_ok(wt_pb_count(&f, WT_PB_VARINT, "n", &n, &err), &err);
    assert_int_equal(n, 3);
    assert_true(wt_pb_varints(&f, v, 8, 0, 1 << 20));
    assert_true(v[0] == 1 && v[1] == 255 && v[2] == 16384);
    assert_false(wt_pb_varints(&f, bytes, 1, 0, 255)); /* 16384 is no byte */
    f.len = 5;
    wt_test_refused(wt_pb_count(&f, WT_PB_VARINT, "n", &n, &err), WT_EFORMAT, &err, "inside a number");
    wt_test_refused(wt_pb_count(&f, WT_PB_FIXED32, "n", &n, &err), WT_EFORMAT, &err, "no multiple of 4");
    wt_test_refused(wt_pb_count(&f, WT_PB_FIXED64, "n", &n, &err), WT_EFORMAT, &err, "no multiple of 8");
    f.wire = WT_PB_FIXED32;
    wt_test_refused(wt_pb_count(&f, WT_PB_VARINT, "n", &n, &err), WT_EFORMAT, &err, "wire type");
    (void)state;
}

static void put(wt_pb_out *out)
{
    uint8_t large[300] = { 7 };
    wt_pb_begin(out, 1);
    wt_pb_put_int(out, 2, -1);
    wt_pb_begin(out, 3);
    wt_pb_put_bytes(out, 4, large, sizeof large);
    wt_pb_put_float(out, 5, -2.5f);
    wt_pb_end(out);
    wt_pb_begin(out, 6);
    wt_pb_end(out);
    wt_pb_put_text(out, 1000, "name");
    wt_pb_end(out);
}

static void writes_what_it_measured(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_pb_out out;
    wt_buf buf;
    wt_buf_init(&buf, ctx);
    wt_pb_out_init(&out, ctx, &err);
    put(&out);
    const uint64_t measured = out.pos;
    wt_pb_out_write(&out, NULL, &buf);
    put(&out);
    wt_test_ok(out.st, &err);
    assert_int_equal(buf.len, measured);
    mk *whole = mk_new(), *outer = mk_new(), *inner = mk_new();
    uint8_t large[300] = { 7 };
    mk_data(inner, 4, large, sizeof large);
    mk_float(inner, 5, -2.5f);
    mk_int(outer, 2, -1);
    mk_msg(outer, 3, inner);
    mk_text(outer, 6, "");
    mk_text(outer, 1000, "name");
    mk_msg(whole, 1, outer);
    assert_int_equal(buf.len, whole->len);
    assert_memory_equal(buf.data, whole->data, whole->len);
    wt_pb_out_free(&out);
    wt_buf_free(&buf);
    wt_test_context_close(ctx);
    (void)state;
}

static int clean(void **state)
{
    (void)state;
    mk_free_all();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(reads_each_wire_type, clean),
        cmocka_unit_test_teardown(refuses_malformed_fields, clean),
        cmocka_unit_test_teardown(counts_packed_and_single_numbers, clean),
        cmocka_unit_test_teardown(writes_what_it_measured, clean),
    };
    return wt_test_run("onnx_wire", tests, WT_ARRAY_LEN(tests));
}
