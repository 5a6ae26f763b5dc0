import { connect, isRefusal } from "@signoff/client/node";

// The address and the token come from SIGNOFF_ADDRESS and SIGNOFF_TOKEN.
const signoff = connect();

// Ctrl-C ends the wait, and withdraws the request.
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

/** @param {{ to: string, subject: string }} mail */
async function sendEmail({ to, subject }) {
  return `Sent "${subject}" to ${to}.`;
}

// Has the type of sendEmail, and runs it only after an approval of its arguments.
const sendApprovedEmail = signoff.requiresApproval(sendEmail, {
  toolName: "send_email",
  reason: "Welcome mail",
  stopWaiting: stop.signal,
  cancelOnAbandon: true,
  onProgress: ({ message }) => console.error(message),
});

try {
  console.log(await sendApprovedEmail({ to: "alice@company.com", subject: "Welcome" }));
} catch (error) {
  if (!isRefusal(error)) throw error;
  console.log(error.message); // for the model; error.developerText is for people
} finally {
  signoff.close();
}
