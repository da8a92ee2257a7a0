#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "tests/lab/lab_process.hpp"

// The lab's interface under requests that no browser would send: each is answered or its connection ends, within a time; the
// server neither ends nor grows, and still answers its page afterwards. Built with a sanitizer, it exits with an error for
// anything that the sanitizer found in it, leaks included.

namespace sonoforge {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

const std::string scene =
    "phantom: {type: points, background: water, positions: [[0 mm, 0 mm, 10 mm]], amplitudes: [1]}\n"
    "probe: {type: L11-5v, elements: 16}\nsequence: {type: plane_waves, angles: [0 deg]}\n"
    "receive: {sampling_rate: 30.4 MHz, depth: 14 mm}\nengine: {type: scatterers, model: simus, dimensions: 2, accuracy: 0.01}\n"
    "image: {x: [-3 mm, 3 mm, 0.3 mm], z: [5 mm, 14 mm, 0.2 mm]}\n";

/// A connection to the lab.
class Connection {
 public:
  explicit Connection(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    open_ = connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Connection() { close(socket_); }
  bool open() const { return open_; }
  void send_all(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t put = send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (put <= 0) return;  // the server has closed it
      text.remove_prefix(static_cast<std::size_t>(put));
    }
  }
  void end_sending() const { shutdown(socket_, SHUT_WR); }
  /// Closes so that the other side's next write fails.
  void reset() const {
    const linger now{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  /// What comes until the server closes, or until `enough` answers began; false in `ended` where neither came in time.
  std::string receive(std::chrono::milliseconds limit, std::size_t enough, bool& ended) const {
    const auto until = Clock::now() + limit;
    std::string all;
    char buffer[65536];
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
      pollfd wait{socket_, POLLIN, 0};
      if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) <= 0) {
        ended = false;
        return all;
      }
      const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      all.append(buffer, static_cast<std::size_t>(got));
      std::size_t answers = 0;
      for (auto at = all.find("HTTP/1.1 "); at != std::string::npos; at = all.find("HTTP/1.1 ", at + 1)) ++answers;
      if (enough > 0 && answers >= enough && all.find("\r\n\r\n") != std::string::npos) break;
    }
    ended = true;
    return all;
  }

  /// The same; who says nothing for a while is told that nothing more comes (httplib answers none who said so before).
  std::string exchange(std::chrono::milliseconds limit, std::size_t enough, bool& ended) const {
    std::string got = receive(std::chrono::milliseconds(300), enough, ended);
    if (ended) return got;
    end_sending();
    return got + receive(limit, 0, ended);
  }

 private:
  int socket_;
  bool open_ = false;
};

/// Requests by a generator of fixed seed.
class Maker {
 public:
  Maker(std::uint64_t seed, int port) : random_(seed), port_(port) {}

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  bool one_in(unsigned n) { return below(n) == 0; }

