// SPDX-License-Identifier: Apache-2.0
// Who could wake whom, among the stuck: what a cause is chosen from. An edge leads from a goroutine
// to one that, if it ran, might end the other's wait. Goroutines in a circle of edges wait for each
// other.
#pragma once

#include <cstdint>
#include <vector>

#include "diag/proofs.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Kinds of waits, as bits: a circle has several.
namespace wait_kind {
inline constexpr std::uint8_t lock = 1;
inline constexpr std::uint8_t readers = 2;  // a writer, for who reads
inline constexpr std::uint8_t channel = 4;
inline constexpr std::uint8_t group = 8;  // wait groups and scopes
inline constexpr std::uint8_t condition = 16;
inline constexpr std::uint8_t semaphore = 32;
}  // namespace wait_kind

class wait_graph {
 public:
  static constexpr std::uint32_t none = mapped_index::none;
  explicit wait_graph(const proofs& verdicts);

  // The kinds of the waits in the goroutine's circle; 0: it is in none.
  std::uint8_t circle_of(std::uint32_t g) const noexcept;
  // Whom it waits for: the next in its circle, or anybody; none: nobody is known.
  std::uint32_t partner_of(std::uint32_t g) const noexcept;
  // Somebody of its circle who waits for a lock that it holds; none if there is none.
  std::uint32_t lock_waiter_of(std::uint32_t g) const noexcept;

 private:
  struct node {
    std::uint32_t first_edge = 0, edges = 0;
    std::uint32_t circle = none;  // number of the strongly connected component
    std::uint32_t lock_waiter = none;
  };
  void add_edges(std::uint32_t g);
  void add_channel_edges(std::uint32_t g, const void* channel, bool sends);
  void add_edge(std::uint32_t from, std::uint32_t to);
  void find_circles();
  bool stuck(std::uint32_t g) const noexcept { return verdicts_.of(g) != verdict::alive; }
  bool same_circle(std::uint32_t a, std::uint32_t b) const noexcept {
    return nodes_[a].circle == nodes_[b].circle;
  }

  const proofs& verdicts_;
  const snapshot& s_;
  std::vector<node> nodes_;
  std::vector<std::uint32_t> targets_;
  std::vector<std::uint32_t> members_;      // by the context that they are bound to
  std::vector<std::uint8_t> circle_kinds_;  // by component; 0: one goroutine that waits for others
};

}  // namespace rt
TAUT_END_NAMESPACE
