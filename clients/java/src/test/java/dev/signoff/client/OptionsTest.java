package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OptionsTest {
  private static final String TOKEN = "signoff_secret";

  private static Options of(Map<String, String> environment) {
    return Options.builder().build(environment::get);
  }

  @Test
  void defaults() {
    Options options = of(Map.of("SIGNOFF_ADDRESS", "", "SIGNOFF_TOKEN", "", "SIGNOFF_CA", ""));
    assertEquals("http://127.0.0.1:7766", options.address().toString());
    assertEquals("", options.token());
    assertEquals(Duration.ofSeconds(30), options.deadline());
    assertTrue(options.ca().isEmpty());
  }

  @Test
  void environment() {
    Options options =
        of(
            Map.of(
                "SIGNOFF_ADDRESS", "https://signoff.example.com:7766",
                "SIGNOFF_TOKEN", TOKEN,
                "SIGNOFF_CA", "ca.pem",
                "SIGNOFF_CERTIFICATE", "cert.pem",
                "SIGNOFF_KEY", "key.pem"));
    assertEquals("https://signoff.example.com:7766", options.address().toString());
    assertEquals(TOKEN, options.token());
    assertEquals(Path.of("ca.pem"), options.ca().orElseThrow());
    assertEquals(Path.of("cert.pem"), options.certificate().orElseThrow());
    assertEquals(Path.of("key.pem"), options.key().orElseThrow());
  }

  @Test
  void argumentsCountBeforeTheEnvironment() {
    Options options =
        Options.builder()
            .address("localhost:1")
            .token("")
            .deadline(Duration.ofSeconds(1))
            .build(Map.of("SIGNOFF_ADDRESS", "http://127.0.0.1:2", "SIGNOFF_TOKEN", TOKEN)::get);
    assertEquals("http://localhost:1", options.address().toString());
    assertEquals("", options.token());
    assertEquals(Duration.ofSeconds(1), options.deadline());
  }

  @ParameterizedTest
  @CsvSource({
    "http://127.0.0.1:7766/, http://127.0.0.1:7766",
    "[::1]:7766, http://[::1]:7766",
    "https://example.com, https://example.com:443",
    "example.com, http://example.com:80",
    "my_service:7766, http://my_service:7766",
    "https://project_server_1/, https://project_server_1:443",
  })
  void addresses(String text, String address) {
    assertEquals(address, Address.parse(text).toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "https://example.com/path",
        "ftp://example.com",
        "http://",
        "a b",
        "http://h:99999",
        "http://u@h:1",
        "http://u:p@h_h:1",
        "http://h:1x",
        "http://[zz]:1",
        "http://h:-1",
        ""
      })
  void unfitAddresses(String text) {
    assertThrows(IllegalArgumentException.class, () -> Address.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://10.0.0.1:7766",
        "signoff.example.com:7766",
        "http://localhost.example.com:1",
        "127.0.0.1.example.com:1"
      })
  void exposedTokens(String address) {
    Map<String, String> exposed = Map.of("SIGNOFF_ADDRESS", address, "SIGNOFF_TOKEN", TOKEN);
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> of(exposed));
    assertFalse(error.getMessage().contains(TOKEN));
    assertEquals(TOKEN, Options.builder().insecure(true).build(exposed::get).token());
    for (String yes : new String[] {"true", "1"}) {
      of(Map.of("SIGNOFF_ADDRESS", address, "SIGNOFF_TOKEN", TOKEN, "SIGNOFF_INSECURE", yes));
    }
    for (String no : new String[] {"false", "0", ""}) {
      Map<String, String> refused =
          Map.of("SIGNOFF_ADDRESS", address, "SIGNOFF_TOKEN", TOKEN, "SIGNOFF_INSECURE", no);
      assertThrows(IllegalArgumentException.class, () -> of(refused));
    }
    of(Map.of("SIGNOFF_ADDRESS", address));
    of(
        Map.of(
            "SIGNOFF_ADDRESS",
            address.replaceFirst("^(http://)?", "https://"),
            "SIGNOFF_TOKEN",
            TOKEN));
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1:1", "localhost:1", "LOCALHOST:1", "[::1]:1", "127.1.2.3:1"})
  void loopback(String address) {
    assertEquals(TOKEN, of(Map.of("SIGNOFF_ADDRESS", address, "SIGNOFF_TOKEN", TOKEN)).token());
  }

  @ParameterizedTest
  @ValueSource(strings = {"maybe", "TRUE", "yes", "2"})
  void insecureIsYesOrNo(String text) {
    Map<String, String> environment = Map.of("SIGNOFF_INSECURE", text);
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> of(environment));
    assertTrue(error.getMessage().startsWith("SIGNOFF_INSECURE "));
  }

  @Test
  void filesOfTheEnvironmentCountForTlsOnly() {
    Options options =
        of(
            Map.of(
                "SIGNOFF_ADDRESS", "http://127.0.0.1:1",
                "SIGNOFF_CA", "ca.pem",
                "SIGNOFF_KEY", "key.pem"));
    assertTrue(options.ca().isEmpty());
    assertTrue(options.certificate().isEmpty());
    assertTrue(options.key().isEmpty());
  }

  @Test
  void unfitOptions() {
    Options.Builder[] builders = {
      Options.builder().address("https://h:1").certificate(Path.of("c")),
      Options.builder().address("https://h:1").key(Path.of("k")),
      Options.builder().ca(Path.of("ca")),
      Options.builder().certificate(Path.of("c")).key(Path.of("k")),
      Options.builder().token("a\nb"),
      Options.builder().token("größe"),
    };
    for (Options.Builder builder : builders) {
      assertThrows(IllegalArgumentException.class, () -> builder.build(name -> null));
    }
    assertThrows(IllegalArgumentException.class, () -> Options.builder().deadline(Duration.ZERO));
  }

  @Test
  void filesThatAreNotThere() {
    Options options =
        Options.builder().address("https://h:1").ca(Path.of("no-such-file")).build(name -> null);
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> SignoffClient.connect(options));
    assertEquals("ca: no such file: no-such-file", error.getMessage());
  }

  private static void assertNamed(String name, Executable use) {
    RuntimeException error = assertThrows(RuntimeException.class, use);
    assertTrue(error.getMessage().startsWith(name), () -> name + ": " + error);
  }

  @Test
  void wrongOptionsAreNamed() {
    assertNamed("address", () -> Options.builder().address(null));
    assertNamed("address (SIGNOFF_ADDRESS)", () -> Options.builder().address("a b").build());
    assertNamed("address (SIGNOFF_ADDRESS)", () -> of(Map.of("SIGNOFF_ADDRESS", "ftp://h:1")));
    assertNamed("token", () -> Options.builder().token(null));
    assertNamed("token (SIGNOFF_TOKEN)", () -> Options.builder().token("a b").build());
    assertNamed("ca", () -> Options.builder().ca(null));
    assertNamed("certificate", () -> Options.builder().certificate(null));
    assertNamed("key", () -> Options.builder().key(null));
    String tls = "https://h:1";
    assertNamed("SIGNOFF_CA", () -> of(Map.of("SIGNOFF_ADDRESS", tls, "SIGNOFF_CA", "a\0b")));
    assertNamed(
        "certificate (SIGNOFF_CERTIFICATE) and key (SIGNOFF_KEY)",
        () -> of(Map.of("SIGNOFF_ADDRESS", tls, "SIGNOFF_KEY", "key.pem")));
    for (Duration wrong :
        Arrays.asList(
            null, Duration.ZERO, Duration.ofSeconds(-1), ChronoUnit.FOREVER.getDuration())) {
      assertNamed("deadline", () -> Options.builder().deadline(wrong));
    }
  }

  @Test
  void tokenIsNotShown() {
    Options.Builder builder = Options.builder().token(TOKEN);
    Options options = builder.build(name -> null);
    try (SignoffClient client = SignoffClient.connect(options)) {
      for (Object object :
          new Object[] {
            builder, options, client, client.gate("t"), client.channel(), client.approvals()
          }) {
        assertFalse(object.toString().contains(TOKEN));
      }
    }
  }
}
