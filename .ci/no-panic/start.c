/* The beginning of a program that is linked and never run. */
#include <stddef.h>

void xcast_sec_entries(void);

void _start(void) {
    xcast_sec_entries();
    for (;;);
}

#ifdef WITH_PANICS
/* With this the program links in spite of its panics, so that they can be read from it. */
_Noreturn void xcast_sec_can_panic(const void *info) {
    __asm__ volatile("" : : "r"(info) : "memory");
    for (;;);
}
#endif
