package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.signoff.v1.ApprovalStatus;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a person reads when the server cannot be reached, or cannot be at the address. */
class FirstFailureTest {
  private static final String NOT_TRUSTED =
      "its certificate is not trusted (unable to find valid certification path to requested"
          + " target): set ca (SIGNOFF_CA) to the authority that signed it";

  /** Longer than a test may take: what ends, ends at once. */
  private static final Duration LONG = Duration.ofHours(1);

  @TempDir static Path dir;
  private static Certificates certificates;
  private static TestServer tls;
  private static TestServer expired;
  private static TestServer plain;

  private final AtomicInteger runs = new AtomicInteger();
  private Log log;

  @BeforeAll
  static void start() throws IOException, InterruptedException {
    certificates = new Certificates(dir);
    certificates.authority("ca");
    certificates.authority("other");
    certificates.issue("server", "IP:127.0.0.1");
    certificates.issue("expired", "IP:127.0.0.1", -1);
    tls = startTls("server");
    expired = startTls("expired");
    plain = TestServer.start(Files.createDirectory(dir.resolve("plain.dir")));
  }

  private static TestServer startTls(String name) throws IOException, InterruptedException {
    return TestServer.start(
        Files.createDirectory(dir.resolve(name + ".dir")),
        "tls.certificate=" + dir.resolve(name + ".crt"),
        "tls.key=" + dir.resolve(name + ".key"));
  }

  @AfterAll
  static void stop() {
    tls.close();
    expired.close();
    plain.close();
  }

  @BeforeEach
  void listen() {
    log = new Log();
  }

  @AfterEach
  void unlisten() {
    log.close();
  }

  private static Options.Builder at(String address) {
    return Options.builder().address(address);
  }

  private static Options.Builder trusting(String address, String authority) {
    return at(address).ca(dir.resolve(authority + ".crt"));
  }

  private Refusal.Unavailable unavailable(Options.Builder options, Duration patience) {
    try (SignoffClient client = SignoffClient.connect(options.build(name -> null))) {
      Gate gate = client.gate("send_email").requestId("1").patience(patience);
      Refusal.Unavailable refusal =
          Runner.of(gate, Map.of(), runs).failure(Refusal.Unavailable.class);
      assertInstanceOf(StatusRuntimeException.class, refusal.getCause());
      assertEquals(0, runs.get());
      return refusal;
    }
  }

  /** What will not pass ends at once, without a warning: the refusal says it. */
  private String permanent(Options.Builder options) {
    Refusal.Unavailable refusal = unavailable(options, LONG);
    assertEquals(List.of(), log.lines("Cannot reach"));
    return refusal.problem();
  }

  @Test
  void httpToTls() {
    assertEquals("this address speaks TLS: use https://", permanent(at("http://" + tls.listen())));
  }

  @Test
  void httpsToPlain() {
    assertEquals(
        "this address does not speak TLS: use http://", permanent(at("https://" + plain.listen())));
  }

  @Test
  void unknownAuthority() {
    String address = "https://" + tls.listen();
    assertEquals(NOT_TRUSTED, permanent(at(address)));
    assertEquals(NOT_TRUSTED, permanent(trusting(address, "other")));
  }

  @Test
  void anotherName() {
    String address = "https://" + tls.listen().replace("127.0.0.1", "localhost");
    assertEquals(
        "its certificate is not valid here (No name matching localhost found)",
        permanent(trusting(address, "ca")));
  }

  @Test
  void expiredCertificate() {
    String problem = permanent(trusting("https://" + expired.listen(), "ca"));
    assertTrue(problem.matches("its certificate is not valid here \\(NotAfter: .*\\)"), problem);
  }

