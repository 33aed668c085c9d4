/* openvino.c - the row of the OpenVINO format. */
#include "openvino.h"
#include "base/str.h"

/* An XML file whose first element is <net>: after a declaration and comments, if there are any. */
static bool sniff(const uint8_t *head, size_t len)
{
    size_t at = len >= 3 && !memcmp(head, "\xef\xbb\xbf", 3) ? 3 : 0;
    for (;;) {
        while (at < len && memchr(" \t\r\n", head[at], 4))
            at++;
        const size_t left = len - at;
        if (left < 5 || head[at] != '<')
            return false;
        if (!memcmp(head + at, "<net", 4))
            return memchr(" \t\r\n>", head[at + 4], 5) != NULL;
        const bool comment = !memcmp(head + at, "<!--", 4);
        if (!comment && memcmp(head + at, "<?", 2) != 0)
            return false;
        const uint8_t *end = memmem(head + at, left, comment ? "-->" : "?>", comment ? 3 : 2);
        if (!end)
            return false;
        at = (size_t)(end - head) + (comment ? 3 : 2);
    }
}

const char *wt_openvino_bin_path(wt_arena *arena, const char *path, wt_err *err)
{
    const char *dot = strrchr(wt_path_base(path), '.');
    const size_t n = dot ? (size_t)(dot - path) : strlen(path);
    return wt_arena_printf(arena, err, "%.*s.bin", (int)n, path);
}

const wt_format wt_format_openvino = {
    .name = "openvino",
    .extension = ".xml",
    .sniff = sniff,
    .read = wt_openvino_read,
    .write = wt_openvino_write,
};
