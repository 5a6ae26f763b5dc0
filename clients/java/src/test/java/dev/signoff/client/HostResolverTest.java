package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.GetApprovalRequest;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import org.junit.jupiter.api.Test;

/** Hosts whose names gRPC's own resolver refuses. */
class HostResolverTest {
  @Test
  void findsTheServer() throws Exception {
    try (FakeServer server = new FakeServer()) {
      Address address = new Address(false, "localhost", server.port());
      ManagedChannel channel =
          Grpc.newChannelBuilder(HostResolver.target(address), InsecureChannelCredentials.create())
              .build();
      assertEquals("localhost:" + server.port(), channel.authority());
      assertEquals(
          FakeServer.ID,
          ApprovalServiceGrpc.newBlockingStub(channel)
              .getApproval(GetApprovalRequest.getDefaultInstance())
              .getApproval()
              .getId());
      channel.shutdownNow();
    }
  }

  @Test
  void unknownHosts() {
    Options options = Options.builder().address("no_such_host.invalid:1").build(name -> null);
    try (SignoffClient client = SignoffClient.connect(options)) {
      StatusRuntimeException failure =
          assertThrows(
              StatusRuntimeException.class,
              () -> client.approvals().getApproval(GetApprovalRequest.getDefaultInstance()));
      assertEquals(Status.Code.UNAVAILABLE, failure.getStatus().getCode());
      assertTrue(failure.getMessage().contains("no_such_host.invalid:1 is unknown"));
    }
  }

  @Test
  void otherHostsAreLeftToGrpc() {
    assertFalse(HostResolver.isNeeded(Address.parse("signoff.example.com")));
    assertTrue(HostResolver.isNeeded(Address.parse("my_service:7766")));
  }
}
