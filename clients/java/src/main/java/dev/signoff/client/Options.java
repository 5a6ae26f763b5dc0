package dev.signoff.client;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/**
 * How to connect: from the builder, or else from the environment. An empty variable counts as
 * unset.
 *
 * <p>Immutable. Its printed form does not show the token.
 */
public final class Options {
  private static final String DEFAULT_ADDRESS = "http://127.0.0.1:7766";
  private static final Duration DEFAULT_DEADLINE = Duration.ofSeconds(30);

  private final Address address;
  private final String token;
  private final Path ca;
  private final Path certificate;
  private final Path key;
  private final Duration deadline;
  private final OnRefusal onRefusal;

  private Options(Builder given, Function<String, String> environment) {
    address =
        Address.parse(
            given
                .address
                .or(() -> variable(environment, "SIGNOFF_ADDRESS"))
                .orElse(DEFAULT_ADDRESS));
    token =
        given.token.or(() -> variable(environment, "SIGNOFF_TOKEN")).map(String::strip).orElse("");
    // The environment may name files for other addresses.
    Function<String, String> files = address.tls() ? environment : name -> null;
    ca = given.ca.or(() -> file(files, "SIGNOFF_CA")).orElse(null);
    certificate = given.certificate.or(() -> file(files, "SIGNOFF_CERTIFICATE")).orElse(null);
    key = given.key.or(() -> file(files, "SIGNOFF_KEY")).orElse(null);
    deadline = given.deadline.orElse(DEFAULT_DEADLINE);
    onRefusal = given.onRefusal;
    boolean insecure =
        given.insecure.orElseGet(
            () -> variable(environment, "SIGNOFF_INSECURE").map(Options::flag).orElse(false));

    if ((certificate == null) != (key == null)) {
      throw new IllegalArgumentException(
          "certificate (SIGNOFF_CERTIFICATE) and key (SIGNOFF_KEY) must be set together");
    }
    if (!address.tls() && (ca != null || certificate != null || key != null)) {
      throw new IllegalArgumentException(
          "ca, certificate and key need an https:// address; the address is " + address);
    }
    if (!token.chars().allMatch(c -> c > ' ' && c < 0x7f)) {
      throw new IllegalArgumentException(
          "token (SIGNOFF_TOKEN) must consist of visible ASCII characters");
    }
    if (!token.isEmpty() && !address.tls() && !address.loopback() && !insecure) {
      throw new IllegalArgumentException(
          "token (SIGNOFF_TOKEN) would be sent unencrypted to "
              + address
              + ": use an https:// address, or set insecure (SIGNOFF_INSECURE) on a trusted"
              + " network");
    }
  }

  private static boolean flag(String text) {
    return switch (text) {
      case "true", "1" -> true;
      case "false", "0" -> false;
      default -> throw new IllegalArgumentException("SIGNOFF_INSECURE must be true, 1, false or 0");
    };
  }

  private static Optional<Path> file(Function<String, String> environment, String name) {
    try {
      return variable(environment, name).map(Path::of);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException(name + " is not a path: " + e.getReason(), e);
    }
  }

  private static Optional<String> variable(Function<String, String> environment, String name) {
    return Optional.ofNullable(environment.apply(name)).filter(text -> !text.isEmpty());
  }

  /**
   * Makes a builder without options.
   *
   * @return a builder; all options are optional
   */
  public static Builder builder() {
    return new Builder();
  }

  Address address() {
    return address;
  }

  /** Empty when there is none. */
  String token() {
    return token;
  }

  Optional<Path> ca() {
    return Optional.ofNullable(ca);
  }

  Optional<Path> certificate() {
    return Optional.ofNullable(certificate);
  }

  Optional<Path> key() {
    return Optional.ofNullable(key);
  }

  Duration deadline() {
    return deadline;
  }

  OnRefusal onRefusal() {
    return onRefusal;
  }

  @Override
  public String toString() {
    return "Options[address="
        + address
        + ", token="
        + (token.isEmpty() ? "none" : "(hidden)")
        + ", ca="
        + ca
        + ", certificate="
        + certificate
        + ", key="
        + key
        + ", deadline="
        + deadline
        + "]";
  }

