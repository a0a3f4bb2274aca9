// What a source adds to those chosen before it, against the score of all of them side by side.
#include <numeric>

#include "check.hpp"
#include "data.hpp"

namespace testing {
namespace {

constexpr Index widths[] = {40, 131, 97, 1, 200};

std::vector<Index> first_columns() {
  std::vector<Index> first{0};
  for (const Index width : widths) first.push_back(first.back() + width);
  return first;
}

// Source 3 is a column of source 0, and source 2 begins with source 0 turned.
Data dependent_data() {
  Data data = random_data(900, first_columns().back(), 6);
  const std::vector<Index> first = first_columns();
  data.x.middleCols(first[2], 40) = data.x.leftCols(40);
  turn(data.x.middleCols(first[2], 40));
  data.x.col(first[3]) = 2 * data.x.col(5).array() + 1;
  return data;
}

Data side_by_side(const Data& data, const std::vector<Index>& sources) {
  const std::vector<Index> first = first_columns();
  Data result{Matrix(data.x.rows(), 0), data.y, data.classes};
  for (const Index s : sources) {
    const std::size_t at = static_cast<std::size_t>(s);
    const Index before = result.x.cols();
    result.x.conservativeResize(Eigen::NoChange, before + first[at + 1] - first[at]);
    result.x.rightCols(first[at + 1] - first[at]) =
        data.x.middleCols(first[at], first[at + 1] - first[at]);
  }
  return result;
}

TEST(columns_of_moments_are_moments_of_the_columns) {
  const Data data = random_data(300, 30, 4);
  const std::vector<Index> some{3, 4, 29, 0, 17};
  Data part{Matrix(300, 5), data.y, 4};
  for (std::size_t j = 0; j < some.size(); ++j) {
    part.x.col(static_cast<Index>(j)) = data.x.col(some[j]);
  }
  const hscore::Moments moments = moments_of(data).columns(some);
  CHECK_CLOSE(hscore::h_score(moments, {}).score, score_of(part), 1e-13);
  CHECK(!moments.has_norms());
  CHECK_THROWS(std::invalid_argument, "no feature 30 of 30", moments_of(data).columns({30}));
}

TEST(eliminated_sources_score_as_they_do_side_by_side) {
  const Data data = dependent_data();
  for (const int threads : {1, 3}) {
    hscore::WhiteningOptions options;
    options.threads = threads;
    const hscore::Moments joint = moments_of(data, threads);
    hscore::SourceElimination sources(joint, first_columns(), options);
    std::vector<Index> chosen;
    for (const Index next : {Index{2}, Index{0}, Index{4}, Index{3}, Index{1}}) {
      for (Index s = 0; s < 5; ++s) {
        std::vector<Index> with = chosen;
        const bool is_chosen = std::find(chosen.begin(), chosen.end(), s) != chosen.end();
        if (!is_chosen) with.push_back(s);
        const Data matrix = side_by_side(data, with);
        const hscore::HScore got = sources.with(s, options);
        CHECK_CLOSE(got.score, oracle(matrix), 1e-11);
        CHECK(got.rank == rank_of(matrix));
        CHECK(got.features == matrix.x.cols());
      }
      sources.choose(next, options);
      chosen.push_back(next);
      CHECK_THROWS(std::invalid_argument, "was chosen before", sources.choose(next, options));
    }
    CHECK(sources.fourth_powers() > 0);
    CHECK(sources.fourth_powers() < sources.with(0, options).score);
    CHECK_THROWS(std::invalid_argument, "no source 5 of 5", sources.with(5, options));
  }
}

TEST(each_source_can_be_left_out) {
  const Data data = dependent_data();
  const std::vector<std::vector<Index>> cases{{0, 1, 2, 3, 4}, {4, 1, 0}, {1, 4}, {2}};
  for (const std::vector<Index>& some : cases) {
    hscore::SourceElimination sources(moments_of(data), first_columns(), {});
    const std::vector<hscore::HScore> scores = sources.leave_one_out(some, {});
    CHECK(scores.size() == some.size());
    for (std::size_t left_out = 0; left_out < some.size(); ++left_out) {
      std::vector<Index> others = some;
      others.erase(others.begin() + static_cast<Index>(left_out));
      const Data matrix = side_by_side(data, others);
      CHECK_CLOSE(scores[left_out].score, others.empty() ? 0.0 : oracle(matrix), 1e-11);
      CHECK(scores[left_out].rank == (others.empty() ? 0 : rank_of(matrix)));
    }
  }
}

TEST(an_elimination_can_be_stopped) {
  const Data data = random_data(600, first_columns().back(), 6);
  hscore::SourceElimination sources(moments_of(data), first_columns(), {});
  hscore::WhiteningOptions options;
  options.stop = [](Index) { return true; };
  CHECK_THROWS(hscore::Interrupted, "interrupted", sources.choose(1, options));
  CHECK_THROWS(std::invalid_argument, "first_columns",
               hscore::SourceElimination(moments_of(data), {0, 7}, {}));
}

}  // namespace
}  // namespace testing
