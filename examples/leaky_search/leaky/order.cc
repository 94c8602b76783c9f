// SPDX-License-Identifier: Apache-2.0
// Charging an account, and reporting it, at the same time.
#include <taut/taut.h>

#include <memory>

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
  a.balance_lock.lock();
  a.balance -= backend::price(customer);
  a.stats_lock.lock();
  ++a.orders;
  a.stats_lock.unlock();
  a.balance_lock.unlock();
}

// BUG: takes the two locks in the other order. When both have one, each waits for the other's for
// ever.
void report(account& a, const std::string& customer) {
  a.stats_lock.lock();
  int expected = a.orders * backend::price(customer);
  a.balance_lock.lock();
  a.balance += expected;
  a.balance_lock.unlock();
  a.stats_lock.unlock();
}

}  // namespace

void order(const std::string& customer) {
  auto a = std::make_shared<account>();
  taut::go([=] { charge(*a, customer); });
  taut::go([=] { report(*a, customer); });
}

}  // namespace search
