package dev.signoff.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.testing.Background;
import dev.signoff.testing.Program;
import dev.signoff.v1.Approval;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** A repeated call of the same conversation is one call, also from another process. */
class SecondRunsTest extends DeskTest {
  @Test
  void runsOnce() throws Exception {
    Background<String> chat = chat(mail("alice"));
    reviewer.approve(reviewer.pending());
    assertEquals("call-1: sent to alice", chat.result());
    String again = chat(mail("alice")).result();
    assertTrue(
        again.startsWith("call-1: NOT RUN AGAIN. The call to sendEmail was approved"), again);
    // The same id with other arguments is no way to run them.
    String other = chat(mail("eve")).result();
    assertTrue(other.startsWith("call-1: NOT RUN."), other);
    assertEquals(1, approvals().size());
    assertEquals(List.of("sendEmail alice 1"), desk.calls);
  }

  @Test
  void anotherConversationAsks() throws Exception {
    for (Object conversation : List.of(7, "8", UUID.randomUUID())) {
      Assistant assistant = assistant(builder -> {}, gate -> gate, mail("alice"));
      Background<String> chat = Background.of(() -> assistant.chat(conversation, "Go."));
      reviewer.approve(reviewer.pending());
      assertEquals("call-1: sent to alice", chat.result());
      assertTrue(
          approvals().stream()
              .anyMatch(each -> each.getAgent().getRunId().equals(conversation.toString())));
    }
    assertEquals(3, approvals().size());
  }

  @Test
  void twoAtOnceRunOnce() throws Exception {
    Background<String> one = chat(mail("alice"));
    Approval pending = reviewer.pending();
    Background<String> other = chat(mail("alice"));
    reviewer.approve(pending);
    List<String> said = List.of(one.result(), other.result());
    assertEquals(1, said.stream().filter("call-1: sent to alice"::equals).count());
    assertEquals(1, desk.calls.size());
    assertEquals(1, approvals().size());
  }

  @Test
  void killedWhileItWaits() throws Exception {
    Path sent = dir.resolve("sent");
    String main = Emailer.class.getName();
    Approval pending;
    try (Program first = new Program(server, dir.resolve("first"), main, sent.toString())) {
      pending = reviewer.pending();
      first.kill();
    }
    reviewer.approve(pending);
    try (Program second = new Program(server, dir.resolve("second"), main, sent.toString())) {
      assertTrue(second.output().contains("call-1: sent to alice"));
    }
    try (Program third = new Program(server, dir.resolve("third"), main, sent.toString())) {
      assertTrue(third.output().contains("call-1: NOT RUN AGAIN."));
    }
    assertEquals("alice 1\n", Files.readString(sent));
    assertEquals(1, approvals().size());
  }
}
