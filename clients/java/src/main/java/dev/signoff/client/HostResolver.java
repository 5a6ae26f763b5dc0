package dev.signoff.client;

import io.grpc.EquivalentAddressGroup;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.NameResolverRegistry;
import io.grpc.Status;
import io.grpc.StatusOr;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;

/**
 * Looks up a host as Java does. gRPC's own resolver refuses names with an underscore, which
 * containers may have.
 */
final class HostResolver extends NameResolver {
  private static final String SCHEME = "signoff-host";

  private final URI target;
  private final Args args;

  // Only used in the synchronization context.
  private Listener2 listener;
  private boolean lookingUp;
  private boolean ended;

  private HostResolver(URI target, Args args) {
    this.target = target;
    this.args = args;
  }

  /** What a channel is made for, so that it finds the address by this class. */
  static String target(Address address) {
    Provider.register();
    return SCHEME + ":///" + address.host() + ":" + address.port();
  }

  /** Whether gRPC's own resolver does not take the host. */
  static boolean isNeeded(Address address) {
    return address.host().contains("_");
  }

  @Override
  public String getServiceAuthority() {
    return target.getPath().substring(1);
  }

  @Override
  public void start(Listener2 listener) {
    this.listener = listener;
    refresh();
  }

  @Override
  public void refresh() {
    if (lookingUp) {
      return;
    }
    lookingUp = true;
    args.getOffloadExecutor()
        .execute(
            () -> {
              ResolutionResult result =
                  ResolutionResult.newBuilder().setAddressesOrError(lookUp()).build();
              args.getSynchronizationContext().execute(() -> tell(result));
            });
  }

  private void tell(ResolutionResult result) {
    lookingUp = false;
    if (!ended) {
      listener.onResult2(result);
    }
  }

  private StatusOr<List<EquivalentAddressGroup>> lookUp() {
    String authority = getServiceAuthority();
    int colon = authority.lastIndexOf(':');
    int port = Integer.parseInt(authority.substring(colon + 1));
    List<EquivalentAddressGroup> found = new ArrayList<>();
    try {
      for (InetAddress host : InetAddress.getAllByName(authority.substring(0, colon))) {
        found.add(new EquivalentAddressGroup(new InetSocketAddress(host, port)));
      }
    } catch (UnknownHostException e) {
      return StatusOr.fromStatus(
          Status.UNAVAILABLE.withDescription("the host " + authority + " is unknown").withCause(e));
    }
    return StatusOr.fromValue(found);
  }

  @Override
  public void shutdown() {
    ended = true;
  }

  /** Makes resolvers for the targets of this class alone. */
  private static final class Provider extends NameResolverProvider {
    private static final Provider ONLY = new Provider();
    private static boolean registered;

    static synchronized void register() {
      if (!registered) {
        NameResolverRegistry.getDefaultRegistry().register(ONLY);
        registered = true;
      }
    }

    @Override
    protected boolean isAvailable() {
      return true;
    }

    @Override
    protected int priority() {
      // Below that of gRPC's own, whose scheme stays the default one.
      return 0;
    }

    @Override
    public String getDefaultScheme() {
      return SCHEME;
    }

    @Override
    public NameResolver newNameResolver(URI target, Args args) {
      return target.getScheme().equals(SCHEME) ? new HostResolver(target, args) : null;
    }
  }
}