  @Test
  void webServerOfHttp1() throws IOException {
    HttpServer web = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 1);
    web.start();
    try {
      assertEquals(
          "it is not a Signoff server (HTTP/1)",
          permanent(at("http://127.0.0.1:" + web.getAddress().getPort())));
    } finally {
      web.stop(0);
    }
  }

  @Test
  void webServerOfHttp1WithTls() throws Exception {
    HttpsServer web = HttpsServer.create(new InetSocketAddress("127.0.0.1", 0), 1);
    web.setHttpsConfigurator(new HttpsConfigurator(certificates.context("server")));
    web.start();
    try {
      String address = "https://127.0.0.1:" + web.getAddress().getPort();
      assertEquals(
          "it is not a Signoff server (TLS without HTTP/2)", permanent(trusting(address, "ca")));
    } finally {
      web.stop(0);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {200, 301, 401, 403, 404, 500})
  void webServerOfHttp2(int status) throws IOException {
    try (WebServer web = new WebServer(status)) {
      assertEquals(
          "it is not a Signoff server (HTTP " + status + ")", permanent(at(web.address())));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {429, 502, 503, 504})
  void gatewaysMayPass(int status) throws IOException {
    try (WebServer web = new WebServer(status)) {
      Refusal.Unavailable refusal = unavailable(at(web.address()), Duration.ofMillis(100));
      assertTrue(refusal.problem().startsWith("HTTP status code " + status), refusal::problem);
      assertEquals(1, log.lines("Cannot reach").size());
    }
  }

  @Test
  @DisplayName("the first failure is said once, with the address and the cause")
  void saidOnce() throws IOException {
    try (Socket nobody = new Socket()) {
      // Bound, so that nothing else is there, and not listening: connections are refused.
      nobody.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      String address = "http://127.0.0.1:" + nobody.getLocalPort();
      Refusal.Unavailable refusal = unavailable(at(address), Duration.ofSeconds(1));
      String text = "Cannot reach the approvals server at " + address + ": connection refused.";
      assertEquals(text, refusal.developerText());
      assertEquals(List.of(text + " Trying for 1 s."), log.lines("Cannot reach"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"no-such-host.invalid", "no_such_host.invalid"})
  void unknownHost(String host) {
    Refusal.Unavailable refusal = unavailable(at("http://" + host + ":1"), Duration.ofMillis(100));
    assertEquals("the host is unknown", refusal.problem());
  }

  @Test
  @DisplayName("a stream that breaks after it has said something is no outage yet")
  void brokenStream() throws Exception {
    try (FakeServer server = new FakeServer();
        SignoffClient client = server.client()) {
      server.onAsk.then(
          (request, stream) -> {
            stream.onNext(
                server.update(server.approval(request, ApprovalStatus.APPROVAL_STATUS_PENDING)));
            stream.onError(Status.UNAVAILABLE.asException());
          });
      server.onAsk.then(server::approve);
      server.onClaim.then(server::grant);
      server.onReport.then(FakeServer::accept);
      Runner.of(client.gate("send_email").requestId("1"), Map.of(), runs).result();
      assertEquals(List.of(), log.lines("Cannot reach"));
    }
  }

  @Test
  @DisplayName("what the server itself says is not an outage")
  void busy() throws Exception {
    try (FakeServer server = new FakeServer();
        SignoffClient client = server.client()) {
      server.onAsk.then(
          (request, stream) ->
              stream.onError(
                  FakeServer.failure(
                      Status.Code.UNAVAILABLE, "busy", FakeServer.reason("DRAINING"))));
      server.onAsk.then(server::approve);
      server.onClaim.then(server::grant);
      server.onReport.then(FakeServer::accept);
      Runner.of(client.gate("send_email").requestId("1"), Map.of(), runs).result();
      assertEquals(List.of(), log.lines("Cannot reach"));
    }
  }

  @Test
  @DisplayName("a claim and a report that cannot be made are said once, too")
  void claim() throws Exception {
    try (FakeServer server = new FakeServer();
        SignoffClient client = server.client()) {
      server.onAsk.then(server::approve);
      server.onClaim.then((request, answer) -> answer.onError(Status.UNAVAILABLE.asException()));
      server.onClaim.then(server::grant);
      server.onReport.then((request, answer) -> answer.onError(Status.UNAVAILABLE.asException()));
      server.onReport.then(FakeServer::accept);
      Runner.of(client.gate("send_email").requestId("1"), Map.of(), runs).result();
      assertEquals(1, log.lines("Cannot reach").size());
    }
  }
}
