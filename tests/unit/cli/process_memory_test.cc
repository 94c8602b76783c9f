// SPDX-License-Identifier: Apache-2.0
// This process's own memory, and small core files written here. What the goroutines of a real
// program look like is tested with gdb's tests.
#include "cli/process_memory.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "cli/debug_table_reader.h"
#include "cli/error.h"
#include "cli/frame_names.h"
#include "cli/frame_walker.h"

namespace {

using taut::cli::function_name;
using taut::cli::open_core_memory;
using taut::cli::open_process_memory;
using taut::cli::user_error;
using testing::Not;
using testing::StartsWith;

TEST(process_memory, reads_this_process) {
  const auto memory = open_process_memory(static_cast<std::uint64_t>(::getpid()));
  const char text[] = "some text";
  EXPECT_EQ(memory->text(reinterpret_cast<std::uintptr_t>(text)), "some text");
  EXPECT_EQ(memory->get<std::uint64_t>(8), std::nullopt);
  EXPECT_FALSE(memory->mappings().empty());
}

TEST(process_memory, says_that_there_is_no_process) {
  EXPECT_THROW(open_process_memory(0), user_error);
  EXPECT_THROW(open_process_memory(std::uint64_t{1} << 40), user_error);
}

class core_file : public testing::Test {
 protected:
  void SetUp() override { path_ = testing::TempDir() + "core." + std::to_string(::getpid()); }
  void TearDown() override { std::remove(path_.c_str()); }
  void write(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }
  // One segment of the bytes given, at 0x10000.
  static std::string core_of(const std::string& bytes, std::uint64_t claimed) {
    Elf64_Ehdr head{};
    std::memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    head.e_type = ET_CORE;
    head.e_machine = EM_X86_64;
    head.e_phoff = sizeof head;
    head.e_phentsize = sizeof(Elf64_Phdr);
    head.e_phnum = 1;
    Elf64_Phdr load{};
    load.p_type = PT_LOAD;
    load.p_flags = PF_R | PF_W;
    load.p_offset = sizeof head + sizeof load;
    load.p_vaddr = 0x10000;
    load.p_filesz = load.p_memsz = claimed;
    std::string file(reinterpret_cast<const char*>(&head), sizeof head);
    file.append(reinterpret_cast<const char*>(&load), sizeof load);
    return file + bytes;
  }
  std::string path_;
};

TEST_F(core_file, gives_what_is_there) {
  write(core_of("abcdefgh", 8));
  const auto memory = open_core_memory(path_);
  EXPECT_EQ(memory->get<char>(0x10003), 'd');
  EXPECT_EQ(memory->get<char>(0x10008), std::nullopt);
  EXPECT_EQ(memory->get<std::uint64_t>(0x10001), std::nullopt);
  EXPECT_FALSE(memory->look_at_thread(1, [](const auto&) {}));
}

TEST_F(core_file, truncated_ends_where_it_ends) {
  write(core_of("abcd", std::uint64_t{1} << 63));
  const auto memory = open_core_memory(path_);
  EXPECT_EQ(memory->get<char>(0x10003), 'd');
  EXPECT_EQ(memory->get<char>(0x10004), std::nullopt);
}

TEST_F(core_file, without_memory_or_head_is_refused) {
  write(core_of("", 8));
  EXPECT_THROW(open_core_memory(path_), user_error);
  write("\177ELF");
  EXPECT_THROW(open_core_memory(path_), user_error);
}

TEST_F(core_file, without_taut_says_so) {
  write(core_of("abcdefgh", 8));
  const auto memory = open_core_memory(path_);
  EXPECT_THROW(taut::cli::debug_table(*memory, path_), user_error);
}

TEST(frame_walker, knows_the_kernels_own_functions) {
  const std::uint64_t vdso = ::getauxval(AT_SYSINFO_EHDR);
  if (vdso == 0) GTEST_SKIP() << "this kernel has none";
  const auto memory = open_process_memory(static_cast<std::uint64_t>(::getpid()));
  EXPECT_EQ(memory->vdso(), vdso);
  // Some function of it: the entry of each is in its table of symbols.
  const auto* head = reinterpret_cast<const Elf64_Ehdr*>(vdso);
  taut::cli::frame_walker walker(*memory, head->e_machine);
  const auto* sections = reinterpret_cast<const Elf64_Shdr*>(vdso + head->e_shoff);
  for (int i = 0; i < head->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_DYNSYM) continue;
    const auto* symbols = reinterpret_cast<const Elf64_Sym*>(vdso + sections[i].sh_offset);
    for (std::size_t n = 0; n < sections[i].sh_size / sizeof *symbols; ++n) {
      if (ELF64_ST_TYPE(symbols[n].st_info) != STT_FUNC || symbols[n].st_size == 0) continue;
      std::vector<taut::cli::frame> frames;
      walker.name({vdso + symbols[n].st_value + 1}, frames);
      ASSERT_EQ(frames.size(), 1u);
      EXPECT_THAT(frames[0].function, Not(StartsWith("0x")));
      return;
    }
  }
  FAIL() << "no function";
}

// Their rules are libtaut's, and tested with it: here only that they are what names are given by.
TEST(function_names, are_those_of_libtaut) {
  EXPECT_EQ(function_name("_ZN4taut2v02rt4parkEPNS1_9goroutineE"), "taut::rt::park");
  EXPECT_EQ(function_name("i"), "i");
  EXPECT_EQ(function_name("main"), "main");
  EXPECT_EQ(function_name("read@@GLIBC_2.2.5"), "read");
  // What the optimizer copied keeps its name.
  EXPECT_EQ(function_name("_ZN1a1iEv.isra.0"), "a::i");
  EXPECT_EQ(function_name("_ZN1a1jEv.constprop.0.isra.0"), "a::j");
}

}  // namespace
