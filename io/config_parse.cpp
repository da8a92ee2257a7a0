#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "core/printable.hpp"
#include "io/config.hpp"

namespace sonoforge {

namespace {

constexpr std::size_t max_file_size = 16 << 20;
constexpr std::size_t max_nodes = 1'000'000;
constexpr std::size_t max_depth = 64;

// Builds the tree from the parser's events: unlike yaml-cpp's own nodes these keep duplicate keys and places.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string file, std::vector<Problem>& problems) : file_(std::move(file)), problems_(problems) {}

  ConfigNode take() { return std::move(root_); }
  const SourceLocation& start() const { return start_; }
  bool lost_keys() const { return lost_keys_; }  ///< what they held cannot be told from a missing key

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = place(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add({ConfigNode::Kind::null, {}, false, {}, {}, place(mark)}, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw UserError(Problem{place(mark), "the alias refers to itself (its anchor is still open). Write the value out"});
    nodes_ += count(found->second);
    check_size(mark);
    ConfigNode copy = found->second;
    add(std::move(copy), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    const bool quoted = tag == "!";
    if (!quoted && (value == "~" || value == "null" || value.empty())) return OnNull(mark, anchor);
    add({ConfigNode::Kind::scalar, value, quoted, {}, {}, place(mark)}, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open({ConfigNode::Kind::list, {}, false, {}, {}, place(mark)}, anchor, mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open({ConfigNode::Kind::mapping, {}, false, {}, {}, place(mark)}, anchor, mark);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    ConfigNode node;
    YAML::anchor_t anchor;
    bool have_key = false;
    std::string key;
    SourceLocation key_place;
    std::set<std::string> keys;
  };

  SourceLocation place(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  static std::size_t count(const ConfigNode& node) {
    std::size_t n = 1;
    for (const auto& item : node.items) n += count(item);
    for (const auto& entry : node.entries) n += count(entry.value);
    return n;
  }

  void check_size(const YAML::Mark& mark) const {
    if (nodes_ > max_nodes)
      throw UserError(Problem{place(mark), "the config has more than " + std::to_string(max_nodes) +
                                               " values (aliases may have multiplied them). Keep large data in HDF5 files"});
  }

  void open(ConfigNode node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (stack_.size() >= max_depth)
      throw UserError(Problem{place(mark), "the config is nested more than " + std::to_string(max_depth) +
                                               " levels deep (no config needs that). Remove levels"});
    stack_.push_back({std::move(node), anchor, false, {}, {}, {}});
  }

  void close() {
    Open top = std::move(stack_.back());
    stack_.pop_back();
    merge(top.node);
    add(std::move(top.node), top.anchor);
  }

  // `<<: *other` adds the keys of another mapping, or of several, that do not stand in this one.
  void merge(ConfigNode& node) {
    const auto key = std::find_if(node.entries.begin(), node.entries.end(), [](const auto& entry) { return entry.key == "<<"; });
    if (key == node.entries.end()) return;
    const ConfigNode from = std::move(key->value);
    node.entries.erase(key);
    const auto add_keys = [&](const ConfigNode& mapping) {
      if (mapping.kind != ConfigNode::Kind::mapping) {
        problems_.push_back({mapping.where, "'<<' takes mappings (their keys are added to this one). Write for example '<<: *name', with "
                                            "'&name' before the other mapping"});
        return;
      }
      for (const auto& entry : mapping.entries)
        if (!node.find(entry.key)) node.entries.push_back(entry);
    };
    if (from.kind == ConfigNode::Kind::list) std::for_each(from.items.begin(), from.items.end(), add_keys);
    else add_keys(from);
  }

  void add(ConfigNode node, YAML::anchor_t anchor) {
    ++nodes_;
    if (nodes_ > max_nodes) check_size({});
    if (anchor != 0) anchors_[anchor] = node;
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = stack_.back();
    if (parent.node.kind == ConfigNode::Kind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.have_key) {
      if (node.kind != ConfigNode::Kind::scalar) {
        problems_.push_back({node.where, "a key is not a plain word (keys are names). Write for example 'seed: 7'"});
        node.scalar = "?";
        lost_keys_ = true;
      }
      parent.have_key = true;
      parent.key = node.scalar;
      parent.key_place = node.where;
    } else {
      parent.have_key = false;
      if (node.kind == ConfigNode::Kind::null) node.where = parent.key_place;  // the parser places nothing on the next word
      if (!parent.keys.insert(parent.key).second) {
        const auto* first = parent.node.find(parent.key);
        problems_.push_back({parent.key_place, "duplicate key '" + parent.key + "' (it already stands in line " +
                                                   std::to_string(first ? first->where.line : 0) + "). Remove one of the two"});
        return;
      }
      parent.node.entries.push_back({parent.key, parent.key_place, std::move(node)});
    }
  }

  std::string file_;
  std::vector<Problem>& problems_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, ConfigNode> anchors_;
  ConfigNode root_;
  SourceLocation start_;
  bool lost_keys_ = false;
  std::size_t nodes_ = 0;
};

// The tab among the blanks that indent `last_line` or the line before; line 0 where there is none.
SourceLocation indenting_tab(const std::string& text, const std::string& name, int last_line) {
  std::istringstream stream(text);
  std::string line;
  for (int number = 1; number <= last_line && std::getline(stream, line); ++number) {
    if (number + 1 < last_line) continue;
    const auto blanks = line.substr(0, line.find_first_not_of(" \t"));
    if (const auto tab = blanks.find('\t'); tab != std::string::npos && blanks.size() < line.size())
      return {name, number, static_cast<int>(tab) + 1};
  }
  return {name, 0, 0};
}

// The innermost '[' or '{' that is never closed; line 0 where there is none. A bracket counts where a value starts, or inside others.
SourceLocation open_bracket(const std::string& text, const std::string& name) {
  std::vector<SourceLocation> open;
  int line = 1, column = 0;
  char quote = 0, before = '\n';
  bool value_starts = true, comment = false;
  for (const char c : text) {
    ++column;
    if (c == '\n') {
      ++line;
      column = 0;
      comment = false;
    } else if (comment) {
      continue;
    } else if (quote != 0) {
      if (c == quote && before != '\\') quote = 0;
    } else if (c == '#' && (before == ' ' || before == '\n')) {
      comment = true;
    } else if ((c == '"' || c == '\'') && (value_starts || before == ' ')) {
      quote = c;
    } else if ((c == '[' || c == '{') && (value_starts || !open.empty())) {
      open.push_back({name, line, column});
    } else if ((c == ']' || c == '}') && !open.empty()) {
      open.pop_back();
    }
    if (c != ' ') value_starts = c == '\n' || c == ':' || c == '-' || c == ',' || c == '[' || c == '{';
    before = c;
  }
  return open.empty() ? SourceLocation{name, 0, 0} : open.back();
}

// Text is UTF-8 without control characters (YAML forbids them); they may stand as escapes in double quotes.
void check_text(const std::string& text, const std::string& name) {
  if (text.find('\0') != std::string::npos)
    throw UserError(Problem{{name, 0, 0}, "this is not a text file (it holds a zero byte). Give a YAML file"});
  SourceLocation where{name, 1, 1};
  for (std::string_view rest = text; !rest.empty(); ++where.column) {
    const std::size_t length = utf8_length(rest);
    const auto first = static_cast<unsigned char>(rest[0]);
    const bool control = length == 1 && (first == 0x7f || (first < 0x20 && first != '\t' && first != '\n' && first != '\r'));
    if (length == 0)
      throw UserError(Problem{where, "the byte " + printable(rest.substr(0, 1)) + " is not UTF-8 (perhaps the text is in Latin-1). Save the file as UTF-8"});
    if (control)
      throw UserError(Problem{where, "the control character " + printable(rest.substr(0, 1)) + " stands here (YAML does not allow it). Remove it"});
    if (first == '\n') ++where.line, where.column = 0;
    rest.remove_prefix(length);
  }
}

// Mistakes that leave the rest readable go to `found`, all at once where there is none.
ConfigNode parse_tree(const std::string& text, const std::string& name, std::vector<Problem>* found = nullptr) {
  check_text(text, name);
  std::vector<Problem> problems;
  TreeBuilder builder(name, problems);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return {ConfigNode::Kind::null, {}, false, {}, {}, {name, 1, 1}};
    ConfigNode root = builder.take();
    TreeBuilder rest(name, problems);
    const bool second = parser.HandleNextDocument(rest);
    if (second)
      problems.push_back({rest.start(),
                          "a second document starts here ('---'; one config is one document). Put it in a file of its own"});
    if (!problems.empty() && (!found || second || builder.lost_keys())) throw UserError(std::move(problems));
    if (found) *found = std::move(problems);
    return root;
  } catch (const YAML::Exception& error) {
    const int line = error.mark.is_null() ? 0 : error.mark.line + 1;
    const auto tab = indenting_tab(text, name, line);
    const auto bracket = open_bracket(text, name);
    if (tab.line > 0) {
      problems.push_back({tab, "a tab indents this line (YAML takes spaces only). Replace the tab by spaces"});
      throw UserError(std::move(problems));
    }
    if (error.msg.find("flow not found") != std::string::npos && bracket.line > 0) {
      problems.push_back({bracket, "this bracket is never closed (the file ends before). Close it where its list or mapping ends"});
      throw UserError(std::move(problems));
    }
    problems.push_back({{name, line, line ? error.mark.column + 1 : 0},
                        "this is not YAML (" + error.msg + "). Check indentation, brackets and quotes around this place"});
    throw UserError(std::move(problems));
  }
}

// Splits "a.b.0.c" at its dots.
std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
  if (!path.empty() && path.back() == '.') parts.emplace_back();
  return parts;
}

bool is_index(const std::string& part) {
  return !part.empty() && part.size() < 10 && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool plain_is_safe(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text.front() == ' ' || text.back() == ' ') return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`").find(text.front()) != std::string_view::npos &&
      !(text.front() == '-' && text.size() > 1 && (text[1] == '.' || (text[1] >= '0' && text[1] <= '9'))))
    return false;
  if (text.find(": ") != std::string::npos || text.find(" #") != std::string::npos || text.back() == ':') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && std::string_view(",[]{}").find(c) == std::string_view::npos;
  });
}

std::string scalar_text(const ConfigNode& node) {
  if (node.kind == ConfigNode::Kind::null) return "~";
  if (!node.quoted && plain_is_safe(node.scalar)) return node.scalar;
  std::string out = "\"";
  for (char c : node.scalar) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (code < 0x20 || code == 0x7f) {
      constexpr char digits[] = "0123456789abcdef";
      out += "\\x", out += digits[code >> 4], out += digits[code & 15];
    } else out += c;
  }
  return out + "\"";
}

bool is_leaf(const ConfigNode& node) { return node.kind == ConfigNode::Kind::scalar || node.kind == ConfigNode::Kind::null; }

bool is_flow(const ConfigNode& node) {
  if (is_leaf(node)) return true;
  if (node.kind == ConfigNode::Kind::list)
    return node.items.empty() || std::all_of(node.items.begin(), node.items.end(), [](const ConfigNode& item) {
             return is_leaf(item) || (item.kind == ConfigNode::Kind::list && std::all_of(item.items.begin(), item.items.end(), is_leaf));
           });
  return node.entries.empty();
}

void write_flow(const ConfigNode& node, std::string& out) {
  if (is_leaf(node)) {
    out += scalar_text(node);
  } else if (node.kind == ConfigNode::Kind::list) {
    out += '[';
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (i) out += ", ";
      write_flow(node.items[i], out);
    }
    out += ']';
  } else {
    out += "{}";
  }
}

std::string key_text(const std::string& key) { return scalar_text({ConfigNode::Kind::scalar, key, false, {}, {}, {}}); }

void write_block(const ConfigNode& node, int indent, bool first_inline, std::string& out) {
  const std::string pad(static_cast<std::size_t>(indent), ' ');
  bool first = first_inline;
  if (node.kind == ConfigNode::Kind::mapping) {
    for (const auto& entry : node.entries) {
      if (!first) out += pad;
      first = false;
      out += key_text(entry.key) + ":";
      if (is_flow(entry.value)) {
        out += ' ';
        write_flow(entry.value, out);
        out += '\n';
      } else {
        out += '\n';
        write_block(entry.value, indent + 2, false, out);
      }
    }
  } else {
    for (const auto& item : node.items) {
      if (!first) out += pad;
      first = false;
      out += "- ";
      if (is_flow(item)) {
        write_flow(item, out);
        out += '\n';
      } else {
        write_block(item, indent + 2, true, out);
      }
    }
  }
}

}  // namespace

const ConfigNode* ConfigNode::find(std::string_view key) const {
  for (const auto& entry : entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

ConfigNode* ConfigNode::find(std::string_view key) {
  return const_cast<ConfigNode*>(static_cast<const ConfigNode*>(this)->find(key));
}

std::string ConfigNode::text() const {
  std::string out;
  if (is_flow(*this)) {
    write_flow(*this, out);
    out += '\n';
  } else {
    write_block(*this, 0, false, out);
  }
  return out;
}

ConfigTree ConfigTree::load(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status))
    throw UserError(Problem{{file.string(), 0, 0}, "no such file (a config was expected here). Check the path"});
  if (std::filesystem::is_directory(status))
    throw UserError(Problem{{file.string(), 0, 0}, "this is a folder (a YAML file was expected here). Name the file in it"});
  if (!std::filesystem::is_regular_file(status))
    throw UserError(Problem{{file.string(), 0, 0}, "this is not a regular file (a YAML file was expected here). Give a YAML file"});
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  if (stream) {
    text.resize(max_file_size + 1);
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.is_open() || stream.bad())
    throw UserError(Problem{{file.string(), 0, 0}, "cannot be read (permission or a disk problem). Check the file"});
  if (text.size() > max_file_size)
    throw UserError(Problem{{file.string(), 0, 0}, "is larger than 16 MB (no config needs that). Keep large data in HDF5 files"});
  ConfigTree tree = parse(text, file.string());
  tree.file_ = file;
  return tree;
}

ConfigTree ConfigTree::parse(const std::string& text, const std::string& name) {
  ConfigTree tree;
  tree.file_ = name;
  tree.root_ = parse_tree(text, name, &tree.problems_);
  if (tree.root_.kind == ConfigNode::Kind::null) {
    tree.root_.kind = ConfigNode::Kind::mapping;
    tree.root_.where = {name, 1, 1};
  }
  if (tree.root_.kind != ConfigNode::Kind::mapping) {
    tree.problems_.push_back({tree.root_.where, "a config is a list of 'key: value' lines (this is something else). Start for "
                                                "example with 'sonoforge: 1'"});
    throw UserError(std::move(tree.problems_));
  }
  return tree;
}

void ConfigTree::set(const std::string& assignment) {
  const std::string name = "--set " + assignment;
  const auto equals = assignment.find('=');
  if (equals == 0) throw UserError(Problem{{name, 0, 0}, "has no key before '=' (needs KEY=VALUE). Write for example '--set seed=7'"});
  if (equals == std::string::npos)
    throw UserError(Problem{{name, 0, 0}, "has no '=' (needs KEY=VALUE). Write for example '--set seed=7'"});
  const std::string path = assignment.substr(0, equals);
  const std::string text = assignment.substr(equals + 1);
  const bool removes = text == "null" || text == "~";
  ConfigNode value = parse_tree(text, name);

  const auto parts = split_path(path);
  ConfigNode* node = &root_;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    if (part.empty()) throw UserError(Problem{{name, 0, 0}, "'" + path + "' has an empty part (keys are joined by single dots). Remove a dot"});
    if (node->kind == ConfigNode::Kind::list) {
      if (!is_index(part) || std::stoul(part) >= node->items.size())
        throw UserError(Problem{{name, 0, 0}, "'" + part + "' is no item of the list (it has " + std::to_string(node->items.size()) +
                                                  "; they count from 0). Write for example 0"});
      node = &node->items[std::stoul(part)];
      continue;
    }
    // `probe: L11-5v` is short for `probe: {type: L11-5v}`.
    if (node->kind == ConfigNode::Kind::scalar) {
      ConfigNode type = *node;
      node->kind = ConfigNode::Kind::mapping;
      node->entries = {{"type", type.where, std::move(type)}};
      node->scalar.clear();
    }
    if (node->kind == ConfigNode::Kind::null) node->kind = ConfigNode::Kind::mapping;
    ConfigNode* next = node->find(part);
    if (removes && (!next || i + 1 == parts.size())) {
      if (!next)
        throw UserError(Problem{{name, 0, 0}, "there is no key '" + path + "' to remove. Write one that the config has, or leave the flag out"});
      std::erase_if(node->entries, [&](const auto& entry) { return &entry.value == next; });
      return;
    }
    if (!next) {
      node->entries.push_back({part, {name, 0, 0}, {ConfigNode::Kind::null, {}, false, {}, {}, {name, 0, 0}}});
      next = &node->entries.back().value;
    }
    node = next;
  }
  *node = std::move(value);
}

// Where the tree below `node` names a file; null where it does not.
static const ConfigNode* find_path(const ConfigNode& node, const std::filesystem::path& folder, const std::filesystem::path& file) {
  if (node.kind == ConfigNode::Kind::scalar && !node.scalar.empty() && (folder / node.scalar).lexically_normal() == file) return &node;
  for (const auto& item : node.items)
    if (const ConfigNode* found = find_path(item, folder, file)) return found;
  for (const auto& entry : node.entries)
    if (const ConfigNode* found = find_path(entry.value, folder, file)) return found;
  return nullptr;
}

void ConfigTree::locate(const std::string& path, const std::function<void()>& work) const {
  try {
    work();
  } catch (const UserError& error) {
    // What is wrong with a file that the config names is told where the config names it.
    std::vector<Problem> problems = error.problems();
    std::error_code ignored;
    const auto folder = std::filesystem::absolute(file_, ignored).parent_path();
    for (auto& problem : problems) {
      if (problem.where.file.empty()) continue;
      const auto file = std::filesystem::absolute(problem.where.file, ignored).lexically_normal();
      if (const ConfigNode* node = find_path(root_, folder, file)) problem = {node->where, to_string(problem)};
    }
    throw UserError(std::move(problems));
  } catch (const ConfigError& error) {
    const ConfigNode* node = &root_;
    SourceLocation where = root_.where.file.empty() ? SourceLocation{file_.string(), 0, 0} : SourceLocation{root_.where.file, 0, 0};
    std::string full = path;
    if (!error.key().empty()) full += (full.empty() ? "" : ".") + error.key();
    for (const auto& part : split_path(full)) {
      const ConfigNode* next = nullptr;
      if (node->kind == ConfigNode::Kind::list && is_index(part) && std::stoul(part) < node->items.size())
        next = &node->items[std::stoul(part)];
      else next = node->find(part);
      if (!next) break;
      node = next;
      where = node->where;
    }
    // Items of a list are named by their key, or by the list.
    std::string prefix = error.key();
    if (const auto dot = prefix.find('.'); dot != std::string::npos && is_index(prefix.substr(0, dot))) prefix.erase(0, dot + 1);
    if (prefix.empty() || is_index(prefix)) prefix = path;
    throw UserError(Problem{where, prefix.empty() ? error.what() : prefix + ": " + error.what()});
  }
}

std::string ConfigTree::text() const { return root_.text(); }

}  // namespace sonoforge
