package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** Certificates that are made for a test, as NAME.crt and NAME.key in a directory. */
record Certificates(Path dir) {
  Path file(String name) {
    return dir.resolve(name);
  }

  private void openssl(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("openssl"));
    command.addAll(List.of(arguments));
    Path log = file("openssl.log");
    Process process =
        new ProcessBuilder(command)
            .directory(dir.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertEquals(0, process.waitFor(), () -> String.join(" ", command));
  }

  /** Makes a certificate that signs others. */
  void authority(String name) throws IOException, InterruptedException {
    openssl(
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=" + name,
        "-keyout",
        name + ".key",
        "-out",
        name + ".crt");
  }

  /** Makes a certificate that the authority `ca` signs. */
  void issue(String name, String subject) throws IOException, InterruptedException {
    issue(name, subject, 1);
  }

  /** The same, valid for so many days; a negative number makes one that has expired. */
  void issue(String name, String subject, int days) throws IOException, InterruptedException {
    openssl(
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=" + name,
        "-addext",
        "subjectAltName=" + subject,
        "-keyout",
        name + ".key",
        "-out",
        name + ".csr");
    Files.writeString(
        file(name + ".ext"), "subjectAltName=" + subject + "\nbasicConstraints=CA:FALSE\n");
    openssl(
        "x509",
        "-req",
        "-in",
        name + ".csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        String.valueOf(days),
        "-extfile",
        name + ".ext",
        "-out",
        name + ".crt");
  }

  /** A TLS context with a certificate and its key. */
  SSLContext context(String name) throws Exception {
    String store = name + ".p12";
    openssl(
        "pkcs12",
        "-export",
        "-in",
        name + ".crt",
        "-inkey",
        name + ".key",
        "-passout",
        "pass:secret",
        "-out",
        store);
    char[] password = "secret".toCharArray();
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(KeyStore.getInstance(file(store).toFile(), password), password);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), null, null);
    return context;
  }
}
