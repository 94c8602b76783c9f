// SPDX-License-Identifier: Apache-2.0
// What the service does for a request, one function for each kind of work. Each is defined twice
// under one name: in leaky/ with one bug, in fixed/ without it. `diff -r leaky fixed` shows the
// bugs and their fixes; all other sources are shared.
//
// Every function may be called from any goroutine at once.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace search {

// ask_replica() asks one replica; nothing when it takes longer than 10 ms. (A sender that a timeout
// leaves behind.)
std::optional<std::string> ask_replica(int replica, const std::string& query);

// suggest() returns the first three completions of a word. (A generator that is abandoned.)
std::vector<std::string> suggest(const std::string& word);

// refresh() loads a page anew, one refresh of a page at a time. (A lock that an error path keeps.)
void refresh(const std::string& query);

// index() files documents with two workers, and returns when all are handed out. (A channel that
// nobody closes.)
void index(const std::vector<std::string>& documents);

// watch() counts a reader of a topic while it is being answered; returns how many there are. (A
// context that nobody cancels.)
int watch(const std::string& topic);

// order() charges an account and reports it, both in the background. (Two locks taken in both
// orders.)
void order(const std::string& customer);

// audit() writes a line to the audit trail in the background. (A lock held while a channel is
// used.)
void audit(const std::string& line);

// look_up() returns a document's title, or why there is none. (A second answer where one is taken.)
std::string look_up(const std::string& document);

}  // namespace search
