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
#include "io/json_text.hpp"
#include "lab/lessons.hpp"
#include "lab/models.hpp"
#include "lab/page.hpp"
#include "lab/pool.hpp"
#include "lab/request.hpp"

namespace sonoforge::lab {

namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t most_body = 400'000;

void answer_json(httplib::Response& response, const OrderedJson& json, int status = 200) {
  response.status = status;
  response.set_content(json_text(json, -1), "application/json");
}

void answer_problem(httplib::Response& response, int status, const std::string& text) {
  answer_json(response, {{"errors", OrderedJson::array({{{"line", 0}, {"column", 0}, {"text", text}}})}}, status);
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
OrderedJson start_data() {
  OrderedJson json;
  json["version"] = SONOFORGE_VERSION;
  ExperimentConfig config;
  json["config"] = describe_config(config);
  for (const Catalog* catalog : all_catalogs())
    if (catalog->kind == "probe" || catalog->kind == "pulse" || catalog->kind == "sequence" || catalog->kind == "tissue" || catalog->kind == "beamformer")
      json["catalogs"][catalog->kind] = describe_catalog(*catalog);
  json["lessons"] = lesson_list();
  return json;
}

/// What is refused before a body is read. httplib would leave that body in the connection and take it for further requests, so the
/// connection ends with the answer. Bodies of unknown length and packed ones are refused whatever they hold: their size cannot be
/// bounded.
std::optional<std::pair<int, const char*>> refused_unread(const httplib::Request& request) {
  const bool may_have_body = request.method == "POST" || request.method == "DELETE";
  if (!may_have_body && request.method != "GET" && request.method != "HEAD") return {{405, "this server takes GET, POST and DELETE"}};
  if (request.has_header("Transfer-Encoding") || request.has_header("Content-Encoding")) return {{411, "a body must be plain and say its length first"}};
  if (request.get_header_value_count("Content-Length") > 1) return {{400, "a request has one length"}};
  if (!request.has_header("Content-Length")) {
    if (may_have_body) return {{411, "a body must be plain and say its length first"}};
    return {};
  }
  const auto length = whole(request.get_header_value("Content-Length"));
  if (!length) return {{400, "the length of the body is not a whole number"}};
  if (*length > (may_have_body ? most_body : 0)) return {{413, "the request is too long"}};
  return {};
}

void answer_and_close(httplib::Response& response, int status, const std::string& text) {
  answer_problem(response, status, text);
  const auto body = std::make_shared<std::string>(std::move(response.body));
  response.body.clear();
  // A body without a length ends with the connection; the false ends it.
  response.set_content_provider("application/json", [body](std::size_t offset, httplib::DataSink& sink) {
    if (offset == 0) sink.write(body->data(), body->size());
    return false;
  });
}

/// As it is: httplib packs what it may, with Brotli at its slowest (190 ms an image), and there is no network to spare.
void answer_unpacked(httplib::Response& response, std::string text) {
  const auto body = std::make_shared<std::string>(std::move(text));
  response.set_content_provider(body->size(), "application/json", [body](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
    return sink.write(body->data() + offset, length);
  });
}

using Handler = std::function<void(const httplib::Request&, httplib::Response&)>;

}  // namespace

void serve(int port, const std::filesystem::path& models, const std::function<void(int)>& ready) {
  if (page_files().empty())
    throw UserError("this program was built without the lab's page (node and npm were missing, or npm could not fetch its packages). "
                    "Install them ('apt-get install nodejs npm') and build again");
  model_names(models);
  httplib::Server server;
  // A browser keeps up to six connections a page, and each holds a thread while it is open.
  server.new_task_queue = [] { return new httplib::ThreadPool(128); };
  server.set_payload_max_length(most_body);
  server.set_read_timeout(5);
  server.set_write_timeout(5);
  server.set_keep_alive_timeout(5);
  server.set_keep_alive_max_count(1000);
  server.set_tcp_nodelay(true);
  server.set_default_headers({{"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", "no-referrer"}, {"Cache-Control", "no-store"},
                              {"Cross-Origin-Resource-Policy", "same-origin"}, {"X-Frame-Options", "DENY"},
                              {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
                                                          "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"}});
  const int bound = port > 0 ? (server.bind_to_port("127.0.0.1", port) ? port : -1) : server.bind_to_any_port("127.0.0.1");
  if (bound < 0) throw UserError("port " + std::to_string(port) + " of 127.0.0.1 cannot be had (another program may use it). Choose another with --port");

  // Images first: the views beside them yield, and networks have a program of their own.
  std::error_code unread;
  const auto learn = std::filesystem::read_symlink("/proc/self/exe", unread).parent_path() / "sonoforge_learn";
  const bool with_networks = std::filesystem::exists(learn, unread);
  using std::chrono::seconds;
  Pool images(2, {}, seconds(60)), views(2, {{}, 4, {}}, seconds(60)), networks(1, {learn, 4, models}, seconds(180));
  Jobs jobs;
  server.set_pre_routing_handler([&](const httplib::Request& request, httplib::Response& response) {
    const auto refused = refused_unread(request);
    if (!refused) return httplib::Server::HandlerResponse::Unhandled;
    answer_and_close(response, refused->first, refused->second);
    return httplib::Server::HandlerResponse::Handled;
  });
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty() && !response.content_provider_) answer_problem(response, response.status, response.status == 413 ? "the request is too long" : "there is nothing here");
  });
  server.set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
    answer_problem(response, 500, "this is a bug in Sonoforge");
  });

  const auto own = [bound](Handler handler) -> Handler {
    return [bound, handler = std::move(handler)](const httplib::Request& request, httplib::Response& response) {
      if (!is_own(request, bound)) return answer_problem(response, 403, "this server answers its own page only");
      if (request.method == "POST" && request.get_header_value("Content-Type").rfind("application/json", 0) != 0)
        return answer_problem(response, 415, "a request needs the content type application/json");
      handler(request, response);
    };
  };
  for (const PageFile& file : page_files()) {
    const auto send = own([&file](const httplib::Request&, httplib::Response& response) {
      response.set_content(file.content.data(), file.content.size(), std::string(file.type).c_str());
    });
    server.Get("/" + std::string(file.name), send);
    if (file.name == "index.html") server.Get("/", send);
  }
  const OrderedJson start = start_data();
  server.Get("/api/start", own([&](const httplib::Request&, httplib::Response& response) {
    OrderedJson json = start;
    json["networks"] = {{"names", model_names(models)}, {"possible", with_networks}};
    answer_json(response, json);
  }));
  const auto computes = [&](Pool& pool, bool possible = true) {
    return own([&pool, possible](const httplib::Request& request, httplib::Response& response) {
      const std::string page = request.get_param_value("page");
      const auto number = whole(request.get_param_value("number"));
      if (page.empty() || page.size() > 40 || !number) return answer_problem(response, 400, "a request needs 'page' and its 'number'");
      if (!possible) return answer_problem(response, 422, "networks need LibTorch, and this program was built without it. Install libtorch-dev and build again");
      auto outcome = pool.ask(page, *number, request.body);
      if (outcome.answer) return answer_unpacked(response, std::move(*outcome.answer));
      // A request that a newer one replaced is no failure: the page expects it, and browsers log other answers as errors.
      if (outcome.replaced) return answer_json(response, {{"replaced", true}, {"why", outcome.why}});
      answer_problem(response, outcome.full ? 503 : 422, outcome.why);
    });
  };
  server.Post("/api/image", computes(images));
  server.Post("/api/compute", computes(views));
  server.Post("/api/network", computes(networks, with_networks));
  server.Post("/api/jobs", own([&](const httplib::Request& request, httplib::Response& response) {
    const auto id = jobs.start(request.body);
    if (!id) return answer_problem(response, 503, "two long computations are at work already. Wait for one, or cancel it");
    answer_json(response, {{"job", *id}});
  }));
  server.Get(R"(/api/jobs/(\d{1,18}))", own([&](const httplib::Request& request, httplib::Response& response) {
    const auto status = jobs.status(*whole(request.matches[1]));
    if (!status) return answer_problem(response, 404, "there is no such computation");
    OrderedJson json{{"percent", status->percent}, {"done", status->done}};
    if (!status->why.empty()) json["why"] = status->why;
    if (status->answer.empty()) return answer_json(response, json);
    std::string text = json.dump();
    text.back() = ',';
    answer_unpacked(response, text + "\"answer\":" + status->answer + "}");
  }));
  server.Delete(R"(/api/jobs/(\d{1,18}))", own([&](const httplib::Request& request, httplib::Response& response) {
    if (!jobs.cancel(*whole(request.matches[1]))) return answer_problem(response, 404, "there is no such computation");
    answer_json(response, {{"cancelled", true}});
  }));
  server.Get(R"(/api/lessons/([a-z0-9_-]{1,60}))", own([&](const httplib::Request& request, httplib::Response& response) {
    const auto seed = whole(request.has_param("seed") ? request.get_param_value("seed") : "1");
    if (!seed) return answer_problem(response, 400, "the seed is not a whole number");
    const auto lesson = lesson_page(request.matches[1], *seed);
    if (!lesson) return answer_problem(response, 404, "there is no such lesson");
    answer_json(response, *lesson);
  }));
  server.Post("/api/grade", own([&](const httplib::Request& request, httplib::Response& response) {
    try {
      answer_json(response, grade(parse_json<OrderedJson>(request.body)));
    } catch (const OrderedJson::exception& error) {
      answer_problem(response, 400, std::string("the answers are not understood: ") + error.what());
    } catch (const UserError& error) {
      answer_problem(response, 422, error.what());
    }
  }));

  std::thread watch([&] {
    while (!interrupted() && !server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ready(bound);
    while (!interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    images.stop();
    views.stop();
    networks.stop();
    jobs.stop();
    server.stop();
  });
  server.listen_after_bind();
  watch.join();
}

}  // namespace sonoforge::lab
