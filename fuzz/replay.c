/* replay.c - feeds a fuzz target its corpus without libFuzzer, so that what was once found stays fixed with every
 * compiler and sanitizer. Each file is also fed cut short and with bits flipped, always the same way, for about two
 * seconds per target: a small share of what libFuzzer does, but on every run of the tests. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"
#include "fuzz.h"

enum { DAMAGED_NS = 2000000000, MOST_BYTES = 16 << 20, FLIPS = 8 };

/* An exact heap block each time: sanitizers then see one byte read too many. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        exit(2);
    if (size)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void feed_damaged(const uint8_t *data, size_t size, uint64_t budget_ns)
{
    const uint64_t start = wt_now_ns();
    uint64_t random = wt_hash64(data, size, 0);
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        exit(2);
    while (size && wt_now_ns() - start < budget_ns) {
        feed(data, (size_t)(wt_random(&random) % size));
        memcpy(copy, data, size);
        for (uint64_t flips = 1 + wt_random(&random) % FLIPS; flips; flips--) {
            const uint64_t bit = wt_random(&random);
            copy[(bit >> 8) % size] ^= (uint8_t)(1u << (bit & 7));
        }
        feed(copy, size);
    }
    free(copy);
}

static uint8_t *load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(MOST_BYTES);
    if (!file || !data) {
        if (file)
            fclose(file);
        free(data);
        return NULL;
    }
    *size = fread(data, 1, MOST_BYTES, file);
    fclose(file);
    return data;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Full paths of the regular names in a folder, sorted: readdir's order is nobody's promise. */
static char **list(const char *folder, size_t *count)
{
    DIR *dir = opendir(folder);
    char **names = NULL;
    *count = 0;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        const size_t size = strlen(folder) + strlen(e->d_name) + 2;
        char **more = realloc(names, (*count + 1) * sizeof *names);
        if (e->d_name[0] == '.' || !more) {
            names = more ? more : names;
            continue;
        }
        names = more;
        if (!(names[*count] = malloc(size)))
            break;
        snprintf(names[(*count)++], size, "%s/%s", folder, e->d_name);
    }
    if (dir)
        closedir(dir);
    if (names)
        qsort(names, *count, sizeof *names, by_name);
    return names;
}

int main(int argc, char **argv)
{
    size_t count = 0, fed = 0, failed = 0;
    char **names = argc > 1 ? list(argv[1], &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        size_t size = 0;
        uint8_t *data = load(names[i], &size);
        if (data) {
            fprintf(stderr, "%s\n", names[i]); /* the last name printed is the one that crashed */
            feed(data, size);
            feed_damaged(data, size, DAMAGED_NS / count);
            fed++;
        } else {
            fprintf(stderr, "%s: cannot be read\n", names[i]);
            failed++;
        }
        free(data);
        free(names[i]);
    }
    free(names);
    if (count == 0)
        printf("skipped: no files in %s\n", argc > 1 ? argv[1] : "(no folder given)");
    printf("%zu passed, %zu failed, %d skipped\n", fed, failed, count == 0);
    return failed ? 1 : 0;
}
