#include "lab/server.hpp"

#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <thread>

#include <nlohmann/json.hpp>

#include "app/catalogs.hpp"
#include "app/experiment.hpp"
#include "core/progress.hpp"
#include "io/config.hpp"
#include "lab/lessons.hpp"
#include "lab/page.hpp"
#include "lab/pool.hpp"

namespace sonoforge::lab {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_body = 400'000;

void answer_json(httplib::Response& response, const Json& json, int status = 200) {
  response.status = status;
  response.set_content(json.dump(-1, ' ', false, Json::error_handler_t::replace), "application/json");
}

void answer_problem(httplib::Response& response, int status, const std::string& text) {
  answer_json(response, {{"errors", Json::array({{{"line", 0}, {"column", 0}, {"text", text}}})}}, status);
}

std::optional<std::uint64_t> whole(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

/// Only pages that this server sent may talk to it: other sites that the browser has open, and names that point here by a trick
/// of DNS, are refused.
bool is_own(const httplib::Request& request, int port) {
  const std::string at = ":" + std::to_string(port);
  const auto one_of = [&](const std::string& text, const std::string& before) {
    return text == before + "127.0.0.1" + at || text == before + "localhost" + at || text == before + "[::1]" + at;
  };
  if (!one_of(request.get_header_value("Host"), "")) return false;
  if (request.has_header("Origin") && !one_of(request.get_header_value("Origin"), "http://")) return false;
  const std::string site = request.get_header_value("Sec-Fetch-Site");
  return site.empty() || site == "same-origin" || site == "none";
}

/// Names, units and ranges for the sliders: the same tables that `describe` prints.
Json start_data() {
  Json json;
  json["version"] = SONOFORGE_VERSION;
  ExperimentConfig config;
  json["config"] = describe_config(config);
  for (const Catalog* catalog : all_catalogs())
    if (catalog->kind == "probe" || catalog->kind == "pulse" || catalog->kind == "sequence" || catalog->kind == "tissue" || catalog->kind == "beamformer")
      json["catalogs"][catalog->kind] = describe_catalog(*catalog);
  json["lessons"] = lesson_list();
  return json;
}

}  // namespace

void serve(int port, const std::function<void(int)>& ready) {
  if (page_files().empty())
    throw UserError("this program was built without the lab's page (node and npm were missing, or npm could not fetch its packages). "
                    "Install them ('apt-get install nodejs npm') and build again");
  httplib::Server server;
  server.new_task_queue = [] { return new httplib::ThreadPool(32); };
  server.set_payload_max_length(most_body);
  server.set_read_timeout(5);
  server.set_write_timeout(5);
  server.set_keep_alive_timeout(5);
  server.set_default_headers({{"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", "no-referrer"}, {"Cache-Control", "no-store"},
                              {"Cross-Origin-Resource-Policy", "same-origin"}, {"X-Frame-Options", "DENY"},
                              {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
                                                          "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"}});
  const int bound = port > 0 ? (server.bind_to_port("127.0.0.1", port) ? port : -1) : server.bind_to_any_port("127.0.0.1");
  if (bound < 0) throw UserError("port " + std::to_string(port) + " of 127.0.0.1 cannot be had (another program may use it). Choose another with --port");

  Pool pool(2);
  Jobs jobs;
  server.set_pre_routing_handler([&](const httplib::Request& request, httplib::Response& response) {
    if (!is_own(request, bound)) {
      answer_problem(response, 403, "this server answers its own page only");
      return httplib::Server::HandlerResponse::Handled;
    }
    if (request.method == "POST" && request.get_header_value("Content-Type").rfind("application/json", 0) != 0) {
      answer_problem(response, 415, "a request needs the content type application/json");
      return httplib::Server::HandlerResponse::Handled;
    }
    return httplib::Server::HandlerResponse::Unhandled;
  });
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty()) answer_problem(response, response.status, response.status == 413 ? "the request is too long" : "there is nothing here");
  });
  server.set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
    answer_problem(response, 500, "this is a bug in Sonoforge");
  });

  for (const PageFile& file : page_files()) {
    const auto send = [&file](const httplib::Request&, httplib::Response& response) {
      response.set_content(file.content.data(), file.content.size(), std::string(file.type).c_str());
    };
    server.Get("/" + std::string(file.name), send);
    if (file.name == "index.html") server.Get("/", send);
  }
  const Json start = start_data();
  server.Get("/api/start", [&](const httplib::Request&, httplib::Response& response) { answer_json(response, start); });
  server.Post("/api/compute", [&](const httplib::Request& request, httplib::Response& response) {
    const std::string page = request.get_param_value("page");
    const auto number = whole(request.get_param_value("number"));
    if (page.empty() || page.size() > 40 || !number) return answer_problem(response, 400, "a request needs 'page' and its 'number'");
    const auto outcome = pool.ask(page, *number, request.body);
    if (outcome.answer) {
      response.set_content(*outcome.answer, "application/json");
      return;
    }
    // A request that a newer one replaced is no failure: the page expects it, and browsers log other answers as errors.
    if (outcome.replaced) return answer_json(response, {{"replaced", true}, {"why", outcome.why}});
    answer_problem(response, outcome.full ? 503 : 422, outcome.why);
  });
  server.Post("/api/jobs", [&](const httplib::Request& request, httplib::Response& response) {
    const auto id = jobs.start(request.body);
    if (!id) return answer_problem(response, 503, "two long computations are at work already. Wait for one, or cancel it");
    answer_json(response, {{"job", *id}});
  });
  server.Get(R"(/api/jobs/(\d{1,18}))", [&](const httplib::Request& request, httplib::Response& response) {
    const auto status = jobs.status(*whole(request.matches[1]));
    if (!status) return answer_problem(response, 404, "there is no such computation");
    Json json{{"percent", status->percent}, {"done", status->done}};
    if (!status->why.empty()) json["why"] = status->why;
    if (!status->answer.empty()) json["answer"] = Json::parse(status->answer, nullptr, false);
    answer_json(response, json);
  });
  server.Delete(R"(/api/jobs/(\d{1,18}))", [&](const httplib::Request& request, httplib::Response& response) {
    if (!jobs.cancel(*whole(request.matches[1]))) return answer_problem(response, 404, "there is no such computation");
    answer_json(response, {{"cancelled", true}});
  });
  server.Get(R"(/api/lessons/([a-z0-9_-]{1,60}))", [&](const httplib::Request& request, httplib::Response& response) {
    const auto seed = whole(request.has_param("seed") ? request.get_param_value("seed") : "1");
    if (!seed) return answer_problem(response, 400, "the seed is not a whole number");
    const auto lesson = lesson_page(request.matches[1], *seed);
    if (!lesson) return answer_problem(response, 404, "there is no such lesson");
    answer_json(response, *lesson);
  });
  server.Post("/api/grade", [&](const httplib::Request& request, httplib::Response& response) {
    try {
      answer_json(response, grade(Json::parse(request.body)));
    } catch (const Json::exception& error) {
      answer_problem(response, 400, std::string("the answers are not understood: ") + error.what());
    } catch (const UserError& error) {
      answer_problem(response, 422, error.what());
    }
  });

  std::thread watch([&] {
    while (!interrupted() && !server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ready(bound);
    while (!interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    pool.stop();
    jobs.stop();
    server.stop();
  });
  server.listen_after_bind();
  watch.join();
}

}  // namespace sonoforge::lab
