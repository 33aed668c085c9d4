/* replay.c - feeds a fuzz target its corpus without libFuzzer, so that what was once found stays fixed with every
 * compiler and sanitizer. Each file is also fed cut short and with bits flipped, always the same way, for about two
 * seconds per target: a small share of what libFuzzer does, but on every run of the tests. Small files are cut at every
 * length. Under WHET_TEST_LONG every file is, and a quarter of a million damaged copies are fed, however long it takes.
 * What was fed when the program died is said last. */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/hash.h"
#include "fuzz.h"

enum { DAMAGED_NS = 2000000000, MOST_BYTES = 16 << 20, FLIPS = 8, SMALL = 1024, HEAD = 4096, LONG_COPIES = 250000 };

/* --- what is said when the program dies: kept ready, since a handler may not format */
static char fed[512];

static void say_what_was_fed(void) { (void)!write(STDERR_FILENO, fed, strlen(fed)); }

static void on_death(int number)
{
    say_what_was_fed();
    signal(number, SIG_DFL);
    raise(number);
}

/* The sanitizers end a program without a signal, but ask first. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch(void)
{
    static const int deadly[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM };
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        signal(deadly[i], on_death);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(say_what_was_fed);
}

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

/* Half of the flips are near the beginning, where the counts are. */
static void flip(uint8_t *data, size_t size, uint64_t *random)
{
    const size_t head = size < HEAD ? size : HEAD;
    for (uint64_t flips = 1 + wt_random(random) % FLIPS; flips; flips--) {
        const uint64_t draw = wt_random(random);
        data[(draw >> 8) % (draw & 128 ? head : size)] ^= (uint8_t)(1u << (draw & 7));
    }
}

typedef struct amount {
    bool every_cut;
    size_t copies; /* 0: as many as the time allows */
    uint64_t budget_ns;
} amount;

/* Answers how many were fed. */
static size_t feed_damaged(const char *name, const uint8_t *data, size_t size, amount how_much)
{
    const uint64_t start = wt_now_ns();
    uint64_t random = wt_hash64(data, size, 0);
    size_t n = 0;
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        exit(2);
    for (size_t cut = 0; cut < size && (how_much.every_cut || size <= SMALL); cut++, n++) {
        snprintf(fed, sizeof fed, "fed: the first %zu bytes of %s\n", cut, name);
        feed(data, cut);
    }
    for (size_t i = 0; size && (how_much.copies ? i < how_much.copies : wt_now_ns() - start < how_much.budget_ns);
         i++) {
        memcpy(copy, data, size);
        snprintf(fed, sizeof fed, "fed: %s, flipped from state %llu\n", name, (unsigned long long)random);
        flip(copy, size, &random);
        feed(copy, size);
        const size_t cut = (size_t)(wt_random(&random) % size);
        snprintf(fed, sizeof fed, "fed: the first %zu bytes of %s\n", cut, name);
        if (!how_much.every_cut)
            feed(data, cut);
        n += how_much.every_cut ? 1 : 2;
    }
    free(copy);
    return n;
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
    const char *asked = getenv("WHET_TEST_LONG");
    const bool is_long = asked && *asked && *asked != '0';
    size_t count = 0, passed = 0, failed = 0, copies = 0;
    char **names = argc > 1 ? list(argv[1], &count) : NULL;
    const amount how_much = { is_long, is_long ? LONG_COPIES / (count ? count : 1) + 1 : 0,
                              count ? DAMAGED_NS / count : 0 };
    watch();
    for (size_t i = 0; i < count; i++) {
        size_t size = 0;
        uint8_t *data = load(names[i], &size);
        if (data) {
            snprintf(fed, sizeof fed, "fed: %s\n", names[i]);
            feed(data, size);
            copies += feed_damaged(names[i], data, size, how_much);
            passed++;
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
    printf("%zu damaged copies were fed\n", copies);
    printf("%zu passed, %zu failed, %d skipped\n", passed, failed, count == 0);
    return failed ? 1 : 0;
}
