// Scores rows in svmlight's format by a model file, without Python.
//
//   g++ -std=c++17 -O2 -ffp-contract=off -Icsrc examples/score_svmlight.cpp -o score_svmlight
//   score_svmlight FILE [--model M] [--one-based] [--time N] < rows.svmlight
//
// Prints a line for each row: its margin, one for each output, or the exponential of it for a model
// of counts; 17 digits, which tell every bit. --model M takes model M (0, 1, ...) of a file of
// several. --time N scores all rows N times more and tells on stderr how long a row took.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "serve/model_file.hpp"

namespace {

using sparsecross::ModelFile;

struct Options {
  const char* file = nullptr;
  std::size_t model = ModelFile::kOnly;
  std::int64_t first_index = 0;
  long times = 0;
};

bool parse(int argc, char** argv, Options& options) {
  const auto number = [&](int& a) {  // -1 where the next argument is none
    char* end = nullptr;
    const long value = ++a < argc ? std::strtol(argv[a], &end, 10) : -1;
    return end == nullptr || end == argv[a] || *end != '\0' ? -1 : value;
  };
  for (int a = 1; a < argc; ++a) {
    const std::string argument = argv[a];
    if (argument == "--one-based") {
      options.first_index = 1;
    } else if (argument == "--model") {
      const long model = number(a);
      if (model < 0) return false;
      options.model = static_cast<std::size_t>(model);
    } else if (argument == "--time") {
      options.times = number(a);
      if (options.times < 1) return false;
    } else if (options.file == nullptr && argument.rfind("--", 0) != 0) {
      options.file = argv[a];
    } else {
      return false;
    }
  }
  return options.file != nullptr;
}

// `LABEL [qid:N] INDEX:VALUE ... [# comment]`; false where the line holds no row.
bool parse_row(const std::string& line, std::int64_t first_index,
               std::vector<ModelFile::Entry>& row) {
  constexpr const char* kBlanks = " \t\r";
  row.clear();
  const std::size_t end = std::min(line.find('#'), line.size());
  std::size_t at = std::min(line.find_first_not_of(kBlanks), end);
  if (at == end) return false;
  for (bool label = true; at < end; label = false) {
    const std::size_t stop = std::min(line.find_first_of(kBlanks, at), end);
    const std::string token = line.substr(at, stop - at);
    at = std::min(line.find_first_not_of(kBlanks, stop), end);
    const std::size_t colon = token.find(':');
    if (label != (colon == std::string::npos))
      throw std::invalid_argument(label ? "it has no label" : "'" + token + "' has no colon");
    if (label || token.rfind("qid:", 0) == 0) continue;
    const char* const value = token.c_str() + colon + 1;
    char *index_end, *value_end;
    errno = 0;
    const long long index = std::strtoll(token.c_str(), &index_end, 10);
    const int out_of_range = errno;
    const double x = std::strtod(value, &value_end);
    if (colon == 0 || index_end != value - 1 || out_of_range != 0 || value_end == value ||
        *value_end != '\0' || index < first_index)
      throw std::invalid_argument("'" + token + "' is not an index and a value");
    row.emplace_back(index - first_index, x);
  }
  return true;
}

void time_rows(const ModelFile& model, const std::vector<std::vector<ModelFile::Entry>>& rows,
               long times) {
  std::vector<double> margins(model.n_outputs());
  const auto start = std::chrono::steady_clock::now();
  for (long t = 0; t < times; ++t)
    for (const auto& row : rows) model.margins(row.data(), row.data() + row.size(), margins.data());
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  const double scored = static_cast<double>(times) * static_cast<double>(rows.size());
  std::fprintf(stderr, "%.3f microseconds a row\n", rows.empty() ? 0.0 : took.count() / scored);
}

void score(const Options& options) {
  const ModelFile model(options.file, options.model);
  model.verify();
  std::vector<double> margins(model.n_outputs());
  std::vector<ModelFile::Entry> row;
  std::vector<std::vector<ModelFile::Entry>> rows;
  std::string line;
  for (long number = 1; std::getline(std::cin, line); ++number) {
    try {
      if (!parse_row(line, options.first_index, row)) continue;
      model.margins(row.data(), row.data() + row.size(), margins.data());
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error("line " + std::to_string(number) + ": " + error.what());
    }
    for (std::size_t k = 0; k < margins.size(); ++k)
      std::printf("%s%.17g", k == 0 ? "" : " ", model.response(margins[k]));
    std::printf("\n");
    if (options.times > 0) rows.push_back(row);
  }
  if (std::cin.bad()) throw std::runtime_error("the rows cannot be read");
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    throw std::runtime_error("the margins cannot be written");
  if (options.times > 0) time_rows(model, rows, options.times);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs("usage: score_svmlight FILE [--model M] [--one-based] [--time N] < rows.svmlight\n",
               stderr);
    return 2;
  }
  try {
    score(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "score_svmlight: %s\n", error.what());
    return 1;
  }
  return 0;
}
