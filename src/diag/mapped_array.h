// SPDX-License-Identifier: Apache-2.0
// An array that grows in pages of its own: a snapshot of a wedged process must not need the
// allocator's lock.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

template <class T>
class mapped_array {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  mapped_array() noexcept = default;
  mapped_array(mapped_array&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  mapped_array& operator=(mapped_array&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~mapped_array() {
    if (data_ != nullptr) ::munmap(data_, capacity_ * sizeof(T));
  }

  // False without memory.
  bool push_back(const T& value) noexcept {
    if (size_ == capacity_ && !reserve(size_ + 1)) return false;
    data_[size_++] = value;
    return true;
  }
  bool append(const T* values, std::size_t n) noexcept {
    if (size_ + n > capacity_ && !reserve(size_ + n)) return false;
    for (std::size_t i = 0; i < n; ++i) data_[size_++] = values[i];
    return true;
  }
  // n elements, the new ones zero.
  bool resize(std::size_t n) noexcept {
    if (n > capacity_ && !reserve(n)) return false;
    size_ = n;
    return true;
  }
  bool reserve(std::size_t n) noexcept {
    std::size_t wanted = capacity_ == 0 ? first : capacity_ * 2;
    while (wanted < n) wanted *= 2;
    void* p = data_ == nullptr
                  ? ::mmap(nullptr, wanted * sizeof(T), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                  : ::mremap(data_, capacity_ * sizeof(T), wanted * sizeof(T), MREMAP_MAYMOVE);
    if (p == MAP_FAILED) return false;
    // A million records in pages of 4 KiB are mostly page faults.
    if (wanted * sizeof(T) >= large) ::madvise(p, wanted * sizeof(T), MADV_HUGEPAGE);
    data_ = static_cast<T*>(p);
    capacity_ = wanted;
    return true;
  }

  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  static constexpr std::size_t first = sizeof(T) >= 4096 ? 1 : 4096 / sizeof(T);
  static constexpr std::size_t large = std::size_t{8} << 20;
  T* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

// Finds the index of a key; keys are never 0.
class mapped_index {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  std::uint32_t find(std::uint64_t key) const noexcept {
    if (slots_.empty()) return none;
    for (std::size_t i = hash(key);; ++i) {
      const slot& s = slots_[i & (slots_.size() - 1)];
      if (s.key == key) return s.value;
      if (s.key == 0) return none;
    }
  }
  // The key is not there yet. False without memory.
  bool insert(std::uint64_t key, std::uint32_t value) noexcept {
    if ((used_ + 1) * 2 > slots_.size() && !grow()) return false;
    put(key, value);
    ++used_;
    return true;
  }

 private:
  struct slot {
    std::uint64_t key;
    std::uint32_t value;
  };
  static std::size_t hash(std::uint64_t key) noexcept { return (key * 0x9e3779b97f4a7c15u) >> 24; }
  void put(std::uint64_t key, std::uint32_t value) noexcept {
    std::size_t i = hash(key);
    while (slots_[i & (slots_.size() - 1)].key != 0) ++i;
    slots_[i & (slots_.size() - 1)] = {key, value};
  }
  bool grow() noexcept {
    mapped_array<slot> old = std::move(slots_);
    slots_ = {};
    if (!slots_.resize(old.empty() ? 256 : old.size() * 2)) {
      slots_ = std::move(old);
      return false;
    }
    for (const slot& s : old)
      if (s.key != 0) put(s.key, s.value);
    return true;
  }
  mapped_array<slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace rt
TAUT_END_NAMESPACE
