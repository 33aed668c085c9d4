/* What an error says: codes, exit codes, one clean line, hints for what people meet. */
#include <errno.h>
#include "base/str.h"
#include "support/test.h"

static void names_and_exit_codes(void **state)
{
    (void)state;
    static const struct {
        wt_status status;
        const char *name;
        int exit_code;
    } rows[] = {
        { WT_OK, "ok", 0 },
        { WT_EUSAGE, "usage", 2 },
        { WT_EFORMAT, "format", 3 },
        { WT_ENOMEM, "memory", 4 },
        { WT_EUNSUPPORTED, "unsupported", 3 },
        { WT_EIO, "io", 4 },
        { WT_ELIMIT, "limit", 4 },
        { WT_ECANCELLED, "cancelled", 130 },
        { WT_EVERDICT, "verdict", 1 },
        { WT_EINTERNAL, "internal", 5 },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        assert_string_equal(wt_status_name(rows[i].status), rows[i].name);
        assert_int_equal(wt_status_exit_code(rows[i].status), rows[i].exit_code);
    }
    assert_string_equal(wt_status_name((wt_status)-77), "unknown");
    assert_int_equal(wt_status_exit_code((wt_status)-77), 5);
}

static void a_failure_fills_everything(void **state)
{
    (void)state;
    wt_err err;
    memset(&err, 0x55, sizeof err); /* what was there before must not shine through */
    assert_int_equal(wt_fail(&err, WT_EFORMAT, "%d nodes, expected %s", 3, "more"), WT_EFORMAT);
    assert_int_equal(err.code, WT_EFORMAT);
    assert_string_equal(err.message, "3 nodes, expected more");
    assert_string_equal(err.where, "");
    assert_string_equal(err.hint, "");
    assert_true(err.offset == WT_NO_OFFSET);
    assert_int_equal(wt_fail_at(&err, WT_EFORMAT, 17, "bad"), WT_EFORMAT);
    assert_true(err.offset == 17);
    wt_err_where(&err, "node %s", "conv1");
    wt_err_where(&err, "the outer caller");
    assert_string_equal(err.where, "node conv1");
    wt_err_hint(&err, "do %s", "this");
    assert_string_equal(err.hint, "do this");
    assert_int_equal(err.code, WT_EFORMAT);
}

static void no_err_is_fine(void **state)
{
    (void)state;
    assert_int_equal(wt_fail(NULL, WT_EIO, "x"), WT_EIO);
    assert_int_equal(wt_fail_at(NULL, WT_EIO, 1, "x"), WT_EIO);
    errno = ENOENT;
    assert_int_equal(wt_fail_errno(NULL, "x"), WT_EIO);
    wt_err_where(NULL, "x");
    wt_err_hint(NULL, "x");
}

static void texts_become_one_clean_line(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *clean;
    } rows[] = {
        { "two\nlines\r\x1b[31m", "two?lines??[31m" },
        { "Gr\xc3\xbc\xc3\x9f \xf0\x9f\x8d\x8e", "Gr\xc3\xbc\xc3\x9f \xf0\x9f\x8d\x8e" },
        { "\xff\xfe\xc3", "???" },
        { "\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80", "?? ??? ????" }, /* overlong, surrogate, beyond the last */
        { "\xc2\x9b[0m", "??[0m" },                                  /* a C1 control is a terminal command too */
    };
    wt_err err;
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        wt_fail(&err, WT_EFORMAT, "%s", rows[i].raw);
        assert_string_equal(err.message, rows[i].clean);
        wt_err_where(&err, "%s", rows[i].raw);
        assert_string_equal(err.where, rows[i].clean);
    }
}

static void long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    char text[1024];
    wt_err err;
    for (size_t shift = 0; shift < 4; shift++) { /* the cut meets every byte of a four-byte character */
        memset(text, 'a', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x8d\x8e", 5);
        wt_fail(&err, WT_EFORMAT, "%s", text);
        const size_t len = strlen(err.message);
        assert_true(len > sizeof err.message - 6);
        assert_true(wt_utf8_valid(err.message, len));
        assert_null(strchr(err.message, '?'));
    }
}

static void errno_becomes_reason_and_hint(void **state)
{
    (void)state;
    static const struct {
        int number;
        wt_status status;
        const char *reason, *hint;
    } rows[] = {
        { ENOENT, WT_EIO, "No such file", "spelling" },     { EACCES, WT_EIO, "Permission denied", "permissions" },
        { EROFS, WT_EIO, "Read-only", "another folder" },   { ENOSPC, WT_EIO, "No space left", "disk is full" },
        { ENOMEM, WT_ENOMEM, "Cannot allocate", "memory" }, { EMFILE, WT_EIO, "Too many open files", "ulimit" },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        wt_err err;
        errno = rows[i].number;
        assert_int_equal(wt_fail_errno(&err, "cannot open %s", "x.onnx"), rows[i].status);
        assert_int_equal(err.code, rows[i].status);
        assert_true(wt_str_starts(err.message, "cannot open x.onnx: "));
        assert_non_null(strstr(err.message, rows[i].reason));
        assert_non_null(strstr(err.hint, rows[i].hint));
    }
}

static void version_of_header_and_library(void **state)
{
    (void)state;
    assert_string_equal(wt_version(), WT_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_exit_codes),
        cmocka_unit_test(a_failure_fills_everything),
        cmocka_unit_test(no_err_is_fine),
        cmocka_unit_test(texts_become_one_clean_line),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(errno_becomes_reason_and_hint),
        cmocka_unit_test(version_of_header_and_library),
    };
    return wt_test_run("status", tests, WT_ARRAY_LEN(tests));
}
