// SPDX-License-Identifier: Apache-2.0
// The switch for aarch64, AAPCS64. See context.h.
#if defined(__aarch64__)
  .text
  .globl taut_switch
  .hidden taut_switch
  .type taut_switch, %function
  .p2align 5
taut_switch:
  .cfi_startproc
  sub sp, sp, #160
  .cfi_adjust_cfa_offset 160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  .cfi_rel_offset x19, 0
  .cfi_rel_offset x20, 8
  .cfi_rel_offset x21, 16
  .cfi_rel_offset x22, 24
  .cfi_rel_offset x23, 32
  .cfi_rel_offset x24, 40
  .cfi_rel_offset x25, 48
  .cfi_rel_offset x26, 56
  .cfi_rel_offset x27, 64
  .cfi_rel_offset x28, 72
  .cfi_rel_offset x29, 80
  .cfi_rel_offset x30, 88
  mov x9, sp
  stlr x9, [x0]             // a snapshot that sees it sees the registers saved above
  mov sp, x1
  mov x0, x2
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  .cfi_adjust_cfa_offset -160
  .cfi_restore x19
  .cfi_restore x20
  .cfi_restore x21
  .cfi_restore x22
  .cfi_restore x23
  .cfi_restore x24
  .cfi_restore x25
  .cfi_restore x26
  .cfi_restore x27
  .cfi_restore x28
  .cfi_restore x29
  .cfi_restore x30
  ret
  .cfi_endproc
  .size taut_switch, .-taut_switch

  .globl taut_context_entry
  .hidden taut_context_entry
  .type taut_context_entry, %function
  .p2align 4
  .cfi_startproc
  .cfi_undefined x30
  nop
taut_context_entry:
  mov x29, #0
  bl taut_context_main
  brk #0
  .cfi_endproc
  .size taut_context_entry, .-taut_context_entry
#endif
  .section .note.GNU-stack, "", %progbits
