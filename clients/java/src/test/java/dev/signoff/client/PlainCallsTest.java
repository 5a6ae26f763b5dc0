package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.v1.ActorKind;
import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.CreateTokenRequest;
import dev.signoff.v1.GetApprovalRequest;
import dev.signoff.v1.GetCallerRequest;
import dev.signoff.v1.GetPolicyRequest;
import dev.signoff.v1.ListPendingRequest;
import dev.signoff.v1.ListTokensRequest;
import dev.signoff.v1.Policy;
import dev.signoff.v1.PolicyTestCase;
import dev.signoff.v1.RevokeTokenRequest;
import dev.signoff.v1.Role;
import dev.signoff.v1.SetPolicyRequest;
import dev.signoff.v1.TestPolicyRequest;
import dev.signoff.v1.Token;
import dev.signoff.v1.TokenState;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The three services through the generated stubs. */
class PlainCallsTest {
  @TempDir Path dir;

  @Test
  void everyService() throws Exception {
    try (TestServer server = TestServer.start(dir);
        SignoffClient operator = server.client("operator");
        SignoffClient reviewer = server.client("reviewer")) {
      GetCallerRequest who = GetCallerRequest.getDefaultInstance();
      assertTrue(
          operator.access().getCaller(who).getCaller().getRolesList().contains(Role.ROLE_OPERATOR));
      Token token =
          operator
              .access()
              .createToken(
                  CreateTokenRequest.newBuilder()
                      .setRequestId("t")
                      .setSubject("bot")
                      .setKind(ActorKind.ACTOR_KIND_AGENT)
                      .addRoles(Role.ROLE_AGENT)
                      .build())
              .getToken();
      RevokeTokenRequest revoke =
          RevokeTokenRequest.newBuilder().setTokenId(token.getTokenId()).build();
      assertEquals(
          TokenState.TOKEN_STATE_REVOKED,
          operator.access().revokeToken(revoke).getToken().getState());
      assertEquals(
          1, operator.access().listTokens(ListTokensRequest.getDefaultInstance()).getTokensCount());
      assertFalse(
          operator
              .policies()
              .getPolicy(GetPolicyRequest.getDefaultInstance())
              .getFile()
              .getPath()
              .isEmpty());
      TestPolicyRequest test =
          TestPolicyRequest.newBuilder()
              .setPolicy(Policy.getDefaultInstance())
              .addCases(PolicyTestCase.newBuilder().setToolName("look_up"))
              .build();
      assertEquals(1, operator.policies().testPolicy(test).getResultsCount());
      StatusRuntimeException refused =
          assertThrows(
              StatusRuntimeException.class,
              () ->
                  operator
                      .policies()
                      .setPolicy(
                          SetPolicyRequest.newBuilder().setPolicy(test.getPolicy()).build()));
      assertEquals("POLICY_FROM_FILE", Failures.ownReason(refused).orElseThrow());
      ListPendingRequest list = ListPendingRequest.getDefaultInstance();
      assertEquals(0, reviewer.approvals().listPending(list).getApprovalsCount());
      assertEquals(
          0,
          ApprovalServiceGrpc.newFutureStub(reviewer.channel())
              .listPending(list)
              .get()
              .getApprovalsCount());
    }
  }

  @Test
  void callsThatAreNotAnsweredEndAtTheDeadline() throws IOException {
    try (ServerSocket mute = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        SignoffClient client =
            SignoffClient.connect(
                Options.builder()
                    .address("127.0.0.1:" + mute.getLocalPort())
                    .deadline(Duration.ofMillis(100))
                    .build(name -> null))) {
      StatusRuntimeException failure =
          assertThrows(
              StatusRuntimeException.class,
              () -> client.approvals().getApproval(GetApprovalRequest.getDefaultInstance()));
      assertEquals(Status.Code.DEADLINE_EXCEEDED, failure.getStatus().getCode());
    }
  }

  @Test
  void aServerThatComesBackIsReachedByTheNextCall() throws Exception {
    try (TestServer server = TestServer.start(dir);
        SignoffClient agent = server.client("agent")) {
      GetCallerRequest who = GetCallerRequest.getDefaultInstance();
      assertTrue(agent.access().getCaller(who).hasCaller());
      server.kill();
      // Often enough for the channel's own delay to be longer than this test may take.
      for (int i = 0; i < 12; i++) {
        assertThrows(StatusRuntimeException.class, () -> agent.access().getCaller(who));
      }
      server.start();
      assertTrue(agent.access().getCaller(who).hasCaller());
    }
  }
}
