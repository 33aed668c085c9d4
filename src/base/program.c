/* program.c - see program.h. It is read from memory, not from the file: that may have been replaced since we started.
 */
#include "base/program.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __ELF__
#include <elf.h>
#include <link.h>

typedef struct finding {
    uintptr_t inside; /* an address of ours */
    char *hex;
} finding;

static bool contains(const struct dl_phdr_info *image, uintptr_t address)
{
    for (size_t i = 0; i < image->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &image->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && address - (image->dlpi_addr + p->p_vaddr) < p->p_memsz)
            return true;
    }
    return false;
}

static void write_hex(const uint8_t *bytes, size_t n, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < n && at + 2 < WT_BUILD_ID; i++) {
        hex[at++] = digits[bytes[i] >> 4];
        hex[at++] = digits[bytes[i] & 15];
    }
    hex[at] = '\0';
}

static size_t padded(size_t n) { return (n + 3) & ~(size_t)3; }

/* A segment of notes: {sizes, type}, name, description, again and again. */
static void search_notes(const uint8_t *p, size_t left, char *hex)
{
    ElfW(Nhdr) note;
    while (left >= sizeof note) {
        memcpy(&note, p, sizeof note);
        const size_t name = padded(note.n_namesz), step = sizeof note + name + padded(note.n_descsz);
        if (step > left)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && !memcmp(p + sizeof note, "GNU", 4))
            write_hex(p + sizeof note + name, note.n_descsz, hex);
        p += step;
        left -= step;
    }
}

static int look(struct dl_phdr_info *image, size_t size, void *arg)
{
    const finding *f = arg;
    (void)size;
    if (!contains(image, f->inside))
        return 0;
    for (size_t i = 0; i < image->dlpi_phnum && !f->hex[0]; i++) {
        const ElfW(Phdr) *p = &image->dlpi_phdr[i];
        if (p->p_type == PT_NOTE)
            search_notes((const uint8_t *)(image->dlpi_addr + p->p_vaddr), p->p_memsz, f->hex);
    }
    return 1;
}
#endif

void wt_build_id(char hex[WT_BUILD_ID])
{
    hex[0] = '\0';
#ifdef __ELF__
    finding f = { (uintptr_t)&wt_build_id, hex };
    dl_iterate_phdr(look, &f);
#endif
}
