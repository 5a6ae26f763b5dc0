package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.signoff.v1.AuthenticationMethod;
import dev.signoff.v1.Caller;
import dev.signoff.v1.GetCallerRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Connections with certificates, which are made for the test. */
class TlsTest {
  @TempDir static Path dir;
  private static TestServer server;

  @BeforeAll
  static void start() throws IOException, InterruptedException {
    Certificates certificates = new Certificates(dir);
    certificates.authority("ca");
    certificates.authority("other");
    certificates.issue("server", "IP:127.0.0.1");
    certificates.issue("client", "URI:spiffe://test/agent");
    server =
        TestServer.start(
            Files.createDirectory(dir.resolve("server")),
            "tls.certificate=" + file("server.crt"),
            "tls.key=" + file("server.key"),
            "tls.client_ca=" + file("ca.crt"),
            "certificates.agent=URI:spiffe://test/agent");
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static Path file(String name) {
    return dir.resolve(name);
  }

  private static SignoffClient client(Consumer<Options.Builder> change) {
    return server.client(
        options -> {
          options.address("https://" + server.listen()).ca(file("ca.crt"));
          change.accept(options);
        });
  }

  private static Caller caller(SignoffClient client) {
    return client.access().getCaller(GetCallerRequest.getDefaultInstance()).getCaller();
  }

  @Test
  void token() throws Exception {
    try (SignoffClient agent = client(options -> options.token(server.token("agent")))) {
      assertEquals(AuthenticationMethod.AUTHENTICATION_METHOD_DEV_TOKEN, caller(agent).getMethod());
      assertEquals("found", agent.gate("look_up").call(Map.of(), run -> "found"));
    }
  }

  @Test
  void certificate() throws Exception {
    try (SignoffClient agent =
        client(options -> options.certificate(file("client.crt")).key(file("client.key")))) {
      assertEquals(
          AuthenticationMethod.AUTHENTICATION_METHOD_CERTIFICATE, caller(agent).getMethod());
      assertEquals("found", agent.gate("look_up").call(Map.of(), run -> "found"));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "empty, client.crt, client.key",
    "bad, client.crt, client.key",
    "cut, client.crt, client.key",
    "missing, client.crt, client.key",
    "ca.crt, bad, client.key",
    "ca.crt, empty, client.key",
    "ca.crt, client.crt, empty",
    "ca.crt, client.crt, bad",
    "ca.crt, client.crt, client.crt",
    "ca.crt, client.crt, server.key",
  })
  void filesThatCannotBeUsed(String ca, String certificate, String key) throws IOException {
    Files.writeString(file("empty"), "");
    Files.writeString(file("bad"), "nonsense");
    String whole = Files.readString(file("ca.crt"));
    Files.writeString(file("cut"), whole.substring(0, whole.length() / 2));
    Options options =
        Options.builder()
            .address("https://h:1")
            .ca(file(ca))
            .certificate(file(certificate))
            .key(file(key))
            .build(name -> null);
    assertThrows(IllegalArgumentException.class, () -> SignoffClient.connect(options));
  }

  private static void assertUnreachable(Consumer<Options.Builder> change) {
    try (SignoffClient agent =
        client(options -> change.accept(options.token(server.token("agent"))))) {
      Gate gate = agent.gate("look_up").patience(Duration.ofMillis(300));
      Runner.of(() -> gate.call(Map.of(), run -> "found")).failure(Refusal.Unavailable.class);
    }
  }

  @Test
  void anotherAuthorityIsNotTrusted() {
    assertUnreachable(options -> options.ca(file("other.crt")));
  }

  @Test
  void anotherNameIsNotTrusted() {
    assertUnreachable(
        options -> options.address("https://localhost:" + server.listen().replaceFirst(".*:", "")));
  }
}
