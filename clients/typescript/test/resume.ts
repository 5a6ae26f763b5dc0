/** A process of its own that resumes the handle in its first argument: prints what it ran, or why it did not. */
import { Handle, isRefusal } from "../src/index.js";
import { connect } from "../src/node/index.js";

const client = connect();
try {
  const result = await client.resume(
    Handle.fromJson(JSON.parse(process.argv[2] ?? "")),
    ({ arguments: args, edited }) => {
      return { args, edited };
    },
  );
  console.log(JSON.stringify(result));
} catch (error) {
  if (!isRefusal(error)) throw error;
  console.log(error.kind);
} finally {
  client.close();
}
