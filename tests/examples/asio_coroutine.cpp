// SPDX-License-Identifier: Apache-2.0
// Tasks in a coroutine of Boost.Asio: the event loop's thread never waits for the pool.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "shared/asio.h"
#include "threads/thread_pool.h"

namespace asio = boost::asio;

static std::string shout(std::string_view text) {
  if (text.empty()) throw std::invalid_argument("nothing to shout");
  return std::string(text) + "!";
}

static asio::awaitable<void> conversation(twinpool::Pool& pool) {
  std::string text = "hello";
  for (int i = 0; i < 3; ++i) text = co_await twinpool::async_submit<shout>(pool, text, asio::use_awaitable);
  std::printf("%s\n", text.c_str());
  try {
    co_await twinpool::async_submit<shout>(pool, "", asio::use_awaitable);
  } catch (const twinpool::TaskError& error) {
    std::printf("%s\n", error.what());
  }
}

int main() {
  twinpool::threads::ThreadPool pool({.workers = 2});
  asio::io_context loop;
  asio::co_spawn(loop, conversation(pool), asio::detached);
  loop.run();
}
