import dev.signoff.client.Refusal;
import dev.signoff.client.SignoffClient;
import java.util.Map;

/** Sends a mail after an approval. */
public final class Example {
  private Example() {}

  public static void main(String[] args) throws InterruptedException {
    Map<String, Object> mail = Map.of("to", "alice@example.com", "subject", "Welcome");

    // The address and the token come from SIGNOFF_ADDRESS and SIGNOFF_TOKEN.
    try (SignoffClient client = SignoffClient.connect()) {
      String result =
          client
              .gate("send_email")
              .agentName("billing-bot")
              // With the same ids, a second run finds this approval, and sends nothing twice.
              .runId("signup-alice")
              .callId("welcome-mail")
              .reason("Alice has signed up")
              .onProgress(progress -> System.out.println(progress.message()))
              .call(mail, run -> sendEmail(run.arguments()));
      System.out.println(result);
    } catch (Refusal refusal) {
      System.out.println(refusal.getMessage());
    }
  }

  private static String sendEmail(Map<String, Object> mail) {
    return "Sent to " + mail.get("to");
  }
}
