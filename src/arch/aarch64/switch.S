// The contract is in arch/switch.hpp. The saved frame, from the saved stack pointer up:
//   0 d8-d15, 64 x19-x28, 144 x29, 152 x30, 160 fpcr, 168 unused
        .text
        .globl  goro_arch_switch
        .hidden goro_arch_switch
        .type   goro_arch_switch, %function
        .p2align 4
goro_arch_switch:
        .cfi_startproc
        hint    #34                     // bti c
        sub     sp, sp, #176
        .cfi_adjust_cfa_offset 176
        stp     d8, d9, [sp, #0]
        stp     d10, d11, [sp, #16]
        stp     d12, d13, [sp, #32]
        stp     d14, d15, [sp, #48]
        stp     x19, x20, [sp, #64]
        stp     x21, x22, [sp, #80]
        stp     x23, x24, [sp, #96]
        stp     x25, x26, [sp, #112]
        stp     x27, x28, [sp, #128]
        stp     x29, x30, [sp, #144]
        .cfi_rel_offset x29, 144
        .cfi_rel_offset x30, 152
        mrs     x9, fpcr
        str     x9, [sp, #160]
        mov     x10, sp
        str     x10, [x0]
        cbnz    x3, goro_arch_start     // still on this stack: what the tables say of it holds until there
        mov     sp, x1                  // from here on the same layout, on the other stack
.Lresume:
        ldr     x10, [sp, #160]
        cmp     x9, x10
        b.eq    1f
        msr     fpcr, x10
1:      ldp     d8, d9, [sp, #0]
        ldp     d10, d11, [sp, #16]
        ldp     d12, d13, [sp, #32]
        ldp     d14, d15, [sp, #48]
        ldp     x19, x20, [sp, #64]
        ldp     x21, x22, [sp, #80]
        ldp     x23, x24, [sp, #96]
        ldp     x25, x26, [sp, #112]
        ldp     x27, x28, [sp, #128]
        ldp     x29, x30, [sp, #144]
        .cfi_restore x29
        .cfi_restore x30
        add     sp, sp, #176
        .cfi_adjust_cfa_offset -176
        mov     x0, x2
        ret
        .cfi_endproc
        .size   goro_arch_switch, . - goro_arch_switch

// The outermost frame of a stack: calls start (in x3) with the machine (in x2) in a state as at the start of a program,
// then goes where it says. The FPCR of whoever was left is in x9.
        .globl  goro_arch_start
        .hidden goro_arch_start
        .type   goro_arch_start, %function
        .p2align 4
goro_arch_start:
        .cfi_startproc
        .cfi_undefined x30
        mov     sp, x1
        cbz     x9, 1f
        msr     fpcr, xzr
1:      mov     x29, xzr                // ends the chain of frame pointers
        mov     x30, xzr
        mov     x0, x2
        blr     x3
        mov     sp, x0                  // x0: the context to go to; x1: the machine
        mov     x2, x1
        mrs     x9, fpcr
        b       .Lresume
        .cfi_endproc
        .size   goro_arch_start, . - goro_arch_start

        .globl  goro_arch_reset_control_words
        .hidden goro_arch_reset_control_words
        .type   goro_arch_reset_control_words, %function
        .p2align 4
goro_arch_reset_control_words:
        .cfi_startproc
        hint    #34                     // bti c
        mrs     x9, fpcr
        cbz     x9, 1f
        msr     fpcr, xzr
1:      ret
        .cfi_endproc
        .size   goro_arch_reset_control_words, . - goro_arch_reset_control_words

        .section .note.GNU-stack, "", %progbits
