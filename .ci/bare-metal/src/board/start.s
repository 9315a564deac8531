// The vector table, and what runs before Rust does. Instructions of ARMv6-M only, for both boards.
    .syntax unified
    .thumb

    .section .vectors, "a"
    .word __stack_top
    .word reset
    // Every other exception: nothing here enables any, so it is a fault.
    .rept 14
    .word fault
    .endr

    .section .text.reset, "ax"
    .global reset
    .type reset, %function
    .thumb_func
reset:
    // Initial values from flash.
    ldr r0, =__data_start
    ldr r1, =__data_end
    ldr r2, =__data_load
1:  cmp r0, r1
    bhs 2f
    ldr r3, [r2]
    str r3, [r0]
    adds r0, #4
    adds r2, #4
    b 1b
    // Zeros.
2:  ldr r0, =__bss_start
    ldr r1, =__bss_end
    movs r3, #0
3:  cmp r0, r1
    bhs 4f
    str r3, [r0]
    adds r0, #4
    b 3b
4:  bl start
    .pool

    .section .text.fault, "ax"
    .type fault, %function
    .thumb_func
fault:
    bl fault_reached