  /** Sets options in place of the environment. Its printed form shows none of them. */
  public static final class Builder {
    private Optional<String> address = Optional.empty();
    private Optional<String> token = Optional.empty();
    private Optional<Path> ca = Optional.empty();
    private Optional<Path> certificate = Optional.empty();
    private Optional<Path> key = Optional.empty();
    private Optional<Boolean> insecure = Optional.empty();
    private Optional<Duration> deadline = Optional.empty();
    private OnRefusal onRefusal = OnRefusal.RAISE;

    private Builder() {}

    /**
     * The server's address; else {@code SIGNOFF_ADDRESS}, else {@code http://127.0.0.1:7766}.
     *
     * @param address {@code http://HOST:PORT} or {@code https://HOST:PORT}; without a scheme it is
     *     {@code http://}
     * @return this builder
     */
    public Builder address(String address) {
      this.address = Optional.of(Objects.requireNonNull(address, "address"));
      return this;
    }

    /**
     * The bearer token; else {@code SIGNOFF_TOKEN}. The empty text is no token, also when the
     * variable is set.
     *
     * @param token the token, without {@code Bearer}
     * @return this builder
     */
    public Builder token(String token) {
      this.token = Optional.of(Objects.requireNonNull(token, "token"));
      return this;
    }

    /**
     * The trusted authorities, in place of the system's; else {@code SIGNOFF_CA}. Only for {@code
     * https://}: otherwise the variable is ignored, and this option is an error.
     *
     * @param ca PEM file with the authorities of the server's certificate
     * @return this builder
     */
    public Builder ca(Path ca) {
      this.ca = Optional.of(Objects.requireNonNull(ca, "ca"));
      return this;
    }

    /**
     * The client certificate; else {@code SIGNOFF_CERTIFICATE}. Needs {@link #key}; for {@code
     * https://}, like {@link #ca}.
     *
     * @param certificate PEM file with the certificate and its chain
     * @return this builder
     */
    public Builder certificate(Path certificate) {
      this.certificate = Optional.of(Objects.requireNonNull(certificate, "certificate"));
      return this;
    }

    /**
     * The certificate's private key; else {@code SIGNOFF_KEY}. Needs {@link #certificate}; for
     * {@code https://}, like {@link #ca}.
     *
     * @param key PEM file with an RSA or EC key in PKCS #8 form ({@code BEGIN PRIVATE KEY}),
     *     without a password
     * @return this builder
     */
    public Builder key(Path key) {
      this.key = Optional.of(Objects.requireNonNull(key, "key"));
      return this;
    }

    /**
     * Whether the token may be sent without TLS to a host that is not loopback; else {@code
     * SIGNOFF_INSECURE}: {@code true} or {@code 1}, {@code false} or {@code 0}. Otherwise such a
     * connection is an error.
     *
     * @param insecure whether it may
     * @return this builder
     */
    public Builder insecure(boolean insecure) {
      this.insecure = Optional.of(insecure);
      return this;
    }

    /**
     * The deadline of unary calls whose stub has none: 30 s unless set.
     *
     * @param deadline more than zero, and finite
     * @return this builder
     */
    public Builder deadline(Duration deadline) {
      Objects.requireNonNull(deadline, "deadline");
      if (!Deadlines.isPositiveAndFinite(deadline)) {
        throw new IllegalArgumentException("deadline must be more than zero, and finite");
      }
      this.deadline = Optional.of(deadline);
      return this;
    }

    /**
     * How to handle a refusal, unless a gate sets it: {@link OnRefusal#RAISE} unless set.
     *
     * @param onRefusal how to handle it; see {@link Gate#onRefusal}
     * @return this builder
     */
    public Builder onRefusal(OnRefusal onRefusal) {
      this.onRefusal = Objects.requireNonNull(onRefusal, "onRefusal");
      return this;
    }

    /**
     * Checks the options, together with the environment.
     *
     * @return the options
     * @throws IllegalArgumentException if they contradict each other, or would send the token
     *     without TLS to another host
     */
    public Options build() {
      return build(System::getenv);
    }

    Options build(Function<String, String> environment) {
      return new Options(this, Objects.requireNonNull(environment));
    }
  }
}
