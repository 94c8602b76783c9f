// SPDX-License-Identifier: Apache-2.0
// Charging an account, and reporting it, at the same time.
#include <taut/taut.h>

#include <memory>
#include <mutex>

#include "../backend.h"
#include "../steps.h"

namespace search {
namespace {

struct account {
  taut::mutex balance_lock;
  taut::mutex stats_lock;
  int balance = 0;  // guarded by balance_lock
  int orders = 0;   // guarded by stats_lock
};

void charge(account& a, const std::string& customer) {
  std::scoped_lock both(a.balance_lock, a.stats_lock);
  a.balance -= backend::price(customer);
  ++a.orders;
}

// Takes both locks at once, as charge() does, which no order of theirs can upset.
void report(account& a, const std::string& customer) {
  std::scoped_lock both(a.balance_lock, a.stats_lock);
  int expected = a.orders * backend::price(customer);
  a.balance += expected;
}

}  // namespace

void order(const std::string& customer) {
  auto a = std::make_shared<account>();
  taut::go([=] { charge(*a, customer); });
  taut::go([=] { report(*a, customer); });
}

}  // namespace search
