// Buttons that copy a text. They are hidden where scripts do not run.

for (const button of document.querySelectorAll("button[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = button.dataset.copied;
    } catch {
      // Without TLS, or without permission, the person copies what is selected.
      getSelection().selectAllChildren(source);
    }
  });
}
