// The contract is in arch/switch.hpp, the layout of what the switch has saved in switch.S.
//
// Calls f (in x1) with its argument (in x2) on the caller's stack. What the tables say of this frame is that it is the
// one that was saved at x0: x19, which f saves and an unwinder restores, leads to it.
        .text
        .globl  goro_arch_walk_from
        .hidden goro_arch_walk_from
        .type   goro_arch_walk_from, %function
        .p2align 4
goro_arch_walk_from:
        .cfi_startproc
        hint    #34                     // bti c
        stp     x29, x30, [sp, #-32]!
        .cfi_adjust_cfa_offset 32
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        str     x19, [sp, #16]
        .cfi_rel_offset x19, 16
        mov     x19, x0
        .cfi_remember_state
        .cfi_def_cfa x19, 176
        .cfi_offset x19, -112
        .cfi_offset x20, -104
        .cfi_offset x21, -96
        .cfi_offset x22, -88
        .cfi_offset x23, -80
        .cfi_offset x24, -72
        .cfi_offset x25, -64
        .cfi_offset x26, -56
        .cfi_offset x27, -48
        .cfi_offset x28, -40
        .cfi_offset x29, -32
        .cfi_offset x30, -24
        mov     x0, x2
        blr     x1
        .cfi_restore_state
        ldr     x19, [sp, #16]
        .cfi_restore x19
        ldp     x29, x30, [sp], #32
        .cfi_adjust_cfa_offset -32
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
        .size   goro_arch_walk_from, . - goro_arch_walk_from

        .section .note.GNU-stack, "", %progbits
