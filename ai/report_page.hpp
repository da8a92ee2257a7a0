#pragma once
#include <string>
#include <vector>

#include "ai/report_plots.hpp"

namespace sonoforge {

/// What all reports share: one look, for screen and paper, without anything from elsewhere.
inline constexpr const char* report_style =
    "body{font:15px/1.5 sans-serif;max-width:62em;margin:2em auto;padding:0 "
    "1em;color:#222}table{border-collapse:collapse;margin:1em 0}"
    "td,th{border-bottom:1px solid #ccc;padding:.25em "
    ".7em;text-align:left;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:"
    "nowrap}"
    ".pass{color:#1b6e2c;font-weight:bold}.fail{color:#b00020;font-weight:bold}.note{background:#fff6df;border-left:"
    "4px solid #e0a000;padding:.6em 1em;margin:1em 0}"
    "figure{display:inline-block;margin:0 1em 1em 0;vertical-align:top}figure "
    "img{height:260px}figcaption{font-size:13px;max-width:400px}svg{max-width:100%;height:auto}"
    "pre{background:#f4f4f4;padding:1em;overflow:auto;font-size:13px;white-space:pre-wrap}@media "
    "print{body{margin:0;max-width:none}h2{break-after:avoid}figure,table,svg{break-inside:avoid}}";

/// A table, row by row; text cells are escaped, numbers stand to the right.
class HtmlTable {
 public:
  explicit HtmlTable(const std::vector<std::string>& heads) : text_("<table><tr>") {
    for (const auto& head : heads) text_ += "<th>" + html_escaped(head) + "</th>";
  }
  HtmlTable& row() {
    text_ += "</tr>\n<tr>";
    return *this;
  }
  HtmlTable& words(const std::string& text, const std::string& kind = "") {
    text_ += "<td" + (kind.empty() ? "" : " class=\"" + kind + "\"") + ">" + html_escaped(text) + "</td>";
    return *this;
  }
  HtmlTable& number(const std::string& text) { return words(text, "n"); }
  HtmlTable& number(std::size_t count) { return words(std::to_string(count), "n"); }
  std::string html() const { return text_ + "</tr></table>\n"; }

 private:
  std::string text_;
};

/// A whole page around `body`.
inline std::string html_page(const std::string& title, const std::string& body) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + html_escaped(title) +
         "</title>\n<style>" + std::string(report_style) + "</style></head><body>\n<h1>" + html_escaped(title) +
         "</h1>\n" + body + "</body></html>\n";
}

}  // namespace sonoforge
