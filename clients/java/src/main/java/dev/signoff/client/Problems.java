package dev.signoff.client;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.UnknownHostException;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertPathValidatorException.BasicReason;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.PKIXReason;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The reason that a server is unreachable, as the end of a sentence. */
final class Problems {
  /** What grpc-java says of answers that another web server gave. */
  private static final Pattern HTTP =
      Pattern.compile("(?s)HTTP status code (\\d{3})\ninvalid content-type.*");

  /** Web servers answer these while the server behind them cannot be reached, or is busy. */
  private static final Set<String> PASSING = Set.of("429", "502", "503", "504");

  private static final Pattern FIRST_BYTES =
      Pattern.compile(".*first 5 bytes: ([0-9a-f]*).*", Pattern.CASE_INSENSITIVE);

  private static final Set<CertPathValidatorException.Reason> UNKNOWN_AUTHORITY =
      Set.of(PKIXReason.NO_TRUST_ANCHOR, BasicReason.INVALID_SIGNATURE, BasicReason.UNSPECIFIED);

  /** What Netty says before the system's own words. */
  private static final Pattern SYSTEM_CALL =
      Pattern.compile("^\\w+\\(\\.\\.\\) failed(?: with error\\(-?\\d+\\))?: ");

  private Problems() {}

  /** Why a call failed. */
  static String of(StatusRuntimeException failure) {
    return permanent(failure).orElseGet(() -> passing(failure));
  }

  private static String passing(StatusRuntimeException failure) {
    List<Throwable> causes = causes(failure);
    Status status = failure.getStatus();
    Throwable last = causes.get(causes.size() - 1);
    if (last instanceof UnknownHostException) {
      return "the host is unknown";
    }
    if (last instanceof IOException && last.getMessage() != null) {
      return lowerCase(SYSTEM_CALL.matcher(last.getMessage()).replaceFirst(""));
    }
    if (status.getCode() == Status.Code.DEADLINE_EXCEEDED) {
      return "no answer in time";
    }
    // What follows the first line are details of grpc-java.
    String description = Objects.requireNonNullElse(status.getDescription(), "");
    String first = description.lines().findFirst().orElse("");
    return first.isBlank() ? status.getCode().name() : first;
  }

  private static String lowerCase(String sentence) {
    return sentence.isEmpty()
        ? sentence
        : sentence.substring(0, 1).toLowerCase(Locale.ROOT) + sentence.substring(1);
  }

  /** Why no further try can reach the server at this address; empty if one may. */
  static Optional<String> permanent(StatusRuntimeException failure) {
    if (Failures.ownReason(failure).isPresent()) {
      return Optional.empty();
    }
    List<Throwable> causes = causes(failure);
    return certificate(causes).or(() -> scheme(causes)).or(() -> webServer(failure.getStatus()));
  }

  private static Optional<String> certificate(List<Throwable> causes) {
    // The deepest cause is the one that says what is wrong.
    String why = text(causes.get(causes.size() - 1));
    if (causes.stream().noneMatch(Problems::isOfCertificate)) {
      return Optional.empty();
    }
    boolean outOfTime =
        causes.stream()
            .anyMatch(
                cause ->
                    cause instanceof CertificateExpiredException
                        || cause instanceof CertificateNotYetValidException);
    return Optional.of(
        !outOfTime && causes.stream().anyMatch(Problems::isOfAuthority)
            ? "its certificate is not trusted ("
                + why
                + "): set ca (SIGNOFF_CA) to the authority that signed it"
            : "its certificate is not valid here (" + why + ")");
  }

  private static boolean isOfCertificate(Throwable cause) {
    return cause instanceof CertificateException
        || cause instanceof CertPathBuilderException
        || cause instanceof CertPathValidatorException;
  }

  private static boolean isOfAuthority(Throwable cause) {
    return cause instanceof CertPathBuilderException
        || cause instanceof CertPathValidatorException path
            && UNKNOWN_AUTHORITY.contains(path.getReason());
  }

  private static Optional<String> scheme(List<Throwable> causes) {
    for (Throwable cause : causes) {
      // Netty's own class is in a package of grpc-java's, which may change.
      if (cause.getClass().getSimpleName().equals("NotSslRecordException")) {
        return Optional.of("this address does not speak TLS: use http://");
      }
      if (text(cause).contains("ALPN")) {
        return Optional.of("it is not a Signoff server (TLS without HTTP/2)");
      }
      Matcher first = FIRST_BYTES.matcher(text(cause));
      if (first.matches()) {
        return first(first.group(1));
      }
    }
    return Optional.empty();
  }

  /** By the first bytes of the answer, which was not HTTP/2. */
  private static Optional<String> first(String bytes) {
    // An alert of TLS: 21, and the version 3.x.
    if (bytes.startsWith("1503")) {
      return Optional.of("this address speaks TLS: use https://");
    }
    // "HTTP/"
    if (bytes.equals("485454502f")) {
      return Optional.of("it is not a Signoff server (HTTP/1)");
    }
    return Optional.empty();
  }

  private static Optional<String> webServer(Status status) {
    Matcher http = HTTP.matcher(status.getDescription() == null ? "" : status.getDescription());
    return http.matches() && !PASSING.contains(http.group(1))
        ? Optional.of("it is not a Signoff server (HTTP " + http.group(1) + ")")
        : Optional.empty();
  }

  private static String text(Throwable cause) {
    return cause.getMessage() == null ? cause.getClass().getName() : cause.getMessage();
  }

  private static List<Throwable> causes(Throwable failure) {
    List<Throwable> causes = new ArrayList<>();
    for (Throwable e = failure; e != null && !causes.contains(e); e = e.getCause()) {
      causes.add(e);
    }
    return causes;
  }
}
