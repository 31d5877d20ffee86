// The contract is in arch/switch.hpp, the layout of what the switch has saved in switch.S.
//
// Calls f (in rsi) with its argument (in rdx) on the caller's stack. What the tables say of this frame is that it is the
// one that was saved at rdi: rbx, which f saves and an unwinder restores, leads to it.
        .text
        .globl  goro_arch_walk_from
        .hidden goro_arch_walk_from
        .type   goro_arch_walk_from, @function
        .p2align 4
goro_arch_walk_from:
        .cfi_startproc
        endbr64
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        movq    %rdi, %rbx
        .cfi_remember_state
        .cfi_def_cfa %rbx, 24
        .cfi_offset %rbp, -16
        .cfi_undefined %rbx
        .cfi_undefined %r12
        .cfi_undefined %r13
        .cfi_undefined %r14
        .cfi_undefined %r15
        movq    %rdx, %rdi
        call    *%rsi
        .cfi_restore_state
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        ret
        .cfi_endproc
        .size   goro_arch_walk_from, . - goro_arch_walk_from

        .section .note.GNU-stack, "", @progbits
