// The contract is in arch/switch.hpp: what is called here has saved all registers that it needs but rsp and rbp. The
// saved frame, from the saved stack pointer up:
//   0 mxcsr, 4 x87 control word, 8 rbp, 16 return address
        .macro  save reg
        pushq   \reg
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset \reg, 0
        .endm
        .macro  restore reg
        popq    \reg
        .cfi_adjust_cfa_offset -8
        .cfi_restore \reg
        .endm

        .macro  function name
        .globl  \name
        .hidden \name
        .type   \name, @function
        .p2align 4
\name:
        .cfi_startproc
        .endm
        .macro  end_function name
        .cfi_endproc
        .size   \name, . - \name
        .endm

        // What whoever was left had in the registers that are not restored: whoever comes would push it onto its own
        // stack, where the search for lost goroutines (diag/unreachable.hpp) takes it for a handle.
        .macro  forget_registers
        xorl    %ebx, %ebx
        xorl    %r12d, %r12d
        xorl    %r13d, %r13d
        xorl    %r14d, %r14d
        xorl    %r15d, %r15d
        .endm

        .text
        function goro_arch_switch
        save    %rbp
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movq    %rsp, (%rdi)
        movzwl  4(%rsp), %r8d
        testq   %rcx, %rcx
        jne     goro_arch_start         // still on this stack: what the tables say of it holds until there
        movq    %rsi, %rsp              // from here on the same layout, on the other stack
        // Loading MXCSR at once is cheaper than to wait for what stmxcsr has read and compare (6 ns against 4.5).
.Lresume:
        ldmxcsr (%rsp)
        cmpw    4(%rsp), %r8w
        jne     2f
        .cfi_remember_state
1:      forget_registers
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        restore %rbp                    // rdx, the machine, stays where it is
        ret                             // predicted: everybody who parks has called from the same place
        .cfi_restore_state
        // The status word is the thread's. What it says of others must not trap where this one has asked for traps.
2:      fnclex
        fldcw   4(%rsp)
        jmp     1b
        end_function goro_arch_switch

// The outermost frame of a stack: calls start (in rcx) with the machine (in rdx), then goes where that says.
        function goro_arch_start
        .cfi_undefined %rip
        movq    %rsi, %rsp
        call    goro_arch_reset_control_words   // keeps rcx and rdx
        movq    %rdx, %rdi
        xorl    %ebp, %ebp              // ends the chain of frame pointers
        forget_registers
        call    *%rcx
        fnstcw  -4(%rsp)
        movzwl  -4(%rsp), %r8d
        movq    %rax, %rsp              // rax: the context to go to; rdx: the machine
        jmp     .Lresume
        end_function goro_arch_start

        function goro_arch_reset_control_words
        movl    $0x1f80, -8(%rsp)       // all exceptions masked, round to nearest: never 0, which would trap
        ldmxcsr -8(%rsp)
        fnstcw  -4(%rsp)
        cmpw    $0x037f, -4(%rsp)
        jne     1f
        fnstsw  %ax                     // flags that others have left would trap whoever asks for traps
        testb   $0x3f, %al
        jne     1f
        ret
1:      movw    $0x037f, -4(%rsp)
        fnclex
        fldcw   -4(%rsp)
        ret
        end_function goro_arch_reset_control_words

        .section .note.GNU-stack, "", @progbits
