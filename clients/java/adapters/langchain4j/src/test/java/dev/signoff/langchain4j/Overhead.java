package dev.signoff.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.invocation.InvocationContext;
import dev.langchain4j.service.tool.AiServiceTool;
import dev.langchain4j.service.tool.ToolExecutor;
import dev.langchain4j.service.tool.ToolService;
import dev.signoff.client.SignoffClient;
import dev.signoff.testing.Server;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/**
 * What the adapter costs over the bare gate, for calls that the policy approves at once: a tool
 * with the gate, less the same without it, less the bare gate's call. Needs SIGNOFF_BIN; run by
 * hand.
 */
final class Overhead {
  private static final int ROUNDS = 300;
  private static final int WARM_UP = 200;

  private Overhead() {}

  interface Call {
    void make() throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    Path dir = Files.createTempDirectory("overhead");
    try (Server server = new Server(dir);
        SignoffClient client = server.client("agent")) {
      Desk desk = new Desk();
      AiServiceTool tool =
          ToolService.findTools(desk).stream()
              .filter(each -> each.name().equals("lookUp"))
              .findFirst()
              .orElseThrow();
      ToolExecutor gated = ToolGate.of(client).tool(tool).toolExecutor();
      ToolExecutionRequest request =
          ScriptedModel.call(null, "lookUp", "{\"name\": \"alice@example.com\"}");
      InvocationContext context = InvocationContext.builder().build();
      Call[] calls = {
        () -> gated.executeWithContext(request, context),
        () -> tool.toolExecutor().executeWithContext(request, context),
        () ->
            client
                .gate("lookUp")
                .call(
                    Map.of("name", "alice@example.com"),
                    run -> desk.lookUp((String) run.arguments().get("name"))),
      };
      double[][] times = new double[calls.length][ROUNDS];
      for (int round = -WARM_UP; round < ROUNDS; round++) {
        // In turns, so that they meet the same server.
        for (int i = 0; i < calls.length; i++) {
          long begin = System.nanoTime();
          calls[i].make();
          if (round >= 0) {
            times[i][round] = (System.nanoTime() - begin) / 1e6;
          }
        }
      }
      double[] medians = new double[calls.length];
      for (int i = 0; i < calls.length; i++) {
        Arrays.sort(times[i]);
        medians[i] = times[i][ROUNDS / 2];
      }
      System.out.printf(
          "gated %.3f ms, ungated %.3f ms, bare gate %.3f ms: the adapter adds %.3f ms%n",
          medians[0], medians[1], medians[2], medians[0] - medians[1] - medians[2]);
    }
  }
}
