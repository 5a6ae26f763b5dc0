package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The scenarios of docs/clients.md in which the server goes away. */
class OutagesTest {
  private static final Map<String, Object> MAIL = Map.of("to", "alice@company.com");

  @TempDir Path dir;
  private final AtomicInteger runs = new AtomicInteger();

  interface Stop {
    void stop(TestServer server) throws InterruptedException;
  }

  private void survives(Stop stop) throws Exception {
    try (TestServer server = TestServer.start(dir);
        SignoffClient agent = server.client("agent")) {
      Runner runner = Runner.of(agent.gate("send_email").labels(Map.of("test", "x")), MAIL, runs);
      try (TestServer.Reviewer reviewer = new TestServer.Reviewer(server)) {
        reviewer.pending("x");
      }
      stop.stop(server);
      server.start();
      try (TestServer.Reviewer reviewer = new TestServer.Reviewer(server)) {
        reviewer.approve("x");
      }
      assertEquals(MAIL, runner.result());
      assertEquals(1, runs.get());
      assertEquals(1, TestServer.labelled(agent, "x").size());
    }
  }

  @Test
  @DisplayName("8: killed while waiting")
  void killed() throws Exception {
    survives(TestServer::kill);
  }

  @Test
  @DisplayName("9: drained while waiting")
  void drained() throws Exception {
    survives(TestServer::terminate);
  }

  @Test
  @DisplayName("10: down from the start")
  void down() throws IOException {
    try (Socket nobody = new Socket()) {
      // Bound, so that it is nobody else's, and not listening: connections are refused.
      nobody.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      down("127.0.0.1:" + nobody.getLocalPort());
    }
  }

  private void down(String address) {
    try (SignoffClient agent =
        SignoffClient.connect(Options.builder().address(address).build(name -> null))) {
      Duration patience = Duration.ofMillis(300);
      Gate gate = agent.gate("send_email").patience(patience);
      long start = System.nanoTime();
      Refusal.Unavailable refusal = Runner.of(gate, MAIL, runs).failure(Refusal.Unavailable.class);
      assertTrue(System.nanoTime() - start >= patience.toNanos());
      assertInstanceOf(StatusRuntimeException.class, refusal.getCause());
      assertEquals(0, runs.get());
    }
  }

  @Test
  @DisplayName("a client that is closed ends its waits")
  void closed() throws Exception {
    try (TestServer server = TestServer.start(dir);
        TestServer.Reviewer reviewer = new TestServer.Reviewer(server)) {
      SignoffClient agent = server.client("agent");
      Runner runner = Runner.of(agent.gate("send_email").labels(Map.of("test", "x")), MAIL, runs);
      reviewer.pending("x");
      agent.close();
      runner.failure(Refusal.Unavailable.class);
      assertEquals(0, runs.get());
    }
  }
}
