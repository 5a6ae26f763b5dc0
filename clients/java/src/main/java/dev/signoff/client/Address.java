package dev.signoff.client;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a server is: {@code http://HOST:PORT} or {@code https://HOST:PORT}. */
record Address(boolean tls, String host, int port) {
  // Literal forms only: nothing is looked up, since what a name resolves to can change.
  private static final Pattern LOOPBACK =
      Pattern.compile(
          "localhost|127(\\.\\d{1,3}){3}|\\[(::1|0:0:0:0:0:0:0:1|::ffff:127(\\.\\d{1,3}){3})]");

  // Java's own parser knows no host with an underscore, which names of containers have.
  private static final Pattern AUTHORITY =
      Pattern.compile("(\\[[^\\[\\]]+]|[A-Za-z0-9._-]+)(?::(\\d{0,5}))?");

  private static final int GREATEST_PORT = 65_535;

  static Address parse(String text) {
    URI uri;
    try {
      uri = new URI(text.contains("://") ? text : "http://" + text);
    } catch (URISyntaxException e) {
      throw unfit();
    }
    String scheme = uri.getScheme().toLowerCase(Locale.ROOT);
    boolean tls = scheme.equals("https");
    boolean bare = uri.getQuery() == null && uri.getFragment() == null;
    boolean pathless =
        uri.getPath() == null || uri.getPath().isEmpty() || uri.getPath().equals("/");
    if (!(tls || scheme.equals("http")) || uri.getRawAuthority() == null || !bare || !pathless) {
      throw unfit();
    }
    Matcher authority = AUTHORITY.matcher(uri.getRawAuthority());
    if (!authority.matches()) {
      throw unfit();
    }
    String port = authority.group(2);
    return of(tls, authority.group(1), port == null ? "" : port);
  }

  private static Address of(boolean tls, String host, String port) {
    int usual = tls ? 443 : 80;
    int number = port.isEmpty() ? usual : Integer.parseInt(port);
    if (number > GREATEST_PORT) {
      throw unfit();
    }
    return new Address(tls, host, number);
  }

  // Without the text: someone may have put a password, or the token, into it.
  private static IllegalArgumentException unfit() {
    return new IllegalArgumentException(
        "address (SIGNOFF_ADDRESS) must be https://HOST:PORT or http://HOST:PORT");
  }

  boolean loopback() {
    return LOOPBACK.matcher(host.toLowerCase(Locale.ROOT)).matches();
  }

  @Override
  public String toString() {
    return (tls ? "https://" : "http://") + host + ":" + port;
  }
}
