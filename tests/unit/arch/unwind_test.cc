// SPDX-License-Identifier: Apache-2.0
// Walks real stacks and compares with libgcc's unwinder, then damages copies of them.
#include "arch/unwind.h"

#include <alloca.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <ucontext.h>
#include <unwind.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "arch/unwind_modules.h"

namespace taut::rt {
namespace {

using pc_list = std::vector<std::uintptr_t>;

stack_bounds thread_stack() {
  pthread_attr_t attributes;
  void* low = nullptr;
  std::size_t size = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  auto begin = reinterpret_cast<std::uintptr_t>(low);
  return {begin, begin + size};
}

pc_list walk(const frame_registers& from, stack_bounds bounds, std::size_t limit = 256) {
  pc_list pcs(limit);
  pcs.resize(unwind(from, bounds, pcs.data(), limit));
  return pcs;
}

// Both walks of one place: ours starts inside this function, libgcc's with its return address here.
struct both {
  pc_list ours, reference;
};

[[gnu::noinline]] both walk_both() {
  both found;
  auto add = [](_Unwind_Context* context, void* list) {
    std::uintptr_t pc = _Unwind_GetIP(context);
    if (pc != 0) static_cast<pc_list*>(list)->push_back(pc);
    return _URC_NO_REASON;
  };
  _Unwind_Backtrace(add, &found.reference);
  found.ours = walk(current_registers(), thread_stack());
  return found;
}

// Everything but the first, which differs by where in walk_both() each began.
void expect_same(both found) {
  ASSERT_GE(found.ours.size(), 3u);
  found.ours.erase(found.ours.begin());
  found.reference.erase(found.reference.begin());
  EXPECT_EQ(found.ours, found.reference);
}

std::ptrdiff_t frames_in_libc(const pc_list& pcs) {
  return std::count_if(pcs.begin(), pcs.end(), [](std::uintptr_t pc) {
    Dl_info info;
    return dladdr(reinterpret_cast<void*>(pc - 1), &info) != 0 &&
           std::strstr(info.dli_fname, "/libc.so") != nullptr;
  });
}

// memcpy, but of a stack as it is: red zones included.
__attribute__((no_sanitize("address", "thread"))) std::vector<std::byte> stack_bytes(
    std::uintptr_t low, std::uintptr_t high) {
  std::vector<std::byte> copy(high - low);
  std::byte* to = copy.data();
  for (; low < high; ++low) *to++ = *reinterpret_cast<volatile const std::byte*>(low);
  return copy;
}

class unwind_test : public testing::Test {
 protected:
  void SetUp() override { refresh_modules(); }
};

[[gnu::noinline]] both nest(int depth) {
  both found = depth == 0 ? walk_both() : nest(depth - 1);
  asm volatile("" ::: "memory");  // no tail call
  return found;
}

TEST_F(unwind_test, agrees_with_libgcc_on_nested_calls) {
  expect_same(nest(0));
  expect_same(nest(20));
}

[[gnu::noinline]] pc_list own_frame(std::uintptr_t& return_address) {
  return_address = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  return walk(current_registers(), thread_stack());
}

TEST_F(unwind_test, second_is_the_return_address) {
  std::uintptr_t expected = 0;
  pc_list pcs = own_frame(expected);
  ASSERT_GE(pcs.size(), 2u);
  EXPECT_EQ(pcs[1], expected);
}

TEST_F(unwind_test, obeys_the_limit) {
  pc_list all = walk(current_registers(), thread_stack());
  ASSERT_GE(all.size(), 4u);
  for (std::size_t limit : {0, 1, 2, 3}) {
    EXPECT_EQ(walk(current_registers(), thread_stack(), limit).size(), limit);
  }
}

#if defined(__x86_64__) && !defined(__clang__)
#define WITHOUT_FRAME_POINTER __attribute__((noinline, optimize("omit-frame-pointer")))
#define SCRAP_FRAME_POINTER asm volatile("xor %%ebp, %%ebp" ::: "rbp")
#else
#define WITHOUT_FRAME_POINTER __attribute__((noinline))
#define SCRAP_FRAME_POINTER asm volatile("" ::: "memory")
#endif

WITHOUT_FRAME_POINTER both frameless(int depth) {
  SCRAP_FRAME_POINTER;
  char room[200];
  asm volatile("" ::"r"(room) : "memory");
  both found = depth == 0 ? walk_both() : frameless(depth - 1);
  SCRAP_FRAME_POINTER;
  asm volatile("" ::"r"(room) : "memory");
  return found;
}

TEST_F(unwind_test, needs_no_frame_pointers) { expect_same(frameless(10)); }

[[gnu::noinline]] both over_aligned(std::size_t size) {
  alignas(64) char aligned[64];
  void* variable = alloca(size);
  asm volatile("" ::"r"(aligned), "r"(variable) : "memory");
  both found = walk_both();
  asm volatile("" ::"r"(aligned), "r"(variable) : "memory");
  return found;
}

TEST_F(unwind_test, walks_over_aligned_and_variable_frames) {
  for (std::size_t size : {1, 100, 5000}) expect_same(over_aligned(size));
}

both in_callback;
int compare(const void*, const void*) {
  if (in_callback.ours.empty()) in_callback = walk_both();
  return 0;
}

TEST_F(unwind_test, walks_through_libc) {
  int numbers[8] = {};
  in_callback = {};
  std::qsort(numbers, 8, sizeof numbers[0], compare);
  expect_same(in_callback);

  // The sanitizers bring their own qsort, but not this.
  in_callback = {};
  void* root = nullptr;
  tsearch(&numbers[0], &root, compare);
  tsearch(&numbers[1], &root, compare);
  expect_same(in_callback);
  EXPECT_GT(frames_in_libc(in_callback.ours), frames_in_libc(walk_both().ours));
  tdelete(&numbers[0], &root, compare);
}

// What the handler finds; it may not allocate.
stack_bounds handler_bounds;
std::uintptr_t handler_pcs[256], interrupted_pcs[256];
std::size_t handler_count, interrupted_count;

void on_signal(int, siginfo_t*, void* argument) {
  auto& machine = static_cast<ucontext_t*>(argument)->uc_mcontext;
  handler_count = unwind(current_registers(), handler_bounds, handler_pcs, 256);
#if defined(__x86_64__)
  frame_registers from{static_cast<std::uintptr_t>(machine.gregs[REG_RIP]),
                       static_cast<std::uintptr_t>(machine.gregs[REG_RSP]),
                       static_cast<std::uintptr_t>(machine.gregs[REG_RBP])};
#else
  frame_registers from{machine.pc, machine.sp, machine.regs[29], 0, machine.regs[30]};
#endif
  interrupted_count = unwind(from, handler_bounds, interrupted_pcs, 256);
}

[[gnu::noinline]] void raise_signal(pc_list& here) {
  handler_bounds = thread_stack();
  here = walk(current_registers(), handler_bounds);
  raise(SIGUSR1);
  asm volatile("" ::: "memory");
}

TEST_F(unwind_test, walks_out_of_a_signal_handler) {
  struct sigaction action = {}, old = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  ASSERT_EQ(sigaction(SIGUSR1, &action, &old), 0);
  pc_list outer;
  raise_signal(outer);
  ASSERT_EQ(sigaction(SIGUSR1, &old, nullptr), 0);

  // Both end with the frames above raise_signal().
  ASSERT_GE(outer.size(), 4u);
  outer.erase(outer.begin());
  pc_list in_handler(handler_pcs, handler_pcs + handler_count);
  pc_list of_interrupted(interrupted_pcs, interrupted_pcs + interrupted_count);
  for (const pc_list& pcs : {in_handler, of_interrupted}) {
    ASSERT_GT(pcs.size(), outer.size());
    EXPECT_TRUE(std::equal(outer.rbegin(), outer.rend(), pcs.rbegin()));
  }
#if defined(__x86_64__)
  // The handler's walk continues with the interrupted one, whose first pc was no return address.
  ++of_interrupted[0];
  ASSERT_GT(in_handler.size(), of_interrupted.size());
  EXPECT_TRUE(std::equal(of_interrupted.rbegin(), of_interrupted.rend(), in_handler.rbegin()));
#endif
}

TEST_F(unwind_test, reads_only_inside_the_bounds) {
  frame_registers from = current_registers();
  stack_bounds bounds = thread_stack();
  pc_list all = walk(from, bounds);
  ASSERT_GE(all.size(), 4u);
  std::size_t longest = 0;
  for (std::uintptr_t high = from.sp; high < from.sp + 8192 && high < bounds.high; high += 8) {
    // Only the bytes inside exist: AddressSanitizer would see a read past them.
    std::vector<std::byte> copy = stack_bytes(from.sp, high);
    pc_list part(64);
    part.resize(unwind_copy(from, {from.sp, high}, copy.data(), part.data(), part.size()));
    ASSERT_GE(part.size(), 1u);
    ASSERT_LE(part.size(), all.size());
    ASSERT_TRUE(std::equal(part.begin(), part.end(), all.begin()));
    ASSERT_GE(part.size(), longest);
    longest = part.size();
  }
  EXPECT_GT(longest, 2u);
  EXPECT_EQ(walk(from, {from.sp, from.sp}).size(), 1u);
  EXPECT_EQ(walk(from, {bounds.high, bounds.low}).size(), 1u);
  EXPECT_EQ(walk(from, {0, 0}).size(), 1u);
}

struct copied_stack {
  frame_registers from{};
  stack_bounds bounds{};
  std::vector<std::byte> bytes;
};

int copy_stack(copied_stack& copy, int depth) {
  if (depth > 0) {
    int result = copy_stack(copy, depth - 1);
    asm volatile("" ::: "memory");
    return result;
  }
  copy.from = current_registers();
  copy.bounds = {copy.from.sp, std::min(copy.from.sp + 16384, thread_stack().high)};
  copy.bytes = stack_bytes(copy.bounds.low, copy.bounds.high);
  return 0;
}

// TAUT_TEST_DAMAGED_STACKS sets the number of stacks.
TEST_F(unwind_test, survives_damaged_stacks) {
  copied_stack intact;
  copy_stack(intact, 12);
  pc_list pcs(256);
  std::size_t whole =
      unwind_copy(intact.from, intact.bounds, intact.bytes.data(), pcs.data(), pcs.size());
  ASSERT_GT(whole, 12u);

  std::mt19937_64 random(20240607);
  const module_table& modules = *current_modules();
  std::size_t shorter = 0;
  const char* wanted = std::getenv("TAUT_TEST_DAMAGED_STACKS");
  const std::int64_t rounds = wanted == nullptr ? 100'000 : std::atoll(wanted);
  for (std::int64_t round = 0; round < rounds; ++round) {
    copied_stack damaged = intact;
    std::size_t words = std::min<std::size_t>(damaged.bytes.size() / 8, 256);
    for (std::size_t writes = 1 + random() % 32; writes > 0; --writes) {
      std::uint64_t value = 0;
      switch (random() % 4) {
        case 0:
          value = random();
          break;
        case 1:
          value = damaged.bounds.low + random() % damaged.bytes.size();
          break;
        case 2: {  // somewhere in some module's code
          const loaded_module& module = modules.modules[random() % modules.count];
          value = module.text_low + random() % (module.text_high - module.text_low);
          break;
        }
        default:
          value = random() % 64;
          break;
      }
      std::memcpy(damaged.bytes.data() + random() % words * 8, &value, sizeof value);
    }
    if (random() % 4 == 0) damaged.from.fp = random();
    if (random() % 8 == 0) damaged.from.sp = damaged.bounds.low + random() % 4096;
    if (random() % 8 == 0) damaged.from.pc = pcs[random() % whole];
    std::size_t count =
        unwind_copy(damaged.from, damaged.bounds, damaged.bytes.data(), pcs.data(), pcs.size());
    ASSERT_GE(count, 1u);
    ASSERT_LE(count, pcs.size());
    if (count < whole) ++shorter;
    // The cache has learnt nothing wrong from it.
    if (round % 1000 == 0) {
      ASSERT_EQ(
          unwind_copy(intact.from, intact.bounds, intact.bytes.data(), pcs.data(), pcs.size()),
          whole);
    }
  }
  EXPECT_GT(shorter, 0u);
}

// An entry point as a goroutine has it: the return address is undefined. It runs `f` on a new
// stack.
extern "C" void taut_unwind_test_enter(void (*f)(), void* stack_top);
extern "C" const char taut_unwind_test_return[];
extern "C" void taut_unwind_test_bare(void (*f)());
#if defined(__x86_64__)
asm(R"(
  .text
  .type taut_unwind_test_enter, @function
taut_unwind_test_enter:
  .cfi_startproc
  .cfi_undefined rip
  push %rbx
  mov %rsp, %rbx
  mov %rsi, %rsp
  call *%rdi
taut_unwind_test_return:
  mov %rbx, %rsp
  pop %rbx
  ret
  .cfi_endproc
  .size taut_unwind_test_enter, . - taut_unwind_test_enter

  .type taut_unwind_test_bare, @function
taut_unwind_test_bare:
  push %rbp
  mov %rsp, %rbp
  call *%rdi
  pop %rbp
  ret
  .size taut_unwind_test_bare, . - taut_unwind_test_bare
)");
#else
asm(R"(
  .text
  .type taut_unwind_test_enter, %function
taut_unwind_test_enter:
  .cfi_startproc
  .cfi_undefined x30
  stp x19, x30, [sp, #-16]!
  mov x19, sp
  mov sp, x1
  blr x0
taut_unwind_test_return:
  mov sp, x19
  ldp x19, x30, [sp], #16
  ret
  .cfi_endproc
  .size taut_unwind_test_enter, . - taut_unwind_test_enter

  .type taut_unwind_test_bare, %function
taut_unwind_test_bare:
  stp x29, x30, [sp, #-16]!
  mov x29, sp
  blr x0
  ldp x29, x30, [sp], #16
  ret
  .size taut_unwind_test_bare, . - taut_unwind_test_bare
)");
#endif

alignas(16) std::byte other_stack[65536];
pc_list on_other_stack;
[[gnu::noinline]] void walk_other_stack() {
  auto low = reinterpret_cast<std::uintptr_t>(other_stack);
  on_other_stack = walk(current_registers(), {low, low + sizeof other_stack});
}

TEST_F(unwind_test, ends_where_the_return_address_is_undefined) {
  on_other_stack.clear();
  taut_unwind_test_enter(
      [] {
        walk_other_stack();
        asm volatile("" ::: "memory");
      },
      other_stack + sizeof other_stack);
  ASSERT_GE(on_other_stack.size(), 3u);
  EXPECT_EQ(on_other_stack.back(), reinterpret_cast<std::uintptr_t>(taut_unwind_test_return));
}

TEST_F(unwind_test, ends_at_the_start_of_a_thread) {
  std::thread([] {
    both found = walk_both();
    expect_same(found);
    EXPECT_GE(found.ours.size(), 3u);
  }).join();
}

both through_bare;
TEST_F(unwind_test, follows_frame_pointers_through_code_without_rules) {
  std::uintptr_t expected = 0;
  pc_list outer = own_frame(expected);
  taut_unwind_test_bare([] {
    through_bare = walk_both();
    asm volatile("" ::: "memory");
  });
  const pc_list& pcs = through_bare.ours;
  auto bare = std::find_if(pcs.begin(), pcs.end(), [](std::uintptr_t pc) {
    auto begin = reinterpret_cast<std::uintptr_t>(&taut_unwind_test_bare);
    return pc > begin && pc <= begin + 16;
  });
  ASSERT_NE(bare, pcs.end());
  // What follows is this test and its callers: own_frame's list without its first two.
  ASSERT_GE(pcs.end() - bare, 3);
  EXPECT_TRUE(std::equal(bare + 2, pcs.end(), outer.begin() + 2, outer.end()));
}

TEST_F(unwind_test, knows_modules_loaded_later_and_forgets_them) {
  const char* name = "libthread_db.so.1";  // part of libc, linked to by nobody
  if (void* handle = dlopen(name, RTLD_NOW | RTLD_NOLOAD); handle != nullptr) {
    dlclose(handle);
    GTEST_SKIP() << name << " is loaded already";
  }
  const module_table* before = current_modules();
  refresh_modules();
  EXPECT_EQ(current_modules(), before);  // nothing changed

  const std::byte* copy = nullptr;
  for (int round = 0; round < 3; ++round) {
    void* handle = dlopen(name, RTLD_LAZY);  // debuggers supply some symbols
    if (handle == nullptr) GTEST_SKIP() << dlerror();
    auto pc = reinterpret_cast<std::uintptr_t>(dlsym(handle, "td_ta_new")) + 1;
    EXPECT_EQ(current_modules()->find(pc), nullptr);
    refresh_modules();
    const loaded_module* module = current_modules()->find(pc);
    ASSERT_NE(module, nullptr);
    frame_row row;
    EXPECT_TRUE(find_row(module->table, pc, row));
    // Read from a copy, the same each time.
    EXPECT_NE(reinterpret_cast<std::uintptr_t>(module->table.data), module->table.address);
    EXPECT_TRUE(round == 0 || module->table.data == copy);
    copy = module->table.data;
    std::uint64_t generation = current_modules()->generation;
    dlclose(handle);
    refresh_modules();
    EXPECT_EQ(current_modules()->find(pc), nullptr);
    EXPECT_NE(current_modules()->generation, generation);
    EXPECT_TRUE(find_row(module->table, pc, row));  // an old table stays readable
  }
}

TEST_F(unwind_test, many_threads_share_the_cache) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int round = 0; round < 200; ++round) {
        both found = i % 2 == 0 ? nest(round % 10) : frameless(round % 10);
        expect_same(found);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace taut::rt
