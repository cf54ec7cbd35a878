// SPDX-License-Identifier: Apache-2.0
#include "shared/task.h"

#include <gmock/gmock.h>

#include <set>

namespace app {
int resize(int width, const std::string& name) { return width + static_cast<int>(name.size()); }
int overloaded(int n) { return n; }
double overloaded(double n) { return n; }
template <typename T>
T generic(T value) {
  return value;
}
}  // namespace app

int at_top_level(int n) { return n; }

namespace twinpool {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void throws(int n) { throw std::runtime_error(std::to_string(n)); }

template <auto Fn>
const TaskType& type_of() {
  static_cast<void>(detail::TaskOf<Fn>::sequence);
  return detail::TaskOf<Fn>::kType;
}

TEST(TaskType, IsNamedAsTheFunctionIs) {
  EXPECT_EQ(type_of<app::resize>().name, "app::resize");
  EXPECT_EQ(type_of<at_top_level>().name, "at_top_level");
  EXPECT_THAT(std::string(type_of<app::generic<int>>().name), HasSubstr("app::generic"));
  EXPECT_THAT(std::string(type_of<static_cast<int (*)(int)>(app::overloaded)>().name),
              HasSubstr("app::overloaded"));
}

TEST(TaskType, OfALambdaHasAReadableName) {
  constexpr auto kLambda = [](int n) { return n + 1; };
  const std::string name(type_of<kLambda>().name);
  EXPECT_THAT(name, HasSubstr("lambda"));
  EXPECT_THAT(name, Not(HasSubstr("Fn = ")));
}

TEST(TaskRegistry, HoldsEveryInstantiatedFunctionOnce) {
  const auto all = TaskRegistry::all();
  EXPECT_EQ(all.size(), TaskRegistry::count());
  std::multiset<const TaskType*> types(all.begin(), all.end());
  for (const TaskType* type : {&type_of<app::resize>(), &type_of<at_top_level>(), &type_of<throws>()}) {
    EXPECT_EQ(types.count(type), 1U) << type->name;
  }
}

TEST(TaskRegistry, KeepsEachFunctionAtTheSequenceThatItWasGiven) {
  const auto all = TaskRegistry::all();
  EXPECT_EQ(all.at(detail::TaskOf<app::resize>::sequence), &type_of<app::resize>());
  EXPECT_EQ(all.at(detail::TaskOf<throws>::sequence), &type_of<throws>());
  EXPECT_NE(detail::TaskOf<app::resize>::sequence, detail::TaskOf<throws>::sequence);
}

TEST(Task, RunsInPlace) {
  using Arguments = detail::TaskOf<app::resize>::Arguments;
  Arguments arguments{3, "four"};
  int result = 0;
  type_of<app::resize>().run(&arguments, &result, {});
  EXPECT_EQ(result, 7);
  EXPECT_EQ(type_of<app::resize>().args_size, sizeof(Arguments));
}

TEST(Task, ThrowsThroughWhatItsFunctionThrows) {
  detail::TaskOf<throws>::Arguments arguments{5};
  Unit result;
  EXPECT_THROW(type_of<throws>().run(&arguments, &result, {}), std::runtime_error);
}

class Memory : public ResultSink {
 public:
  std::span<std::byte> reserve(std::size_t bytes) override {
    size = bytes;
    return {memory, bytes};
  }
  std::size_t size = SIZE_MAX;
  alignas(kBufferAlignment) std::byte memory[256];
};

TEST(Task, RunsOnEncodedArgumentsAndEncodesItsResult) {
  Memory arguments;
  Writer writer(std::span(arguments.memory, sizeof arguments.memory));
  Codec<int>::encode(writer, 3);
  Codec<std::string>::encode(writer, "four");
  Reader reader(std::span<const std::byte>(arguments.memory, writer.size()));
  Memory result;
  type_of<app::resize>().run_encoded(reader, result, {});
  EXPECT_EQ(result.size, sizeof(int));
  Reader decoded(std::span<const std::byte>(result.memory, result.size));
  EXPECT_EQ(decoded.get<int>(), 7);
}

TEST(Task, RefusesTruncatedArgumentsAndDoesNotRun) {
  Memory arguments;
  Writer writer(std::span(arguments.memory, sizeof arguments.memory));
  Codec<int>::encode(writer, 3);
  Codec<std::string>::encode(writer, "four");
  for (std::size_t size = 0; size < writer.size(); ++size) {
    Reader reader(std::span<const std::byte>(arguments.memory, size));
    Memory result;
    EXPECT_THROW(type_of<app::resize>().run_encoded(reader, result, {}), DecodeError);
    EXPECT_EQ(result.size, SIZE_MAX);
  }
}

TEST(Call, WritesWhatItWouldBuild) {
  std::string name = "four";
  int width = 3;
  std::tuple<int&, std::string&&> references(width, std::move(name));
  const Call call = detail::CallOf<app::resize, int&, std::string>::call(references);
  EXPECT_EQ(call.type, &type_of<app::resize>());
  Writer count;
  call.encode(call.references, count);
  EXPECT_EQ(name, "four");  // encoding takes nothing away
  using Arguments = detail::TaskOf<app::resize>::Arguments;
  alignas(Arguments) std::byte memory[sizeof(Arguments)];
  call.build(call.references, memory);
  auto& built = *std::launder(reinterpret_cast<Arguments*>(memory));
  EXPECT_EQ(built, (Arguments{3, "four"}));
  type_of<app::resize>().destroy_args(memory);
}

}  // namespace
}  // namespace twinpool
