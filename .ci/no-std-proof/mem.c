/* The five memory functions that every Rust program without std may refer to (see the documentation of `core`). On
   targets without an operating system the compiler's own library brings them; on a Linux host it leaves them to libc,
   which is not linked here. Nothing else may come from outside the static library. */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    unsigned char *t = to;
    const unsigned char *f = from;
    while (n--) *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t n) {
    unsigned char *t = to;
    const unsigned char *f = from;
    if (t <= f) {
        while (n--) *t++ = *f++;
    } else {
        while (n--) t[n] = f[n];
    }
    return to;
}

void *memset(void *to, int octet, size_t n) {
    unsigned char *t = to;
    while (n--) *t++ = (unsigned char)octet;
    return to;
}

int memcmp(const void *a, const void *b, size_t n) {
    const unsigned char *x = a, *y = b;
    for (; n; n--, x++, y++)
        if (*x != *y) return *x - *y;
    return 0;
}

int bcmp(const void *a, const void *b, size_t n) { return memcmp(a, b, n); }
