// SPDX-License-Identifier: Apache-2.0
// The switch for x86-64, System V ABI. See context.h. No shadow stack: the object carries no CET note on purpose.
#if defined(__x86_64__)
  .text
  .globl taut_switch
  .hidden taut_switch
  .type taut_switch, @function
  .p2align 5
taut_switch:
  .cfi_startproc
  pushq %rbp
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %rbp, 0
  pushq %rbx
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %rbx, 0
  pushq %r12
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r12, 0
  pushq %r13
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r13, 0
  pushq %r14
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r14, 0
  pushq %r15
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r15, 0
  movq %rsp, (%rdi)
  movq %rsi, %rsp           // the same layout on the other stack: the rules above stay true
  movq %rdx, %rax
  popq %r15
  .cfi_adjust_cfa_offset -8
  .cfi_restore %r15
  popq %r14
  .cfi_adjust_cfa_offset -8
  .cfi_restore %r14
  popq %r13
  .cfi_adjust_cfa_offset -8
  .cfi_restore %r13
  popq %r12
  .cfi_adjust_cfa_offset -8
  .cfi_restore %r12
  popq %rbx
  .cfi_adjust_cfa_offset -8
  .cfi_restore %rbx
  popq %rbp
  .cfi_adjust_cfa_offset -8
  .cfi_restore %rbp
  ret
  .cfi_endproc
  .size taut_switch, .-taut_switch

  .globl taut_context_entry
  .hidden taut_context_entry
  .type taut_context_entry, @function
  .p2align 4
  .cfi_startproc
  .cfi_undefined %rip       // every unwinder stops here
  nop                       // a return address looked up one byte back still finds this function
taut_context_entry:
  movq %rax, %rdi
  xorl %ebp, %ebp
  call taut_context_main
  ud2
  .cfi_endproc
  .size taut_context_entry, .-taut_context_entry
#endif
  .section .note.GNU-stack, "", @progbits