  std::string head(const std::string& method, const std::string& path, const std::string& more) const {
    return method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) + "\r\n" + more + "\r\n";
  }
  std::string post(const std::string& path, const std::string& body) const {
    return head("POST", path, "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") + body;
  }
  std::string compute_path() {
    static const char* const where[] = {"image", "compute", "network"};
    return std::string("/api/") + where[one_in(40) ? 2 : below(2)] + "?page=f" + std::to_string(below(8)) + "&number=" + std::to_string(++count_);
  }
  std::string bytes(std::size_t most) {
    std::string text(1 + below(static_cast<unsigned>(most)), '\0');
    for (char& c : text) c = static_cast<char>(random_());
    return text;
  }
  std::string damaged(std::string text, unsigned most = 8) {
    for (unsigned k = 0; k <= below(most); ++k) {
      const auto at = random_() % text.size();
      switch (below(4)) {
        case 0: text[at] = static_cast<char>(random_()); break;
        case 1: text.erase(at, below(10)); break;
        case 2: text.insert(at, bytes(6)); break;
        default: text.insert(at, text.substr(random_() % text.size(), below(30)));
      }
      if (text.empty()) text = "{";
    }
    return text;
  }
  /// JSON that is none, or not what was asked for.
  std::string body() {
    static const char* const odd[] = {"", "null", "[]", "{}", "1e999", "-0", "123456789012345678901234567890", "\"\"", "{\"view\":1}", "{\"view\":\"image\",\"config\":7}",
                                      "{\"view\":\"image\",\"config\":\"\"}", "{\"view\":\"rf\",\"config\":\"a\",\"transmit\":-1e300}", "{\"view\":\"lesson\",\"lesson\":7,\"seed\":-1}",
                                      "{\"view\":\"lesson\",\"lesson\":\"none\",\"seed\":3}", "{\"view\":\"network\",\"config\":\"x\",\"model\":\"../../etc/passwd\"}",
                                      "{\"lesson\":\"07_speckle\",\"seed\":1.5,\"answers\":{}}", "{\"lesson\":\"07_speckle\",\"answers\":{\"snr\":[1,{\"a\":null}]}}",
                                      "{\"lesson\":\"../x\",\"answers\":{}}", "{\"lesson\":\"07_speckle\",\"answers\":{\"snr\":\"\\u0000\\ud800\"}}", "{\"view\":\"\\ud83d\",\"config\":\"\\ud83d\"}",
                                      "{\"a\":1,\"a\":2}", "\xef\xbb\xbf{}", "{\"view\":\"image\",\"config\":\"phantom: &a [*a, *a]\"}", "{\"view\":\"doppler\",\"config\":\"probe: L11-5v\"}"};
    switch (below(6)) {
      case 0: return odd[below(std::size(odd))];
      case 1: return nested();
      case 2: return bytes(300);
      case 3: return damaged(json{{"view", "image"}, {"config", "phantom: {type: points}\nprobe: [\n" + std::string(below(200), '{')}}.dump());
      case 4: return damaged(json{{"lesson", "01_wavelength"}, {"seed", 1}, {"answers", {{"wavelength", "0.3 mm"}}}}.dump());
      default: return damaged(json{{"view", "image"}, {"config", "phantom: 1"}, {"x", 1e308}}.dump(), 3);
    }
  }
  std::string nested() {
    const std::size_t deep = one_in(3) ? 150'000 : 1 + below(3000);
    const std::string inside = one_in(2) ? std::string(deep, '[') + std::string(deep, ']') : [&] {
      std::string text;
      for (std::size_t i = 0; i < std::min<std::size_t>(deep, 40'000); ++i) text += "{\"a\":";
      return text;
    }();
    return one_in(2) ? inside : "{\"lesson\":\"07_speckle\",\"seed\":1,\"answers\":{\"snr\":" + inside + "}}";
  }
  std::string headers() {
    static const char* const odd[] = {"Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n", "Content-Length: -1\r\n", "Content-Length: 99999999999999999999\r\n",
                                      "Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: 500000\r\n", "Content-Length: abc\r\n", "Transfer-Encoding: chunked\r\n",
                                      "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "Content-Encoding: gzip\r\nContent-Length: 3\r\n", "Expect: 100-continue\r\nContent-Length: 2\r\n",
                                      "Range: bytes=0-\r\n", "Range: bytes=5-2,-1,9999999999999999999-\r\n", "Connection: close\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n",
                                      "Cookie: \xff\xfe\r\n", ": x\r\n", "X\r\n", "Content-Type: multipart/form-data; boundary=\r\nContent-Length: 4\r\n", "Accept-Encoding: br, gzip\r\n",
                                      "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n", "Host: evil.example\r\n"};
    std::string text;
    for (unsigned k = 0; k <= below(3); ++k) text += odd[below(std::size(odd))];
    if (one_in(20)) text += "X-Long: " + std::string(below(20'000), 'x') + "\r\n";
    if (one_in(30)) for (unsigned k = 0; k < below(300); ++k) text += "X-" + std::to_string(k) + ": y\r\n";
    return text;
  }
  std::string path() {
    static const char* const some[] = {"/", "/app.js", "/api/start", "/api/lessons/07_speckle?seed=1", "/api/lessons/07_speckle?seed=-1", "/api/lessons/..%2f..%2fetc", "/api/jobs/1", "/api/jobs/999999999999999999",
                                       "/api/jobs/99999999999999999999", "/%00", "/%ff%fe", "/../../etc/passwd", "*", "http://127.0.0.1/", "//", "/api/image?page=&number=1", "/api/image?page=a&number=x", "/api/grade"};
    if (one_in(30)) return "/" + std::string(below(12'000), 'a');
    const std::string one = some[below(std::size(some))];
    return one_in(4) ? damaged(one, 3) : one;
  }
  std::string method() {
    static const char* const some[] = {"GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PRI", "get", "G\0T", ""};
    return some[below(std::size(some))];
  }
  std::string any() {
    switch (below(4)) {
      case 0: return post(one_in(2) ? compute_path() : one_in(2) ? "/api/grade" : "/api/none", body());
      case 1: return head(method(), path(), headers()) + (one_in(2) ? bytes(200) : "");
      case 2: return head("GET", path(), "");
      default: return post(compute_path(), body());
    }
  }

 private:
  std::mt19937_64 random_;
  int port_;
  std::uint64_t count_ = 0;
};

struct Tally {
  std::atomic<std::size_t> requests{0}, answers{0}, silent{0}, unreachable{0}, worker_ended{0}, wrong{0};
  std::mutex mutex;
  std::string first_wrong;
  double longest = 0;
};

void fuzz(int port, std::uint64_t seed, std::size_t requests, Tally& tally) {
  Maker make(seed, port);
  constexpr std::chrono::seconds limit{60};
  for (std::size_t i = 0; i < requests;) {
    const Connection connection(port);
    if (!connection.open()) {
      ++tally.unreachable;
      ++i;
      continue;
    }
    const auto began = Clock::now();
    bool ended = true;
    std::string got;
    std::size_t sent = 1;
    const unsigned kind = make.below(1000);
    if (kind < 4) {  // in order, and answered in full
      const bool image = make.one_in(2);
      connection.send_all(image ? make.post(make.compute_path(), json{{"view", "image"}, {"config", scene}}.dump()) : make.head("GET", "/api/start", ""));
      got = connection.receive(limit, 1, ended);
      if (got.rfind("HTTP/1.1 200", 0) != 0 && got.find("HTTP/1.1 503") == std::string::npos && got.find("need LibTorch") == std::string::npos && got.find("has no LibTorch") == std::string::npos && got.find("was given no model") == std::string::npos) {
        ++tally.wrong;
        const std::lock_guard guard(tally.mutex);
        if (tally.first_wrong.empty()) tally.first_wrong = got.substr(0, 600);
      }
    } else if (kind < 7) {  // a scene that is nearly right, and gone before its answer
      connection.send_all(make.post(make.compute_path(), json{{"view", "image"}, {"config", make.damaged(scene, 3)}}.dump(-1, ' ', false, json::error_handler_t::replace)));
      if (make.one_in(2)) connection.reset();
    } else if (kind < 10) {  // long work, begun and cancelled
      connection.send_all(make.post("/api/jobs", make.body()) + make.head("GET", "/api/jobs/" + std::to_string(make.below(50)), "") +
                          make.head("DELETE", "/api/jobs/" + std::to_string(make.below(50)), "Content-Length: 0\r\n"));
      sent = 3;
      got = connection.exchange(limit, 3, ended);
    } else if (kind < 15) {  // slowly
      const std::string text = make.any();
      for (std::size_t at = 0; at < std::min<std::size_t>(text.size(), 400); at += 20) {
        connection.send_all(std::string_view(text).substr(at, 20));
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
      got = connection.exchange(limit, 1, ended);
    } else if (kind < 150) {  // half of it, then no more
      const std::string text = make.any();
      connection.send_all(std::string_view(text).substr(0, make.below(static_cast<unsigned>(text.size() + 1))));
      connection.end_sending();
      got = connection.receive(limit, 0, ended);
    } else if (kind < 250) {  // not even half, and gone
      const std::string text = make.any();
      connection.send_all(std::string_view(text).substr(0, make.below(static_cast<unsigned>(text.size() + 1))));
      if (make.one_in(2)) connection.reset();
    } else if (kind < 350) {  // noise
      connection.send_all(make.one_in(2) ? make.bytes(2000) : make.damaged(make.any(), 20));
      connection.end_sending();
      got = connection.receive(limit, 0, ended);
    } else if (kind < 500) {  // several at once
      sent = 2 + make.below(6);
      std::string all;
      for (std::size_t k = 0; k < sent; ++k) all += make.any();
      connection.send_all(all);
      got = connection.exchange(limit, sent, ended);
    } else {
      connection.send_all(make.any());
      got = connection.exchange(limit, 1, ended);
    }
    i += sent;
    tally.requests += sent;
    if (!ended) ++tally.silent;
    if (got.find("HTTP/1.1") != std::string::npos) ++tally.answers;
    if (got.find("computing process ended") != std::string::npos || got.find("HTTP/1.1 500") != std::string::npos) {
      ++tally.worker_ended;
      const std::lock_guard guard(tally.mutex);
      if (tally.first_wrong.empty()) tally.first_wrong = got.substr(0, 600);
    }
    const double took = std::chrono::duration<double>(Clock::now() - began).count();
    const std::lock_guard guard(tally.mutex);
    tally.longest = std::max(tally.longest, took);
  }
}

/// A line of /proc/PID/status [kB or a count].
long status_of(pid_t process, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(key + ":", 0) == 0) return std::stol(line.substr(key.size() + 1));
  return -1;
}
long files_of(pid_t process) {
  std::error_code error;
  return std::distance(std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd", error), std::filesystem::directory_iterator{});
}

void run(std::size_t requests) {
  LabProcess lab;
  if (lab.port() == 0) GTEST_SKIP() << "this build has no page (node was missing): " << lab.said();
  Tally tally;
  {
    // Warm: every kind of worker has been started once.
    fuzz(lab.port(), 1, 400, tally);
  }
  const long memory = status_of(lab.process(), "VmRSS");
  const auto began = Clock::now();
  std::vector<std::thread> threads;
  constexpr std::size_t at_once = 4;
  for (std::size_t t = 0; t < at_once; ++t) threads.emplace_back([&, t] { fuzz(lab.port(), 100 + t, requests / at_once, tally); });
  for (auto& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  std::this_thread::sleep_for(std::chrono::seconds(7));  // idle connections have ended
  const long grown = status_of(lab.process(), "VmRSS") - memory, files = files_of(lab.process());
  std::printf("%zu requests in %.0f s: %zu connections answered, longest %.1f s, memory %+ld kB, %ld open files\n", tally.requests.load(), seconds, tally.answers.load(), tally.longest, grown, files);
  EXPECT_EQ(tally.silent, 0u) << "connections that were neither answered nor closed";
  EXPECT_EQ(tally.unreachable, 0u);
  EXPECT_EQ(tally.worker_ended, 0u) << tally.first_wrong;
  EXPECT_EQ(tally.wrong, 0u) << tally.first_wrong;
  // Five workers with three pipes each, two jobs, listening socket, standard streams: 60 leaves room, a leak of one a request does not.
  EXPECT_LT(files, 60);
  // 400 kB a request would be 40 GB: what stays is buffers and the allocator's arenas of 128 threads (bounded by 64 MB each, touched
  // by kilobytes). The address sanitizer keeps 256 MB of what was freed, and what lies around it.
#if defined(__SANITIZE_ADDRESS__)
  EXPECT_LT(grown, 1'500'000);
#else
  EXPECT_LT(grown, 300'000);
#endif
  bool ended = true;
  const Maker make(1, lab.port());
  const Connection connection(lab.port());
  connection.send_all(make.post("/api/image?page=last&number=1", json{{"view", "image"}, {"config", scene}}.dump()));
  EXPECT_EQ(connection.receive(std::chrono::seconds(60), 1, ended).rfind("HTTP/1.1 200", 0), 0u);
  EXPECT_EQ(lab.stop(), 130) << "a sanitizer's finding ends the program with another code";
}

TEST(LabFuzz, RequestsThatNoBrowserSends) { run(1'500); }
TEST(LabFuzz, RequestsThatNoBrowserSendsLong) { run(100'000); }

/// What stands in a refused body must not be taken for a further request.
TEST(LabFuzz, RefusedBodiesAreNoRequests) {
  LabProcess lab;
  if (lab.port() == 0) GTEST_SKIP() << "this build has no page (node was missing): " << lab.said();
  const Maker make(1, lab.port());
  const std::string inner = make.head("GET", "/api/start", "");
  const std::string padded = std::string(9000, ' ') + "\r\n" + inner;
  for (const std::string& more : {std::string("Origin: http://evil.example\r\nContent-Type: text/plain\r\nContent-Length: ") + std::to_string(padded.size()) + "\r\n",
                                  std::string("Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n"), std::string("Content-Encoding: gzip\r\nContent-Length: 20000\r\n"),
                                  std::string("Content-Length: 5\r\nContent-Length: 9\r\n"), std::string("Content-Type: application/json\r\n"), std::string("Content-Length: 1000000\r\n")}) {
    for (const char* method : {"POST", "GET", "DELETE", "PUT"}) {
      const Connection connection(lab.port());
      connection.send_all(make.head(method, "/api/grade", more) + padded);
      bool ended = true;
      const std::string got = connection.exchange(std::chrono::seconds(20), 2, ended);
      EXPECT_TRUE(ended) << method << " " << more;
      EXPECT_EQ(got.find("\"catalogs\""), std::string::npos) << method << " " << more;
    }
  }
  EXPECT_EQ(lab.stop(), 130);
}

/// Nesting that would use up the stack of what works level by level, and packed bodies that would use up the memory.
TEST(LabFuzz, DeepAndPackedBodiesAreRefused) {
  LabProcess lab;
  if (lab.port() == 0) GTEST_SKIP() << "this build has no page (node was missing): " << lab.said();
  const Maker make(1, lab.port());
  const auto ask = [&](const std::string& text) {
    const Connection connection(lab.port());
    connection.send_all(text);
    bool ended = true;
    std::string got = connection.receive(std::chrono::seconds(20), 1, ended);
    return got + connection.receive(std::chrono::milliseconds(200), 0, ended);
  };
  const std::string deep = "{\"lesson\":\"07_speckle\",\"seed\":1,\"answers\":{\"snr\":" + std::string(190'000, '[') + std::string(190'000, ']') + "}}";
  EXPECT_NE(ask(make.post("/api/grade", deep)).find("levels deep"), std::string::npos);
  EXPECT_NE(ask(make.post("/api/compute?page=a&number=1", deep)).find("levels deep"), std::string::npos);
  EXPECT_EQ(ask(make.head("POST", "/api/grade", "Content-Type: application/json\r\nContent-Encoding: br\r\nContent-Length: 4\r\n") + "abcd").rfind("HTTP/1.1 411", 0), 0u);
  EXPECT_EQ(lab.stop(), 130);
}

}  // namespace
}  // namespace sonoforge
